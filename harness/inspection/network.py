"""The trained network behind the seam: crop, rebuild, score. Needs TensorFlow, and loads it late."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.errors import DetectorError
from harness.geometry import PATCH_PX, Geometry
from harness.inspection.detector import Explanation, Inspection, Patches, Scores

if TYPE_CHECKING:
    from model.bundle import Bundle, Thresholds


class NetworkDetector:
    """A bundle's network with one of its scores, for acquisitions of one geometry.

    Args:
        bundle: Name under `model/weights`, or the path of a bundle.
        geometry: Of the acquisitions; fixes the batch.
        score: `ssim`, the paper's.
        backend: `tensorflow`, or `auto` for the fastest there is, which is TensorFlow.

    Raises:
        DetectorError: The bundle cannot be used, or has no such score.
    """

    joint = False

    def __init__(self, bundle: str, geometry: Geometry, *, score: str = "ssim", backend: str = "auto") -> None:
        from model.bundle import BundleError, find_bundle, load_bundle
        from model.runtime import TensorFlowRuntime
        from model.scoring import SCORES

        if backend not in ("tensorflow", "auto"):
            raise DetectorError("detector.backend", "tensorflow or auto, the others are not built yet", backend)
        if score not in SCORES:
            raise DetectorError("detector.score", f"one of {', '.join(SCORES)}", score)
        try:
            self.bundle: Bundle = load_bundle(find_bundle(bundle))
            self._runtime = TensorFlowRuntime(self.bundle, geometry.patches)
        except BundleError as error:
            raise DetectorError(error.where, error.expected, error.got) from None
        self._score = SCORES[score]
        self.score_name = score
        self.geometry = geometry
        self.name = f"{self.bundle.network.name} ({self._runtime.name}, {score})"
        self.digest = self.bundle.digest
        self.stages_us: Mapping[str, int] = {}

    def score(self, inspection: Inspection) -> Scores:
        """Scores of one acquisition; times its own stages."""
        began = time.perf_counter_ns()
        patches = self._flat(inspection.patches)
        cropped = time.perf_counter_ns()
        rebuilt = self._runtime.rebuild(patches)
        ran = time.perf_counter_ns()
        scores = self._score(patches, rebuilt).reshape(self.geometry.shape)
        done = time.perf_counter_ns()
        self.stages_us = {
            "crop": (cropped - began) // 1000, "network": (ran - cropped) // 1000, "score": (done - ran) // 1000
        }  # fmt: skip
        return scores

    def explain(self, inspection: Inspection) -> Explanation:
        """Rebuilt patches and absolute residual."""
        from model.scoring import residual

        patches = self._flat(inspection.patches)
        rebuilt = self._runtime.rebuild(patches)
        shape = (*self.geometry.shape, PATCH_PX, PATCH_PX)
        return Explanation(residual(patches, rebuilt).reshape(shape), rebuilt.reshape(shape))

    def thresholds(self) -> Thresholds:
        """The bundle's thresholds for this score.

        Raises:
            DetectorError: None, of another model, or a region missing.
        """
        from model.bundle import BundleError, load_thresholds

        try:
            return load_thresholds(
                self.bundle.folder, model=self.digest, score=self.score_name, regions=len(self.geometry.regions)
            )
        except BundleError as error:
            raise DetectorError(error.where, error.expected, error.got) from None

    def _flat(self, patches: Patches) -> NDArray[np.uint8]:
        return np.ascontiguousarray(patches).reshape(-1, PATCH_PX, PATCH_PX)
