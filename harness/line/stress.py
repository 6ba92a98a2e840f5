"""How short the slot may be: strips put on the line at many slot lengths, counts kept, ledgers let go.

A replication is some strips on a machine that starts empty. Its rows are counted and let go as they come, so memory
grows by 24 bytes a strip and no more: when it arrives, and what its inspection takes. That is drawn once for a
replication and used at every slot length and layout, so that two of them differ by the machine and not by luck.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from harness.line.clock import VirtualClock
from harness.line.flow import Fed, Outcome
from harness.line.infeed import DRAWN_FEEDS, STRIPS_A_SLOT, Numbered
from harness.line.latency import Duration, NormalLatency, profile_or_file
from harness.line.layout import Layout
from harness.line.simulation import simulate
from harness.line.validity import slots_needed

STEP_US = 500
"""Slots are tried at multiples of this."""

LONGEST_US = 1_500_000
LONGEST_OVER_SHORTEST = 3
"""No slot is tried that is longer than both, the second times the shortest that can be built."""

RECIPE = "stress"


@dataclass(frozen=True)
class Count:
    """What became of some strips.

    Attributes:
        strips: Acquired.
        late: Of those, without a verdict before the cut-off.
        false_rejects: Good strips that were not accepted.
        good: Good strips.
        slots: Rows of the ledgers.
    """

    strips: int = 0
    late: int = 0
    false_rejects: int = 0
    good: int = 0
    slots: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(
            self.strips + other.strips, self.late + other.late, self.false_rejects + other.false_rejects,
            self.good + other.good, self.slots + other.slots,
        )  # fmt: skip

    def holds(self, quantile: float, confidence: float = 0.99) -> bool:
        """Whether so many strips, and so few late, show that more than `quantile` of all are in time."""
        return self.strips >= slots_needed(quantile, self.late, confidence=confidence)


class Stress:
    """Puts load on lines that differ in layout and latency profile.

    Args:
        seed: Of the scenario.
        strips: In a replication, >= 1; every second is good, and the detector is never wrong.
        quantile: The claim that a valid slot supports, in (0, 1).
        counted: Called with the slots simulated since the last call.
    """

    def __init__(
        self, *, seed: int, strips: int, quantile: float = 0.99, counted: Callable[[int], None] | None = None
    ) -> None:
        self._seed = seed
        self._quantile = quantile
        self._counted = counted
        self._feed = Numbered(strips)
        self._drawn: dict[tuple[str, int], Drawn] = {}

    def load(self, layout: Layout, name: str, replication: int) -> Count:
        """One replication on this layout with the latency profile of this name."""
        counts: list[Count] = [Count()]

        def count(rows: pd.DataFrame) -> None:
            counts[0] += count_of(rows)
            if self._counted is not None:
                self._counted(len(rows))

        simulate(
            layout, self._feed, _judge_truly, VirtualClock(self._latency(name, replication)),
            recipe=RECIPE, seed=self._seed, replication=replication, sink=count,
        )  # fmt: skip
        return counts[0]

    def shortest_slot_us(self, layout: Layout, name: str, replication: int) -> int | None:
        """Shortest slot of the layout at which the claim holds, by bisection; None where even the longest is too short.

        Exact to `STEP_US`, if a longer slot is never worse. A slot that brings more work than the workers can do does
        not hold, even where a replication ends before the backlog is late.
        """
        short = shortest_built_us(layout)
        long = max(LONGEST_US, LONGEST_OVER_SHORTEST * short)
        if not self._holds(layout, name, replication, long):
            return None
        if self._holds(layout, name, replication, short):
            return short
        while long - short > STEP_US:  # short is too short, long holds
            middle = (short + long) // 2 // STEP_US * STEP_US
            if middle <= short:
                break
            if self._holds(layout, name, replication, middle):
                long = middle
            else:
                short = middle
        return long

    def without_chance(self, layout: Layout, name: str) -> bool:
        """Whether every replication is the same: neither latency nor arrivals are drawn."""
        drawn = profile_or_file(name, seed=self._seed)
        return isinstance(drawn, NormalLatency) and drawn.spread == 0.0 and layout.feed not in DRAWN_FEEDS

    def _holds(self, layout: Layout, name: str, replication: int, slot_us: int) -> bool:
        work_us = STRIPS_A_SLOT[layout.feed] * self._latency(name, replication).mean_us
        if work_us > layout.workers * slot_us:
            return False
        return self.load(replace(layout, slot_us=slot_us), name, replication).holds(self._quantile)

    def _latency(self, name: str, replication: int) -> Drawn:
        """Durations of a replication: measured ones in stretches, as they came, others each by itself."""
        key = (name, replication)
        if key not in self._drawn:
            drawn = profile_or_file(name, seed=self._seed, replication=replication)
            services, aheads = array("q"), array("q")
            for takes in drawn.of_feed(self._feed):
                services.append(takes.service_us)
                aheads.append(takes.ahead_us)
            self._drawn[key] = Drawn(services, aheads)
        return self._drawn[key]


@dataclass(frozen=True)
class Drawn:
    """What the inspection of each strip of a `Numbered` feed takes, drawn once for all; at least one strip."""

    services_us: array[int]
    aheads_us: array[int]

    @cached_property
    def mean_us(self) -> float:
        """Mean work."""
        return sum(self.services_us) / len(self.services_us)

    def takes(self, fed: Fed) -> Duration:
        """The duration that belongs to this strip."""
        place = int(fed.product[1:])
        return Duration(self.services_us[place], self.aheads_us[place])


def count_of(rows: pd.DataFrame) -> Count:
    """Counts over some rows of a ledger."""
    acquired = rows["frames_us"].notna()
    in_time = (rows["verdict_us"] <= rows["cutoff_us"]).fillna(False)
    good = rows["truth"] == "good"
    return Count(
        strips=int(acquired.sum()),
        late=int((acquired & ~in_time).sum()),
        false_rejects=int((good & (rows["fate"] != "accepted")).sum()),
        good=int(good.sum()),
        slots=len(rows),
    )


def shortest_built_us(layout: Layout) -> int:
    """Shortest slot, a multiple of `STEP_US`, that such a machine can be built with, whatever its computer.

    The sensor must have seen the strip before the next index, and the cut-off must come after the frames.

    >>> shortest_built_us(Layout())
    398500
    """
    sensor_us = layout.last_exposure_us + layout.gate_lead_us
    frames_us = (layout.transfer_us + layout.gate_lead_us) // layout.pockets_to_gate
    return (max(sensor_us, frames_us) // STEP_US + 1) * STEP_US


def _judge_truly(fed: Fed) -> Outcome:
    reject = fed.truth == "defective"
    return Outcome(fed.product, fed.run, RECIPE, reject, "score" if reject else "")
