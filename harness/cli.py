"""The commands: the one place where scenario, rooms and terminal meet.

Standard output carries results, one value or one JSON document; messages and progress go to standard error. Exit codes:
0 PASS or done, 1 FAIL, 3 INVALID, 2 bad input, 70 a fault of ours, 130 interrupted.
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.errors import BenchError, InputError, ResultError, ScenarioError
from harness.kit_commands import kit_app
from harness.study.commands import baseline_app, design, difference, frame_check
from harness.study.detector_commands import generality, liquid
from harness.terminal import Json, bar, command_line, messages
from harness.training.commands import calibrate, distil, prove, train, train_comparer, train_examiner, train_marker

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(kit_app, name="kit")
app.add_typer(baseline_app, name="baseline")
app.command("design")(design)
app.command("frame-check")(frame_check)
app.command("difference")(difference)
app.command("generality")(generality)
app.command("liquid")(liquid)
app.command("train")(train)
app.command("distil")(distil)
app.command("train-marker")(train_marker)
app.command("train-examiner")(train_examiner)
app.command("train-comparer")(train_comparer)
app.command("calibrate")(calibrate)
app.command("prove")(prove)
EXIT = {"PASS": 0, "FAIL": 1, "INVALID": 3}
STANDARD_SCENARIO = Path("scenarios/knapp.toml")
SWARM_SCENARIO = Path("scenarios/fault-swarm.toml")
STRESS_SCENARIO = Path("scenarios/table2-as-seconds.toml")

By = Annotated[str, typer.Option("--by", help="Who, as you call yourself; kept in the result's record.")]


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit; every error becomes one sentence and an exit code.

    Args:
        arguments: Words after `python -m harness`; those of the process when absent.
    """
    try:
        _refuse_unwritable(sys.argv[1:] if arguments is None else arguments)
        code = app(args=arguments, standalone_mode=False)
        # Outside of its standalone mode typer returns the code of `typer.Exit` instead of raising it.
        sys.exit(code if isinstance(code, int) else 0)
    except typer.Exit as leave:
        sys.exit(leave.exit_code)
    except BenchError as error:
        messages.print(str(error), markup=False)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        messages.print("interrupted")
        sys.exit(130)
    except Exception as error:  # noqa: BLE001  # the last resort: a fault of ours is shown whole and exits with 70
        if hasattr(error, "format_message"):  # what a person typed wrongly, said by click
            messages.print(f"command line: {error.format_message()}", markup=False)
            sys.exit(2)
        messages.print_exception()
        sys.exit(70)


def _refuse_unwritable(words: list[str]) -> None:
    """Refuse bytes that are no text, before a run that would fail when it writes down what was typed.

    Raises:
        InputError: Some word is not UTF-8.
    """
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise InputError("command line", "words in UTF-8", ascii(word)) from None


@app.command()
def validate(
    scenario: Annotated[Path, typer.Argument(help="Scenario file.")] = STANDARD_SCENARIO,
    seed: Annotated[int | None, typer.Option(help="Another seed than the scenario's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Result folder to make.")] = None,
    clock: Annotated[str | None, typer.Option(help="measured or virtual, another than the scenario's.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A small kit; shows the bench works, qualifies nothing.")
    ] = False,
    recording: Annotated[Path | None, typer.Option(help="A recorded set in place of drawn strips.")] = None,
    by: By = "",
    as_json: Json = False,
) -> None:
    """Qualify a detector on a kit: verdict, result folder, report."""
    from harness.qualification.run import qualify

    chosen = _chosen(scenario, seed=seed, clock=clock)
    command = command_line("validate", scenario, seed=seed, clock=clock, quick=quick, recording=recording)
    with bar() as progress:
        done = qualify(
            chosen, where=scenario, out=out, quick=quick, recording=recording, command=command, by=by,
            progress=progress,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(done.summary, indent=1))
    else:
        typer.echo(_in_words(done.summary, done.folder, done.refused))
        typer.echo(f"  record begins with {done.head}")
    raise typer.Exit(EXIT[done.summary["verdict"]])


@app.command()
def replay(
    result: Annotated[Path, typer.Argument(help="Result folder.")],
    rescore: Annotated[bool, typer.Option("--rescore", help="Also draw and score again, and compare.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Tell every event of every slot in words.")] = False,
    as_json: Json = False,
) -> None:
    """Run the line again from stored scores and times: the same ledger, to the byte."""
    from harness.line.follow import told
    from harness.qualification.replay import line_again, replay_result
    from harness.result.stored import Stored

    if follow:
        typer.echo("\n".join(told(line_again(Stored(result)).ledger)), err=as_json)
    with bar() as progress:
        outcome = replay_result(result, rescore=rescore, progress=progress)
    if as_json:
        typer.echo(json.dumps(outcome.as_dict()))
    else:
        typer.echo(outcome.in_words())
    raise typer.Exit(0 if outcome.same else 1)


@app.command()
def report(
    result: Annotated[Path, typer.Argument(help="Result folder.")],
    pdf: Annotated[bool, typer.Option("--pdf", help="Also report.pdf, printed by an installed Chromium.")] = False,
    without_pictures: Annotated[
        bool, typer.Option("--without-pictures", help="Though evidence/ was left out: a page without them.")
    ] = False,
    by: By = "",
) -> None:
    """Write the report of a result again from its stored tables."""
    from harness.report import write_report
    from harness.report.pdf import find_browser, print_pdf
    from harness.result.record import add_entry, check_record
    from harness.result.stored import Stored

    stored = Stored(result)
    digests = stored.summary["digests"]  # says in one sentence when the folder is no result
    check_record(result)
    if not without_pictures:
        stored.check_pictures()
    browser = find_browser() if pdf else None
    write_report(result)
    add_entry(result, did="report", outcome="written", digests=digests, wrote=("report.html",), by=by)
    typer.echo(result / "report.html")
    if browser is not None:
        print_pdf(result, browser=browser)
        add_entry(result, did="report --pdf", outcome="printed", digests=digests, wrote=("report.pdf",), by=by)
        typer.echo(result / "report.pdf")


@app.command()
def verify(
    result: Annotated[Path, typer.Argument(help="Result folder.")],
    head: Annotated[str | None, typer.Option(help="Hash of an entry of its record, as noted elsewhere.")] = None,
    without_pictures: Annotated[
        bool, typer.Option("--without-pictures", help="evidence/ and trace.json may be left out.")
    ] = False,
    by: Annotated[str | None, typer.Option(help="Who verifies; adds an entry to the result's record.")] = None,
    as_json: Json = False,
) -> None:
    """Hold a result against its digests, its record, and its conclusions made again; name what differs."""
    from harness.qualification.verify import verify_result
    from harness.result.record import add_entry, check_record
    from harness.result.stored import Stored

    if not os.path.isdir(result):  # noqa: PTH112  # unlike `Path.is_dir`, False where a name is too long
        raise ResultError(str(result), "a result folder", "no such folder")
    digests = Stored(result).manifest.get("digests", {}) if by is not None else {}
    if by is not None:
        check_record(result)
    found = verify_result(result, head=head, without_pictures=without_pictures)
    typer.echo(json.dumps(found.as_dict(), indent=1) if as_json else found.in_words())
    if by is not None:
        add_entry(result, did="verify", outcome=found.outcome, digests=digests, by=by)
    raise typer.Exit(0 if found.same else 1)


@app.command()
def record(
    scenario: Annotated[Path, typer.Argument(help="Scenario whose strips are drawn.")],
    folder: Annotated[Path, typer.Argument(help="Recording to write.")],
    quick: Annotated[bool, typer.Option("--quick", help="The small kit.")] = False,
) -> None:
    """Write the strips of a scenario as a recording, frame by frame."""
    from harness.qualification.recorder import record_scenario

    with bar() as progress:
        record_scenario(_chosen(scenario), where=scenario, folder=folder, quick=quick, progress=progress)
    typer.echo(folder)


@app.command()
def stress(
    scenario: Annotated[Path, typer.Argument(help="Scenario whose line is stressed.")] = STRESS_SCENARIO,
    profiles: Annotated[
        list[str] | None,
        typer.Option("--profile", help="Latency profile, or latency.parquet of a result; all that ship."),
    ] = None,
    strips: Annotated[int, typer.Option(min=1, help="In a replication.")] = 700,
    replications: Annotated[int, typer.Option(min=2, help="Of every measurement.")] = 4,
    seed: Annotated[int | None, typer.Option(help="Another seed than the scenario's.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to make.")] = None,
    as_json: Json = False,
) -> None:
    """Find the shortest slot that holds, for feeds, workers and latency profiles, and draw capacity curves."""
    from harness.line.validity import slots_needed
    from harness.qualification.stress import QUANTILE, Plan, run_stress, usual_profiles

    chosen = _chosen(scenario, seed=seed)
    needed = slots_needed(chosen.acceptance.quantile or QUANTILE, 0)
    if strips < needed:
        raise ScenarioError("command line: strips", f"at least {needed}, below which no slot can hold", strips)
    plan = Plan(tuple(profiles or usual_profiles(chosen, scenario)), strips, replications)
    command = command_line(
        "stress", scenario, profile=plan.profiles, strips=strips, replications=replications, seed=seed
    )  # fmt: skip
    with bar() as progress:
        folder, values = run_stress(chosen, where=scenario, plan=plan, out=out, command=command, progress=progress)
    typer.echo(json.dumps(values, indent=1) if as_json else folder / "report.html")


@app.command()
def swarm(
    scenario: Annotated[Path, typer.Argument(help="Scenario with faults, each at a rate.")] = SWARM_SCENARIO,
    replications: Annotated[int, typer.Option(min=1, help="Each with other faults on.")] = 1000,
    seed: Annotated[int | None, typer.Option(help="Another seed than the scenario's.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Side by side.")] = 1,
    minutes: Annotated[float | None, typer.Option(min=0.0, help="Stop then, and say how far it came.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to make for the counts and the capsules.")] = None,
    repeat: Annotated[Path | None, typer.Option(help="Run the replication of this capsule again instead.")] = None,
    as_json: Json = False,
) -> None:
    """Random subsets of faults, many times over; exit 1 when a rule breaks or a state is never reached."""
    from harness.qualification.swarm import repeat_capsule, run_swarm

    if repeat is not None:
        told, breaks = repeat_capsule(repeat)
        typer.echo(told)
        raise typer.Exit(1 if breaks else 0)
    chosen = _chosen(scenario, seed=seed)
    command = command_line(
        "swarm", scenario, replications=replications, seed=seed, processes=processes, minutes=minutes
    )  # fmt: skip
    with bar() as progress:
        done = run_swarm(
            chosen, where=scenario, replications=replications, processes=processes,
            limit_s=math.inf if minutes is None else 60 * minutes, out=out, command=command, progress=progress,
        )  # fmt: skip
    typer.echo(json.dumps(done.counts, indent=1) if as_json else done.in_words())
    raise typer.Exit(0 if done.counts["passed"] else 1)


@app.command()
def compare(
    bundle: Annotated[str, typer.Option(help="Bundle whose scores are compared.")] = "lean",
    runs: Annotated[int, typer.Option(min=1, help="Runs of each product of the development kit.")] = 3,
    plain: Annotated[str | None, typer.Option(help="Bundle of a plain autoencoder (train --plain), asked too.")] = None,
    as_json: Json = False,
) -> None:
    """Scores and inspectors side by side on the development kit: AUROC, misses at 1 and 5 % false rejects, time."""
    import pandas as pd

    from harness.comparison import compare as compared

    with bar() as progress:
        rows = compared(bundle, runs=runs, plain=plain, progress=progress).rows()
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    table = pd.DataFrame(rows).drop(columns="by_class").set_index("inspector")
    typer.echo(table.T.to_string(float_format=lambda value: f"{value:.3f}"))
    typer.echo(pd.DataFrame({row["inspector"]: row["by_class"] for row in rows}).to_string(float_format="%.3f"))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a scenario file, for editors."""
    from harness.scenario import scenario_schema

    typer.echo(json.dumps(scenario_schema(), indent=1))


def _chosen(path: Path, *, seed: int | None = None, clock: str | None = None) -> Any:
    """A scenario with what was chosen on the command line, checked again as a whole."""
    from harness.scenario import load_scenario, parse_scenario

    scenario = load_scenario(path)
    values = scenario.model_dump(by_alias=True, exclude_none=True, mode="json")
    if seed is not None:
        values["seed"] = seed
    if clock is not None:
        values["line"]["clock"] = clock
    return parse_scenario(values, where="command line") if (seed, clock) != (None, None) else scenario


def _in_words(summary: dict[str, Any], folder: Path, refused: str) -> str:
    """The verdict as a person reads it, and what of the run needs a second look."""
    from harness.acceptance.policy import timing_text

    products, baseline, timing = summary["products"], summary["baseline"], summary["timing"]
    latency = timing["latency_ms"]
    valid = timing_text(valid=timing["valid"], quantile=timing["quantile"])
    against = f"{baseline['source']} inspectors"
    lines = [
        f"{summary['verdict']} against {against}  ({summary['provenance']})",
        *(
            f"  {truth} right {products[truth]['right']}/{products[truth]['n']}, "
            f"median inspector {baseline[truth]['right']:g}/{baseline[truth]['n']}"
            for truth in ("defective", "good")
        ),
        f"  timing {valid}: {timing['late']} late of {timing['slots']}",
    ]
    if latency["p99"] is not None:
        lines[-1] += (
            f", response p99 {latency['p99']:.1f} ms, max {latency['max']:.1f} ms of {timing['deadline_ms']:g} ms"
        )
    lines.extend(
        f"  {rule['rule']}: {rule['observed']}, expected {rule['bound']}"
        for rule in timing["rules"]
        if rule["passed"] is False
    )
    lines.extend(
        f"  fault {fault['kind']} was asked for and struck nothing"
        for fault in summary["faults"]
        if not fault["injected"]
    )
    if refused:
        lines.append(f"  {refused}")
    good = summary["drift"]["good"]
    if good is not None and good["drifted"]:
        lines.append("  drift: good products score unlike those of the calibration (section 6 of the report)")
    elif summary["drift"]["why"]:
        lines.append(f"  drift {summary['drift']['why']}")
    return "\n".join([*lines, f"  {folder / 'report.html'}"])


__all__ = ["app", "main"]
