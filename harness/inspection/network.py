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
    from model.runtime import MarkingRuntime, TensorFlowRuntime


class NetworkDetector:
    """A bundle's network with one of its scores, for acquisitions of one geometry.

    Args:
        bundle: Name under `model/weights`, or the path of a bundle.
        geometry: Of the acquisitions; fixes the batch.
        score: `ssim`, the paper's; `marked`, by the bundle's marker on all frames of a patch together; or another of
            `model.scoring`, for comparison.
        backend: `tensorflow`, or `auto` for the fastest there is, which is TensorFlow.

    Raises:
        DetectorError: The bundle cannot be used, or has no such score.
    """

    def __init__(self, bundle: str, geometry: Geometry, *, score: str = "ssim", backend: str = "auto") -> None:
        from model.bundle import BundleError, find_bundle, load_bundle
        from model.runtime import MarkingRuntime, TensorFlowRuntime
        from model.scoring import JOINT, MARKED, SCORES

        if backend not in ("tensorflow", "auto"):
            raise DetectorError("detector.backend", "tensorflow or auto, the others are not built yet", backend)
        if score not in (*SCORES, MARKED):
            raise DetectorError("detector.score", f"one of {', '.join([*SCORES, MARKED])}", score)
        self.joint = score in JOINT
        self._runtime: TensorFlowRuntime | MarkingRuntime
        try:
            self.bundle: Bundle = load_bundle(find_bundle(bundle))
            if score == MARKED:
                self._runtime = MarkingRuntime(self.bundle, geometry.patches, frames=len(geometry.frames))
            else:
                self._runtime = TensorFlowRuntime(self.bundle, geometry.patches)
        except BundleError as error:
            raise DetectorError(error.where, error.expected, error.got) from None
        self.score_name = score
        self.geometry = geometry
        self.name = f"{self.bundle.network.name} ({self._runtime.name}, {score})"
        marker = self.bundle.marker if score == MARKED else None
        self.digest = self.bundle.digest if marker is None else marker.digest
        self.stages_us: Mapping[str, int] = {}

    def score(self, inspection: Inspection) -> Scores:
        """Scores of one acquisition; times its own stages."""
        from model.scoring import SCORES, mark_score

        began = time.perf_counter_ns()
        patches = self._flat(inspection.patches)
        cropped = time.perf_counter_ns()
        rebuilt, logits = self._run(patches)
        ran = time.perf_counter_ns()
        if logits is None:
            frames = len(self.geometry.frames)
            scores = SCORES[self.score_name](patches, rebuilt, frames).reshape(self.geometry.shape)
        else:
            together = mark_score(logits).reshape(1, *self.geometry.shape[1:])
            scores = np.repeat(together, len(self.geometry.frames), axis=0)
        done = time.perf_counter_ns()
        self.stages_us = {
            "crop": (cropped - began) // 1000, "network": (ran - cropped) // 1000, "score": (done - ran) // 1000
        }  # fmt: skip
        return scores

    def explain(self, inspection: Inspection) -> Explanation:
        """Rebuilt patches, absolute residual, and what the marker marks."""
        from model.config import CELL_PX
        from model.scoring import residual

        patches = self._flat(inspection.patches)
        rebuilt, logits = self._run(patches)
        shape = (*self.geometry.shape, PATCH_PX, PATCH_PX)
        marks = None
        if logits is not None:
            cells = (1 / (1 + np.exp(-logits))).reshape(1, *self.geometry.shape[1:], *logits.shape[1:])
            marks = np.broadcast_to(cells.astype(np.float32).repeat(CELL_PX, -1).repeat(CELL_PX, -2), shape)
        return Explanation(residual(patches, rebuilt).reshape(shape), rebuilt.reshape(shape), marks)

    def _run(self, patches: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """(rebuilt, the marker's logits if it takes part)."""
        from model.runtime import MarkingRuntime

        if isinstance(self._runtime, MarkingRuntime):
            return self._runtime.mark(patches)
        return self._runtime.rebuild(patches), None

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
