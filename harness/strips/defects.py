"""What can be wrong with a strip: the ten classes of the paper's Appendix A and one more, each with size and contrast.

A painter returns a `Paint`: a transmission window, for outline classes a displacement field, and the mask of truth.
Whoever draws applies it before blur and noise, on a drawn strip and on a recorded one alike. No painter is ever seen in
training. A new class is a painter, a row in `CLASSES`, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.strips.optics import Map
from harness.strips.product import CARD_LEFT, CARD_RIGHT, PITCH, Plastic

Mask = NDArray[np.bool_]
Criticality = Literal["critical", "major", "minor"]

TRUTH_PX = 12
"""A patch is defective when at least this many px of a defect's mask lie in it (`docs/paper.md`)."""


@dataclass(frozen=True)
class Defect:
    """One defect of a strip, as its register row says.

    Attributes:
        kind: A key of `CLASSES`.
        vial: 0-4.
        region: 0-3, where its centre lies.
        size_um: Equivalent diameter sqrt(4 A / pi); the largest displacement for outline classes.
        contrast: Largest relative absorption, 0.10-0.60.
        criticality: What it means for the patient.
    """

    kind: str
    vial: int
    region: int
    size_um: float
    contrast: float
    criticality: Criticality


@dataclass(frozen=True)
class Paint:
    """A defect as light: a window to lay over a picture, centred on a point.

    Attributes:
        transmission: float32 (h, w), multiplied into the picture; 1.0 changes nothing.
        mask: bool (h, w), the pixels that are defective.
        shift: float32 (2, h, w), px by which content moves (down, right), or None.
    """

    transmission: Map
    mask: Mask
    shift: NDArray[np.float32] | None = None

    @property
    def area_px(self) -> int:
        """Defective pixels."""
        return int(self.mask.sum())


@dataclass(frozen=True)
class DefectClass:
    """A row of `docs/product.md`'s table of defects.

    Attributes:
        figures: Figures of the paper that show it.
        regions: Where its centre may lie.
        size_px: Smallest and largest of what `measure` says.
        measure: What the size range is of.
        criticality: What the kit's register says.
        motion: `still` stays with the container; `surface` rides on the meniscus; `sinks` moves with the liquid.
        paint: The painter: (size px, contrast, rng) to a `Paint`.
    """

    figures: tuple[int, ...]
    regions: tuple[int, ...]
    size_px: tuple[float, float]
    measure: Literal["diameter", "width", "length", "displacement"]
    criticality: tuple[Criticality, ...]
    motion: Literal["still", "surface", "sinks"]
    paint: Callable[..., Paint]

    @property
    def outline(self) -> bool:
        """True for classes that move the outline; they cannot be put on a recorded picture."""
        return self.measure == "displacement"


CONTRAST = (0.10, 0.60)
"""Largest relative absorption, smallest and largest of every class (`docs/product.md`)."""


def _grid(reach: float) -> tuple[Map, Map]:
    """Row and column offsets of a square window that holds `reach` px on each side."""
    half = int(np.ceil(reach)) + 2
    axis = np.arange(-half, half + 1, dtype=np.float32)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return y, x


def _cover(inside: Map, softness: float = 0.7) -> Map:
    """Coverage 0-1 from a signed distance (px, positive inside) with an edge about a pixel wide."""
    covered: Map = np.clip(0.5 + inside / (2 * softness), 0.0, 1.0).astype(np.float32)
    return covered


def _blob(size_px: float, rng: np.random.Generator, *, longest: float, roughness: float) -> Map:
    """Signed distance (positive inside) of an irregular blob with the area of a disc of diameter `size_px`."""
    aspect = float(np.exp(rng.uniform(0, np.log(longest))))
    y, x = _grid(size_px * 0.5 * aspect**0.5 * 1.5)
    turn = rng.uniform(0, np.pi)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    along, across = along / aspect**0.5, across * aspect**0.5
    angle = np.arctan2(across, along)
    radius = np.ones_like(angle)
    for order in range(2, 7):
        radius += roughness / order * rng.normal() * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.4, 1.7)
    distance = 0.5 * size_px * radius - np.hypot(along, across)
    # The harmonics change the area; scaling the distance's zero level back keeps the size honest.
    wanted = np.pi * size_px**2 / 4
    for _ in range(3):
        distance += 0.5 * (np.sqrt(wanted) - np.sqrt(max(_cover(distance).sum(), 1.0)))
    signed: Map = distance.astype(np.float32)
    return signed


def particle(size_px: float, contrast: float, rng: np.random.Generator) -> Paint:
    """A foreign particle: irregular, dark, its inside uneven."""
    distance = _blob(size_px, rng, longest=2.4, roughness=0.35)
    body = _cover(distance)
    uneven = 1.0 - 0.25 * np.clip(rng.normal(0, 0.4, distance.shape), -1, 1)
    light = 1.0 - contrast * body * np.clip(uneven, 0.6, 1.0)
    return Paint(light.astype(np.float32), body > 0.5)


def black_spot(size_px: float, contrast: float, rng: np.random.Generator) -> Paint:
    """Degraded plastic in the wall: round, even, its edge a little soft."""
    distance = _blob(size_px, rng, longest=1.3, roughness=0.12)
    body = _cover(distance, softness=1.3)
    return Paint((1.0 - contrast * body).astype(np.float32), body > 0.5)


def burn(size_px: float, contrast: float, rng: np.random.Generator) -> Paint:
    """Scorched plastic: a dark core in a brown halo; one in three is a ring and looks like a bubble."""
    distance = _blob(size_px, rng, longest=1.5, roughness=0.2)
    body = _cover(distance, softness=1.5)
    depth = np.clip(2 * distance / size_px, 0, 1)
    if rng.random() < 1 / 3:
        shade = body * (1.0 - 0.75 * np.clip((depth - 0.35) / 0.3, 0, 1))
    else:
        shade = body * (0.45 + 0.55 * np.clip(depth * 1.8, 0, 1))
    return Paint((1.0 - contrast * shade).astype(np.float32), body > 0.5)


def scratch(length_px: float, contrast: float, rng: np.random.Generator) -> Paint:
    """A curved line: one flank turns light away, the other gathers a little."""
    width = scratch_width_px(contrast)
    y, x = _grid(0.5 * length_px + 4)
    turn = rng.uniform(0, np.pi)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    bend = rng.normal(0, 0.12) * length_px
    across = across - bend * (1 - (2 * along / length_px) ** 2) - 0.6 * np.sin(along / rng.uniform(5, 12))
    ends = _cover((0.5 * length_px - np.abs(along)).astype(np.float32), softness=3.0)
    body = _cover((0.5 * width - np.abs(across)).astype(np.float32)) * ends
    flank = np.exp(-0.5 * ((across - width) / 0.8) ** 2) * ends
    # A line narrower than a pixel and its edge never covers one whole: the middle is brought to the contrast stated.
    light = (1.0 - contrast * body / body.max()) * (1.0 + 0.15 * contrast * flank)
    return Paint(light.astype(np.float32), body > 0.5)


def bump(size_px: float, contrast: float, rng: np.random.Generator) -> Paint:
    """A rise of the surface: a weak lens, dark on one flank, lighter on the other."""
    y, x = _grid(0.6 * size_px)
    turn = rng.uniform(0, 2 * np.pi)
    radius = 0.5 * size_px
    share = np.hypot(x, y) / radius
    # Steepest at 0.45 of the radius and flat beyond 1.1 of it, so that what is seen has the size that is registered.
    slope = share / 0.45 * np.exp(0.5 * (1 - (share / 0.45) ** 2)) * np.clip((1.1 - share) / 0.3, 0, 1)
    lit = np.cos(np.arctan2(y, x) - turn)
    shade = slope * (0.55 + 0.45 * lit)
    light = 1.0 - contrast * np.clip(shade, 0, 1) + 0.2 * contrast * np.clip(-slope * lit, 0, 1)
    return Paint(light.astype(np.float32), share <= 1.0)


def contamination_foam(width_px: float, contrast: float, rng: np.random.Generator) -> Paint:
    """A raft of many small bubbles that hang together and stay; half of the rafts hold a particle."""
    height = width_px * float(rng.uniform(0.18, 0.30))
    y, x = _grid(0.5 * width_px + 6.0)
    light = np.ones_like(x)
    mask = np.zeros(x.shape, bool)
    if rng.random() < 0.5:
        grain = particle(max(6.0, 0.12 * width_px), contrast, rng)
        half, reach = x.shape[0] // 2, grain.mask.shape[0] // 2
        window = np.s_[half - reach : half + reach + 1, half - reach : half + reach + 1]
        light[window] = grain.transmission
        mask[window] = grain.mask
    for _ in range(int(width_px * height / 8)):
        if mask.sum() >= _FOAM_FILL * width_px**2:
            break
        radius = float(rng.uniform(2.0, 5.5))
        centre_x = rng.uniform(-0.5, 0.5) * (width_px - 2 * radius)
        centre_y = rng.uniform(-0.3, 0.7) * height * np.sqrt(max(0.0, 1 - (2 * centre_x / width_px) ** 2))
        distance = radius - np.hypot(x - centre_x, y - centre_y)
        rim = _cover(distance.astype(np.float32)) * (1 - 0.8 * _cover((distance - 1.6).astype(np.float32)))
        light = np.minimum(light, 1 - contrast * rim)  # rims that cross do not add up: contrast is the largest of all
        mask |= distance > 0
    return Paint(light.astype(np.float32), mask)


def body_deformation(displacement_px: float, contrast: float, rng: np.random.Generator) -> Paint:
    """A dent or a bulge of the outline, sideways, with a shade where the wall is stressed."""
    return _pushed(displacement_px, contrast, rng, reach=(22.0, 60.0))


def neck_deformation(displacement_px: float, contrast: float, rng: np.random.Generator) -> Paint:
    """The neck pushed aside."""
    return _pushed(displacement_px, contrast, rng, reach=(12.0, 26.0))


def laser_cut(displacement_px: float, contrast: float, rng: np.random.Generator) -> Paint:
    """A notch or a burr on the card's outer edge, short and sharp; it pushes whichever edge it lies on."""
    cut = _pushed(displacement_px, 0.5 * contrast, rng, reach=(0.8 * displacement_px, 1.3 * displacement_px))
    sideways = np.zeros_like(cut.transmission) if cut.shift is None else cut.shift[1]
    return Paint(cut.transmission, cut.mask, np.stack([sideways, sideways]))


def _pushed(displacement_px: float, contrast: float, rng: np.random.Generator, *, reach: tuple[float, float]) -> Paint:
    """Content moved sideways by at most `displacement_px`, as a bell over `reach` rows and some columns."""
    long_px, wide_px = float(rng.uniform(*reach)), max(1.2 * displacement_px, 8.0)
    y, x = _grid(3.0 * max(long_px, wide_px))
    bell = np.exp(-0.5 * (y / long_px) ** 2) * np.exp(-0.5 * (x / wide_px) ** 2)
    sign = -1.0 if rng.random() < 0.5 else 1.0
    shift = np.stack([np.zeros_like(bell), sign * displacement_px * bell]).astype(np.float32)
    light = 1.0 - 0.25 * contrast * bell
    changed = np.abs(shift[1]) > max(0.3 * displacement_px, 1.0)
    return Paint(light.astype(np.float32), changed, shift)


def floating_particle(size_px: float, contrast: float, rng: np.random.Generator) -> Paint:
    """A particle in the liquid."""
    return particle(size_px, contrast, rng)


CLASSES: dict[str, DefectClass] = {
    "stuck_particle": DefectClass((10,), (0, 1, 2, 3), (6, 40), "diameter", ("critical",), "still", particle),
    "contamination_foam": DefectClass((11, 12), (1,), (30, 120), "width", ("critical",), "surface", contamination_foam),
    "body_deformation": DefectClass(
        (13, 14, 15), (2, 3), (3, 16), "displacement", ("major",), "still", body_deformation
    ),
    "black_spot": DefectClass((16, 22, 23), (1, 2, 3), (5, 30), "diameter", ("major",), "still", black_spot),
    "burn": DefectClass((17, 21), (2, 3), (8, 45), "diameter", ("major",), "still", burn),
    "scratch": DefectClass((18, 20, 27, 29), (1, 2), (20, 120), "length", ("minor", "major"), "still", scratch),
    "laser_cut": DefectClass((19,), (0,), (4, 20), "displacement", ("minor",), "still", laser_cut),
    "bump": DefectClass((24, 25, 28), (1,), (8, 40), "diameter", ("minor",), "still", bump),
    "neck_deformation": DefectClass((26,), (1,), (4, 20), "displacement", ("major",), "still", neck_deformation),
    "floating_particle": DefectClass((), (2, 3), (6, 30), "diameter", ("critical",), "sinks", floating_particle),
}
"""Every class the bench can draw, by its name in a register."""


def paint(defect: Defect, um_per_px: float, rng: np.random.Generator) -> Paint:
    """Light and truth of a defect whose register says its size in um.

    Args:
        defect: The register's row.
        um_per_px: Scale of the picture it is laid over.
        rng: The product's own stream for its defect.
    """
    return CLASSES[defect.kind].paint(natural_size_px(defect, um_per_px), defect.contrast, rng)


def scratch_width_px(contrast: float) -> float:
    """A deep scratch is wide: 1 px at the faintest contrast of the table, 3 px at the strongest."""
    return 1.0 + 2.0 * (contrast - CONTRAST[0]) / (CONTRAST[1] - CONTRAST[0])


_FOAM_FILL = 0.24 * 0.8
"""Height over width of a raft in the middle of its range, and how much of that box is bubbles; rafts grow to it."""


def natural_size_px(defect: Defect, um_per_px: float) -> float:
    """What the painter's size range is of (`DefectClass.measure`), from the register's size."""
    size = defect.size_um / um_per_px
    area = np.pi * size**2 / 4
    match CLASSES[defect.kind].measure:
        case "length":
            return float(area / scratch_width_px(defect.contrast))
        case "width":
            return float(np.sqrt(area / _FOAM_FILL))
        case _:
            return float(size)


def register_size_um(kind: str, natural_px: float, contrast: float, um_per_px: float) -> float:
    """The register's size of a class: equivalent diameter, or largest displacement, in um."""
    match CLASSES[kind].measure:
        case "length":
            return float(np.sqrt(4 * natural_px * scratch_width_px(contrast) / np.pi) * um_per_px)
        case "width":
            return float(np.sqrt(4 * _FOAM_FILL * natural_px**2 / np.pi) * um_per_px)
        case _:
            return float(natural_px * um_per_px)


def anchor(defect: Defect, plastic: Plastic, rng: np.random.Generator) -> tuple[float, float]:
    """(y, x) in strip coordinates of a defect's centre, somewhere its class allows in its vial and region.

    A class on an outline sits on an outline; anything else lies between the walls, clear of them by its own size.
    """
    vial, region = defect.vial, defect.region
    if defect.kind == "laser_cut":
        left_side = vial == 0 if vial in (0, 4) else None
        if left_side is None:
            return 17.0, float(CARD_LEFT + PITCH * (vial + rng.uniform(0.2, 0.8)))
        return float(rng.uniform(50, 230)), float(CARD_LEFT if left_side else CARD_RIGHT - 1)
    rows = {
        ("bump", 1): (268, 380),
        ("neck_deformation", 1): (322, 356),
        ("contamination_foam", 1): (455, 456),
        ("scratch", 1): (330, 445),
        ("black_spot", 1): (380, 500),
        ("body_deformation", 3): (780, 930),
    }.get((defect.kind, region), ((24, 240), (290, 500), (520, 760), (776, 960))[region])
    y = float(rng.uniform(*rows))
    row = int(y)
    left, right = float(plastic.left[vial, row]), float(plastic.right[vial, row])
    if region == 0:
        left, right = CARD_LEFT + PITCH * vial + 6.0, CARD_LEFT + PITCH * (vial + 1) - 6.0
    if CLASSES[defect.kind].outline:
        return y, left if rng.random() < 0.5 else right
    margin = min(0.5 * natural_size_px(defect, 50.0) + 6.0, 0.45 * (right - left))
    return y, float(rng.uniform(left + margin, right - margin))
