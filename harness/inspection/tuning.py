"""Tuning of the classical inspectors: settings and thresholds from labelled calibration products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.geometry import Geometry
from harness.inspection.classical import (
    BLOB_CHOICES,
    BLOB_LEVELS,
    GAUSSIAN_CHOICES,
    BlobDetector,
    GaussianDetector,
    areas_by_level,
    patches,
)
from harness.inspection.detector import Detector
from harness.inspection.levels import auroc
from harness.inspection.template import Comparison, Template, box_means

D = TypeVar("D", bound=Detector)

FOLDS = 5
GOOD_QUANTILES = (0.5, 0.9)


@dataclass(frozen=True)
class Tuned(Generic[D]):
    """A detector as calibration left it.

    Attributes:
        detector: With the settings that did best.
        thresholds: float32 (region,).
        figure: What the settings were chosen by: balanced accuracy of strips that were held out (blobs), or the AUROC
            of strips (Gaussian).
    """

    detector: D
    thresholds: NDArray[np.float32]
    figure: float


def blob_areas(seen: Comparison, geometry: Geometry) -> NDArray[np.float32]:
    """What `fit_blob` learns from one acquisition: float32 (choice, region), the largest area of any patch."""
    areas = np.zeros((len(BLOB_CHOICES) // len(BLOB_LEVELS), len(BLOB_LEVELS), len(geometry.regions)))
    for place, choice in enumerate(BLOB_CHOICES[:: len(BLOB_LEVELS)]):
        excess = seen.excess(choice.background_px, choice.persistent, choice.deviations)
        for region, patch in patches(excess, geometry):
            found = areas_by_level(patch, BLOB_LEVELS[0])[list(BLOB_LEVELS)]
            areas[place, :, region] = np.maximum(areas[place, :, region], found)
    return areas.reshape(len(BLOB_CHOICES), -1).astype(np.float32)


def gaussian_peaks(seen: Comparison, geometry: Geometry) -> NDArray[np.float32]:
    """What `fit_gaussian` learns from one acquisition: float32 (choice, region), the largest deviation of any patch."""
    peaks = np.zeros((len(GAUSSIAN_CHOICES), len(geometry.regions)), np.float32)
    deviations = {persistent: seen.deviations(persistent) for persistent in (False, True)}
    for place, choice in enumerate(GAUSSIAN_CHOICES):
        pooled = box_means(deviations[choice.persistent], choice.pooled_px)
        for region, patch in patches(pooled, geometry):
            peaks[place, region] = max(peaks[place, region], patch.max())
    return peaks


def fit_blob(
    template: Template, areas: NDArray[np.float32], defective: NDArray[np.bool_], products: NDArray[np.int64]
) -> Tuned[BlobDetector]:
    """Choose settings and smallest areas of the blob inspector.

    Each setting is judged on strips held out of the choice of its areas, a fifth of the products at a time; the areas
    of the best one are then chosen on all.

    Args:
        template: Learnt from good strips.
        areas: float32 (acquisition, choice, region), `blob_areas` of each.
        defective: bool (acquisition,), some of each.
        products: int (acquisition,), number of the product; all its acquisitions are held out together.
    """
    figures = []
    for choice in range(areas.shape[1]):
        reject = np.zeros(len(areas), bool)
        for fold in range(FOLDS):
            held = products % FOLDS == fold
            thresholds = balanced_thresholds(areas[~held, choice], defective[~held])
            reject[held] = (areas[held, choice] > thresholds).any(axis=1)
        figures.append(balanced_accuracy(reject, defective))
    best = int(np.argmax(figures))
    thresholds = balanced_thresholds(areas[:, best], defective)
    return Tuned(BlobDetector(template, BLOB_CHOICES[best]), thresholds, figures[best])


def fit_gaussian(
    template: Template, peaks: NDArray[np.float32], defective: NDArray[np.bool_]
) -> Tuned[GaussianDetector]:
    """Choose settings and thresholds of the Gaussian inspector.

    Regions are put on one scale by a quantile of their good strips; thresholds are a multiple of it, so that they rank
    strips as the scale does.

    Args:
        template: Learnt from good strips.
        peaks: float32 (acquisition, choice, region), `gaussian_peaks` of each.
        defective: bool (acquisition,), some of each.
    """
    best: tuple[float, int, NDArray[np.float32]] | None = None
    for choice in range(peaks.shape[1]):
        for quantile in GOOD_QUANTILES:
            scale = np.quantile(peaks[~defective, choice], quantile, axis=0).astype(np.float32)
            strips = (peaks[:, choice] / scale).max(axis=1).astype(np.float64)
            figure = auroc(strips[defective], strips[~defective]) or 0.0
            if best is None or figure > best[0]:
                best = figure, choice, scale * balanced_thresholds(strips[:, None].astype(np.float32), defective)
    if best is None:
        raise ValueError("peaks: expected at least one choice, got none")
    return Tuned(GaussianDetector(template, GAUSSIAN_CHOICES[best[1]]), best[2], best[0])


def balanced_accuracy(reject: NDArray[np.bool_], defective: NDArray[np.bool_]) -> float:
    """Mean of the share of defective strips that are rejected and of good ones that are accepted.

    >>> balanced_accuracy(np.array([True, False, False]), np.array([True, True, False]))
    0.75
    """
    return float(0.5 * (reject[defective].mean() + (~reject[~defective]).mean()))


def balanced_thresholds(values: NDArray[np.float32], defective: NDArray[np.bool_]) -> NDArray[np.float32]:
    """A threshold a region, tuned together: a strip is rejected when any region's value is above its threshold.

    Coordinate ascent on balanced accuracy from three starts; of tied thresholds the middle one.

    Args:
        values: float32 (strip, region).
        defective: bool (strip,), some of each.

    >>> balanced_thresholds(np.array([[1.0], [2.0], [5.0], [6.0]], np.float32), np.array([False, False, True, True]))
    array([3.5], dtype=float32)
    """
    best_figure, best = -1.0, np.zeros(values.shape[1], np.float32)
    for quantile in (0.9, 0.97, 1.0):
        thresholds = np.quantile(values[~defective], quantile, axis=0).astype(np.float32)
        figure = -1.0
        while True:
            for region in range(values.shape[1]):
                others = np.arange(values.shape[1]) != region
                elsewhere = (values[:, others] > thresholds[others]).any(axis=1)
                reached, thresholds[region] = _best_threshold(values[:, region], elsewhere, defective)
            if reached <= figure + 1e-9:
                break
            figure = reached
        if figure > best_figure:
            best_figure, best = figure, thresholds
    return best


def _best_threshold(
    values: NDArray[np.float32], elsewhere: NDArray[np.bool_], defective: NDArray[np.bool_]
) -> tuple[float, np.float32]:
    """Balanced accuracy and the threshold that reaches it, given what other regions reject."""
    ordered = np.unique(values)
    candidates = np.concatenate([[ordered[0] - 1], 0.5 * (ordered[1:] + ordered[:-1]), [ordered[-1] + 1]])
    bad, good = np.sort(values[defective & ~elsewhere]), np.sort(values[~defective & ~elsewhere])
    missed = np.searchsorted(bad, candidates, "right") / defective.sum()
    accepted = np.searchsorted(good, candidates, "right") / (~defective).sum()
    figures = 0.5 * (1 - missed + accepted)
    tied = np.nonzero(figures >= figures.max() - 1e-12)[0]
    return float(figures.max()), np.float32(candidates[tied[len(tied) // 2]])
