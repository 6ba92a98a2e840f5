"""Recorded sets: frames from PNG or TIFF files in place of drawn ones, with their own geometry; and how one is written.

A folder with `recording.toml`, `kit.csv` (its column `path` names the folder of a product below `frames/`), and
`frames/<path>/<run>/<frame>.png`, 8-bit grey. Masks of known defects may stand at `masks/<path>/<run>/<frame>.png`.
Frames are read when looked at; memory does not grow with the set. Every problem of a set is named at once.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from harness.errors import Problem, RecordingError
from harness.geometry import PATCH_PX, Geometry
from harness.strips.defects import TRUTH_PX, Mask
from harness.strips.kit import Kit, Strip, load_register, register_text
from harness.strips.picture_file import ENDINGS, check_picture, read_picture
from harness.strips.source import GENERATED
from harness.system import LEFT_BY_SYSTEMS

MASKED_ABOVE = 127
"""Level of a mask above which a pixel is the defect's."""


class _Description(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    um_per_px: float = Field(gt=0, allow_inf_nan=False)
    frames: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)
    runs: int = Field(ge=1)
    vials: int = Field(ge=1)
    regions: tuple[str, ...] = Field(min_length=1)
    frame_shape: tuple[int, int]
    boxes: tuple[tuple[int, int], ...]
    source: str = Field(min_length=1)
    licence: str = Field(min_length=1)

    @field_validator("frames")
    @classmethod
    def _ascending(cls, frames: tuple[int, ...]) -> tuple[int, ...]:
        if list(frames) != sorted(set(frames)):
            raise ValueError("frame numbers in ascending order, each once")
        return frames

    def geometry(self) -> Geometry:
        return Geometry(self.frames, self.vials, self.regions, self.frame_shape, self.boxes, self.um_per_px)


class Recording:
    """A recorded set that has been checked.

    Attributes:
        folder: Where it lies.
        geometry: Its own.
        runs: Acquisitions of each product.
        kit: Its products.
        provenance: Where the frames come from and what allows their use.
    """

    def __init__(self, folder: Path, geometry: Geometry, runs: int, kit: Kit, provenance: str) -> None:
        self.folder = folder
        self.geometry = geometry
        self.runs = runs
        self.kit = kit
        self.provenance = provenance

    def frames(self, strip: Strip, run: int) -> NDArray[np.uint8]:
        """uint8 (frames, height, width), read now.

        Run 0, of warm-up strips, is run 1.

        Raises:
            RecordingError: A file that is damaged.
        """
        files = [
            _frame_file(self.folder / "frames", strip.path, max(run, 1), number) for number in self.geometry.frames
        ]
        return np.stack([read_picture(file, self.geometry.frame_shape) for file in files])

    def defective_patches(self, strip: Strip, run: int) -> Mask:
        """bool (frame, vial, region): by the masks where there are any, else the register's vial and region."""
        truth = np.zeros(self.geometry.shape, bool)
        if strip.defect is None:
            return truth
        for position, mask in enumerate(self._masks(strip, run)):
            if mask is None:
                truth[position, strip.defect.vial, strip.defect.region] = True
                continue
            counts = np.array([mask[y : y + PATCH_PX, x : x + PATCH_PX].sum() for y, x in self.geometry.boxes])
            truth[position] = (counts >= min(TRUTH_PX, max(int(counts.max()), 1))).reshape(self.geometry.shape[1:])
        return truth

    def defect_boxes(self, strip: Strip, run: int) -> list[tuple[int, int, int, int] | None]:
        """(top, left, bottom, right) of the defect on each frame; None where no mask says."""
        boxes: list[tuple[int, int, int, int] | None] = []
        for mask in self._masks(strip, run):
            rows, columns = np.nonzero(mask) if mask is not None else (np.zeros(0, int), np.zeros(0, int))
            boxes.append(
                (int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
                if len(rows)
                else None
            )
        return boxes

    def liquid_state(self, strip: Strip, run: int) -> None:
        """Nobody has measured it."""

    def _masks(self, strip: Strip, run: int) -> Iterator[Mask | None]:
        for number in self.geometry.frames:
            try:
                file = _frame_file(self.folder / "masks", strip.path, max(run, 1), number)
            except RecordingError:
                yield None
                continue
            yield read_picture(file, self.geometry.frame_shape) > MASKED_ABOVE


def open_recording(folder: Path, *, runs: int | None = None) -> Recording:
    """Open a recorded set and look for every file that it must have.

    Args:
        folder: Holds `recording.toml`.
        runs: How many a scenario wants; the set must have as many.

    Raises:
        RecordingError: Every problem found: keys, register, missing, double, damaged or wrongly sized frames, folders
            unknown.
    """
    description = _describe(folder / "recording.toml")
    try:
        geometry = description.geometry()
    except ValueError as error:
        raise RecordingError(
            str(folder / "recording.toml"), "boxes that fit the frame, one a vial and region", error
        ) from None
    if runs is not None and runs > description.runs:
        raise RecordingError(f"{folder / 'recording.toml'}: runs", f"at least the scenario's {runs}", description.runs)
    kit = replace(_register(folder, description), name=folder.name)
    problems = list(_frame_problems(folder, kit, description))
    if problems:
        raise RecordingError.listing(problems)
    said = f"{description.source} ({description.licence})"
    # Drawn strips stay drawn ones when they lie in files.
    provenance = said if description.source.startswith(GENERATED) else f"recorded strips: {said}"
    return Recording(folder, geometry, description.runs, kit, provenance)


def register_of(folder: Path) -> Kit:
    """The kit of a recorded set by itself, with as many vials and regions as the set says.

    Raises:
        RecordingError: No description.
        KitError: See `load_register`.
    """
    return _register(folder, _describe(folder / "recording.toml"))


def _register(folder: Path, description: _Description) -> Kit:
    return load_register(folder / "kit.csv", vials=description.vials, regions=len(description.regions))


def _describe(path: Path) -> _Description:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return _Description.model_validate(values)
    except FileNotFoundError:
        raise RecordingError(str(path), "the description of a recording (TOML)", "no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecordingError(str(path), "readable TOML", error) from None
    except ValidationError as error:
        legal = ", ".join(_Description.model_fields)
        raise RecordingError.listing(
            [
                Problem(
                    f"{path}: {'.'.join(map(str, detail['loc']))}",
                    f"one of {legal}" if detail["type"] == "extra_forbidden" else detail["msg"],
                    "an unknown key" if detail["type"] == "extra_forbidden" else repr(detail["input"]),
                )
                for detail in error.errors()
            ]
        ) from None


def _frame_problems(folder: Path, kit: Kit, description: _Description) -> Iterator[Problem]:
    """Everything wrong with the frames, and with the masks there are, every file looked at."""
    root, masks = folder / "frames", folder / "masks"
    places = {strip.product: (root / strip.path).resolve() for strip in kit.strips if _below(root, strip.path)}
    uses = Counter(places.values())
    for strip in kit.strips:
        where = f"{folder / 'kit.csv'}: {strip.product}: path"
        if strip.product not in places:
            yield Problem(where, "a folder below frames/", repr(strip.path))
            continue
        if (of := uses[places[strip.product]]) > 1:
            yield Problem(where, "a folder of its own", f"{strip.path!r}, of {of} products")
            continue
        wrong: list[Problem] = []
        for run in range(1, description.runs + 1):
            for number in description.frames:
                wrong += _file_problems(root / strip.path / str(run), number, description.frame_shape)
                if strip.defect is not None and _found(masks / strip.path / str(run), number):
                    wrong += _file_problems(masks / strip.path / str(run), number, description.frame_shape)
        yield from wrong
        if strip.defect is not None and not wrong and _shows_nothing(masks / strip.path, description):
            yield Problem(str(masks / strip.path), f"the defect's pixels above {MASKED_ABOVE} in some mask", "none")
    yield from _strangers(root, {Path(strip.path).parts for strip in kit.strips})
    yield from _stray_masks(masks, kit, description)


def _shows_nothing(masks: Path, description: _Description) -> bool:
    """A product has masks, and all are empty: of 0 and 1, say, in place of 0 and 255. In some runs they may be."""
    files = [
        file
        for run in range(1, description.runs + 1)
        for number in description.frames
        for file in _found(masks / str(run), number)
    ]
    return bool(files) and not any((read_picture(file, description.frame_shape) > MASKED_ABOVE).any() for file in files)


def _strangers(folder: Path, known: set[tuple[str, ...]]) -> Iterator[Problem]:
    """What lies below `frames` beside the products' folders, whose paths from here are given."""
    for child in sorted(folder.iterdir()) if folder.is_dir() else ():
        within = {parts[1:] for parts in known if parts[:1] == (child.name,)}
        if not within:
            yield Problem(str(child), "a product of kit.csv", "one that is not in it")
        elif () not in within:
            yield from _strangers(child, within)


def _stray_masks(folder: Path, kit: Kit, description: _Description) -> Iterator[Problem]:
    """Files below `masks` that no frame of a defective product looks for: they would be passed over in silence."""
    wanted = {
        (*Path(strip.path).parts, str(run), f"{number}{ending}")
        for strip in kit.strips
        if strip.defect is not None
        for run in range(1, description.runs + 1)
        for number in description.frames
        for ending in ENDINGS
    }
    for file in sorted(folder.rglob("*")):
        if file.name.startswith(LEFT_BY_SYSTEMS) or not file.is_file():
            continue
        if file.relative_to(folder).parts not in wanted:
            yield Problem(str(file), "a mask, <path>/<run>/<frame>.png, of a defective product", "one of none")


def _below(root: Path, path: str) -> bool:
    """True when a register's path names a folder inside `root`, links followed."""
    parts = Path(path).parts
    if not parts or ".." in parts or "\0" in path or Path(path).is_absolute():
        return False
    return (root / path).resolve().is_relative_to(root.resolve())


def _found(run_folder: Path, number: int) -> list[Path]:
    return [path for ending in ENDINGS if (path := run_folder / f"{number}{ending}").is_file()]


def _file_problems(run_folder: Path, number: int, shape: tuple[int, int]) -> Iterator[Problem]:
    found = _found(run_folder, number)
    if not found:
        yield Problem(str(run_folder / f"{number}.png"), "a frame", "no such file")
    elif len(found) > 1:
        yield Problem(str(run_folder / str(number)), "one file", " and ".join(path.name for path in found))
    else:
        try:
            check_picture(found[0], shape)
        except RecordingError as error:
            yield from error.problems


def _frame_file(root: Path, path: str, run: int, number: int) -> Path:
    found = _found(root / path / str(run), number)
    if not found:
        raise RecordingError(str(root / path / str(run) / f"{number}.png"), "a frame", "no such file")
    return found[0]


def write_description(folder: Path, geometry: Geometry, *, runs: int, source: str, licence: str) -> None:
    """Write `recording.toml`."""
    values: dict[str, Any] = {
        "um_per_px": geometry.um_per_px,
        "frames": list(geometry.frames),
        "runs": runs,
        "vials": geometry.vials,
        "regions": list(geometry.regions),
        "frame_shape": list(geometry.frame_shape),
        "boxes": [list(box) for box in geometry.boxes],
        "source": source,
        "licence": licence,
    }
    text = "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
    text = text.replace("\x7f", "\\u007f")  # a string of JSON may hold it as it is, one of TOML may not
    (folder / "recording.toml").write_text(text, encoding="utf-8")


def write_frames(folder: Path, path: str, run: int, numbers: tuple[int, ...], frames: NDArray[np.uint8]) -> None:
    """Write the frames of one acquisition as PNG below `folder` (a recording's `frames` or `masks`)."""
    target = folder / path / str(run)
    target.mkdir(parents=True, exist_ok=True)
    for number, frame in zip(numbers, frames, strict=True):
        Image.fromarray(frame).save(target / f"{number}.png", compress_level=3)


def write_register(folder: Path, kit: Kit) -> None:
    """Write `kit.csv`; every strip needs its path."""
    (folder / "kit.csv").write_text(register_text(kit), encoding="utf-8")
