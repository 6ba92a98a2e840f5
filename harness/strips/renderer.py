"""Draws the frames of an acquisition: plastic, liquid and defect in one optical picture, then pose, lens and sensor.

Order: the plastic with what is still on it is posed once a run; for each frame the meniscus, what moves and the rings
of bubbles and drops are laid over it; the point spread, the light and the noise come last, in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from harness.geometry import PAPER, PATCH_PX, Geometry
from harness.streams import stream
from harness.strips import optics
from harness.strips.defects import CLASSES, TRUTH_PX, Defect, Mask, Paint, anchor, paint
from harness.strips.kit import Strip
from harness.strips.liquid import (
    CAPILLARY_LENGTH_PX,
    CAPILLARY_RISE_PX,
    EXPOSURE_INTERVAL_MS,
    Body,
    Liquid,
    LiquidScale,
    LiquidState,
    Rings,
    draw_liquid,
    exposure_time_ms,
)
from harness.strips.optics import Map
from harness.strips.product import BAND_TOP, BOTTOM, HEIGHT, WIDTH, Plastic, draw_plastic
from harness.strips.source import GENERATED

BACKLIGHT_LEVEL = 214.0
GAIN_SPREAD = 0.02
POSE_SHIFT_PX = 2.0
POSE_ANGLE_RAD = float(np.deg2rad(0.5))
POSE_MARGIN_PX = 10
"""Rows that the largest turn and shift can move at the ends of a card."""

POINT_SPREAD_PX = (0.6, 0.9)
READ_NOISE = (0.7, 0.9)
SHOT_NOISE = (0.7, 1.1)
"""Grey levels at the backlight; together with the read noise 1.0-1.5 (`docs/product.md`, camera)."""


@dataclass(frozen=True)
class Pose:
    """How the gripper holds a strip in one run: rotation about the middle of the picture, then a shift."""

    angle: float
    dx: float
    dy: float

    def to_camera(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Camera (x, y) of strip coordinates."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        u, v = x - 639.5, y - 511.5
        return cosine * u - sine * v + 639.5 + self.dx, sine * u + cosine * v + 511.5 + self.dy


@dataclass(frozen=True)
class Look:
    """A defect on its strip: its paint and where its centre is, in strip coordinates."""

    paint: Paint
    y: float
    x: float


class Renderer:
    """Draws acquisitions of strips; the same (seed, strip, run, frame) is the same picture, in any order.

    Args:
        seed: The scenario's seed; with the product and the run it keys everything that changes between runs.
        scale: The scenario's liquid.
        geometry: Which frames `frames` draws; the picture itself is always the paper's strip.
    """

    provenance = f"{GENERATED}: drawn by this bench, not photographed"

    def __init__(self, *, seed: int, scale: LiquidScale | None = None, geometry: Geometry = PAPER) -> None:
        self.geometry = geometry
        self.seed = seed
        self.scale = scale or LiquidScale()
        self._products = lru_cache(maxsize=2)(_draw_product)

    def frames(self, strip: Strip, run: int, numbers: Sequence[int] | None = None) -> NDArray[np.uint8]:
        """uint8 (frames, 1024, 1280); the geometry's exposures, or those numbered (1-16)."""
        numbers = self.geometry.frames if numbers is None else numbers
        plastic, look = self._products(strip.seed, strip.defect)
        pose, liquid, camera = self._run(plastic, strip, run)
        posed = _posed(plastic, pose)
        frames = np.empty((len(numbers), HEIGHT, WIDTH), np.uint8)
        for position, number in enumerate(numbers):
            picture = posed[0].copy()
            time_ms = exposure_time_ms(number)
            _lay_meniscus(picture, posed[1], posed[2], pose, liquid, time_ms)
            if look is not None and strip.defect is not None:
                self._lay_moving(picture, strip.defect, look, pose, liquid, time_ms)
            optics.stamp_rings(picture, _posed_rings(liquid, pose, time_ms))
            offset = int(stream("noise", self.seed, strip.seed, run, number).integers(0, 1 << 20))
            optics.expose(picture, camera.spread, camera.level, optics.noise_field(), offset,
                          camera.read, camera.shot, frames[position])  # fmt: skip
        return frames

    def rings(self, strip: Strip, run: int, number: int) -> Rings:
        """Bubbles and drops of one exposure, float32 (n, 7) as `optics.RING_FIELDS`, camera coordinates."""
        plastic, _ = self._products(strip.seed, strip.defect)
        pose, liquid, _ = self._run(plastic, strip, run)
        return _posed_rings(liquid, pose, exposure_time_ms(number))

    def liquid_state(self, strip: Strip, run: int) -> LiquidState:
        """How the liquid of one acquisition is."""
        plastic, _ = self._products(strip.seed, strip.defect)
        _, liquid, _ = self._run(plastic, strip, run)
        return liquid.state()

    def mask(self, strip: Strip, run: int, numbers: Sequence[int] | None = None) -> Mask:
        """Truth, bool (frames, 1024, 1280): the pixels of the strip's defect; all False for a good strip."""
        numbers = self.geometry.frames if numbers is None else numbers
        truth = np.zeros((len(numbers), HEIGHT, WIDTH), bool)
        for position, (rows, columns) in enumerate(self._defect_pixels(strip, run, numbers)):
            truth[position, rows, columns] = True
        return truth

    def defective_patches(self, strip: Strip, run: int) -> Mask:
        """bool (frame, vial, region): patches with at least `TRUTH_PX` defective pixels, or the one that holds most."""
        truth = np.zeros(self.geometry.shape, bool)
        for position, (rows, columns) in enumerate(self._defect_pixels(strip, run, self.geometry.frames)):
            counts = np.array(
                [
                    ((rows >= y) & (rows < y + PATCH_PX) & (columns >= x) & (columns < x + PATCH_PX)).sum()
                    for y, x in self.geometry.boxes
                ]
            ).reshape(self.geometry.shape[1:])
            truth[position] = counts >= min(TRUTH_PX, max(int(counts.max()), 1))
        return truth

    def defect_boxes(self, strip: Strip, run: int) -> list[tuple[int, int, int, int] | None]:
        """(top, left, bottom, right) of the defect on each frame; None where there is none in sight."""
        boxes: list[tuple[int, int, int, int] | None] = [None] * len(self.geometry.frames)
        for position, (rows, columns) in enumerate(self._defect_pixels(strip, run, self.geometry.frames)):
            if len(rows):
                boxes[position] = int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1
        return boxes

    def _defect_pixels(
        self, strip: Strip, run: int, numbers: Sequence[int]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """(rows, columns) of the defect's pixels, frame by frame; nothing for a good strip."""
        if strip.defect is None:
            return
        plastic, look = self._products(strip.seed, strip.defect)
        pose, liquid, _ = self._run(plastic, strip, run)
        if look is None:
            return
        rows, columns = np.nonzero(look.paint.mask)
        half = look.paint.mask.shape[0] // 2
        for number in numbers:
            y, x = self._centre(strip.defect, look, liquid, exposure_time_ms(number))
            u, v = pose.to_camera(columns - half + x, rows - half + y)
            across, down = np.rint(u).astype(np.int64), np.rint(v).astype(np.int64)
            inside = (across >= 0) & (across < WIDTH) & (down >= 0) & (down < HEIGHT)
            yield down[inside], across[inside]

    def _run(self, plastic: Plastic, strip: Strip, run: int) -> tuple[Pose, Liquid, _Camera]:
        """What is new in every run, each from its own stream."""

        def streams(purpose: str) -> np.random.Generator:
            return stream(purpose, self.seed, strip.seed, run)

        rng = streams("pose")
        pose = Pose(
            angle=float(rng.uniform(-1, 1) * POSE_ANGLE_RAD),
            dx=float(rng.uniform(-1, 1) * POSE_SHIFT_PX),
            dy=float(rng.uniform(-1, 1) * POSE_SHIFT_PX),
        )
        liquid = draw_liquid(plastic, self.scale, streams)
        if strip.defect is not None:
            liquid = _with_companions(liquid, strip.defect, plastic, streams("companion"), self.scale)
        return pose, liquid, _Camera.draw(streams("camera"))

    def _centre(self, defect: Defect, look: Look, liquid: Liquid, time_ms: float) -> tuple[float, float]:
        """(y, x) of a defect's centre at a time, strip coordinates."""
        match CLASSES[defect.kind].motion:
            case "still":
                return look.y, look.x
            case "surface":
                return 0.5 * (liquid.surface(defect.vial, look.x, time_ms) + look.y) + 4.0, look.x
            case _:
                place = liquid.place(liquid.bodies[-1], time_ms)
                x, y = place if place is not None else (look.x, look.y)
                return min(y, BOTTOM - 20.0), x

    def _lay_moving(self, picture: Map, defect: Defect, look: Look, pose: Pose, liquid: Liquid, time_ms: float) -> None:
        if CLASSES[defect.kind].motion == "still":
            return
        y, x = self._centre(defect, look, liquid, time_ms)
        u, v = pose.to_camera(np.array(x), np.array(y))
        half = look.paint.mask.shape[0] // 2
        optics.multiply_window(picture, round(float(v)) - half, round(float(u)) - half, look.paint.transmission)


@dataclass(frozen=True)
class _Camera:
    spread: NDArray[np.float32]
    level: float
    read: float
    shot: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Camera:
        """The camera of one run: sharpness, exposure gain, noise."""
        return cls(
            spread=optics.point_spread(float(rng.uniform(*POINT_SPREAD_PX))),
            level=BACKLIGHT_LEVEL * float(1 + rng.uniform(-GAIN_SPREAD, GAIN_SPREAD)),
            read=float(rng.uniform(*READ_NOISE)),
            shot=float(rng.uniform(*SHOT_NOISE)),
        )


def _draw_product(seed: int, defect: Defect | None) -> tuple[Plastic, Look | None]:
    """A strip's plastic with its still defect in place."""
    plastic = draw_plastic(seed)
    if defect is None:
        return plastic, None
    rng = stream("defect", seed)
    y, x = anchor(defect, plastic, rng)
    look = Look(paint(defect, PAPER.um_per_px, rng), y, x)
    if CLASSES[defect.kind].motion == "still":
        half = look.paint.mask.shape[0] // 2
        left = round(x) - half
        for layer, first_row in plastic.layers:
            top = round(y) - half - first_row
            if look.paint.shift is not None:
                optics.displace(layer, top, left, look.paint.shift[0], look.paint.shift[1])
            optics.multiply_window(layer, top, left, look.paint.transmission, plastic_only=look.paint.shift is not None)
    return plastic, look


def _with_companions(
    liquid: Liquid, defect: Defect, plastic: Plastic, rng: np.random.Generator, scale: LiquidScale
) -> Liquid:
    """What a defect brings along in a run: a bubble over a deformed neck; the path of a sinking particle."""
    if defect.kind == "neck_deformation":
        x = float(rng.uniform(plastic.left[defect.vial, 340] + 10, plastic.right[defect.vial, 340] - 10))
        drop = Body(defect.vial, x, float(rng.uniform(325, 365)), float(rng.uniform(5, 11)), 0.0, 0.0, -1.0, 1e9,
                    False, (1.2, 0.5, 0.5, 0.05))  # fmt: skip
        return Liquid(liquid.plastic, liquid.slosh, (*liquid.bodies, drop))
    if CLASSES[defect.kind].motion == "sinks":
        radius = 0.5 * defect.size_um / PAPER.um_per_px
        rows = (520, 720) if defect.region == 2 else (776, 900)
        y = float(rng.uniform(*rows))
        low, high = plastic.left[defect.vial, int(y)] + radius + 8, plastic.right[defect.vial, int(y)] - radius - 8
        speed = float(rng.uniform(1.0, 6.0)) / EXPOSURE_INTERVAL_MS / scale.viscosity
        # Radius 0: the ring is not seen, the body only carries the particle's path.
        path = Body(defect.vial, float(rng.uniform(low, high)), y, 1e-3, speed, 1.0, -1.0, 1e9, False, (1, 0, 0.5, 0))
        return Liquid(liquid.plastic, liquid.slosh, (*liquid.bodies, path))
    return liquid


def _posed_rings(liquid: Liquid, pose: Pose, time_ms: float) -> Rings:
    rings = liquid.rings(time_ms)
    rings[:, 0], rings[:, 1] = pose.to_camera(rings[:, 0].astype(float), rings[:, 1].astype(float))
    return rings


def _posed(plastic: Plastic, pose: Pose) -> tuple[Map, Map, Map]:
    """The strip's three pictures as the gripper holds them."""
    out = []
    for picture, top in plastic.layers:
        posed = np.empty_like(picture)
        optics.warp_pose(picture, pose.angle, pose.dx, pose.dy, top, posed)
        out.append(posed)
    return out[0], out[1], out[2]


def _lay_meniscus(picture: Map, air: Map, filled: Map, pose: Pose, liquid: Liquid, time_ms: float) -> None:
    """Put the surface of each vial into its rows: empty above, filled below, dark where it curves."""
    plastic = liquid.plastic
    rest = plastic.fill
    slope = np.tan(liquid.slosh.angle(time_ms)).astype(np.float32)
    thick = liquid.slosh.thickness(time_ms).astype(np.float32)
    # The margin holds what posing would have had to take from outside the two pictures.
    inner = slice(POSE_MARGIN_PX, air.shape[0] - POSE_MARGIN_PX)
    band, air, filled = picture[BAND_TOP : BAND_TOP + air.shape[0]][inner], air[inner], filled[inner]
    _meniscus(band, air, filled, rest, plastic.left, plastic.right, slope, thick, pose.angle, pose.dx, pose.dy)


@njit(cache=True, nogil=True, fastmath=True)
def _meniscus(
    band: Map,
    air: Map,
    filled: Map,
    rest: NDArray[np.float32],
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    slope: NDArray[np.float32],
    thick: NDArray[np.float32],
    angle: float,
    dx: float,
    dy: float,
) -> None:
    """Mix `air` and `filled` rows into `band` along the surface of each vial, and darken it between its walls.

    Args:
        band: float32 (rows, width), camera coordinates, overwritten; its first row is `BAND_TOP + POSE_MARGIN_PX`.
        air: The same rows, empty vials.
        filled: The same rows, full vials.
        rest: float32 (5,), row of each surface at rest.
        left: float32 (5, rows of a strip), inner edge of each vial's wall.
        right: As `left`.
        slope: float32 (5,), tangent of each surface's tilt.
        thick: float32 (5,), rows between its near and far edge.
        angle: Of the pose, radians.
        dx: Of the pose, px.
        dy: Of the pose, px.
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    surface = np.empty(band.shape[1], np.float32)
    width = np.empty(band.shape[1], np.float32)
    walls = np.zeros(band.shape[1], np.int64)
    places = np.empty(band.shape[1], np.float32)
    for column in range(band.shape[1]):
        surface[column] = 1e6
        width[column] = 1.0
        for vial in range(rest.shape[0]):
            v = rest[vial] - 511.5
            x = (column - 639.5 - dx + sine * v) / cosine + 639.5
            low, high = left[vial, int(rest[vial])], right[vial, int(rest[vial])]
            if low < x < high:
                middle = 0.5 * (low + high)
                wall = min(x - low, high - x)
                rise = CAPILLARY_RISE_PX * np.exp(-wall / CAPILLARY_LENGTH_PX)
                y = rest[vial] + slope[vial] * (x - middle) - rise
                surface[column] = sine * (x - 639.5) + cosine * (y - 511.5) + 511.5 + dy - BAND_TOP - POSE_MARGIN_PX
                width[column] = thick[vial]
                walls[column], places[column] = vial, x
    for row in range(band.shape[0]):
        for column in range(band.shape[1]):
            below = row - surface[column]
            if surface[column] > 1e5:
                band[row, column] = filled[row, column]
            else:
                share = min(max(0.5 + below / 1.5, 0.0), 1.0)
                light = air[row, column] * (1 - share) + filled[row, column] * share
                thickness = width[column]
                dark = 0.0
                if -6.0 < below < thickness + 12.0:
                    inner = min(max(below, 0.0), thickness) - below
                    dark = 0.62 * np.exp(-inner * inner / 7.0)
                    far = below - thickness
                    dark = max(dark * 0.75, 0.62 * np.exp(-below * below / 6.0), 0.45 * np.exp(-far * far / 5.0))
                    # At a steep tilt the surface reaches the shoulder: there is none beyond its wall.
                    vial, high = walls[column], int(row + BAND_TOP + POSE_MARGIN_PX - dy)
                    inside = min(places[column] - left[vial, high], right[vial, high] - places[column])
                    dark *= min(max(0.5 + inside / 3.0, 0.0), 1.0)
                glow = below - thickness - 7.0
                light *= (1.0 - dark) * (1.0 + 0.05 * np.exp(-glow * glow / 12.0))
                band[row, column] = light
