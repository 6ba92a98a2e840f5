from __future__ import annotations

import numpy as np
import pytest

from harness.inspection.verdict import decide


def scores(*values: float) -> np.ndarray:
    """One frame, a vial a value, one region."""
    return np.array(values, np.float32)[None, :, None]


@pytest.mark.parametrize(("score", "rejected"), [(0.5, False), (np.nextafter(np.float32(0.5), np.float32(1)), True)])
def test_a_score_at_its_threshold_is_accepted(score: float, rejected: bool) -> None:
    """The next number above it is not."""
    found = decide(scores(score), np.array([0.5], np.float32))
    assert (found.reject, found.cause) == (rejected, "score" if rejected else "")


def test_patches_by_hand() -> None:
    """Two frames, two vials, two regions: one patch above its own region's threshold rejects the strip."""
    values = np.array([[[0.1, 0.7], [0.1, 0.7]], [[0.1, 0.7], [0.3, 0.7]]], np.float32)
    found = decide(values, np.array([0.2, 0.8], np.float32))
    assert found.patches.tolist() == [[[False, False], [False, False]], [[False, False], [True, False]]]
    assert found.reject


def test_a_score_that_is_no_number_tells_its_patch_and_its_cause() -> None:
    """NaN beside a high score: rejected as invalid, since nothing was measured there; both patches are marked."""
    found = decide(scores(np.nan, 0.1, 0.9), np.array([0.5], np.float32))
    assert (found.reject, found.cause) == (True, "invalid_score")
    assert found.patches.ravel().tolist() == [True, False, True]


@pytest.mark.parametrize(("shape", "regions"), [((3, 5, 4), 3), ((3, 5, 4), 1), ((5, 4), 4), ((1, 3, 5, 4), 4)])
def test_shapes_that_do_not_match_are_refused(shape: tuple[int, ...], regions: int) -> None:
    """One threshold never serves several regions by accident."""
    with pytest.raises(ValueError, match=r"expected scores \(frame, vial, region\) and a threshold a region, got"):
        decide(np.zeros(shape, np.float32), np.zeros(regions, np.float32))
