"""What a camera can do to frames, done to drawn ones: each kind at several strengths. Pure: pixels in, pixels out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

Frames = NDArray[np.uint8]
"""uint8 (frame, height, width)."""

NOISE = 1.2
"""Standard deviation of the camera's noise, grey levels (`docs/product.md`: 1.0-1.5)."""

TORN_ROWS = (64, 961)
"""Rows at which a torn frame may go over into another."""


@dataclass(frozen=True)
class Shot:
    """An acquisition with what a faulty camera may mix it up with.

    Attributes:
        frames: Its own.
        unseen: The exposures beside them of the same strip, which nobody inspects.
        before: The acquisition before, of another strip.
        long_before: An earlier one, of a third strip.
    """

    frames: Frames
    unseen: Frames
    before: Frames
    long_before: Frames


Bite = Callable[[Shot, np.random.Generator], Frames]
"""Makes a faulty acquisition; the shot is left alone."""


@dataclass(frozen=True)
class FrameFault:
    """One kind of fault at one strength.

    Attributes:
        kind: As the faults of a line are called.
        strength: How much of it, in words.
        frames: "one" (drawn) or "all".
        bite: Makes the frames.
    """

    kind: str
    strength: str
    frames: str
    bite: Bite


def exposed(frame: Frames, factor: float) -> Frames:
    """A frame under another exposure, digitised again."""
    return _digital(frame * np.float32(factor))


def defocused(frame: Frames, sigma_px: float, *, rng: np.random.Generator) -> Frames:
    """A frame whose light was blurred by a Gaussian; the noise that the blur took away is put back."""
    kept = min(1 / (4 * np.pi * sigma_px**2), 1.0)  # share of the variance of white noise that a wide blur leaves
    noise = NOISE * np.sqrt(1 - kept) * rng.standard_normal(frame.shape, np.float32)
    return _digital(gaussian_filter(frame.astype(np.float32), sigma_px, mode="nearest") + noise)


def shifted(frame: Frames, px: float, angle_rad: float) -> Frames:
    """A frame moved by so many px in a direction, edges repeated; splines keep it about as sharp as it was."""
    move = px * np.sin(angle_rad), px * np.cos(angle_rad)
    return _digital(shift(frame.astype(np.float32), move, order=3, mode="nearest"))


def catalogue() -> list[FrameFault]:
    """Every fault that is tried."""
    faults = [
        FrameFault("frame_dropped", "missing", "one", _dropped),
        FrameFault("frame_swapped", "two frames", "one", _swapped),
        FrameFault("frame_duplicated", "to the byte", "one", partial(_duplicated, levels=0)),
        FrameFault("frame_duplicated", "within 1 level", "one", partial(_duplicated, levels=1)),
        FrameFault("frame_stale", "of the acquisition before", "one", partial(_stale_one, whose="before")),
        FrameFault("frame_stale", "of the acquisition before", "all", lambda shot, rng: shot.before),
        FrameFault("frame_stale", "of an earlier acquisition", "one", partial(_stale_one, whose="long_before")),
        FrameFault("frame_stale", "of an earlier acquisition", "all", lambda shot, rng: shot.long_before),
        FrameFault("frame_torn", "lower part of the frame before", "one", _torn_within),
        FrameFault("frame_torn", "lower part of the acquisition before", "one", partial(_torn, whose="before")),
        FrameFault("frame_torn", "lower part of an earlier acquisition", "one", partial(_torn, whose="long_before")),
        FrameFault("frame_torn", "lower part of the exposure beside it", "one", partial(_torn, whose="unseen")),
    ]
    for frames in ("one", "all"):
        faults.append(FrameFault("frame_black", "no light", frames, _exposed(frames, 0.0)))
        faults += [
            FrameFault("under_exposed", f"times {factor:g}", frames, _exposed(frames, factor))
            for factor in (0.5, 0.9, 0.95, 0.97, 0.99)
        ]
        faults += [
            FrameFault("over_exposed", f"times {factor:g}", frames, _exposed(frames, factor))
            for factor in (1.01, 1.03, 1.05, 1.1, 2.0)
        ]
        faults += [
            FrameFault("defocused", f"sigma {sigma:g} px", frames, _defocused(frames, sigma))
            for sigma in (0.5, 0.7, 1.0, 1.5, 2.0, 4.0)
        ]
        faults += [
            FrameFault("shifted", f"{px:g} px", frames, partial(_shifted, frames=frames, px=px))
            for px in (0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
        ]
    return faults


def _digital(light: NDArray[np.float32]) -> Frames:
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def _on(frames: str, change: Callable[[Frames, np.random.Generator], Frames]) -> Bite:
    """A change of one frame, drawn, or of all."""

    def bite(shot: Shot, rng: np.random.Generator) -> Frames:
        bitten = shot.frames.copy()
        for place in range(len(bitten)) if frames == "all" else (int(rng.integers(len(bitten))),):
            bitten[place] = change(bitten[place], rng)
        return bitten

    return bite


def _exposed(frames: str, factor: float) -> Bite:
    return _on(frames, lambda frame, rng: exposed(frame, factor))


def _defocused(frames: str, sigma_px: float) -> Bite:
    return _on(frames, lambda frame, rng: defocused(frame, sigma_px, rng=rng))


def _shifted(shot: Shot, rng: np.random.Generator, *, frames: str, px: float) -> Frames:
    angle_rad = float(rng.uniform(0, 2 * np.pi))
    return _on(frames, lambda frame, rng: shifted(frame, px, angle_rad))(shot, rng)


def _dropped(shot: Shot, rng: np.random.Generator) -> Frames:
    return np.delete(shot.frames, int(rng.integers(len(shot.frames))), axis=0)


def _swapped(shot: Shot, rng: np.random.Generator) -> Frames:
    one, other = rng.permutation(len(shot.frames))[:2]
    order = np.arange(len(shot.frames))
    order[[one, other]] = other, one
    return shot.frames[order]


def _duplicated(shot: Shot, rng: np.random.Generator, *, levels: int) -> Frames:
    bitten = shot.frames.copy()
    place = int(rng.integers(1, len(bitten)))
    frame = bitten[place - 1] + rng.integers(-levels, levels + 1, bitten[place].shape, np.int16)
    bitten[place] = np.clip(frame, 0, 255)
    return bitten


def _stale_one(shot: Shot, rng: np.random.Generator, *, whose: str) -> Frames:
    bitten, place = shot.frames.copy(), int(rng.integers(len(shot.frames)))
    bitten[place] = getattr(shot, whose)[place]
    return bitten


def _torn_within(shot: Shot, rng: np.random.Generator) -> Frames:
    bitten, place, row = shot.frames.copy(), int(rng.integers(1, len(shot.frames))), int(rng.integers(*TORN_ROWS))
    bitten[place, row:] = shot.frames[place - 1, row:]
    return bitten


def _torn(shot: Shot, rng: np.random.Generator, *, whose: str) -> Frames:
    bitten, place, row = shot.frames.copy(), int(rng.integers(len(shot.frames))), int(rng.integers(*TORN_ROWS))
    bitten[place, row:] = getattr(shot, whose)[place, row:]
    return bitten
