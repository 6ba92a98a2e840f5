"""What a detector does before the last frame has come: it costs the response nothing where the worker has the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.line import Duration, Fed, Layout, LineRecord, Outcome, Tape, VirtualClock, simulate
from harness.scenario import FaultChoice

LAYOUT = Layout(
    slot_us=100, pockets=9, pockets_to_gate=6, exposures=3, early_exposure=2, exposure_interval_us=30, transfer_us=5,
    gate_lead_us=10, queue_limit=9,
)  # fmt: skip
"""After the trigger: the second exposure at the computer 35, the last one 65."""


@dataclass(frozen=True)
class Listed:
    """A duration for each of the strips P0, P1, ..."""

    durations: Sequence[Duration]

    def takes(self, fed: Fed) -> Duration:
        """Of this strip."""
        return self.durations[int(fed.product[1:])]


def run(durations: Sequence[Duration], *, layout: Layout = LAYOUT, faults: Sequence[FaultChoice] = ()) -> LineRecord:
    """So many strips, all good."""
    feed = [Fed(f"P{number}", 1, "good") for number in range(len(durations))]
    return simulate(
        layout, feed, lambda fed: Outcome(fed.product, fed.run, "r", reject=False), VirtualClock(Listed(durations)),
        recipe="r", seed=7, faults=faults,
    )  # fmt: skip


def ends(record: LineRecord) -> list[int]:
    """Ends of the inspections."""
    return [int(end) for end in record.ledger["inference_end_us"].dropna()]


@pytest.mark.parametrize(
    ("takes", "end"),
    [
        (Duration(50), 115),
        (Duration(50, 20), 95),
        (Duration(50, 30), 85),
        (Duration(50, 40), 85),
        (Duration(50, 50), 85),
    ],
)
def test_a_worker_that_has_the_time_does_it_before_the_last_frame(takes: Duration, end: int) -> None:
    """Thirty microseconds lie between the second exposure and the last: no more than that is won."""
    assert ends(run([takes])) == [end]


def test_a_busy_worker_does_it_when_it_is_free() -> None:
    """The first strip keeps it until 275, with all of the second still to do; or until 150, 15 after its frames."""
    assert ends(run([Duration(210), Duration(50, 20)])) == [275, 325]
    assert ends(run([Duration(85), Duration(50, 20)])) == [150, 200]


@given(st.lists(st.tuples(st.integers(0, 180), st.integers(0, 180)), min_size=1, max_size=12))
def test_one_worker_does_what_there_is_in_order(parts: list[tuple[int, int]]) -> None:
    """Ahead of the last frame from the frames before it on, the rest from the last frame on, strip after strip."""
    durations = [Duration(ahead + rest, ahead) for ahead, rest in parts]
    layout = replace(LAYOUT, pockets=90, pockets_to_gate=80, queue_limit=90)
    free, expected = 0, []
    for number, (ahead, rest) in enumerate(parts):
        begun = max(free, number * 100 + layout.early_us) + ahead
        free = max(begun, number * 100 + layout.frames_us) + rest
        expected.append(free)
    assert ends(run(durations, layout=layout)) == expected


def test_nothing_ahead_is_the_machine_as_it_was() -> None:
    """Where the last but one of the exposures is does not matter then."""
    durations = [Duration(90), Duration(130), Duration(20), Duration(60)]
    one, other = (run(durations, layout=replace(LAYOUT, early_exposure=early)) for early in (1, 3))
    assert one.ledger.equals(other.ledger)


def test_its_tape_gives_the_same_ledger() -> None:
    """Both columns are in it."""
    record = run([Duration(80, 20), Duration(140, 60), Duration(30, 30)])
    assert record.tape[["service_us", "ahead_us"]].values.tolist() == [[80, 20], [140, 60], [30, 30]]
    feed = [Fed(f"P{number}", 1, "good") for number in range(3)]
    again = simulate(
        LAYOUT, feed, lambda fed: Outcome(fed.product, fed.run, "r", reject=False),
        VirtualClock(Tape.from_frame(record.tape)), recipe="r", seed=7,
    )  # fmt: skip
    assert again.ledger.equals(record.ledger)


def test_frames_that_are_held_up_leave_no_time_for_it() -> None:
    """A burst delivers them all at once."""
    burst = FaultChoice(kind="burst", at_slot=(0,))
    held, free = (ends(run([Duration(50, ahead)] * 4, faults=[burst])) for ahead in (20, 0))
    assert held[0] == free[0]
    assert all(later - earlier >= 50 for earlier, later in pairwise(held))


def test_throttling_slows_both_parts() -> None:
    """Twice as long ahead, twice as long after."""
    throttled = FaultChoice(kind="throttling", at_slot=(0,))
    assert ends(run([Duration(30, 10)], faults=[throttled])) == [65 + 40]
    assert ends(run([Duration(45, 20)], faults=[throttled])) == [65 + 10 + 50]
