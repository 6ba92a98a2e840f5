"""What a marker reaches on good strips, place by place: half of it is taken off its logits before they are judged.

At neck, meniscus and walls, where drops and bubbles crowd, a marker is hotter than in even liquid, and one threshold a
region would be too high for the one or too low for the other.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.bundle import read_array
from model.config import CELLS

Allowance = NDArray[np.float32]
"""float32 (region, 64, 64): logits, of zero mean in each region."""

QUANTILE = 0.97
"""Of the logits of good strips at a place."""

SMOOTHED_CELLS = 9
"""Cells along a side over which that quantile is averaged: its own scatter would be noise on the score."""

SHARE = 0.5
"""Of it that is allowed; in full it lets defects pass where good strips are hot.

Half was best on 140 defective and 90 good products that are in no kit, three runs each, thresholds tuned on one half of
them and tried on the other: with it .927 of the products were right, with all of it .920, with none .898."""


def allowance_of(logits: NDArray[np.floating]) -> Allowance:
    """The allowance from a marker's logits on good strips.

    Args:
        logits: (n, region, 64, 64), of any vials and runs of good strips.

    Returns:
        float32 (region, 64, 64).
    """
    reached = np.quantile(logits, QUANTILE, axis=0)
    margin = SMOOTHED_CELLS // 2
    padded = np.pad(reached, ((0, 0), (margin, margin), (margin, margin)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (SMOOTHED_CELLS, SMOOTHED_CELLS), axis=(1, 2))
    smooth = windows.mean(axis=(3, 4))
    return np.asarray(SHARE * (smooth - smooth.mean(axis=(1, 2), keepdims=True)), np.float32)


def load_allowance(path: Path) -> Allowance:
    """Read the allowance of a bundle.

    Raises:
        BundleError: No array of that kind.
    """
    return read_array(path, ("region", CELLS, CELLS))
