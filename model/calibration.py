"""Thresholds from calibration scores: one per region, tuned anew at each of the paper's three levels.

The paper maximises accuracy on labelled goods, at patch level (Table 1), strip level (Table 2) and by k of n runs
(Table 3). By k of n it is the accuracy to be expected of another n runs: whether a product of a few dozen was right
in seven or in six runs is a matter of luck, and a threshold fitted to it does worse on other products. Ties go to the
middle of the widest gap, so that a threshold stands clear of the scores it separates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

Scores = NDArray[np.float32]
Truth = NDArray[np.bool_]
START_QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 1.0)
"""Of the good ones' scores; from fewer starts the ascent misses the best thresholds now and then (a test holds it)."""
SWEEPS = 6
MOST_GAPS = 1500


def patch_thresholds(scores: Scores, defective: Truth) -> NDArray[np.float32]:
    """Per region, the threshold with the best accuracy on labelled patches.

    Args:
        scores: float32 (..., region).
        defective: bool of the same shape.

    Returns:
        float32 (region,).
    """
    regions = scores.shape[-1]
    flat, truth = _rejecting(scores).reshape(-1, regions), defective.reshape(-1, regions)
    chosen = []
    for region in range(regions):
        values, labels = flat[:, region], truth[:, region]
        gaps = _Gaps.between(values)
        good, bad = np.sort(values[~labels]), np.sort(values[labels])
        right = np.searchsorted(good, gaps.middle, "right") + len(bad) - np.searchsorted(bad, gaps.middle, "right")
        chosen.append(gaps.best(right.astype(float)))
    return np.array(chosen, np.float32)


def strip_thresholds(scores: Scores, defective: Truth) -> NDArray[np.float32]:
    """Per region, tuned together: the best accuracy over single runs of strips.

    Args:
        scores: float32 (product, run, frame, vial, region).
        defective: bool (product,).
    """

    def right(reject: Truth) -> NDArray[np.float64]:
        return np.asarray((reject == defective[:, None]).mean(axis=(-2, -1)), float)

    return _ascend(_rejecting(scores).max(axis=(2, 3)), defective, right)


def k_of_n_thresholds(scores: Scores, defective: Truth, *, required: int) -> NDArray[np.float32]:
    """Per region, tuned together: the most products to be expected right in at least `required` of another n runs.

    Args:
        scores: float32 (product, run, frame, vial, region).
        defective: bool (product,).
        required: k, 1 to the number of runs n.

    Source:
        A product that was right in x of n runs is taken to be right in another with the chance x / n, the likeliest;
        the number of another n runs is then binomial. A uniform prior on that chance, which says before any run that
        a product is wrong half of the time, expects errors that do not come: see docs/detector.md.
    """
    runs = scores.shape[1]
    seen = np.arange(runs + 1)
    chance = np.asarray(binom.sf(required - 1, runs, seen / runs), np.float64)

    def right(reject: Truth) -> NDArray[np.float64]:
        return np.asarray(chance[(reject == defective[:, None]).sum(axis=-1)].sum(axis=-1), np.float64)

    return _ascend(_rejecting(scores).max(axis=(2, 3)), defective, right)


def _rejecting(scores: Scores) -> Scores:
    """The same scores, infinite where they are no finite number: inspection rejects those at any threshold."""
    return np.asarray(np.where(np.isfinite(scores), scores, np.inf), np.float32)


def _ascend(largest: Scores, defective: Truth, right: Callable[[Truth], NDArray[np.float64]]) -> NDArray[np.float32]:
    """Coordinate ascent over regions from several starts.

    Args:
        largest: float32 (product, run, region), each region's largest score of a run; infinite where it must reject.
        defective: bool (product,).
        right: bool (..., product, run) of rejects to what is to be made large.
    """
    regions = largest.shape[-1]
    best_value, best = -np.inf, np.zeros(regions, np.float32)
    good = largest[~defective].reshape(-1, regions) if (~defective).any() else largest.reshape(-1, regions)
    for quantile in START_QUANTILES:
        thresholds = np.quantile(good, quantile, axis=0, method="higher").astype(np.float32)
        value = -np.inf
        for _ in range(SWEEPS):
            for region in range(regions):
                others = np.delete(np.arange(regions), region)
                elsewhere = (largest[..., others] > thresholds[others]).any(axis=-1)
                gaps = _Gaps.between(largest[..., region])
                values = np.concatenate(
                    [
                        np.atleast_1d(right(elsewhere | (largest[..., region] > part[:, None, None])))
                        for part in np.array_split(gaps.middle, max(1, len(gaps.middle) // 128))
                    ]
                )
                thresholds[region] = gaps.best(values)
            if values.max() <= value + 1e-12:
                break
            value = float(values.max())
        if value > best_value:
            best_value, best = value, thresholds.copy()
    return best


@dataclass(frozen=True)
class _Gaps:
    """Where a threshold may stand: one gap between neighbouring scores each, and one beyond each end.

    Every threshold t with below <= t < above decides alike, since a score equal to its threshold is accepted.

    Attributes:
        below: float32 (n,), the score under each gap.
        middle: float32 (n,), its middle.
        above: float32 (n,), the score over it.
    """

    below: Scores
    middle: Scores
    above: Scores

    @classmethod
    def between(cls, scores: Scores) -> _Gaps:
        """All gaps of the finite ones among these scores; at most 1,500, evenly by rank."""
        ordered = np.unique(scores[np.isfinite(scores)])
        if len(ordered) == 0:
            raise ValueError("scores: expected at least one finite score in each region, got none")
        margin = np.float32(0.01) * np.maximum(ordered[-1] - ordered[0], np.float32(1e-6))
        first = np.minimum(ordered[0] - margin, np.nextafter(ordered[0], np.float32(-np.inf)))
        last = np.maximum(ordered[-1] + margin, np.nextafter(ordered[-1], np.float32(np.inf)))
        below, above = np.concatenate([[first], ordered]), np.concatenate([ordered, [last]])
        middle = _middle(below, above)
        middle[0], middle[-1] = first, last
        if len(middle) > MOST_GAPS:
            kept = np.linspace(0, len(middle) - 1, MOST_GAPS).round().astype(int)
            return cls(below[kept], middle[kept], above[kept])
        return cls(below, middle, above)

    def best(self, values: NDArray[np.float64]) -> np.float32:
        """The middle of the widest stretch of neighbouring gaps that share the largest value."""
        tied = np.nonzero(values >= values.max() - 1e-12)[0]
        runs = np.split(tied, np.nonzero(np.diff(tied) > 1)[0] + 1)
        widest = max(runs, key=lambda run: float(self.above[run[-1]] - self.below[run[0]]))
        if len(widest) == 1:
            return np.float32(self.middle[widest[0]])
        return np.float32(_middle(self.below[widest[0]], self.above[widest[-1]]))


def _middle(below: Scores, above: Scores) -> Scores:
    """Half-way, and never as high as `above`: between neighbouring numbers that is `below` itself."""
    middle = (0.5 * (below.astype(np.float64) + above)).astype(np.float32)
    return np.asarray(np.where(middle < above, middle, below), np.float32)
