"""How short the slot may be: strips put on the line at many slot lengths, counts kept, ledgers let go.

A replication is some strips on a machine that starts empty; a long run is many replications, so memory does not grow
with it. What each inspection takes is drawn once for a replication and used at every slot length and layout, so that
two of them differ by the machine and not by luck.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.line.clock import VirtualClock
from harness.line.flow import Fed, Outcome
from harness.line.infeed import STRIPS_A_SLOT
from harness.line.latency import Tape, profile
from harness.line.layout import Layout
from harness.line.simulation import simulate
from harness.line.validity import slots_needed

STEP_US = 500
"""Slots are tried at multiples of this."""

LONGEST_US = 1_500_000
"""No longer slot is tried."""

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
        counted: Called after each replication with the slots simulated by it.
    """

    def __init__(
        self, *, seed: int, strips: int, quantile: float = 0.99, counted: Callable[[int], None] | None = None
    ) -> None:
        self._seed = seed
        self._quantile = quantile
        self._counted = counted
        self._feed = [Fed(f"S{number}", 1, "defective" if number % 2 else "good") for number in range(strips)]
        self._tapes: dict[tuple[str, int], tuple[Tape, float]] = {}

    def load(self, layout: Layout, name: str, replication: int) -> Count:
        """One replication on this layout with the latency profile of this name."""
        clock = VirtualClock(self._tape(name, replication)[0])
        record = simulate(
            layout, self._feed, _judge_truly, clock, recipe=RECIPE, seed=self._seed, replication=replication
        )
        ledger = record.ledger
        acquired = ledger["frames_us"].notna()
        in_time = (ledger["verdict_us"] <= ledger["cutoff_us"]).fillna(False)
        good = ledger["truth"] == "good"
        if self._counted is not None:
            self._counted(len(ledger))
        return Count(
            strips=int(acquired.sum()),
            late=int((acquired & ~in_time).sum()),
            false_rejects=int((good & (ledger["fate"] != "accepted")).sum()),
            good=int(good.sum()),
            slots=len(ledger),
        )

    def shortest_slot_us(self, layout: Layout, name: str, replication: int) -> int | None:
        """Shortest slot of the layout at which the claim holds, by bisection; None where even the longest is too short.

        Exact to `STEP_US`, if a longer slot is never worse. A slot that brings more work than the workers can do does
        not hold, even where a replication ends before the backlog is late.
        """
        short = shortest_built_us(layout)
        if not self._holds(layout, name, replication, LONGEST_US):
            return None
        if self._holds(layout, name, replication, short):
            return short
        long = LONGEST_US
        while long - short > STEP_US:  # short is too short, long holds
            middle = (short + long) // 2 // STEP_US * STEP_US
            if middle <= short:
                break
            if self._holds(layout, name, replication, middle):
                long = middle
            else:
                short = middle
        return long

    def _holds(self, layout: Layout, name: str, replication: int, slot_us: int) -> bool:
        work_us = STRIPS_A_SLOT[layout.feed] * self._tape(name, replication)[1]
        if work_us > layout.workers * slot_us:
            return False
        return self.load(replace(layout, slot_us=slot_us), name, replication).holds(self._quantile)

    def _tape(self, name: str, replication: int) -> tuple[Tape, float]:
        """Durations of a replication, and their mean in us."""
        key = (name, replication)
        if key not in self._tapes:
            drawn = profile(name, seed=self._seed, replication=replication)
            durations_us = {(fed.product, fed.run): drawn.service_us(fed) for fed in self._feed}
            self._tapes[key] = Tape(durations_us), sum(durations_us.values()) / len(durations_us)
        return self._tapes[key]


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
