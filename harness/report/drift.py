"""Whether the kit's products score as the calibration's good ones did: the part of section 6 that says so."""

from __future__ import annotations

from typing import Any

from harness.report.words import Cell, Table, no_number, number, percent, table
from harness.result.stored import Stored

BEFORE = "not recorded: this result was written before drift was looked at"
KINDS = {"good": "good", "all": "all, truth unseen"}


def drift_page(stored: Stored) -> dict[str, Any]:
    """A table of distances, and above it a sentence; or why there is none."""
    found = stored.summary.get("drift", {"why": BEFORE})
    if found["why"]:
        return {"drift": None, "drift_said": found["why"]}
    return {"drift": _table(found, stored.regions), "drift_said": _sentence(found, stored.regions)}


def _table(found: dict[str, Any], regions: tuple[str, ...]) -> Table:
    rows: list[list[str | Cell]] = []
    for kind, title in KINDS.items():
        for name, row in zip(regions, found[kind]["regions"] if found[kind] else (), strict=bool(found[kind])):
            said = Cell("drifted", "fail") if row["drifted"] else Cell("no drift found", "muted")
            values = (number(row[key]) for key in ("calibration_median", "median", "distance", "p_holm"))
            rows.append([f"{title}: {found[kind]['products']}", name, *values, said])
    head = ["kit products", "region", "calibration\u2019s median", "median", "distance", "P (Holm)", "said"]
    products = found["calibration_products"]
    caption = f"Scores of the first runs beside those of the calibration\u2019s {products} good products"
    return table(caption, head, rows, numeric=(2, 3, 4, 5))


def _sentence(found: dict[str, Any], regions: tuple[str, ...]) -> str:
    """What the good products say; they alone are like with like.

    >>> row = {"drifted": True}
    >>> _sentence({"level": 0.05, "good": {"drifted": True, "regions": [row, {"drifted": False}]}}, ("flag", "body"))
    'Good products of the kit score unlike those of the calibration (flag), at 5 %.'
    """
    if found["good"] is None:
        return no_number("the kit holds no good product")
    level = percent(found["level"], 0)
    if not found["good"]["drifted"]:
        return f"Good products of the kit: no drift found, at {level}."
    where = [name for name, row in zip(regions, found["good"]["regions"], strict=True) if row["drifted"]]
    return f"Good products of the kit score unlike those of the calibration ({', '.join(where)}), at {level}."
