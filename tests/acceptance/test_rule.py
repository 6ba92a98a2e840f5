from __future__ import annotations

import pandas as pd
import pytest

from harness.acceptance.rule import (
    Count,
    k_of_n,
    k_of_n_decided,
    look_counts,
    product_counts,
    scaled_required,
    with_missing_runs,
)


def looks_of(product: str, truth: str, rejects: int, runs: int = 10, cause: str | None = None) -> pd.DataFrame:
    """Looks of one product of which the first `rejects` are rejects."""
    table = pd.DataFrame({"product": product, "truth": truth, "run": range(1, runs + 1)})
    table["reject"] = table["run"] <= rejects
    if cause is not None:
        table["cause"] = table["reject"].map({True: cause, False: ""})
    return table


@pytest.mark.parametrize(
    ("truth", "rejects", "right"),
    [("defective", r, r >= 7) for r in range(11)] + [("good", r, r <= 3) for r in range(11)],
)
def test_seven_of_ten(truth: str, rejects: int, right: bool) -> None:
    """A product is right when 7 of its 10 runs are; 4, 5 and 6 rejects are wrong for either truth."""
    row = k_of_n(looks_of("P", truth, rejects), 7).iloc[0]
    assert (row["rejects"], row["runs"], bool(row["right"])) == (rejects, 10, right)


def test_a_run_without_a_row_is_a_reject() -> None:
    """No run is dropped: what is missing from the table counts against good and for defective products."""
    both = pd.concat([looks_of("D", "defective", 6), looks_of("G", "good", 3)])
    short = both[~((both["product"] == "G") & (both["run"] == 10)) & ~((both["product"] == "D") & (both["run"] == 10))]
    full = pd.concat([short, looks_of("X", "good", 0)])  # X tells that there are ten runs
    table = k_of_n(full, 7).set_index("product")
    assert table["rejects"].to_dict() == {"D": 7, "G": 4, "X": 0}
    assert table["right"].to_dict() == {"D": True, "G": False, "X": True}


def test_a_look_without_a_verdict_is_a_reject() -> None:
    """Neither True nor False is no accept."""
    table = looks_of("G", "good", 0).astype({"reject": object})
    table.loc[0:3, "reject"] = None
    assert k_of_n(table, 7).iloc[0]["rejects"] == 4


def test_a_machine_that_is_always_late_looks_sharp_only_with_its_late_rejects() -> None:
    """Late rejects make every defective product right in one table and none in the one beside it."""
    looks = pd.concat([looks_of("D", "defective", 10, cause="late"), looks_of("G", "good", 10, cause="late")])
    assert product_counts(k_of_n(looks, 7)) == {"defective": Count(1, 1), "good": Count(0, 1)}
    beside = k_of_n_decided(looks, 7)
    assert product_counts(beside) == {"defective": Count(0, 1), "good": Count(0, 1)}
    assert beside["runs"].tolist() == [0, 0]


def test_decided_looks_are_accepts_and_rejects_by_score() -> None:
    """A reject by score stays in the table beside; without a column of causes everything was decided."""
    by_score = looks_of("D", "defective", 8, cause="score")
    pd.testing.assert_frame_equal(k_of_n_decided(by_score, 7), k_of_n(by_score, 7))
    plain = by_score.drop(columns="cause")
    pd.testing.assert_frame_equal(k_of_n_decided(plain, 7), k_of_n(plain, 7))


def test_missing_runs_are_added_with_their_cause() -> None:
    """A product of the kit that never appeared has a reject a run, cause missing."""
    products = pd.DataFrame({"product": ["D", "G"], "truth": ["defective", "good"]})
    full = with_missing_runs(looks_of("D", "defective", 2), products)
    assert full.loc[full["product"] == "G", "cause"].tolist() == ["missing"] * 10
    assert k_of_n(full, 7).set_index("product")["rejects"].to_dict() == {"D": 2, "G": 10}
    assert with_missing_runs(full, products) is full
    with pytest.raises(ValueError, match="products of the kit, got D"):
        with_missing_runs(full, products[products["product"] == "G"])


def test_counts_of_looks_and_products() -> None:
    """Single looks and products are counted apart, by truth; a truth without products counts 0 of 0."""
    table = k_of_n(looks_of("D", "defective", 7), 7)
    assert look_counts(table) == {"defective": Count(7, 10), "good": Count(0, 0)}
    assert product_counts(table)["good"].text == "0/0 (no products)"


def test_an_empty_table_has_no_products() -> None:
    """Nothing looked at is an empty table, not an error."""
    assert k_of_n(looks_of("D", "defective", 7).head(0), 7).empty


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: pd.concat([t, t.head(1)]), "two of P in 1"),
        (lambda t: t.assign(truth="unknown"), "defective or good, got unknown"),
        (lambda t: t.assign(truth=["good"] * 5 + ["defective"] * 5), "two for P"),
        (lambda t: t[t["run"] <= 6], "expected 1 to 6"),
    ],
)
def test_a_table_that_cannot_be_counted_is_named(change: object, message: str) -> None:
    """Two looks in one run, a strange truth, two truths, fewer runs than required."""
    with pytest.raises(ValueError, match=message):
        k_of_n(change(looks_of("P", "good", 0)), 7)  # type: ignore[operator]


def test_the_same_share_for_another_number_of_looks() -> None:
    """Rounded up in integers: no rule gets easier by rounding."""
    assert [scaled_required(7, 10, n) for n in (10, 50, 20, 3, 1)] == [7, 35, 14, 3, 1]
