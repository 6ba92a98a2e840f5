from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.contingency_tables import StratifiedTable

from harness.acceptance.tables import look_subgroups, size_groups, subgroups


def made(groups: dict[str, tuple[int, int]], truth: str = "defective") -> tuple[pd.DataFrame, pd.DataFrame]:
    """A table of products and its kit from (right, n) of each class."""
    rows = [(f"{name}{i}", truth, i < right, name) for name, (right, n) in groups.items() for i in range(n)]
    both = pd.DataFrame(rows, columns=["product", "truth", "right", "defect"])
    return both[["product", "truth", "right"]], both[["product", "defect"]]


def test_fisher_agrees_with_r(reference: dict[str, Any]) -> None:
    """A group against the rest."""
    for right, wrong, rest_right, rest_wrong, p in reference["fisher"]:
        table, kit = made({"a": (right, right + wrong), "b": (rest_right, rest_right + rest_wrong)})
        found = subgroups(table, kit, "defect").set_index("group")
        assert found.loc["a", "p_value"] == pytest.approx(p, rel=1e-6)
        assert found.loc["a", "p_holm"] == pytest.approx(min(2 * p, 1), rel=1e-6)


def test_small_classes_carry_no_percentage() -> None:
    """Fewer than 29 products: counts and an interval, and the words."""
    table, kit = made({"burn": (28, 28), "bump": (29, 29), "cut": (0, 1)})
    found = subgroups(table, kit, "defect").set_index("group")
    assert found["shown"].to_dict() == {
        "bump": "29/29 = 100.0 %",
        "burn": "28/28 (insufficient n for 90/95)",
        "cut": "0/1 (insufficient n for 90/95)",
    }
    assert found["note"].to_dict() == {
        "bump": "",
        "burn": "insufficient n for 90/95",
        "cut": "insufficient n for 90/95",
    }
    assert found.loc["burn", "low"] == pytest.approx(0.8766, abs=5e-5)  # R: binom.test(28, 28)


def test_nothing_is_ever_nan() -> None:
    """No product, one class alone, all right: P is 1 and bounds are numbers."""
    for groups in ({}, {"burn": (3, 3)}, {"burn": (3, 3), "bump": (2, 2)}):
        table, kit = made(groups)
        found = subgroups(table, kit, "defect")
        assert not found.isna().any().any()
        assert found["p_holm"].eq(1.0).all()
        assert len(found) == len(groups)


def test_products_without_a_value_belong_to_no_group() -> None:
    """Good products have no vial; vials keep their numbers although the gap made them floats."""
    table = pd.DataFrame({"product": ["A", "B", "C"], "truth": ["defective", "defective", "good"], "right": True})
    kit = pd.DataFrame({"product": ["A", "B", "C"], "vial": [2.0, None, 4.0]})
    assert subgroups(table, kit, "vial")["group"].tolist() == ["2"]
    assert subgroups(table, kit, "vial", truth="good")["group"].tolist() == ["4"]
    with pytest.raises(ValueError, match="a column of the kit"):
        subgroups(table, kit, "colour")


def test_size_groups_are_about_equal_and_named() -> None:
    """Four of ten sizes; equal sizes stay together; no sizes, no groups."""
    sizes = pd.Series([100.0 + 10 * i for i in range(10)])
    assert size_groups(sizes).value_counts().tolist() == [3, 3, 2, 2]
    assert size_groups(sizes).iloc[0] == "1: 100-120 um"
    assert size_groups(pd.Series([200.0, 200.0])).tolist() == ["1: 200-200 um"] * 2
    assert size_groups(pd.Series([None, None], dtype=float)).tolist() == ["", ""]


BERKELEY = {
    "A": (512, 313, 89, 19), "B": (353, 207, 17, 8), "C": (120, 205, 202, 391),
    "D": (138, 279, 131, 244), "E": (53, 138, 94, 299), "F": (22, 351, 24, 317),
}  # fmt: skip
"""Admitted and rejected men, admitted and rejected women by department: Bickel, Hammel & O'Connell (1975), Science."""


def test_mantel_haenszel_agrees_with_r() -> None:
    """R's mantelhaen.test(UCBAdmissions) gives X-squared 1.4269 with its correction, 1.5246 (P .2169) without."""
    rows = [
        (department, right, sex)
        for department, counts in BERKELEY.items()
        for (right, sex), n in zip(((True, 0), (False, 0), (True, 1), (False, 1)), counts, strict=True)
        for _ in range(n)
    ]
    looks = pd.DataFrame(rows, columns=["product", "right", "sex"])
    found = look_subgroups(looks, "sex", rng=np.random.default_rng(1))
    assert found["n"].tolist() == [2691, 1835]
    assert found["right"].tolist() == [1198, 557]
    tables = np.array([np.reshape(counts, (2, 2)) for counts in BERKELEY.values()], float).transpose(1, 2, 0)
    assert StratifiedTable(tables).test_null_odds(correction=True).statistic == pytest.approx(1.4269, abs=5e-5)
    assert found["p_value"].tolist() == pytest.approx([0.2169, 0.2169], abs=5e-5)


def test_a_products_own_difficulty_cancels() -> None:
    """A product always wrong with much liquid about, one always right with little: the liquid has shown nothing."""
    looks = pd.DataFrame({"product": ["A"] * 10 + ["B"] * 10, "right": [False] * 10 + [True] * 10})
    looks["stuck"] = [9, 8] * 5 + [1, 2] * 5
    found = look_subgroups(looks, "stuck", rng=np.random.default_rng(1), bins=2)
    assert found["right"].tolist() == [10, 0]
    assert found["p_value"].tolist() == [1.0, 1.0]


def test_looks_all_alike_are_one_group() -> None:
    """One value of what varies: one group, compared with nothing, and never NaN."""
    looks = pd.DataFrame({"product": ["A", "A", "B"], "right": [True, False, True], "stuck": [4, 4, 4]})
    found = look_subgroups(looks, "stuck", rng=np.random.default_rng(1))
    assert (found["n"].tolist(), found["p_holm"].tolist()) == ([3], [1.0])
    assert not found.isna().any(axis=None)
