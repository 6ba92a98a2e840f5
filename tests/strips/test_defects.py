from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, label

from harness.strips.defects import (
    CLASSES,
    CONTRAST,
    Defect,
    Paint,
    anchor,
    natural_size_px,
    paint,
    register_size_um,
    scratch_width_px,
)
from harness.strips.kit import Strip
from harness.strips.product import CARD_LEFT, CARD_RIGHT, FLAG_TOP, PITCH, Plastic, draw_plastic
from harness.strips.renderer import Renderer

UM = 50.0
OUTLINE = [kind for kind, row in CLASSES.items() if row.outline]
PAINTED = [kind for kind, row in CLASSES.items() if not row.outline]
STEPS = 5


def made(kind: str, *, share: float = 0.5, contrast: float = 0.3, vial: int = 2, region: int | None = None) -> Defect:
    """A defect of a class, its size a share of the way through the class's range (on a log scale)."""
    row = CLASSES[kind]
    low, high = row.size_px
    size_um = register_size_um(kind, low * (high / low) ** share, contrast, UM)
    return Defect(kind, vial, row.regions[0] if region is None else region, size_um, contrast, row.criticality[0])


def painted(defect: Defect, seed: int = 5) -> Paint:
    """Its paint, from one stream."""
    return paint(defect, UM, np.random.default_rng(seed))


def equivalent_um(found: Paint) -> float:
    """Diameter of the disc with the mask's area, um."""
    return float(np.sqrt(4 * found.area_px / np.pi) * UM)


def drawn(renderer: Renderer, defect: Defect | None, seed: int, numbers: tuple[int, ...] = (8,)) -> NDArray[np.int16]:
    """Frames of run 2 of a product with this defect, or of the same product without."""
    return renderer.frames(Strip("P001", seed, defect), 2, numbers).astype(np.int16)


def test_every_row_of_the_table_is_there() -> None:
    """All ten classes of the specification, with its regions, figures, ranges and criticalities."""
    assert {kind: (row.figures, row.regions, row.size_px, row.criticality) for kind, row in CLASSES.items()} == {
        "stuck_particle": ((10,), (0, 1, 2, 3), (6, 40), ("critical",)),
        "contamination_foam": ((11, 12), (1,), (30, 120), ("critical",)),
        "body_deformation": ((13, 14, 15), (2, 3), (3, 16), ("major",)),
        "black_spot": ((16, 22, 23), (1, 2, 3), (5, 30), ("major",)),
        "burn": ((17, 21), (2, 3), (8, 45), ("major",)),
        "scratch": ((18, 20, 27, 29), (1, 2), (20, 120), ("minor", "major")),
        "laser_cut": ((19,), (0,), (4, 20), ("minor",)),
        "bump": ((24, 25, 28), (1,), (8, 40), ("minor",)),
        "neck_deformation": ((26,), (1,), (4, 20), ("major",)),
        "floating_particle": ((), (2, 3), (6, 30), ("critical",)),
    }
    assert CONTRAST == (0.10, 0.60)
    assert OUTLINE == ["body_deformation", "laser_cut", "neck_deformation"]


@pytest.mark.parametrize("kind", CLASSES)
def test_a_larger_size_is_a_larger_defect(kind: str) -> None:
    """Size is continuous: through a class's range the mean defective area grows at every step, without a jump.

    An outline class grows in how far it moves content, summed over its window.
    """

    def much(found: Paint) -> float:
        return found.area_px if found.shift is None else float(np.abs(found.shift[1]).sum())

    amounts = [
        np.mean([much(painted(made(kind, share=share), seed)) for seed in range(16)])
        for share in np.linspace(0, 1, STEPS)
    ]
    growth = np.diff(np.log(amounts))
    low, high = CLASSES[kind].size_px
    assert growth.min() > 0.0
    assert growth.max() < 2.0 * 2.0 * np.log(high / low) / (STEPS - 1)


@pytest.mark.parametrize("kind", CLASSES)
def test_more_contrast_is_darker(kind: str) -> None:
    """Contrast is continuous: every step makes the darkest pixel darker and the smallest one is still seen."""
    darkest = [
        np.mean([painted(made(kind, contrast=contrast), seed).transmission.min() for seed in range(6)])
        for contrast in np.geomspace(*CONTRAST, STEPS)
    ]
    assert np.diff(darkest).max() < 0.0
    assert 1.0 - darkest[0] > 0.01


@pytest.mark.parametrize("kind", PAINTED)
@pytest.mark.parametrize("contrast", [0.1, 0.3, 0.6])
def test_contrast_is_the_largest_absorption(kind: str, contrast: float) -> None:
    """The darkest pixel of a painted class absorbs what the register says, within 8 % of it."""
    for share in (0.0, 0.5, 1.0):
        for seed in range(4):
            absorbed = 1.0 - float(painted(made(kind, share=share, contrast=contrast), seed).transmission.min())
            assert absorbed == pytest.approx(contrast, rel=0.08)


@pytest.mark.parametrize("kind", ["stuck_particle", "black_spot", "burn", "bump", "floating_particle"])
def test_registered_size_is_the_equivalent_diameter(kind: str) -> None:
    """Compact classes: 2 sqrt(mask area / pi) is the registered size within 12 % below 10 px and within 3 % above."""
    for share in np.linspace(0, 1, STEPS):
        for seed in range(12):
            defect = made(kind, share=share)
            tolerance = 0.12 if defect.size_um / UM < 10 else 0.03
            assert equivalent_um(painted(defect, seed)) == pytest.approx(defect.size_um, rel=tolerance)


def test_foam_has_its_registered_area() -> None:
    """A raft grows until its bubbles cover the area that its register says; the last bubble may exceed it."""
    for share in np.linspace(0, 1, STEPS):
        ratios = [
            equivalent_um(painted(defect, seed)) / defect.size_um
            for seed in range(12)
            for defect in [made("contamination_foam", share=share)]
        ]
        assert min(ratios) > 0.95
        assert max(ratios) < 1.2
        assert np.mean(ratios) == pytest.approx(1.0, abs=0.08)


def test_foam_is_a_raft() -> None:
    """Foam is as wide as its natural size and much lower, and its bubbles hang together."""
    for seed in range(6):
        defect = made("contamination_foam", share=0.7)
        rows, columns = np.nonzero(painted(defect, seed).mask)
        width = natural_size_px(defect, UM)
        assert 0.75 * width < np.ptp(columns) + 1 <= width + 1
        assert np.ptp(rows) < 0.5 * width
        parts, _ = label(painted(defect, seed).mask, np.ones((3, 3)))
        assert np.bincount(parts.ravel())[1:].max() > 0.6 * painted(defect, seed).area_px


def test_half_of_the_rafts_hold_a_particle() -> None:
    """About one raft in two brings a particle: its middle is darker all over than a bubble's light centre leaves it."""
    defect = made("contamination_foam", share=0.8, contrast=0.6)
    solid = 0
    for seed in range(40):
        light = painted(defect, seed).transmission
        middle = light.shape[0] // 2
        solid += bool(light[middle - 2 : middle + 3, middle - 2 : middle + 3].max() < 0.7)
    assert 0.3 < solid / 40 < 0.7


@pytest.mark.parametrize("contrast", [0.1, 0.3, 0.6])
def test_scratch_is_as_long_and_wide_as_registered(contrast: float) -> None:
    """Length x width is the scratch's area within a quarter; deep ones are wide, 1-3 px."""
    assert 1.0 <= scratch_width_px(contrast) <= 3.0
    for share in np.linspace(0, 1, STEPS):
        defect = made("scratch", share=share, contrast=contrast)
        length = natural_size_px(defect, UM)
        for seed in range(6):
            found = painted(defect, seed)
            assert found.area_px == pytest.approx(length * scratch_width_px(contrast), rel=0.4 if length < 30 else 0.25)
            rows, columns = np.nonzero(found.mask)
            assert np.hypot(np.ptp(rows), np.ptp(columns)) == pytest.approx(length, rel=0.3)


@pytest.mark.parametrize("kind", OUTLINE)
def test_registered_size_is_the_largest_displacement(kind: str) -> None:
    """Outline classes move content by the registered size, and mask what moves by at least 30 % of it."""
    for share in (0.0, 0.5, 1.0):
        defect = made(kind, share=share)
        found = painted(defect)
        assert found.shift is not None
        largest = np.abs(found.shift).max()
        assert largest * UM == pytest.approx(defect.size_um, rel=0.03)
        moved = np.abs(found.shift).max(axis=0)
        assert moved[found.mask].min() >= 0.3 * largest - 1e-3
        assert moved[~found.mask].max() <= max(0.3 * largest, 1.0) + 1e-3


@pytest.mark.parametrize("kind", CLASSES)
def test_a_defect_fits_its_window(kind: str) -> None:
    """Nothing is cut off at the window's edge, where a straight line would give a painter away."""
    for share in (0.0, 1.0):
        for seed in range(6):
            found = painted(made(kind, share=share, contrast=0.6), seed)
            edges = [found.transmission[0], found.transmission[-1], found.transmission[:, 0], found.transmission[:, -1]]
            assert max(float(np.abs(1 - edge).max()) for edge in edges) < 0.005
            if found.shift is not None:
                assert max(float(np.abs(found.shift[:, line]).max()) for line in (0, -1)) < 0.3
            assert not found.mask[[0, -1]].any()
            assert not found.mask[:, [0, -1]].any()


@pytest.mark.parametrize("kind", CLASSES)
def test_register_size_and_natural_size_are_inverse(kind: str) -> None:
    """What is drawn from the table comes back from the register."""
    for share in (0.0, 0.3, 1.0):
        low, high = CLASSES[kind].size_px
        assert natural_size_px(made(kind, share=share), UM) == pytest.approx(low * (high / low) ** share)


@pytest.mark.parametrize("kind", CLASSES)
def test_centres_lie_in_their_regions(kind: str, plastic: Plastic) -> None:
    """In every region of a class, the centre lies in the rows of that region and in the columns of its vial."""
    rng = np.random.default_rng(3)
    for region in CLASSES[kind].regions:
        for vial in range(5):
            for share in (0.0, 1.0):
                y, x = anchor(made(kind, share=share, vial=vial, region=region), plastic, rng)
                assert 256 * region <= y < 256 * (region + 1)
                assert CARD_LEFT + PITCH * vial - 1 <= x <= CARD_LEFT + PITCH * (vial + 1) + 1


@pytest.mark.parametrize("kind", ["body_deformation", "neck_deformation"])
def test_deformations_lie_on_an_outline(kind: str, plastic: Plastic) -> None:
    """The centre is a point of the left or of the right outline; both sides happen."""
    rng, sides = np.random.default_rng(4), set()
    for _ in range(20):
        y, x = anchor(made(kind), plastic, rng)
        left, right = float(plastic.left[2, int(y)]), float(plastic.right[2, int(y)])
        assert min(abs(x - left), abs(x - right)) < 1e-3
        sides.add(abs(x - left) < abs(x - right))
    assert sides == {True, False}


def test_laser_cuts_lie_on_the_card(plastic: Plastic) -> None:
    """A cut is on the card's outer edge: at its sides on the outer vials, at its top on the others."""
    rng = np.random.default_rng(4)
    for vial in range(5):
        y, x = anchor(made("laser_cut", vial=vial), plastic, rng)
        assert x in (CARD_LEFT, CARD_RIGHT - 1) if vial in (0, 4) else abs(y - FLAG_TOP) <= 1


def test_a_notch_moves_the_edge(dry: Renderer) -> None:
    """A cut of 20 px on the card's side lets light in, or puts plastic where light was, over about as many pixels."""
    changed = set()
    for seed in range(1, 7):
        defect = made("laser_cut", share=1.0, vial=0)
        before, after = drawn(dry, None, seed)[0, :256, :60], drawn(dry, defect, seed)[0, :256, :60]
        row = int(np.abs(after - before).sum(axis=1).argmax())
        edges = [int(np.argmax(picture[row] < 160)) for picture in (before, after)]
        assert 12 <= abs(edges[1] - edges[0]) <= 22
        changed.add(np.sign(edges[1] - edges[0]))
    assert changed == {-1, 1}


@pytest.mark.parametrize("kind", PAINTED)
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_mask_is_where_the_picture_changes(kind: str, share: float, renderer: Renderer) -> None:
    """The same strip without its defect differs only inside the mask and a blur's margin of it, to the grey level.

    The margin is 4 px: half a pixel of rounding twice, the painter's edge and the lens; a scratch's faded ends take 9.
    """
    defect = made(kind, share=share, contrast=0.6)
    for seed in (11, 12):
        difference = np.abs(drawn(renderer, defect, seed) - drawn(renderer, None, seed))[0]
        mask = renderer.mask(Strip("P001", seed, defect), 2, (8,))[0]
        near = binary_dilation(mask, iterations=9 if kind == "scratch" else 4)
        assert difference[~near].max() <= 1
        assert difference[mask].max() > 10
        assert (difference[mask] > 1).mean() > 0.6


@pytest.mark.parametrize("kind", OUTLINE)
def test_most_of_a_deformation_is_in_its_mask(kind: str, renderer: Renderer) -> None:
    """What moves by less than 30 % of the displacement lies beside the mask: at most 40 % of the change, and near."""
    defect = made(kind, share=0.6, contrast=0.6, region=CLASSES[kind].regions[-1])
    for seed in (11, 12):
        difference = np.abs(drawn(renderer, defect, seed) - drawn(renderer, None, seed))[0]
        mask = renderer.mask(Strip("P001", seed, defect), 2, (8,))[0]
        near, far = (binary_dilation(mask, iterations=steps) for steps in (4, 90))
        assert difference[near].sum() > 0.6 * difference.sum()
        assert (difference[~far] <= 1).mean() > 0.9999


@pytest.mark.parametrize("kind", ["stuck_particle", "black_spot", "burn", "scratch", "bump", "body_deformation"])
def test_what_is_in_the_plastic_does_not_move(kind: str, renderer: Renderer) -> None:
    """A still defect has the same pixels in all exposures of a run."""
    strip = Strip("P001", 13, made(kind, share=0.8))
    masks = renderer.mask(strip, 2, (1, 5, 16))
    assert masks.any()
    assert (masks == masks[0]).all()


def test_a_floating_particle_sinks(renderer: Renderer) -> None:
    """It moves down at every exposure, never up like a bubble, and sways with the liquid; it stays inside its vial."""
    for seed in range(20, 26):
        strip = Strip("P001", seed, made("floating_particle"))
        boxes = [np.argwhere(mask) for mask in renderer.mask(strip, 2, range(1, 17))]
        rows = np.array([box[:, 0].mean() for box in boxes])
        assert np.diff(rows).min() > 0.0
        assert rows[-1] - rows[0] >= 14.0
        columns = np.array([box[:, 1].mean() for box in boxes])
        assert np.ptp(columns) < 12.0
        assert np.abs(columns - (20 + 128 + PITCH * 2)).max() < 112


def test_foam_rides_on_the_surface(renderer: Renderer) -> None:
    """A raft lies at the meniscus and follows it: its rows change with the slosh, its columns do not."""
    moved = []
    for seed in range(20, 24):
        strip = Strip("P001", seed, made("contamination_foam"))
        places = np.array([np.argwhere(mask).mean(axis=0) for mask in renderer.mask(strip, 2, range(1, 17))])
        assert (np.abs(places[:, 0] - 459) < 30).all()
        assert np.ptp(places[:, 1]) <= 1.0
        moved.append(np.ptp(places[:, 0]))
    assert max(moved) > 2.0


def test_a_deformed_neck_brings_a_bubble(renderer: Renderer) -> None:
    """Figure 26: besides the bent outline there is a drop over the neck, at another place in every run."""
    strip, clean = Strip("P001", 30, made("neck_deformation")), Strip("P001", 30)
    neck = np.s_[0, 300:380, 20 + 246 * 2 : 276 + 246 * 2]
    changes = [
        np.abs(renderer.frames(strip, run, (1,)).astype(int) - renderer.frames(clean, run, (1,)))[neck] > 12
        for run in (1, 2)
    ]
    assert changes[0].any()
    assert changes[1].any()
    assert (changes[0] != changes[1]).sum() > 50


def test_one_burn_in_three_looks_like_a_bubble() -> None:
    """Some burns are rings, dark at the rim and light in the middle; the others are darkest in the middle."""
    rings = 0
    for seed in range(60):
        found = painted(made("burn", share=0.8), seed).transmission
        middle = found.shape[0] // 2
        rings += bool(found[middle, middle] > found.min() + 0.1)
    assert 0.2 < rings / 60 < 0.5


def test_the_defect_follows_from_the_product(renderer: Renderer) -> None:
    """Neither run nor scenario changes a defect's shape or its place on the strip, only how it is held."""
    strip = Strip("P001", 14, made("black_spot", share=0.9))
    counts = [other.mask(strip, run, (1,)).sum() for other in (renderer, Renderer(seed=99)) for run in (1, 2)]
    assert max(counts) - min(counts) <= 0.05 * max(counts)
    centres = np.array([np.argwhere(renderer.mask(strip, run, (1,))[0]).mean(axis=0) for run in (1, 2, 3)])
    assert 0.1 < np.ptp(centres, axis=0).max() < 14.0


def test_a_defect_is_on_the_plastic_of_the_good_strip() -> None:
    """The plastic itself is the same with and without a defect: the two share every random value."""
    one, two = draw_plastic(15), draw_plastic(15)
    assert np.array_equal(one.body, two.body)
    rng = np.random.default_rng(1)
    assert anchor(made("burn"), one, rng) == anchor(
        replace(made("burn"), criticality="minor"), two, np.random.default_rng(1)
    )
