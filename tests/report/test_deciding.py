"""Deciding patches: which patch rejected a look, and whether the defect lies there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from harness.report.deciding import deciding_patches, right_place_table
from harness.report.html import report_html
from harness.result.stored import Stored

Make = Callable[..., Path]


def texts(stored: Stored) -> list[list[str]]:
    """The table as plain text."""
    return [[cell.text for cell in row] for row in right_place_table(stored).rows]


def test_right_rejects_are_counted_where_they_were_decided(make: Make) -> None:
    """Every reject is decided in vial 0, region 0; of six defects the first lies there, the sixth below it."""
    assert texts(Stored(make())) == [
        ["all classes", "10/60", "10/60", "40/60"],
        ["black spot", "0/20", "0/20", "20/20"],
        ["scratch", "0/20", "10/20", "10/20"],
        ["stuck particle", "10/20", "0/20", "10/20"],
    ]
    assert texts(Stored(make(missed=1)))[0] == ["all classes", "0/50", "10/50", "40/50"]


def test_late_rejects_were_decided_by_no_patch(make: Make) -> None:
    """They are in no count; where none is left, a sentence stands in place of the table."""
    assert texts(Stored(make(late=3)))[0][1:2] == ["9/57"]
    table = right_place_table(Stored(make(missed=6)))
    assert (table.rows, table.empty) == (
        (),
        "No defective product whose place is known was rejected by its score.",
    )
    assert "No defective product whose place is known" in report_html(make(defective=0, false=1))


def test_a_defect_without_a_place_is_left_out(make: Make) -> None:
    """A register of real products may not say where: those are not in the denominator."""
    folder = make()
    products = pd.read_parquet(folder / "products.parquet")
    products.loc[products["product"].eq("D001"), "region"] = pd.NA
    products.to_parquet(folder / "products.parquet", index=False)
    assert texts(Stored(folder))[0][1] == "0/50"


def test_a_score_that_is_none_decides(make: Make) -> None:
    """One row a look, and a patch without a finite score stands above every other."""
    folder = make()
    scores = pd.read_parquet(folder / "scores.parquet")
    chosen = scores["product"].eq("D002") & scores["run"].eq(4) & scores["vial"].eq(3) & scores["region"].eq(2)
    scores.loc[chosen, "score"] = np.nan
    scores.to_parquet(folder / "scores.parquet", index=False)
    found = deciding_patches(Stored(folder), "defective").set_index(["product", "run"])
    assert len(found) == 60
    assert found.index.is_unique
    assert tuple(found.loc[("D002", 4), ["vial", "region"]]) == (3, 2)
