from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.acceptance.paired import (
    Paired,
    mcnemar_exact,
    mcnemar_mid_p,
    newcombe_interval,
    pair,
    tango_interval,
    tango_statistic,
)


def counts(b: int, c: int, n: int) -> Paired:
    """Any table with these discordant products."""
    return Paired(n - b - c, b, c, 0)


def test_mcnemar_agrees_with_r(reference: dict[str, Any]) -> None:
    """Exact and mid-p, either way round."""
    for b, c, exact, mid in reference["mcnemar"]:
        assert mcnemar_exact(counts(b, c, 200)) == pytest.approx(exact, rel=1e-6)
        assert mcnemar_exact(counts(c, b, 200)) == pytest.approx(exact, rel=1e-6)
        assert mcnemar_mid_p(counts(b, c, 200)) == pytest.approx(mid, rel=1e-6)


def test_tango_agrees_with_published_values_and_r(reference: dict[str, Any]) -> None:
    """To the digits of the source."""
    for b, c, n, low, high in reference["tango"]:
        found = tango_interval(counts(b, c, n))
        tolerance = 5e-5 if n in (21, 141) else 1e-7
        assert (found.low, found.high) == pytest.approx((low, high), abs=tolerance)


@pytest.mark.parametrize(("b", "c", "n"), [(40, 20, 160), (1, 7, 21), (3, 12, 120), (6, 2, 141), (9, 1, 33)])
def test_tango_solves_the_quartic_of_the_closed_form(b: int, c: int, n: int) -> None:
    """Both bounds are roots of the polynomial of Yang, Sun & Hardin (2013), Statistics in Medicine 32(8), 1336-1342."""
    g = stats.norm.ppf(0.975) ** 2
    polynomial = [
        n**2 * (n / g + 1) ** 2,
        -n * (b - c) * (n / g + 1) * (4 * n / g + 1),
        2 * n * (b - c) ** 2 * (3 * n / g + 2) / g - n**2 * ((b + c) / g + 1),
        n * (b - c) * (2 * (b + c) / g + 1) - (b - c) ** 3 * (4 * n / g + 1) / g,
        (b - c) ** 2 * ((b - c) ** 2 / g - (b + c)) / g,
    ]
    roots = np.roots(polynomial)
    found = tango_interval(counts(b, c, n))
    assert np.abs(roots - found.low).min() < 1e-7
    assert np.abs(roots - found.high).min() < 1e-7


def test_newcombe_agrees_with_the_published_value(reference: dict[str, Any]) -> None:
    """Method 10 with the continuity-corrected phi."""
    for a, b, c, d, low, high in reference["newcombe"]:
        found = newcombe_interval(Paired(a, b, c, d))
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("interval", [tango_interval, newcombe_interval])
@pytest.mark.parametrize(
    "cells", [(0, 0, 0, 0), (9, 0, 0, 0), (0, 0, 0, 9), (0, 9, 0, 0), (0, 0, 9, 0), (0, 0, 1, 0), (0, 1, 0, 0)]
)
def test_extreme_tables_have_bounds(interval: Any, cells: tuple[int, int, int, int]) -> None:
    """All right, all wrong, all discordant, one product, none: finite bounds that hold the difference."""
    table = Paired(*cells)
    found = interval(table)
    assert -1 <= found.low <= table.difference <= found.high <= 1
    assert mcnemar_exact(table) <= 1
    assert mcnemar_mid_p(table) <= 1


def test_swapping_who_is_first_mirrors_the_interval() -> None:
    """The difference changes its sign and the bounds change places."""
    for interval in (tango_interval, newcombe_interval):
        one, other = interval(Paired(50, 9, 2, 20)), interval(Paired(50, 2, 9, 20))
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)


def test_the_statistic_vanishes_at_the_observed_difference_and_without_any() -> None:
    """No discordant products and no assumed difference: 0, not a division by zero."""
    assert float(tango_statistic(6, 2, 141, 4 / 141)) == pytest.approx(0, abs=1e-12)
    assert float(tango_statistic(0, 0, 30, 0.0)) == 0.0


def test_pair_counts_and_refuses_another_length() -> None:
    """Columns are matched product by product."""
    assert pair([True, False, False, True], [False, True, False, True]) == Paired(1, 1, 1, 1)
    with pytest.raises(ValueError, match="one length"):
        pair([True], [True, False])


@pytest.mark.slow
@pytest.mark.parametrize("interval", [tango_interval, newcombe_interval])
def test_coverage_of_the_paired_intervals(interval: Any) -> None:
    """Over 4000 kits of 141 products with a true difference, the interval holds it in 93.5 to 97 % of them."""
    rng = np.random.default_rng(11)
    chances = np.array([0.80, 0.06, 0.09, 0.05])  # both, first only, second only, neither
    held = sum(-0.03 in interval(Paired(*(int(x) for x in rng.multinomial(141, chances)))) for _ in range(4000))
    assert 0.935 <= held / 4000 <= 0.97
