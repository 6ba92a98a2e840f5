from __future__ import annotations

import numpy as np

from model.scoring import SCORES, heatmap, residual
from model.ssim import dissimilarity


def test_the_papers_score_is_there_by_name() -> None:
    """`ssim` is the fused 1 - SSIM."""
    assert SCORES["ssim"] is dissimilarity


def test_residual_by_hand() -> None:
    """Eq. 10: abs(X - X^), on the fixed scale of 0 to 1."""
    images = np.array([[[0, 255], [51, 102]]], np.uint8)
    rebuilt = np.array([[[0.0, 0.25], [0.5, 0.4]]], np.float32)
    found = residual(images, rebuilt)
    np.testing.assert_allclose(found, [[[0.0, 0.75], [0.3, 0.0]]], atol=1e-6)
    assert found.dtype == np.float32


def test_heatmap_by_hand() -> None:
    """Eq. 11: the least becomes 0, the most 1, each patch by itself."""
    maps = np.array([[[0.1, 0.2], [0.3, 0.5]], [[0.0, 2.0], [1.0, 0.5]]], np.float32)
    expected = [[[0.0, 0.25], [0.5, 1.0]], [[0.0, 1.0], [0.5, 0.25]]]
    np.testing.assert_allclose(heatmap(maps), expected, atol=1e-6)


def test_heatmap_of_a_flat_residual_is_cold() -> None:
    """Nothing to tell apart: all zero, nothing divided by zero."""
    assert not heatmap(np.full((1, 4, 4), 0.3, np.float32)).any()
