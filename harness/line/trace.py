"""The ledger as Chrome trace events (opens in Perfetto): camera, transport, computer, gate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

_TRACKS = {"camera": 1, "queue": 2, "computer": 3, "transport": 4, "gate": 5}
_SPANS = {
    "camera": ("triggered_us", "frames_us"),
    "queue": ("frames_us", "inference_start_us"),
    "computer": ("inference_start_us", "inference_end_us"),
    "transport": ("frames_us", "gate_us"),
    "gate": ("gate_us", "verified_us"),
}


def trace_events(ledger: pd.DataFrame) -> list[dict[str, Any]]:
    """Complete events ("ph": "X", microseconds) of one replication, and the names of the stations as process names.

    A station that holds several strips at a time shows them in lanes (threads), each in the first lane that is free.
    """
    events: list[dict[str, Any]] = [
        {"name": "process_name", "ph": "M", "pid": number, "tid": 0, "args": {"name": station}}
        for station, number in _TRACKS.items()
    ]
    for station in _TRACKS:
        events.extend(_spans(ledger, station))
    return events


def _spans(ledger: pd.DataFrame, station: str) -> Iterator[dict[str, Any]]:
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
