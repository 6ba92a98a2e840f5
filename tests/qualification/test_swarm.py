from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import ResultError
from harness.line.campaign import BATCH, run_campaign
from harness.qualification.swarm import repeat_capsule, run_swarm
from harness.scenario import Scenario, load_scenario
from tests.line.mutants import ClearsOnStale

SWARM = Path(__file__).parents[2] / "scenarios" / "fault-swarm.toml"


@pytest.fixture
def scenario() -> Scenario:
    """The swarm that ships."""
    return load_scenario(SWARM)


def test_a_swarm_leaves_its_counts(scenario: Scenario, tmp_path: Path) -> None:
    """The folder holds what was counted; too few replications reach too few states, and the words say which."""
    done = run_swarm(scenario, where=SWARM, replications=2, out=tmp_path / "swarm")
    counts = json.loads((done.folder / "swarm.json").read_text())
    assert counts == done.counts
    assert (counts["replications"], counts["passed"], counts["broken_count"]) == (2, False, 0)
    assert done.in_words().startswith("NOT SHOWN SAFE: 2 of 2 replications")
    assert "never reached: " in done.in_words()
    assert [path.name for path in done.folder.iterdir()] == ["swarm.json"]


def test_a_campaign_stopped_by_time_says_how_far_it_came(scenario: Scenario, tmp_path: Path) -> None:
    """Without time one batch is run and counted; that is not what was asked, and does not pass."""
    done = run_swarm(scenario, where=SWARM, replications=1000, limit_s=0.0, out=tmp_path / "swarm", command="typed")
    assert (done.counts["asked"], done.counts["replications"], done.counts["command"]) == (1000, BATCH, "typed")
    assert (done.counts["broken_count"], done.counts["passed"]) == (0, False)
    assert done.in_words().startswith("NOT SHOWN SAFE: 25 of 1,000 replications")


def test_a_folder_that_is_there_is_not_touched(scenario: Scenario, tmp_path: Path) -> None:
    """Said before anything is simulated."""
    with pytest.raises(ResultError, match="expected a folder that does not exist yet"):
        run_swarm(scenario, where=SWARM, replications=10**9, out=tmp_path)


def test_a_capsule_of_a_fault_that_was_mended(scenario: Scenario, tmp_path: Path) -> None:
    """A capsule of a wrong register does not break on the right one, and says which rule that was."""
    path = tmp_path / "capsule.json"
    run_campaign(scenario, where="test", replications=2, tracking=ClearsOnStale).capsules[0].write(path)
    told, breaks = repeat_capsule(path)
    assert not breaks
    assert told.startswith("not broken any more: rejected unless proven good")
