"""Builds three recordings, `train`, `calibration` and `test`, from video frames of a water-filled syringe.

`python -m recordings.syringe_bubbles.build SOURCE_DIR OUT_DIR`; SOURCE_DIR holds `sequences.csv` and its frames.
The frames are real; every defect is injected. What that is worth stands in the README beside this file.
"""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from harness.errors import BenchError, Problem, RecordingError
from harness.geometry import PATCH_PX, Geometry
from harness.result.folder import new_folder
from harness.streams import stream
from harness.strips.defects import CONTRAST, Criticality, Defect, Mask, paint, register_size_um
from harness.strips.injection import inject
from harness.strips.kit import Kit, Strip
from harness.strips.recording import write_description, write_frames, write_register
from recordings.syringe_bubbles.barrel import Barrel, find_barrel

Part = Literal["train", "calibration", "test"]

CLIPS = {"bb_nl_clip1": 1, "bb_nl_clip2": 2}
LABELS = ("good", "bubble")
"""Frames that are used; a bubble is good product. Frames nobody labelled are left out."""

FRAME_PX = 512
BLOCK_FRAMES = 20
SPACING_FRAMES = 7
RUNS = 3
FIRST_OF_BLOCK = (0, RUNS)
"""Where the windows of a block begin; 18 of its 20 frames are used, none twice."""

UM_PER_PX = 70.0
"""Assumed: the graduation, 25 px a line, is 0.1 ml of a usual 3 ml syringe (bore 8.66 mm, 10 mm outside)."""

POINT_SPREAD_PX = 1.0
"""Of the walls' outer edges, which rise over about two px where they are not saturated."""

GEOMETRY = Geometry(
    frames=(1, 1 + SPACING_FRAMES, 1 + 2 * SPACING_FRAMES),
    vials=1,
    regions=("upper barrel", "lower barrel"),
    frame_shape=(FRAME_PX, PATCH_PX),
    boxes=((0, 0), (PATCH_PX, 0)),
    um_per_px=UM_PER_PX,
)
SINGLE = Geometry((1,), 1, GEOMETRY.regions, GEOMETRY.frame_shape, GEOMETRY.boxes, UM_PER_PX)
"""Of the training set: a product is one frame, so that a gap in the video costs no more than itself."""

LETTERS: dict[Part, str] = {"train": "T", "calibration": "C", "test": "V"}
KINDS = ("stuck_particle", "scratch")
SIZE_PX = {"stuck_particle": (6.0, 40.0), "scratch": (20.0, 80.0)}
"""As in the standard kits, but that a scratch longer than 80 px would not fit between the walls in every direction."""

MAJOR_CONTRAST = 0.3
"""A scratch that absorbs more is a major defect, else a minor one."""

WALL_SHARE = 0.15
"""Part of the barrel's width that each wall takes, where pixels are saturated and the true light is unknown."""

ROWS = (24, 400)
"""Where defects lie: clear of the upper edge, and of the barrel's end, which comes up to row 403."""

SOURCE = (
    "real video frames of a water-filled syringe with moving air bubbles, University of Virginia, team TTL-AI "
    "(github.com/Mircea-s-classes/ai-hardware-project-proposal-ttl-ai, commit 03cabc4), "
    "cut to the barrel; particles and scratches are injected"
)
LICENCE = "MIT, Copyright (c) 2025 University of Virginia"

Place = tuple[int, int]
"""(clip, number) of a frame of the video."""


@dataclass(frozen=True)
class Product:
    """A time window of a clip.

    Attributes:
        name: In the register and below `frames/`.
        runs: Its frames, run by run; no frame is in two products or two runs.
        block: (clip, block) it lies in.
    """

    name: str
    runs: tuple[tuple[Place, ...], ...]
    block: Place


def part_of(block: int) -> Part:
    """What a block of 20 frames is for: tests as the source marks it, calibration from every second one before.

    >>> [part_of(block) for block in range(6)]
    ['train', 'train', 'test', 'train', 'calibration', 'test']
    """
    if block % 3 == 2:
        return "test"
    return "calibration" if block % 3 == 1 and block > 1 else "train"


def products_of(part: Part, places: Iterable[Place]) -> list[Product]:
    """The products of a part, in time order: single frames to learn from, else windows of three runs of three frames.

    A window that would need a frame that is not there is left out, and so is one that would leave its block.

    Args:
        part: Which.
        places: Every frame there is.
    """
    there = set(places)
    letter = LETTERS[part]
    if part == "train":
        return [
            Product(f"{letter}{clip}-{number:03d}", (((clip, number),),), (clip, number // BLOCK_FRAMES))
            for clip, number in sorted(there)
            if part_of(number // BLOCK_FRAMES) == part
        ]
    products = []
    for clip, block in sorted({(clip, number // BLOCK_FRAMES) for clip, number in there}):
        if part_of(block) != part:
            continue
        for begin in FIRST_OF_BLOCK:
            first = block * BLOCK_FRAMES + begin
            runs = tuple(tuple((clip, first + run + number - 1) for number in GEOMETRY.frames) for run in range(RUNS))
            if all(place in there and place[1] // BLOCK_FRAMES == block for run in runs for place in run):
                products.append(Product(f"{letter}{clip}-{first:03d}", runs, (clip, block)))
    return products


def read_sequences(source: Path) -> dict[Place, Path]:
    """Where each labelled frame of the two clips lies.

    Raises:
        RecordingError: The table cannot be read, or frames it names are not there; all of them are named.
    """
    table = source / "sequences.csv"
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["clip"] in CLIPS and row["label"] in LABELS]
        found = {(CLIPS[row["clip"]], int(row["frame"])): source / row["path"] for row in rows}
    except FileNotFoundError:
        raise RecordingError(str(table), "a table of the frames", "no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise RecordingError(str(table), "a table with columns clip, frame, path, label", repr(error)) from None
    missing = [Problem(str(path), "a frame", "no such file") for path in found.values() if not path.is_file()]
    if missing or not found:
        raise RecordingError.listing(missing or [Problem(str(table), "frames of the two clips", "none")])
    return found


def read_frame(path: Path) -> tuple[NDArray[np.uint8], Barrel]:
    """A frame cut to 256 columns around the barrel, and the barrel in it.

    The window follows the barrel sideways by whole px, as a gripper would hold it. No pixel is changed; tilt and height
    stay as the hand held them.

    Raises:
        RecordingError: Not a whole 512 x 512 picture, 8-bit grey, or no barrel in it.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            size, mode = image.size, image.mode
            pixels = np.asarray(image) if size == (FRAME_PX, FRAME_PX) else np.zeros((0, 0), np.uint8)
    except Exception as error:  # noqa: BLE001  # whatever a damaged file makes the decoder raise
        raise RecordingError(str(path), "a whole PNG", error) from None
    if size != (FRAME_PX, FRAME_PX) or mode != "L":
        raise RecordingError(str(path), f"{FRAME_PX} x {FRAME_PX} px, 8-bit grey", f"{size[0]} x {size[1]} px, {mode}")
    try:
        barrel = find_barrel(pixels)
    except ValueError as error:
        raise RecordingError(str(path), "a barrel", error) from None
    middle = round(barrel.across(0.5, FRAME_PX / 2))
    left = min(max(middle - PATCH_PX // 2, 0), FRAME_PX - PATCH_PX)
    return pixels[:, left : left + PATCH_PX], barrel.moved(-left)


@dataclass(frozen=True)
class Plan:
    """A defect before it has a place.

    Attributes:
        kind: Of `KINDS`.
        size_um: As a register says it.
        contrast: Largest relative absorption.
        criticality: What it means for the patient.
    """

    kind: str
    size_um: float
    contrast: float
    criticality: Criticality


def plan_defects(part: Part, products: Sequence[Product], *, seed: int) -> dict[str, Plan]:
    """Which products become defective, and how: one of every two of a block, particles and scratches in turn.

    Sizes and contrasts are log-uniform, one in each of as many equal steps as there are defects: few draws still
    span the range.
    """
    rng = stream("syringe defects", seed, part)
    blocks: dict[Place, list[str]] = {}
    for product in products:
        blocks.setdefault(product.block, []).append(product.name)
    chosen = [str(rng.choice(names)) for names in blocks.values() if len(names) > 1]
    kinds = [KINDS[place % 2] for place in range(len(chosen))]
    if part == "calibration":
        kinds = [KINDS[1 - place % 2] for place in range(len(chosen))]
    plans = {}
    size_steps, contrast_steps = rng.permutation(len(chosen)), rng.permutation(len(chosen))
    for name, kind, size_step, contrast_step in zip(chosen, kinds, size_steps, contrast_steps, strict=True):
        natural = _log_uniform((size_step + rng.random()) / len(chosen), *SIZE_PX[kind])
        contrast = round(_log_uniform((contrast_step + rng.random()) / len(chosen), *CONTRAST), 3)
        criticality: Criticality = "critical"
        if kind == "scratch":
            criticality = "major" if contrast > MAJOR_CONTRAST else "minor"
        plans[name] = Plan(kind, round(register_size_um(kind, natural, contrast, UM_PER_PX), 1), contrast, criticality)
    return plans


def _log_uniform(share: float, low: float, high: float) -> float:
    return math.exp(math.log(low) + share * math.log(high / low))


Acquisition = tuple[NDArray[np.uint8], list[Barrel]]
"""uint8 (frames, 512, 256) and the barrel in each."""


def injected(
    acquisitions: Sequence[Acquisition], plan: Plan, *, seed: int, name: str
) -> tuple[Defect, list[NDArray[np.uint8]], list[Mask]]:
    """One defect on all runs of a product, at one height and one share of the barrel's width: it follows the walls.

    How the hand moves the syringe up and down, or turns it about its axis, cannot be told from the frames, and is
    not followed.

    Returns:
        The register's defect, frames and masks run by run.
    """
    draft = Defect(plan.kind, 0, 0, plan.size_um, plan.contrast, plan.criticality)
    rows, columns = np.nonzero(paint(draft, UM_PER_PX, stream("syringe paint", seed, name)).mask)
    half_y, half_x = 0.5 * (np.ptp(rows) + 1) + 2, 0.5 * (np.ptp(columns) + 1) + 2
    rng = stream("syringe place", seed, name)
    y = float(rng.uniform(ROWS[0] + half_y, ROWS[1] - half_y))
    margin = max(WALL_SHARE + half_x / barrel.width(y) for _, barrels in acquisitions for barrel in barrels)
    share = float(rng.uniform(margin, 1 - margin))
    defect = Defect(plan.kind, 0, int(y // PATCH_PX), plan.size_um, plan.contrast, plan.criticality)
    pictures, masks = [], []
    for frames, barrels in acquisitions:
        columns_px = [barrel.across(share, y) for barrel in barrels]
        picture, mask = inject(
            frames, defect, um_per_px=UM_PER_PX, centre=(y, columns_px[0]),
            drift=[(0.0, column - columns_px[0]) for column in columns_px],
            point_spread_px=POINT_SPREAD_PX, rng=stream("syringe paint", seed, name),
        )  # fmt: skip
        pictures.append(picture)
        masks.append(mask)
    return defect, pictures, masks


def write_part(folder: Path, part: Part, sequences: dict[Place, Path], *, seed: int) -> Kit:
    """Write one recording.

    Raises:
        RecordingError: A frame that cannot be used, or no whole window.
    """
    geometry = SINGLE if part == "train" else GEOMETRY
    products = products_of(part, sequences)
    if not products:
        raise RecordingError(str(folder.name), "at least one product", "too few frames in a row")
    plans = {} if part == "train" else plan_defects(part, products, seed=seed)
    strips = []
    for product in products:
        acquisitions: list[Acquisition] = []
        for run in product.runs:
            cut = [read_frame(sequences[place]) for place in run]
            acquisitions.append((np.stack([frame for frame, _ in cut]), [barrel for _, barrel in cut]))
        defect, pictures = None, [frames for frames, _ in acquisitions]
        if product.name in plans:
            defect, pictures, masks = injected(acquisitions, plans[product.name], seed=seed, name=product.name)
            for number, mask in enumerate(masks, start=1):
                write_frames(folder / "masks", product.name, number, geometry.frames, mask.astype(np.uint8) * 255)
        for number, frames in enumerate(pictures, start=1):
            write_frames(folder / "frames", product.name, number, geometry.frames, frames)
        strips.append(Strip(product.name, 0, defect, product.name))
    kit = Kit(part, tuple(strips))
    write_register(folder, kit)
    write_description(folder, geometry, runs=len(products[0].runs), source=SOURCE, licence=LICENCE)
    return kit


def build(source: Path, out: Path, *, seed: int = 1) -> dict[Part, Kit]:
    """Write `train`, `calibration` and `test` below a new folder.

    Raises:
        BenchError: The source cannot be used, or the folder exists; nothing is written then.
    """
    sequences = read_sequences(source)
    kits: dict[Part, Kit] = {}
    with new_folder(out) as beside:
        for part in LETTERS:
            (beside / part).mkdir()
            kits[part] = write_part(beside / part, part, sequences, seed=seed)
        licence = source / "LICENSE.MIT.txt"
        if licence.is_file():
            shutil.copyfile(licence, beside / licence.name)
    return kits


def main(
    source: Annotated[Path, typer.Argument(help="Folder with sequences.csv and the frames it names.")],
    out: Annotated[Path, typer.Argument(help="Folder to make.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the defects.")] = 1,
) -> None:
    """Build the three recordings."""
    try:
        kits = build(source, out, seed=seed)
    except BenchError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from None
    for part, kit in kits.items():
        defective = sum(strip.defect is not None for strip in kit.strips)
        typer.echo(f"{out / part}: {len(kit.strips)} products, {defective} defective")


if __name__ == "__main__":
    typer.run(main)
