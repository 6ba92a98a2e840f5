from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from harness.line import Layout, LineRecord

Run = Callable[..., LineRecord]


def spans(record: LineRecord, station: str) -> list[tuple[str, int, int, int]]:
    """Name, begin, duration and lane of each event of a station."""
    return [
        (event["name"], event["ts"], event["dur"], event["tid"])
        for event in record.events
        if event.get("cat") == station
    ]


def test_the_events_of_two_strips(run: Run) -> None:
    """Each station shows each strip from beginning to end; overlapping strips stand in lanes."""
    record = run(2)
    assert spans(record, "camera") == [("P0 run 1", 0, 35, 0), ("P1 run 1", 100, 35, 0)]
    assert spans(record, "computer") == [("P0 run 1", 35, 50, 0), ("P1 run 1", 135, 50, 0)]
    assert spans(record, "transport") == [("P0 run 1", 35, 95, 0), ("P1 run 1", 135, 95, 0)]
    assert spans(record, "gate") == [("P0 run 1", 130, 10, 0), ("P1 run 1", 230, 10, 0)]


def test_strips_side_by_side_stand_in_lanes(run: Run, small: Layout) -> None:
    """Lanes never overlap within themselves."""
    layout = replace(small, pockets=6, pockets_to_gate=3, workers=3)
    record = run(9, layout=layout, durations={f"P{number}": 250 for number in range(9)})
    lanes: dict[int, int] = {}
    for _, begin_us, duration_us, lane in spans(record, "computer"):
        assert lanes.get(lane, 0) <= begin_us
        lanes[lane] = begin_us + duration_us
    assert set(lanes) == {0, 1, 2}


def test_the_trace_is_json(run: Run) -> None:
    """Plain numbers and text, nothing that JSON has no word for; the stations are named."""
    record = run(2, rejects=["P1"])
    events = json.loads(json.dumps({"traceEvents": record.events}, allow_nan=False))["traceEvents"]
    assert [event["args"]["name"] for event in events if event["ph"] == "M"] == [
        "camera", "queue", "computer", "transport", "gate",
    ]  # fmt: skip
    assert events[-1]["args"] == {"slot": 1, "fate": "rejected", "cause": "score"}
