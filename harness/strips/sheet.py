"""A kit at a glance: every defect class at five sizes, and good strips at their worst. For people to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from harness.geometry import PATCH_PX
from harness.strips.defects import CLASSES
from harness.strips.kit import Kit, Strip
from harness.strips.liquid import Body, Liquid, exposure_time_ms
from harness.strips.product import SHOULDER_BOTTOM
from harness.strips.renderer import Renderer

SIZES = 5
"""Columns: strips of a class from its smallest defect to its largest, evenly by rank."""

SEARCHED, SEARCHED_RUNS = 16, 2
"""Good strips, and runs of each, among which the worst are looked for."""

RUN = 1
LABEL_PX, GAP_PX, NAMES_PX = 24, 8, 210
PAPER_GREY, INK, FAINT_INK = 245, 20, 100


@dataclass(frozen=True)
class View:
    """What one cell shows: a strip in a run at its first inspected exposure, about a point of the frame."""

    strip: Strip
    run: int
    y: float
    x: float
    label: str


def contact_sheet(kit: Kit, renderer: Renderer) -> Image.Image:
    """Crops of 256 x 256 px about the defects of a kit, a row a class, and a row of its good strips at their worst.

    Args:
        kit: Classes without a strip in it have no row; one with fewer than five has fewer crops.
        renderer: Draws them; its scenario's liquid is what the good strips show.
    """
    rows = [(_title(kind), list(_defects(kit, renderer, kind))) for kind in CLASSES]
    rows = [(title, views) for title, views in rows if views]
    if worst := list(_worst(kit, renderer)):
        rows.append((["good strips", "at their worst"], worst))
    cell = PATCH_PX + GAP_PX
    size = NAMES_PX + SIZES * cell + GAP_PX, len(rows) * (cell + LABEL_PX) + GAP_PX
    sheet = Image.new("L", size, PAPER_GREY)
    pen = ImageDraw.Draw(sheet)
    name_font, font = ImageFont.load_default(20), ImageFont.load_default(15)
    for row, (title, views) in enumerate(rows):
        top = GAP_PX + row * (cell + LABEL_PX)
        for line, text in enumerate(title):
            pen.text((GAP_PX, top + 24 * line), text, font=name_font if line == 0 else font,
                     fill=INK if line == 0 else FAINT_INK)  # fmt: skip
        for column, view in enumerate(views):
            left = NAMES_PX + column * cell
            sheet.paste(_crop(renderer, view), (left, top))
            pen.text((left, top + PATCH_PX + 4), view.label, font=font, fill=INK)
    return sheet


def _title(kind: str) -> list[str]:
    row = CLASSES[kind]
    figures = f"figures {', '.join(map(str, row.figures))}" if row.figures else "beyond the paper"
    return [kind.replace("_", " "), " or ".join(row.criticality), figures]


def _defects(kit: Kit, renderer: Renderer, kind: str) -> Iterator[View]:
    """Strips of a class from small to large, each centred on its defect."""
    strips = [strip for strip in kit.strips if strip.defect is not None and strip.defect.kind == kind]
    strips.sort(key=lambda strip: strip.defect.size_um if strip.defect else 0.0)
    for rank in np.unique(np.linspace(0, len(strips) - 1, SIZES).round().astype(int)) if strips else ():
        strip = strips[rank]
        defect, box = strip.defect, renderer.defect_boxes(strip, RUN)[0]
        if defect is None or box is None:
            continue
        top, left, bottom, right = box
        label = f"{strip.product}  R{defect.region}  {defect.size_um:.0f} um  c {defect.contrast:.2f}"
        yield View(strip, RUN, (top + bottom) / 2, (left + right) / 2, label)


def _worst(kit: Kit, renderer: Renderer) -> Iterator[View]:
    """Good strips with the steepest surface, the biggest bubble and drop, and the vials most crowded with them."""
    good = [strip for strip in kit.strips if strip.defect is None][:SEARCHED]
    time_ms = exposure_time_ms(renderer.geometry.frames[0])
    found: dict[str, tuple[float, View]] = {}
    for strip in good:
        for run in range(1, SEARCHED_RUNS + 1):
            for label, much, (x, y) in _extremes(_liquid(renderer, strip, run), time_ms):
                if label not in found or much > found[label][0]:
                    found[label] = much, View(strip, run, y, x, f"{strip.product}  run {run}  {label}")
    for _, view in found.values():
        yield view


def _extremes(liquid: Liquid, time_ms: float) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """What makes a good run hard: its name, how much of it there is, and where (x, y)."""
    plastic = liquid.plastic
    steep = int(np.abs(liquid.slosh.angle(time_ms)).argmax())
    yield "surface", float(np.abs(liquid.slosh.angle(time_ms))[steep]), _middle(liquid, steep, plastic.fill[steep])
    seen = [(body, place) for body in liquid.bodies if (place := liquid.place(body, time_ms)) is not None]
    kinds: dict[str, Callable[[Body], bool]] = {"bubble": lambda body: not _is_drop(body), "drop": _is_drop}
    for kind, is_kind in kinds.items():
        of_kind = [(body, place) for body, place in seen if is_kind(body)]
        if of_kind:
            largest, place = max(of_kind, key=lambda both: both[0].radius)
            yield f"big {kind}", largest.radius, place
            crowded = max(range(len(plastic.fill)), key=lambda vial: sum(body.vial == vial for body, _ in of_kind))
            row = 640.0 if kind == "bubble" else 384.0
            yield f"many {kind}s", sum(body.vial == crowded for body, _ in of_kind), _middle(liquid, crowded, row)


def _middle(liquid: Liquid, vial: int, row: float) -> tuple[float, float]:
    """(x, y) of a vial's middle in a row."""
    plastic = liquid.plastic
    return float(plastic.left[vial, int(row)] + plastic.right[vial, int(row)]) / 2, float(row)


def _is_drop(body: Body) -> bool:
    """Drops hang above the liquid; what floats has its depth for a row."""
    return not body.floats and body.y <= SHOULDER_BOTTOM + 8


def _liquid(renderer: Renderer, strip: Strip, run: int) -> Liquid:
    plastic, _ = renderer._products(strip.seed, strip.defect)
    return renderer._run(plastic, strip, run)[1]


def _crop(renderer: Renderer, view: View) -> Image.Image:
    """The 256 x 256 px about a view's point, moved inwards where they would leave the frame."""
    frame = renderer.frames(view.strip, view.run, renderer.geometry.frames[:1])[0]
    height, width = frame.shape
    top = int(np.clip(round(view.y) - PATCH_PX // 2, 0, height - PATCH_PX))
    left = int(np.clip(round(view.x) - PATCH_PX // 2, 0, width - PATCH_PX))
    return Image.fromarray(frame[top : top + PATCH_PX, left : left + PATCH_PX])
