"""Deciding patches: of a look that its score rejected, the one whose score was most times its threshold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.report.words import Table, table, word
from harness.result.stored import Stored


def deciding_patches(stored: Stored, truth: str) -> pd.DataFrame:
    """The deciding patch of every look at products of one truth that its score rejected.

    Args:
        stored: The result.
        truth: "defective" or "good".

    Returns:
        Rows of `scores.parquet`, one a look, by product and run. Late and fault rejects, which no patch decided, have
        none; a patch without a finite score lies above every other.
    """
    looks = stored.machine_looks
    rejected = looks[looks["reject"] & looks["cause"].eq("score") & looks["truth"].eq(truth)]
    patches: pd.DataFrame = stored.scores.merge(rejected[["product", "run"]], on=["product", "run"])
    if patches.empty:
        return patches
    limits = np.maximum(np.array(stored.thresholds), 1e-12)
    margin = (patches["score"].astype(np.float64) / limits[patches["region"]]).fillna(np.inf)
    deciding: pd.DataFrame = patches.loc[margin.groupby([patches["product"], patches["run"]]).idxmax()]
    return deciding


def right_place_table(stored: Stored) -> Table:
    """How often a right reject was decided where the defect is: counts of single looks, by class.

    The place is that of the register, a region and a vial; a defect without one is left out. A patch elsewhere means a
    reject for another reason than the defect.
    """
    places = stored.products[["product", "defect", "region", "vial"]].dropna(subset=["region", "vial"])
    places = places.rename(columns={"region": "defect_region", "vial": "defect_vial"})
    found = deciding_patches(stored, "defective").merge(places, on="product")
    vial = found["vial"].eq(found["defect_vial"])
    both = vial & found["region"].eq(found["defect_region"])
    found = found.assign(both=both.astype(int), vial_only=(vial & ~both).astype(int))
    groups = [("all classes", found), *((word(str(name)), rows) for name, rows in found.groupby("defect"))]
    return table(
        "Where right rejects were decided: single looks at defective products that the score rejected",
        ["class", "in the region and vial of the defect", "in another region of its vial", "in another vial"],
        [
            [
                name,
                f"{rows['both'].sum()}/{len(rows)}",
                f"{rows['vial_only'].sum()}/{len(rows)}",
                f"{len(rows) - rows['both'].sum() - rows['vial_only'].sum()}/{len(rows)}",
            ]
            for name, rows in groups
            if len(rows)
        ],
        numeric=(1, 2, 3),
        empty="No defective product whose place is known was rejected by its score.",
    )
