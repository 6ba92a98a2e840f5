"""Are these the frames of this strip, whole and as they should be? Asked before anybody judges them, of pixels alone.

What needs no knowledge of the product is asked of every source: number, shape and type; black, white or blank frames;
a frame that is another one again, of this acquisition or of the one before. Light, sharpness, place and seams have
bounds only where somebody measured good strips: those of the drawn strip are `DRAWN`. Not asked: whether frames came
in their order, and whether a strip is the one it should be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.geometry import PAPER, Geometry
from harness.inspection.frame_measures import Measures, measure

BLACK_BELOW = 16
"""A frame whose brightest hundredth is darker than this shows nothing."""

WHITE_ABOVE = 250
"""A frame whose darkest hundredth is brighter than this shows nothing: it is saturated."""

BLANK_WITHIN = 6
"""A frame whose brightest and darkest hundredth are no further apart shows nothing."""

EVERY_ROW, EVERY_PX = 8, 16
"""What is looked at, and of drawn strips kept of an acquisition: every 8th row, and in it every 16th pixel."""

SAME_ROWS = 0.95
"""A frame with this share of its rows identical to another's is that one again; with less of them it is torn."""

WORDS = ("type", "shape", "number", "black", "saturated", "blank", "dark", "bright", "duplicate", "stale", "defocused",
         "torn", "shifted")  # fmt: skip
"""All that can be wrong."""


@dataclass(frozen=True)
class Bounds:
    """Within what the frames of a good acquisition lie.

    Attributes:
        light: Lowest and highest grey level of the bare backlight.
        light_steady: Largest difference of it to the acquisition's middle frame.
        sharpness: Least of `Measures.sharpness`.
        sharpness_steady: What a frame may be less sharp than the middle one.
        shift_px: Largest shift to any side.
        angle_deg: Largest turn.
        shift_steady_px: Largest difference of a shift to the middle one.
        seam: Largest `Measures.seam`.
        bend_px: Largest `Measures.bend`.
        difference: Least mean difference of two frames, grey levels; the sensor's noise alone makes more.
        same_rows: Sampled rows that two frames may share to the byte.
    """

    light: tuple[float, float]
    light_steady: float
    sharpness: float
    sharpness_steady: float
    shift_px: float
    angle_deg: float
    shift_steady_px: float
    seam: float
    bend_px: float
    difference: float
    same_rows: int


DRAWN = Bounds(
    light=(208.5, 219.5),
    light_steady=0.5,
    sharpness=0.245,
    sharpness_steady=0.02,
    shift_px=2.6,
    angle_deg=0.65,
    shift_steady_px=0.3,
    seam=7.0,
    bend_px=1.5,
    difference=0.8,
    same_rows=2,
)
"""Of the drawn strip: what 300 good strips of three liquids showed, and as margin: light 1.2 levels to either side,
sharpness a fourteenth, the rest at least half as much again; shift 0.5 px, turn 0.15 degrees and bend 1.5 px, since a
dented wall or a cut flag, no fault of the camera, adds to them (in the standard and calibration kits at most 0.4 px,
0.07 degrees and 0.7 px). What was seen, and what is noticed beyond these bounds, stands in
`results/reference/frame-check/hits.json`, made by `python -m harness frame-check`."""


@dataclass(frozen=True)
class Finding:
    """What is wrong with an acquisition.

    Attributes:
        word: One of `WORDS`.
        told: A sentence: where, what was expected, what was found.
    """

    word: str
    told: str


class FrameCheck:
    """Looks at one acquisition after another, and keeps the last one (of drawn strips a sample), to know it again.

    Args:
        geometry: How many frames of which shape.
        bounds: Of good strips; without, only what needs no knowledge of the product is asked.

    Raises:
        ValueError: Bounds for frames that are not the drawn strip's.
    """

    def __init__(self, geometry: Geometry, bounds: Bounds | None = None) -> None:
        if bounds is not None and geometry.frame_shape != PAPER.frame_shape:
            raise ValueError(f"bounds: expected frames of {PAPER.frame_shape}, got {geometry.frame_shape}")
        self.geometry = geometry
        self.bounds = bounds
        self._before: NDArray[np.uint8] | None = None

    def find(self, frames: NDArray[np.uint8], *, known: bool = False) -> Finding | None:
        """The first thing that is wrong; None for an acquisition that may be judged.

        Args:
            frames: uint8 (frame, height, width), what came from the camera; whatever else it is, is a finding.
            known: These frames may have been shown before or come once more, as those of warm-up strips do: they are
                not held against the acquisition before, nor kept.
        """
        for finding in self._wrong_format(frames):
            return finding
        sample = sampled(frames).copy()
        before, self._before = self._before, None if known else sample if self.bounds else frames.copy()
        for finding in self._findings(frames, sample, None if known else before):
            return finding
        return None

    def _wrong_format(self, frames: NDArray[np.uint8]) -> Iterator[Finding]:
        """Number, shape and type."""
        expected = len(self.geometry.frames)
        if frames.dtype != np.uint8:
            yield Finding("type", f"frames: expected uint8, got {frames.dtype}")
        if frames.ndim != 3 or frames.shape[1:] != self.geometry.frame_shape:
            yield Finding("shape", f"frames: expected {(expected, *self.geometry.frame_shape)}, got {frames.shape}")
        elif len(frames) != expected:
            yield Finding("number", f"frames: expected {expected}, got {len(frames)}")

    def _findings(
        self, frames: NDArray[np.uint8], sample: NDArray[np.uint8], before: NDArray[np.uint8] | None
    ) -> Iterator[Finding]:
        """All that is wrong with frames of the right format, the plainest first."""
        yield from self._empty(sample)
        if self.bounds is None:
            yield from self._repeated(frames, before)
            return
        measures = measure(frames)
        yield from self._light(measures, self.bounds)
        yield from self._sampled_again(sample, before, self.bounds)
        yield from self._sharpness(measures, self.bounds)
        yield from self._seams(measures, self.bounds)
        yield from self._unsteady(measures, self.bounds)
        yield from self._place(measures, self.bounds)

    def _empty(self, sample: NDArray[np.uint8]) -> Iterator[Finding]:
        """Frames that show nothing."""
        for position, frame in enumerate(sample):
            below = np.cumsum(np.bincount(frame.ravel(), minlength=256))
            low, high = np.searchsorted(below, (0.01 * frame.size, 0.99 * frame.size)).tolist()
            if high < BLACK_BELOW:
                yield self._of("black", position, f"something of {BLACK_BELOW} levels or more", f"at most {high}")
            if low > WHITE_ABOVE:
                yield self._of("saturated", position, f"something of {WHITE_ABOVE} levels or less", f"at least {low}")
            if high - low <= BLANK_WITHIN:
                yield self._of("blank", position, f"more than {BLANK_WITHIN} levels apart", f"{low} to {high}")

    def _repeated(self, frames: NDArray[np.uint8], before: NDArray[np.uint8] | None) -> Iterator[Finding]:
        """Frames that are another one to the byte."""
        for position, other, word in self._pairs(before):
            seen = frames[other] if before is None or word == "duplicate" else before[other]
            if np.array_equal(sampled(frames[position]), sampled(seen)) and np.array_equal(frames[position], seen):
                yield self._of(word, position, "another picture", f"frame {self._number(other)} again")

    def _sampled_again(
        self, sample: NDArray[np.uint8], before: NDArray[np.uint8] | None, bounds: Bounds
    ) -> Iterator[Finding]:
        """Drawn frames that are nearly another one, or share rows with it to the byte.

        No row of two frames is the same by chance: the noise of all its pixels would have to be.
        """
        for position, other, word in self._pairs(before):
            seen = sample[other] if before is None or word == "duplicate" else before[other]
            which = f"frame {self._number(other)}" + (" of the acquisition before" if word == "stale" else "")
            same, difference = likeness(sample[position], seen)
            if same > SAME_ROWS * len(seen):
                yield self._of(word, position, "another picture", f"{which} again")
            elif same > bounds.same_rows:
                yield self._of("torn", position, "a picture of its own", f"{same} of {len(seen)} rows of {which}")
            if difference < bounds.difference:
                yield self._of(word, position, f"{bounds.difference:g} levels from {which}", f"{difference:.2f}")

    def _pairs(self, before: NDArray[np.uint8] | None) -> Iterator[tuple[int, int, str]]:
        """(frame, other frame, what it is if they are the same), positions; the later of two is the one repeated."""
        for position in range(len(self.geometry.frames)):
            yield from ((position, other, "duplicate") for other in range(position))
            yield from ((position, other, "stale") for other in range(0 if before is None else len(before)))

    def _light(self, measures: Measures, bounds: Bounds) -> Iterator[Finding]:
        """Exposure, by the backlight beside the card."""
        low, high = bounds.light
        for position, light in enumerate(measures.light):
            if not low <= light <= high:
                expected = f"backlight of {low:g} to {high:g} levels"
                yield self._of("dark" if light < low else "bright", position, expected, f"{light:.1f}")

    def _sharpness(self, measures: Measures, bounds: Bounds) -> Iterator[Finding]:
        """Focus, by the card's edge."""
        for position, sharpness in enumerate(measures.sharpness):
            if not sharpness >= bounds.sharpness:
                expected = f"a step of {bounds.sharpness:g} of the light a px"
                yield self._of("defocused", position, expected, f"{sharpness:.3f}")

    def _seams(self, measures: Measures, bounds: Bounds) -> Iterator[Finding]:
        """Frames whose lower part is of another strip: another light, or a card that goes on elsewhere."""
        for position, (seam, bend) in enumerate(zip(measures.seam, measures.bend, strict=True)):
            if not seam <= bounds.seam:
                yield self._of("torn", position, f"no step of the light above {bounds.seam:g} errors", f"{seam:.1f}")
            if not bend <= bounds.bend_px:
                yield self._of("torn", position, f"a web within {bounds.bend_px:g} px of the flag", f"{bend:.1f}")

    def _unsteady(self, measures: Measures, bounds: Bounds) -> Iterator[Finding]:
        """A frame exposed or focused otherwise than the others of its acquisition."""
        light, sharpness = _usual(measures.light), _usual(measures.sharpness)
        for position, (own_light, own_sharpness) in enumerate(zip(measures.light, measures.sharpness, strict=True)):
            if abs(own_light - light) > bounds.light_steady:
                expected = f"within {bounds.light_steady:g} levels of {light:.1f}"
                yield self._of("dark" if own_light < light else "bright", position, expected, f"{own_light:.1f}")
            if own_sharpness < sharpness - bounds.sharpness_steady:
                expected = f"a step of {sharpness - bounds.sharpness_steady:.3f} of the light a px"
                yield self._of("defocused", position, expected, f"{own_sharpness:.3f}")

    def _place(self, measures: Measures, bounds: Bounds) -> Iterator[Finding]:
        """The card's place, against what a gripper may do, and against the acquisition's other frames."""
        for name, values in (("right", measures.dx), ("down", measures.dy)):
            usual = _usual(values)
            for position, shift in enumerate(values):
                if not abs(shift) <= bounds.shift_px:
                    yield self._of("shifted", position, f"at most {bounds.shift_px:g} px {name}", f"{shift:.1f}")
                if not abs(shift - usual) <= bounds.shift_steady_px:
                    expected = f"within {bounds.shift_steady_px:g} px of {usual:.1f} px {name}"
                    yield self._of("shifted", position, expected, f"{shift:.1f}")
        for position, angle in enumerate(measures.angle_deg):
            if not abs(angle) <= bounds.angle_deg:
                yield self._of("shifted", position, f"a turn of at most {bounds.angle_deg:g} degrees", f"{angle:.2f}")

    def _of(self, word: str, position: int, expected: str, got: str) -> Finding:
        return Finding(word, f"frame {self._number(position)}: {word}: expected {expected}, got {got}")

    def _number(self, position: int) -> int:
        """The exposure at a position."""
        return self.geometry.frames[position]


def sampled(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Uint8 (..., row, px), what is looked at of frames (..., height, width)."""
    return frames[..., EVERY_ROW // 2 :: EVERY_ROW, EVERY_PX // 2 :: EVERY_PX]


def likeness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> tuple[int, float]:
    """(rows that are the same to the byte, mean difference in grey levels) of two frames, uint8 (row, px).

    >>> likeness(np.zeros((4, 8), np.uint8), np.eye(4, 8, dtype=np.uint8))
    (0, 0.125)
    """
    apart = np.maximum(one, other) - np.minimum(one, other)
    return len(apart) - int(apart.any(axis=1).sum()), float(apart.sum(dtype=np.uint32)) / apart.size


def _usual(values: NDArray[np.float64]) -> float:
    """The one in the middle; NaN comes last."""
    return float(np.sort(values)[len(values) // 2])
