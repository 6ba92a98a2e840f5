from __future__ import annotations

import pandas as pd
import pytest

from harness.acceptance.baseline import agreement, median_inspector, pairwise_agreement, score_inspectors
from harness.acceptance.rule import product_counts

TRUTHS = pd.DataFrame({"product": ["D1", "D2", "G1"], "truth": ["defective", "defective", "good"]})


def looks_of(rejects: dict[str, dict[str, int]], looks: int = 10) -> pd.DataFrame:
    """Looks from rejects by inspector and product."""
    rows = [
        (product, inspector, look, look <= count)
        for inspector, products in rejects.items()
        for product, count in products.items()
        for look in range(1, looks + 1)
    ]
    return pd.DataFrame(rows, columns=["product", "inspector", "look", "reject"])


def test_each_inspector_and_all_pooled() -> None:
    """Two of three see D1; pooled, 22 of 30 rejects make it right, and 20 of 30 leave D2 wrong."""
    looks = looks_of(
        {"A": {"D1": 8, "D2": 7, "G1": 0}, "B": {"D1": 8, "D2": 7, "G1": 4}, "C": {"D1": 6, "D2": 6, "G1": 3}}
    )
    scores = score_inspectors(looks, TRUTHS)
    assert scores.inspectors.values.tolist() == [
        ["A", "defective", 2, 2], ["A", "good", 1, 1],
        ["B", "defective", 2, 2], ["B", "good", 0, 1],
        ["C", "defective", 0, 2], ["C", "good", 1, 1],
    ]  # fmt: skip
    assert (scores.required, scores.pooled_required) == (7, 21)
    assert scores.pooled["rejects"].tolist() == [22, 20, 7]
    assert scores.pooled["right"].tolist() == [True, False, True]
    assert product_counts(scores.pooled)["defective"] == (1, 2)


def test_five_inspectors_pool_to_35_of_50() -> None:
    """34 rejects of 50 are wrong, 35 are right."""
    for fifth, right in ((6, False), (7, True)):
        looks = looks_of({name: {"D1": 7} for name in "ABCD"} | {"E": {"D1": fifth}})
        scores = score_inspectors(looks, TRUTHS.head(1))
        assert scores.pooled_required == 35
        assert scores.pooled["right"].tolist() == [right]


def test_other_numbers_of_looks_keep_the_share() -> None:
    """The machine's 2 of 3 is 4 of 6 for an inspector."""
    scores = score_inspectors(looks_of({"A": {"D1": 4}, "B": {"D1": 3}}, looks=6), TRUTHS.head(1), required=2, runs=3)
    assert (scores.required, scores.pooled_required) == (4, 8)
    assert scores.products["right"].tolist() == [True, False]


def test_median_of_odd_and_even_numbers_of_inspectors() -> None:
    """In the middle of three; between the middle two of four, where the better of the two is nearest."""
    three = score_inspectors(
        looks_of({"A": {"D1": 9, "D2": 9}, "B": {"D1": 9, "D2": 0}, "C": {"D1": 0, "D2": 0}}), TRUTHS.head(2)
    )
    assert median_inspector(three, "defective").text == "1/2"
    assert median_inspector(three, "defective").names == ("B",)
    two = score_inspectors(looks_of({"A": {"D1": 9, "D2": 9}, "B": {"D1": 9, "D2": 0}}), TRUTHS.head(2))
    median = median_inspector(two, "defective")
    assert (median.right, median.n, median.names, median.text) == (1.5, 2, ("A",), "1.5/2")


def test_a_truth_without_products_is_0_of_0() -> None:
    """No good product: a count, not a division."""
    scores = score_inspectors(looks_of({"A": {"D1": 9}}), TRUTHS.head(1))
    assert median_inspector(scores, "good").text == "0/0"


def test_order_changes_nothing() -> None:
    """Rows in any order, inspectors of any name."""
    rejects = {"A": {"D1": 8, "D2": 7, "G1": 0}, "B": {"D1": 8, "D2": 2, "G1": 4}, "C": {"D1": 6, "D2": 6, "G1": 3}}
    one = score_inspectors(looks_of(rejects), TRUTHS)
    two = score_inspectors(looks_of(rejects).sample(frac=1, random_state=1), TRUTHS.iloc[::-1])
    pd.testing.assert_frame_equal(one.products, two.products)
    pd.testing.assert_frame_equal(one.pooled, two.pooled)
    renamed = score_inspectors(looks_of(dict(zip("ZXY", rejects.values(), strict=True))), TRUTHS)
    assert median_inspector(one, "good").right == median_inspector(renamed, "good").right


def test_looks_that_do_not_match_the_kit_are_refused() -> None:
    """Another product, an inspector with fewer looks."""
    looks = looks_of({"A": {"D1": 8}, "B": {"D1": 8}})
    with pytest.raises(ValueError, match="products of the kit"):
        score_inspectors(looks, TRUTHS)
    with pytest.raises(ValueError, match="10 looks of each inspector"):
        score_inspectors(looks.iloc[:-1], TRUTHS.head(1))


def test_agreement_between_inspectors() -> None:
    """Full agreement is 1; a single inspector has nobody to agree with."""
    alike = {"D1": 9, "D2": 9, "G1": 0}
    fleiss, ac1 = agreement(score_inspectors(looks_of({"A": alike, "B": alike}), TRUTHS))
    assert (fleiss.value, ac1.value) == (1.0, 1.0)
    alone = agreement(score_inspectors(looks_of({"A": alike}), TRUTHS))
    assert [found.value for found in alone] == [None, None]
    assert alone[0].why == "a single inspector has nobody to agree with"


def test_agreement_knows_no_truth() -> None:
    """Inspectors who toss coins agree by chance alone, whatever the products are: 5 rejects of 10 are one verdict."""
    halves = {name: {"D1": 5, "D2": 9, "G1": 5} for name in "AB"}
    scores = score_inspectors(looks_of(halves), TRUTHS)
    fleiss, _ = agreement(scores)
    assert fleiss.value == pytest.approx(1.0)
    others = pd.DataFrame({"product": ["D1", "D2", "G1"], "truth": ["good", "defective", "defective"]})
    mixed = {"A": {"D1": 5, "D2": 9, "G1": 8}, "B": {"D1": 8, "D2": 2, "G1": 5}, "C": {"D1": 4, "D2": 5, "G1": 7}}
    told = [agreement(score_inspectors(looks_of(mixed), truths))[0].value for truths in (TRUTHS, others)]
    assert told[0] == pytest.approx(told[1])


def test_every_two_inspectors_have_a_kappa() -> None:
    """Three inspectors are three pairs: two alike agree fully, the third by its own table; one alone has no pair."""
    rejects = {"A": {"D1": 9, "D2": 9, "G1": 0}, "B": {"D1": 9, "D2": 9, "G1": 0}, "C": {"D1": 9, "D2": 0, "G1": 0}}
    pairs = pairwise_agreement(score_inspectors(looks_of(rejects), TRUTHS))
    assert list(pairs) == [("A", "B"), ("A", "C"), ("B", "C")]
    assert pairs["A", "B"].value == 1.0
    assert pairs["A", "C"].value == pytest.approx(0.4)  # observed 2/3, by chance 4/9
    assert pairwise_agreement(score_inspectors(looks_of({"A": rejects["A"]}), TRUTHS)) == {}
