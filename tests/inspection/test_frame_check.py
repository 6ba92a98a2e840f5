"""The check of frames on pixels: what good strips show passes, every fault it claims to know is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.geometry import PAPER
from harness.inspection.frame_check import DRAWN, SAME_ROWS, WORDS, Bounds, FrameCheck, likeness, sampled
from harness.inspection.frame_measures import LIGHT_PX, measure
from harness.streams import stream
from harness.strips.kit import good_strips, standard_kit
from harness.strips.liquid import LiquidScale
from harness.strips.recording import open_recording
from harness.strips.renderer import POSE_ANGLE_RAD, POSE_SHIFT_PX, Renderer
from harness.study.frame_faults import defocused, exposed, shifted

SYRINGE = Path(__file__).parents[1] / "data" / "syringe"
Frames = NDArray[np.uint8]


@pytest.fixture(scope="module")
def drawn() -> tuple[Frames, Frames]:
    """Two acquisitions of two good strips."""
    renderer = Renderer(seed=911)
    one, other = (renderer.frames(strip, 1) for strip in good_strips("frame check", 2, seed=911))
    one.flags.writeable = other.flags.writeable = False
    return one, other


def word(frames: Frames, check: FrameCheck | None = None) -> str:
    """What is wrong with frames, "" for nothing."""
    finding = (check or FrameCheck(PAPER, DRAWN)).find(frames)
    return "" if finding is None else finding.word


def with_frame(frames: Frames, place: int, frame: Frames) -> Frames:
    """The acquisition with another frame in a place."""
    changed = frames.copy()
    changed[place] = frame
    return changed


def test_good_strips_of_every_liquid_pass() -> None:
    """Also one after another, and in a liquid twice as wild."""
    for scale in (LiquidScale(), LiquidScale(slosh=2.0, bubbles=2.0, stick=0.4, drops=2.0), LiquidScale(agitation=1.0)):
        check, renderer = FrameCheck(PAPER, DRAWN), Renderer(seed=912, scale=scale)
        found = [check.find(renderer.frames(strip, run)) for strip in good_strips("frame check", 2) for run in (1, 2)]
        assert found == [None] * 4


def test_a_defect_is_no_fault_of_the_camera() -> None:
    """One strip of each class, laser cuts at the card's edge among them, is left to the detector."""
    check, renderer = FrameCheck(PAPER, DRAWN), Renderer(seed=7)
    each = {strip.defect.kind: strip for strip in standard_kit("quick").strips if strip.defect is not None}
    assert {kind: check.find(renderer.frames(strip, 1)) for kind, strip in each.items()} == dict.fromkeys(each)


def test_a_dented_wall_is_no_torn_frame() -> None:
    """The dent that bends a web most in the standard kit: one edge moves, and the other stays."""
    kit = {strip.product: strip for strip in standard_kit("knapp").strips}
    check, renderer = FrameCheck(PAPER, DRAWN), Renderer(seed=7)
    assert [check.find(renderer.frames(kit["D037"], run)) for run in (1, 2, 3)] == [None] * 3


def test_recorded_frames_of_another_product_pass() -> None:
    """Real frames of a syringe, of which nobody has measured bounds."""
    recording = open_recording(SYRINGE)
    check = FrameCheck(recording.geometry)
    looks = [(strip, run) for run in range(1, recording.runs + 1) for strip in recording.kit.strips]
    assert [check.find(recording.frames(strip, run)) for strip, run in looks] == [None] * len(looks)


def test_measures_say_how_the_strip_lies() -> None:
    """Shift and turn as the renderer drew them, within a third of a pixel and a fiftieth of a degree."""
    renderer = Renderer(seed=913)
    for strip in good_strips("frame check", 5, seed=913):
        rng = stream("pose", 913, strip.seed, 1)
        angle, dx, dy = rng.uniform(-1, 1, 3) * (POSE_ANGLE_RAD, POSE_SHIFT_PX, POSE_SHIFT_PX)
        found = measure(renderer.frames(strip, 1))
        assert found.dx == pytest.approx(dx, abs=0.3)
        assert found.dy == pytest.approx(dy, abs=0.3)
        assert found.angle_deg == pytest.approx(np.degrees(angle), abs=0.02)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda frames: frames[:2], "number"),
        (lambda frames: np.concatenate([frames, frames[:1]]), "number"),
        (lambda frames: frames[:0], "number"),
        (lambda frames: frames[:, :-1], "shape"),
        (lambda frames: frames[0], "shape"),
        (lambda frames: frames.astype(np.float32), "type"),
    ],
)
@pytest.mark.parametrize("bounds", [None, DRAWN], ids=["any", "drawn"])
def test_a_wrong_format_is_named(
    drawn: tuple[Frames, Frames], change: Callable[[Frames], Frames], named: str, bounds: Bounds | None
) -> None:
    """Number, shape and type, whatever the source."""
    assert word(change(drawn[0]), FrameCheck(PAPER, bounds)) == named


@pytest.mark.parametrize("bounds", [None, DRAWN], ids=["any", "drawn"])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(("level", "named"), [(0, "black"), (255, "saturated"), (128, "blank")])
def test_a_frame_that_shows_nothing_is_named(
    drawn: tuple[Frames, Frames], bounds: Bounds | None, place: int, level: int, named: str
) -> None:
    """Whatever the source, in every place, a little noise allowed."""
    noise = np.random.default_rng(1).integers(-2, 3, PAPER.frame_shape)
    frame = np.clip(level + noise, 0, 255).astype(np.uint8)
    assert word(with_frame(drawn[0], place, frame), FrameCheck(PAPER, bounds)) == named


@pytest.mark.parametrize("bounds", [None, DRAWN], ids=["any", "drawn"])
@given(places=st.permutations([0, 1, 2]))
def test_a_frame_that_comes_twice_is_named(
    drawn: tuple[Frames, Frames], bounds: Bounds | None, places: list[int]
) -> None:
    """Within an acquisition it is a duplicate, of the one before it is stale; whatever the source, in every place."""
    here, there, _ = places
    one, other = drawn
    assert word(with_frame(one, here, one[there]), FrameCheck(PAPER, bounds)) == "duplicate"
    check = FrameCheck(PAPER, bounds)
    assert word(other, check) == ""
    assert word(with_frame(one, here, other[there]), check) == "stale"


def test_an_acquisition_that_comes_again_is_stale_until_another_came(drawn: tuple[Frames, Frames]) -> None:
    """Only the last acquisition is kept, and it is kept though the camera's buffer is written again."""
    one, other = drawn
    for bounds in (None, DRAWN):
        check, buffer = FrameCheck(PAPER, bounds), one.copy()
        assert [word(buffer, check), word(one, check), word(other, check), word(one, check)] == ["", "stale", "", ""]
        check = FrameCheck(PAPER, bounds)
        assert word(buffer, check) == ""
        buffer[:] = other
        assert word(one, check) == "stale"


def test_frames_known_from_elsewhere_are_not_stale(drawn: tuple[Frames, Frames]) -> None:
    """A warm-up strip may show a product's frames just before the product itself."""
    check = FrameCheck(PAPER)
    assert [check.find(drawn[0], known=True), check.find(drawn[0], known=True), check.find(drawn[0])] == [None] * 3
    assert word(drawn[0], check) == "stale"


@given(place=st.integers(0, 2), factor=st.one_of(st.floats(0.1, 0.93), st.floats(1.07, 3.0)), every=st.booleans())
def test_wrong_exposure_is_named(drawn: tuple[Frames, Frames], place: int, factor: float, every: bool) -> None:
    """7 % too little or too much light on a frame or on all."""
    frames = drawn[0]
    changed = exposed(frames, factor) if every else with_frame(frames, place, exposed(frames[place], factor))
    assert word(changed) == ("dark" if factor < 1 else "bright")


@pytest.mark.parametrize("sigma_px", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("place", [0, 2])
def test_lost_focus_is_named(drawn: tuple[Frames, Frames], sigma_px: float, place: int) -> None:
    """On a frame or on all."""
    rng = np.random.default_rng(5)
    blurred = np.stack([defocused(frame, sigma_px, rng=rng) for frame in drawn[0]])
    assert word(with_frame(drawn[0], place, blurred[place])) == "defocused"
    assert word(blurred) == "defocused"


@given(angle=st.floats(0, 2 * np.pi), px=st.integers(7, 16))
def test_a_strip_out_of_the_gripper_is_named(drawn: tuple[Frames, Frames], angle: float, px: int) -> None:
    """7 px are outside the tolerance in any direction; whole pixels, so that nothing is blurred."""
    down, right = round(px * np.sin(angle)), round(px * np.cos(angle))
    height, width = PAPER.frame_shape
    rows, columns = np.arange(height) - down, np.arange(width) - right
    moved = drawn[0][:, rows.clip(0, height - 1)][:, :, columns.clip(0, width - 1)]
    assert word(moved) in ("shifted", "dark", "torn")  # far to a side the card comes into the light


def test_one_frame_that_moved_is_named(drawn: tuple[Frames, Frames]) -> None:
    """Half a pixel from the acquisition's other frames."""
    assert word(with_frame(drawn[0], 1, shifted(drawn[0][1], 0.5, 0.0))) == "shifted"


@given(row=st.integers(72, 960), place=st.integers(1, 2))
def test_a_torn_frame_is_named(drawn: tuple[Frames, Frames], row: int, place: int) -> None:
    """With the lower part of the frame before, or of the acquisition before, at any row but the outermost ones."""
    one, other = drawn
    torn = one.copy()
    torn[place, row:] = one[place - 1, row:]
    assert word(torn) == "torn"
    check = FrameCheck(PAPER, DRAWN)
    check.find(other)
    torn[place, row:] = other[place, row:]
    assert word(torn, check) == "torn"
    assert word(torn) in ("torn", "dark", "bright", "defocused")  # of a strip that nobody kept: its light is another


@pytest.mark.parametrize("row", [300, 500, 700])
def test_a_card_that_goes_on_elsewhere_is_torn(drawn: tuple[Frames, Frames], row: int) -> None:
    """Under the same light the edges say it: both lie to one side of where the flag says they are."""
    torn = drawn[0].copy()
    torn[:, row:, 4:] = drawn[0][:, row:, :-4]
    finding = FrameCheck(PAPER, DRAWN).find(torn)
    assert finding is not None
    assert finding.told.startswith("frame 1: torn: expected a web within 1.5 px of the flag, got ")


def test_what_it_says_is_a_sentence(drawn: tuple[Frames, Frames]) -> None:
    """Where, which word, what was expected and found; the frame by its exposure."""
    finding = FrameCheck(PAPER, DRAWN).find(with_frame(drawn[0], 1, exposed(drawn[0][1], 0.5)))
    assert finding is not None
    assert finding.told.startswith("frame 8: dark: expected backlight of 208.5 to 219.5 levels, got 1")
    assert finding.word in WORDS


def test_bounds_are_refused_for_frames_of_another_shape() -> None:
    """They speak of the drawn card only."""
    with pytest.raises(ValueError, match=r"bounds: expected frames of \(1024, 1280\)"):
        FrameCheck(open_recording(SYRINGE).geometry, DRAWN)


def test_a_bound_that_is_narrower_refuses_good_strips(drawn: tuple[Frames, Frames]) -> None:
    """No bound is idle: each one alone, drawn tight, refuses what passes otherwise."""
    tight = {
        "light": (100.0, 110.0), "light_steady": 0.0, "sharpness": 0.9, "sharpness_steady": -1.0, "shift_px": 0.0,
        "angle_deg": 0.0, "shift_steady_px": 0.0, "seam": 0.0, "bend_px": -1.0, "difference": 50.0, "same_rows": -1,
    }  # fmt: skip
    assert tight.keys() == asdict(DRAWN).keys()
    for name, value in tight.items():
        assert word(drawn[0], FrameCheck(PAPER, replace(DRAWN, **{name: value}))) != "", name


def test_likeness_counts_rows_and_levels(drawn: tuple[Frames, Frames]) -> None:
    """Rows that are the same to the byte; two drawn frames share none."""
    one, other = sampled(drawn[0])[:2]
    assert likeness(one, one) == (len(one), 0.0)
    assert likeness(one, other)[0] == 0
    mixed = one.copy()
    mixed[10:] = other[10:]
    assert likeness(one, mixed)[0] == 10 < SAME_ROWS * len(one)


def test_the_light_is_taken_where_no_card_comes() -> None:
    """Columns beside the card stay bare at the largest shift and turn."""
    assert LIGHT_PX < 25 - (POSE_SHIFT_PX + 512 * np.sin(POSE_ANGLE_RAD))
