from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.acceptance.design import (
    oc_curve,
    oc_curve_correlated,
    products_for_margin,
    products_without_failure,
    run_quality_to_pass,
)
from harness.acceptance.paired import Paired, tango_interval


def test_oc_curve_agrees_with_r(reference: dict[str, Any]) -> None:
    """k of n, 7 of 10 and 35 of 50."""
    for k, n, p, chance in reference["k_of_n"]:
        assert float(oc_curve(p, required=k, runs=n)) == pytest.approx(chance, rel=1e-9)


def test_oc_curve_of_correlated_runs_agrees_with_r(reference: dict[str, Any]) -> None:
    """Beta-binomial tails."""
    for k, n, mean, rho, chance in reference["k_of_n_correlated"]:
        assert float(oc_curve_correlated(mean, rho, required=k, runs=n)) == pytest.approx(chance, rel=1e-8)


def test_correlation_runs_from_independent_to_one_look() -> None:
    """0 is the binomial, 1 is a single run, and certain products stay certain."""
    p = np.array([0.0, 0.3, 0.9, 1.0])
    assert oc_curve_correlated(p, 0.0).tolist() == oc_curve(p).tolist()
    assert oc_curve_correlated(p, 1.0).tolist() == p.tolist()
    assert oc_curve_correlated(p, 0.5)[[0, 3]].tolist() == [0.0, 1.0]
    assert oc_curve_correlated(p, 1e-6) == pytest.approx(oc_curve(p), abs=1e-4)


def test_run_quality_agrees_with_r_and_inverts_the_curve(reference: dict[str, Any]) -> None:
    """qbeta, and there and back."""
    for chance, p in reference["quality_to_pass"]:
        assert run_quality_to_pass(chance) == pytest.approx(p, rel=1e-9)
        assert float(oc_curve(run_quality_to_pass(chance))) == pytest.approx(chance, rel=1e-9)


def test_products_without_failure(reference: dict[str, Any]) -> None:
    """The success-run table."""
    for reliability, confidence, n in reference["without_failure"]:
        assert products_without_failure(reliability, confidence=confidence) == n


@pytest.mark.parametrize("margin", [0.02, 0.05, 0.1])
def test_products_for_margin_is_the_smallest_number_that_passes(margin: float) -> None:
    """One product fewer does not reach the margin."""
    n = products_for_margin(margin)
    assert n is not None
    assert tango_interval(Paired(n, 0, 0, 0)).low > -margin >= tango_interval(Paired(n - 1, 0, 0, 0)).low


def test_arguments_outside_their_range_are_named() -> None:
    """The rule and the value."""
    with pytest.raises(ValueError, match="expected 1 to 10"):
        oc_curve(0.5, required=11)
    with pytest.raises(ValueError, match=r"\[0, 1\], got 1.2"):
        oc_curve(1.2)
    with pytest.raises(ValueError, match="correlation"):
        oc_curve_correlated(0.5, 1.5)
    with pytest.raises(ValueError, match="chance"):
        run_quality_to_pass(1.0)
    with pytest.raises(ValueError, match="margin"):
        products_for_margin(1.0)
    with pytest.raises(ValueError, match="reliability"):
        products_without_failure(1.0)
