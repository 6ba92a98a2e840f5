"""An inspector that rebuilds nothing: how unlike good ones the features of each place of a patch are (PaDiM).

A Gaussian is fitted to the features of good patches at every place of every region, and a place is scored by its
Mahalanobis distance. The features are those of a bundle's own encoder, learnt from good strips; no foreign weights.

Source:
    Defard, Setkov, Loesch & Audigier (2021), ICPR Workshops, LNCS 12664, 475-489. The random choice of features is
    theirs; their 0.01 on the covariance's diagonal is relative here, since our features have no scale of their own;
    their smoothing is left out, places being 8 px wide already.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from harness.errors import DetectorError
from harness.geometry import PATCH_PX, Geometry
from harness.inspection.bundle_errors import told
from harness.inspection.detector import Explanation, Inspection, Scores
from harness.streams import stream

KEPT_FEATURES = 50
"""Of those an encoder has, drawn once: distances hardly change, matrices become small."""

RIDGE = 0.01
"""Of a place's mean variance, on the diagonal of its covariance."""


class PadimDetector:
    """Mahalanobis distances of encoder features, for acquisitions of one geometry.

    Args:
        bundle: Name under `model/weights`, or the path of a bundle.
        geometry: Of the acquisitions.
        good: Acquisitions of good strips, uint8 (frame, height, width) each; patches of all vials and frames count.

    Raises:
        DetectorError: The bundle cannot be used, or there are fewer good patches of a region than features.
    """

    joint = False

    def __init__(self, bundle: str, geometry: Geometry, good: Iterable[NDArray[np.uint8]]) -> None:
        from model.bundle import find_bundle, load_bundle
        from model.embedding import EmbeddingRuntime

        with told():
            loaded = load_bundle(find_bundle(bundle), with_marker=False)
            self._runtime = EmbeddingRuntime(loaded, geometry.patches)
        self.geometry = geometry
        self.name = f"PaDiM on the encoder of {loaded.network.name}"
        kept = stream("PaDiM features").permutation(self._runtime.channels)
        self._kept = np.sort(kept[:KEPT_FEATURES])
        self._mean, self._whitening = self._fitted(good)
        self.digest = hashlib.sha256(
            loaded.digest.encode() + self._mean.tobytes() + self._whitening.tobytes()
        ).hexdigest()
        self.stages_us: Mapping[str, int] = {}

    def score(self, inspection: Inspection) -> Scores:
        """The largest distance of each patch."""
        began = time.perf_counter_ns()
        distances = self._distances(inspection)
        self.stages_us = {"network": (time.perf_counter_ns() - began) // 1000}
        scores: Scores = distances.max(axis=(-2, -1))
        return scores

    def explain(self, inspection: Inspection) -> Explanation:
        """Distances as the residual, a place's over all its pixels."""
        distances = self._distances(inspection)
        factor = PATCH_PX // distances.shape[-1]
        return Explanation(distances.repeat(factor, -1).repeat(factor, -2), None)

    def _features(self, frames: Inspection) -> NDArray[np.float32]:
        """float32 (frame x vial, region, side, side, feature)."""
        patches = np.ascontiguousarray(frames.patches).reshape(-1, PATCH_PX, PATCH_PX)
        found = self._runtime.features(patches)[..., self._kept]
        return found.reshape(-1, len(self.geometry.regions), *found.shape[1:])

    def _distances(self, inspection: Inspection) -> NDArray[np.float32]:
        """float32 (frame, vial, region, side, side)."""
        away = self._features(inspection) - self._mean
        white = np.matmul(self._whitening, away[..., None])[..., 0]
        distances = np.sqrt(np.square(white).sum(axis=-1))
        return np.asarray(distances.reshape(*self.geometry.shape, *distances.shape[2:]), np.float32)

    def _fitted(self, good: Iterable[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(mean (region, side, side, d), whitening (region, side, side, d, d)), W with W'W the inverse covariance."""
        count, total, products = 0, np.float64(0.0), np.float64(0.0)
        for frames in good:
            found = self._features(Inspection.of_frames(self.geometry, frames))
            count += len(found)
            total = total + found.sum(axis=0, dtype=np.float64)
            places = found.transpose(1, 2, 3, 4, 0)  # (region, side, side, d, patch)
            products = products + np.matmul(places, places.swapaxes(-1, -2))
        if count <= len(self._kept):
            raise DetectorError("good strips", f"more than {len(self._kept)} patches of each region", count)
        mean = np.asarray(total) / count
        covariance = (np.asarray(products) - count * mean[..., :, None] * mean[..., None, :]) / (count - 1)
        spread = np.trace(covariance, axis1=-2, axis2=-1) / len(self._kept)
        covariance += RIDGE * spread[..., None, None] * np.eye(len(self._kept))
        whitening = np.linalg.inv(np.linalg.cholesky(covariance))
        return mean.astype(np.float32), whitening.astype(np.float32)
