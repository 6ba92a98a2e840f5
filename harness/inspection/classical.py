"""Two inspectors without a network: blob analysis against a template, and a per-pixel Gaussian template.

They are what a shop had before networks, and the measure of how hard a kit is (`harness/difficulty.py`). Both are given
a fair chance: the template is registered to the strip's pose and brightness in every acquisition, and whatever has a
setting is tuned on labelled calibration products. They take frames as arrays and know no strips.

Sources: registration, Lucas & Kanade (1981), IJCAI 7, 674-679, with the robust weights of Geman & McClure (1987);
areas at every threshold in one pass, Najman & Couprie (2006), IEEE Trans. Image Process. 15(11), 3531-3539.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, grey_dilation, grey_erosion, uniform_filter

from harness.geometry import PATCH_PX, Geometry
from harness.inspection.detector import Explanation, Inspection, Scores
from harness.inspection.levels import auroc, strip_margins

Picture = NDArray[np.float32]
"""float32 (height, width), grey levels unless it says otherwise."""

Frames = NDArray[np.uint8]
"""uint8 (frames, height, width), one acquisition."""

Labelled = Iterable[tuple[Frames, bool]]
"""Acquisitions of calibration products, and whether each is defective."""

COARSE = 4
"""Pictures are registered on means over this many px a side."""

SMOOTH = ((3.0, 6), (1.0, 6))
"""(Standard deviation in coarse px, iterations) of two passes: the first reaches 8 px, the second a tenth of one."""


@dataclass(frozen=True)
class Pose:
    """How a strip lies before the camera: turned about the picture's middle, then shifted; and its brightness."""

    angle: float = 0.0
    right_px: float = 0.0
    down_px: float = 0.0
    gain: float = 1.0

    def inverse(self) -> Pose:
        """The pose that undoes this one."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        right, down = self.right_px, self.down_px
        return Pose(-self.angle, -(cosine * right + sine * down), sine * right - cosine * down, 1.0 / self.gain)


@dataclass(frozen=True, eq=False)
class Template:
    """What a good strip looks like, pixel by pixel, in the middle of the poses it was learnt from.

    Attributes:
        geometry: Of the acquisitions it is for.
        median: float32 (height, width); each box of the geometry in it is the template of one vial and region.
        mean: float32 (height, width).
        deviation: float32 (height, width), standard deviation over strips and frames, >= 1 grey level.
    """

    geometry: Geometry
    median: Picture
    mean: Picture
    deviation: Picture

    @cached_property
    def _levels(self) -> list[Picture]:
        return _smoothed(self.median)

    def pose(self, frames: Frames) -> Pose:
        """Pose of one acquisition; bubbles and defects weigh little, since no pose explains them."""
        return _register(self._levels, _smoothed(frames.max(axis=0).astype(np.float32)))

    def digest(self) -> bytes:
        """SHA-256 of the pictures."""
        return hashlib.sha256(self.median.tobytes() + self.mean.tobytes() + self.deviation.tobytes()).digest()


def learn_template(acquisitions: Iterable[Frames], geometry: Geometry) -> Template:
    """A template from acquisitions of good strips, each registered to the median of all.

    Args:
        acquisitions: At least one; all are held in memory.
        geometry: Theirs.

    Raises:
        ValueError: No acquisition.
    """
    stack = list(acquisitions)
    if not stack:
        raise ValueError("acquisitions: expected at least one, got none")
    aligned = np.concatenate(stack)
    for _ in range(2):
        median = _median(aligned)
        reference = Template(geometry, median, median, np.ones_like(median))
        aligned = np.concatenate([_straightened(frames, reference.pose(frames)) for frames in stack])
    total, squares = np.zeros(geometry.frame_shape, np.float32), np.zeros(geometry.frame_shape, np.float32)
    for frame in aligned:
        grey = frame.astype(np.float32)
        total += grey
        squares += grey * grey
    mean = total / len(aligned)
    deviation = np.sqrt(np.maximum(squares / len(aligned) - mean * mean, 1.0))
    return Template(geometry, _median(aligned), mean, deviation)


@dataclass(frozen=True)
class BlobSettings:
    """How the blob inspector looks; `fit_blob` chooses among `BLOB_CHOICES`.

    Attributes:
        tolerance_px: Darker than the template by this many px around; forgives walls that are a little elsewhere.
        both: Lighter parts are blobs too.
        background_px: Side of the box over which slow differences are taken out first; 0 for not at all.
        persistent: Only what is there in every frame counts; moving bubbles then do not.
    """

    tolerance_px: int = 1
    both: bool = False
    background_px: int = 0
    persistent: bool = False


BLOB_CHOICES = tuple(
    BlobSettings(tolerance, both, background, persistent)
    for tolerance, both, background, persistent in product((1, 3), (False, True), (0, 49), (False, True))
)
LEVELS = np.arange(4, 100, 2)
"""Grey levels of difference that `fit_blob` chooses a threshold from; the lowest is about three times the noise."""


class BlobDetector:
    """Scores a patch by the area of its largest blob: px that differ from the template by more than a threshold.

    Args:
        template: Learnt from good strips.
        settings: How it looks.
        levels: float (region,), difference in grey levels that makes a px part of a blob.
    """

    stages_us: Mapping[str, int] = {}

    def __init__(self, template: Template, settings: BlobSettings, levels: NDArray[np.float32]) -> None:
        self.template, self.settings, self.levels = template, settings, levels
        self.name = "blob analysis against a median template"
        self.joint = settings.persistent
        described = f"{self.name} {settings} {levels.tolist()}"
        self.digest = hashlib.sha256(described.encode() + template.digest()).hexdigest()

    def score(self, inspection: Inspection) -> Scores:
        """Area in px of the largest blob of each patch."""
        differences = self._differences(inspection)
        geometry = inspection.geometry
        scores = np.empty(geometry.shape, np.float32)
        for frame, vial, region in np.ndindex(*geometry.shape):
            if self.joint and frame:
                scores[frame] = scores[0]
                continue
            patch = _crop(differences[frame], geometry.box(vial, region))
            scores[frame, vial, region] = _areas(patch, int(self.levels[region]))[int(self.levels[region])]
        return scores

    def explain(self, inspection: Inspection) -> Explanation:
        """The difference from the template, 1.0 for 255 grey levels, and the template as it lies."""
        geometry = inspection.geometry
        pose = self.template.pose(inspection.frames)
        differences = self._differences(inspection)
        return _explanation(differences.astype(np.float32) / 255.0, _laid(self.template.median, pose), geometry)

    def _differences(self, inspection: Inspection) -> Frames:
        return next(blob_differences(self.template, inspection.frames, (self.settings,)))


@njit(cache=True)
def _median(stack: Frames) -> Picture:
    """float32 (height, width): median over the first axis, the lower one of two, by counting grey levels."""
    frames, height, width = stack.shape
    out = np.empty((height, width), np.float32)
    counts = np.empty((width, 256), np.int32)
    for row in range(height):
        counts[:] = 0
        for frame in range(frames):
            for column in range(width):
                counts[column, stack[frame, row, column]] += 1
        for column in range(width):
            seen, grey = counts[column, 0], 0
            while 2 * seen < frames:
                grey += 1
                seen += counts[column, grey]
            out[row, column] = grey
    return out


def _straightened(frames: Frames, pose: Pose) -> Frames:
    """Frames as they would be in the template's pose and brightness."""
    inverse = pose.inverse()
    out = [_laid(frame.astype(np.float32), inverse) for frame in frames]
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def _laid(picture: Picture, pose: Pose) -> Picture:
    """A picture turned, shifted and lit as a pose says."""
    out = np.empty_like(picture)
    _resample(picture, np.cos(pose.angle), np.sin(pose.angle), pose.right_px, pose.down_px, pose.gain, out)
    return out


@njit(cache=True, fastmath=True)
def _resample(
    source: Picture, cosine: float, sine: float, right: float, down: float, gain: float, out: Picture
) -> None:
    """Bilinear, edges repeated; `out` at x is `gain` times `source` at the place that the pose carries to x."""
    height, width = source.shape
    middle_x, middle_y = 0.5 * (width - 1), 0.5 * (height - 1)
    for row in range(height):
        for column in range(width):
            u, v = column - middle_x - right, row - middle_y - down
            x = min(max(cosine * u + sine * v + middle_x, 0.0), width - 1.001)
            y = min(max(cosine * v - sine * u + middle_y, 0.0), height - 1.001)
            x0, y0 = int(x), int(y)
            fx, fy = np.float32(x - x0), np.float32(y - y0)
            upper = source[y0, x0] + fx * (source[y0, x0 + 1] - source[y0, x0])
            lower = source[y0 + 1, x0] + fx * (source[y0 + 1, x0 + 1] - source[y0 + 1, x0])
            out[row, column] = gain * (upper + fy * (lower - upper))


def _smoothed(picture: Picture) -> list[Picture]:
    """Coarse means of a picture at each standard deviation of `SMOOTH`."""
    height, width = (side // COARSE for side in picture.shape)
    coarse = picture[: height * COARSE, : width * COARSE].reshape(height, COARSE, width, COARSE).mean(axis=(1, 3))
    return [gaussian_filter(coarse, sigma) for sigma, _ in SMOOTH]


def _register(template: Sequence[Picture], seen: Sequence[Picture]) -> Pose:
    """The pose in which a template explains what is seen, coarse to fine, by robust Gauss-Newton steps."""
    height, width = template[0].shape
    v, u = np.indices((height, width), np.float32) - np.array([height - 1, width - 1], np.float32)[:, None, None] / 2
    pose = Pose()
    for (_, iterations), level, target in zip(SMOOTH, template, seen, strict=True):
        for _ in range(iterations):
            expected = _laid(level, replace(pose, gain=1.0))
            down, right = np.gradient(expected)
            # Columns: d/d angle, d/d right, d/d down, d/d gain of gain * expected.
            slopes = np.stack([pose.gain * (v * right - u * down), -pose.gain * right, -pose.gain * down, expected])
            residual = target - pose.gain * expected
            scale = max(1.4826 * float(np.median(np.abs(residual))), 0.5)
            weight = 1.0 / (1.0 + (residual / scale) ** 2) ** 2
            weighted = (slopes * weight).reshape(4, -1)
            step = np.linalg.solve(weighted @ slopes.reshape(4, -1).T, weighted @ residual.ravel())
            pose = Pose(*np.array([pose.angle, pose.right_px, pose.down_px, pose.gain]) + step)
    return replace(pose, right_px=COARSE * pose.right_px, down_px=COARSE * pose.down_px)


@njit(cache=True)
def _areas(patch: NDArray[np.uint8], lowest: int) -> NDArray[np.int32]:
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


@njit(cache=True, fastmath=True)
def _box_mean(picture: Picture, side: int) -> Picture:
    """Mean over a square of an odd side about each px, as much of it as lies in the picture."""
    height, width = picture.shape
    half = side // 2
    rows = np.empty_like(picture)
    for row in range(height):
        total = np.float32(0.0)
        for column in range(min(half, width)):
            total += picture[row, column]
        for column in range(width):
            if column + half < width:
                total += picture[row, column + half]
            if column - half > 0:
                total -= picture[row, column - half - 1]
            rows[row, column] = total / (min(column + half, width - 1) - max(column - half, 0) + 1)
    out = np.empty_like(picture)
    sums = np.zeros(width, np.float32)
    for row in range(min(half, height)):
        for column in range(width):
            sums[column] += rows[row, column]
    for row in range(height):
        if row + half < height:
            for column in range(width):
                sums[column] += rows[row + half, column]
        if row - half > 0:
            for column in range(width):
                sums[column] -= rows[row - half - 1, column]
        count = min(row + half, height - 1) - max(row - half, 0) + 1
        for column in range(width):
            out[row, column] = sums[column] / count
    return out
