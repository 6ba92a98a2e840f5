"""What a good strip looks like, pixel by pixel, laid as the strip at hand lies: the ground of the classical inspectors.

The template is registered to the strip's pose and brightness in every acquisition.

Sources: registration, Lucas & Kanade (1981), IJCAI 7, 674-679, with the robust weights of Geman & McClure (1987).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from harness.geometry import Geometry

Picture = NDArray[np.float32]
"""float32 (height, width), grey levels unless it says otherwise."""

Frames = NDArray[np.uint8]
"""uint8 (frames, height, width), one acquisition."""

COARSE = 4
"""Pictures are registered on means over this many px a side."""

SMOOTH = ((3.0, 6), (1.0, 6))
"""(Standard deviation in coarse px, iterations) of two passes: the first reaches 8 px, the second a tenth of one."""

SETTLED = 0.01
"""A step that moves no px of a coarse picture by a hundredth, nor its brightness by half a per cent, is the last."""

LARGEST_DRIFT = 20.0
"""Slow differences are averaged after they were cut to this many grey levels, so that a bubble is not a slow one."""


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
            drift = box_means(np.clip(differing, -LARGEST_DRIFT, LARGEST_DRIFT), background_px)
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


def box_means(pictures: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Each picture averaged over a square of an odd side about each px."""
    return np.stack([_box_mean(picture, side) for picture in pictures])


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
