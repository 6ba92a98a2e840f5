"""Thresholds from calibration scores: one per region, tuned anew at each of the paper's three levels.

The paper maximises accuracy on labelled goods, at patch level (Table 1), strip level (Table 2) and by k of n runs
(Table 3). Ties go to the midpoint of the widest gap, so that a threshold stands clear of the scores it separates.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Truth = NDArray[np.bool_]
START_QUANTILES = (0.9, 0.97, 0.99, 1.0)
SWEEPS = 6


def patch_thresholds(scores: Scores, defective: Truth) -> NDArray[np.float32]:
    """Per region, the threshold with the best accuracy on labelled patches.

    Args:
        scores: float32 (..., region).
        defective: bool of the same shape.

    Returns:
        float32 (region,).
    """
    regions = scores.shape[-1]
    flat, truth = scores.reshape(-1, regions), defective.reshape(-1, regions)
    chosen = []
    for region in range(regions):
        values, labels = flat[:, region], truth[:, region]
        candidates = _candidates(values)
        order = np.sort(values[~labels]), np.sort(values[labels])
        right = np.searchsorted(order[0], candidates, "right") + (
            len(order[1]) - np.searchsorted(order[1], candidates, "right")
        )
        chosen.append(_best(candidates, right.astype(float)))
    return np.array(chosen, np.float32)


def strip_thresholds(scores: Scores, defective: Truth) -> NDArray[np.float32]:
    """Per region, tuned together: the best accuracy over single runs of strips.

    Args:
        scores: float32 (product, run, frame, vial, region).
        defective: bool (product,).
    """

    def right(reject: Truth) -> NDArray[np.float64]:
        return np.asarray((reject == defective[:, None]).mean(axis=(-2, -1)), float)

    return _ascend(scores.max(axis=(2, 3)), defective, right)


def k_of_n_thresholds(scores: Scores, defective: Truth, *, required: int) -> NDArray[np.float32]:
    """Per region, tuned together: the most products right in at least `required` of their runs; then the most runs.

    Args:
        scores: float32 (product, run, frame, vial, region).
        defective: bool (product,).
        required: k, 1 to the number of runs.
    """

    def right(reject: Truth) -> NDArray[np.float64]:
        runs_right = (reject == defective[:, None]).sum(axis=-1)
        products = (runs_right >= required).mean(axis=-1)
        return np.asarray(products + 0.05 * runs_right.mean(axis=-1) / reject.shape[-1], float)

    return _ascend(scores.max(axis=(2, 3)), defective, right)


def _ascend(largest: Scores, defective: Truth, right: Callable[[Truth], NDArray[np.float64]]) -> NDArray[np.float32]:
    """Coordinate ascent over regions from several starts.

    Args:
        largest: float32 (product, run, region), each region's largest score of a run.
        defective: bool (product,).
        right: bool (..., product, run) of rejects to what is to be made large.
    """
    regions = largest.shape[-1]
    best_value, best = -np.inf, np.zeros(regions, np.float32)
    good = largest[~defective].reshape(-1, regions) if (~defective).any() else largest.reshape(-1, regions)
    for quantile in START_QUANTILES:
        thresholds = np.quantile(good, quantile, axis=0).astype(np.float32)
        value = -np.inf
        for _ in range(SWEEPS):
            for region in range(regions):
                others = np.delete(np.arange(regions), region)
                elsewhere = (largest[..., others] > thresholds[others]).any(axis=-1)
                candidates = _candidates(largest[..., region].ravel())
                values = np.concatenate(
                    [
                        np.atleast_1d(right(elsewhere | (largest[..., region] > part[:, None, None])))
                        for part in np.array_split(candidates, max(1, len(candidates) // 128))
                    ]
                )
                thresholds[region] = _best(candidates, values)
            if values.max() <= value + 1e-12:
                break
            value = float(values.max())
        if value > best_value:
            best_value, best = value, thresholds.copy()
    return best


def _candidates(values: Scores) -> NDArray[np.float32]:
    """Midpoints between neighbouring scores, and one beyond each end; at most 1,500, evenly by rank."""
    ordered = np.unique(values[np.isfinite(values)])
    if len(ordered) == 0:
        raise ValueError("scores: expected at least one finite score in each region, got none")
    spread = max(float(ordered[-1] - ordered[0]), 1e-6)
    ends = ordered[0] - 0.01 * spread, ordered[-1] + 0.01 * spread
    middles = np.concatenate([[ends[0]], 0.5 * (ordered[1:] + ordered[:-1]), [ends[1]]]).astype(np.float32)
    if len(middles) > 1500:
        middles = middles[np.linspace(0, len(middles) - 1, 1500).round().astype(int)]
    return middles


def _best(candidates: NDArray[np.float32], values: NDArray[np.float64]) -> np.float32:
    """The candidate with the largest value; of a tied run, its middle."""
    tied = np.nonzero(values >= values.max() - 1e-12)[0]
    runs = np.split(tied, np.nonzero(np.diff(tied) > 1)[0] + 1)
    widest = max(runs, key=lambda run: float(candidates[run[-1]] - candidates[run[0]]))
    return np.float32(0.5 * (candidates[widest[0]] + candidates[widest[-1]]))
