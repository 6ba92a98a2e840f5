"""Section 7: every look of the machine, a tile a product and a bar a run."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from harness.acceptance.rule import TRUTHS
from harness.report.words import Cell, table
from harness.result.stored import Stored, records

LETTERS = {"accepted": "A", "rejected": "R", "late": "L", "other": "F"}
"""One letter a look: accepted, rejected by its score, rejected since late, rejected for another cause or missing."""

BAR_PX, GAP_PX, HEIGHT_PX = 5, 2, 16


class Tile(NamedTuple):
    """One product."""

    product: str
    right: bool
    picture: Markup


def matrix_section(stored: Stored) -> dict[str, Any]:
    """Tiles by truth, and the same as letters."""
    products = stored.products
    letters = _letters(stored.machine_looks, products["product"], stored.runs)
    tiles: dict[str, list[Tile]] = {}
    rows: list[list[str | Cell]] = []
    for truth in TRUTHS:
        members = products[products["truth"] == truth]
        tiles[truth] = [
            Tile(str(row["product"]), bool(row["right"]), _picture(row, letters[str(row["product"])]))
            for row in records(members)
        ]
        rows += [
            [
                str(row["product"]),
                truth,
                Cell(letters[str(row["product"])], "code"),
                f"{row['rejects']}/{row['runs']}",
                Cell("right", "pass") if row["right"] else Cell("wrong", "fail"),
            ]
            for row in records(members)
        ]
    return {
        "tiles": tiles,
        "letters": table(
            "Every look, run by run",
            ["product", "truth", "looks in the order of runs", "rejects", "product is"],
            rows,
            numeric=(3,),
        ),
    }


def _letters(looks: pd.DataFrame, products: pd.Series[str], runs: int) -> dict[str, str]:
    """Product to its letters, a run without a row as F."""
    cause = looks["cause"].where(looks["reject"], "accepted")
    letter = cause.map({"accepted": LETTERS["accepted"], "score": LETTERS["rejected"], "late": LETTERS["late"]})
    wide = looks.assign(letter=letter.fillna(LETTERS["other"])).pivot(index="product", columns="run", values="letter")
    wide = wide.reindex(index=pd.Index(products), columns=range(1, runs + 1)).fillna(LETTERS["other"])
    return {str(product): "".join(row) for product, row in zip(wide.index, wide.to_numpy(), strict=True)}


def _picture(row: dict[str, Any], letters: str) -> Markup:
    """Bars: low and pale is a right look, high and dark a wrong one; a foot where the line decided, not the score."""
    defective = row["truth"] == "defective"
    paths = {"ok": "", "no": "", "line": ""}
    for place, letter in enumerate(letters):
        x = place * (BAR_PX + GAP_PX)
        wrong = (letter == LETTERS["accepted"]) == defective
        top = 0 if wrong else 9
        paths["no" if wrong else "ok"] += f"M{x} {top}h{BAR_PX}V12h-{BAR_PX}z"
        if letter in (LETTERS["late"], LETTERS["other"]):
            paths["line"] += f"M{x} 13h{BAR_PX}v3h-{BAR_PX}z"
    width = len(letters) * (BAR_PX + GAP_PX) - GAP_PX
    drawn = "".join(f'<path class="{name}" d="{path}"/>' for name, path in paths.items() if path)
    told = f"{row['product']}: {row['rejects']} of {row['runs']} runs rejected, {'right' if row['right'] else 'wrong'}"
    size = f'width="{width}" height="{HEIGHT_PX}" viewBox="0 0 {width} {HEIGHT_PX}"'
    return Markup(f'<svg {size} role="img" aria-label="{Markup.escape(told)}">{drawn}</svg>')
