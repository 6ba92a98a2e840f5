from __future__ import annotations

from dataclasses import replace

import pytest

from harness.line import Layout
from harness.line.stress import LONGEST_US, STEP_US, Count, Stress, shortest_built_us


@pytest.fixture
def stress() -> Stress:
    """Just enough strips for p99."""
    return Stress(seed=7, strips=470)


def test_shortest_slot_of_a_constant_latency_is_arithmetic(stress: Stress) -> None:
    """Cut-off - frames = pockets * slot - 12 ms must hold 487.3 ms: 499.3 ms, on the grid 499.5; two pockets: 487.5."""
    assert stress.shortest_slot_us(Layout(), "table2-as-seconds", 0) == 499_500
    assert stress.shortest_slot_us(Layout(pockets_to_gate=2), "table2-as-seconds", 0) == 487_500
    assert stress.shortest_slot_us(Layout(workers=2), "table2-as-seconds", 0) == 499_500
    assert stress.shortest_slot_us(Layout(workers=2, pockets_to_gate=2), "table2-as-seconds", 0) == 398_500


def test_spread_costs_slot(stress: Stress) -> None:
    """With 5 % about the mean the slot must be longer; the slot before the one found does not hold."""
    found = stress.shortest_slot_us(Layout(), "table2-as-seconds-5", 0)
    assert found is not None
    assert found > 520_000
    at, before = (
        stress.load(replace(Layout(), slot_us=us), "table2-as-seconds-5", 0) for us in (found, found - STEP_US)
    )
    assert at.holds(0.99)
    assert not before.holds(0.99)


def test_a_slot_that_never_holds_is_none() -> None:
    """Too few strips for the claim: no slot length helps."""
    assert Stress(seed=7, strips=100).shortest_slot_us(Layout(), "table2-as-seconds", 0) is None


def test_the_machine_itself_may_be_what_limits(stress: Stress) -> None:
    """A fast enough computer leaves what exposures and sensor need."""
    layout = Layout(pockets_to_gate=2, workers=2)
    assert stress.shortest_slot_us(layout, "two-core-reference", 0) == shortest_built_us(layout) == 398_500
    assert Layout(slot_us=shortest_built_us(layout)).slot_us < LONGEST_US


def test_what_has_no_chance_in_it_is_measured_once(stress: Stress) -> None:
    """Neither duration nor arrivals drawn: every replication is the same, and one stands for all."""
    assert stress.without_chance(Layout(), "table2-as-seconds")
    assert not stress.without_chance(Layout(feed="poisson"), "table2-as-seconds")
    assert not stress.without_chance(Layout(), "table2-as-seconds-1")
    assert not stress.without_chance(Layout(), "two-core-reference")
    line = Layout(feed="bursty", slot_us=490_000)
    assert stress.load(line, "table2-as-seconds", 0) == stress.load(line, "table2-as-seconds", 1)


def test_late_good_strips_are_the_false_rejects(stress: Stress) -> None:
    """The detector is never wrong here, so what a good strip is rejected for is time; counts add up."""
    count = stress.load(Layout(slot_us=490_000), "table2-as-seconds", 0)
    assert (count.strips, count.good) == (470, 235)
    assert count.late == 470
    assert count.false_rejects == 235
    assert count + count == Count(940, 940, 470, 470, 2 * count.slots)


def test_slots_are_told() -> None:
    """Progress counts the slots of each replication."""
    told: list[int] = []
    count = Stress(seed=7, strips=20, counted=told.append).load(Layout(), "table2-as-seconds", 0)
    assert told == [count.slots] == [21]
