"""Commands of studies of a detector without a line: generality, liquid; joined in `harness/cli.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from harness.errors import ScenarioError
from harness.study.commands import Of, Required, check_rule
from harness.terminal import Json, bar, command_line

Number = TypeVar("Number", int, float)

Bundle = Annotated[str, typer.Option(help="Bundle that judges, with its own thresholds.")]
Score = Annotated[str, typer.Option(help="Which score.")]
Level = Annotated[str, typer.Option(help="Which thresholds.")]
Processes = Annotated[int, typer.Option(min=1, help="Side by side, one thread each.")]
Out = Annotated[Path | None, typer.Option(help="JSON to write as well.")]


def generality(
    bundle: Bundle = "lean",
    score: Score = "marked",
    level: Level = "seven_of_ten",
    seeds: Annotated[str, typer.Option(help="Of kits, with commas between; 2024 is the standard kit's.")] = "11,12,13",
    agitation: Annotated[
        str | None,
        typer.Option(help="Judge the standard kit calm, and once more so shaken; several with commas between."),
    ] = None,
    runs: Of = 10,
    required: Required = 7,
    processes: Processes = 2,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Judge kits that nobody tuned on, and shaken ones, without a line: right products, and what shaking changes."""
    from harness.result.file import check_new_file, write_new
    from harness.strips.kit import STANDARD_SEED, standard_kit
    from harness.study.generality import USUAL, Asked, KitAsked, shaken_against_calm
    from harness.study.generality import generality as judged

    check_rule(required, runs)
    if out is not None:
        check_new_file(out)
    wanted = [(seed, USUAL) for seed in _listed("--seeds", seeds, int, "whole numbers with commas between")]
    if shaken_by := _listed("--agitation", agitation or "", _above_zero, "numbers > 0 with commas between"):
        wanted += [(STANDARD_SEED, replace(USUAL, agitation=each)) for each in (0.0, *shaken_by)]
    kits = [KitAsked(standard_kit("knapp", seed=seed), seed, scale) for seed, scale in wanted]
    asked = Asked(bundle, score, level, runs, required, seed=7)
    with bar() as progress:
        found = judged(asked, kits=kits, processes=processes, progress=progress)
    shaken = shaken_against_calm(found)
    told = {
        "command": command_line("generality", bundle=bundle, score=score, level=level, seeds=seeds,
                                agitation=agitation, runs=runs, required=required),
        "rule": f"{required} of {runs}",
        "kits": [kit.as_dict() for kit in found],
        "shaken": {name: [part.as_dict() for part in parts] for name, parts in shaken},
    }  # fmt: skip
    text = _study(told)
    if out is not None:
        write_new({out: text})
    words = [kit.in_words() for kit in found] + [
        f"{name}: {part.in_words()}" for name, parts in shaken for part in parts
    ]
    typer.echo(text.rstrip() if as_json else "\n".join(words))


def liquid(
    bundle: Bundle = "lean",
    score: Score = "marked",
    level: Level = "seven_of_ten",
    scales: Annotated[
        str, typer.Option(help="Of the liquid, changed one at a time, with commas between.")
    ] = "slosh,bubbles,stick,drops,viscosity,agitation",
    runs: Annotated[int, typer.Option(min=1, help="Of each product of the development kit.")] = 2,
    processes: Processes = 2,
    out: Out = None,
    figure: Annotated[Path | None, typer.Option(help="Figure to write as well (SVG).")] = None,
    as_json: Json = False,
) -> None:
    """Change the liquid, one scale at a time: what a detector then rejects of good and of defective strips."""
    from harness.report.figures import standalone
    from harness.report.liquid import liquid_figure
    from harness.result.file import check_new_file, write_new
    from harness.strips.kit import DEVELOPMENT_SEED, development_kit
    from harness.study.generality import Asked, generality
    from harness.study.liquid import SWEPT, in_words, liquids, rows

    chosen = list(dict.fromkeys(name.strip() for name in scales.split(",")))
    for name in chosen:
        if name not in SWEPT:
            raise ScenarioError("--scales", f"some of {', '.join(SWEPT)}", repr(name))
    for path in (out, figure):
        if path is not None:
            check_new_file(path)
    asked = Asked(bundle, score, level, runs, required=runs, seed=DEVELOPMENT_SEED)
    with bar() as progress:
        judged = generality(
            asked, kits=liquids(development_kit(), DEVELOPMENT_SEED, chosen), processes=processes, progress=progress
        )
    found = rows(judged, chosen)
    told = {
        "command": command_line("liquid", bundle=bundle, score=score, level=level, scales=scales, runs=runs),
        "kit": "development kit",
        "rows": found,
    }
    text = _study(told)
    files = {out: text, figure: standalone(liquid_figure(found))}
    write_new({path: written for path, written in files.items() if path is not None})
    typer.echo(text.rstrip() if as_json else in_words(found))


def _study(told: dict[str, Any]) -> str:
    """JSON of what a study found, and on what it ran."""
    from harness.system import hardware, versions

    return json.dumps({**told, "versions": versions(), "hardware": hardware()}, indent=1) + "\n"


def _listed(option: str, text: str, read: Callable[[str], Number], expected: str) -> list[Number]:
    """What stands between commas, each once; `read` raises `ValueError` of what is none."""
    try:
        found = [read(each) for each in text.split(",") if each.strip()]
    except ValueError:
        raise ScenarioError(option, expected, text) from None
    if len(set(found)) < len(found):
        raise ScenarioError(option, "each once", text)
    return found


def _above_zero(text: str) -> float:
    if not 0 < (number := float(text)) < float("inf"):
        raise ValueError(text)
    return number
