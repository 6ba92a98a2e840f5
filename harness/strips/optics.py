"""Kernels on pictures of transmitted light: warp, stamp, blur, expose. One pass each, compiled, single core.

A picture is a float32 transmission map: 1.0 is the bare backlight, 0.0 is opaque. Nothing here knows what a vial is.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

Map = NDArray[np.float32]
"""float32 (height, width), transmission or another quantity per pixel."""

RING_FIELDS = ("x", "y", "radius", "stretch", "depth", "core", "glint")
"""Columns of a ring table: centre and radius in px, height / width, darkness of the rim (0-1),
radius of the bright centre as a share of the radius, brightness of that centre above the liquid's."""


@njit(cache=True, nogil=True, fastmath=True)
def warp_pose(source: Map, angle: float, dx: float, dy: float, top: int, out: Map) -> None:
    """Resample `source` (strip coordinates) into `out` (camera coordinates), bilinearly, edges repeated.

    Args:
        source: float32 (h, w); its row 0 is strip row `top`.
        angle: Rotation of the strip about the picture's centre, radians, counter-clockwise in (x right, y down).
        dx: Shift of the strip to the right, px.
        dy: Shift of the strip downwards, px.
        top: Strip row of the first row of `source`, and camera row of the first row of `out`.
        out: float32 (h, w), overwritten.
    """
    height, width = source.shape
    cosine, sine = np.cos(angle), np.sin(angle)
    middle_x, middle_y = 639.5, 511.5
    for row in range(out.shape[0]):
        y_camera = row + top - middle_y - dy
        for column in range(width):
            x_camera = column - middle_x - dx
            x = cosine * x_camera + sine * y_camera + middle_x
            y = -sine * x_camera + cosine * y_camera + middle_y - top
            x = min(max(x, 0.0), width - 1.001)
            y = min(max(y, 0.0), height - 1.001)
            x0, y0 = int(x), int(y)
            fx, fy = np.float32(x - x0), np.float32(y - y0)
            upper = source[y0, x0] + fx * (source[y0, x0 + 1] - source[y0, x0])
            lower = source[y0 + 1, x0] + fx * (source[y0 + 1, x0 + 1] - source[y0 + 1, x0])
            out[row, column] = upper + fy * (lower - upper)


@njit(cache=True, nogil=True, fastmath=True)
def displace(picture: Map, top: int, left: int, shift_y: Map, shift_x: Map) -> None:
    """Move a window of `picture` by a displacement field, in place; what moved in comes from the picture itself.

    Args:
        picture: float32 (h, w).
        top: Row of the window; parts outside the picture are left out.
        left: Column of the window.
        shift_y: float32 window, px by which the content moves down.
        shift_x: float32 window, px by which the content moves right.
    """
    height, width = picture.shape
    source = picture[max(top - 24, 0) : top + shift_y.shape[0] + 24, max(left - 24, 0) : left + shift_y.shape[1] + 24]
    source = source.copy()
    source_top, source_left = max(top - 24, 0), max(left - 24, 0)
    for row in range(shift_y.shape[0]):
        for column in range(shift_y.shape[1]):
            y, x = top + row, left + column
            if 0 <= y < height and 0 <= x < width:
                from_y = min(max(y - shift_y[row, column] - source_top, 0.0), source.shape[0] - 1.001)
                from_x = min(max(x - shift_x[row, column] - source_left, 0.0), source.shape[1] - 1.001)
                y0, x0 = int(from_y), int(from_x)
                fy, fx = np.float32(from_y - y0), np.float32(from_x - x0)
                upper = source[y0, x0] + fx * (source[y0, x0 + 1] - source[y0, x0])
                lower = source[y0 + 1, x0] + fx * (source[y0 + 1, x0 + 1] - source[y0 + 1, x0])
                picture[y, x] = upper + fy * (lower - upper)


@njit(cache=True, nogil=True, fastmath=True)
def multiply_window(picture: Map, top: int, left: int, window: Map, plastic_only: bool = False) -> None:
    """Multiply a window into `picture` in place, bare backlight left alone if asked; parts outside are left out."""
    height, width = picture.shape
    for row in range(window.shape[0]):
        for column in range(window.shape[1]):
            y, x = top + row, left + column
            if 0 <= y < height and 0 <= x < width and not (plastic_only and picture[y, x] > 0.97):
                picture[y, x] *= window[row, column]


@njit(cache=True, nogil=True, fastmath=True)
def _rise(value: float, low: float, high: float) -> float:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@njit(cache=True, nogil=True, fastmath=True)
def stamp_rings(picture: Map, rings: NDArray[np.float32]) -> None:
    """Multiply refracting spheres into `picture` in place: a dark rim, a bright centre.

    A bubble before a distant lamp bends all light but that through its middle out of a telecentric lens, hence the
    dark rim; how wide the centre is depends on the lens' aperture. Drops on a wall are the same with another centre.

    Args:
        picture: float32 (h, w), transmission.
        rings: float32 (n, 7), see `RING_FIELDS`.
    """
    height, width = picture.shape
    for index in range(rings.shape[0]):
        x, y, radius, stretch, depth, core, glint = rings[index]
        reach_x, reach_y = int(radius) + 3, int(radius * stretch) + 3
        soft = min(0.9 / radius, 0.4)
        for row in range(max(int(y) - reach_y, 0), min(int(y) + reach_y + 2, height)):
            offset_y = (row - y) / stretch
            for column in range(max(int(x) - reach_x, 0), min(int(x) + reach_x + 2, width)):
                offset_x = column - x
                share = np.sqrt(offset_x * offset_x + offset_y * offset_y) / radius
                if share < 1.0 + 3.0 * soft:
                    inside = 1.0 - _rise(share, 1.0 - soft, 1.0 + soft)
                    rim = _rise(share, core * 0.7, core + 0.35 * (1.0 - core))
                    shade = 1.0 - 0.12 * offset_y / radius
                    halo = 0.05 * _rise(share, 1.0, 1.0 + soft) * (1.0 - _rise(share, 1.0 + soft, 1.0 + 3.0 * soft))
                    light = 1.0 - depth * rim * shade + glint * (1.0 - rim)
                    picture[row, column] *= inside * light + (1.0 - inside) * (1.0 + halo)


@njit(cache=True, nogil=True, fastmath=True)
def expose(
    picture: Map,
    weights: NDArray[np.float32],
    level: float,
    noise: NDArray[np.float32],
    offset: int,
    read: float,
    shot: float,
    out: NDArray[np.uint8],
) -> None:
    """Blur a transmission map by a 5-tap separable point spread, light it, add noise, and digitise.

    Args:
        picture: float32 (h, w), transmission.
        weights: float32 (3,), centre, first and second neighbour of the point spread; w0 + 2 w1 + 2 w2 = 1.
        level: Grey level of the bare backlight, exposure gain included.
        noise: float32 (n,), standard normal field; used from `offset` on, wrapped.
        offset: Where this frame starts in the field.
        read: Standard deviation of the read noise, grey levels.
        shot: Standard deviation of the shot noise at `level`, grey levels.
        out: uint8 (h, w), overwritten.
    """
    height, width = picture.shape
    w0, w1, w2 = weights[0] * np.float32(level), weights[1] * np.float32(level), weights[2] * np.float32(level)
    v0, v1, v2 = weights[0], weights[1], weights[2]
    line = np.empty(width + 4, np.float32)
    variance_read = np.float32(read * read)
    slope = np.float32(shot * shot / level)
    size = noise.shape[0]
    for row in range(height):
        a = picture[max(row - 2, 0)]
        b = picture[max(row - 1, 0)]
        c = picture[row]
        d = picture[min(row + 1, height - 1)]
        e = picture[min(row + 2, height - 1)]
        for column in range(width):
            line[column + 2] = w0 * c[column] + w1 * (b[column] + d[column]) + w2 * (a[column] + e[column])
        line[0] = line[1] = line[2]
        line[width + 2] = line[width + 3] = line[width + 1]
        start = (offset + row * width) % (size - width)
        field = noise[start : start + width]
        target = out[row]
        for column in range(width):
            light = (
                v0 * line[column + 2]
                + v1 * (line[column + 1] + line[column + 3])
                + v2 * (line[column] + line[column + 4])
            )
            grey = light + np.sqrt(variance_read + slope * light) * field[column] + np.float32(0.5)
            target[column] = np.uint8(min(max(grey, np.float32(0.0)), np.float32(255.0)))


def point_spread(sigma_px: float) -> NDArray[np.float32]:
    """Centre, first and second weight of a 5-tap Gaussian of the given standard deviation."""
    taps = np.exp(-0.5 * (np.arange(3) / sigma_px) ** 2)
    weights: NDArray[np.float32] = (taps / (taps[0] + 2 * taps[1] + 2 * taps[2])).astype(np.float32)
    return weights


@lru_cache(maxsize=1)
def noise_field() -> NDArray[np.float32]:
    """float32 (2^21,) standard normal values that every frame reads from its own offset.

    A fixed bank: drawing 1.3 million normal values a frame would cost more than the rest of the frame.
    """
    return np.random.default_rng(20260).standard_normal(1 << 21).astype(np.float32)
