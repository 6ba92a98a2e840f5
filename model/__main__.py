"""`python -m model`: the detector network by itself, what it is made of, how fast it runs, and out of this project.

Standard output carries figures, as a table or as JSON; messages and progress go to standard error. Exit codes: 0 done,
2 bad input, 70 a fault of ours, 130 interrupted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from model.bundle import SHIPPED, BundleError, find_bundle, load_bundle
from model.config import PRESETS

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
figures = Console(soft_wrap=True, highlight=False, emoji=False)
messages = Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)

STANDARD = "lean"
Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON on standard output.")]


def main() -> None:
    """Run a command; every error becomes one sentence and an exit code."""
    try:
        app(standalone_mode=False)
    except BundleError as error:
        messages.print(str(error), markup=False)
        sys.exit(2)
    except (KeyboardInterrupt, typer.Abort):
        messages.print("interrupted")
        sys.exit(130)
    except Exception as error:  # noqa: BLE001  # nothing but a sentence reaches the terminal
        if hasattr(error, "format_message"):  # what a person typed wrongly, said by click
            messages.print(f"command line: {error.format_message()}", markup=False)
            sys.exit(2)
        messages.print_exception()
        sys.exit(70)


@app.command()
def describe(
    name: Annotated[
        str, typer.Argument(metavar="[PRESET|BUNDLE]", help="A bundle by its name or path, or a preset.")
    ] = STANDARD,
    as_json: Json = False,
) -> None:
    """Layers by stage with shapes, operations, parameters and bytes; of a bundle what stands beside it, too."""
    from model import describe as description  # lazily: TensorFlow takes seconds to load

    shipped = (SHIPPED / name / "bundle.toml").is_file()
    bundle = None if name in PRESETS and not shipped else load_bundle(find_bundle(name))
    found = description.describe(PRESETS[name] if bundle is None else bundle.network)
    behind = [] if bundle is None else description.describe_behind(bundle)
    if as_json:
        told: dict[str, Any] = {}
        if bundle is not None:
            told["bundle"] = {"digest": bundle.digest, "bytes": bundle.weights.stat().st_size}
        told |= {network.name: network.as_dict() for network in behind}
        typer.echo(json.dumps({**found.as_dict(), **told}, indent=1))
        return
    figures.print(description.table(found))
    for sentence in description.sentences(found):
        figures.print(sentence, markup=False)
    for network in behind:
        figures.print(network.sentence(), markup=False)
    if bundle is not None:
        figures.print(f"Model {bundle.digest[:12]}, {bundle.weights.stat().st_size:,} bytes on disk.", markup=False)


@app.command()
def benchmark(
    bundle: Annotated[str, typer.Argument(metavar="[BUNDLE]", help="Name under model/weights, or a path.")] = STANDARD,
    patches: Annotated[int, typer.Option(min=1, help="Patches a call.")] = 60,
    calls: Annotated[int, typer.Option(min=1, help="Calls after the first.")] = 1000,
    score: Annotated[str | None, typer.Option(help="Another than the marker's, or the paper's without one.")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Whole strips alone, not stage by stage as well.")] = False,
    runtime: Annotated[
        list[str] | None, typer.Option(help="Measure this one, and any that is named so as well, not all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Time of a strip, from frames to verdict and stage by stage, for every runtime that is installed."""
    found = load_bundle(find_bundle(bundle))
    from model import benchmark as measuring  # lazily, as above
    from model.stages import RUNTIMES

    for name in runtime or ():
        if name not in RUNTIMES:
            raise BundleError("--runtime", f"one of {', '.join(RUNTIMES)}", name)
    chosen = {name: RUNTIMES[name] for name in RUNTIMES if not runtime or name in runtime}

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=messages) as progress:
        tasks: dict[str, TaskID] = {}

        def move(runtime: str, done: int, total: int) -> None:
            if runtime not in tasks:
                tasks[runtime] = progress.add_task(runtime, total=total)
            progress.update(tasks[runtime], completed=done)

        result = measuring.benchmark(
            found, patches=patches, calls=calls, score=score, whole=whole, runtimes=chosen, progress=move
        )
    if as_json:
        typer.echo(json.dumps(result.as_dict(), indent=1))
        return
    figures.print(measuring.table(result))
    for sentence in measuring.sentences(result):
        figures.print(sentence, markup=False)


@app.command()
def export(
    to: Annotated[Path, typer.Option(help="Folder to make.")],
    bundle: Annotated[str, typer.Option(help="Name under model/weights, or a path.")] = STANDARD,
    score: Annotated[str | None, typer.Option(help="ssim or marked; the marker's where the bundle has one.")] = None,
) -> None:
    """Write a TensorFlow SavedModel: uint8 patches in, scores and heatmaps out, weights frozen."""
    found = load_bundle(find_bundle(bundle))
    from model.saved_model import export_saved_model  # lazily, as above

    export_saved_model(found, to, score=score or found.main_score)
    typer.echo(to)


if __name__ == "__main__":
    main()
