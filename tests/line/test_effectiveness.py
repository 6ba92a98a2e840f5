from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.line import Fed, Layout, LineRecord, Outcome, VirtualClock, oee, simulate
from harness.line.effectiveness import Oee
from harness.line.faults import RESTART_SLOTS
from harness.line.stations import line_summary, station_counts
from harness.scenario import FaultChoice

Run = Callable[..., LineRecord]


def figures(found: Oee) -> tuple[float | None, ...]:
    """Availability, effectiveness, quality ratio, index."""
    return found.availability, found.effectiveness, found.quality, found.index


def test_a_line_without_loss_is_one(run: Run, small: Layout) -> None:
    """Every planned slot loads a strip, and each leaves on its own side: four times exactly 1.0."""
    found = oee(run(5).ledger, small)
    assert (found.busy_us, found.production_us, found.run_time_us) == (500, 500, 100)
    assert (found.produced, found.good, found.why) == (5, 5, "")
    assert figures(found) == (1.0, 1.0, 1.0, 1.0)


def test_the_worked_example() -> None:
    """8 h planned, 6.5 h produced, 60 s a part, 340 of 350 parts good, by hand: 81.25, 89.74, 97.14, 70.83 %."""
    found = Oee(8 * 3600, int(6.5 * 3600), 60, 350, 340, {})
    assert figures(found) == pytest.approx((0.8125, 0.897435897, 0.971428571, 0.708333333))
    assert found.index == pytest.approx(60 * 340 / (8 * 3600))  # what is left when the counts in between cancel


def test_each_loss_has_its_place(run: Run, small: Layout) -> None:
    """Starved and stopped slots cost availability, missed grips effectiveness, false rejects quality."""
    starved = oee(run(4, layout=replace(small, feed="starved")).ledger, small)
    assert (figures(starved), starved.lost_us) == (
        (4 / 5, 1.0, 1.0, 4 / 5), {"Suspended": 100, "Held": 0, "Aborted": 0},
    )  # fmt: skip
    stopped = oee(run(4, faults=[FaultChoice(kind="slip", at_slot=(1,))]).ledger, small)
    assert stopped.availability == 4 / (4 + 1 + RESTART_SLOTS)
    assert (stopped.produced, stopped.effectiveness) == (3, 3 / 4)  # the strip on board was quarantined
    missed = oee(run(4, faults=[FaultChoice(kind="empty_pocket", at_slot=(1,))]).ledger, small)
    assert figures(missed) == (1.0, 4 / 5, 1.0, 4 / 5)
    wrong = oee(run(4, rejects=["P1"]).ledger, small)
    assert figures(wrong) == (1.0, 1.0, 3 / 4, 3 / 4)


def test_a_stop_after_the_last_strip_costs_nothing(run: Run, small: Layout) -> None:
    """No strip could have been loaded in its slots: there was none left."""
    stopped = oee(run(4, faults=[FaultChoice(kind="sensor_dead", products=("P3",))]).ledger, small)
    assert stopped.availability == 1.0
    assert stopped.lost_us["Aborted"] == 0


def test_two_strips_in_one_pocket_are_produced_neither(run: Run, small: Layout) -> None:
    """Effectiveness stays below one: what is removed has not been sorted."""
    found = oee(run(4, faults=[FaultChoice(kind="double_load", at_slot=(2,))]).ledger, small)
    assert (found.produced, found.effectiveness) == (2, 0.5)


def test_warm_up_is_in_no_figure(small: Layout, steady: VirtualClock) -> None:
    """Neither its slots nor its strips, also where the machine stopped while it warmed up."""
    feed = [*(Fed(f"W{number}", 0, "good", warm_up=True) for number in range(4)), Fed("P0", 1, "defective")]
    record = simulate(
        small, feed, lambda fed: Outcome(fed.product, fed.run, "r", reject=False), steady,
        recipe="r", seed=7, faults=[FaultChoice(kind="slip", at_slot=(1,))],
    )  # fmt: skip
    found = oee(record.ledger, small)
    assert (found.busy_us, found.produced, found.good) == (100, 1, 0)  # a defective one was accepted


@pytest.mark.parametrize(
    ("feed", "why"),
    [
        ([], "no slot was planned for the kit"),
        ([Fed("W0", 0, "good", warm_up=True)], "no slot was planned for the kit"),
        ([Fed("P0", 1, "good")], "no strip of the kit came through the gate"),
    ],
)
def test_an_undefined_figure_says_why(feed: list[Fed], why: str, small: Layout, steady: VirtualClock) -> None:
    """Nothing fed, nothing but warm-up, nothing that came through: no index, a reason, and no NaN in JSON."""
    record = simulate(
        small, feed, lambda fed: Outcome(fed.product, fed.run, "r", reject=False), steady,
        recipe="r", seed=7, faults=[FaultChoice(kind="taken_out", products=("P0",))] if feed and feed[0].run else [],
    )  # fmt: skip
    found = oee(record.ledger, small)
    assert (found.index, found.why) == (None, why)
    assert json.dumps(line_summary(record.ledger, small), allow_nan=False)


def test_a_line_that_only_waited_says_so() -> None:
    """Busy time without production time leaves effectiveness undefined, and availability zero."""
    found = Oee(100, 0, 100, 0, 0, {"Suspended": 100})
    assert (figures(found), found.why) == ((0.0, None, None, None), "no slot was spent in Execute")


def test_stations_count_what_came_to_them(run: Run, small: Layout) -> None:
    """One crashes in the computer, one is late, one taken out by hand: each is missed where it was lost."""
    record = run(
        8, rejects=["P7"], durations={"P5": 90},
        faults=[FaultChoice(kind="detector_crash", products=("P1",)), FaultChoice(kind="taken_out", products=("P4",))],
    )  # fmt: skip
    counts = station_counts(record.ledger)
    assert counts["loaded"] == counts["acquired"] == 8
    assert counts["at_gate"] == counts["verified"] == 7
    assert counts["removed"] == 1
    assert counts["accepted"] + counts["rejected"] == 7
    assert counts["in_time"] < counts["inspected"] <= 8
    assert line_summary(record.ledger, small)["states"] == {"Execute": 8, "Completing": 1}
    assert line_summary(record.ledger, small)["layout"]["cutoff_us"] == 120
