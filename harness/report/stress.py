"""The report of a stress run: shortest slots, capacity curves, the computer without slots. Formats `stress.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import ResultError
from harness.report.figures import Line, capacity_figure
from harness.report.html import page_environment
from harness.report.words import DASH, Cell, Table, number, percent, table

TEMPLATES = Path(__file__).parent / "templates"


def write_stress_report(folder: Path) -> None:
    """Writes `report.html` of a stress run from its `stress.json`; the same file gives the same bytes.

    Raises:
        ResultError: `stress.json` is missing or unreadable.
    """
    try:
        values = json.loads((folder / "stress.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultError(str(folder / "stress.json"), "what a stress run has written", error) from None
    (folder / "report.html").write_text(stress_html(values), encoding="utf-8", newline="\n")


def stress_html(values: dict[str, Any]) -> str:
    """The whole page for the values of `stress.json`."""
    environment = page_environment()
    layout = values["layout"]
    usual = [row for row in values["shortest"] if row["queue_limit"] == layout["queue_limit"]]
    feeds = [row for row in usual if row["pockets_to_gate"] == layout["pockets_to_gate"]]
    ways = [row for row in usual if row["feed"] == layout["feed"]]
    pockets = values["queued_pockets"]
    queues = [
        row
        for row in sorted(values["shortest"], key=lambda row: row["queue_limit"])
        if (row["feed"], row["pockets_to_gate"]) == (layout["feed"], pockets)
    ]
    return environment.get_template("stress.html.j2").render(
        style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
        name=values["scenario"],
        head=f"seed {values['seed']} · {values['slots']:,} slots simulated · {values['replications']} replications"
        f" of {values['strips']:,} strips",
        claim=f"A slot holds when the strips in time show, at 99 % confidence, that more than"
        f" {100 * values['quantile']:g} % of all verdicts come before the cut-off. Found by bisection in each"
        f" replication; the interval is that of the mean, at 95 %. The exposures and the sensor alone need"
        f" {values['shortest_built_ms']:g} ms.",
        by_feed=_slots("By feed and inspection workers", feeds, "feed"),
        by_way=_slots(f"By pockets from camera to gate, feed {layout['feed']}", ways, "pockets_to_gate"),
        by_queue=_slots(
            f"By acquisitions that may wait, {pockets} pockets to the gate, feed {layout['feed']}",
            queues,
            "queue_limit",
        ),
        figure=capacity_figure(_lines(values["curve"]), slot_ms=layout["slot_us"] / 1000),
        curve=_curve(values["curve"]),
        free=_free(values["free_running"]),
        stretch=values.get("stretch"),  # figures from before measured times came in stretches have none
        service="487.3 ms",
        size=_size(values),
        origin=[
            ("command", Cell(values["command"] or "not recorded", "code")),
            ("scenario digest", Cell(values["digest"], "code")),
            ("hardware", Cell(f"{values['hardware']['processor']}, {values['hardware']['cores']} cores")),
            *((name, Cell(str(version))) for name, version in values["versions"].items()),
        ],
    )


def _size(values: dict[str, Any]) -> str:
    """How much was simulated, and why so much."""
    memory, needed = values["memory_mib"], values["needed"]
    return (
        f"{values['replications']} replications of {values['strips']:,} strips a measurement; what has no chance in it"
        f" is run once. A claim about {100 * values['quantile']:g} % needs {needed[0]:,} strips with none late and"
        f" {needed[1]:,} with one. The most memory held was"
        f" {number(memory['after_first_measurement'], 0)} MiB after the first measurement and"
        f" {number(memory['at_end'], 0)} MiB at the end: rows are counted and let go."
    )


def _slots(caption: str, rows: list[dict[str, Any]], by: str) -> Table:
    """A row a profile and value of `by`, a column a number of workers."""
    workers = sorted({row["workers"] for row in rows})
    keys = list(dict.fromkeys((row["profile"], row[by]) for row in rows))
    found = {(row["profile"], row[by], row["workers"]): row for row in rows}
    return table(
        caption,
        ["latency profile", by.replace("_", " "), *(f"{n} worker{'s' if n > 1 else ''}, ms" for n in workers)],
        [
            [profile, str(value), *(_slot(found[profile, value, n]) for n in workers)]
            for profile, value in keys
        ],
        numeric=range(2, 2 + len(workers)),
    )  # fmt: skip


def _slot(row: dict[str, Any]) -> Cell:
    if row["slot_ms"] is None:
        return Cell("none holds", "fail")
    return Cell(number(row["slot_ms"], 1), note=f"{number(row['low_ms'], 1)} {DASH} {number(row['high_ms'], 1)}")


def _lines(rows: list[dict[str, Any]]) -> list[Line]:
    names = dict.fromkeys(row["profile"] for row in rows)
    return [
        Line(
            name,
            [row["slot_ms"] for row in rows if row["profile"] == name],
            [row["late"] / row["strips"] for row in rows if row["profile"] == name],
        )
        for name in names
    ]


def _curve(rows: list[dict[str, Any]]) -> Table:
    return table(
        "Late strips and false rejects against slot length",
        ["latency profile", "slot, ms", "late", "late, share", "false rejects", "false rejects, share of good"],
        [
            [
                row["profile"], number(row["slot_ms"], 1), f"{row['late']:,}/{row['strips']:,}",
                percent(row["late"] / row["strips"]), f"{row['false_rejects']:,}/{row['good']:,}",
                percent(row["false_rejects"] / row["good"]),
            ]
            for row in rows
        ],
        numeric=range(1, 6),
    )  # fmt: skip


def _free(rows: list[dict[str, Any]]) -> Table:
    return table(
        "Mean wait for the computer",
        ["load", "simulated, ms", "95 % interval", "formula (M/D/1), ms"],
        [
            [
                percent(row["load"]), number(row["wait_ms"], 0),
                f"{number(row['low_ms'], 0)} {DASH} {number(row['high_ms'], 0)}", number(row["theory_ms"], 0),
            ]
            for row in rows
        ],
        numeric=(0, 1, 2, 3),
    )  # fmt: skip
