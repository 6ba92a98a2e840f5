from __future__ import annotations

import numpy as np
import pytest

from model.scoring import SCORES, residual
from model.ssim import dissimilarity


def test_the_papers_score_is_there_by_name() -> None:
    """`ssim` is the fused 1 - SSIM."""
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32), np.uint8)
    rebuilt = np.full((2, 32, 32), 0.5, np.float32)
    np.testing.assert_array_equal(SCORES["ssim"](images, rebuilt, 1), dissimilarity(images, rebuilt))


def test_residual_by_hand() -> None:
    """Eq. 10: abs(X - X^), on the fixed scale of 0 to 1."""
    images = np.array([[[0, 255], [51, 102]]], np.uint8)
    rebuilt = np.array([[[0.0, 0.25], [0.5, 0.4]]], np.float32)
    found = residual(images, rebuilt)
    np.testing.assert_allclose(found, [[[0.0, 0.75], [0.3, 0.0]]], atol=1e-6)
    assert found.dtype == np.float32


def test_a_dark_square_by_hand() -> None:
    """16 x 16 px at 0.2 below what was rebuilt score 0.2 locally, and a 16th of that squared over 64 x 64 px."""
    rebuilt = np.full((1, 64, 64), 0.6, np.float32)
    images = np.full((1, 64, 64), 153, np.uint8)
    images[0, 16:32, 32:48] = 102
    assert SCORES["local"](images, rebuilt, 1) == pytest.approx([0.2], abs=1e-6)
    assert SCORES["mse"](images, rebuilt, 1) == pytest.approx([0.04 / 16], abs=1e-6)
    light = np.full((1, 64, 64), 204, np.uint8)
    assert SCORES["local"](light, rebuilt, 1) == pytest.approx([0.0], abs=1e-6)


@pytest.mark.parametrize("score", ["ssim", "mse", "local", "persistent"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_rebuilt_image_that_is_no_number_has_no_score(score: str, value: float) -> None:
    """A single pixel of it is enough, and no other patch of another place suffers."""
    images = np.full((2, 64, 64), 153, np.uint8)
    rebuilt = np.full((2, 64, 64), 0.6, np.float32)
    rebuilt[0, 20, 20] = value
    scores = SCORES[score](images, rebuilt, 1)
    assert not np.isfinite(scores[0])
    assert np.isfinite(scores[1])


def test_what_moved_does_not_persist() -> None:
    """Two frames of two patches: a dark square at one place in both persists, one at two places does not."""
    rebuilt = np.full((4, 64, 64), 0.6, np.float32)
    images = np.full((4, 64, 64), 153, np.uint8)
    images[0, 16:32, 32:48] = images[2, 16:32, 32:48] = 102  # frames 0 and 1 of the first patch
    images[1, 0:16, 0:16] = images[3, 32:48, 0:16] = 102
    assert SCORES["persistent"](images, rebuilt, 2) == pytest.approx([0.2, 0.0, 0.2, 0.0], abs=1e-6)
    assert SCORES["local"](images, rebuilt, 2) == pytest.approx([0.2] * 4, abs=1e-6)
