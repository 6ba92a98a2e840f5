"""Defects on recorded frames, and the recording built with them; frames are drawn here, or committed, never fetched."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation
from typer.testing import CliRunner

from harness.errors import RecordingError
from harness.scenario import load_scenario
from harness.strips.defects import CLASSES, Defect
from harness.strips.injection import BLUR_REACH, inject
from harness.strips.recording import Recording, open_recording
from recordings.syringe_bubbles import build
from recordings.syringe_bubbles.barrel import find_barrel

ROOT = Path(__file__).parents[2]
SPOILED = "bb_nl_clip1_000002.png"
PIECE = ROOT / "tests" / "data" / "syringe"
FRAMES = np.full((3, 128, 160), 180, np.uint8)
SPECK = Defect("stuck_particle", 0, 0, 800.0, 0.5, "critical")
OUTLINES = sorted(kind for kind, row in CLASSES.items() if row.outline)
STILL = sorted(kind for kind, row in CLASSES.items() if row.motion == "still" and not row.outline)


def laid(
    defect: Defect = SPECK,
    frames: NDArray[np.uint8] = FRAMES,
    *,
    centre: object = (60, 80),
    drift: object = None,
    point_spread_px: float = 0.8,
    seed: int = 3,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """`inject` with everything given that a test does not care for."""
    return inject(
        frames, defect, um_per_px=50.0, centre=centre, drift=drift,  # type: ignore[arg-type]  # wrong ones are tried too
        point_spread_px=point_spread_px, rng=np.random.default_rng(seed),
    )  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in [*STILL, "contamination_foam"] if kind != "bump"])
def test_mask_matches_the_pixels_that_changed(kind: str) -> None:
    """Outside the mask and the blur's reach nothing changed; inside it nearly every pixel did.

    Not so for a bump: its shade goes on far beyond the circle that counts as defective.
    """
    frames, masks = laid(Defect(kind, 0, 0, 800.0, 0.5, "major"), centre=(64, 80))
    changed = frames != FRAMES
    reach = int(np.ceil(BLUR_REACH * 0.8)) + 4  # the painters' own soft edge, and a lens' bright flank
    for frame_changed, mask in zip(changed, masks, strict=True):
        assert not (frame_changed & ~binary_dilation(mask, iterations=reach)).any()
        assert (frame_changed & mask).sum() >= 0.8 * mask.sum() > 0


@pytest.mark.parametrize("kind", STILL)
def test_a_still_defect_stays_at_its_place(kind: str) -> None:
    """All frames of an acquisition that are alike before are alike after."""
    frames, masks = laid(Defect(kind, 0, 0, 800.0, 0.5, "major"))
    assert (frames == frames[0]).all()
    assert (masks == masks[0]).all()


def test_a_still_defect_follows_its_container() -> None:
    """The container lies 5 px lower and 9 px further left on the second frame, and so does the defect."""
    frames, masks = laid(drift=[(0, 0), (5, -9), (0, 0)])
    assert (frames[1] == np.roll(frames[0], (5, -9), (0, 1))).all()
    assert (masks[1] == np.roll(masks[0], (5, -9), (0, 1))).all()


def test_a_sinking_defect_takes_its_path() -> None:
    """A particle in the liquid is lower on every frame, and looks the same."""
    floating = Defect("floating_particle", 0, 0, 800.0, 0.5, "critical")
    frames, _ = laid(floating, centre=[(40, 80), (46, 80), (52, 81)])
    assert (frames[1] == np.roll(frames[0], 6, 0)).all()
    assert (frames[2] == np.roll(frames[0], (12, 1), (0, 1))).all()


@pytest.mark.parametrize("kind", OUTLINES)
def test_outline_classes_are_refused(kind: str) -> None:
    """What the camera never saw behind an outline cannot be made up."""
    with pytest.raises(RecordingError, match=f"defect {kind}: expected a class that absorbs light, got an outline"):
        laid(Defect(kind, 0, 0, 400.0, 0.3, "major"))


def test_the_outline_classes_are_known() -> None:
    """The list the test above goes through is not empty."""
    assert OUTLINES == ["body_deformation", "laser_cut", "neck_deformation"]


@pytest.mark.parametrize(
    ("kind", "centre", "said"),
    [
        ("stuck_particle", [(60, 80), (61, 80), (62, 80)], "expected one place for a class that stays, got a path"),
        ("floating_particle", (60, 80), "expected a path that sinks from frame to frame"),
        ("floating_particle", [(60, 80), (50, 80), (40, 80)], "expected a path that sinks from frame to frame"),
        ("stuck_particle", (-500, 80), "expected a place on the frames"),
    ],
)
def test_a_motion_the_class_does_not_have_is_refused(kind: str, centre: object, said: str) -> None:
    """Still classes have one place, sinking ones a way down, and all of them are in sight."""
    with pytest.raises(RecordingError, match=said):
        laid(Defect(kind, 0, 0, 800.0, 0.5, "critical"), centre=centre)


def test_wrong_arguments_are_named() -> None:
    """Shapes and ranges, in words."""
    with pytest.raises(ValueError, match="centre: expected"):
        laid(centre=(1, 2, 3))
    with pytest.raises(ValueError, match="drift: expected"):
        laid(drift=[(0, 0)])
    with pytest.raises(ValueError, match="point_spread_px >= 0"):
        laid(point_spread_px=-1)
    with pytest.raises(ValueError, match="frames: expected uint8"):
        laid(frames=FRAMES[0])


def test_the_same_stream_lays_the_same_defect_and_leaves_the_frames_alone() -> None:
    """Deterministic; another stream is another particle; what was given is not written to."""
    before = FRAMES.copy()
    first, second, other = laid(), laid(), laid(seed=4)
    assert (first[0] == second[0]).all()
    assert (first[1] == second[1]).all()
    assert (first[0] != other[0]).any()
    assert (before == FRAMES).all()


def test_blur_spreads_light_and_loses_none() -> None:
    """The point spread makes an edge softer; the light that is missing in all stays the same to a percent."""
    sharp, soft = laid(point_spread_px=0)[0], laid(point_spread_px=2.0)[0]
    missing = [float((FRAMES - frames.astype(float)).sum()) for frames in (sharp, soft)]
    assert missing[1] == pytest.approx(missing[0], rel=0.01)
    assert np.abs(np.diff(soft[0].astype(int))).max() < np.abs(np.diff(sharp[0].astype(int))).max()


@given(
    y=st.floats(-40, 168), x=st.floats(-40, 200), contrast=st.floats(0.1, 0.6), size_um=st.floats(300, 2000),
    level=st.integers(0, 255),
)  # fmt: skip
def test_an_absorbing_defect_never_brightens(y: float, x: float, contrast: float, size_um: float, level: int) -> None:
    """Anywhere, also half outside: no pixel is brighter or darker than its contrast allows, and the size stays."""
    frames = np.full((1, 128, 160), level, np.uint8)
    try:
        dark, masks = laid(Defect("black_spot", 0, 0, size_um, contrast, "major"), frames, centre=(y, x))
    except RecordingError:
        return
    assert dark.max() <= level
    assert dark.min() >= np.floor(level * (1 - contrast))
    assert masks.sum() <= 1.2 * np.pi / 4 * (size_um / 50) ** 2 + 20


# --- the recording ---------------------------------------------------------------------------------------------------


def syringe(shift: int, tilt: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A drawn stand-in for a frame: two saturated walls on black, grey liquid between them."""
    picture = rng.normal(6, 1, (512, 512))
    columns = np.arange(512)
    for row in range(512):
        left = 180 + shift + tilt * row
        picture[row, (columns >= left) & (columns < left + 140)] = 255
        picture[row, (columns >= left + 15) & (columns < left + 125)] = 80
    return picture.clip(0, 255).astype(np.uint8)


def write_source(folder: Path, *, clips: dict[str, int], without: frozenset[tuple[str, int]] = frozenset()) -> Path:
    """A source folder: some frames a clip, the hand moving from frame to frame."""
    rng = np.random.default_rng(5)
    folder.mkdir()
    with (folder / "sequences.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "frame", "path", "label", "bubble_px"])
        for clip, count in clips.items():
            for number in range(count):
                label = "unlabelled" if (clip, number) in without else ("good", "bubble")[number % 2]
                path = f"{clip}_{number:06d}.png"
                writer.writerow([clip, number, path, label, 0])
                if label != "unlabelled":
                    frame = syringe(int(rng.integers(-60, 60)), float(rng.uniform(-0.05, 0.05)), rng)
                    Image.fromarray(frame).save(folder / path, compress_level=1)
    (folder / "LICENSE.MIT.txt").write_text("MIT License\n")
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recording]:
    """The three recordings of a short drawn source: clip 1 with six blocks, clip 2 with two and a half."""
    folder = tmp_path_factory.mktemp("syringe")
    source = write_source(
        folder / "source", clips={"bb_nl_clip1": 120, "bb_nl_clip2": 50}, without=frozenset({("bb_nl_clip1", 3)})
    )
    answer = CliRunner().invoke(_app(), [str(source), str(folder / "out")])
    assert answer.exit_code == 0, answer.output
    return {part: open_recording(folder / "out" / part) for part in ("train", "calibration", "test")}


def _app() -> object:
    import typer

    app = typer.Typer()
    app.command()(build.main)
    return app


def test_no_frame_is_used_twice() -> None:
    """Every frame of the clips in at most one product and one run of one set, and no product in two blocks."""
    places = [(clip, number) for clip, count in ((1, 176), (2, 230)) for number in range(count)]
    used: Counter[build.Place] = Counter()
    for part in build.LETTERS:
        for product in build.products_of(part, places):
            used.update(place for run in product.runs for place in run)
            assert len({number // build.BLOCK_FRAMES for run in product.runs for _, number in run}) == 1
    assert set(used.values()) == {1}
    assert set(used) <= set(places)


def test_runs_are_three_frames_seven_apart_one_frame_after_each_other() -> None:
    """The first window of a block, literally."""
    first, second = build.products_of("test", [(1, number) for number in range(40, 60)])
    assert first.name == "V1-040"
    assert first.runs == (
        ((1, 40), (1, 47), (1, 54)), ((1, 41), (1, 48), (1, 55)), ((1, 42), (1, 49), (1, 56)),
    )  # fmt: skip
    assert second.name == "V1-043"


def test_a_window_that_lacks_a_frame_is_left_out() -> None:
    """Nothing is guessed in its place, and no window goes on in the next block."""
    assert [p.name for p in build.products_of("test", [(1, n) for n in range(40, 60) if n != 55])] == ["V1-043"]
    assert build.products_of("test", [(1, number) for number in range(40, 56)]) == []


def test_three_recordings_with_products_of_their_own(built: dict[str, Recording]) -> None:
    """Counts, and identifiers that no two sets share."""
    assert {part: len(recording.kit.strips) for part, recording in built.items()} == {
        "train": 99,  # blocks 0, 1, 3 of clip 1 without one frame, 0 and 1 of clip 2
        "calibration": 2,
        "test": 4,
    }
    products = [strip.product for recording in built.values() for strip in recording.kit.strips]
    assert len(set(products)) == len(products)
    assert {part: recording.runs for part, recording in built.items()} == {"train": 1, "calibration": 3, "test": 3}


def test_half_of_each_set_but_training_is_defective(built: dict[str, Recording]) -> None:
    """One window of every block, with a mask inside the barrel on each frame of each run."""
    assert all(strip.defect is None for strip in built["train"].kit.strips)
    for part in ("calibration", "test"):
        recording = built[part]
        defective = [strip for strip in recording.kit.strips if strip.defect is not None]
        assert 2 * len(defective) == len(recording.kit.strips)
        for strip in defective:
            for run in range(1, 4):
                frames, boxes = recording.frames(strip, run), recording.defect_boxes(strip, run)
                assert recording.defective_patches(strip, run).any(axis=(1, 2)).all()
                for frame, box in zip(frames, boxes, strict=True):
                    assert box is not None
                    barrel = find_barrel(frame)
                    assert barrel.across(build.WALL_SHARE, box[0]) < box[1]
                    assert box[3] < barrel.across(1 - build.WALL_SHARE, box[0])


def test_the_cut_keeps_the_barrel_in_the_middle_and_every_pixel_as_it_was(tmp_path: Path) -> None:
    """256 columns of the frame, the barrel's middle in theirs."""
    frame = syringe(70, 0.03, np.random.default_rng(1))
    Image.fromarray(frame).save(tmp_path / "frame.png")
    cut, barrel = build.read_frame(tmp_path / "frame.png")
    assert barrel.across(0.5, 256) == pytest.approx(128, abs=1)
    left = next(column for column in range(257) if (frame[:, column : column + 256] == cut).all())
    assert left == pytest.approx(180 + 70 + 0.03 * 256 + 69.5 - 128, abs=1)


def test_the_same_seed_writes_the_same_defects() -> None:
    """Plans follow from seed, set and windows alone."""
    products = build.products_of("test", [(1, number) for number in range(120)])
    assert build.plan_defects("test", products, seed=1) == build.plan_defects("test", products, seed=1)
    assert build.plan_defects("test", products, seed=1) != build.plan_defects("test", products, seed=2)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda source: (source / "sequences.csv").unlink(),
            "sequences.csv: expected a table of the frames, got no such file",
        ),
        (
            lambda source: (source / "sequences.csv").write_text("clip\nbb_nl_clip1\n"),
            "sequences.csv: expected a table with columns",
        ),
        (lambda source: (source / SPOILED).unlink(), "000002.png: expected a frame, got no such file"),
        (lambda source: (source / SPOILED).write_bytes(b"\x89PNG"), "000002.png: expected a whole PNG"),
        (lambda source: Image.new("RGB", (512, 512)).save(source / SPOILED), "got 512 x 512 px, RGB"),
        (lambda source: Image.new("L", (512, 512)).save(source / SPOILED), "expected a barrel, got"),
    ],
    ids=["no table", "another table", "no frame", "cut short", "colour", "nothing in sight"],
)
def test_a_source_that_cannot_be_used_leaves_nothing_behind(tmp_path: Path, spoil: object, said: str) -> None:
    """One sentence, exit 2, no folder."""
    source = write_source(tmp_path / "source", clips={"bb_nl_clip1": 4})
    spoil(source)  # type: ignore[operator]
    answer = CliRunner().invoke(_app(), [str(source), str(tmp_path / "out")])
    assert answer.exit_code == 2
    assert said in answer.output
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_the_committed_scratch_is_darker_than_the_liquid_beside_it() -> None:
    """On real frames: pixels under the mask against a rim around it."""
    recording = open_recording(PIECE)
    (_, scratched) = recording.kit.strips
    for run in (1, 2):
        for number, frame in zip(recording.geometry.frames, recording.frames(scratched, run), strict=True):
            mask = np.asarray(Image.open(PIECE / "masks" / scratched.path / str(run) / f"{number}.png")) > 0
            rim = binary_dilation(mask, iterations=8) & ~binary_dilation(mask, iterations=4)
            assert frame[mask].mean() < 0.8 * frame[rim].mean()


def test_the_scenario_asks_for_what_the_recording_has() -> None:
    """Three runs, two of them right, no claim about time."""
    path = ROOT / "scenarios" / "syringe.toml"
    scenario = load_scenario(path)
    assert path.read_text().startswith("# Can a network")
    assert (scenario.kit.runs, scenario.kit.required) == (build.RUNS, 2)
    assert scenario.acceptance.quantile is None
