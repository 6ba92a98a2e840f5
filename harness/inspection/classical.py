"""Two inspectors without a network: blob analysis against a template, and a per-pixel Gaussian template.

They are what a shop had before networks, and the measure of how hard a kit is (`harness/difficulty.py`). Both are given
a fair chance: the template is registered to the strip's pose and brightness in every acquisition, and whatever has a
setting is tuned on labelled calibration products. They take frames as arrays and know no strips.

Sources: registration, Lucas & Kanade (1981), IJCAI 7, 674-679, with the robust weights of Geman & McClure (1987);
areas at every threshold in one pass, Najman & Couprie (2006), IEEE Trans. Image Process. 15(11), 3531-3539.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Generic, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from harness.geometry import PATCH_PX, Geometry
from harness.inspection.detector import Detector, Explanation, Inspection, Scores
from harness.inspection.levels import auroc

Picture = NDArray[np.float32]
"""float32 (height, width), grey levels unless it says otherwise."""

Frames = NDArray[np.uint8]
"""uint8 (frames, height, width), one acquisition."""

D = TypeVar("D", bound=Detector)
P = TypeVar("P", np.uint8, np.float32)

COARSE = 4
"""Pictures are registered on means over this many px a side."""

SMOOTH = ((3.0, 6), (1.0, 6))
"""(Standard deviation in coarse px, iterations) of two passes: the first reaches 8 px, the second a tenth of one."""

SETTLED = 0.01
"""A step that moves no px of a coarse picture by a hundredth, nor its brightness by half a per cent, is the last."""

LARGEST_DRIFT = 20.0
"""Slow differences are averaged after they were cut to this many grey levels, so that a bubble is not a slow one."""

FOLDS = 5
GOOD_QUANTILES = (0.5, 0.9)


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
        return _smoothed(self.median[None])

    def pose(self, frames: Frames) -> Pose:
        """Pose of one acquisition; bubbles and defects weigh little, since no pose explains them."""
        return _register(self._levels, _smoothed(frames))

    def compare(self, frames: Frames) -> Comparison:
        """An acquisition beside this template."""
        pose = self.pose(frames)
        laid = [_laid(picture, pose) for picture in (self.median, self.mean, self.deviation)]
        return Comparison(frames.astype(np.float32), *laid)

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
    mean: Picture = total / np.float32(len(aligned))
    deviation = np.sqrt(np.maximum(squares / np.float32(len(aligned)) - mean * mean, 1.0)).astype(np.float32)
    return Template(geometry, _median(aligned), mean, deviation)


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
        return _by_patch(excess, inspection.geometry, lambda patch: float(_areas(patch, level)[level]))

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
        return _means(seen.deviations(self.settings.persistent), self.settings.pooled_px)


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
        for region, patch in _patches(excess, geometry):
            found = _areas(patch, BLOB_LEVELS[0])[list(BLOB_LEVELS)]
            areas[place, :, region] = np.maximum(areas[place, :, region], found)
    return areas.reshape(len(BLOB_CHOICES), -1).astype(np.float32)


def gaussian_peaks(seen: Comparison, geometry: Geometry) -> NDArray[np.float32]:
    """What `fit_gaussian` learns from one acquisition: float32 (choice, region), the largest deviation of any patch."""
    peaks = np.zeros((len(GAUSSIAN_CHOICES), len(geometry.regions)), np.float32)
    deviations = {persistent: seen.deviations(persistent) for persistent in (False, True)}
    for place, choice in enumerate(GAUSSIAN_CHOICES):
        pooled = _means(deviations[choice.persistent], choice.pooled_px)
        for region, patch in _patches(pooled, geometry):
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


@dataclass(frozen=True, eq=False)
class Comparison:
    """An acquisition beside the template, which is laid as the strip lies.

    Attributes:
        frames: float32 (frames, height, width).
        median: float32 (height, width), lit as the strip is; so is the mean.
        mean: float32 (height, width).
        deviation: float32 (height, width).
    """

    frames: NDArray[np.float32]
    median: Picture
    mean: Picture
    deviation: Picture

    def excess(self, background_px: int, persistent: bool, deviations: float) -> Frames:
        """Whole grey levels by which px differ from the median beyond some deviations; one frame if persistent."""
        differing = self.frames - self.median
        if background_px:
            drift = _means(np.clip(differing, -LARGEST_DRIFT, LARGEST_DRIFT), background_px)
            differing -= drift
        if persistent:
            differing = _persisting(differing)
        beyond = np.abs(differing) - np.float32(deviations) * self.deviation
        whole: Frames = np.clip(beyond, 0, 255).astype(np.uint8)
        return whole

    def deviations(self, persistent: bool) -> NDArray[np.float32]:
        """Magnitude of each px's difference from the mean, in standard deviations; one frame if persistent."""
        differing = self.frames - self.mean
        if persistent:
            differing = _persisting(differing)
        share: NDArray[np.float32] = np.abs(differing) / self.deviation
        return share


def _persisting(differing: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (1, h, w): the smallest difference of a px where all frames differ the same way, else 0."""
    lightest, darkest = differing.max(axis=0), differing.min(axis=0)
    kept: NDArray[np.float32] = np.maximum(darkest, 0) + np.minimum(lightest, 0)
    return kept[None]


def _means(pictures: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    return np.stack([_box_mean(picture, side) for picture in pictures])


def _patches(pictures: NDArray[P], geometry: Geometry) -> Iterator[tuple[int, NDArray[P]]]:
    """Every crop with its region, frame by frame."""
    for picture in pictures:
        for position, (y, x) in enumerate(geometry.boxes):
            yield position % len(geometry.regions), picture[y : y + PATCH_PX, x : x + PATCH_PX]


def _by_patch(pictures: NDArray[P], geometry: Geometry, measure: Callable[[NDArray[P]], float]) -> Scores:
    """A score a patch; those of a single picture are repeated over the frames."""
    values = np.array([measure(patch) for _, patch in _patches(pictures, geometry)], np.float32)
    scores: Scores = np.broadcast_to(values.reshape(-1, *geometry.shape[1:]), geometry.shape).copy()
    return scores


def _explanation(residual: NDArray[np.float32], expected: Picture, geometry: Geometry) -> Explanation:
    """Crops of a residual and of what was expected, the same for every frame where there is one picture."""

    def cropped(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        stack = np.stack([patch for _, patch in _patches(pictures, geometry)])
        shape = (len(pictures), *geometry.shape[1:], PATCH_PX, PATCH_PX)
        return np.broadcast_to(stack.reshape(shape), (*geometry.shape, PATCH_PX, PATCH_PX))

    return Explanation(cropped(residual), cropped(np.clip(expected / 255.0, 0, 1)[None]))


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


def _smoothed(frames: NDArray[np.uint8] | NDArray[np.float32]) -> list[Picture]:
    """Coarse means, their median over the frames, at each standard deviation of `SMOOTH`."""
    height, width = (side // COARSE for side in frames.shape[1:])
    blocks = frames[:, : height * COARSE, : width * COARSE].reshape(-1, height, COARSE, width, COARSE)
    coarse: Picture = np.median(blocks.mean(axis=(2, 4), dtype=np.float32), axis=0)
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
            pose = Pose(*(np.array([pose.angle, pose.right_px, pose.down_px, pose.gain]) + step).tolist())
            if np.abs(step / (0.5 / width, 0.5, 0.5, 0.5)).max() < SETTLED:
                break
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
