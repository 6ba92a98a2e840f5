"""Scores by name: what a patch's image and its rebuilt twin say. Higher is worse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from model.ssim import dissimilarity

ScoreFunction = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]]
"""uint8 and float32 (n, 256, 256) to float32 (n,)."""

SCORES: dict[str, ScoreFunction] = {"ssim": dissimilarity}
"""Scores of a patch by its rebuilt twin; `ssim` is the paper's eq. 9."""

MARKED = "marked"
"""The score of all frames of a patch by the marker's cells, `mark_score`."""

MARK_WINDOW = 2
"""Cells along a side over which marks are pooled: 8 px, the size of the smallest defects."""


def mark_score(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest mean logit over `MARK_WINDOW` x `MARK_WINDOW` cells, as log(1 + e^x): above 0 and without an upper end.

    Args:
        logits: float32 (m, 64, 64).

    Returns:
        float32 (m,).
    """
    windows = np.lib.stride_tricks.sliding_window_view(logits, (MARK_WINDOW, MARK_WINDOW), axis=(1, 2))
    score: NDArray[np.float32] = np.logaddexp(0.0, windows.mean(axis=(3, 4)).max(axis=(1, 2))).astype(np.float32)
    return score


def residual(images: NDArray[np.uint8], rebuilt: NDArray[np.float32]) -> NDArray[np.float32]:
    """abs(X - X^) on a fixed scale, [0, 1]: eq. 10 before its normalisation.

    Args:
        images: uint8 (..., h, w).
        rebuilt: float32 of the same shape in [0, 1].
    """
    difference: NDArray[np.float32] = np.abs(images.astype(np.float32) / np.float32(255) - rebuilt)
    return difference


def heatmap(residual_map: NDArray[np.float32]) -> NDArray[np.float32]:
    """Eq. 11: min-max normalised to [0, 1], a patch each. A good part then looks as hot as a bad one."""
    low = residual_map.min(axis=(-2, -1), keepdims=True)
    high = residual_map.max(axis=(-2, -1), keepdims=True)
    normalised: NDArray[np.float32] = (residual_map - low) / np.maximum(high - low, np.float32(1e-12))
    return normalised
