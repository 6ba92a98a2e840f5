"""The ledger told as it happened: a line an event, in plain words, in the order of simulated time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from harness.line.packml import changes

EMPTY = {
    "stopped": "the machine stands still",
    "held": "left empty, the computer is full",
    "empty_pocket": "the gripper missed the strip, which waits",
    "slip": "the carousel slipped, everything on the way to the gate is removed",
    "": "no strip",
}


def told(ledger: pd.DataFrame) -> Iterator[str]:
    """Lines such as "     0.394 s  slot 0  D017 run 1: frames at the computer".

    Args:
        ledger: Of one replication, as written by `simulate`.
    """
    events: list[tuple[int, int, int, str]] = []
    rows = ledger.to_dict("records")
    for slot, passed in changes(ledger["packml"].tolist())[:-1]:  # Complete comes after the last slot
        states = ", ".join(state.word for state in passed)
        events.append((int(rows[slot]["scheduled_us"]), slot, 0, f"machine: {states}"))
    for row in rows:
        known = {str(name): None if pd.isna(value) else value for name, value in row.items()}
        found = list(_strip(known) if known["product"] is not None else _empty(known))
        events += [(time_us, int(row["slot"]), place, words) for place, (time_us, words) in enumerate(found, 1)]
    for time_us, slot, _, words in sorted(events):
        yield f"{time_us / 1e6:10.3f} s  slot {slot}  {words}"


def _empty(row: dict[str, Any]) -> Iterator[tuple[int, str]]:
    yield int(row["scheduled_us"]), f"pocket {row['pocket']}: {EMPTY.get(row['cause'], row['cause'])}"


def _strip(row: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Everything that befell a strip; what the ledger has no time for is told with the last that it has one for."""
    who = f"{row['product']} run {row['run']}" + (" (warm-up)" if row["warm_up"] else "")
    happened = {
        "triggered_us": f"loaded into pocket {row['pocket']}, exposures begin",
        "frames_us": f"frames at the computer, {row['queue']} waiting",
        "inference_start_us": "inspection begins",
        "inference_end_us": "inspection ends",
        "verdict_us": _verdict(row),
        "gate_us": "at the gate",
        "verified_us": f"seen by the sensor, {_fate(row)}",
    }
    last_us = int(row["scheduled_us"])
    if row["triggered_us"] is None:
        yield last_us, f"{who}: drawn along with the strip before"
    for name, words in happened.items():
        if row[name] is not None:
            last_us = max(last_us, int(row[name]))
            yield int(row[name]), f"{who}: {words}"
    if row["verified_us"] is None:
        yield last_us, f"{who}: then {_fate(row)}"


def _verdict(row: dict[str, Any]) -> str:
    """What came, and whether it came in time."""
    came = "a result that is not its own" if row["verdict"] is None else f"verdict {row['verdict']}"
    late = row["verdict_us"] is not None and row["cutoff_us"] is not None and row["verdict_us"] > row["cutoff_us"]
    return came + (", after the cut-off" if late else "")


def _fate(row: dict[str, Any]) -> str:
    cause = str(row["cause"]).replace("_", " ")
    return f"{row['fate']}: {cause}" if cause else str(row["fate"])
