"""The ledger as Chrome trace events (opens in Perfetto): the machine's state, camera, transport, computer, gate.

Arrows follow each strip, on the carousel from the camera to the gate, and its frames, through the computer to the gate
that its verdict reaches.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from harness.line.packml import changes

_TRACKS = {"camera": 1, "queue": 2, "computer": 3, "transport": 4, "gate": 5, "machine": 6}
_SPANS = {
    "camera": ("triggered_us", "frames_us"),
    "queue": ("frames_us", "inference_start_us"),
    "computer": ("inference_start_us", "inference_end_us"),
    "transport": ("frames_us", "gate_us"),
    "gate": ("gate_us", "verified_us"),
}
_FLOWS = {"strip": ("camera", "transport", "gate"), "verdict": ("camera", "queue", "computer", "gate")}

Event = dict[str, Any]


def trace_events(ledger: pd.DataFrame) -> list[Event]:
    """Complete events ("ph": "X", microseconds) of one replication, the arrows between them, the names of the stations.

    A station that holds several strips at a time shows them in lanes (threads), each in the first lane that is free.
    """
    events: list[Event] = [
        {"name": "process_name", "ph": "M", "pid": number, "tid": 0, "args": {"name": station}}
        for station, number in _TRACKS.items()
    ]
    events.extend(_states(ledger))
    spans = {station: list(_spans(ledger, station)) for station in _SPANS}
    for found in spans.values():
        events.extend(found)
    at = {(station, span["args"]["slot"]): span for station, found in spans.items() for span in found}
    in_time = ledger["verdict_us"] <= ledger["gate_us"]
    answered = set(ledger.loc[in_time.fillna(False).astype(bool), "slot"])
    for slot in ledger.loc[ledger["triggered_us"].notna(), "slot"].tolist():
        for flow, stations in _FLOWS.items():
            reached = stations if flow == "strip" or slot in answered else stations[:-1]
            events.extend(_arrows(flow, [at[station, slot] for station in reached if (station, slot) in at], slot))
    return events


def _spans(ledger: pd.DataFrame, station: str) -> Iterator[Event]:
    """One event for each strip that was at the station from beginning to end."""
    begin, end = _SPANS[station]
    rows = ledger[ledger[begin].notna() & ledger[end].notna()].sort_values(by=[begin, "slot"])
    free_us: list[int] = []
    for row in rows.to_dict("records"):
        begin_us, end_us = int(row[begin]), int(row[end])
        lane = next((lane for lane, free in enumerate(free_us) if free <= begin_us), len(free_us))
        free_us[lane : lane + 1] = [end_us]
        yield {
            "name": f"{row['product']} run {row['run']}",
            "cat": station,
            "ph": "X",
            "ts": begin_us,
            "dur": end_us - begin_us,
            "pid": _TRACKS[station],
            "tid": lane,
            "args": {"slot": int(row["slot"]), "fate": str(row["fate"]), "cause": str(row["cause"])},
        }


def _arrows(flow: str, spans: list[Event], slot: int) -> Iterator[Event]:
    """From span to span; a viewer ties an arrow to the span that it begins or ends in, so an empty span has none."""
    spans = [span for span in spans if span["dur"] > 0]
    if len(spans) < 2:
        return
    for place, span in enumerate(spans):
        last = place == len(spans) - 1
        yield {
            "name": flow,
            "cat": flow,
            "ph": "s" if place == 0 else "f" if last else "t",
            **({"bp": "e"} if last else {}),  # ends in the span around it, not in the next one
            "id": slot,
            "ts": span["ts"],
            "pid": span["pid"],
            "tid": span["tid"],
        }


def _states(ledger: pd.DataFrame) -> Iterator[Event]:
    """The machine's state, from the slot in which it began to the one in which it changed."""
    starts_us = ledger["scheduled_us"].to_numpy(np.int64)
    if len(starts_us) < 2:
        return
    ends_us = np.append(starts_us, 2 * starts_us[-1] - starts_us[-2])
    turns = changes(ledger["packml"].tolist())
    for (slot, passed), (until, _) in pairwise(turns):
        yield {
            "name": passed[-1].word,
            "cat": "machine",
            "ph": "X",
            "ts": int(ends_us[slot]),
            "dur": int(ends_us[until] - ends_us[slot]),
            "pid": _TRACKS["machine"],
            "tid": 0,
            "args": {"slot": slot, "by": ", ".join(state.word for state in passed)},
        }
