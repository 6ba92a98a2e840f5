"""The plastic: one strip's outline, walls, flag and flow texture, constant over all its runs.

Every number is an engineering value of ours (`docs/paper.md`: the real images are under NDA), in px of 50 um unless it
says otherwise. Nothing here moves; what moves is in `liquid.py`, what is wrong is in `defects.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from harness.geometry import PAPER
from harness.streams import stream
from harness.strips.optics import Map

HEIGHT, WIDTH = PAPER.frame_shape
VIALS = PAPER.vials
CARD_LEFT, CARD_RIGHT = 25, 1255
PITCH = 246
FLAG_TOP, FLAG_BOTTOM = 16, 256
NECK_TOP, NECK_BOTTOM = 316, 360
SHOULDER_BOTTOM = 430
MENISCUS = 455
WEB_TOP, WEB_BOTTOM = 440, 930
BOTTOM = 990
BAND_TOP, BAND_BOTTOM = 384, 544
"""Rows within which the meniscus can lie; only there are an empty and a filled picture kept side by side."""

FILL_SPREAD = 5.0
"""Fill height varies by +- this many px between strips (`docs/product.md`)."""

_PROFILE_ROWS = (256, 268, 296, 308, 318, 350, 362, 378, 400, 430, 455, 700, 890)
_PROFILE_HALF_WIDTHS = (58, 62, 62, 54, 40, 40, 46, 66, 90, 106, 110, 112, 111)
_OUTLINE_STEPS = 1024
_OUTLINE_STEP_PX = 0.125


@dataclass(frozen=True)
class Plastic:
    """One strip without its liquid's motion, in strip coordinates.

    Attributes:
        body: float32 (1024, 1280), transmission; liquid below the middle of the band, air above.
        band_air: float32 (160, 1280), rows `BAND_TOP` to `BAND_BOTTOM` as if empty.
        band_liquid: The same rows as if filled.
        left: float32 (5, 1024), column of each vial's left outline by row.
        right: float32 (5, 1024), column of its right outline.
        fill: float32 (5,), row of the meniscus at rest.
    """

    body: Map
    band_air: Map
    band_liquid: Map
    left: Map
    right: Map
    fill: NDArray[np.float32]

    @property
    def layers(self) -> tuple[tuple[Map, int], ...]:
        """Each picture with the strip row of its first row."""
        return (self.body, 0), (self.band_air, BAND_TOP), (self.band_liquid, BAND_TOP)


def draw_plastic(seed: int) -> Plastic:
    """The plastic of the product with this seed.

    Args:
        seed: The product's seed in its register.

    Returns:
        Pictures and outlines; the same for the same seed, whatever the scenario.
    """
    rng = stream("plastic", seed)
    left, right = _outlines(rng)
    slope = np.sqrt(1.0 + np.gradient((right - left) / 2, axis=1) ** 2).astype(np.float32)
    air, liquid = _wall_profiles(rng)
    offset_y, offset_x = int(rng.integers(0, 512)), int(rng.integers(0, 512))
    texture = _texture()[offset_y : offset_y + HEIGHT, offset_x : offset_x + WIDTH]
    strength = float(rng.uniform(0.006, 0.014))
    fill = (MENISCUS + rng.uniform(-FILL_SPREAD, FILL_SPREAD) + rng.normal(0, 0.8, VIALS)).astype(np.float32)
    tab = float(rng.uniform(0.70, 0.76))
    web = float(rng.uniform(0.88, 0.92))

    body = np.empty((HEIGHT, WIDTH), np.float32)
    middle = (BAND_TOP + BAND_BOTTOM) // 2
    _shade(body[:middle], 0, left, right, slope, air, texture, strength, tab, web)
    _shade(body[middle:], middle, left, right, slope, liquid, texture, strength, tab, web)
    band_air = np.empty((BAND_BOTTOM - BAND_TOP, WIDTH), np.float32)
    band_liquid = np.empty_like(band_air)
    _shade(band_air, BAND_TOP, left, right, slope, air, texture, strength, tab, web)
    _shade(band_liquid, BAND_TOP, left, right, slope, liquid, texture, strength, tab, web)
    _emboss(body, rng)
    return Plastic(body, band_air, band_liquid, left, right, fill)


def _outlines(rng: np.random.Generator) -> tuple[Map, Map]:
    """Left and right outline of each vial by row: the mould's shape, lean and waviness added."""
    half = _half_widths()
    rows = np.arange(HEIGHT)
    centre = CARD_LEFT + PITCH * (np.arange(VIALS) + 0.5) - 0.5
    lean = rng.normal(0.0, 0.8, (VIALS, 1)) * (rows - MENISCUS) / 500.0
    waves = gaussian_filter1d(rng.standard_normal((2, VIALS, HEIGHT)), 45.0, axis=-1, mode="reflect")
    waves *= 0.6 / waves.std()
    swell = rng.normal(0.0, 0.7, (VIALS, 1))
    axis = centre[:, None] + lean
    left = axis - half - swell + waves[0]
    right = axis + half + swell + waves[1]
    return left.astype(np.float32), right.astype(np.float32)


@lru_cache(maxsize=1)
def _half_widths() -> NDArray[np.float64]:
    """Half width of a vial by row; below zero where there is no vial."""
    rows = np.arange(HEIGHT, dtype=float)
    half = PchipInterpolator(_PROFILE_ROWS, _PROFILE_HALF_WIDTHS, extrapolate=True)(rows)
    curve = rows > 890
    depth = np.clip((rows[curve] - 890) / (BOTTOM - 890), 0, 1)
    half[curve] = 111.0 * (1 - depth**2.6) ** (1 / 2.6)
    half[(rows < FLAG_BOTTOM) | (rows >= BOTTOM)] = -40.0
    return np.asarray(half)


def _wall_profiles(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Transmission against distance from the outline, for an empty and for a filled vial.

    Empty, the wall is a thin dark line with a second line at its inner face. Filled, the liquid is a cylinder lens
    that turns light near the wall out of a telecentric picture: a broad dark rim, and a clearer middle.
    """
    distance = np.arange(_OUTLINE_STEPS) * _OUTLINE_STEP_PX
    wall = rng.uniform(11.0, 15.0)
    edge = rng.uniform(0.62, 0.72)
    empty = (
        (1 - edge * np.exp(-((distance / 4.2) ** 2)))
        * (1 - 0.30 * np.exp(-(((distance - wall) / 2.2) ** 2)))
        * (1 - 0.22 * np.exp(-distance / 24.0))
        * 0.86
    )
    rim = rng.uniform(17.0, 22.0)
    filled = (
        (1 - 0.86 * np.exp(-((distance / rim) ** 3)))
        * (1 - 0.12 * np.exp(-(((distance - wall - 12) / 3.0) ** 2)))
        * (1 - 0.16 * np.exp(-distance / 32.0))
        * 0.93
    )
    return empty.astype(np.float32), filled.astype(np.float32)


@lru_cache(maxsize=1)
def _texture() -> Map:
    """float32 (1536, 1792), unit spread: streaks along the parison's flow, and slow changes of wall thickness."""
    rng = stream("texture")
    shape = (HEIGHT + 512, WIDTH + 512)
    streaks = gaussian_filter(rng.standard_normal(shape).astype(np.float32), (38.0, 2.2), mode="wrap")
    grain = gaussian_filter(rng.standard_normal(shape).astype(np.float32), 1.6, mode="wrap")
    clouds = gaussian_filter(rng.standard_normal(shape).astype(np.float32), 48.0, mode="wrap")
    field: Map = streaks / streaks.std() + 0.5 * grain / grain.std() + 1.2 * clouds / clouds.std()
    return field


@njit(cache=True, nogil=True, fastmath=True)
def _shade(
    picture: Map,
    top: int,
    left: Map,
    right: Map,
    slope: Map,
    wall: NDArray[np.float32],
    texture: Map,
    strength: float,
    tab: float,
    web: float,
) -> None:
    """Fill rows of a transmission map from outlines and a wall profile; row 0 of `picture` is strip row `top`."""
    rows, columns = picture.shape
    for row in range(rows):
        y = row + top
        for x in range(columns):
            inside_card = min(x - CARD_LEFT + 0.5, CARD_RIGHT - x - 0.5)
            light = np.float32(1.0)
            if inside_card > 0.0 and FLAG_TOP <= y < FLAG_BOTTOM:
                edge = min(inside_card, float(y - FLAG_TOP + 1))
                groove = abs((x - CARD_LEFT) % PITCH - 0.5)
                groove = min(groove, PITCH - groove)
                foot = float(FLAG_BOTTOM - y)
                light = np.float32(tab)
                light *= 1.0 - 0.6 * np.exp(-edge * edge / 14.0)
                light *= 1.0 - 0.35 * np.exp(-groove * groove / 5.0)
                light *= 1.0 - 0.45 * np.exp(-foot * foot / 18.0)
            elif inside_card > 0.0 and WEB_TOP <= y < WEB_BOTTOM:
                light = np.float32(web) * (1.0 - 0.45 * np.exp(-inside_card * inside_card / 9.0))
            vial = min(max((x - CARD_LEFT) // PITCH, 0), VIALS - 1)
            across = min(x - left[vial, y], right[vial, y] - x)
            depth = min(across, across / slope[vial, y])
            if y >= 880:
                depth = min(depth, float(BOTTOM - y))
            if depth > -1.0 and y >= FLAG_BOTTOM:
                place = min(int(max(depth, 0.0) / _OUTLINE_STEP_PX), _OUTLINE_STEPS - 1)
                cover = min(depth + 1.0, 1.0)
                light = cover * wall[place] + (1.0 - cover) * light
            if light < 1.0:
                light *= 1.0 + strength * texture[y, x]
            picture[row, x] = light


@lru_cache(maxsize=16)
def _relief(lot: int) -> Map:
    """float32 (240, 1230), 0-1: how much the slopes of the embossed text turn light away, cavity number a vial."""
    height, width = FLAG_BOTTOM - FLAG_TOP, CARD_RIGHT - CARD_LEFT
    canvas = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(canvas)
    large, small = ImageFont.load_default(46), ImageFont.load_default(32)
    for vial in range(VIALS):
        middle = PITCH * vial + PITCH // 2
        draw.text((middle, 62), "2 ml", font=large, fill=255, anchor="mm")
        draw.text((middle, 118), f"L{lot:04d}", font=small, fill=255, anchor="mm")
        draw.text((middle, 178), f"{vial + 1}", font=large, fill=255, anchor="mm")
        draw.ellipse((middle - 34, 144, middle + 34, 212), outline=255, width=5)
    plateau = gaussian_filter(np.asarray(canvas, np.float32) / 255.0, 1.3)
    slope_y, slope_x = np.gradient(plateau)
    steepness = np.hypot(slope_y, slope_x)
    relief: Map = (steepness / steepness.max()).astype(np.float32)
    return relief


def _emboss(body: Map, rng: np.random.Generator) -> None:
    """Press the flag's text into the tab: the same mould, one of twelve lot inserts, depth and seat by strip."""
    relief = _relief(4100 + int(rng.integers(0, 12)))
    depth = float(rng.uniform(0.35, 0.55))
    down, across = int(rng.integers(-2, 3)), int(rng.integers(-2, 3))
    window = body[FLAG_TOP:FLAG_BOTTOM, CARD_LEFT:CARD_RIGHT]
    window *= 1.0 - depth * np.roll(relief, (down, across), (0, 1))
