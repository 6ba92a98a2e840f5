from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.geometry import PAPER
from harness.strips.defects import Defect
from harness.strips.kit import Strip
from harness.strips.liquid import EXPOSURES, LiquidScale
from harness.strips.product import BOTTOM, WIDTH, draw_plastic
from harness.strips.renderer import BACKLIGHT_LEVEL, Pose, Renderer

Frames = NDArray[np.uint8]

SPOT = Defect("black_spot", 2, 2, 1000.0, 0.5, "major")
BODY = np.s_[:, 560:740]
"""Rows well below any meniscus."""


def test_a_run_repeats_to_the_bit(renderer: Renderer, good: Strip, sixteen: Frames) -> None:
    """The same seed, strip, run and frame are the same picture, also from another renderer that drew nothing before."""
    assert np.array_equal(renderer.frames(good, 3), sixteen[[0, 7, 15]])
    assert np.array_equal(Renderer(seed=7).frames(good, 3, (8,))[0], sixteen[7])


def test_frames_may_be_drawn_in_any_order(renderer: Renderer, good: Strip, sixteen: Frames) -> None:
    """One by one, backwards, or after another strip: a frame does not depend on what was drawn before it."""
    assert np.array_equal(renderer.frames(good, 3, (16, 2, 9)), sixteen[[15, 1, 8]])
    renderer.frames(Strip("G002", 2), 1, (5,))
    assert np.array_equal(renderer.frames(good, 3, (4,))[0], sixteen[3])


def test_run_3_is_not_run_4(renderer: Renderer, good: Strip, sixteen: Frames) -> None:
    """A run replayed on identical frames is not a run: in another one most pixels differ, on every frame."""
    four = renderer.frames(good, 4)
    assert ((sixteen[[0, 7, 15]] != four).mean(axis=(1, 2)) > 0.5).all()


def test_a_product_looks_the_same_in_every_scenario(good: Strip) -> None:
    """Other seeds change pose, light, liquid and noise alone: put back into its pose, the flag is the same flag."""
    dry = LiquidScale(slosh=0.0, bubbles=0.0, drops=0.0)
    flags = []
    for seed in (7, 8):
        renderer = Renderer(seed=seed, scale=dry)
        plastic, _ = renderer._products(good.seed, None)
        pose, _, _ = renderer._run(plastic, good, 1)
        rows, columns = np.mgrid[40:230, 60:1220]
        u, v = pose.to_camera(columns.astype(float), rows.astype(float))
        frame = renderer.frames(good, 1, (1,))[0].astype(float)
        straight = frame[np.rint(v).astype(int), np.rint(u).astype(int)]
        flags.append(straight / np.median(straight))
    assert np.corrcoef(flags[0].ravel(), flags[1].ravel())[0, 1] > 0.9
    assert np.abs(flags[0] - flags[1]).mean() < 0.02


def test_frames_are_what_the_geometry_says(renderer: Renderer, good: Strip) -> None:
    """Three frames of 1024 x 1280 grey levels, which give the paper's 60 patches."""
    frames = renderer.frames(good, 1)
    assert frames.dtype == np.uint8
    assert frames.shape == (3, 1024, 1280)
    assert PAPER.crop(frames).shape == (3, 5, 4, 256, 256)


def test_only_the_liquid_moves(sixteen: Frames) -> None:
    """Within a run the flag is the same in all exposures but for noise, and the liquid is not."""
    flag, body = sixteen[:, 40:230, 60:1220].astype(float), sixteen[BODY][:, :, 60:1220].astype(float)
    assert flag.std(axis=0).max() < 5.0
    assert np.median(flag.std(axis=0)) < 1.6
    assert (np.ptp(body, axis=0) > 30).mean() > 0.02


@pytest.mark.parametrize("run", range(1, 6))
def test_noise_and_gain(run: int, dry: Renderer, good: Strip) -> None:
    """On the bare light noise has a standard deviation of 1.0-1.5 grey levels and gain lies within 2 %."""
    frames = dry.frames(good, run, (1, 2)).astype(float)
    light = frames[:, BOTTOM + 12 :, 60:1220]
    assert 1.0 <= light.std() <= 1.5
    assert light.mean() == pytest.approx(BACKLIGHT_LEVEL, rel=0.02)
    assert (frames[0] != frames[1]).mean() > 0.5


def test_gain_pose_and_sharpness_are_new_in_every_run(dry: Renderer, good: Strip) -> None:
    """Poses fill +-2 px and +-0.5 degrees and gains +-2 %, each run for itself."""
    plastic, _ = dry._products(good.seed, None)
    runs = [dry._run(plastic, good, run) for run in range(1, 61)]
    poses = np.array([(pose.dx, pose.dy, np.rad2deg(pose.angle)) for pose, _, _ in runs])
    levels = np.array([camera.level for _, _, camera in runs]) / BACKLIGHT_LEVEL - 1
    assert (np.abs(poses) <= (2.0, 2.0, 0.5)).all()
    assert (np.abs(poses).max(axis=0) > (1.6, 1.6, 0.4)).all()
    assert np.abs(levels).max() <= 0.02
    assert np.ptp(levels) > 0.03
    assert len({float(camera.spread[0]) for _, _, camera in runs}) == 60


def test_pose_turns_about_the_middle() -> None:
    """The picture's middle only shifts; a quarter of a degree moves the outer vials by 2-3 px up or down."""
    pose = Pose(np.deg2rad(0.25), 1.0, -2.0)
    x, y = pose.to_camera(np.array([639.5, 1139.5]), np.array([511.5, 511.5]))
    assert (x[0], y[0]) == pytest.approx((640.5, 509.5))
    assert y[1] - y[0] == pytest.approx(500 * np.sin(np.deg2rad(0.25)))


def test_lightest_picture_shows_nothing_that_moved(good: Strip) -> None:
    """The maximum over the 16 exposures, below the meniscus: bubbles that rise leave no dark trace in it."""
    moving, none = (
        Renderer(seed=7, scale=LiquidScale(stick=0.0, drops=0.0, bubbles=rate)).frames(good, 3, range(1, EXPOSURES + 1))
        for rate in (1.0, 0.0)
    )
    lightest, bare = moving[BODY].max(axis=0).astype(int), none[BODY].max(axis=0).astype(int)
    assert (bare - lightest).max() <= 8
    assert (none[BODY].min(axis=0).astype(int) - moving[BODY].min(axis=0) > 30).mean() > 0.02


def test_lightest_picture_keeps_what_is_stuck(good: Strip) -> None:
    """Bubbles that stick stay dark in the maximum over the 16 exposures, as a defect would."""
    stuck, none = (
        Renderer(seed=7, scale=LiquidScale(stick=1.0, drops=0.0, bubbles=rate)).frames(good, 3, range(1, EXPOSURES + 1))
        for rate in (1.0, 0.0)
    )
    assert (none[BODY].max(axis=0).astype(int) - stuck[BODY].max(axis=0) > 30).mean() > 0.003


def test_no_surface_beyond_the_shoulder(good: Strip) -> None:
    """However steep the tilt, nothing of the surface is seen outside the walls: there the picture is the calm one's."""
    calm, steep = (Renderer(seed=11, scale=LiquidScale(bubbles=0.0, drops=0.0, slosh=s)) for s in (0.0, 1.6))
    plastic = draw_plastic(good.seed)
    rows = np.arange(380, 445)
    columns = np.arange(WIDTH)
    outside = np.ones((len(rows), WIDTH), bool)
    for vial in range(5):
        low, high = plastic.left[vial, rows] - 6, plastic.right[vial, rows] + 6
        outside &= (columns < low[:, None]) | (columns > high[:, None])
    within = []
    for run in range(1, 9):
        apart = np.abs(
            calm.frames(good, run, [1])[0, rows].astype(int) - steep.frames(good, run, [1])[0, rows].astype(int)
        )
        within.append(int(apart[~outside].max()))
        assert apart[outside].max() <= 2
    assert max(within) > 40


def test_bubbles_are_drawn_where_they_are(good: Strip) -> None:
    """The dark rings of a frame lie where the liquid says its bubbles are, carried by the pose."""
    only_bubbles = Renderer(seed=7, scale=LiquidScale(drops=0.0, slosh=0.0))
    none = Renderer(seed=7, scale=LiquidScale(drops=0.0, slosh=0.0, bubbles=0.0))
    plastic, _ = only_bubbles._products(good.seed, None)
    pose, liquid, _ = only_bubbles._run(plastic, good, 2)
    darker = none.frames(good, 2, (1,))[0].astype(int) - only_bubbles.frames(good, 2, (1,))[0]
    rings = liquid.rings(0.0)
    u, v = pose.to_camera(rings[:, 0].astype(float), rings[:, 1].astype(float))
    rows, columns = np.indices(darker.shape)
    covered = np.zeros(darker.shape, bool)
    for x, y, radius in zip(u, v, rings[:, 2], strict=True):
        covered |= np.hypot(columns - x, rows - y) < radius + 4
    assert (np.abs(darker)[~covered] <= 2).all()
    assert (darker[covered] > 20).mean() > 0.2


@pytest.mark.parametrize(
    ("purpose", "first", "last"), [("slosh", 390, 960), ("bubbles", 390, 1000), ("drops", 264, 470)]
)
def test_a_knob_changes_its_part_of_the_picture_alone(
    purpose: str, first: int, last: int, renderer: Renderer, good: Strip
) -> None:
    """Without slosh, bubbles or drops the picture changes where these are, and not by a grey level elsewhere."""
    frame = renderer.frames(good, 3, (1,))[0]
    without = Renderer(seed=7, scale=LiquidScale(**{purpose: 0.0})).frames(good, 3, (1,))[0]
    rows = np.nonzero((frame != without).any(axis=1))[0]
    assert first < rows.min()
    assert rows.max() < last


def test_a_good_strip_has_no_truth(renderer: Renderer, good: Strip) -> None:
    """Its mask is empty, no patch of it is defective, and there is no box."""
    assert not renderer.mask(good, 1).any()
    assert not renderer.defective_patches(good, 1).any()
    assert renderer.defect_boxes(good, 1) == [None, None, None]


def test_truth_of_a_defect(renderer: Renderer) -> None:
    """Mask, boxes and patches speak of the same pixels; vial and region are those of the register."""
    strip = Strip("D001", 3, SPOT)
    masks = renderer.mask(strip, 2)
    boxes = renderer.defect_boxes(strip, 2)
    patches = renderer.defective_patches(strip, 2)
    assert masks.shape == (3, 1024, 1280)
    for mask, box in zip(masks, boxes, strict=True):
        rows, columns = np.nonzero(mask)
        assert box == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    inside = PAPER.crop(masks.astype(np.uint8)).sum(axis=(3, 4))
    assert np.array_equal(patches, inside >= 12)
    assert patches[:, 2, 2].all()


def test_the_smallest_defect_has_a_defective_patch(renderer: Renderer) -> None:
    """Of a defect smaller than the 12 px rule the patch that holds most is defective, so no defective strip is lost."""
    tiny = Strip("D002", 4, Defect("black_spot", 1, 2, 125.0, 0.5, "major"))
    assert renderer.mask(tiny, 1).sum(axis=(1, 2)).max() < 12
    assert renderer.defective_patches(tiny, 1).any(axis=(1, 2)).all()


def test_a_defect_shows_in_every_run(renderer: Renderer) -> None:
    """Runs differ, the defect is there in each: darker than its surroundings by about its contrast."""
    strip, clean = Strip("D003", 5, SPOT), Strip("D003", 5)
    for run in (1, 2, 3):
        mask = renderer.mask(strip, run, (1,))[0]
        with_it, without = renderer.frames(strip, run, (1,))[0], renderer.frames(clean, run, (1,))[0]
        share = 1 - np.median(with_it[mask].astype(float) / np.maximum(without[mask], 1))
        assert share == pytest.approx(SPOT.contrast, abs=0.08)


def test_renderer_says_that_it_drew() -> None:
    """Provenance is printed in reports: generated strips are flagged as generated."""
    assert Renderer(seed=1).provenance.startswith("generated strips")
    assert Renderer(seed=1).geometry.frame_shape == (1024, WIDTH)
