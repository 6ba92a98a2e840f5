"""The wall clock with real processes: the line keeps its period, and a worker that is killed lets nothing through."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Timer
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from harness.errors import DetectorError, InputError
from harness.geometry import PAPER
from harness.inspection.detector import Inspection, Scores
from harness.line import Fed
from harness.qualification import workers as processes
from harness.qualification.inspector import Inspector
from harness.qualification.replay import replay_result
from harness.qualification.run import qualify
from harness.qualification.setup import Setup, set_up
from harness.qualification.workers import Job, WorkerProcess, spooled
from harness.scenario import DetectorChoice, KitChoice, Scenario, load_scenario
from harness.strips.kit import draw_kit, register_text

SCENARIOS = Path(__file__).parents[2] / "scenarios"


@pytest.fixture
def short(tmp_path: Path) -> Scenario:
    """The shipped scenario with a detector that reads the truth, 2 + 4 products, three runs, three warm-up strips."""
    kit = draw_kit("small", {"stuck_particle": 2}, 4, seed=3, letters=("SD", "SG"))
    (tmp_path / "small.csv").write_text(register_text(kit))
    scenario = load_scenario(SCENARIOS / "wall-clock.toml")
    return scenario.model_copy(
        update={
            "kit": KitChoice(register="small.csv", runs=3, required=2),
            "line": scenario.line.model_copy(update={"warm_up_strips": 3}),
            "detector": DetectorChoice(factory="truth"),
        }
    )


def test_a_run_in_real_time_leaves_a_whole_result_that_replays(short: Scenario, tmp_path: Path) -> None:
    """Verdicts of another process, lags in ledger and tape, and the same ledger again from the tape."""
    done = qualify(short, where=tmp_path / "s.toml", out=tmp_path / "result")
    ledger = pd.read_parquet(done.folder / "ledger.parquet")
    inspected = ledger[ledger["inference_end_us"].notna()]
    assert len(inspected) == 3 + 18
    assert inspected["lag_us"].notna().all()
    in_time = inspected["verdict_us"].notna() & (inspected["verdict_us"] <= inspected["cutoff_us"]).fillna(False)
    good = inspected["truth"] == "good"
    assert (inspected["fate"][in_time & good] == "accepted").all()
    assert (inspected["fate"][~good] == "rejected").all()
    assert any("missed by the line itself" in rule["rule"] for rule in done.summary["timing"]["rules"])
    assert replay_result(done.folder).same


def test_a_killed_worker_lets_nothing_through_and_is_started_again(
    short: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL in the middle of the run: no strip is accepted without its verdict, and the last ones are inspected."""
    made: list[WorkerProcess] = []
    begin = WorkerProcess.ready

    def ready(self: WorkerProcess) -> None:
        begin(self)
        made.append(self)
        Timer(3.0, lambda: os.kill(self.process.pid or 0, signal.SIGKILL)).start()

    monkeypatch.setattr(WorkerProcess, "ready", ready)
    longer = short.model_copy(update={"kit": KitChoice(register="small.csv", runs=10, required=7)})
    done = qualify(longer, where=tmp_path / "s.toml", out=tmp_path / "result")
    assert made[0].started == 2
    ledger = pd.read_parquet(done.folder / "ledger.parquet")
    accepted = ledger[ledger["fate"] == "accepted"]
    assert (accepted["truth"] == "good").all()
    assert (accepted["verdict_us"] <= accepted["cutoff_us"]).all()
    assert replay_result(done.folder).same


class TwoStep:
    """A detector that accepts only what it began before the last frame; module level, since processes unpickle it."""

    name, digest, joint = "two steps", "0" * 64, False
    stages_us: ClassVar[dict[str, int]] = {}

    def __init__(self) -> None:
        self.begun = ""

    def ahead(self, inspection: Inspection) -> None:
        """The frames before the last."""
        self.begun = inspection.key

    def score(self, inspection: Inspection) -> Scores:
        """0 where it was begun, 9 where not."""
        return np.full(inspection.geometry.shape, 0.0 if self.begun == inspection.key else 9.0, np.float32)


def two_steps(scenario: Scenario, where: Path) -> Setup:
    """The scenario's, with that detector."""
    return replace(set_up(scenario, where=where, quick=False, recording=None), detector=TwoStep())  # type: ignore[arg-type]


def test_a_worker_begins_what_it_is_told_of_and_ends_what_it_is_handed(short: Scenario, tmp_path: Path) -> None:
    """A strip that it began is accepted; one that it was not told of, or had waiting, is judged as a whole."""
    again = partial(two_steps, short, tmp_path / "s.toml")
    setup = again()
    strips = {strip.product: strip for strip in setup.kit.strips}
    feed = [Fed(product, 1, "good") for product in strips][:3]
    inspector = Inspector(setup.detector, setup.source, strips, np.full(4, 0.5, np.float32), "r")
    with spooled(inspector, feed) as (path, shape):
        worker = WorkerProcess(Job(again, inspector.thresholds, path, shape, PAPER), feed, inspector)
        worker.ready()

        def judged(fed: Fed) -> bool:
            worker.submit(fed)
            while (answer := worker.poll()) is None:
                time.sleep(0.01)
            return answer.outcome.reject

        first, second, third = feed
        worker.begin(first)
        time.sleep(0.5)
        assert not judged(first)
        worker.begin(third)  # comes before the second one is handed over, which was waiting
        assert judged(second)
        time.sleep(0.5)
        assert not judged(third)
        worker.begin(second)
        assert judged(third)
        assert judged(second)
        worker.close()


def broken_setup() -> None:
    """A detector that cannot be made."""
    raise DetectorError("bundle", "weights", "none")


def test_a_worker_without_a_detector_is_bad_input(tmp_path: Path) -> None:
    """Said before the line starts."""
    path = tmp_path / "frames"
    path.write_bytes(bytes(4))
    job = Job(broken_setup, np.zeros(4, np.float32), path, (1, 1, 2, 2), PAPER)
    worker = WorkerProcess(job, [], None)  # type: ignore[arg-type]
    with pytest.raises(DetectorError, match="inspection worker: expected a detector that is ready, got DetectorError"):
        worker.ready()
    worker.close()


def test_frames_that_do_not_fit_are_bad_input(short: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room is looked at before anything is drawn."""
    monkeypatch.setattr(processes.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 2**30})())
    setup = partial(set_up, short, where=tmp_path / "s.toml", quick=False, recording=None)()
    inspector = Inspector(setup.detector, setup.source, {}, setup.levels["strip"], "r")
    with pytest.raises(InputError, match="room for the frames of 1 strips"), spooled(inspector, [Fed("A", 1, "good")]):
        pytest.fail("spooled")
