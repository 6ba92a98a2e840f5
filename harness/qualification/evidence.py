"""Pictures of the products that went wrong: the deciding patch, rebuilt, its residual, marks if any, and an overview.

Made after the line has ended, so that no picture costs the machine time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from harness.errors import DetectorError
from harness.geometry import PATCH_PX
from harness.inspection.detector import Explanation
from harness.inspection.heat import heat
from harness.qualification.inspector import Inspector
from harness.result.folder import write_json

OVERVIEW_PX = 480
QUALITY = 82


def collect_evidence(
    folder: Path,
    inspector: Inspector,
    products: pd.DataFrame,
    *,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Write `evidence/index.json` and four or five pictures for every product that is not right.

    Args:
        folder: The result folder being filled.
        inspector: With the scores of all runs.
        products: `products.parquet`.
        progress: Called with the number of products done.
    """
    target = folder / "evidence"
    target.mkdir()
    index = []
    failing = products[~products["right"].astype(bool)]
    for done, row in enumerate(failing.itertuples(), start=1):
        index.append(_evidence(target, inspector, str(row.product), str(row.truth), str(row.defect)))
        progress(done)
    write_json(target / "index.json", index)


def _evidence(target: Path, inspector: Inspector, product: str, truth: str, defect: str) -> dict[str, Any]:
    """Pictures of the run that speaks: of a false reject the worst, of a miss the accepted one nearest to a reject."""
    runs = sorted(run for name, run in inspector.scores if name == product)
    entry: dict[str, Any] = {"product": product, "truth": truth, "defect": defect}
    if not runs:
        return {**entry, "run": None}
    margins = np.stack([inspector.scores[product, run] / np.maximum(inspector.thresholds, 1e-12) for run in runs])
    margins = np.nan_to_num(margins.astype(np.float64), nan=1e9, posinf=1e9)
    accepted = margins.max(axis=(1, 2, 3)) <= 1
    if truth == "defective" and accepted.any():  # none where only late runs or faults made it wrong
        margins[~accepted] = -np.inf
    run_place, frame, vial, region = np.unravel_index(int(margins.argmax()), margins.shape)
    run = runs[int(run_place)]
    inspection = inspector.inspection(product, run)
    place = int(frame), int(vial), int(region)
    boxes = inspector.source.defect_boxes(inspector.strips[product], run)
    joint = inspector.detector.joint
    pictures = {
        "patch": Image.fromarray(inspection.patches[place]),
        "overview": _overview(inspection.frames[place[0]], inspection.geometry.box(*place[1:]), boxes[place[0]]),
    }
    hit = None
    try:
        explanation = inspector.detector.explain(inspection)
    except DetectorError as error:  # a result without these pictures is worth more than none
        entry["unexplained"] = str(error)
    else:
        pictures |= _explained(explanation, place)
        near = boxes if joint else boxes[place[0] :][:1]
        hit = _hit(explanation.heat[place], inspection.geometry.box(*place[1:]), near)
    for name, picture in pictures.items():
        picture.save(target / f"{product}-{name}.webp", quality=QUALITY, method=4)
    score = float(inspector.scores[product, run][place])
    return {
        **entry,
        "run": run,
        "frame": inspection.geometry.frames[place[0]],
        "joint": joint,
        "vial": place[1],
        "region": place[2],
        "score": score if np.isfinite(score) else None,
        "threshold": float(inspector.thresholds[place[2]]),
        "hottest_on_defect": hit,
        "pictures": {name: f"{product}-{name}.webp" for name in sorted(pictures)},
    }


def _explained(explanation: Explanation, place: tuple[int, int, int]) -> dict[str, Image.Image]:
    """The pictures that the detector gives of a patch."""
    pictures = {"residual": Image.fromarray(heat(explanation.residual[place]))}
    if explanation.rebuilt is not None:
        pictures["rebuilt"] = Image.fromarray(np.rint(255 * explanation.rebuilt[place].clip(0, 1)).astype(np.uint8))
    if explanation.marks is not None:
        pictures["marks"] = Image.fromarray(heat(explanation.marks[place], full_scale=1.0))
    return pictures


def _overview(
    frame: NDArray[np.uint8], patch: tuple[int, int], defect: tuple[int, int, int, int] | None
) -> Image.Image:
    """The whole frame, small, with the deciding patch and the true defect framed."""
    picture = Image.fromarray(frame).convert("RGB")
    draw = ImageDraw.Draw(picture)
    y, x = patch
    draw.rectangle((x, y, x + PATCH_PX - 1, y + PATCH_PX - 1), outline=(200, 40, 30), width=6)
    if defect is not None:
        top, left, bottom, right = defect
        draw.rectangle((left - 10, top - 10, right + 10, bottom + 10), outline=(20, 90, 200), width=5)
    height = round(OVERVIEW_PX * picture.height / picture.width)
    return picture.resize((OVERVIEW_PX, height), Image.Resampling.LANCZOS)


def _hit(
    hot: NDArray[np.float32], patch: tuple[int, int], defects: Sequence[tuple[int, int, int, int] | None]
) -> bool | None:
    """Does the hottest pixel lie within the defect's box in some frame, 8 px allowed? None where it is in none."""
    boxes = [box for box in defects if box is not None]
    if not boxes:
        return None
    y, x = np.unravel_index(int(hot.argmax()), hot.shape)
    row, column = int(y) + patch[0], int(x) + patch[1]
    return any(top - 8 <= row < bottom + 8 and left - 8 <= column < right + 8 for top, left, bottom, right in boxes)
