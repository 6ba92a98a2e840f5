"""Scores by name: what a patch's image and its rebuilt twin say. Higher is worse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from model.ssim import dissimilarity

ScoreFunction = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]]
"""uint8 and float32 (n, 256, 256) to float32 (n,)."""

SCORES: dict[str, ScoreFunction] = {"ssim": dissimilarity}
"""`ssim` is the paper's eq. 9."""


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
