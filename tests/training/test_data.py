from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from harness.errors import DetectorError
from harness.geometry import PAPER
from harness.inspection.detector import Inspection, Scores
from harness.inspection.drift import GoodScores
from harness.strips.kit import Kit, Strip, draw_kit, good_strips, standard_kit
from harness.strips.renderer import Renderer
from harness.training.data import KEPT_PATCHES, calibrate, drawn_chunks, drawn_stacks, unusual_liquid


def test_drawn_chunks_repeat_and_never_end_on_one_strip() -> None:
    """The same seed gives the same patches; the next acquisition gives others; only the flag is never mirrored."""
    first, second = list(islice(drawn_chunks(seed=5), 2)), list(islice(drawn_chunks(seed=5), 2))
    assert first[0].patches.shape == (KEPT_PATCHES, 256, 256)
    assert np.array_equal(first[0].patches, second[0].patches)
    assert np.array_equal(first[1].mirrorable, second[1].mirrorable)
    assert not np.array_equal(first[0].patches, first[1].patches)
    assert 0.5 < first[0].mirrorable.mean() < 1.0


def test_training_goes_on_where_it_stopped() -> None:
    """A later start draws the strips that an earlier training would have come to."""
    earlier = list(islice(drawn_chunks(seed=5), 3))
    assert np.array_equal(next(iter(drawn_chunks(seed=5, start=1))).patches, earlier[2].patches)


def test_stacks_hold_all_frames_of_a_patch() -> None:
    """Three inspected frames a patch, in the order of the boxes, neck and meniscus twice; flags are not mirrored."""
    (chunk,) = islice(drawn_stacks(seed=5), 1)
    (strip,) = good_strips("training", 1, seed=5)
    frames = Renderer(seed=5).frames(strip, 1)
    expected = [PAPER.boxes[4 * vial + region] for vial in range(5) for region in (0, 1, 1, 2, 3)]
    assert chunk.stacks.shape == (25, 3, 256, 256)
    for stack, (y, x) in zip(chunk.stacks, expected, strict=True):
        np.testing.assert_array_equal(stack, frames[:, y : y + 256, x : x + 256])
    assert chunk.mirrorable.tolist() == 5 * [False, True, True, True, True]


def test_stacks_may_hold_liquids_of_scenarios() -> None:
    """About the share asked for has another liquid than usual, within what `unusual_liquid` says, repeatably."""
    usual, mixed, again = (list(islice(drawn_stacks(seed=5, unusual=share), 12)) for share in (0.0, 0.5, 0.5))
    same = [np.array_equal(first.stacks, second.stacks) for first, second in zip(usual, mixed, strict=True)]
    assert 2 <= sum(same) <= 10
    assert all(np.array_equal(first.stacks, second.stacks) for first, second in zip(mixed, again, strict=True))
    liquids = [unusual_liquid(np.random.default_rng(seed)) for seed in range(200)]
    for name, low, high in (("slosh", 1, 3.5), ("bubbles", 1, 4), ("drops", 1, 3), ("viscosity", 0.4, 2)):
        drawn = np.array([getattr(each, name) for each in liquids])
        near = 0.1 * (high - low)
        assert low <= drawn.min() < low + near
        assert high - near < drawn.max() <= high
    assert {each.agitation for each in liquids} == {0.0}


def test_training_strips_are_in_no_kit() -> None:
    """Seeds of training strips meet neither the standard kits' nor the calibration's."""
    training = {strip.seed for strip in good_strips("training", 500, seed=101)}
    for name in ("knapp", "quick", "calibration"):
        assert not training & {strip.seed for strip in standard_kit(name).strips}


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
