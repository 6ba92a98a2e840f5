"""A detector to plug in that rejects everything, and its thresholds."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import numpy as np

from harness.geometry import Geometry
from harness.inspection.detector import Explanation, Inspection, Scores


class RejectsAll:
    """Scores 1.0 for every patch."""

    name = "rejects all"
    digest = hashlib.sha256(b"rejects all").hexdigest()
    joint = False
    stages_us: ClassVar[dict[str, int]] = {}

    def score(self, inspection: Inspection) -> Scores:
        """All ones."""
        return np.ones(inspection.geometry.shape, np.float32)

    def explain(self, inspection: Inspection) -> Explanation:
        """Zero residual."""
        return Explanation(np.zeros((*inspection.geometry.shape, 256, 256), np.float32), None)


def often_wrong(geometry: Geometry) -> tuple[RejectsAll, dict[str, np.ndarray]]:
    """The factory a scenario names."""
    half = np.full(len(geometry.regions), 0.5, np.float32)
    return RejectsAll(), {"patch": half, "strip": half, "seven_of_ten": half}


def short(geometry: Geometry) -> tuple[RejectsAll, dict[str, np.ndarray]]:
    """The same with a level that has a region too few."""
    detector, levels = often_wrong(geometry)
    return detector, {**levels, "good_only": levels["strip"][1:]}


def by_good_only(geometry: Geometry) -> tuple[RejectsAll, dict[str, np.ndarray]]:
    """The same with a level `good_only` that accepts everything."""
    detector, levels = often_wrong(geometry)
    return detector, {**levels, "good_only": np.ones(len(geometry.regions), np.float32)}
