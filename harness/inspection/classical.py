"""Two inspectors without a network: blob analysis against a template, and a per-pixel Gaussian template.

They are what a shop had before networks, and the measure of how hard a kit is (`harness/difficulty.py`). Both are given
a fair chance: the template lies as the strip does (`template.py`), and whatever has a setting is tuned on labelled
calibration products (`tuning.py`). They take frames as arrays and know no strips.

Sources: areas at every threshold in one pass, Najman & Couprie (2006), IEEE Trans. Image Process. 15(11), 3531-3539.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from harness.geometry import PATCH_PX, Geometry
from harness.inspection.detector import Explanation, Inspection, Scores
from harness.inspection.template import Comparison, Frames, Picture, Template, box_means

P = TypeVar("P", np.uint8, np.float32)


@dataclass(frozen=True)
class BlobSettings:
    """How the blob inspector looks; `fit_blob` chooses among `BLOB_CHOICES`.

    Attributes:
        background_px: Side of the square over which slow differences are averaged and taken out; 0 for not at all.
        persistent: Only what differs in the same way in every frame counts; bubbles that move then do not.
        deviations: How many of the template's standard deviations a px may differ by before it counts at all.
        level: Grey levels beyond them that make a px part of a blob.
    """

    background_px: int
    persistent: bool
    deviations: float
    level: int


BLOB_LEVELS = (6, 10, 16, 24, 36, 54, 80)
"""From five times the camera's noise to the rim of a dark bubble."""

BLOB_CHOICES = tuple(
    BlobSettings(background, persistent, deviations, level)
    for background, persistent, deviations, level in product((0, 49), (False, True), (1.5, 3.0), BLOB_LEVELS)
)


@dataclass(frozen=True)
class GaussianSettings:
    """How the Gaussian inspector looks; `fit_gaussian` chooses among `GAUSSIAN_CHOICES`.

    Attributes:
        persistent: As for blobs.
        pooled_px: Side of the square over which a px's deviations are averaged.
    """

    persistent: bool
    pooled_px: int


GAUSSIAN_CHOICES = tuple(
    GaussianSettings(persistent, pooled) for persistent, pooled in product((False, True), (3, 5, 9, 15, 21))
)


class BlobDetector:
    """Scores a patch by the area in px of its largest blob: connected px that differ from the median template.

    Args:
        template: Learnt from good strips.
        settings: How it looks.
    """

    stages_us: Mapping[str, int] = {}

    def __init__(self, template: Template, settings: BlobSettings) -> None:
        self.template, self.settings = template, settings
        self.name = "blob analysis against a median template"
        self.joint = settings.persistent
        self.digest = hashlib.sha256(f"{self.name} {settings}".encode() + template.digest()).hexdigest()

    def score(self, inspection: Inspection) -> Scores:
        """Largest area of each patch; repeated over the frames where only what persists counts."""
        level = self.settings.level
        excess = self._excess(self.template.compare(inspection.frames))
        return _by_patch(excess, inspection.geometry, lambda patch: float(areas_by_level(patch, level)[level]))

    def explain(self, inspection: Inspection) -> Explanation:
        """Grey levels beyond the tolerance, 1.0 for 255 of them; the template as the strip lies."""
        seen = self.template.compare(inspection.frames)
        return _explanation(self._excess(seen).astype(np.float32) / np.float32(255.0), seen.median, inspection.geometry)

    def _excess(self, seen: Comparison) -> Frames:
        return seen.excess(self.settings.background_px, self.settings.persistent, self.settings.deviations)


class GaussianDetector:
    """Scores a patch by its largest locally averaged deviation from the mean, in standard deviations of each px.

    Args:
        template: Learnt from good strips.
        settings: How it looks.
    """

    stages_us: Mapping[str, int] = {}

    def __init__(self, template: Template, settings: GaussianSettings) -> None:
        self.template, self.settings = template, settings
        self.name = "per-pixel Gaussian template"
        self.joint = settings.persistent
        self.digest = hashlib.sha256(f"{self.name} {settings}".encode() + template.digest()).hexdigest()

    def score(self, inspection: Inspection) -> Scores:
        """Largest deviation of each patch; repeated over the frames where only what persists counts."""
        return _by_patch(
            self._pooled(self.template.compare(inspection.frames)),
            inspection.geometry,
            lambda patch: float(patch.max()),
        )

    def explain(self, inspection: Inspection) -> Explanation:
        """Deviations, 1.0 for 40 standard deviations; the mean as the strip lies."""
        seen = self.template.compare(inspection.frames)
        return _explanation(
            np.minimum(self._pooled(seen) / np.float32(40.0), np.float32(1.0)), seen.mean, inspection.geometry
        )

    def _pooled(self, seen: Comparison) -> NDArray[np.float32]:
        return box_means(seen.deviations(self.settings.persistent), self.settings.pooled_px)


def patches(pictures: NDArray[P], geometry: Geometry) -> Iterator[tuple[int, NDArray[P]]]:
    """Every crop with its region, frame by frame."""
    for picture in pictures:
        for position, (y, x) in enumerate(geometry.boxes):
            yield position % len(geometry.regions), picture[y : y + PATCH_PX, x : x + PATCH_PX]


def _by_patch(pictures: NDArray[P], geometry: Geometry, measure: Callable[[NDArray[P]], float]) -> Scores:
    """A score a patch; those of a single picture are repeated over the frames."""
    values = np.array([measure(patch) for _, patch in patches(pictures, geometry)], np.float32)
    scores: Scores = np.broadcast_to(values.reshape(-1, *geometry.shape[1:]), geometry.shape).copy()
    return scores


def _explanation(residual: NDArray[np.float32], expected: Picture, geometry: Geometry) -> Explanation:
    """Crops of a residual and of what was expected, the same for every frame where there is one picture."""

    def cropped(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        stack = np.stack([patch for _, patch in patches(pictures, geometry)])
        shape = (len(pictures), *geometry.shape[1:], PATCH_PX, PATCH_PX)
        return np.broadcast_to(stack.reshape(shape), (*geometry.shape, PATCH_PX, PATCH_PX))

    return Explanation(cropped(residual), cropped(np.clip(expected / 255.0, 0, 1)[None]))


@njit(cache=True)
def areas_by_level(patch: NDArray[np.uint8], lowest: int) -> NDArray[np.int32]:
    """Area of the largest connected part at or above each grey level: int32 (256,), 0 below `lowest`.

    Pixels join from the brightest down, each into the parts of its eight neighbours that are already there.
    """
    height, width = patch.shape
    flat = patch.ravel()
    count = np.zeros(257, np.int64)
    for value in flat:
        if value >= lowest:
            count[256 - value] += 1
    start = np.cumsum(count)
    order = np.empty(start[256], np.int64)
    place = start.copy()
    for index in range(flat.size):
        if flat[index] >= lowest:
            slot = 255 - flat[index]
            order[place[slot]] = index
            place[slot] += 1
    parent = np.full(flat.size, -1, np.int64)
    size = np.ones(flat.size, np.int32)
    areas = np.zeros(256, np.int32)
    largest = 0
    for index in order:
        parent[index] = index
        largest = max(largest, 1)
        row, column = index // width, index % width
        for y in range(max(row - 1, 0), min(row + 2, height)):
            for x in range(max(column - 1, 0), min(column + 2, width)):
                other = y * width + x
                if parent[other] < 0:
                    continue
                while parent[other] != other:
                    parent[other] = parent[parent[other]]
                    other = parent[other]
                mine = index
                while parent[mine] != mine:
                    parent[mine] = parent[parent[mine]]
                    mine = parent[mine]
                if other != mine:
                    if size[other] > size[mine]:
                        mine, other = other, mine
                    parent[other] = mine
                    size[mine] += size[other]
                    largest = max(largest, size[mine])
        areas[flat[index]] = largest
    for level in range(254, lowest - 1, -1):
        areas[level] = max(areas[level], areas[level + 1])
    return areas
