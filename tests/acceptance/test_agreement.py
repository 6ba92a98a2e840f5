from __future__ import annotations

from typing import Any

import pytest

from harness.acceptance.agreement import cohen_kappa, fleiss_kappa, gwet_ac1, ratings_of


def test_cohen_and_ac1_agree_with_irrcac(reference: dict[str, Any]) -> None:
    """The abstractors of the irrCAC vignette."""
    values = reference["agreement"]
    assert cohen_kappa(values["abstractors"]).value == pytest.approx(values["abstractors_cohen"], abs=5e-8)
    assert gwet_ac1(ratings_of(values["abstractors"])).value == pytest.approx(values["abstractors_ac1"], abs=5e-8)


def test_ac1_stays_steady_where_kappa_does_not(reference: dict[str, Any]) -> None:
    """94 % agreement on a rare category: kappa is below zero, AC1 is not."""
    values = reference["agreement"]
    assert cohen_kappa(values["paradox"]).value == pytest.approx(values["paradox_cohen"], abs=5e-5)
    assert gwet_ac1(ratings_of(values["paradox"])).value == pytest.approx(values["paradox_ac1"], abs=5e-5)


def test_fleiss_agrees_with_the_textbook(reference: dict[str, Any]) -> None:
    """Ten subjects, fourteen raters, five categories."""
    values = reference["agreement"]
    assert fleiss_kappa(values["fleiss"]).value == pytest.approx(values["fleiss_kappa"], abs=5e-4)


def test_no_number_says_why() -> None:
    """No products, or a single verdict throughout: no coefficient, and a reason; AC1 has one."""
    for found in (cohen_kappa([[0, 0], [0, 0]]), fleiss_kappa([[5, 0], [5, 0]]), cohen_kappa([[7, 0], [0, 0]])):
        assert found.value is None
        assert found.why
    assert gwet_ac1([[5, 0], [5, 0]]).value == 1.0


@pytest.mark.parametrize("ratings", [[[1, 2], [2, 2]], [[1, 0]], [[3]], [[-1, 3]]])
def test_ratings_that_cannot_be_compared_are_refused(ratings: list[list[int]]) -> None:
    """Differing numbers of inspectors, one alone, one category, a count below zero."""
    with pytest.raises(ValueError, match="ratings: expected"):
        gwet_ac1(ratings)


def test_a_table_must_be_square() -> None:
    """Two inspectors choose from the same verdicts."""
    with pytest.raises(ValueError, match="table: expected"):
        cohen_kappa([[1, 2, 3], [4, 5, 6]])
