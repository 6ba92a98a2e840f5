"""The trained network behind the seam: crop, rebuild, score. Needs TensorFlow, and loads it late."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DetectorError
from harness.geometry import PATCH_PX, Geometry
from harness.inspection.bundle_errors import told
from harness.inspection.detector import Explanation, Inspection, Patches, Scores
from harness.system import hardware, versions

if TYPE_CHECKING:
    from model.bundle import Bundle
    from model.proof import Subject
    from model.runtime import Stepped
    from model.thresholds import Thresholds

DECISIVE = ("tensorflow", "tensorflow-cpu", "keras", "openvino")
"""Packages whose versions a proof of a backend speaks for."""


class NetworkDetector:
    """A bundle's network with one of its scores, for acquisitions of one geometry.

    Args:
        bundle: Name under `model/weights`, or the path of a bundle.
        geometry: Of the acquisitions; fixes the batch.
        score: `ssim`, the paper's; `marked`, by the bundle's marker on all frames of a patch together; or another of
            `model.scoring`, for comparison. None takes the bundle's `main_score`.
        backend: `tensorflow`, the reference; `openvino` or `openvino-bf16`, where a proof in the bundle says that it
            judges alike (`python -m harness prove`); or `auto`: the fastest of these, and why not, if a proof fails.
        unproved: Take the backend without a proof: for those who make one.

    Raises:
        DetectorError: The bundle cannot be used, or has no such score.
    """

    graded = True

    def __init__(
        self,
        bundle: str,
        geometry: Geometry,
        *,
        score: str | None = "ssim",
        backend: str = "auto",
        unproved: bool = False,
    ) -> None:
        from model.bundle import find_bundle, load_bundle
        from model.config import MARKED
        from model.proof import OPENVINO
        from model.scoring import JOINT, SCORES

        if backend not in ("tensorflow", *OPENVINO, "auto"):
            raise DetectorError("detector.backend", f"tensorflow, {', '.join(OPENVINO)} or auto", backend)
        if score not in (*SCORES, MARKED, None):
            raise DetectorError("detector.score", f"one of {', '.join([*SCORES, MARKED])}", score)
        self.geometry = geometry
        with told():
            self.bundle: Bundle = load_bundle(find_bundle(bundle))
            self.score_name = score = score or self.bundle.main_score
            self.joint = score in JOINT
            marker = self.bundle.marker if score == MARKED else None
            self.digest = self.bundle.digest if marker is None else marker.digest
            self.backend, passed_over = (backend, "") if unproved else self._proved(backend)
            self._check_regions()
            self._run = self._runtime()
        self.name = f"{self.bundle.network.name} ({self.backend}, {score}){passed_over}"
        self.stages_us: Mapping[str, int] = {}
        self._begun: _Begun | None = None

    def ahead(self, inspection: Inspection) -> None:
        """Crop and rebuild the patches of all frames but the last; see `look_ahead`."""
        self._begun = self._begin(inspection)

    def _begin(self, inspection: Inspection) -> _Begun:
        began = time.perf_counter_ns()
        early = _flat(self.geometry.crop(inspection.frames[:-1]))
        begun = self._run.ahead(early)
        return _Begun(inspection, early, begun, (time.perf_counter_ns() - began) // 1000)

    def score(self, inspection: Inspection) -> Scores:
        """Scores of one acquisition; times its own stages."""
        from model.config import MARKED
        from model.scoring import SCORES, mark_score

        begun, self._begun = self._begun, None
        if begun is None or begun.inspection is not inspection:
            begun = self._begin(inspection)
        began = time.perf_counter_ns()
        last = _flat(self.geometry.crop(inspection.frames[-1:]))
        cropped = time.perf_counter_ns()
        made = self._run.finish(begun.early, begun.begun, last)
        ran = time.perf_counter_ns()
        frames = len(self.geometry.frames)
        if self.score_name == MARKED:
            together = mark_score(made).reshape(1, *self.geometry.shape[1:])
            scores = np.repeat(together, frames, axis=0)
        else:
            patches = np.concatenate([begun.early, last])
            scores = SCORES[self.score_name](patches, made, frames).reshape(self.geometry.shape)
        done = time.perf_counter_ns()
        self.stages_us = {
            "ahead": begun.took_us,
            "crop": (cropped - began) // 1000,
            "network": (ran - cropped) // 1000,
            "score": (done - ran) // 1000,
        }
        return scores

    def explain(self, inspection: Inspection) -> Explanation:
        """Rebuilt patches, absolute residual, and what the marker marks."""
        from model.config import CELL_PX
        from model.scoring import residual

        patches = _flat(inspection.patches)
        rebuilt, logits = self._run.whole(patches)
        shape = (*self.geometry.shape, PATCH_PX, PATCH_PX)
        marks = None
        if logits is not None:
            cells = (1 / (1 + np.exp(-logits))).reshape(1, *self.geometry.shape[1:], *logits.shape[1:])
            marks = np.broadcast_to(cells.astype(np.float32).repeat(CELL_PX, -1).repeat(CELL_PX, -2), shape)
        return Explanation(residual(patches, rebuilt).reshape(shape), rebuilt.reshape(shape), marks)

    def logits(self, inspection: Inspection) -> NDArray[np.float32]:
        """What the marker says of an acquisition, float32 (vial, region, 64, 64); of the score `marked` only."""
        from model.config import MARKED

        if self.score_name != MARKED:
            raise ValueError(f"score: expected {MARKED}, got {self.score_name}")
        logits = self._run.at_once(_flat(inspection.patches))
        return logits.reshape(*self.geometry.shape[1:], *logits.shape[1:])

    @property
    def made_by(self) -> dict[str, Any]:
        """How its networks were made, the generator's at the top; `marker` is there where it takes part."""
        from model.config import MARKED

        marker = self.bundle.marker if self.score_name == MARKED else None
        return dict(self.bundle.made_by) | ({} if marker is None else {"marker": dict(marker.made_by)})

    def thresholds(self) -> Thresholds:
        """The bundle's thresholds for this score.

        Raises:
            DetectorError: None, of another model, or a region missing.
        """
        from model.thresholds import load_thresholds

        with told():
            return load_thresholds(
                self.bundle.folder, model=self.digest, score=self.score_name, regions=len(self.geometry.regions)
            )

    def subject(self) -> Subject:
        """What a proof of another backend must speak for here.

        Raises:
            DetectorError: No thresholds, by which verdicts would be compared.
        """
        from model.proof import Subject

        used = {name: number for name, number in versions().items() if name in DECISIVE}
        return Subject(
            self.digest, self.thresholds().digest(), self.geometry.patches, str(hardware()["processor"]), used
        )

    def _proved(self, backend: str) -> tuple[str, str]:
        """(backend to use, what the name says of one that had to be passed over)."""
        from model.proof import FILE, OPENVINO, proof_problem

        if backend == "tensorflow" or (backend == "auto" and not (self.bundle.folder / FILE).exists()):
            return "tensorflow", ""
        passed_over = ""
        for name in OPENVINO if backend == "auto" else (backend,):
            try:
                problem = proof_problem(self.bundle.folder, self.score_name, name, self.subject())
            except DetectorError as error:
                problem = str(error) if backend != "auto" else None
            if problem is not None and "openvino" not in versions():
                problem = "no OpenVINO installed"
            if problem == "":
                return name, ""
            if backend != "auto":
                raise DetectorError(
                    "detector.backend",
                    f"tensorflow or auto, or a proof that {name} judges as TensorFlow does (python -m harness prove)",
                    problem or "none in the bundle",
                )
            if problem is not None:
                passed_over += f"; {name} passed over: {problem}"
        return "tensorflow", passed_over

    def _check_regions(self) -> None:
        """What the marker is allowed, and what stands behind and beside it, knows as many regions as there are."""
        from model.allowance import load_allowance
        from model.config import MARKED

        marker, regions = self.bundle.marker, len(self.geometry.regions)
        if self.score_name != MARKED or marker is None:
            return
        known = {} if marker.allowance is None else {marker.allowance: len(load_allowance(marker.allowance))}
        known |= {} if marker.examiner is None else {marker.examiner: marker.regions}
        known |= {} if marker.comparer is None else {marker.comparer.weights: marker.comparer.regions}
        for file, count in known.items():
            if count != regions:
                raise DetectorError(str(file), f"{regions} regions, as the frames have", count)

    def _runtime(self) -> Stepped:
        """What takes patches to rebuilt ones or, where it takes part, to the marker's logits."""
        from model.config import MARKED
        from model.runtime import MarkingRuntime, Rebuilding, TensorFlowRuntime

        bundle, patches, frames, backend = self.bundle, self.geometry.patches, len(self.geometry.frames), self.backend
        if backend == "tensorflow":
            if self.score_name == MARKED:
                return MarkingRuntime(bundle, patches, frames=frames)
            return Rebuilding(lambda batch: TensorFlowRuntime(bundle, batch).rebuild, patches, frames=frames)
        from model.openvino_runtime import OpenVINOMarkingRuntime, OpenVINORuntime

        try:
            if self.score_name == MARKED:
                return OpenVINOMarkingRuntime(bundle, patches, frames=frames, backend=backend)
            return Rebuilding(
                lambda batch: OpenVINORuntime(bundle, batch, backend=backend).rebuild, patches, frames=frames
            )
        except ImportError:
            raise DetectorError("detector.backend", "OpenVINO, an extra of this package", "none") from None


@dataclass(frozen=True)
class _Begun:
    """What was done ahead of the last frame of an inspection.

    Attributes:
        inspection: Whose.
        early: uint8 (n, 256, 256), patches of all frames but the last.
        begun: What the runtime made of them.
        took_us: Microseconds.
    """

    inspection: Inspection
    early: NDArray[np.uint8]
    begun: Any
    took_us: int


def _flat(patches: Patches) -> NDArray[np.uint8]:
    return np.ascontiguousarray(patches).reshape(-1, PATCH_PX, PATCH_PX)
