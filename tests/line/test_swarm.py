from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import InputError, InvariantBroken, ScenarioError
from harness.line import KINDS, Layout
from harness.line.campaign import Campaign, run_campaign
from harness.line.capsule import Capsule, read_capsule
from harness.line.states import STATES
from harness.line.swarm import FAULTY_SLOTS, RECOVERY_SLOTS, plan, run_plan
from harness.line.tracking import Tracking
from harness.scenario import FaultChoice, Scenario, load_scenario
from tests.line.mutants import ClearsOnStale, LatchesOpen, LateForNext, OffByOneAfterRestart

SWARM = Path(__file__).parents[2] / "scenarios" / "fault-swarm.toml"


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """The scenario that ships."""
    return load_scenario(SWARM)


def campaign(scenario: Scenario, replications: int, tracking: Callable[[int, str], Tracking] = Tracking) -> Campaign:
    """A campaign in this process."""
    return run_campaign(scenario, where="test", replications=replications, tracking=tracking)


def test_the_scenario_has_every_fault(scenario: Scenario) -> None:
    """A fault that is added to the catalogue is added to the swarm."""
    assert [fault.kind for fault in scenario.faults] == list(KINDS)


def test_a_small_campaign_breaks_no_rule_and_reaches_every_state(scenario: Scenario) -> None:
    """40 replications: nothing escapes or is lost, the line recovers in time, and no state is left out."""
    done = campaign(scenario, 40)
    assert (done.replications, done.broken, done.unreached) == (40, 0, [])
    assert done.passed
    assert 0 < done.recovered_after <= RECOVERY_SLOTS
    assert all(done.injected[kind] >= done.noticed[kind] > 0 for kind in KINDS)


def test_a_plan_is_drawn_by_its_number_alone(scenario: Scenario) -> None:
    """The same replication is the same faults; some are off; none strikes after the faulty slots."""
    plans = [plan(scenario, Layout(), replication=replication) for replication in range(20)]
    assert plans[3] == plan(scenario, Layout(), replication=3)
    assert all(0 < len(drawn.faults) < len(KINDS) for drawn in plans)
    assert max(slot for drawn in plans for fault in drawn.faults for slot in fault.at_slot) < FAULTY_SLOTS
    assert {drawn.layout.overrun for drawn in plans} == {"reject_newest", "reject_oldest", "hold"}


@pytest.mark.parametrize("mutant", [LateForNext, ClearsOnStale, LatchesOpen, OffByOneAfterRestart])
def test_the_swarm_finds_each_mutant(scenario: Scenario, mutant: type[Tracking]) -> None:
    """A wrong register breaks a rule within fifteen replications, and the campaign fails."""
    done = campaign(scenario, 15, mutant)
    assert done.broken > 0
    assert not done.passed
    assert len(done.capsules) == done.broken


def test_a_machine_that_does_not_come_back_is_caught(scenario: Scenario) -> None:
    """A detector too slow for the slot never recovers, and the rule says how long it was given."""
    slow = scenario.model_copy(
        update={
            "line": scenario.line.model_copy(update={"profile": "table2-as-seconds-5"}),
            "faults": (FaultChoice(kind="stall", rate=0.1),),
        }
    )
    done = campaign(slow, 8)
    assert any(f"recovered after {RECOVERY_SLOTS} slots" in capsule.broken for capsule in done.capsules)


def test_a_state_never_reached_fails_the_campaign(scenario: Scenario) -> None:
    """A swarm without faults breaks no rule, and proves nothing."""
    done = campaign(scenario.model_copy(update={"faults": ()}), 2)
    assert (done.broken, done.passed) == (0, False)
    assert "slip quarantined" in done.unreached
    assert len(done.as_dict()["states"]) == len(STATES)


@pytest.mark.slow  # each process imports the bench anew
def test_processes_change_no_count(scenario: Scenario) -> None:
    """Two processes side by side count what one counts."""
    alone = run_campaign(scenario, where="test", replications=30)
    beside = run_campaign(scenario, where="test", replications=30, processes=2)
    assert alone.as_dict() == beside.as_dict()


def test_a_capsule_repeats_to_the_event(scenario: Scenario, tmp_path: Path) -> None:
    """Written, read and run again with the same wrong register, it breaks at the same event; with the right one not."""
    path = tmp_path / "capsule.json"
    campaign(scenario, 4, ClearsOnStale).capsules[0].write(path)
    capsule = read_capsule(path)
    with pytest.raises(InvariantBroken) as caught:
        run_plan(capsule.plan, repeat="another command", tracking=ClearsOnStale)
    assert capsule.same_event(str(caught.value))
    assert not capsule.same_event(str(caught.value).replace("us: slot", "us: another slot"))
    assert run_plan(capsule.plan).replication == capsule.plan.replication


def test_the_message_names_the_capsule(scenario: Scenario) -> None:
    """One command line repeats it."""
    broken = campaign(scenario, 15, LateForNext).capsules[0]
    last = broken.broken.splitlines()[-1]
    assert (
        last == f"repeat with: python -m harness swarm --repeat capsules/replication-{broken.plan.replication:06d}.json"
    )


def test_a_file_that_is_no_capsule(scenario: Scenario, tmp_path: Path) -> None:
    """No file, other keys and an impossible layout each say where."""
    path = tmp_path / "capsule.json"
    with pytest.raises(InputError, match=r"capsule\.json: expected a capsule"):
        read_capsule(path)
    path.write_text('{"seed": 7}')
    with pytest.raises(InputError, match=r"capsule\.json: replication: expected a capsule's value"):
        read_capsule(path)
    Capsule(plan(scenario, Layout(), replication=0), "a rule").write(path)
    path.write_text(path.read_text().replace('"pockets": 24', '"pockets": 0'))
    with pytest.raises(InputError, match=r"layout\.pockets: expected an integer >= 1, got 0"):
        read_capsule(path)


def test_a_layout_that_only_some_replications_would_draw(scenario: Scenario) -> None:
    """Frames that take longer than a slot are in time for a gate two pockets away, and for none next to the camera."""
    line = scenario.line.model_copy(update={"pockets_to_gate": 2, "transfer_ms": 600.0})
    Layout.from_choice(line, "swarm.toml")
    with pytest.raises(ScenarioError) as caught:
        campaign(scenario.model_copy(update={"line": line}), 1)
    assert str(caught.value).endswith(
        ": a swarm also draws pockets_to_gate = 1: line.gate_lead_ms:"
        " expected a cut-off after the frames are ready at 990 ms, got one at 882 ms"
    )


def test_a_profile_that_no_replication_could_draw_from(scenario: Scenario) -> None:
    """An unknown profile is told before the first replication."""
    line = scenario.line.model_copy(update={"profile": "fast"})
    with pytest.raises(ScenarioError, match=r"line\.profile: expected one of table2-as-seconds, .*, got 'fast'"):
        campaign(scenario.model_copy(update={"line": line}), 1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"faults": (FaultChoice(kind="stall", at_slot=(3,)),)}, r"faults\[0\]: expected a rate"),
        ({"faults": (FaultChoice(kind="lightning", rate=0.1),)}, r"faults\[0\]\.kind: expected one of frame_dropped"),
    ],
)
def test_a_scenario_that_is_no_swarm(scenario: Scenario, change: dict[str, object], told: str) -> None:
    """Faults need a known name and a rate."""
    with pytest.raises(ScenarioError, match=told):
        campaign(scenario.model_copy(update=change), 1)
