"""The line in section 6: the carousel with what each station counted, the states it was in, its OEE."""

from __future__ import annotations

from typing import Any

from harness.report.carousel import carousel_figure, strip_figure
from harness.report.words import DASH, Cell, Table, number, percent, table
from harness.result.stored import Stored

MEANING = {
    "Starting": "warm-up strips are loaded",
    "Execute": "strips of the kit are loaded",
    "Completing": "the last strip is loaded, the carousel empties",
    "Suspended": "no strip has come from the infeed",
    "Held": "the inspection computer is full",
    "Aborted": "stands still after a slip, or after gate and sensor disagreed",
}


def line_page(stored: Stored) -> dict[str, Any]:
    """What the machine did as a machine; an old result without it says so."""
    line = stored.summary.get("line")
    if line is None:
        return {"line": None}
    layout, counts = line["layout"], line["stations"]
    rows = _stations(layout, counts)
    told = "; ".join(f"{name.text}, {when}, {seen}" for name, when, seen in rows)
    p99_ms = stored.summary["timing"]["latency_ms"]["p99"]
    ahead_ms = stored.computing_ms[1]
    in_time = f"cut-off {layout['cutoff_us'] / 1000:g} ms, gate {layout['gate_us'] / 1000:g} ms after the trigger"
    return {
        "line": {
            "carousel": carousel_figure(
                layout, counts, f"The carousel from above, {layout['pockets']} pockets, turning clockwise: {told}."
            ),
            "strip": strip_figure(
                layout,
                p99_ms,
                ahead_ms,
                f"One strip in time: {layout['exposures']} exposures until {layout['last_exposure_us'] / 1000:g} ms, "
                f"{in_time}; p99 of the response {number(p99_ms, 0, unit='ms', why='nothing was inspected')}"
                f"{f', after {ahead_ms:.0f} ms on average before the last exposure' if ahead_ms else ''}.",
            ),
            "stations": table("Stations, by their numbers", ["station", "when", "strips"], rows),
            "states": _states(line["states"], layout["slot_us"]),
            "oee": _oee(line["oee"]),
            "not_all": line["oee"]["why"],
        }
    }


def _stations(layout: dict[str, Any], counts: dict[str, int]) -> list[tuple[Cell, str, str]]:
    """Number and name, when, strips. Times are after the trigger of the strip's slot."""
    lead, to_gate = layout["gate_lead_us"], layout["pockets_to_gate"]
    late = counts["acquired"] - counts["in_time"]
    stations = (
        (
            "infeed",
            f"{layout['feed']} feed",
            "0 ms",
            f"{counts['loaded']:,} strips, {_count(counts['empty_slots'], 'empty slot')}",
        ),
        ("gripper and swing", "about the upper side", "0 ms", f"{counts['loaded']:,} loaded"),
        (
            "exposures",
            f"{layout['exposures']}, every {layout['exposure_interval_us'] / 1000:g} ms",
            _span_ms(0, layout["last_exposure_us"]),
            f"{counts['acquired']:,} acquired",
        ),
        (
            "inspection computer",
            f"{_count(layout['workers'], 'worker')}, {_count(layout['queue_limit'], 'place')} to wait",
            _span_ms(layout["frames_us"], layout["cutoff_us"]),
            f"{counts['inspected']:,} inspected, {late:,} not in time, at most {counts['longest_queue']} waiting "
            "when another came",
        ),
        (
            "transport",
            f"{_count(to_gate, 'index', 'indices')}, one every {layout['slot_us'] / 1000:g} ms",
            _span_ms(layout["frames_us"], layout["gate_us"]),
            f"{counts['at_gate']:,} came to the gate",
        ),
        ("gate", "rejects without power", _ms(layout["gate_us"]), f"{counts['at_gate']:,}"),
        ("verification sensor", "a stroke behind", _ms(layout["gate_us"] + lead), f"{counts['verified']:,} verified"),
        (
            "bins",
            "accepted, rejected",
            _ms(layout["gate_us"] + lead),
            f"{counts['accepted']:,} accepted, {counts['rejected']:,} rejected; {counts['removed']:,} removed",
        ),
    )
    return [
        (Cell(f"{place} {name}", note=note), when, seen) for place, (name, note, when, seen) in enumerate(stations, 1)
    ]


def _states(states: dict[str, int], slot_us: int) -> Table:
    slots = sum(states.values())
    return table(
        "States of the machine, in the words of PackML",
        ["state", "slots", "share", "time"],
        [
            [
                Cell(name, note=MEANING.get(name, "")),
                f"{count:,}",
                percent(count / slots),
                number(count * slot_us / 1e6, 1, unit="s"),
            ]
            for name, count in states.items()
        ],
        numeric=(1, 2, 3),
        empty="The line had no slot.",
    )


def _oee(oee: dict[str, Any]) -> Table:
    """Each figure beside the times and counts it is made of."""
    busy, production, each = (
        number(oee[f"{name}_us"] / 1e6, 1, unit="s") for name in ("busy", "production", "run_time")
    )
    lost = ", ".join(f"{name} {time_us / 1e6:,.1f} s" for name, time_us in oee["lost_us"].items() if time_us)
    produced, good, why = oee["produced"], oee["good"], oee["why"]
    return table(
        "Overall equipment effectiveness, in the words of ISO 22400-2",
        ["figure", "value", "made of"],
        [
            [
                "availability",
                percent(oee["availability"], why=why),
                Cell(
                    f"actual production time {production} of planned busy time {busy}", note=f"lost: {lost or 'none'}"
                ),
            ],
            [
                Cell("effectiveness", note="performance"),
                percent(oee["effectiveness"], why=why),
                f"planned run time per item {each} \u00d7 produced quantity {produced:,}, of {production}",
            ],
            [
                "quality ratio",
                percent(oee["quality"], why=why),
                f"good quantity {good:,} of produced quantity {produced:,}",
            ],
            ["OEE index", percent(oee["index"], why=why), "the product of the three"],
        ],
        numeric=(1,),
    )


def _ms(time_us: int) -> str:
    return f"{time_us / 1000:g} ms"


def _span_ms(begin_us: int, end_us: int) -> str:
    return f"{begin_us / 1000:g} {DASH} {end_us / 1000:g} ms"


def _count(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
