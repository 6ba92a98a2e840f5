"""A small line that every test of this room can run: strips, an inspector that does as it is told, one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest

from harness.line import Duration, Fed, Layout, LineRecord, NormalLatency, Outcome, VirtualClock, simulate
from harness.line.tracking import Tracking
from harness.scenario import FaultChoice

SMALL = Layout(
    slot_us=100,
    pockets=4,
    pockets_to_gate=1,
    exposures=2,
    exposure_interval_us=30,
    transfer_us=5,
    gate_lead_us=10,
)
"""After the trigger: last exposure 30, frames 35, cut-off 120, gate 130, sensor 140."""


@dataclass(frozen=True)
class Durations:
    """What each inspection takes, by product; `otherwise` for the rest."""

    by_product: Mapping[str, int]
    otherwise: int = 50

    def takes(self, fed: Fed) -> Duration:
        """For this strip; nothing is done ahead."""
        return Duration(self.by_product.get(fed.product, self.otherwise))


def feed_of(count: int) -> list[Fed]:
    """Strips P0, P1, ... in run 1, all good."""
    return [Fed(f"P{number}", 1, "good") for number in range(count)]


def run_line(
    count: int = 3,
    *,
    layout: Layout = SMALL,
    rejects: Sequence[str] = (),
    durations: Mapping[str, int] | None = None,
    faults: Sequence[FaultChoice] = (),
    tracking: Tracking | None = None,
    seed: int = 7,
) -> LineRecord:
    """Runs `count` strips; those named in `rejects` have a score above the threshold."""

    def inspect(fed: Fed) -> Outcome:
        reject = fed.product in rejects
        return Outcome(fed.product, fed.run, "r", reject, "score" if reject else "", scored=fed.product)

    clock = VirtualClock(Durations(durations or {}))
    return simulate(layout, feed_of(count), inspect, clock, recipe="r", faults=faults, seed=seed, tracking=tracking)


def fates_of(record: LineRecord) -> list[tuple[Any, ...]]:
    """(product, fate, cause) of each row; product "" where the pocket is empty."""
    rows = record.ledger[["product", "fate", "cause"]]
    return [("" if pd.isna(product) else product, fate, cause) for product, fate, cause in rows.itertuples(index=False)]


@pytest.fixture
def small() -> Layout:
    """A layout whose times fit on one line."""
    return SMALL


@pytest.fixture
def run() -> Callable[..., LineRecord]:
    """Runs the small line; see `run_line`."""
    return run_line


@pytest.fixture
def fates() -> Callable[[LineRecord], list[tuple[Any, ...]]]:
    """Product, fate and cause of each row; see `fates_of`."""
    return fates_of


@pytest.fixture
def steady() -> VirtualClock:
    """A clock on which every inspection takes 50 us."""
    return VirtualClock(NormalLatency("steady", 50))
