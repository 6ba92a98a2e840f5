"""Real bubbles of the syringe beside drawn ones: how large, how fast, and what a line across one looks like.

`python -m recordings.syringe_bubbles.bubbles SOURCE_DIR PICTURE.svg` prints the figures as JSON and draws them.
SOURCE_DIR is that of `build`; its masks say where bubbles are. What the comparison can say, and what it cannot, stands
in the README beside this file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from harness.errors import BenchError
from harness.geometry import PAPER
from harness.strips.kit import good_strips
from harness.strips.liquid import EXPOSURE_INTERVAL_MS
from harness.strips.renderer import Renderer
from recordings.syringe_bubbles.build import UM_PER_PX, read_sequences

FRAME_MS = 1000.0 / 12.0
"""Between two video frames, by the authors' script; not recorded with the clips."""

SHARES = np.linspace(0.0, 1.6, 33)
"""Where a line across a bubble is read, in radii."""

GROUND = (1.2, 1.6)
"""Radii between which the ground beside a bubble is taken."""

SMALLEST_MASK_PX = 150
FARTHEST_PX = 60.0
"""A bubble is not found again farther away than this in the next frame."""

DRAWN_STRIPS = 12
SMALLEST_DRAWN_PX = 4.0
BODY_ROWS = (540.0, 880.0)
"""Where drawn bubbles are read: below the meniscus, above the bottom."""


@dataclass(frozen=True)
class Bubbles:
    """Measured bubbles.

    Attributes:
        diameter_um: float (n,), of the circle of equal area.
        speed_mm_s: float (m,), of those found again in the next frame.
        contrast: float (n, len(SHARES)), median around the circle of light / ground - 1 at each share of the radius.
    """

    diameter_um: NDArray[np.float64]
    speed_mm_s: NDArray[np.float64]
    contrast: NDArray[np.float64]

    def figures(self) -> dict[str, Any]:
        """Counts and quartiles, and how dark rim and how bright centre are."""

        def quartiles(values: NDArray[np.float64]) -> list[float]:
            return [round(float(value), 3) for value in np.percentile(values, (25, 50, 75))] if len(values) else []

        return {
            "bubbles": len(self.diameter_um),
            "diameter_um": quartiles(self.diameter_um),
            "found_again": len(self.speed_mm_s),
            "speed_mm_s": quartiles(self.speed_mm_s),
            "strongest_change_along_a_radius": quartiles(np.abs(self.contrast[:, SHARES <= 1]).max(axis=1)),
            "centre": quartiles(self.contrast[:, 0]),
            "at_0.8_radius": quartiles(self.contrast[:, int(np.argmin(np.abs(SHARES - 0.8)))]),
        }


def profile(frame: NDArray[np.uint8], x: float, y: float, half_x: float, half_y: float) -> NDArray[np.float64] | None:
    """light / ground - 1 along the radius of an ellipse, the median of all directions; None at a frame's border."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    reach = SHARES[:, None]
    rows, columns = y + reach * half_y * np.sin(turn), x + reach * half_x * np.cos(turn)
    height, width = frame.shape
    if rows.min() < 0 or columns.min() < 0 or rows.max() > height - 1 or columns.max() > width - 1:
        return None
    light = ndimage.map_coordinates(frame.astype(np.float64), [rows, columns], order=1)
    ground = float(np.median(light[(SHARES >= GROUND[0]) & (SHARES <= GROUND[1])]))
    across: NDArray[np.float64] = np.median(light, axis=1) / max(ground, 1.0) - 1.0
    return across


def real_bubbles(source: Path) -> Bubbles:
    """Bubbles of the test frames, each where the authors' mask has it.

    Raises:
        RecordingError: The source cannot be used.
    """
    diameters: list[float] = []
    profiles: list[NDArray[np.float64]] = []
    speeds: list[float] = []
    earlier: tuple[int, int, list[tuple[float, float]]] = (0, -2, [])
    for (clip, number), path in sorted(read_sequences(source).items()):
        mask_path = source / "ground_truth" / "bubble" / f"{path.stem}_mask.png"
        if not mask_path.is_file():
            continue
        frame, mask = (np.asarray(Image.open(file).convert("L")) for file in (path, mask_path))
        labels, _ = ndimage.label(mask > 0)
        centres = []
        for index, place in enumerate(ndimage.find_objects(labels), start=1):
            area = int((labels[place] == index).sum())
            if area < SMALLEST_MASK_PX:
                continue
            half_y, half_x = (0.5 * (part.stop - part.start) for part in place)
            y, x = place[0].start + half_y - 0.5, place[1].start + half_x - 0.5
            centres.append((y, x))
            diameters.append(2 * float(np.sqrt(area / np.pi)) * UM_PER_PX)
            across = profile(frame, x, y, half_x, half_y)
            if across is not None:
                profiles.append(across)
        if (clip, number - 1) == earlier[:2] and earlier[2]:
            ways = [min(float(np.hypot(y - b, x - a)) for b, a in earlier[2]) for y, x in centres]
            speeds += [way * UM_PER_PX / FRAME_MS for way in ways if way < FARTHEST_PX]
        earlier = clip, number, centres
    return Bubbles(np.array(diameters), np.array(speeds), np.array(profiles).reshape(-1, len(SHARES)))


def drawn_bubbles() -> Bubbles:
    """Bubbles of drawn good strips in the body of the liquid; free ones have a speed, lone ones a line across."""
    renderer = Renderer(seed=1)
    diameters, profiles, speeds = [], [], []
    for strip in good_strips("bubbles", DRAWN_STRIPS, seed=1):
        frame = renderer.frames(strip, 1, [1])[0]
        rings, later = renderer.rings(strip, 1, 1), renderer.rings(strip, 1, 2)
        for x, y, radius in rings[:, :3]:
            if not BODY_ROWS[0] < y < BODY_ROWS[1]:
                continue
            diameters.append(2 * float(radius) * PAPER.um_per_px)
            again = later[np.isclose(later[:, 2], radius, rtol=1e-6)]
            if len(again) == 1 and (way := float(np.hypot(again[0, 0] - x, again[0, 1] - y))) > 1.0:
                speeds.append(way * PAPER.um_per_px / EXPOSURE_INTERVAL_MS)
            alone = (np.hypot(rings[:, 0] - x, rings[:, 1] - y) < 2.0 * radius + rings[:, 2]).sum() == 1
            across = profile(frame, x, y, radius, radius) if alone and radius >= SMALLEST_DRAWN_PX else None
            if across is not None:
                profiles.append(across)
    return Bubbles(np.array(diameters), np.array(speeds), np.array(profiles))


def draw(real: Bubbles, drawn: Bubbles, picture: Path) -> None:
    """Sizes, speeds and the line across, real beside drawn, as SVG."""
    with mpl.rc_context({"svg.hashsalt": "bubbles", "svg.fonttype": "none", "font.size": 9}):
        figure, (sizes, ways, across) = plt.subplots(1, 3, figsize=(10.5, 3.1), layout="constrained")
        for bubbles, name, colour in ((real, "syringe, side-lit", "#8a5300"), (drawn, "drawn, back-lit", "#14508f")):
            for axes, values, unit in ((sizes, bubbles.diameter_um / 1000, "mm"), (ways, bubbles.speed_mm_s, "mm/s")):
                bins = np.geomspace(0.1, 10, 25) if unit == "mm" else np.geomspace(0.3, 100, 25)
                weights = np.full(len(values), 1 / max(len(values), 1))
                axes.hist(values, bins, weights=weights, histtype="step", color=colour, linewidth=1.5,
                          label=f"{name}, n = {len(values)}")  # fmt: skip
            low, middle, high = np.percentile(bubbles.contrast, (25, 50, 75), axis=0)
            across.fill_between(SHARES, low, high, color=colour, alpha=0.2, linewidth=0)
            across.plot(SHARES, middle, color=colour, linewidth=1.5, label=f"{name}, n = {len(bubbles.contrast)}")
        sizes.set(xscale="log", xlabel="diameter (mm)", ylabel="share of bubbles", title="Size")
        ways.set(xscale="log", xlabel="speed (mm/s)", title="Speed between two frames")
        across.set(xlabel="distance from the centre (radii)", ylabel="light / ground - 1", title="Along a radius")
        for axes in (sizes, ways, across):
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(frameon=False, fontsize=7)
        across.axhline(0, color="#d9dee4", linewidth=0.8, zorder=0)
        figure.savefig(picture, metadata={"Date": None})
        plt.close(figure)


def main(
    source: Annotated[Path, typer.Argument(help="Folder with sequences.csv, the frames it names and their masks.")],
    picture: Annotated[Path, typer.Argument(help="SVG to write.")],
) -> None:
    """Measure real and drawn bubbles."""
    try:
        real = real_bubbles(source)
    except BenchError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from None
    drawn = drawn_bubbles()
    draw(real, drawn, picture)
    typer.echo(json.dumps({"real": real.figures(), "drawn": drawn.figures()}, indent=1))


if __name__ == "__main__":
    typer.run(main)
