"""The liquid of one run: it sloshes, carries bubbles, leaves drops. Positions integrate motion over all exposures.

Units: px of 50 um, ms after the trigger, rows downwards. All of it is good product.

Sources: natural frequency of the first antisymmetric mode of a rectangular container,
omega^2 = g (pi / W) tanh(pi h / W) (Ibrahim, *Liquid Sloshing Dynamics*, 2005, ch. 1); numbers, radii and speeds are
those of `docs/product.md`, engineering values of this project.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.strips.product import NECK_TOP, SHOULDER_BOTTOM, VIALS, Plastic

EXPOSURES = 16
EXPOSURE_INTERVAL_MS = 26.0
LAST_EXPOSURE_MS = (EXPOSURES - 1) * EXPOSURE_INTERVAL_MS
UM_PER_PX = 50.0
GRAVITY_PX_PER_MS2 = 9.81e-6 / 50e-6
"""9.81 m/s^2 at 50 um a pixel."""

CONTAINER_WIDTH_PX = 200.0
"""About 10 mm between the inner walls."""

LIQUID_DEPTH_PX = 520.0
LARGEST_TILT = np.deg2rad(12.0)
DAMPING_RATIO = 0.06
SURFACE_STEP_MS = 2.0
"""How finely the meeting of a bubble with the surface is looked for; a bubble rises up to 3 px meanwhile."""

CAPILLARY_RISE_PX = 7.0
CAPILLARY_LENGTH_PX = 26.0
SLOWEST_RISE, FASTEST_RISE = 9.0, 40.0
"""Rise of a free bubble between two exposures, smallest and largest."""

Rings = NDArray[np.float32]
"""float32 (n, 7): the columns of `optics.RING_FIELDS`, strip coordinates."""


@dataclass(frozen=True)
class LiquidScale:
    """Scales of the liquid; the defaults are `docs/product.md`, `stick` is a probability."""

    slosh: float = 1.0
    bubbles: float = 1.0
    stick: float = 0.2
    drops: float = 1.0
    viscosity: float = 1.0
    agitation: float = 0.0


@dataclass(frozen=True)
class Slosh:
    """First sloshing mode of each vial, and how the meniscus thickens with the tilt towards the camera.

    Attributes:
        tilt: float (5,), amplitude in radians at the trigger.
        depth_tilt: float (5,), the same towards the camera; seen as thickness.
        phase: float (5,), radians.
        omega: rad / ms.
        decay: 1 / ms.
    """

    tilt: NDArray[np.float64]
    depth_tilt: NDArray[np.float64]
    phase: NDArray[np.float64]
    omega: float
    decay: float

    def angle(self, time_ms: float) -> NDArray[np.float64]:
        """Tilt of each surface in radians, positive when the right side is low."""
        envelope = np.exp(-self.decay * time_ms)
        angle: NDArray[np.float64] = self.tilt * envelope * np.cos(self.omega * time_ms + self.phase)
        return angle

    def thickness(self, time_ms: float) -> NDArray[np.float64]:
        """Rows between the near and the far edge of each surface, px >= 0."""
        envelope = np.exp(-self.decay * time_ms)
        swing = self.depth_tilt * envelope * np.cos(self.omega * time_ms + 2.0 * self.phase)
        rows: NDArray[np.float64] = 3.0 + np.abs(swing) * CONTAINER_WIDTH_PX * 0.35
        return rows


@dataclass(frozen=True)
class Body:
    """A bubble, a drop or a particle that knows where it is at any time.

    Attributes:
        vial: 0-4.
        x: Column at birth.
        y: Row at birth.
        radius: px.
        speed: px / ms downwards; a bubble's is negative, a stuck one's 0.
        sway: How much of the liquid's sideways motion it takes part in, 0-1.
        born_ms: It does not exist before.
        gone_ms: Nor after.
        floats: It rides on the surface: `y` is then its depth below the surface.
        look: (stretch, depth, core, glint), see `optics.RING_FIELDS`.
    """

    vial: int
    x: float
    y: float
    radius: float
    speed: float
    sway: float
    born_ms: float
    gone_ms: float
    floats: bool
    look: tuple[float, float, float, float]


@dataclass(frozen=True)
class LiquidState:
    """What the liquid of one run is like, in four numbers.

    Attributes:
        stuck: Bubbles and drops that do not move: the hardest of what is good.
        rising: Bubbles that rise.
        largest_um: Diameter of the largest bubble or drop, 0 without any.
        tilt_deg: Largest tilt of a surface as it swings, degrees.
    """

    stuck: int
    rising: int
    largest_um: float
    tilt_deg: float


@dataclass(frozen=True)
class Liquid:
    """The liquid of one run of one strip."""

    plastic: Plastic
    slosh: Slosh
    bodies: tuple[Body, ...]

    def surface(self, vial: int, x: float, time_ms: float) -> float:
        """Row of the surface at a column, without its capillary edge."""
        return float(self._surface(vial, x, self.slosh.angle(time_ms)[vial]))

    def _surface(self, vial: int, x: Any, angle: Any) -> Any:
        row = int(self.plastic.fill[vial])
        middle = (self.plastic.left[vial, row] + self.plastic.right[vial, row]) / 2
        return self.plastic.fill[vial] + np.tan(angle) * (x - middle)

    def place(self, body: Body, time_ms: float) -> tuple[float, float] | None:
        """(x, y) of a body, or None where it does not exist at this time."""
        if not body.born_ms <= time_ms <= body.gone_ms:
            return None
        if body.floats:
            return body.x, self.surface(body.vial, body.x, time_ms) + body.y
        angle = self.slosh.angle(time_ms)[body.vial]
        if body.speed < 0 and self._at_the_surface(body, time_ms, angle):
            return None
        x, y = self._drift(body, time_ms, angle)
        row = int(np.clip(y, 256, 985))
        low = self.plastic.left[body.vial, row] + body.radius + 3.0
        high = self.plastic.right[body.vial, row] - body.radius - 3.0
        return float(np.clip(x, low, max(low, high))), y

    def _drift(self, body: Body, time_ms: Any, angle: Any) -> tuple[Any, Any]:
        """(x, y) of a body that does not float, walls left aside, at times whose tilts in its vial are given."""
        start = max(body.born_ms, 0.0)
        y = body.y + body.speed * (time_ms - start)
        if body.sway == 0:
            return body.x, y
        depth = np.maximum(y - float(self.plastic.fill[body.vial]), 0.0)
        reach = 0.45 * CONTAINER_WIDTH_PX * body.sway * np.exp(-np.pi * depth / CONTAINER_WIDTH_PX)
        return body.x + reach * (angle - self.slosh.angle(start)[body.vial]), y

    def _at_the_surface(self, body: Body, time_ms: Any, angle: Any) -> Any:
        """Whether a rising body has come up to the surface, at times whose tilts in its vial are given."""
        x, y = self._drift(body, time_ms, angle)
        return y < self._surface(body.vial, x, angle) + 0.7 * body.radius

    def burst(self) -> Liquid:
        """The same, each rising bubble gone for good once it meets the surface: none comes back as that swings."""
        times = np.arange(0.0, LAST_EXPOSURE_MS + SURFACE_STEP_MS, SURFACE_STEP_MS)
        angles = np.stack([self.slosh.angle(time) for time in times])  # (times, 5)
        bodies = []
        for body in self.bodies:
            if body.speed < 0:
                up = times[(times >= body.born_ms) & self._at_the_surface(body, times, angles[:, body.vial])]
                body = replace(body, gone_ms=min(body.gone_ms, float(up[0]))) if len(up) else body
            bodies.append(body)
        return replace(self, bodies=tuple(bodies))

    def state(self) -> LiquidState:
        """In four numbers; a particle that sinks is not of the liquid."""
        own = [body for body in self.bodies if body.speed <= 0]
        return LiquidState(
            stuck=sum(body.speed == 0 and not body.floats for body in own),
            rising=sum(body.speed < 0 for body in own),
            largest_um=2.0 * UM_PER_PX * max((body.radius for body in own), default=0.0),
            tilt_deg=float(np.rad2deg(np.abs(self.slosh.tilt).max())),
        )

    def rings(self, time_ms: float) -> Rings:
        """Everything round that is seen at this time."""
        rows = [
            (*place, body.radius, *body.look)
            for body in self.bodies
            if (place := self.place(body, time_ms)) is not None
        ]
        return np.asarray(rows, np.float32).reshape(-1, 7)


def draw_liquid(plastic: Plastic, scale: LiquidScale, streams: Callable[[str], np.random.Generator]) -> Liquid:
    """The liquid of one run.

    Args:
        plastic: The strip it is in.
        scale: The scenario's scales.
        streams: Gives the run's own generator for a purpose (`slosh`, `bubbles`, `stick`, `drops`).

    Returns:
        Slosh and bodies; each scale moves only what it names, since each purpose has its own stream.
    """
    slosh = _draw_slosh(scale, streams("slosh"))
    bodies = [*_draw_bubbles(plastic, scale, streams), *_draw_drops(plastic, scale, streams("drops"))]
    return Liquid(plastic, slosh, tuple(bodies)).burst()


def _draw_slosh(scale: LiquidScale, rng: np.random.Generator) -> Slosh:
    wave = np.pi / CONTAINER_WIDTH_PX
    omega = float(np.sqrt(GRAVITY_PX_PER_MS2 * wave * np.tanh(wave * LIQUID_DEPTH_PX)))
    common, spread = rng.uniform(0.35, 1.0), rng.normal(1.0, 0.08, VIALS)
    depth = rng.uniform(0.2, 1.0) * rng.normal(1.0, 0.1, VIALS)
    phase = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.2, VIALS)
    upstream = scale.agitation * np.abs(rng.normal(0.0, 0.3))
    tilt = LARGEST_TILT * np.clip((common + upstream) * spread, 0.0, 1.6) * scale.slosh
    return Slosh(tilt, LARGEST_TILT * depth * scale.slosh, phase, omega, DAMPING_RATIO * scale.viscosity * omega)


def _bubble_look(rng: np.random.Generator) -> tuple[float, float, float, float]:
    return 1.0, float(rng.uniform(0.55, 0.85)), float(rng.uniform(0.25, 0.55)), float(rng.uniform(0.0, 0.07))


def _bubble_radius(rng: np.random.Generator) -> float:
    """2-14 px, small ones more often; one in forty is big, up to 20 px."""
    if rng.random() < 0.025:
        return float(rng.uniform(14.0, 20.0))
    return float(2.0 * (14.0 / 2.0) ** (rng.random() ** 1.25))


def _rise_speed(radius: float, scale: LiquidScale) -> float:
    share = np.clip((radius - 2.0) / 12.0, 0.0, 1.0) ** 0.7
    return float((SLOWEST_RISE + (FASTEST_RISE - SLOWEST_RISE) * share) / EXPOSURE_INTERVAL_MS / scale.viscosity)


def _draw_bubbles(plastic: Plastic, scale: LiquidScale, streams: Callable[[str], np.random.Generator]) -> list[Body]:
    """Bubbles at the surface, in the body, in the bottom, and those that slosh draws in later."""
    rng, stick = streams("bubbles"), streams("stick")
    rate = scale.bubbles * (1.0 + 0.5 * scale.agitation)
    bodies: list[Body] = []
    for vial in range(VIALS):
        fill = float(plastic.fill[vial])
        plan = ["surface"] * rng.poisson(rate * rng.uniform(3, 10))
        plan += ["body"] * rng.poisson(rate * rng.uniform(1, 6))
        plan += ["bottom"] * rng.poisson(rate * rng.uniform(0, 2))
        plan += ["later"] * rng.poisson(rate * rng.uniform(1, 5))
        for where in plan:
            radius = _bubble_radius(rng)
            y = {"surface": fill, "body": rng.uniform(fill + 40, 767), "bottom": rng.uniform(768, 960)}.get(
                where, fill + rng.uniform(10, 90)
            )
            row = int(y)
            margin = radius + 6.0
            x = float(rng.uniform(plastic.left[vial, row] + margin, plastic.right[vial, row] - margin))
            speed, look = _rise_speed(radius, scale), _bubble_look(rng)
            lifetime, depth = rng.exponential(320.0), rng.uniform(0.2, 1.1)
            born = rng.exponential(150.0)
            below = fill + float(rng.uniform(4, 45))
            if stick.random() < scale.stick:
                y = below if where == "surface" else y
                bodies.append(Body(vial, x, y, radius, 0.0, 0.0, -1.0, 1e9, False, look))
            elif where == "surface":
                bodies.append(Body(vial, x, depth * radius, radius, 0.0, 0.0, -1.0, lifetime, True, look))
            elif where == "later":
                bodies.append(Body(vial, x, y, radius, -speed, 1.0, born, 1e9, False, look))
            else:
                bodies.append(Body(vial, x, y, radius, -speed, 1.0, -1.0, 1e9, False, look))
    return bodies


def _draw_drops(plastic: Plastic, scale: LiquidScale, rng: np.random.Generator) -> list[Body]:
    """0-4 drops a vial on the walls above the liquid, in the neck and on the shoulder; half of them stay put."""
    bodies: list[Body] = []
    for vial in range(VIALS):
        for _ in range(rng.poisson(scale.drops * rng.uniform(0, 4))):
            radius = float(rng.uniform(3.0, 11.0))
            neck = rng.random() < 0.4
            y = float(rng.uniform(NECK_TOP - 30, 372) if neck else rng.uniform(372, SHOULDER_BOTTOM + 8))
            row = int(y)
            low, high = plastic.left[vial, row] + radius + 4, plastic.right[vial, row] - radius - 4
            x = float(rng.uniform(low, max(high, low + 1)))
            look = (float(rng.uniform(1.0, 1.6)), float(rng.uniform(0.35, 0.7)),
                    float(rng.uniform(0.35, 0.7)), float(rng.uniform(0.02, 0.12)))  # fmt: skip
            moves = rng.random() < 0.5
            speed = float(rng.uniform(1.0, 6.0)) / EXPOSURE_INTERVAL_MS if moves else 0.0
            gone = (float(plastic.fill[vial]) - 12 - y) / speed if moves else 1e9
            bodies.append(Body(vial, x, y, radius, speed, 0.0, -1.0, gone, False, look))
    return bodies


def exposure_time_ms(frame: int) -> float:
    """Milliseconds from the trigger to an exposure numbered 1-16.

    >>> exposure_time_ms(16)
    390.0
    """
    return (frame - 1) * EXPOSURE_INTERVAL_MS
