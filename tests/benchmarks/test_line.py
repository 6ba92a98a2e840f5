"""What a slot costs with a detector that does nothing: at most 0.2 ms, and the same in a long run as in a short one."""

from __future__ import annotations

from time import process_time

import pytest

from harness.line import Fed, Layout, NormalLatency, Outcome, VirtualClock, simulate

SHORT, LONG = 1_000, 100_000


def line_us(slots: int) -> float:
    """Processor time a slot of the whole machine, in us."""
    feed = [Fed(str(number), 1, "good") for number in range(slots)]
    clock = VirtualClock(NormalLatency("steady", 200_000))
    started = process_time()
    simulate(Layout(), feed, lambda fed: Outcome(fed.product, fed.run, "r", reject=False), clock, recipe="r", seed=7)
    return (process_time() - started) / slots * 1e6


def test_a_slot_costs_at_most_two_tenths_of_a_millisecond() -> None:
    """1,000,000 slots then take at most 200 s on one core."""
    assert line_us(10 * SHORT) <= 200.0


@pytest.mark.slow  # a hundred thousand slots
def test_a_slot_costs_the_same_in_a_long_run() -> None:
    """Cost a slot at 10^5 is that at 10^3, within half as much again."""
    line_us(SHORT)  # the first run pays for imports
    short = min(line_us(SHORT) for _ in range(5))
    assert line_us(LONG) <= 1.5 * short
