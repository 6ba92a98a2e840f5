"""Commands of studies: design, difference, frame-check, baseline ...; joined in `harness/cli.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.errors import BaselineError, ScenarioError
from harness.terminal import Json

if TYPE_CHECKING:
    from harness.scenario import Scenario

baseline_app = typer.Typer(no_args_is_help=True, help="Inspectors: plan, import, assume, compare.")

KitName = Annotated[str, typer.Argument(help="knapp, quick, or a register (CSV) with product and truth.")]
Required = Annotated[int, typer.Option(min=1, help="Right runs of the machine that make a product right ...")]
Of = Annotated[int, typer.Option(min=1, help="... out of so many; inspectors are held to the same share.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the study.")]
Inspectors = Annotated[str, typer.Option(help="How many, or their names with commas between.")]
Block = Annotated[int, typer.Option(min=1, help="Products before a break.")]


@baseline_app.command("plan")
def plan(
    kit: KitName,
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    inspectors: Inspectors = "5",
    looks: Annotated[int, typer.Option(help="Looks of each inspector at each product.")] = 10,
    block: Block = 80,
    seed: Seed = 7,
) -> None:
    """Write look lists under blind codes, a file an inspector and look, no two in the same order."""
    from harness.acceptance.plan import look_lists
    from harness.study.files import write_plan
    from harness.study.kit import study_products

    products = list(study_products(kit)["product"])
    lists = look_lists(products, inspectors=_names(inspectors), looks=looks, seed=seed, block=block)
    write_plan(folder, lists, seed=seed)
    typer.echo(folder)


@baseline_app.command("import")
def import_looks(
    kit: KitName,
    files: Annotated[list[Path], typer.Argument(help="Files of looks, or folders of them.")],
    out: Annotated[Path, typer.Option(help="File of looks to write.")] = Path("looks.csv"),
    key: Annotated[Path | None, typer.Option(help="Key of the codes, as `plan` wrote it.")] = None,
    required: Required = 7,
    of: Of = 10,
    as_json: Json = False,
) -> None:
    """Read recorded looks, say what they show, and write them as one file."""
    from harness.acceptance.recorded import looks_source, recorded_looks
    from harness.acceptance.sheets import read_key
    from harness.result.file import check_new_file
    from harness.study.files import looks_files, write_looks
    from harness.study.kit import study_products

    check_new_file(out)
    check_rule(required, of)
    products = study_products(kit)
    looks = recorded_looks(looks_files(files), products, key=read_key(key) if key else None)
    text = _panel(looks, products, required, of, as_json)
    write_looks(out, looks, source=looks_source(looks))
    typer.echo(text)


@baseline_app.command("assume")
def assume(
    kit: KitName,
    out: Annotated[Path, typer.Option(help="File of looks to write.")] = Path("looks.csv"),
    inspectors: Annotated[int, typer.Option(min=1, help="How many.")] = 5,
    looks: Annotated[int, typer.Option(min=2, help="Looks of each inspector at each product.")] = 10,
    seed: Seed = 7,
    spread: Annotated[float, typer.Option(help="Standard deviation between inspectors, probits.")] = 0.4,
    lapse: Annotated[float, typer.Option(help="Chance of not rejecting what cannot be missed.")] = 0.02,
    guess: Annotated[float, typer.Option(help="Chance of rejecting what is not seen.")] = 0.01,
    fatigue: Annotated[
        float, typer.Option(help="Probits lost within 30 minutes on task; 0.36 is of the size that has been seen.")
    ] = 0.0,
    scale: Annotated[float, typer.Option(help="Size that is seen as often as in clear glass, times this.")] = 2.0,
    block: Block = 80,
    pace: Annotated[float, typer.Option(help="Seconds a product.")] = 15.0,
    required: Required = 7,
    of: Of = 10,
    as_json: Json = False,
) -> None:
    """Draw the looks of assumed inspectors; with no option, the very looks that `validate` assumes."""
    from harness.acceptance.assumed import SizeModel, assumed_looks, inspector_names
    from harness.acceptance.plan import look_lists, minutes_on_task
    from harness.result.file import check_new_file
    from harness.study.files import write_looks
    from harness.study.kit import study_products

    check_new_file(out)
    check_rule(required, of)
    if not 0 < pace < float("inf"):
        raise BaselineError("command line: pace", "seconds > 0", pace)
    products = study_products(kit)
    model = SizeModel(spread=spread, lapse=lapse, guess=guess, fatigue=fatigue, scale=scale)
    minutes = None
    if fatigue:
        names = inspector_names(inspectors)
        lists = look_lists(list(products["product"]), inspectors=names, looks=looks, seed=seed, block=block)
        minutes = minutes_on_task(lists, list(products["product"]), seconds=pace)
    drawn = assumed_looks(products, inspectors=inspectors, looks=looks, seed=seed, model=model, minutes=minutes)
    text = _panel(drawn.assign(source="assumed"), products, required, of, as_json)
    write_looks(out, drawn, source="assumed")
    typer.echo(text)


@baseline_app.command("compare")
def compare_looks(
    kit: KitName,
    inspectors: Annotated[Path, typer.Argument(help="Looks of the inspectors.")],
    machine: Annotated[Path, typer.Argument(help="Looks of the machine, one a run.")],
    deciding: Annotated[list[str] | None, typer.Option(help="Criterion that decides; may be given again.")] = None,
    scenario: Annotated[
        Path | None, typer.Option(help="Scenario whose rule k of n, margins and deciding criteria hold.")
    ] = None,
    required: Annotated[
        int | None,
        typer.Option(min=1, help="Right runs of the machine that make a product right; 7, or the scenario's."),
    ] = None,
    of: Annotated[
        int | None, typer.Option(min=1, help="Out of so many; 10, or the scenario's. Others are held to the share.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold a machine's looks against inspectors' looks: every criterion, and the verdict."""
    from harness.acceptance.criteria import Rules, rules_of
    from harness.acceptance.recorded import recorded_looks
    from harness.scenario import DECIDING, load_scenario
    from harness.study.compare import compare, compare_words
    from harness.study.kit import study_products

    asked = load_scenario(scenario) if scenario else None
    chosen = asked.acceptance if asked else None
    required, of = _rule(asked, required, of)
    names = tuple(deciding or (chosen.deciding if chosen else DECIDING))
    if not deciding:
        names = tuple(name for name in names if name != "no_late_run")  # no file of looks tells of time
        if not names:
            expected = "a criterion that looks alone can show"
            raise ScenarioError(f"{scenario}: acceptance.deciding", expected, "no_late_run alone")
    products = study_products(kit)
    found = compare(
        recorded_looks(machine, products, single_look=True), recorded_looks(inspectors, products), products,
        deciding=names, required=required, runs=of, rules=rules_of(chosen) if chosen else Rules(),
    )  # fmt: skip
    typer.echo(json.dumps(found, indent=1, default=_plain) if as_json else compare_words(found))
    raise typer.Exit(0 if found["verdict"] == "PASS" else 1)


def design(
    kit: KitName = "knapp",
    out: Annotated[Path, typer.Option(help="Figure to write (SVG); its table (CSV) comes beside.")] = Path(
        "design.svg"
    ),
    inspectors: Annotated[int, typer.Option(min=1, help="Of the panel.")] = 5,
    looks: Annotated[int, typer.Option(min=2, help="Of each inspector at each product.")] = 10,
    runs: Annotated[int | None, typer.Option(min=1, help="Of the machine; 10, or the scenario's.")] = None,
    required: Annotated[
        int | None, typer.Option(min=1, help="Right runs that make a product right; 7, or the scenario's.")
    ] = None,
    sharpness: Annotated[
        float, typer.Option(help="The machine sees what is 1 / this the size; 1 equals inspectors.")
    ] = 1.25,
    false_reject: Annotated[float, typer.Option(min=0, max=1, help="Chance of a false reject in a run.")] = 0.01,
    correlation: Annotated[float, typer.Option(min=0, max=0.99, help="Between the machine's runs.")] = 0.1,
    spread: Annotated[float, typer.Option(help="Standard deviation between inspectors, probits.")] = 0.4,
    scenario: Annotated[
        Path | None, typer.Option(help="Scenario whose rule k of n, ties, margins and ceiling hold.")
    ] = None,
    replications: Annotated[int, typer.Option(min=20, help="Studies simulated for each point.")] = 400,
    seed: Seed = 7,
    as_json: Json = False,
) -> None:
    """Design a study before the first look: how often each criterion passes, and what more looks would change."""
    from harness.acceptance.assumed import SizeModel
    from harness.acceptance.criteria import Rules, rules_of
    from harness.acceptance.sizing import Design, sweep
    from harness.report.figures import standalone
    from harness.report.power import power_figure
    from harness.result.file import check_new_file, write_new
    from harness.scenario import load_scenario
    from harness.study.design import design_summary, design_words
    from harness.study.kit import study_products

    if out.suffix != ".svg":
        raise ScenarioError("command line: out", "a name that ends in .svg", out.name)
    table = out.with_suffix(".csv")
    for path in (out, table):
        check_new_file(path)
    asked = load_scenario(scenario) if scenario else None
    required, runs = _rule(asked, required, runs)
    if not 0 < sharpness < float("inf"):
        raise ScenarioError("command line: sharpness", "a number > 0", sharpness)
    rules = rules_of(asked.acceptance) if asked else Rules()
    products = study_products(kit)
    chosen = Design(inspectors, looks, runs, required, correlation, SizeModel(spread=spread), sharpness, false_reject)
    rates = sweep(products, chosen, seed=seed, replications=replications, rules=rules)
    found = design_summary(products, chosen, rates, seed=seed, replications=replications, rules=rules)
    words = design_words(found)
    picture = standalone(power_figure(rates, title=words.splitlines()[0]))
    write_new({out: picture, table: rates.to_csv(index=False, lineterminator="\n")})
    typer.echo(json.dumps(found, indent=1) if as_json else words)


def _panel(looks: Any, products: Any, required: int, of: int, as_json: bool) -> str:
    from harness.study.panel import panel_summary, panel_words

    panel = panel_summary(looks, products, required=required, runs=of)
    return json.dumps(panel, indent=1) if as_json else panel_words(panel)


def _names(text: str) -> list[str]:
    """Names as given, or I1, I2, ... for a number."""
    from harness.acceptance.assumed import inspector_names

    number = text.strip()
    if number.isascii() and number.isdigit():
        if len(number) > 4 or int(number) < 1:
            raise BaselineError("command line: inspectors", "a number from 1 to 9999, or names", text[:80])
        return inspector_names(int(number))
    return [name.strip() for name in text.split(",")]


def _rule(scenario: Scenario | None, required: int | None, of: int | None) -> tuple[int, int]:
    """The rule k of n: what was typed, else the scenario's, else 7 of 10."""
    from harness.scenario import KitChoice

    kit = scenario.kit if scenario else KitChoice()
    rule = kit.required if required is None else required, kit.runs if of is None else of
    check_rule(*rule)
    return rule


def check_rule(required: int, of: int) -> None:
    """No rule asks for more right runs than there are.

    Raises:
        ScenarioError: This one does.
    """
    if required > of:
        raise ScenarioError("command line: required", f"at most {of}, the number it is out of", required)


def _plain(value: Any) -> Any:
    """Numbers of numpy as plain ones."""
    return value.item()


def difference(
    first: Annotated[Path, typer.Argument(help="Result folder.")],
    second: Annotated[Path, typer.Argument(help="Another one, on the same products.")],
    as_json: Json = False,
) -> None:
    """Hold two results on the same products against each other, product by product."""
    from harness.study.difference import difference as between

    found = between(first, second)
    typer.echo(json.dumps([part.as_dict() for part in found]) if as_json else "\n".join(p.in_words() for p in found))


def frame_check(
    good: Annotated[int, typer.Option(min=1, help="Good strips of each liquid whose measures are taken.")] = 100,
    faults: Annotated[int, typer.Option(min=1, help="Acquisitions that each fault strikes.")] = 60,
    kits: Annotated[bool, typer.Option(help="Also count false alarms on the standard kits.")] = True,
    out: Annotated[Path | None, typer.Option(help="JSON to write; standard output without.")] = None,
) -> None:
    """Measure the check of frames: good strips, false alarms, and noticed of injected for every input fault."""
    from harness.result.file import check_new_file, write_new
    from harness.study.frame_check import frame_check_study

    if out is not None:
        check_new_file(out)
    command = f"python -m harness frame-check --good {good} --faults {faults}" + ("" if kits else " --no-kits")
    text = json.dumps({"command": command, **frame_check_study(good, faults, kits=kits)}, indent=1) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    write_new({out: text})
    typer.echo(out)
