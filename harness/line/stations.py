"""The carousel at the end of a run: its layout with every time, and what each station has counted. Reads the ledger."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from harness.line.effectiveness import oee
from harness.line.layout import Layout
from harness.line.packml import State

TIMES = ("last_exposure_us", "frames_us", "cutoff_us", "gate_us")
"""Instants after the trigger that follow from a layout."""


def line_summary(ledger: pd.DataFrame, layout: Layout) -> dict[str, Any]:
    """Plain values: `layout`, `states` (slots in each), `stations` (strips, warm-up among them), `oee`.

    Args:
        ledger: As written by `simulate`.
        layout: It was written for.
    """
    states = ledger["packml"].value_counts()
    return {
        "layout": {**asdict(layout), **{name: getattr(layout, name) for name in TIMES}},
        "states": {state.word: int(states[int(state)]) for state in State if int(state) in states.index},
        "stations": station_counts(ledger),
        "oee": oee(ledger, layout).as_dict(),
    }


def station_counts(ledger: pd.DataFrame) -> dict[str, int]:
    """Strips that each station has seen, in the order in which they come to it; and slots without one."""
    fates = ledger["fate"].value_counts()
    in_time = (ledger["verdict_us"] <= ledger["cutoff_us"]).fillna(False)
    return {
        "loaded": int(ledger["product"].notna().sum()),
        "acquired": int(ledger["frames_us"].notna().sum()),
        "inspected": int(ledger["inference_start_us"].notna().sum()),
        "in_time": int(in_time.sum()),
        "at_gate": int(ledger["gate_us"].notna().sum()),
        "verified": int(ledger["verified_us"].notna().sum()),
        **{fate: int(fates.get(fate, 0)) for fate in ("accepted", "rejected", "removed")},
        "empty_slots": int(fates.get("empty", 0)),
        "longest_queue": int(ledger["queue"].max()) if ledger["queue"].notna().any() else 0,
    }
