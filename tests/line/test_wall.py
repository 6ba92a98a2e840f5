"""The wall clock: real time, workers that are polled, and what is noted when the line itself is late."""

from __future__ import annotations

import time
from dataclasses import replace

import pandas as pd
import pytest
import simpy

from harness.line import (
    Answer,
    Duration,
    Fed,
    Inspect,
    Layout,
    Outcome,
    Tape,
    VirtualClock,
    WallClock,
    kept_period,
    simulate,
    with_lags,
)
from harness.line.clock import Service
from harness.line.wall import POLL_US

LAYOUT = Layout(
    slot_us=60_000, pockets=4, pockets_to_gate=1, exposures=2, exposure_interval_us=5_000, transfer_us=1_000,
    gate_lead_us=2_000,
)  # fmt: skip
FEED = [Fed(name, 1, "good") for name in "ABCDEF"]


class Sleeper:
    """A worker that is done so long after it was asked, and holds up the line itself when it is told to."""

    def __init__(self, takes_ms: dict[str, float] | None = None, holds_up: str = "") -> None:
        self._takes_ms = takes_ms or {}
        self._holds_up = holds_up

        self.told: list[tuple[str, str]] = []

    def begin(self, fed: Fed) -> None:
        """The first frames are there."""
        self.told.append(("begin", fed.product))

    def submit(self, fed: Fed) -> None:
        """All of them are."""
        self.told.append(("submit", fed.product))
        self._fed = fed
        self._done_ns = time.monotonic_ns() + int(self._takes_ms.get(fed.product, 8.0) * 1e6)

    def poll(self) -> Answer | None:
        """Done yet?"""
        if self._fed.product == self._holds_up:
            time.sleep(0.1)
        if time.monotonic_ns() < self._done_ns:
            return None
        return Answer(Outcome(self._fed.product, self._fed.run, "r", reject=False), self._done_ns)


def line(clock: WallClock | VirtualClock) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ledger and tape."""
    record = simulate(LAYOUT, FEED, lambda fed: Outcome(fed.product, fed.run, "r", reject=False), clock,
                      recipe="r", seed=7)  # fmt: skip
    return record.ledger, record.tape


def test_real_time_passes() -> None:
    """Six slots of 60 ms take as long by the wall, and a result counts from a poll after it was done."""
    clock, began = WallClock([Sleeper()]), time.monotonic()
    ledger, tape = line(clock)
    assert time.monotonic() - began >= 6 * 0.06
    assert (tape["service_us"] >= 8_000).all()
    assert (tape["service_us"] % POLL_US == 0).all()
    assert set(ledger["fate"]) <= {"accepted", "rejected", "empty"}


def test_a_result_after_the_cutoff_rejects() -> None:
    """Half a second for a strip of a 60 ms slot: it is rejected, and so is what piles up behind it."""
    ledger, _ = line(WallClock([Sleeper({"B": 200.0})]))
    fates = ledger.dropna(subset="product").set_index("product")["fate"]
    assert fates["B"] == "rejected"


def test_the_ledger_says_when_the_line_itself_was_held_up() -> None:
    """A poll that takes 100 ms makes the next ones late: lag and missed polls are noted, and no timing is claimed."""
    clock = WallClock([Sleeper(holds_up="C")])
    ledger, _ = line(clock)
    ledger = with_lags(ledger, clock.lags())
    row = ledger[ledger["product"] == "C"].iloc[0]
    assert row["lag_us"] > 50_000
    assert row["missed_polls"] >= 1
    (rule,) = kept_period(ledger)
    assert not rule.passed
    assert "leave a core" in rule.advice


def test_a_result_that_was_late_by_the_wall_is_late_however_late_the_poll() -> None:
    """The line is held up, catches up by asking for instants that have passed, and must not take later results there.

    C is done 80 ms after it began; its poll at 5 ms by the schedule is held up until 100 ms, when C is done.
    """
    _, tape = line(WallClock([Sleeper({"C": 80.0}, holds_up="C")]))
    assert int(tape.set_index("product").loc["C", "service_us"]) >= 80_000


def test_a_tape_of_the_wall_clock_replays_to_the_same_ledger() -> None:
    """Times and lags of the tape: the same table, to the last value."""
    clock = WallClock([Sleeper({"B": 30.0, "D": 90.0})])
    ledger, tape = line(clock)
    ledger, tape = with_lags(ledger, clock.lags()), with_lags(tape, clock.lags())
    again, _ = line(VirtualClock(Tape.from_frame(tape)))
    pd.testing.assert_frame_equal(with_lags(again, tape), ledger)


class Polling(VirtualClock):
    """Passes in polls, as on the wall, what another clock knows ahead."""

    def service(self, env: simpy.Environment, fed: Fed, inspect: Inspect) -> Service:
        """The same outcome and duration, when they have passed."""
        outcome, takes = yield from super().service(env, fed, inspect)
        for _ in range(0, takes.service_us, POLL_US):
            yield env.timeout(POLL_US)
        return outcome, takes


@pytest.mark.parametrize("policy", ["reject_newest", "reject_oldest"])
def test_a_poll_that_ends_as_the_next_frames_come_finds_the_same_queue_as_its_replay(policy: str) -> None:
    """An inspection of two slots ends when frames come; whoever sees it end, those frames find the same queue.

    In a run of the real line this instant was met by chance, and the ledger did not replay.
    """
    layout = replace(LAYOUT, overrun=policy, queue_limit=1)
    takes = {name: LAYOUT.slot_us * (2 if name == "B" else 1) for name in "ABCDEF"}
    tape = Tape({(name, 1): Duration(took_us, 0) for name, took_us in takes.items()})
    polled, replayed = (
        simulate(layout, FEED, lambda fed: Outcome(fed.product, fed.run, "r", reject=False), clock, recipe="r",
                 seed=7).ledger
        for clock in (Polling(tape), VirtualClock(tape))
    )  # fmt: skip
    assert polled["queue"].max() > 0
    pd.testing.assert_frame_equal(polled, replayed)


def test_a_worker_is_told_of_every_strip_before_its_last_frame() -> None:
    """Even while it is busy with the one before; the tape has nothing ahead, since that time has passed."""
    sleeper = Sleeper({"B": 65.0})
    _, tape = line(WallClock([sleeper]))
    assert sorted(sleeper.told) == sorted((what, name) for name in "ABCDEF" for what in ("begin", "submit"))
    assert all(sleeper.told.index(("begin", name)) < sleeper.told.index(("submit", name)) for name in "ABCDEF")
    assert (tape["ahead_us"] == 0).all()


def test_the_worker_that_began_a_strip_is_handed_it() -> None:
    """With two, as long as it is free."""
    sleepers = [Sleeper(), Sleeper()]
    simulate(replace(LAYOUT, workers=2), FEED, lambda fed: Outcome(fed.product, fed.run, "r", reject=False),
             WallClock(sleepers), recipe="r", seed=7)  # fmt: skip
    for sleeper in sleepers:
        begun, submitted = ([name for what, name in sleeper.told if what == which] for which in ("begin", "submit"))
        assert begun == submitted


def test_other_clocks_have_no_lags() -> None:
    """No columns, no rule."""
    ledger = pd.DataFrame({"product": ["A"], "run": [1]})
    assert with_lags(ledger, pd.DataFrame({"product": ["A"], "run": [1]})) is ledger
    assert kept_period(ledger) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_as_many_inspections_at_once_as_workers(workers: int) -> None:
    """Inspections that take longer than a slot overlap with two workers, and never with one."""
    sleepers = [Sleeper(dict.fromkeys("ABCDEF", 70.0)) for _ in range(workers)]
    record = simulate(
        replace(LAYOUT, workers=workers, pockets_to_gate=3), FEED,
        lambda fed: Outcome(fed.product, fed.run, "r", reject=False), WallClock(sleepers), recipe="r", seed=7,
    )  # fmt: skip
    times = record.ledger[["inference_start_us", "inference_end_us"]].dropna().sort_values("inference_start_us")
    overlap = times["inference_start_us"].iloc[1:].to_numpy() < times["inference_end_us"].iloc[:-1].to_numpy()
    assert overlap.any() == (workers == 2)
