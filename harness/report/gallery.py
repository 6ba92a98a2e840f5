"""Section 9: the table by k of n, and every failing product with its pictures; the right ones by name."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from harness.acceptance.intervals import exact_interval
from harness.acceptance.rule import TRUTHS, Count
from harness.report.deciding import right_place_table
from harness.report.tables import place
from harness.report.words import Cell, counted, interval, no_number, number, rule_text, table, word
from harness.result.stored import Stored, records

EMBEDDED_BYTES = 9_000_000
"""Pictures that are put into the page, as stored; the rest are named. A third is added by their encoding."""

RESIDUAL_FULL_SCALE = 0.25
"""Residual that `evidence` shows as full colour, the same in every picture."""

PICTURES = {
    "overview": "overview: defect boxed blue, deciding patch boxed red",
    "patch": "deciding patch",
    "rebuilt": "rebuilt by the network",
    "residual": "residual, fixed scale",
    "marks": "marks of the networks behind it, all frames",
}
HITS = {True: "on the defect", False: "not on the defect", None: "no defect to lie on"}
WORST_FIRST = {"critical": 0, "major": 1, "minor": 2}


class Picture(NamedTuple):
    """An embedded picture."""

    kind: str
    data: str
    width: int
    height: int
    name: str
    alt: str


class Failing(NamedTuple):
    """A product that is not right. `meter` is score / threshold, cut at 2; None where there is no score."""

    product: str
    kind: str
    facts: tuple[tuple[str, str], ...]
    meter: float | None
    pictures: tuple[Picture, ...]
    remark: str


def gallery_section(stored: Stored) -> dict[str, Any]:
    """Counts, the failing products worst first, the right ones by name."""
    products = stored.products
    failing = sorted(records(products[~products["right"]]), key=_worst_first)
    left, cards = EMBEDDED_BYTES, []
    for row in failing:
        entry = stored.evidence.get(str(row["product"]), {})
        pictures, size = _pictures(stored.folder, entry, left)
        left -= size
        cards.append(_card(stored, row, entry, pictures))
    right = products[products["right"]]
    hits = [hit for entry in stored.evidence.values() if (hit := entry.get("hottest_on_defect")) is not None]
    return {
        "hits": sum(hits),
        "marked": len(hits),
        "required": stored.required,
        "runs": stored.runs,
        "table": _table(stored),
        "right_place": right_place_table(stored),
        "scale": RESIDUAL_FULL_SCALE,
        "failing": [card for card in cards if card.pictures],
        "named": table(
            "Failing products whose pictures are not in this page",
            ["product", "what", "looks", "place of the defect", "deciding patch", "pictures"],
            [[card.product, card.kind, card.facts[0][1], card.facts[1][1], card.facts[2][1], card.remark]
             for card in cards if not card.pictures],
        ),
        "count": len(cards),
        "right": table(
            "Right products",
            ["product", "truth", "defect", "rejects", "place of the defect"],
            [
                [str(row["product"]), str(row["truth"]), word(str(row["defect"])) or "none",
                 f"{row['rejects']}/{row['runs']}", _place(row, stored)]
                for row in records(right)
            ],
            numeric=(3,),
            empty="No product is right.",
        ),
    }  # fmt: skip


def _table(stored: Stored) -> Any:
    summary = stored.summary
    rows = []
    for title, key in (
        ("all runs, late and fault rejects counted as rejects", "products"),
        ("only runs that the detector decided", "products_without_late_and_fault_rejects"),
        ("single looks", "runs"),
    ):
        cells: list[str | Cell] = [title]
        for truth in TRUTHS:
            count = Count(summary[key][truth]["right"], summary[key][truth]["n"])
            cells.append(counted(count.text))
            if key == "runs":
                cells.append("see section 14 for good ones" if truth == "good" else "no interval: looks cluster")
            else:
                bounds = exact_interval(*count)
                cells.append(interval(bounds.low, bounds.high) if count.n else no_number("no products"))
        rows.append(cells)
    head = ["counted", "defects detected", "95 % interval", "good accepted", "95 % interval"]
    return table(f"Right products by {rule_text(stored.required, stored.runs)}, and right single looks", head, rows)


def _worst_first(row: dict[str, Any]) -> tuple[int, int, int, str]:
    """Missed defects before false rejects, critical before minor, few right runs before many."""
    right_runs = row["rejects"] if row["truth"] == "defective" else row["runs"] - row["rejects"]
    missed = 0 if row["truth"] == "defective" else 1
    return missed, WORST_FIRST.get(str(row["criticality"]), 3), int(right_runs), str(row["product"])


def _card(stored: Stored, row: dict[str, Any], entry: dict[str, Any], pictures: tuple[Picture, ...]) -> Failing:
    defective = row["truth"] == "defective"
    kind = f"defect missed: {word(str(row['defect']))}, {row['criticality']}" if defective else "false reject"
    if defective and row["size_um"] == row["size_um"]:
        kind += f", {row['size_um']:.0f} \u00b5m"
    decided = entry.get("run") is not None
    score, threshold = entry.get("score"), entry.get("threshold")
    meter = min(score / threshold, 2.0) if score is not None and threshold else None
    patch = (
        f"run {entry['run']}, {_frames(stored, entry)}, vial {entry['vial']}, {stored.regions[entry['region']]}"
        if decided
        else no_number("no run of it was inspected")
    )
    unexplained = str(entry.get("unexplained") or "")
    hit = no_number("the detector did not explain it") if unexplained else HITS[entry.get("hottest_on_defect")]
    facts = (
        ("looks", f"rejected in {row['rejects']} of {row['runs']} runs"),
        ("defect", _place(row, stored)),
        ("deciding patch", patch),
        ("score", number(score, 4, why="the score is not finite" if decided else "not inspected")),
        ("threshold", number(threshold, 4, why="not inspected")),
        ("hottest pixel", hit if decided else no_number("not inspected")),
    )
    files = sorted((entry.get("pictures") or {}).values())
    remark = ", ".join(f"evidence/{name}" for name in files) if files else "no picture was stored"
    remark += f"; {unexplained}" if unexplained else ""
    return Failing(str(row["product"]), kind, facts, meter, pictures, remark)


def _frames(stored: Stored, entry: dict[str, Any]) -> str:
    """Which frames the score is of."""
    if entry.get("joint"):
        return f"frames {', '.join(map(str, stored.manifest['geometry']['frames']))} together"
    return f"frame {entry['frame']}"


def _place(row: dict[str, Any], stored: Stored) -> str:
    return place(row, stored.regions) if row["truth"] == "defective" else "none: the product is good"


def _pictures(folder: Path, entry: dict[str, Any], budget: int) -> tuple[tuple[Picture, ...], int]:
    """Pictures of one product and their bytes; none where they are not there or are more than the budget."""
    files = entry.get("pictures") or {}
    paths = {kind: folder / "evidence" / str(files[kind]) for kind in PICTURES if kind in files}
    stored = {kind: path.read_bytes() for kind, path in paths.items() if path.is_file()}
    size = sum(len(data) for data in stored.values())
    if size > budget:
        return (), 0
    return tuple(_picture(kind, data, entry) for kind, data in stored.items()), size


def _picture(kind: str, data: bytes, entry: dict[str, Any]) -> Picture:
    width, height = Image.open(io.BytesIO(data)).size
    alt = f"{PICTURES[kind]}, {entry['product']}, run {entry['run']}, frame {entry['frame']}"
    encoded = base64.b64encode(data).decode("ascii")
    return Picture(kind, f"data:image/webp;base64,{encoded}", width, height, PICTURES[kind], alt)
