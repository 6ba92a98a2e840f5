"""Machines that are wrong on purpose: the rules that never bend must catch each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.errors import InvariantBroken
from harness.line import Layout, LineRecord
from harness.line.audit import EVENTS_KEPT, Audit
from harness.line.faults import RESTART_SLOTS
from harness.line.tracking import Tracking
from harness.scenario import FaultChoice
from tests.line.mutants import ClearsOnStale, LatchesOpen, LateForNext, OffByOneAfterRestart

Run = Callable[..., LineRecord]


def test_a_late_result_for_the_next_strip_is_caught(run: Run) -> None:
    """The next strip would be let through on the verdict of another."""
    with pytest.raises(InvariantBroken, match="rejected unless proven good: the strip of slot 1 was let through"):
        run(3, durations={"P0": 105, "P1": 90}, tracking=LateForNext(1, "r"))


@pytest.mark.parametrize("stages", [1, 3, 4])
def test_a_register_off_by_one_is_caught(run: Run, small: Layout, stages: int) -> None:
    """Too long or too short, the first strip at the gate is not the one that is tracked there."""
    with pytest.raises(InvariantBroken, match=r"identity travels by shift register: tracked slot None|at the gate"):
        run(6, layout=replace(small, pockets_to_gate=2), tracking=Tracking(stages, "r"))


def test_a_register_off_by_one_after_a_restart_is_caught(run: Run) -> None:
    """Before the stop all is well; after it the strip at the gate is not the one that is tracked there."""
    with pytest.raises(InvariantBroken, match=r"identity travels by shift register: tracked slot None at the gate"):
        run(9, faults=[FaultChoice(kind="slip", at_slot=(3,))], tracking=OffByOneAfterRestart(1, "r"))


@pytest.mark.parametrize("kind", ["result_stale", "wrong_identity", "result_duplicate"])
def test_a_gate_that_clears_on_any_verdict_is_caught(run: Run, kind: str) -> None:
    """A strip would be let through on a verdict that is not its own, or came twice."""
    with pytest.raises(InvariantBroken, match="the strip of slot 2 was let through without its own verdict"):
        run(4, faults=[FaultChoice(kind=kind, at_slot=(2,))], tracking=ClearsOnStale(1, "r"))


def test_accepting_what_has_no_result_is_caught(run: Run) -> None:
    """Rejected unless proven good, not accepted unless proven bad."""
    with pytest.raises(InvariantBroken, match="the strip of slot 1 was let through"):
        run(3, faults=[FaultChoice(kind="result_lost", at_slot=(1,))], tracking=LatchesOpen(1, "r"))


def test_the_message_says_how_to_repeat_it(run: Run) -> None:
    """Seed, replication, recipe, the last events, one command line."""
    with pytest.raises(InvariantBroken) as caught:
        run(3, durations={"P0": 105, "P1": 90}, tracking=LateForNext(1, "r"), seed=11)
    message = str(caught.value)
    assert "(seed 11, replication 0, recipe r)" in message
    assert "\n  100 us: slot 1: loaded\n" in message
    assert message.endswith("repeat with: python -m harness validate SCENARIO --seed 11")


@pytest.fixture
def audit() -> Audit:
    """An audit with strips of slots 1 and 2 on board."""
    audit = Audit(seed=7, replication=0, recipe="r")
    audit.loaded(1)
    audit.loaded(2)
    return audit


def test_a_lost_strip_is_caught(audit: Audit) -> None:
    """Two were fed, one is on board, none has left."""
    audit.check(10, 2)
    with pytest.raises(InvariantBroken, match=r"2 is not 0 \+ 0 \+ 0 \+ 1"):
        audit.check(10, 1)


def test_time_that_goes_back_is_caught(audit: Audit) -> None:
    """Equal times are fine, earlier ones are not."""
    audit.check(10, 2)
    audit.check(10, 2)
    with pytest.raises(InvariantBroken, match="never goes back: 9 us after 10 us"):
        audit.check(9, 2)


def test_a_second_fate_is_caught(audit: Audit) -> None:
    """A strip leaves once."""
    audit.left(1, "rejected")
    with pytest.raises(InvariantBroken, match="the strip of slot 1 is removed but has left before"):
        audit.left(1, "removed")


def test_a_machine_that_stays_down_is_caught(audit: Audit) -> None:
    """The stated number of slots is enough; one more is not; an index starts the count again."""
    for _ in range(RESTART_SLOTS):
        audit.stands_still()
    audit.turns()
    for _ in range(RESTART_SLOTS):
        audit.stands_still()
    with pytest.raises(InvariantBroken, match="producing again after"):
        audit.stands_still()


def test_results_for_strips_that_are_gone_prove_nothing(audit: Audit) -> None:
    """A result after the strip has left is forgotten, whatever it says."""
    audit.left(1, "rejected")
    audit.delivered(1, proves_good=True)
    audit.loaded(3)
    audit.delivered(3, proves_good=True)
    audit.left(3, "accepted")
    assert audit.conservation(1) == {"fed": 3, "accepted": 1, "rejected": 1, "removed": 0, "on_board": 1}


def test_only_the_last_events_are_kept(audit: Audit) -> None:
    """The message stays short in a long run."""
    for number in range(100):
        audit.note(number, "loaded", number)
    with pytest.raises(InvariantBroken) as caught:
        audit.broken("a rule")
    assert str(caught.value).count(" us: slot ") == EVENTS_KEPT
