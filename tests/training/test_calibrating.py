"""Thresholds from calibration products: what they separate, what they promise, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import DetectorError, InputError
from harness.geometry import PAPER
from harness.inspection.detector import Inspection, Scores
from harness.inspection.drift import GoodScores
from harness.strips.kit import Kit, Strip, draw_kit
from harness.strips.renderer import Renderer
from harness.training.calibrating import calibrate, calibrate_bundle


class _OneMark:
    """Scores 1.0 in the patches that hold the defect, by asking the renderer; stands in for a trained network."""

    name, digest, score_name, joint = "mark", "0" * 64, "ssim", False

    def __init__(self, kit: Kit, renderer: Renderer) -> None:
        self._answers = [
            renderer.defective_patches(strip, run).astype(np.float32) for strip in kit.strips for run in (1, 2)
        ]

    def score(self, inspection: Inspection) -> Scores:
        """The next answer."""
        assert inspection.patches.shape == (3, 5, 4, 256, 256)
        return self._answers.pop(0)


def test_calibration_separates_what_can_be_separated() -> None:
    """With a detector that is always right every level's thresholds lie between its scores, and products are named."""
    kit, renderer = draw_kit("tiny", {"stuck_particle": 2, "burn": 1}, 2, seed=1, letters=("X", "Y")), Renderer(seed=3)
    thresholds = calibrate(_OneMark(kit, renderer), kit, renderer, runs=2, required=2)  # type: ignore[arg-type]
    regions = {strip.defect.region for strip in kit.strips if strip.defect}
    for level in ("patch", "strip", "seven_of_ten"):
        assert all(0 < thresholds.levels[level][region] < 1 for region in regions)
    assert thresholds.products == ("X001", "X002", "X003", "Y001", "Y002")
    assert PAPER.shape == renderer.geometry.shape
    assert "good_only" not in thresholds.levels


class _Numbers:
    """Scores that follow from a seed; stands in for a trained network."""

    name, digest, score_name, joint = "numbers", "0" * 64, "ssim", False

    def __init__(self) -> None:
        self._rng = np.random.default_rng(5)

    def score(self, inspection: Inspection) -> Scores:
        """The next numbers; no pixel is looked at."""
        return self._rng.gamma(2.0, size=inspection.geometry.shape).astype(np.float32)


class _Blank:
    """Frames that nobody looks at."""

    geometry = PAPER

    def frames(self, strip: Strip, run: int) -> np.ndarray:
        """None."""
        return np.zeros((0, 0, 0), np.uint8)

    def defective_patches(self, strip: Strip, run: int) -> np.ndarray:
        """All of a defective strip."""
        return np.full(PAPER.shape, strip.defect is not None)


def test_good_products_alone_make_a_level() -> None:
    """The same thresholds whatever the defective products score, with what they rest on; half of the good ones each."""
    found = []
    for defective in ({"burn": 1}, {"burn": 9}):
        kit, detector = draw_kit("some", defective, 40, seed=1, letters=("X", "Y")), _Numbers()
        good = replace(kit, strips=tuple(s for s in kit.strips if s.defect is None))
        other = replace(kit, strips=tuple(s for s in kit.strips if s.defect is not None))
        ordered = replace(kit, strips=(*good.strips, *other.strips))  # so that good ones draw the same numbers
        found.append(calibrate(detector, ordered, _Blank(), runs=2, required=1, alpha=0.1))  # type: ignore[arg-type]
    assert np.array_equal(found[0].levels["good_only"], found[1].levels["good_only"])
    assert not np.array_equal(found[0].levels["strip"], found[1].levels["strip"])
    assert found[0].notes["good_only_from"] == {"alpha": 0.1, "products": 20, "rank": 19}
    kept = GoodScores.read(found[0].notes["good_scores"], regions=4, where="notes")
    assert (kept.products, len(kept.ranks)) == (40, 40)
    assert found[0].notes["good_scores"] == found[1].notes["good_scores"]


def test_too_few_good_products_make_no_level() -> None:
    """One sentence where the level was asked for."""
    kit = draw_kit("few", {"burn": 1}, 2, seed=1, letters=("X", "Y"))
    with pytest.raises(DetectorError, match=r"^calibration: good products: expected 37 or more .*, got 2$"):
        calibrate(_Numbers(), kit, _Blank(), runs=2, required=1, alpha=0.05)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        (0.01, r"^--alpha: expected 197 or more good calibration products for 0\.01, got 60$"),
        (0.0, r"^--alpha: expected a number > 0 and < 1, got 0\.0$"),
        (float("nan"), "^--alpha: expected a number > 0 and < 1, got nan$"),
    ],
)
def test_a_share_that_the_good_products_cannot_hold(alpha: float, message: str) -> None:
    """Said before a bundle is looked for."""
    with pytest.raises(InputError, match=message):
        calibrate_bundle("none", score="ssim", runs=1, required=1, recording=None, alpha=alpha)


def test_a_recording_is_not_multiplied(tmp_path: Path) -> None:
    """It brings its own products, as many as there are."""
    with pytest.raises(InputError, match=r"^--times: expected 1 where a recording brings its own products, got 2$"):
        calibrate_bundle("none", score="ssim", runs=1, required=1, recording=tmp_path, times=2)
