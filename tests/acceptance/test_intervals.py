from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.acceptance.intervals import (
    cluster_interval,
    cluster_ratio_interval,
    exact_interval,
    wilson_interval,
)


def test_exact_agrees_with_r(reference: dict[str, Any]) -> None:
    """Clopper-Pearson gives what `binom.test` gives."""
    for x, n, level, low, high in reference["exact"]:
        found = exact_interval(x, n, confidence=level)
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-7)


def test_wilson_agrees_with_r(reference: dict[str, Any]) -> None:
    """Wilson gives what `prop.test` without correction gives."""
    for x, n, level, low, high in reference["wilson"]:
        found = wilson_interval(x, n, confidence=level)
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-7)


@pytest.mark.parametrize("interval", [exact_interval, wilson_interval])
def test_ends_are_exact_and_inputs_are_carried(interval: Any) -> None:
    """Nothing right starts at 0.0 itself, all right ends at 1.0 itself, no trials say nothing."""
    assert interval(0, 5).low == 0.0
    assert interval(5, 5).high == 1.0
    empty = interval(0, 0)
    assert (empty.low, empty.high, empty.method.endswith("no trials")) == (0.0, 1.0, True)
    assert (interval(3, 5).numerator, interval(3, 5).denominator, interval(3, 5).confidence) == (3, 5, 0.95)
    assert 0.6 in interval(3, 5)


@pytest.mark.parametrize(("x", "n", "level"), [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 0.0), (1, 5, 1.0)])
def test_a_value_outside_its_range_is_named(x: int, n: int, level: float) -> None:
    """The error says which argument, the rule and the value."""
    with pytest.raises(ValueError, match="expected"):
        exact_interval(x, n, confidence=level)


def test_cluster_interval_is_wider_than_one_that_counts_looks() -> None:
    """Looks of a product are alike; taking them for independent would be too sure."""
    rejects = np.array([10] * 20 + [0] * 10 + [5] * 3)
    found = cluster_interval(rejects, np.full(33, 10), rng=np.random.default_rng(1))
    naive = exact_interval(int(rejects.sum()), 330)
    assert found.high - found.low > 2 * (naive.high - naive.low)
    assert found.method == "BCa bootstrap over products"


def test_cluster_interval_does_not_depend_on_the_order_of_products() -> None:
    """The same products in another order give the same digits."""
    rejects, looks = np.array([9, 3, 10, 7, 0]), np.array([10, 10, 10, 10, 9])
    order = np.array([3, 1, 4, 0, 2])
    first = cluster_interval(rejects, looks, rng=np.random.default_rng(3))
    second = cluster_interval(rejects[order], looks[order], rng=np.random.default_rng(3))
    assert first == second


@pytest.mark.parametrize(
    ("rejects", "looks", "low", "high", "method"),
    [
        ([], [], 0.0, 1.0, "no trials"),
        ([0, 0, 0], [10, 10, 10], 0.0, 0.7076, "over products"),  # R: binom.test(0, 3)
        ([10, 10, 10], [10, 10, 10], 0.2924, 1.0, "over products"),
        ([7], [10], 0.3475, 0.9333, "over looks"),  # R: binom.test(7, 10)
        ([5, 5], [10, 10], 0.2720, 0.7280, "over looks"),  # R: binom.test(10, 20)
    ],
)
def test_cluster_interval_without_spread_has_a_defined_answer(
    rejects: list[int], looks: list[int], low: float, high: float, method: str
) -> None:
    """No products, all alike, one alone: another method stands in and is named."""
    found = cluster_interval(rejects, looks, rng=np.random.default_rng(0))
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert method in found.method


def test_ratio_interval_covers_one_for_alike_inspectors_and_is_absent_without_spread() -> None:
    """A ratio over products has an interval where products differ, and none where they do not."""
    ours, theirs = np.array([1.0, 0.9, 0.7, 0.8]), np.array([0.9, 1.0, 0.8, 0.7])
    found = cluster_ratio_interval(ours, theirs, rng=np.random.default_rng(0))
    assert found is not None
    assert 1.0 in found
    assert cluster_ratio_interval([0.5, 1.0], [0.5, 1.0], rng=np.random.default_rng(0)) is None
    with pytest.raises(ValueError, match="denominators > 0"):
        cluster_ratio_interval([1.0], [0.0], rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="one length"):
        cluster_interval([1, 2], [3], rng=np.random.default_rng(0))


def _coverage(interval: Any, rates: np.ndarray, n: int) -> np.ndarray:
    """Exact coverage at each true rate: the probability of the counts whose interval holds it."""
    counts = np.arange(n + 1)
    found = [interval(int(x), n) for x in counts]
    return np.array([stats.binom.pmf(counts, n, p)[[p in one for one in found]].sum() for p in rates])


def test_coverage_of_exact_is_at_least_nominal() -> None:
    """Clopper-Pearson never covers less than it says."""
    for n in (10, 29, 141):
        assert _coverage(exact_interval, np.linspace(0.02, 0.98, 25), n).min() >= 0.95


def test_mean_coverage_of_wilson_is_nominal() -> None:
    """Wilson covers 95 % on average over true rates: between 93.5 and 97."""
    for n in (29, 141):
        assert 0.935 <= _coverage(wilson_interval, np.linspace(0.02, 0.98, 49), n).mean() <= 0.97


@pytest.mark.slow
def test_coverage_of_the_cluster_bootstrap() -> None:
    """Over 400 kits of 141 products whose looks cluster, the interval holds the true rate in 93.5 to 97 % of them."""
    rng = np.random.default_rng(20)
    held = 0
    for _ in range(400):
        rejects = rng.binomial(10, rng.beta(2.0, 1.0, size=141))
        held += 2 / 3 in cluster_interval(rejects, np.full(141, 10), rng=rng, resamples=999)
    assert 0.935 <= held / 400 <= 0.97
