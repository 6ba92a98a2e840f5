from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from harness.acceptance.tables import holm, size_groups, subgroups


def made(groups: dict[str, tuple[int, int]], truth: str = "defective") -> tuple[pd.DataFrame, pd.DataFrame]:
    """A table of products and its kit from (right, n) of each class."""
    rows = [(f"{name}{i}", truth, i < right, name) for name, (right, n) in groups.items() for i in range(n)]
    both = pd.DataFrame(rows, columns=["product", "truth", "right", "defect"])
    return both[["product", "truth", "right"]], both[["product", "defect"]]


def test_holm_agrees_with_r(reference: dict[str, Any]) -> None:
    """p.adjust; nothing to correct stays nothing."""
    assert holm(reference["holm_raw"]).tolist() == pytest.approx(reference["holm_corrected"])
    assert holm([]).tolist() == []


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
