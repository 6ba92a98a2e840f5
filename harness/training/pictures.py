"""What a bundle shows of itself: its loss curves, what its network makes of good strips and of each defect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from harness.geometry import PAPER, PATCH_PX
from harness.inspection.detector import Detector, Inspection
from harness.inspection.heat import RESIDUAL_FULL_SCALE, heat
from harness.inspection.network import NetworkDetector
from harness.strips.defects import CLASSES
from harness.strips.kit import CALIBRATION_SEED, Strip, standard_kit
from harness.strips.renderer import Renderer

SHEET_RUN = 1
GOOD_REGIONS = ((0, 0), (1, 1), (2, 2), (3, 3))
"""(vial, region) shown of the good strips."""

TERMS = ("generator", "contextual", "adversarial", "encoder", "noise", "discriminator")


def training_curve(curve: Path, picture: Path) -> None:
    """Draw `training.csv` of a bundle as SVG: every loss term against steps, and the learning rate."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "inspection"
    table = pd.read_csv(curve)
    figure, axes = plt.subplots(2, 4, figsize=(13, 5.2), sharex=True, layout="constrained")
    for axis, name in zip(axes.flat, [*TERMS, "learning_rate"], strict=False):
        axis.plot(table["step"], table[name], color="#9db4c0", lw=0.8)
        axis.plot(table["step"], table[name].rolling(15, min_periods=1).median(), color="#1f4e5f", lw=1.6)
        axis.set_title(name.replace("_", " "), fontsize=10)
        axis.set_xlabel("step")
        axis.grid(alpha=0.25)
        if name != "learning_rate":
            axis.set_yscale("log")
    axes.flat[-1].axis("off")
    steps, minutes = (0, 0.0) if table.empty else (int(table["step"].max()), table["seconds"].max() / 60)
    axes.flat[-1].text(0, 0.5, f"{steps} steps\n{minutes:.0f} min", fontsize=11)
    figure.savefig(picture, metadata={"Date": None})
    plt.close(figure)


def show(bundle: Path, name: str, **options: Any) -> None:
    """Put a sheet of what a bundle's networks make of calibration strips into it."""
    detector = NetworkDetector(str(bundle), PAPER, **options)
    reconstruction_sheet(detector, Renderer(seed=CALIBRATION_SEED)).save(bundle / name, optimize=True)


def reconstruction_sheet(detector: Detector, renderer: Renderer) -> Image.Image:
    """Image, rebuilt image and residual of good strips and of every defect class, two products each.

    The products are the calibration kit's, so that nothing of the standard kit is looked at while a detector is made.
    """
    strips = standard_kit("calibration").strips
    rows: list[tuple[str, NDArray[np.uint8]]] = []
    good = next(strip for strip in strips if strip.defect is None)
    for vial, region in GOOD_REGIONS:
        rows.append((f"good, R{region}", _row(detector, renderer, good, vial, region)))
    for kind in CLASSES:
        chosen = sorted((s for s in strips if s.defect and s.defect.kind == kind), key=_visibility)
        for strip in (chosen[len(chosen) // 2], chosen[-1]):
            if strip.defect is not None:
                truth = renderer.defective_patches(strip, SHEET_RUN)[0]
                place = np.argwhere(truth)
                vial, region = map(int, place[0]) if len(place) else (strip.defect.vial, strip.defect.region)
                words = f"{kind}, {strip.defect.size_um:.0f} um, {strip.defect.contrast:.2f}"
                rows.append((words, _row(detector, renderer, strip, vial, region)))
    third = (
        "marks of all frames (white: certain)"
        if detector.joint
        else f"residual (white: {RESIDUAL_FULL_SCALE:g} of full scale or more)"
    )
    return _table(rows, third, columns=3)


def _visibility(strip: Strip) -> float:
    return strip.defect.size_um * strip.defect.contrast if strip.defect is not None else 0.0


def _row(detector: Detector, renderer: Renderer, strip: Strip, vial: int, region: int) -> NDArray[np.uint8]:
    """uint8 (256, 768, 3): image, rebuilt, and residual or marks of the first frame."""
    frames = renderer.frames(strip, SHEET_RUN)
    inspection = Inspection.of_frames(renderer.geometry, frames)
    explanation = detector.explain(inspection)
    place = 0, vial, region
    image = inspection.patches[place]
    rebuilt = image if explanation.rebuilt is None else np.rint(255 * explanation.rebuilt[place]).astype(np.uint8)
    grey = np.hstack([image, rebuilt])
    marks = explanation.marks
    hot = heat(explanation.residual[place]) if marks is None else heat(marks[place], full_scale=1.0)
    return np.hstack([np.repeat(grey[..., None], 3, axis=2), hot])


def _table(rows: list[tuple[str, NDArray[np.uint8]]], third: str, *, columns: int) -> Image.Image:
    """Rows with their captions, side by side in columns."""
    width, height = 3 * PATCH_PX, PATCH_PX + 26
    lines = -(-len(rows) // columns)
    sheet = Image.new("RGB", (columns * (width + 16), lines * height + 24), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    draw.text((4, 2), f"image, rebuilt, {third}", fill="black", font=font)
    for number, (words, picture) in enumerate(rows):
        x, y = (number // lines) * (width + 16), (number % lines) * height + 24
        draw.text((x + 4, y), words, fill="black", font=font)
        sheet.paste(Image.fromarray(picture), (x, y + 22))
    return sheet.resize((sheet.width // 2, sheet.height // 2), Image.Resampling.LANCZOS)
