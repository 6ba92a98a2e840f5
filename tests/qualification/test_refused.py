"""Frames that cannot be judged: the strip is rejected, says why, and the result replays and verifies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from harness.geometry import PAPER
from harness.inspection.detector import Explanation, Inspection, Scores
from harness.inspection.frame_check import DRAWN
from harness.line import Fed
from harness.qualification.again import concluded_again
from harness.qualification.inspector import (
    Inspector,
    frame_check_of,
    refused_from_table,
    scores_from_table,
    scores_table,
)
from harness.qualification.replay import replay_result
from harness.qualification.run import qualify
from harness.scenario import DetectorChoice, KitChoice, load_scenario
from harness.strips.kit import Strip, draw_kit, good_strips, register_text
from harness.strips.recording import open_recording
from harness.strips.renderer import Renderer

ROOT = Path(__file__).parents[2]
SYRINGE = ROOT / "tests" / "data" / "syringe"
DARK = "frame 1: dark: expected backlight of 208.5 to 219.5 levels, got "


class DimRenderer(Renderer):
    """Draws the second run at half the light."""

    def frames(self, strip: Strip, run: int, numbers: Sequence[int] | None = None) -> NDArray[np.uint8]:
        """As the strip is, or dark."""
        frames = super().frames(strip, run, numbers)
        return frames // 2 if run == 2 else frames


class Counting:
    """Accepts everything, and counts what it was asked."""

    name, digest, joint = "counting", "0" * 64, False
    stages_us = {"crop": 10_000_000}  # noqa: RUF012  # as the protocol has it

    def __init__(self) -> None:
        self.asked = 0

    def score(self, inspection: Inspection) -> Scores:
        """All zeros."""
        self.asked += 1
        return np.zeros(inspection.geometry.shape, np.float32)

    def explain(self, inspection: Inspection) -> Explanation:
        """Zero residual."""
        return Explanation(np.zeros((*inspection.geometry.shape, 256, 256), np.float32), None)


def inspector_of(detector: Counting) -> Inspector:
    """Of two good strips, the second run dark."""
    strips = {strip.product: strip for strip in good_strips("frame check", 2, seed=914)}
    return Inspector(detector, DimRenderer(seed=914), strips, np.ones(4, np.float32), "recipe")


def test_dark_frames_are_rejected_and_never_scored() -> None:
    """The detector is not asked, every score is NaN, and the outcome says that it was the check of frames."""
    detector = Counting()
    inspector = inspector_of(detector)
    (product, _) = inspector.strips
    good, dark = (inspector.inspect(Fed(product, run, "good")) for run in (1, 2))
    assert (good.reject, good.cause, dark.reject, dark.cause) == (False, "", True, "frame_check")
    assert detector.asked == 1
    assert np.isnan(inspector.scores[product, 2]).all()
    assert list(inspector.refused) == [(product, 2)]
    assert inspector.refused[product, 2].startswith(DARK)


def test_the_check_is_timed_with_the_crop() -> None:
    """What it took is in the stage `crop`: added to the detector's own, or all there is."""
    inspector = inspector_of(Counting())
    (product, _) = inspector.strips
    good, dark = (inspector.inspect(Fed(product, run, "good")) for run in (1, 2))
    assert good.stages_us["crop"] > 10_000_000
    assert 0 < dark.stages_us["crop"] < 10_000_000
    assert dark.stages_us.keys() == {"crop", "verdict"}


def test_frames_that_come_again_are_stale_but_not_in_the_warm_up() -> None:
    """A warm-up strip may be shown just before the product it shows; the same strip twice is stale."""
    inspector = inspector_of(Counting())
    (product, _) = inspector.strips
    feed = [Fed(product, 1, "good", warm_up=True)] * 2 + [Fed(product, 1, "good")] * 2
    assert [inspector.inspect(fed).cause for fed in feed] == ["", "", "", "frame_check"]


def test_bounds_hold_for_drawn_strips_only() -> None:
    """A recording is asked what needs no knowledge of its product."""
    assert frame_check_of(Renderer(seed=1)).bounds == DRAWN
    assert frame_check_of(open_recording(SYRINGE)).bounds is None


def test_refused_acquisitions_are_stored_beside_their_scores() -> None:
    """A column that is there only where frames were refused, and gives the reasons back."""
    keys = [("A", 1), ("A", 2), ("B", 1)]
    scores = {key: np.zeros(PAPER.shape, np.float32) for key in keys}
    plain = scores_table(scores, PAPER.frames, joint=False, refused={})
    assert "refused" not in plain
    assert refused_from_table(plain) == {}
    refused = {("A", 2): "frame 1: dark", ("B", 1): "frame 8: torn"}
    table = scores_table(scores, PAPER.frames, joint=False, refused=refused)
    assert refused_from_table(table) == refused
    assert table[plain.columns.tolist()].equals(plain)
    assert scores_from_table(table, PAPER.shape).keys() == scores.keys()


def test_a_result_with_refused_frames_replays_and_verifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ledger to the byte with the cause of its own, and every conclusion again."""
    monkeypatch.setattr("harness.qualification.setup.Renderer", DimRenderer)
    kit = draw_kit("small", {"stuck_particle": 1}, 2, seed=3, letters=("SD", "SG"))
    (tmp_path / "small.csv").write_text(register_text(kit))
    scenario = load_scenario(ROOT / "scenarios" / "knapp.toml")
    scenario = scenario.model_copy(
        update={
            "kit": KitChoice(register="small.csv", runs=2, required=1),
            "line": scenario.line.model_copy(update={"warm_up_strips": 2}),
            "detector": DetectorChoice(factory="truth"),
        }
    )
    done = qualify(scenario, where=tmp_path / "s.toml", out=tmp_path / "result")
    ledger = pd.read_parquet(done.folder / "ledger.parquet")
    assert set(ledger.loc[ledger["run"] == 2, "cause"]) == {"frame_check"}
    assert "frame_check" not in set(ledger.loc[ledger["run"] != 2, "cause"])
    refused = refused_from_table(pd.read_parquet(done.folder / "scores.parquet"))
    assert refused.keys() == {(strip.product, 2) for strip in kit.strips}
    assert all(why.startswith(DARK) for why in refused.values())
    assert replay_result(done.folder).same
    assert replay_result(done.folder, rescore=True).largest_score_difference == 0.0
    assert concluded_again(done.folder) == []
