"""Scores by name: what a patch's image and its rebuilt twin say. Higher is worse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from model.config import CELL_PX, MARKED
from model.ssim import dissimilarity

ScoreFunction = Callable[[NDArray[np.uint8], NDArray[np.float32], int], NDArray[np.float32]]
"""uint8 and float32 (n, 256, 256), frame after frame, and the number of frames, to float32 (n,)."""

LOCAL_CELLS = 4
"""Cells along a side over which residuals are pooled: 16 px."""


def _ssim(images: NDArray[np.uint8], rebuilt: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    return dissimilarity(images, rebuilt)


def mean_square(images: NDArray[np.uint8], rebuilt: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Mean squared residual of each patch."""
    score: NDArray[np.float32] = np.square(residual(images, rebuilt)).mean(axis=(1, 2))
    return score


def local(images: NDArray[np.uint8], rebuilt: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Of each patch the 16 x 16 px that are darkest beside what was rebuilt."""
    return _guarded(_pooled(_missing_light(images, rebuilt)).max(axis=(1, 2)), rebuilt)


def persistent(images: NDArray[np.uint8], rebuilt: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """The same where it is least of all frames: what moved with the liquid is gone. One score for all frames."""
    pooled = _pooled(_missing_light(images, rebuilt))
    stayed = pooled.reshape(frames, -1, *pooled.shape[1:]).min(axis=0).max(axis=(1, 2))
    return _guarded(np.asarray(np.tile(stayed, frames), np.float32), rebuilt)


def _pooled(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    windows = np.lib.stride_tricks.sliding_window_view(cells, (LOCAL_CELLS, LOCAL_CELLS), axis=(1, 2))
    return np.asarray(windows.mean(axis=(3, 4)), np.float32)


@njit(cache=True, nogil=True, fastmath=True, parallel=True)
def _missing_light(images: NDArray[np.uint8], rebuilt: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (n, h / 4, w / 4): mean over each cell of max(X^ - X, 0)."""
    count, height, width = images.shape
    cells = np.zeros((count, height // CELL_PX, width // CELL_PX), np.float32)
    scale = np.float32(1.0 / 255.0)
    for index in prange(count):
        for row in range(height):
            for column in range(width):
                missing = rebuilt[index, row, column] - np.float32(images[index, row, column]) * scale
                cells[index, row // CELL_PX, column // CELL_PX] += max(missing, np.float32(0.0))
    cells /= np.float32(CELL_PX * CELL_PX)
    return cells


def _guarded(score: NDArray[np.float32], rebuilt: NDArray[np.float32]) -> NDArray[np.float32]:
    """NaN where the rebuilt image holds one: compiled with fast arithmetic, the kernel may pass over it."""
    return np.asarray(np.where(np.isfinite(rebuilt).all(axis=(1, 2)), score, np.nan), np.float32)


SCORES: dict[str, ScoreFunction] = {"ssim": _ssim, "mse": mean_square, "local": local, "persistent": persistent}
"""Scores by the rebuilt twin; `ssim` is the paper's eq. 9."""

JOINT = frozenset({"persistent", MARKED})
"""Scores that all frames of a vial and region share."""

MARK_WINDOW = 3
"""Cells along a side over which marks are pooled: 12 px, somewhat more than the smallest defects."""


def mark_score(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest mean logit over `MARK_WINDOW` x `MARK_WINDOW` cells, as log(1 + e^x): above 0 and without an upper end.

    Args:
        logits: float32 (m, 64, 64).

    Returns:
        float32 (m,).
    """
    score: NDArray[np.float32] = np.logaddexp(0.0, hottest(logits)).astype(np.float32)
    return score


def hottest(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest mean logit over `MARK_WINDOW` x `MARK_WINDOW` cells, float32 (m, 64, 64) to (m,)."""
    side = logits.shape[1] - MARK_WINDOW + 1
    rows = sum((logits[:, place : place + side] for place in range(1, MARK_WINDOW)), logits[:, :side])
    total = sum((rows[..., place : place + side] for place in range(1, MARK_WINDOW)), rows[..., :side])
    mean: NDArray[np.float32] = total.max(axis=(1, 2)) / MARK_WINDOW**2
    return mean


def residual(images: NDArray[np.uint8], rebuilt: NDArray[np.float32]) -> NDArray[np.float32]:
    """abs(X - X^) on a fixed scale, [0, 1]: eq. 10 before its normalisation.

    Args:
        images: uint8 (..., h, w).
        rebuilt: float32 of the same shape in [0, 1].
    """
    difference: NDArray[np.float32] = np.abs(images.astype(np.float32) / np.float32(255) - rebuilt)
    return difference
