from __future__ import annotations

from dataclasses import replace

import pytest

from harness.line.flow import Fed, Outcome
from harness.line.tracking import Track, Tracking

STRIP = Fed("A", 2, "good")
ACCEPT = Outcome("A", 2, "r", reject=False)


@pytest.fixture
def tracking() -> Tracking:
    """A register with one strip of slot 5 at the camera, cut-off at 900."""
    tracking = Tracking(1, "r")
    tracking.load(Track(4, Fed("A", 1, "good"), cutoff_us=400))
    tracking.index()
    tracking.take_at_gate()
    tracking.index()
    tracking.load(Track(5, STRIP, cutoff_us=900))
    return tracking


def at_gate(tracking: Tracking) -> tuple[bool, str]:
    """Latch and cause of the strip when it stands at the gate."""
    tracking.index()
    track = tracking.take_at_gate()
    assert track is not None
    return track.latched, track.cause


def test_loaded_means_latched(tracking: Tracking) -> None:
    """Without any result the strip is rejected, and the cause says that none came."""
    assert at_gate(tracking) == (True, "missing")


@pytest.mark.parametrize("now_us", [0, 899, 900])
def test_its_own_accept_before_the_cutoff_clears(tracking: Tracking, now_us: int) -> None:
    """Up to the cut-off itself a verdict counts."""
    assert tracking.receive(5, ACCEPT, now_us) == ""
    assert at_gate(tracking) == (False, "")


@pytest.mark.parametrize(
    ("outcome", "now_us", "cause"),
    [
        (ACCEPT, 901, "late"),
        (replace(ACCEPT, reject=True, cause="score"), 500, "score"),
        (replace(ACCEPT, reject=True), 500, "score"),
        (replace(ACCEPT, reject=True, cause="invalid_score"), 500, "invalid_score"),
        (replace(ACCEPT, run=3), 500, "wrong_identity"),
        (replace(ACCEPT, product="B"), 500, "wrong_identity"),
        (replace(ACCEPT, recipe="other"), 500, "wrong_recipe"),
        (replace(ACCEPT, run=1), 500, "stale"),
    ],
)
def test_anything_else_leaves_it_latched(tracking: Tracking, outcome: Outcome, now_us: int, cause: str) -> None:
    """Each way of not being proven good has its own cause, and a good result afterwards does not mend it."""
    assert tracking.receive(5, outcome, now_us) == cause
    tracking.receive(5, ACCEPT, now_us)
    assert at_gate(tracking) == (True, cause)


def test_a_second_result_latches_again(tracking: Tracking) -> None:
    """Two accepts prove nothing; after the cut-off nothing counts any more, not even a second result."""
    tracking.receive(5, ACCEPT, 500)
    assert tracking.receive(5, ACCEPT, 501) == "duplicate"
    assert at_gate(tracking) == (True, "duplicate")


def test_a_second_result_after_the_cutoff_changes_nothing(tracking: Tracking) -> None:
    """The accept in time stands."""
    tracking.receive(5, ACCEPT, 500)
    assert tracking.receive(5, ACCEPT, 901) == "late"
    assert at_gate(tracking) == (False, "")


def test_a_failure_is_an_answer(tracking: Tracking) -> None:
    """The computer's own word that no result comes is the cause."""
    tracking.fail(5, "overrun")
    tracking.fail(99, "overrun")
    assert tracking.receive(5, ACCEPT, 500) == "duplicate"
    assert at_gate(tracking) == (True, "overrun")


def test_a_job_that_has_left_is_late(tracking: Tracking) -> None:
    """A result for a strip that is gone touches no other."""
    assert tracking.receive(4, replace(ACCEPT, run=1), 500) == "late"
    assert at_gate(tracking) == (True, "missing")


def test_occupancy_is_zero_or_one(tracking: Tracking) -> None:
    """A stage that is taken takes no second strip."""
    with pytest.raises(ValueError, match="expected 0 strips, got slot 5"):
        tracking.load(Track(6, STRIP, 0))


def test_what_is_not_taken_falls_off_the_end(tracking: Tracking) -> None:
    """A strip nobody took at the gate is handed out by the index, so that somebody can object."""
    assert tracking.index() is None
    fallen = tracking.index()
    assert fallen is not None
    assert fallen.slot == 5


def test_quarantine_empties_the_register(tracking: Tracking) -> None:
    """All that is tracked comes out, once."""
    assert [track.slot for track in tracking.quarantine()] == [5]
    assert tracking.quarantine() == []
    tracking.load(Track(6, STRIP, 0))
