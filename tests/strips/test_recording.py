from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from harness.errors import RecordingError
from harness.geometry import Geometry
from harness.strips.defects import Defect
from harness.strips.kit import Kit, Strip
from harness.strips.recording import open_recording, write_description, write_frames, write_register
from harness.strips.renderer import Renderer

GEOMETRY = Geometry((1, 8), 1, ("top", "bottom"), (300, 256), ((0, 0), (44, 0)), 50.0)
RUNS = 2
SPECK = Defect("stuck_particle", 0, 1, 400.0, 0.5, "critical")
PIECE = Path(__file__).parents[1] / "data" / "syringe"


def pixels(product: str, run: int) -> NDArray[np.uint8]:
    """Frames that differ from product to product and run to run."""
    rng = np.random.default_rng([ord(product[0]), run])
    return rng.integers(0, 256, (len(GEOMETRY.frames), *GEOMETRY.frame_shape), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole recording of a good and a defective product."""
    strips = (Strip("A1", 0, None, "A1"), Strip("B1", 0, SPECK, "B1"))
    for strip in strips:
        for run in range(1, RUNS + 1):
            write_frames(tmp_path / "frames", strip.path, run, GEOMETRY.frames, pixels(strip.product, run))
    write_register(tmp_path, Kit("set", strips))
    write_description(tmp_path, GEOMETRY, runs=RUNS, source="a test", licence="none needed")
    return tmp_path


def problems(folder: Path) -> list[str]:
    """What opening a recording complains of, paths relative to it."""
    with pytest.raises(RecordingError) as caught:
        open_recording(folder)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_what_was_written_is_read_again(folder: Path) -> None:
    """Write then open: the same pixels, geometry, products and runs."""
    recording = open_recording(folder)
    assert recording.geometry == GEOMETRY
    assert recording.runs == RUNS
    assert recording.kit.strips == (Strip("A1", 0, None, "A1"), Strip("B1", 0, SPECK, "B1"))
    for strip in recording.kit.strips:
        for run in range(1, RUNS + 1):
            assert (recording.frames(strip, run) == pixels(strip.product, run)).all()


def test_provenance_names_source_and_licence(folder: Path) -> None:
    """The report can say what the pictures are."""
    assert open_recording(folder).provenance == "recorded strips: a test (none needed)"


def test_tiff_holds_the_same_pixels(folder: Path) -> None:
    """A frame may be a TIFF."""
    png = folder / "frames" / "A1" / "1" / "8.png"
    Image.open(png).save(png.with_suffix(".tif"))
    png.unlink()
    recording = open_recording(folder)
    assert (recording.frames(recording.kit.strips[0], 1) == pixels("A1", 1)).all()


def test_truth_comes_from_masks_where_there_are_any(folder: Path) -> None:
    """Run 1 has masks, in both boxes on the first frame and in the upper one on the second; run 2 has none."""
    masks = np.zeros((2, *GEOMETRY.frame_shape), np.uint8)
    masks[0, 100:110, 20:30] = 255
    masks[1, 10:20, 40:50] = 255
    write_frames(folder / "masks", "B1", 1, GEOMETRY.frames, masks)
    recording = open_recording(folder)
    good, defective = recording.kit.strips
    assert recording.defective_patches(defective, 1)[:, 0].tolist() == [[True, True], [True, False]]
    assert recording.defect_boxes(defective, 1) == [(100, 20, 110, 30), (10, 40, 20, 50)]
    assert recording.defective_patches(defective, 2)[:, 0].tolist() == [[False, True], [False, True]]
    assert recording.defect_boxes(defective, 2) == [None, None]
    assert not recording.defective_patches(good, 1).any()


def test_more_runs_than_recorded_are_refused(folder: Path) -> None:
    """A scenario cannot ask for runs nobody recorded."""
    with pytest.raises(RecordingError, match=r"runs: expected at least the scenario's 10, got 2"):
        open_recording(folder, runs=10)


def missing(frame: Path) -> None:
    """Nobody wrote it."""
    frame.unlink()


def cut_short(frame: Path) -> None:
    """Half of it."""
    frame.write_bytes(frame.read_bytes()[: frame.stat().st_size // 2])


def ends_early(frame: Path) -> None:
    """All pixels are there, the end mark is not."""
    frame.write_bytes(frame.read_bytes()[:-12])


def one_bit_wrong(frame: Path) -> None:
    """A disk that forgets."""
    spoiled = bytearray(frame.read_bytes())
    spoiled[len(spoiled) // 2] ^= 1
    frame.write_bytes(spoiled)


def empty(frame: Path) -> None:
    """No bytes at all."""
    frame.write_bytes(b"")


def no_picture(frame: Path) -> None:
    """An answer of a server, saved under the wrong name."""
    frame.write_text("<html>not found</html>")


def sixteen_bits(frame: Path) -> None:
    """A camera set to more levels."""
    Image.fromarray(np.zeros(GEOMETRY.frame_shape, np.uint16)).save(frame)


def colour(frame: Path) -> None:
    """Three channels."""
    Image.new("RGB", GEOMETRY.frame_shape[::-1]).save(frame)


def black_and_white(frame: Path) -> None:
    """One bit a pixel."""
    Image.new("1", GEOMETRY.frame_shape[::-1]).save(frame)


def turned(frame: Path) -> None:
    """Height and width changed over."""
    Image.new("L", GEOMETRY.frame_shape).save(frame)


def jpeg(frame: Path) -> None:
    """A format that changes pixels, under the name of one that does not."""
    Image.new("L", GEOMETRY.frame_shape[::-1]).save(frame, format="JPEG")


def twice(frame: Path) -> None:
    """Which of the two counts?"""
    Image.open(frame).save(frame.with_suffix(".tif"))


def png_claiming(width: int, height: int, bytes_in_it: int = 1000) -> bytes:
    """Few bytes that would unpack to width x height px."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = chunk(b"IDAT", zlib.compress(bytes(bytes_in_it)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + packed + chunk(b"IEND", b"")


def bomb(frame: Path) -> None:
    """Larger than Pillow itself accepts."""
    frame.write_bytes(png_claiming(30_000, 30_000))


def smaller_bomb(frame: Path) -> None:
    """Large enough to harm, too small for Pillow to refuse by itself."""
    frame.write_bytes(png_claiming(10_000, 10_000))


def rows_short(frame: Path) -> None:
    """Every sum is right and the last rows are not there: a decoder leaves them black."""
    height, width = GEOMETRY.frame_shape
    frame.write_bytes(png_claiming(width, height, (height - 1) * (width + 1)))


def several_pictures(frame: Path) -> None:
    """An animation, of which a reader would show the first picture."""
    pictures = [Image.new("L", GEOMETRY.frame_shape[::-1], level) for level in (90, 180)]
    pictures[0].save(frame, save_all=True, append_images=pictures[1:])


BAD_FRAMES: list[tuple[Callable[[Path], None], str]] = [
    (missing, "frames/A1/2/8.png: expected a frame, got no such file"),
    (cut_short, "frames/A1/2/8.png: expected a whole picture, got"),
    (ends_early, "frames/A1/2/8.png: expected a whole picture, got"),
    (one_bit_wrong, "frames/A1/2/8.png: expected a whole picture, got"),
    (empty, "frames/A1/2/8.png: expected a readable picture, got"),
    (no_picture, "frames/A1/2/8.png: expected a readable picture, got"),
    (sixteen_bits, "frames/A1/2/8.png: expected 8-bit grey, got mode I;16"),
    (colour, "frames/A1/2/8.png: expected 8-bit grey, got mode RGB"),
    (black_and_white, "frames/A1/2/8.png: expected 8-bit grey, got mode 1"),
    (turned, "frames/A1/2/8.png: expected 300 x 256 px, got 256 x 300 px"),
    (jpeg, "frames/A1/2/8.png: expected a readable picture, got"),
    (twice, "frames/A1/2/8: expected one file, got 8.png and 8.tif"),
    (bomb, "frames/A1/2/8.png: expected a readable picture, got"),
    (smaller_bomb, "frames/A1/2/8.png: expected 300 x 256 px, got 10000 x 10000 px"),
    (rows_short, "frames/A1/2/8.png: expected a whole picture, 77,100 bytes of pixels, got 76,843, or no end of them"),
    (several_pictures, "frames/A1/2/8.png: expected one picture, got 2 in one file"),
]


@pytest.mark.parametrize(("spoil", "said"), BAD_FRAMES, ids=[spoil.__name__ for spoil, _ in BAD_FRAMES])
def test_a_bad_frame_is_named_with_its_file(folder: Path, spoil: Callable[[Path], None], said: str) -> None:
    """One sentence, one file, and no warning beside it."""
    spoil(folder / "frames" / "A1" / "2" / "8.png")
    (told,) = problems(folder)
    assert told.startswith(said)


def test_a_tiff_cut_short_is_named(folder: Path) -> None:
    """TIFF has no sums of its own, so it is decoded when the recording is opened."""
    png = folder / "frames" / "A1" / "1" / "1.png"
    kept = io.BytesIO()
    Image.open(png).save(kept, format="TIFF")
    png.with_suffix(".tiff").write_bytes(kept.getvalue()[: len(kept.getvalue()) // 2])
    png.unlink()
    (told,) = problems(folder)
    assert told.startswith("frames/A1/1/1.tiff: expected a whole picture, got")


def test_a_tiff_that_would_be_turned_is_named(folder: Path) -> None:
    """A tag that turns pixels on reading would lay them beside their mask."""
    png = folder / "frames" / "A1" / "1" / "1.png"
    Image.open(png).save(png.with_suffix(".tif"), tiffinfo={274: 3})
    png.unlink()
    assert problems(folder) == ["frames/A1/1/1.tif: expected an upright picture, got a tag that turns it"]


def test_a_frame_too_large_for_any_camera_is_refused_though_announced(folder: Path) -> None:
    """A description cannot make a bomb acceptable."""
    described = Geometry(GEOMETRY.frames, 1, GEOMETRY.regions, (10_000, 10_000), GEOMETRY.boxes, 50.0)
    write_description(folder, described, runs=RUNS, source="a test", licence="none needed")
    bomb_of_its_size = folder / "frames" / "A1" / "1" / "1.png"
    smaller_bomb(bomb_of_its_size)
    assert "frames/A1/1/1.png: expected at most 64000000 px, got 10000 x 10000 px" in problems(folder)


def test_a_bad_mask_is_named(folder: Path) -> None:
    """Truth is checked as frames are."""
    write_frames(folder / "masks", "B1", 1, GEOMETRY.frames, np.zeros((2, 10, 10), np.uint8))
    assert problems(folder) == [
        "masks/B1/1/1.png: expected 300 x 256 px, got 10 x 10 px",
        "masks/B1/1/8.png: expected 300 x 256 px, got 10 x 10 px",
    ]


def test_a_product_without_frames_is_named(folder: Path) -> None:
    """In the register and not below frames: every frame it lacks."""
    with (folder / "kit.csv").open("a") as file:
        file.write("A2,good,,,,,,,A2\n")
    assert problems(folder) == [
        f"frames/A2/{run}/{number}.png: expected a frame, got no such file" for run in (1, 2) for number in (1, 8)
    ]


def test_frames_without_a_product_are_named(folder: Path) -> None:
    """Below frames and not in the register."""
    write_frames(folder / "frames", "A2", 1, GEOMETRY.frames, pixels("A1", 1))
    assert problems(folder) == ["frames/A2: expected a product of kit.csv, got one that is not in it"]


def test_strangers_below_a_shared_folder_are_named(folder: Path) -> None:
    """Products may lie deeper than one level; what lies beside them there is named too."""
    register = folder / "kit.csv"
    (folder / "frames" / "A1").rename(folder / "frames" / "moved")
    (folder / "frames" / "lot").mkdir()
    (folder / "frames" / "moved").rename(folder / "frames" / "lot" / "A1")
    register.write_text(register.read_text().replace(",A1\n", ",lot/A1\n"))
    assert open_recording(folder).kit.strips[0].path == "lot/A1"
    (folder / "frames" / "lot" / "A9").mkdir()
    assert problems(folder) == ["frames/lot/A9: expected a product of kit.csv, got one that is not in it"]


@pytest.mark.parametrize("path", ["../A1", "A1/../../A1", "/A1", ".", "link/A1", ""])
def test_a_path_that_leaves_the_folder_is_named(folder: Path, path: str) -> None:
    """Upwards, absolute, nowhere, or through a link."""
    (folder / "frames" / "link").symlink_to(folder.parent)
    register = folder / "kit.csv"
    register.write_text(register.read_text().replace("A1,good,,,,,,,A1", f"A1,good,,,,,,,{path}"))
    assert f"kit.csv: A1: path: expected a folder below frames/, got {path!r}" in problems(folder)


def test_two_products_cannot_share_their_frames(folder: Path) -> None:
    """One of them would have the other's truth."""
    register = folder / "kit.csv"
    register.write_text(register.read_text().replace(",A1\n", ",B1\n"))
    assert "kit.csv: A1: path: expected a folder of its own, got 'B1', of 2 products" in problems(folder)


def test_a_folder_by_two_names_is_one_folder(folder: Path) -> None:
    """However its path is written."""
    register = folder / "kit.csv"
    register.write_text(register.read_text().replace(",A1\n", ",./B1\n"))
    assert "kit.csv: A1: path: expected a folder of its own, got './B1', of 2 products" in problems(folder)


def test_masks_that_show_nothing_are_refused(folder: Path) -> None:
    """Of 0 and 1, as many tools write them, a defect would lie in no patch; a run without it in sight may be empty."""
    masks = np.zeros((2, *GEOMETRY.frame_shape), np.uint8)
    masks[:, 100:110, 20:30] = 1
    for run in (1, 2):
        write_frames(folder / "masks", "B1", run, GEOMETRY.frames, masks)
    assert problems(folder) == ["masks/B1: expected the defect's pixels above 127 in some mask, got none"]
    write_frames(folder / "masks", "B1", 2, GEOMETRY.frames, 255 * masks)
    assert len(open_recording(folder).kit.strips) == 2


@pytest.mark.parametrize("place", ["A1/1/8.png", "b1/1/8.png", "B1/1/8_mask.png", "B1/3/8.png"])
def test_masks_that_fit_no_frame_are_named(folder: Path, place: str) -> None:
    """Of a good product, of a run that is not there, spelled otherwise: passed over, truth would lie elsewhere."""
    file = folder / "masks" / place
    file.parent.mkdir(parents=True)
    Image.new("L", GEOMETRY.frame_shape[::-1], 255).save(file)
    assert problems(folder) == [
        f"masks/{place}: expected a mask, <path>/<run>/<frame>.png, of a defective product, got one of none"
    ]


def test_drawn_strips_in_files_stay_drawn_ones(folder: Path) -> None:
    """Nobody photographed them."""
    write_description(folder, GEOMETRY, runs=RUNS, source=Renderer.provenance, licence="CC0")
    assert open_recording(folder).provenance == f"{Renderer.provenance} (CC0)"


def test_any_origin_can_be_read_again(folder: Path) -> None:
    """What a string of JSON may hold and one of TOML may not is written another way."""
    write_description(folder, GEOMETRY, runs=RUNS, source='a "rest"\x7f\n', licence="none needed")
    assert open_recording(folder).provenance == 'recorded strips: a "rest"\x7f\n (none needed)'


def test_all_problems_are_listed_in_one_go(folder: Path) -> None:
    """Four things wrong, four sentences, in one error with exit code 2."""
    frames = folder / "frames"
    missing(frames / "A1" / "1" / "1.png")
    sixteen_bits(frames / "A1" / "2" / "8.png")
    cut_short(frames / "B1" / "1" / "8.png")
    (frames / "C1").mkdir()
    told = problems(folder)
    assert [line.partition(":")[0] for line in told] == [
        "frames/A1/1/1.png",
        "frames/A1/2/8.png",
        "frames/B1/1/8.png",
        "frames/C1",
    ]
    assert RecordingError.exit_code == 2


def test_a_frame_that_goes_bad_after_opening_is_named_when_read(folder: Path) -> None:
    """Frames are read late; a file swapped meanwhile is not decoded blindly."""
    recording = open_recording(folder)
    (strip, _) = recording.kit.strips
    smaller_bomb(folder / "frames" / "A1" / "1" / "8.png")
    with pytest.raises(RecordingError, match=r"A1/1/8\.png: expected 300 x 256 px, got 10000 x 10000 px"):
        recording.frames(strip, 1)
    missing(folder / "frames" / "A1" / "2" / "1.png")
    with pytest.raises(RecordingError, match=r"A1/2/1\.png: expected a frame, got no such file"):
        recording.frames(strip, 2)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("um_per_px = 0", "recording.toml: um_per_px: expected Input should be greater than 0, got 0"),
        ("licence = ''", "recording.toml: licence: expected String should have at least 1 character, got ''"),
        ("boxes = [[0, 0], [45, 0]]", "recording.toml: expected boxes that fit the frame, one a vial and region, got"),
        (
            "frames = [1, 8, 8]",
            "recording.toml: frames: expected Value error, frame numbers in ascending order, each once",
        ),
        ("boxes = [[0, 0]]", "recording.toml: expected boxes that fit the frame, one a vial and region, got"),
        ("colour = 'grey'", "recording.toml: colour: expected one of um_per_px, frames, runs, vials, regions,"),
    ],
)
def test_a_bad_description_is_named_with_its_key(folder: Path, line: str, said: str) -> None:
    """Unknown keys, values out of range, boxes outside the frame."""
    description = folder / "recording.toml"
    key = line.partition(" ")[0]
    kept = [text for text in description.read_text().splitlines() if text.partition(" ")[0] != key]
    description.write_text("\n".join([*kept, line]))
    (told,) = problems(folder)
    assert told.startswith(said)


def test_a_folder_that_is_no_recording_is_named(tmp_path: Path) -> None:
    """No description, one sentence."""
    assert problems(tmp_path) == ["recording.toml: expected the description of a recording (TOML), got no such file"]


def test_the_committed_piece_of_a_real_recording_opens() -> None:
    """Real frames of a syringe, one product with an injected scratch, whose truth lies in the lower box."""
    recording = open_recording(PIECE, runs=2)
    good, scratched = recording.kit.strips
    assert recording.frames(good, 2).shape == (3, 512, 256)
    assert recording.geometry.regions == ("upper barrel", "lower barrel")
    assert not recording.defective_patches(good, 1).any()
    for run in (1, 2):
        assert recording.defective_patches(scratched, run)[:, 0].tolist() == [[False, True]] * 3
