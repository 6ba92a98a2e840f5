from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

from harness.line import Fed, Layout, LineRecord, NormalLatency, Outcome, VirtualClock, profile, simulate
from harness.line.faults import RESTART_SLOTS
from harness.line.packml import State, changes, leads_to, way
from harness.line.swarm import plan
from harness.scenario import FaultChoice, load_scenario

Run = Callable[..., LineRecord]

PUBLISHED = """
ResettingToIdle IdleToStarting StartingToExecute ExecuteToSuspending SuspendingToSuspended UnsuspendingToExecute
ExecuteToHolding HoldingToHeld HeldToUnholding UnholdingToExecute ExecuteToCompleting CompletingToComplete
CompleteToResetting SuspendedToUnsuspending StartingToHolding UnsuspendingToHolding SuspendedToHolding
SuspendingToHolding UnholdingToHolding
ClearingToStopped StoppingToStopped StoppedToResetting AbortedToClearing AbortingToAborted
"""
"""OPC 30050 v1.01, Tables 6, 8 and 10; StoppedToRunning and AbortedToCleared by the substate that they enter."""

RUNNING = [
    "Resetting", "Idle", "Starting", "Execute", "Completing", "Complete", "Suspending", "Suspended", "Unsuspending",
    "Holding", "Held", "Unholding",
]  # fmt: skip
CLEARED = [*RUNNING, "Clearing", "Stopped", "Stopping"]


def words(record: LineRecord) -> list[str]:
    """The state of each slot."""
    return [State(number).word for number in record.ledger["packml"]]


def test_the_transitions_are_the_published_ones() -> None:
    """Every published transition is there, with Stop from every running state and Abort from every cleared one."""
    published = {tuple(name.split("To")) for name in PUBLISHED.split()}
    published |= {(state, "Stopping") for state in RUNNING} | {(state, "Aborting") for state in CLEARED}
    assert len(CLEARED) == 15
    assert {(state.word, after.word) for state in State for after in leads_to(state)} == published


def test_the_numbers_are_the_published_ones() -> None:
    """StateCurrent of the PackTags counts the 17 states so."""
    assert [State(number).word for number in range(1, 18)] == [
        "Clearing", "Stopped", "Starting", "Idle", "Suspended", "Execute", "Stopping", "Aborting", "Aborted", "Holding",
        "Held", "Unholding", "Suspending", "Unsuspending", "Resetting", "Completing", "Complete",
    ]  # fmt: skip


def test_every_way_is_one_of_transitions() -> None:
    """From any state to any other, step by step, and none at all to where the machine is."""
    for start, end in product(State, State):
        steps = (start, *way(start, end))
        assert steps[-1] is end
        assert all(after in leads_to(before) for before, after in pairwise(steps))
        assert (len(steps) == 1) == (start is end)


def test_a_run_executes_and_completes(run: Run) -> None:
    """Strips are loaded in Execute; when the last one is on its way to the gate, the machine completes."""
    record = run(3)
    assert words(record) == ["Execute", "Execute", "Execute", "Completing"]
    assert record.ledger["packml"].dtype == "int8"


def test_warm_up_is_starting(small: Layout, steady: VirtualClock) -> None:
    """The machine starts until the first strip of the kit is due; a strip that is late for it suspends nothing."""
    feed = [*(Fed(f"W{number}", 0, "good", warm_up=True) for number in range(3)), Fed("P0", 1, "good")]
    record = simulate(
        replace(small, feed="starved"), feed, lambda fed: Outcome(fed.product, fed.run, "r", reject=False), steady,
        recipe="r", seed=7,
    )  # fmt: skip
    assert words(record) == ["Starting", "Starting", "Starting", "Starting", "Execute", "Completing"]
    assert record.ledger["product"].isna().tolist() == [False, True, False, False, False, True]


def test_a_stop_aborts_and_the_restart_passes_every_step(run: Run) -> None:
    """From the slot that slipped on the machine stands in Aborted; before it executes again it is cleared and reset."""
    record = run(4, faults=[FaultChoice(kind="slip", at_slot=(1,))])
    assert words(record) == ["Execute", *["Aborted"] * (1 + RESTART_SLOTS), *["Execute"] * 3, "Completing"]
    told = [(slot, [state.word for state in passed]) for slot, passed in changes(record.ledger["packml"].tolist())]
    assert told == [
        (0, ["Resetting", "Idle", "Starting", "Execute"]),
        (1, ["Aborting", "Aborted"]),
        (6, ["Clearing", "Stopped", "Resetting", "Idle", "Starting", "Execute"]),
        (9, ["Completing"]),
        (10, ["Complete"]),
    ]


def test_a_gate_that_disagrees_aborts_from_the_next_slot_on(run: Run) -> None:
    """The slot in which the sensor disagrees had begun in Execute."""
    record = run(4, faults=[FaultChoice(kind="gate_stuck_closed", at_slot=(1,))])
    assert words(record) == ["Execute"] * 2 + ["Aborted"] * RESTART_SLOTS + ["Execute"] * 2 + ["Completing"]


def test_a_starved_infeed_suspends(run: Run, small: Layout) -> None:
    """The cause is outside: a slot without a strip is Suspended; one that the gripper missed is not."""
    starved = run(4, layout=replace(small, feed="starved"))
    assert words(starved) == ["Execute", "Suspended", "Execute", "Execute", "Execute", "Completing"]
    missed = run(2, faults=[FaultChoice(kind="empty_pocket", at_slot=(1,))])
    assert words(missed) == ["Execute", "Execute", "Execute", "Completing"]


def test_a_full_computer_holds(run: Run, small: Layout) -> None:
    """The cause is within: the pocket that stays empty because the computer is full is Held."""
    layout = replace(small, queue_limit=1, overrun="hold", pockets=12, pockets_to_gate=9)
    record = run(5, layout=layout, durations={f"P{number}": 250 for number in range(5)})
    held = record.ledger["cause"] == "held"
    running_out = record.ledger["slot"] > record.ledger.loc[record.ledger["product"].notna(), "slot"].max()
    assert held.sum() > 0
    assert {word for word, waits in zip(words(record), held & ~running_out, strict=True) if waits} == {"Held"}


def test_the_row_of_a_strip_that_was_drawn_along_is_execute(run: Run) -> None:
    """The last strip may come with the one before; its slot still belongs to the feed."""
    record = run(4, faults=[FaultChoice(kind="double_load", at_slot=(2,))])
    assert words(record) == ["Execute"] * 4


def test_a_swarm_never_stops_on_command_and_never_leaves_a_slot_undefined() -> None:
    """Whatever goes wrong, strips are loaded in Execute, stops are Aborted, and only Stopping is never passed."""
    path = Path(__file__).parents[2] / "scenarios" / "fault-swarm.toml"
    scenario = load_scenario(path)
    layout = Layout.from_choice(scenario.line, str(path))
    seen: set[State] = set()
    for replication in range(40):
        drawn = plan(scenario, layout, replication=replication)
        ledger = simulate(
            drawn.layout, [Fed(f"P{number}", 1, "good") for number in range(150)],
            lambda fed: Outcome(fed.product, fed.run, "r", reject=False),
            VirtualClock(profile(drawn.profile, seed=7, replication=replication)),
            recipe="r", faults=drawn.faults, seed=7, replication=replication,
        ).ledger  # fmt: skip
        seen |= {state for _, passed in changes(ledger["packml"].tolist()) for state in passed}
        assert set(ledger.loc[ledger["triggered_us"].notna(), "packml"]) == {State.EXECUTE}
        assert set(ledger.loc[ledger["cause"] == "stopped", "packml"]) <= {State.ABORTED}
    assert seen == set(State) - {State.STOPPING}


def test_a_line_without_strips_has_no_slot(steady: VirtualClock) -> None:
    """It starts, and completes at once."""
    ledger = simulate(
        Layout(), [], lambda fed: Outcome(fed.product, fed.run, "r", reject=False), steady, recipe="r", seed=7
    ).ledger
    assert len(ledger) == 0
    assert [slot for slot, _ in changes(ledger["packml"].tolist())] == [0]


def test_a_latency_profile_changes_no_state(run: Run, small: Layout) -> None:
    """How long an inspection takes is no matter of the machine's state, unless it is held for it."""
    slow = simulate(
        small, [Fed(f"P{number}", 1, "good") for number in range(3)],
        lambda fed: Outcome(fed.product, fed.run, "r", reject=False), VirtualClock(NormalLatency("slow", 90)),
        recipe="r", seed=7,
    )  # fmt: skip
    assert words(slow) == words(run(3))
