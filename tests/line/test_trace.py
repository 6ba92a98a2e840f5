from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from harness.line import Layout, LineRecord
from harness.scenario import FaultChoice

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
        "camera", "queue", "computer", "transport", "gate", "machine",
    ]  # fmt: skip
    last = [event["args"] for event in events if event["ph"] == "X"][-1]
    assert last == {"slot": 1, "fate": "rejected", "cause": "score"}


def arrows(record: LineRecord, flow: str) -> list[list[tuple[str, str]]]:
    """For each strip, what its arrow does and the station of the span that it does it in."""
    stations = {event["pid"]: event["args"]["name"] for event in record.events if event["ph"] == "M"}
    found: dict[int, list[tuple[str, str]]] = {}
    for event in record.events:
        if event.get("cat") == flow:
            at = [event[key] for key in ("pid", "tid", "ts")]
            tied = [s for s in record.events if s["ph"] == "X" and s["dur"] and [s["pid"], s["tid"], s["ts"]] == at]
            assert [span["args"]["slot"] for span in tied] == [event["id"]]
            found.setdefault(event["id"], []).append((event["ph"], stations[event["pid"]]))
    return list(found.values())


def test_arrows_follow_strip_and_verdict(run: Run) -> None:
    """On the carousel from station to station; through the computer, and the queue where the frames waited."""
    record = run(2, durations={"P0": 110})
    assert arrows(record, "strip") == [[("s", "camera"), ("t", "transport"), ("f", "gate")]] * 2
    assert arrows(record, "verdict") == [
        [("s", "camera"), ("f", "computer")],  # its verdict comes after the gate has acted
        [("s", "camera"), ("t", "queue"), ("t", "computer"), ("f", "gate")],
    ]


def test_a_strip_that_never_came_to_the_gate_has_an_arrow_as_far_as_it_came(run: Run) -> None:
    """A quarantined strip ends where the carousel was cleared; what the gripper missed has none."""
    record = run(2, faults=[FaultChoice(kind="slip", at_slot=(1,))])
    assert arrows(record, "strip")[0] == [("s", "camera"), ("t", "transport"), ("f", "gate")]
    assert arrows(record, "verdict")[0] == [("s", "camera"), ("f", "computer")]


def test_the_state_of_the_machine_is_a_track(run: Run) -> None:
    """From the slot in which it began to the one in which it changed, with what was passed on the way."""
    record = run(2, faults=[FaultChoice(kind="gate_stuck_closed", at_slot=(1,))])
    assert spans(record, "machine") == [
        ("Execute", 0, 200, 0),
        ("Aborted", 200, 400, 0),
        ("Completing", 600, 100, 0),
    ]
    by = [event["args"]["by"] for event in record.events if event.get("cat") == "machine"]
    assert by[1:] == ["Aborting, Aborted", "Clearing, Stopped, Resetting, Idle, Starting, Execute, Completing"]
