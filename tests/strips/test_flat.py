from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.errors import RecordingError
from harness.strips.flat import import_flat
from harness.strips.recording import open_recording

ABOUT = {"um_per_px": 20.0, "origin": "made for this test", "licence": "none needed"}


def flat(folder: Path) -> Path:
    """Three good pictures to learn from, four good and four cracked ones to test: 10 x 20 px at half the light."""
    rng = np.random.default_rng(0)
    for place, count in (("train/good", 3), ("test/good", 4), ("test/crack", 4)):
        (folder / place).mkdir(parents=True)
        for number in range(count):
            pixels = rng.normal(160, 2, (256, 256)).astype(np.uint8)
            if "crack" in place:
                pixels[100:110, 50:70] = pixels[100:110, 50:70] // 2
            Image.fromarray(pixels).save(folder / place / f"{number:03d}.png")
    (folder / "ground_truth" / "crack").mkdir(parents=True)
    mask = np.zeros((256, 256), np.uint8)
    mask[100:110, 50:70] = 255
    for number in range(4):
        Image.fromarray(mask).save(folder / "ground_truth" / "crack" / f"{number:03d}_mask.png")
    return folder


def test_a_flat_folder_becomes_three_recordings(tmp_path: Path) -> None:
    """Each opens as a recording, pixels and masks as they were, sizes and contrasts measured, no product in two."""
    source = flat(tmp_path / "flat")
    kits = import_flat(source, tmp_path / "out", classes={"crack": "scratch"}, **ABOUT)
    assert {name: len(kit.strips) for name, kit in kits.items()} == {"train": 3, "calibration": 4, "test": 4}
    assert len(kits["train"].products | kits["calibration"].products | kits["test"].products) == 11
    recording = open_recording(tmp_path / "out" / "test")
    cracked = [strip for strip in recording.kit.strips if strip.defect is not None]
    assert [strip.product for strip in cracked] == ["test-crack-001", "test-crack-003"]
    original = np.asarray(Image.open(source / "test" / "crack" / "001.png"))
    np.testing.assert_array_equal(recording.frames(cracked[0], 1)[0], original)
    defect = cracked[0].defect
    assert defect is not None
    assert defect.kind == "scratch"
    assert defect.size_um == pytest.approx(2 * np.sqrt(200 / np.pi) * 20.0, abs=0.1)
    assert defect.contrast == pytest.approx(0.5, abs=0.02)
    assert recording.defect_boxes(cracked[0], 1) == [(100, 50, 110, 70)]


def test_everything_wrong_is_named_at_once(tmp_path: Path) -> None:
    """Colour, another size, a cut file, a missing and an empty mask, a class nobody named: all in one go."""
    source = flat(tmp_path / "flat")
    Image.new("RGB", (256, 256)).save(source / "test" / "good" / "000.png")
    Image.new("L", (200, 256)).save(source / "train" / "good" / "000.png")
    whole = (source / "test" / "good" / "001.png").read_bytes()
    (source / "test" / "good" / "001.png").write_bytes(whole[:20])
    (source / "train" / "good" / "001.png").write_bytes(whole[: len(whole) // 2])
    (source / "ground_truth" / "crack" / "000_mask.png").unlink()
    Image.new("L", (256, 256)).save(source / "ground_truth" / "crack" / "001_mask.png")
    (source / "test" / "hole").mkdir()
    with pytest.raises(RecordingError) as caught:
        import_flat(source, tmp_path / "out", classes={"crack": "fissure"}, **ABOUT)
    told = str(caught.value)
    parts = (
        "mode RGB", "256 x 200 px", "test/good/001.png: expected a readable picture",
        "train/good/001.png: expected a whole picture", "000_mask.png: expected a mask",
        "got an empty one", "hole: expected a class that --defect names", "class crack: expected one of",
    )  # fmt: skip
    for part in parts:
        assert part in told
    assert not (tmp_path / "out").exists()


def test_no_picture_is_left_out_in_silence(tmp_path: Path) -> None:
    """What is no PNG or TIFF, a folder within a class, and a class without pictures are named; hidden files are not."""
    source = flat(tmp_path / "flat")
    Image.new("L", (256, 256)).save(source / "test" / "good" / "more.jpg")
    (source / "test" / "crack" / "sub").mkdir()
    (source / "test" / "good" / ".thumbs").write_text("")
    (source / "test" / "stain").mkdir()
    Image.new("L", (256, 256)).save(source / "test" / "stain" / "1.bmp")
    with pytest.raises(RecordingError) as caught:
        import_flat(source, tmp_path / "out", classes={"crack": "scratch", "stain": "burn"}, **ABOUT)
    assert [str(problem).replace(f"{source}/", "") for problem in caught.value.problems] == [
        "test/crack/sub: expected a picture, .png, .tif, .tiff, got something else",
        "test/good/more.jpg: expected a picture, .png, .tif, .tiff, got something else",
        "test/stain/1.bmp: expected a picture, .png, .tif, .tiff, got something else",
        "test/stain: expected pictures, got none",
    ]
    assert not (tmp_path / "out").exists()


def test_a_folder_of_another_layout(tmp_path: Path) -> None:
    """What is missing is said by its place."""
    with pytest.raises(RecordingError, match=r"train/good: expected pictures, got none"):
        import_flat(tmp_path, tmp_path / "out", classes={}, **ABOUT)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"origin": " "}, "--origin: expected some words, got ' '"),
        ({"licence": ""}, "--licence: expected some words, got ''"),
        ({"um_per_px": float("nan")}, "--um-per-px: expected a number above 0, at most 300, got nan"),
        ({"um_per_px": float("inf")}, "--um-per-px: expected a number above 0, at most 300, got inf"),
        ({"classes": {"crack": "scratch", "hole": "burn"}}, "class hole: expected a folder below"),
    ],
)
def test_what_no_recording_could_say(changed: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    """What opening the recordings would refuse is refused before they are made."""
    with pytest.raises(RecordingError) as caught:
        import_flat(flat(tmp_path / "flat"), tmp_path / "out", **{"classes": {"crack": "scratch"}, **ABOUT, **changed})
    assert sentence in str(caught.value)


def test_a_picture_a_class_leaves_nothing_to_test(tmp_path: Path) -> None:
    """Every second one is for the test."""
    source = flat(tmp_path / "flat")
    for file in [*(source / "test" / "good").iterdir(), *(source / "test" / "crack").iterdir()]:
        if file.stem != "000":
            file.unlink()
    with pytest.raises(RecordingError, match=r"test: expected two pictures of a class, of which one is tested"):
        import_flat(source, tmp_path / "out", classes={"crack": "scratch"}, **ABOUT)
