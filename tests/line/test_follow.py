from __future__ import annotations

from collections.abc import Callable

from harness.line import LineRecord
from harness.line.follow import told
from harness.scenario import FaultChoice

Run = Callable[..., LineRecord]


def words(record: LineRecord) -> list[str]:
    """The lines, with the microseconds of the small line in place of its seconds."""
    return [line.split(" s  ", 1)[1] for line in told(record.ledger)]


def test_two_strips_as_they_happened(run: Run) -> None:
    """Every event of both, in the order of time; the states of the machine stand before what they bring."""
    assert words(run(2, rejects=["P1"])) == [
        "slot 0  machine: Resetting, Idle, Starting, Execute",
        "slot 0  P0 run 1: loaded into pocket 0, exposures begin",
        "slot 0  P0 run 1: frames at the computer, 0 waiting",
        "slot 0  P0 run 1: inspection begins",
        "slot 0  P0 run 1: inspection ends",
        "slot 0  P0 run 1: verdict accept",
        "slot 1  P1 run 1: loaded into pocket 1, exposures begin",
        "slot 0  P0 run 1: at the gate",
        "slot 1  P1 run 1: frames at the computer, 0 waiting",
        "slot 1  P1 run 1: inspection begins",
        "slot 0  P0 run 1: seen by the sensor, accepted",
        "slot 1  P1 run 1: inspection ends",
        "slot 1  P1 run 1: verdict reject",
        "slot 2  machine: Completing",
        "slot 2  pocket 2: no strip",
        "slot 1  P1 run 1: at the gate",
        "slot 1  P1 run 1: seen by the sensor, rejected: score",
    ]


def test_times_are_seconds(run: Run) -> None:
    """The sensor of the second strip, 240 us after the start of the small line."""
    assert list(told(run(2).ledger))[-1].startswith("     0.000 s  slot 1")


def test_what_goes_wrong_is_said(run: Run) -> None:
    """Late, not its own, slipped, missed by the gripper, drawn along, standing still."""
    assert "slot 0  P0 run 1: verdict accept, after the cut-off" in words(run(1, durations={"P0": 90}))
    stale = words(run(2, faults=[FaultChoice(kind="wrong_identity", products=("P1",))]))
    assert "slot 1  P1 run 1: a result that is not its own" in stale
    slipped = words(run(3, faults=[FaultChoice(kind="slip", at_slot=(1,))]))
    assert "slot 0  P0 run 1: then removed: slip" in slipped
    assert "slot 1  machine: Aborting, Aborted" in slipped
    assert "slot 1  pocket 2: the carousel slipped, everything on the way to the gate is removed" in slipped
    assert sum("the machine stands still" in line for line in slipped) == 4
    missed = words(run(2, faults=[FaultChoice(kind="empty_pocket", at_slot=(1,))]))
    assert "slot 1  pocket 1: the gripper missed the strip, which waits" in missed
    doubled = words(run(4, faults=[FaultChoice(kind="double_load", at_slot=(1,))]))
    assert "slot 2  P2 run 1: drawn along with the strip before" in doubled


def test_nothing_fed_is_nothing_told(run: Run) -> None:
    """An empty ledger has no lines."""
    assert words(run(0)) == []
