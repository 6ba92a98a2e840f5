"""Perturbations of a patch for the marker: on all frames of an acquisition, at one place or moving between them.

Wider than P_q of the paper's eq. 1 (`perlin.py`): shadows of every contrast, soft or sharp, lines, heaps of small
pieces or of rings, reliefs lit from a side, foreign texture, dents, walls pushed aside. They are made after what the
paper's Appendix A says can be wrong with a strip; the painters of defects in `harness` are never asked.

A real defect is seen through the lens and under the camera's noise. So is a perturbation: its shape is blurred by the
point spread, and where it took noise away with the light, as much is put back. Else a network that looks closely would
learn to find what is too clean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from model.config import CELL_PX
from model.perlin import Field, random_perlin

Stack = NDArray[np.float32]
"""float32 (frames, height, width) in [0, 1]."""

Kind = Literal["shadow", "line", "raft", "light", "relief", "grey", "texture", "product", "dent", "push", "spot"]
"""Lines and rafts of rings are shadows of one shape each; a foreign grey, texture or piece of product is laid over,
more or less; a push moves a length of an edge aside; a spot is a dark piece with an edge of its own."""

MOST = 2
SIDE_PX = (8.0, 110.0)
CONTRAST = (0.05, 0.7)
SPOT_SIDE_PX = (9.0, 80.0)
SPOT_CONTRAST = (0.12, 0.7)
SPOT_MOVING_SHARE = 0.4
SPOT_EDGE_PX = 3.5
"""Of spots: dark pieces sharp enough to be taken for bubbles, which are far more frequent. Half a side is about what
one measures: from the smallest bubble to the largest."""

RELIEF_SIDE_PX = (10.0, 80.0)
RELIEF_LENS = (0.0, 0.7)
"""Of reliefs: how much of the light a rise turns away on every flank, as a lens does, beside the flank that is lit."""

DENT_SIDE_PX = (24.0, 150.0)
DENT_PX = (2.2, 16.0)
DENT_SHADE = 0.3
"""Of a dent's contrast, where it is deepest; half of the dents have none."""

PUSH_LONG_PX = (40.0, 220.0)
PUSH_WIDE_PX = (12.0, 60.0)
PUSH_STEEPEST = 0.42
"""Depth of a push as a share of its width: beyond, what is pushed would fold over itself."""

AT_EDGES: dict[Kind, float] = {"relief": 0.7, "raft": 0.5, "spot": 0.3}
"""Share of these that lie where light changes: on the lines of a neck's wall a rise is hardest to see, foam floats
where liquid ends, and what sticks there hides in its dark band."""

RAFT_FLATTEST = 5.0
"""Length of the flattest raft over its height: foam spreads along a surface. Half of those that are not
afloat lie level."""

AFLOAT = 0.6
"""Share of rafts that lie level where liquid ends, if that is in the patch, and ride on it from frame to frame."""

AFLOAT_FLAT = (2.5, 6.0)
"""Length of those over their height."""

AFLOAT_DOWN_PX = (0.0, 10.0)
"""How far below the line the middle of one lies: in the dark band that a surface shows there."""

SURFACE_HALF_PX = 8
SURFACE_REACH_PX = 25
"""Half of the strip over which the line is sought, and how far it may have gone in the next frame."""

EDGE_TRIES = 12
EDGE_STEP = 0.06
"""Change of light, 15 grey levels over 6 px, that makes an edge: an inner wall, or the mould's own lines, as well as
the outline, which is the steepest place of nearly any patch. Every other edge is the steepest of those tried."""

MOVING_SHARE = 0.25
SINKING_PX = (-10.0, 45.0)
"""How far a moving one gets between two frames, downwards."""

SIDEWAYS_PX = 14.0
SEEN_ABOVE = 0.012
"""Change of a pixel that counts, 3 grey levels: twice the camera's noise."""

SEEN_SHARE = 0.25
"""Of a cell's pixels must have changed in some frame for the cell to be marked."""

POINT_SPREAD_PX = (0.6, 0.9)
"""Standard deviation of the camera's blur (`docs/product.md`)."""

NOISE = 1.15 / 255
"""Standard deviation of the camera's noise at the brightness of liquid: 1.0-1.5 grey levels before bare light."""

NOISE_KEPT = np.float32(0.999)
"""Share of the noise's variance above which none is put back."""


def disturb(
    stack: Stack, other: NDArray[np.uint8], *, rng: np.random.Generator, kinds: Mapping[Kind, float]
) -> tuple[Stack, NDArray[np.bool_]]:
    """One or two perturbations of an acquisition of one patch, and where they are seen.

    Args:
        stack: Its frames.
        other: uint8, frames of another good patch, of the same shape.
        rng: Of this patch.
        kinds: Share of perturbations of each kind, 1 in all.

    Returns:
        (perturbed frames, bool (height / 4, width / 4) of the cells in which they changed visibly).
    """
    out, noise, known = stack.copy(), np.ones_like(stack), list(kinds)
    for place in rng.choice(len(known), int(rng.integers(1, MOST + 1)), p=list(kinds.values())):
        kind = known[place]
        if kind == "spot":
            _spot(out, noise, rng)
        elif kind in ("dent", "push"):
            _dented(out, noise, rng, push=kind == "push")
        else:
            _laid(kind, out, noise, other, rng)
    np.clip(out, 0.0, 1.0, out=out)
    marked = seen(stack, out)
    _noise_again(out, noise, rng.standard_normal(int(np.count_nonzero(noise < NOISE_KEPT)), np.float32))
    return out, marked


def _laid(kind: Kind, out: Stack, noise: Stack, other: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Lay a shape over the frames in place; into `noise` goes what share of its variance each pixel keeps."""
    side = int(np.exp(rng.uniform(*np.log(RELIEF_SIDE_PX if kind == "relief" else SIDE_PX))))
    afloat = kind == "raft" and rng.random() < AFLOAT
    sharp = _level_raft(side, rng) if afloat else _sharp_shape(side, rng, kind)
    shape = _spread(sharp, float(rng.uniform(*POINT_SPREAD_PX)))
    size = out.shape[1]
    y, x = rng.uniform(-0.25 * side, size - 0.75 * side, 2)
    if rng.random() < AT_EDGES.get(kind, 0.0):
        y, x = np.subtract(_edge(out[0], rng)[:2], rng.uniform(0.2, 0.8, 2) * side)
    moves = rng.random() < MOVING_SHARE
    contrast = float(np.exp(rng.uniform(*np.log(CONTRAST))))
    grey, blend = rng.random(), float(rng.uniform(0.3, 1.0))
    texture = 0.5 + 0.5 * random_perlin((side, side), rng=rng, powers=(1, 4)) if kind == "texture" else None
    relief = _relief(shape, rng.uniform(0, 2 * np.pi), rng.uniform(*RELIEF_LENS)) if kind == "relief" else None
    corners = list(_corners(len(out), y, x, moves, rng))
    if afloat:
        corners = _on_surface(out, x, side, rng) or corners
    for frame, (top, left) in enumerate(corners):
        within = _within(top, left, side, size)
        if within is None:
            continue
        place, inner = within
        mask, window, kept = shape[inner], out[frame][place], noise[frame][place]
        if kind in ("shadow", "line", "raft"):
            _lit(window, kept, 1 - contrast * mask)
        elif kind == "light":
            _lit(window, kept, 1 + 0.6 * contrast * mask)
        elif relief is not None:
            _lit(window, kept, 1 - contrast * relief[inner])
        else:
            source = texture[inner] if texture is not None else grey
            if kind == "product":
                source = other[frame][place] / np.float32(255)
            window += blend * mask * (source - window)
            kept *= np.square(1 - blend * mask)
            if kind == "product":
                kept += np.square(blend * mask)


def _dented(out: Stack, noise: Stack, rng: np.random.Generator, *, push: bool) -> None:
    """Move what is seen at an edge, in all frames alike: any way, or a length of it across itself; see `_laid`."""
    y, x, across = _edge(out[0], rng)
    depth = float(np.exp(rng.uniform(*np.log(DENT_PX))))
    if push:
        long, wide = (float(np.exp(rng.uniform(*np.log(reach)))) for reach in (PUSH_LONG_PX, PUSH_WIDE_PX))
        mask = _along(long, max(wide, depth / PUSH_STEEPEST), across)
        way = across + (np.pi if rng.random() < 0.5 else 0.0)
    else:
        side = int(np.exp(rng.uniform(*np.log(DENT_SIDE_PX))))
        mask, way = _blob(side, rng, sharpest=0.15 * side), rng.uniform(0, 2 * np.pi)
    side = len(mask)
    shade = DENT_SHADE * float(np.exp(rng.uniform(*np.log(CONTRAST)))) * (rng.random() < 0.5)
    within = _within(round(y - side / 2), round(x - side / 2), side, out.shape[1])
    if within is None:
        return
    place, inner = within
    for frame in range(len(out)):
        window, kept = out[frame][place], noise[frame][place]
        _dent(window, kept, mask[inner], np.float32(depth * np.sin(way)), np.float32(depth * np.cos(way)))
        _lit(window, kept, 1 - shade * mask[inner])


def _corners(frames: int, y: float, x: float, moves: bool, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """(top, left) of a perturbation in each frame: where it is, or on its way with the liquid."""
    for frame in range(frames):
        if moves and frame:
            y += rng.uniform(*SINKING_PX)
            x += rng.uniform(-SIDEWAYS_PX, SIDEWAYS_PX)
        yield round(float(y)), round(float(x))


def _on_surface(stack: Stack, x: float, side: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """(top, left) of what is afloat in each frame; none where no liquid ends."""
    rows = _surface(stack, round(float(np.clip(x + side / 2, 0, stack.shape[2] - 1))))
    down = rng.uniform(*AFLOAT_DOWN_PX) - side / 2 if rows else 0.0
    return [(round(float(row + down)), round(float(x))) for row in rows]


def _within(top: int, left: int, side: int, size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Of a square window, what lies within a patch: seen from the patch, and from the window. None if nothing does."""
    rows, columns = (slice(max(start, 0), min(start + side, size)) for start in (top, left))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    inner = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    return (rows, columns), inner


def _spot(out: Stack, noise: Stack, rng: np.random.Generator) -> None:
    """A small dark piece, solid or hollow, that stays or goes with the liquid; see `_laid`."""
    side = int(np.exp(rng.uniform(*np.log(SPOT_SIDE_PX))))
    sharp = _hollow(side, rng) if rng.random() < 0.2 else _blob(side, rng, softest=SPOT_EDGE_PX)
    shape = _spread(sharp, float(rng.uniform(*POINT_SPREAD_PX)))
    light = 1 - np.float32(np.exp(rng.uniform(*np.log(SPOT_CONTRAST)))) * shape
    y, x = rng.uniform(0, out.shape[1] - side, 2)
    if rng.random() < AT_EDGES["spot"]:
        y, x = np.clip(np.subtract(_edge(out[0], rng)[:2], rng.uniform(0.2, 0.8, 2) * side), 0, out.shape[1] - side)
    moves = rng.random() < SPOT_MOVING_SHARE
    for frame, (top, left) in enumerate(_corners(len(out), y, x, moves, rng)):
        if 0 <= top <= out.shape[1] - side and 0 <= left <= out.shape[2] - side:
            window = np.s_[frame, top : top + side, left : left + side]
            _lit(out[window], noise[window], light)


def _lit(window: Field, kept: Field, light: Field) -> None:
    """Multiply light into a window, and what that does to its noise into `kept`."""
    window *= light
    kept *= np.square(light)


def _edge(picture: Field, rng: np.random.Generator) -> tuple[float, float, float]:
    """(y, x, angle across) of a place where light changes: a dent in an even ground would not be seen."""
    places = rng.integers(4, len(picture) - 4, (EDGE_TRIES, 2))
    steps = [(picture[y + 3, x] - picture[y - 3, x], picture[y, x + 3] - picture[y, x - 3]) for y, x in places]
    steep = np.array([abs(float(down)) + abs(float(right)) for down, right in steps])
    # The first that is an edge at all is any of them; without one, or half of the time, it is the steepest.
    chosen = int(np.argmax(np.minimum(steep, EDGE_STEP) if rng.random() < 0.5 else steep))
    (y, x), (down, right) = places[chosen], steps[chosen]
    return float(y), float(x), float(np.arctan2(down, right))


def _surface(stack: Stack, column: int) -> list[int]:
    """In which row of each frame it grows dark below, about a column, as where liquid ends; none if it does not."""
    rows = list[int]()
    for picture in stack:
        strip = picture[:, max(column - SURFACE_HALF_PX, 0) : column + SURFACE_HALF_PX + 1].mean(axis=1)
        darker = strip[:-6] - strip[6:]
        first = max(rows[-1] - 3 - SURFACE_REACH_PX, 0) if rows else 0
        last = rows[-1] - 2 + SURFACE_REACH_PX if rows else len(darker)
        row = first + int(np.argmax(darker[first:last]))
        if not rows and darker[row] < EDGE_STEP:
            return []
        rows.append(row + 3)
    return rows


def _along(long_px: float, wide_px: float, across: float) -> Field:
    """1 in the middle of an ellipse, smoothly 0 at its rim, the longer way at right angles to `across`."""
    side = int(max(long_px, wide_px))
    place = np.arange(side, dtype=np.float32) + np.float32(0.5 - side / 2)
    u, v = _turned(place, across)
    depth = np.maximum(1 - np.square(u * (2 / wide_px)) - np.square(v * (2 / long_px)), 0)
    return np.asarray(np.square(depth), np.float32)


@njit(cache=True, nogil=True)
def seen(before: Stack, after: Stack) -> NDArray[np.bool_]:
    """bool (height / 4, width / 4): cells of which enough changed in at least one frame."""
    frames, height, width = before.shape
    marked = np.zeros((height // CELL_PX, width // CELL_PX), np.bool_)
    enough = SEEN_SHARE * CELL_PX * CELL_PX
    for row in range(marked.shape[0]):
        for column in range(marked.shape[1]):
            for frame in range(frames):
                changed = 0
                for y in range(row * CELL_PX, (row + 1) * CELL_PX):
                    for x in range(column * CELL_PX, (column + 1) * CELL_PX):
                        changed += abs(after[frame, y, x] - before[frame, y, x]) > SEEN_ABOVE
                marked[row, column] |= changed >= enough
    return marked


@njit(cache=True, nogil=True)
def _noise_again(out: Stack, noise: Stack, drawn: Field) -> None:
    """Put back, in place, what noise was lost where less than `NOISE_KEPT` of its variance is left."""
    pixels, kept, place = out.ravel(), noise.ravel(), 0
    for pixel in range(pixels.size):
        if kept[pixel] < np.float32(NOISE_KEPT):
            value = pixels[pixel] + np.float32(NOISE) * np.sqrt(np.float32(1) - kept[pixel]) * drawn[place]
            pixels[pixel] = min(max(value, np.float32(0)), np.float32(1))
            place += 1


def _spread(shape: Field, sigma_px: float) -> Field:
    """Blurred by a Gaussian of so many px, three taps along each side."""
    tap = np.exp(-0.5 / sigma_px**2)
    side, middle = np.float32(tap / (1 + 2 * tap)), np.float32(1 / (1 + 2 * tap))
    padded = np.pad(shape, 1)
    across = middle * padded[:, 1:-1] + side * (padded[:, :-2] + padded[:, 2:])
    return np.asarray(middle * across[1:-1] + side * (across[:-2] + across[2:]), np.float32)


def _sharp_shape(side: int, rng: np.random.Generator, kind: Kind) -> Field:
    """float32 (side, side) in [0, 1], within the circle of the window: a blob, a line, a heap of pieces or of rings."""
    if kind == "line":
        return _line(side, rng, powers=(0, 1))
    if kind == "raft":
        flat = float(np.exp(rng.uniform(0, np.log(RAFT_FLATTEST))))
        return _rings(rng, _ellipse(side, flat, np.pi / 2 if rng.random() < 0.5 else rng.uniform(0, np.pi)))
    if kind == "relief":
        return _blob(side, rng)
    drawn = rng.random()
    if drawn < 0.36:
        return _blob(side, rng)
    if drawn < 0.44:
        return _hollow(side, rng)
    if drawn < 0.76:
        return _line(side, rng, powers=(0, 1) if drawn < 0.67 else (2, 4))
    if drawn < 0.86:
        rim = _rim(side, rng)
        field = random_perlin((side, side), rng=rng, powers=(2, 5))
        return _smooth(np.minimum((field - rng.uniform(0.05, 0.4)) * 8.0, rim))
    return _rings(rng, _radius(side, rng))


def _level_raft(side: int, rng: np.random.Generator) -> Field:
    """Rings within a level ellipse, as foam lies on a surface; see `_sharp_shape`."""
    return _rings(rng, _ellipse(side, float(np.exp(rng.uniform(*np.log(AFLOAT_FLAT)))), np.pi / 2))


def _line(side: int, rng: np.random.Generator, *, powers: tuple[int, int]) -> Field:
    """An isoline of Perlin noise: a line where it is smooth, curls where it is rough."""
    rim = _rim(side, rng)
    field = random_perlin((side, side), rng=rng, powers=powers)
    width = rng.uniform(0.5, 2.0)
    steep = np.maximum(np.hypot(*np.gradient(field)), 1e-3)
    return _smooth(np.minimum(width - np.abs(field - rng.uniform(-0.2, 0.2)) / steep, rim))


def _rim(side: int, rng: np.random.Generator) -> Field:
    """What keeps a shape within the circle of its window: falls to 0 at it."""
    return (1.0 - _radius(side, rng)) * side * 0.25


def _rings(rng: np.random.Generator, radius: Field) -> Field:
    """A crowd of small rings that hang together, as bubbles of foam do, where `radius` is below 0.9."""
    place = np.arange(len(radius), dtype=np.float32)
    out = np.zeros_like(radius)
    inside = np.argwhere(radius < 0.9)
    for _ in range(int(rng.integers(2, 3 + len(inside) // 40))):
        middle = inside[rng.integers(len(inside))]
        wide, wall = rng.uniform(1.5, 6.5), rng.uniform(0.7, 1.6)
        reach = int(wide + wall) + 2  # beyond it a ring is 0
        rows, columns = (slice(max(at - reach, 0), at + reach + 1) for at in middle)
        away = np.hypot(place[rows, None] - middle[0], place[None, columns] - middle[1])
        np.maximum(out[rows, columns], _smooth(wall - np.abs(away - wide)), out=out[rows, columns])
    return out


def _relief(shape: Field, angle: float, lens: float) -> Field:
    """A shape as a rise lit from a side: up to 1 where it turns away from the light, down to -0.4 where it faces it.

    Args:
        shape: Its height.
        angle: Of the light.
        lens: Share that every flank turns away, whichever way it looks.
    """
    down, right = np.gradient(shape)
    slope = lens * np.hypot(down, right) + (1 - lens) * (np.sin(angle) * down + np.cos(angle) * right)
    slope /= max(float(np.abs(slope).max()), 1e-6)
    return np.asarray(np.where(slope > 0, slope, 0.4 * slope), np.float32)


def _hollow(side: int, rng: np.random.Generator) -> Field:
    """A piece that is paler within: a burnt edge, a stain that has dried; not round enough to be a bubble."""
    depth = 1.0 - _radius(side, rng) - 0.35 * (1 - random_perlin((side, side), rng=rng, powers=(0, 2)))
    wall, paler = rng.uniform(0.1, 0.35), rng.uniform(0.5, 1.0)
    steep = 0.5 * side / np.exp(rng.uniform(*np.log((0.6, 0.12 * side + 1.0))))
    return np.asarray(_smooth(depth * steep) * (1 - paler * _smooth((depth - wall) * steep)), np.float32)


def _blob(side: int, rng: np.random.Generator, *, sharpest: float = 0.6, softest: float = np.inf) -> Field:
    """One piece with an uneven outline, whose edge rises over `sharpest` to `softest` px, at most half the window."""
    soft = np.exp(rng.uniform(*np.log((sharpest, min(softest, 0.5 * side)))))
    field = random_perlin((side, side), rng=rng, powers=(0, 2))
    return _smooth((1.0 - _radius(side, rng) - 0.35 * (1 - field)) * (0.5 * side / soft))


def _radius(side: int, rng: np.random.Generator) -> Field:
    """`_ellipse` of any direction, at most twice as long as it is wide."""
    return _ellipse(side, float(np.exp(rng.uniform(0, 0.7))), rng.uniform(0, np.pi))


def _ellipse(side: int, flat: float, turn: float) -> Field:
    """Distance from the window's middle as a share of half its side, `flat` times that along `turn`."""
    place = (np.arange(side, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / side) - np.float32(1)
    along, across = _turned(place, turn)
    return np.asarray(np.hypot(flat * along, across), np.float32)


def _turned(place: NDArray[np.float32], turn: float) -> tuple[Field, Field]:
    """Coordinates (u, v) of a square's pixels along axes turned by an angle, from their places along its sides."""
    cosine, sine = np.cos(turn), np.sin(turn)
    return cosine * place[None] + sine * place[:, None], -sine * place[None] + cosine * place[:, None]


def _smooth(level: Field) -> Field:
    """0 below -1/2, 1 above 1/2, without a corner between."""
    share = np.clip(level + 0.5, 0.0, 1.0).astype(np.float32)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


@njit(cache=True, nogil=True, fastmath=True)
def _dent(window: Field, kept: Field, mask: Field, down: np.float32, right: np.float32) -> None:
    """Move the content of a window by (down, right) px times the mask, in place, bilinearly, which evens out noise."""
    height, width = window.shape
    source = window.copy()
    for row in range(height):
        for column in range(width):
            y = min(max(row - down * mask[row, column], 0.0), height - 1.001)
            x = min(max(column - right * mask[row, column], 0.0), width - 1.001)
            y0, x0 = int(y), int(x)
            if y0 + 1 < height and x0 + 1 < width:
                fy, fx = np.float32(y - y0), np.float32(x - x0)
                upper = source[y0, x0] + fx * (source[y0, x0 + 1] - source[y0, x0])
                lower = source[y0 + 1, x0] + fx * (source[y0 + 1, x0 + 1] - source[y0 + 1, x0])
                window[row, column] = upper + fy * (lower - upper)
                kept[row, column] *= (1 - 2 * fy * (1 - fy)) * (1 - 2 * fx * (1 - fx))
