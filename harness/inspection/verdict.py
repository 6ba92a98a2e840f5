"""Scores and thresholds to a verdict. Pure: no pixels, no clock, no randomness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.inspection.detector import Scores


@dataclass(frozen=True)
class Verdict:
    """The decision on a strip, with what it rests on.

    Attributes:
        reject: True when any patch is rejected or any score is not a finite number.
        cause: "" for an accept; "score", "invalid_score" or "frame_check" for a reject.
        patches: bool (frame, vial, region), rejected patches.
    """

    reject: bool
    cause: str
    patches: NDArray[np.bool_]


def decide(scores: Scores, thresholds: NDArray[np.float32], *, refused: bool = False) -> Verdict:
    """Reject a strip when any patch scores above its region's threshold.

    A score equal to the threshold is accepted; a score that is not finite is never accepted.

    Args:
        scores: float32 (frame, vial, region), higher is worse.
        thresholds: float32 (region,), finite.
        refused: The check of frames did not let them be scored; rejected, whatever the scores.

    Raises:
        ValueError: Shapes do not match.

    Source:
        Section 6.2.2 of the paper: one rejected patch rejects the product.

    >>> decide(np.zeros((3, 5, 4), np.float32), np.full(4, 0.5, np.float32)).reject
    False
    """
    if scores.ndim != 3 or thresholds.shape != (scores.shape[2],):
        raise ValueError(
            f"expected scores (frame, vial, region) and a threshold a region, got {scores.shape} and {thresholds.shape}"
        )
    if refused:
        return Verdict(reject=True, cause="frame_check", patches=np.ones(scores.shape, bool))
    accepted = np.less_equal(scores, thresholds) & np.isfinite(scores)
    patches = ~accepted
    if not np.isfinite(scores).all():
        return Verdict(reject=True, cause="invalid_score", patches=patches)
    reject = bool(patches.any())
    return Verdict(reject=reject, cause="score" if reject else "", patches=patches)
