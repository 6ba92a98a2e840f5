"""The paper's Tables 1-3 from stored scores: patches, vials and strips counted at each level's thresholds.

Pure: scores, thresholds and truth in, counts out. Rates are for the reader to divide; nothing is rounded here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.inspection.detector import Scores

Truth = NDArray[np.bool_]


@dataclass(frozen=True)
class Confusion:
    """Right and wrong decisions, as counts."""

    detected: int
    defective: int
    accepted: int
    good: int

    @classmethod
    def count(cls, reject: Truth, defective: Truth) -> Confusion:
        """From decisions and truth of the same shape."""
        return cls(
            detected=int((reject & defective).sum()),
            defective=int(defective.sum()),
            accepted=int((~reject & ~defective).sum()),
            good=int((~defective).sum()),
        )

    def as_dict(self) -> dict[str, dict[str, int]]:
        """As in `summary.json`."""
        return {
            "right": {"right": self.detected + self.accepted, "n": self.defective + self.good},
            "defect_detected": {"right": self.detected, "n": self.defective},
            "good_accepted": {"right": self.accepted, "n": self.good},
        }


@dataclass(frozen=True)
class Acquisitions:
    """Every run of every product of a kit.

    Attributes:
        scores: float32 (product, run, frame, vial, region).
        patches: bool of the same shape, patches that hold a defect.
        defective: bool (product,).
        joint: The frames of a vial share one score, which counts once.
    """

    scores: Scores
    patches: Truth
    defective: Truth
    joint: bool = False

    def rejected(self, thresholds: NDArray[np.float32]) -> Truth:
        """bool, the shape of `scores`: patches above their region's threshold, or without a finite score."""
        return np.logical_not(np.less_equal(self.scores, thresholds) & np.isfinite(self.scores))


def region_table(runs: Acquisitions, thresholds: NDArray[np.float32]) -> list[Confusion]:
    """Table 1: patches by region, and last the vials (a vial is rejected when one of its patches is)."""
    reject, truth = runs.rejected(thresholds), runs.patches
    if runs.joint:
        reject, truth = reject[:, :, :1], np.asarray(truth.any(axis=2, keepdims=True))
    rows = [Confusion.count(reject[..., region], truth[..., region]) for region in range(reject.shape[-1])]
    return [*rows, Confusion.count(np.asarray(reject.any(axis=(2, 4))), np.asarray(truth.any(axis=(2, 4))))]


def strip_table(runs: Acquisitions, thresholds: NDArray[np.float32]) -> Confusion:
    """Table 2: strips in single runs."""
    reject = np.asarray(runs.rejected(thresholds).any(axis=(2, 3, 4)))
    return Confusion.count(reject, np.broadcast_to(runs.defective[:, None], reject.shape))


def k_of_n_table(runs: Acquisitions, thresholds: NDArray[np.float32], required: int) -> Confusion:
    """Table 3: products, right when at least `required` of their runs are."""
    reject = runs.rejected(thresholds).any(axis=(2, 3, 4))
    right = np.asarray((reject == runs.defective[:, None]).sum(axis=1) >= required)
    return Confusion.count(np.where(runs.defective, right, ~right), runs.defective)


def strip_margins(scores: Scores, thresholds: NDArray[np.float32]) -> NDArray[np.float64]:
    """One number a strip and run: the largest score over its region's threshold; above 1 is a reject.

    Args:
        scores: float32 (..., frame, vial, region).
        thresholds: float32 (region,), > 0.
    """
    margins = scores.astype(np.float64) / np.maximum(thresholds.astype(np.float64), 1e-12)
    largest: NDArray[np.float64] = np.nan_to_num(margins, nan=np.inf).max(axis=(-3, -2, -1))
    return largest


def auroc(worse: NDArray[np.float64], better: NDArray[np.float64]) -> float | None:
    """Probability that a defective one scores above a good one, ties as a half; None where either is missing.

    Source:
        Hanley & McNeil (1982), Radiology 143(1), 29-36: the area is the Mann-Whitney statistic.

    >>> auroc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875
    """
    if len(worse) == 0 or len(better) == 0:
        return None
    ordered = np.sort(better)
    below = np.searchsorted(ordered, worse, "left")
    ties = np.searchsorted(ordered, worse, "right") - below
    return float((below + 0.5 * ties).sum() / (len(worse) * len(better)))


def paper_tables(
    runs: Acquisitions, levels: Mapping[str, NDArray[np.float32]], required: int
) -> dict[str, dict[str, object]]:
    """All three, each with the thresholds of its own level, as in `summary.json`."""
    regions = region_table(runs, levels["patch"])
    return {
        "regions": {
            "thresholds": [float(value) for value in levels["patch"]],
            "rows": [row.as_dict() for row in regions],
        },
        "strip": {
            "thresholds": [float(value) for value in levels["strip"]],
            **strip_table(runs, levels["strip"]).as_dict(),
        },
        "k_of_n": {
            "thresholds": [float(value) for value in levels["seven_of_ten"]],
            "required": required,
            **k_of_n_table(runs, levels["seven_of_ten"], required).as_dict(),
        },
    }
