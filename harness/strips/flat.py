"""A flat folder of pictures, as MVTec AD lays them out, made into recordings: a picture is a product and a patch.

`train/good/*`, `test/good/*`, `test/<class>/*`, `ground_truth/<class>/<name>_mask.png`. Out come three recordings:
`train`, good products to learn from, and `calibration` and `test`, which share the pictures under `test`, every other
one of each class, so that thresholds are never tuned on products they are judged by. Pixels are not changed: pictures
of another size or colour, and what is no PNG or TIFF, are refused, by name, all at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from harness.errors import Problem, RecordingError
from harness.geometry import PATCH_PX, Geometry
from harness.strips.defects import CLASSES, Defect, Mask
from harness.strips.kit import Kit, Strip
from harness.strips.picture_file import ENDINGS, check_picture, read_picture
from harness.strips.recording import MASKED_ABOVE, write_description, write_frames, write_register
from harness.system import LEFT_BY_SYSTEMS

FRAME_SHAPE = (PATCH_PX, PATCH_PX)
RING_PX = 6
"""Width of the ring around a mask that a defect's contrast is measured against."""

COARSEST_UM_PER_PX = 300.0
"""Beyond it a defect as large as a picture would be too large for a register."""

CONTRAST_RANGE = (0.01, 1.0)
"""What a register can hold."""


@dataclass(frozen=True)
class Picture:
    """One picture of the flat folder, checked.

    Attributes:
        file: Where it lies.
        label: Its folder: `good` or a class of the set's own.
        mask: Where its defect is, or None for a good one.
    """

    file: Path
    label: str
    mask: Path | None


def import_flat(
    source: Path, out: Path, *, um_per_px: float, classes: Mapping[str, str], origin: str, licence: str
) -> dict[str, Kit]:
    """Write `train`, `calibration` and `test` below `out`, an empty folder.

    Args:
        source: Folder in the MVTec AD layout.
        out: Where the recordings go.
        um_per_px: Scale of the pictures.
        classes: The set's own classes to those of this bench.
        origin: Where the pictures come from, for `recording.toml`.
        licence: What allows their use.

    Raises:
        RecordingError: A scale that is no number above 0 or too large, no origin, no licence, no such layout, classes
            unknown, pictures of another size or colour, masks missing or empty, nothing left for the test.
    """
    train, test = _pictures(source / "train"), _pictures(source / "test")
    problems = [
        Problem(f"class {own}", f"one of {', '.join(CLASSES)}", ours)
        for own, ours in classes.items()
        if ours not in CLASSES
    ]
    problems.extend(
        Problem(f"class {own}", f"a folder below {source / 'test'}", "no such folder")
        for own in classes
        if own not in test
    )
    if not 0 < um_per_px <= COARSEST_UM_PER_PX:
        problems.append(Problem("--um-per-px", f"a number above 0, at most {COARSEST_UM_PER_PX:g}", f"{um_per_px:g}"))
    problems.extend(
        Problem(option, "some words", repr(said))
        for option, said in (("--origin", origin), ("--licence", licence))
        if not said.strip()
    )
    for place, found in (("train/good", train.get("good")), ("test/good", test.get("good"))):
        if not found:
            problems.append(Problem(str(source / place), "pictures", "none"))
    problems.extend(
        Problem(str(file), f"a picture, {', '.join(ENDINGS)}", "something else")
        for part in ("train", "test")
        for file in _others(source / part)
    )
    problems.extend(
        Problem(str(source / "test" / own), "pictures", "none") for own in classes if own in test and not test[own]
    )
    problems.extend(
        Problem(str(source / "test" / label), "a class that --defect names", label)
        for label in sorted(set(test) - {"good"} - set(classes))
    )
    if all(len(files) < 2 for files in test.values()):
        problems.append(Problem(str(source / "test"), "two pictures of a class, of which one is tested", "one of each"))
    pictures = {
        "train": [Picture(file, "good", None) for file in train.get("good", [])],
        "test": [
            Picture(file, label, _mask_of(source, label, file)) for label, files in test.items() for file in files
        ],
    }
    for part, of_part in pictures.items():
        names = Counter(_product(part, picture) for picture in of_part)
        problems.extend(Problem(f"{source / part}: {name}", "one picture of this name", f"{count}")
                        for name, count in names.items() if count > 1)  # fmt: skip
        for picture in of_part:
            problems.extend(_picture_problems(picture))
    if problems:
        raise RecordingError.listing(problems)
    parts = {
        "train": pictures["train"],
        "calibration": [picture for label in test for picture in _of(pictures["test"], label)[0::2]],
        "test": [picture for label in test for picture in _of(pictures["test"], label)[1::2]],
    }
    return {name: _write(out / name, name, part, um_per_px, classes, origin, licence) for name, part in parts.items()}


def _pictures(folder: Path) -> dict[str, list[Path]]:
    """Folder name to its pictures in order of name."""
    if not folder.is_dir():
        return {}
    return {
        child.name: sorted(file for file in child.iterdir() if file.suffix.lower() in ENDINGS)
        for child in sorted(folder.iterdir())
        if child.is_dir()
    }


def _others(folder: Path) -> Iterator[Path]:
    """What lies in the folders of classes and is no picture that is read; hidden files left aside."""
    for child in sorted(folder.iterdir()) if folder.is_dir() else ():
        for file in sorted(child.iterdir()) if child.is_dir() else ():
            if not file.name.startswith(LEFT_BY_SYSTEMS) and (file.is_dir() or file.suffix.lower() not in ENDINGS):
                yield file


def _product(part: str, picture: Picture) -> str:
    """Identifier of a picture's product, of letters, digits, - and _."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", f"{part}-{picture.label}-{picture.file.stem}")


def _of(pictures: list[Picture], label: str) -> list[Picture]:
    return [picture for picture in pictures if picture.label == label]


def _mask_of(source: Path, label: str, file: Path) -> Path | None:
    return None if label == "good" else source / "ground_truth" / label / f"{file.stem}_mask.png"


def _picture_problems(picture: Picture) -> Iterator[Problem]:
    for file in (picture.file, picture.mask):
        if file is None:
            continue
        if not file.is_file():
            yield Problem(str(file), "a mask, which gives the defect's size", "no such file")
            continue
        try:
            check_picture(file, FRAME_SHAPE)
        except RecordingError as error:
            yield from error.problems
            continue
        if file == picture.mask and not (read_picture(file, FRAME_SHAPE) > MASKED_ABOVE).any():
            yield Problem(str(file), f"a mask with the defect's pixels above {MASKED_ABOVE}", "an empty one")


def _write(
    folder: Path,
    name: str,
    pictures: list[Picture],
    um_per_px: float,
    classes: Mapping[str, str],
    origin: str,
    licence: str,
) -> Kit:
    geometry = Geometry((1,), 1, ("picture",), FRAME_SHAPE, ((0, 0),), um_per_px)
    folder.mkdir(parents=True)
    strips = []
    for picture in pictures:
        product = _product(name, picture)
        pixels = read_picture(picture.file, FRAME_SHAPE)
        write_frames(folder / "frames", product, 1, geometry.frames, pixels[None])
        defect = None
        if picture.mask is not None:
            mask = read_picture(picture.mask, FRAME_SHAPE) > MASKED_ABOVE
            write_frames(folder / "masks", product, 1, geometry.frames, (mask * 255).astype(np.uint8)[None])
            defect = _measured(pixels, mask, classes[picture.label], um_per_px)
        strips.append(Strip(product, 0, defect, product))
    kit = Kit(name, tuple(strips))
    write_register(folder, kit)
    write_description(folder, geometry, runs=1, source=origin, licence=licence)
    return kit


def _measured(pixels: NDArray[np.uint8], mask: Mask, kind: str, um_per_px: float) -> Defect:
    """A defect as its mask and picture show it: equivalent diameter, contrast against a ring around it."""
    ring = ndimage.binary_dilation(mask, iterations=RING_PX) & ~mask
    inside, around = float(np.median(pixels[mask])), float(np.median(pixels[ring])) if ring.any() else 255.0
    contrast = float(np.clip(abs(1 - inside / max(around, 1.0)), *CONTRAST_RANGE))
    size = 2 * float(np.sqrt(mask.sum() / np.pi)) * um_per_px
    return Defect(kind, 0, 0, round(max(size, 1.0), 1), round(contrast, 4), CLASSES[kind].criticality[0])
