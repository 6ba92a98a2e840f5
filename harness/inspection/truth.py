"""A detector built from the truth: it proves that line, policy and report do what they should. It qualifies nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

import numpy as np

from harness.inspection.detector import Explanation, Inspection, Scores, inspection_key


class TruthDetector:
    """Scores 1.0 for every patch of a defective product and 0.0 for a good one; may be told to be wrong.

    Args:
        defective: Whether each product is defective.
        runs: Runs it will be asked about, from 1.
        wrong: (product, run) pairs for which it says the opposite.
    """

    joint = False
    stages_us: Mapping[str, int] = {}

    def __init__(self, defective: Mapping[str, bool], runs: int, *, wrong: Collection[tuple[str, int]] = ()) -> None:
        self.name = "truth-reading detector"
        self.digest = hashlib.sha256(repr(sorted(defective.items())).encode()).hexdigest()
        self._defective = {
            inspection_key(product, run)
            for product, is_defective in defective.items()
            for run in range(1, runs + 1)
            if is_defective != ((product, run) in wrong)
        }

    def score(self, inspection: Inspection) -> Scores:
        """All ones, or all zeros."""
        return np.full(inspection.geometry.shape, float(inspection.key in self._defective), np.float32)

    def explain(self, inspection: Inspection) -> Explanation:
        """Zero residual: the truth has no picture."""
        return Explanation(np.zeros((*inspection.geometry.shape, 256, 256), np.float32), None)
