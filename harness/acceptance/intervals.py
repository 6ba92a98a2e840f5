"""Intervals for a rate: exact, Wilson, and over products where looks cluster.

An interval carries what it was made from. Differences of paired rates are in `paired.py`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """Bounds with their origin.

    Attributes:
        low: Lower bound.
        high: Upper bound, low <= high.
        method: Name of the method in words, and why another one stands in for it where that is so.
        confidence: Two-sided level, in (0, 1).
        numerator: What was counted.
        denominator: Out of how many.
    """

    low: float
    high: float
    method: str
    confidence: float
    numerator: float
    denominator: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def exact_interval(numerator: int, denominator: int, *, confidence: float = 0.95) -> Interval:
    """Clopper-Pearson interval of a rate. Coverage is at least `confidence`; the price is width.

    Args:
        numerator: 0 <= numerator <= denominator.
        denominator: Independent trials, >= 0. With none, every rate is possible: 0 to 1.
        confidence: Two-sided level, in (0, 1).

    Returns:
        Bounds in [0, 1]; exactly 0.0 at numerator = 0 and exactly 1.0 at numerator = denominator.

    Raises:
        ValueError: An argument lies outside its range.

    Source:
        Clopper & Pearson (1934), Biometrika 26(4), 404-413.

    >>> round(exact_interval(0, 60).high, 4)
    0.0596
    """
    return _binomial_interval(numerator, denominator, confidence, "exact", "Clopper-Pearson")


def wilson_interval(numerator: int, denominator: int, *, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a rate. Coverage is near `confidence` on average, not at least.

    Arguments, bounds and errors are those of `exact_interval`.

    Source:
        Wilson (1927), Journal of the American Statistical Association 22(158), 209-212.

    >>> round(wilson_interval(137, 141).low, 6)
    0.929332
    """
    return _binomial_interval(numerator, denominator, confidence, "wilson", "Wilson score")


def _binomial_interval(
    numerator: int, denominator: int, confidence: float, method: Literal["exact", "wilson"], name: str
) -> Interval:
    if not 0 <= numerator <= denominator:
        raise ValueError(f"numerator: expected 0 to {denominator} (the denominator), got {numerator}")
    _check_confidence(confidence)
    if denominator == 0:
        return Interval(0.0, 1.0, f"{name}, no trials", confidence, 0, 0)
    bounds = stats.binomtest(int(numerator), int(denominator)).proportion_ci(confidence, method=method)
    low = 0.0 if numerator == 0 else float(bounds.low)
    high = 1.0 if numerator == denominator else float(bounds.high)
    return Interval(low, high, name, confidence, numerator, denominator)


def cluster_interval(
    rejects: ArrayLike,
    looks: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = 1999,
) -> Interval:
    """Interval of a rate over looks, where the looks of a product are alike: products are resampled, not looks.

    The order of the products changes nothing. Where the bootstrap has no spread to work with, another method
    stands in and `method` says so: all right or all wrong is Clopper-Pearson over products, since ten looks at one
    product are not ten products; one product alone, or the same rate in all, is Clopper-Pearson over looks.

    Args:
        rejects: int (product,), 0 <= rejects <= looks.
        looks: int (product,), looks >= 1.
        rng: Source of the resamples.
        confidence: Two-sided level, in (0, 1).
        resamples: Bootstrap samples, >= 1.

    Raises:
        ValueError: An argument lies outside its range, or the shapes differ.

    Source:
        Efron (1987), Better bootstrap confidence intervals, JASA 82(397), 171-185.

    >>> interval = cluster_interval([10, 10, 10], [10, 10, 10], rng=np.random.default_rng(1))
    >>> round(interval.low, 4), interval.high, interval.method
    (0.2924, 1.0, 'Clopper-Pearson over products (no spread)')
    """
    numerators, denominators = _columns(rejects, looks)
    if np.any(numerators < 0) or np.any(denominators < 1) or np.any(numerators > denominators):
        raise ValueError("rejects: expected 0 to looks with looks >= 1 for every product, got a value outside")
    _check_confidence(confidence)
    total, count = int(numerators.sum()), int(denominators.sum())
    if count == 0:
        return exact_interval(0, 0, confidence=confidence)
    if total in (0, count):
        products = len(denominators)
        exact = exact_interval(products if total else 0, products, confidence=confidence)
        return Interval(
            exact.low,
            exact.high,
            "Clopper-Pearson over products (no spread)",
            confidence,
            products * bool(total),
            products,
        )
    bounds = _bca(numerators, denominators, rng, confidence, resamples)
    if bounds is None:
        exact = exact_interval(total, count, confidence=confidence)
        return Interval(exact.low, exact.high, "Clopper-Pearson over looks (no spread)", confidence, total, count)
    return Interval(*bounds, "BCa bootstrap over products", confidence, total, count)


def cluster_ratio_interval(
    numerators: ArrayLike,
    denominators: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = 1999,
) -> Interval | None:
    """Interval of sum(numerators) / sum(denominators) over products, such as RZE machine / RZE baseline.

    Args:
        numerators: float (product,), >= 0.
        denominators: float (product,), > 0.
        rng: Source of the resamples.
        confidence: Two-sided level, in (0, 1).
        resamples: Bootstrap samples, >= 1.

    Returns:
        The interval, or None where every product has the same ratio, so that nothing spreads.

    Raises:
        ValueError: An argument lies outside its range, or the shapes differ.

    Source:
        Efron (1987), as for `cluster_interval`.

    >>> cluster_ratio_interval([1.0, 1.0], [1.0, 1.0], rng=np.random.default_rng(1)) is None
    True
    """
    tops, bottoms = _columns(numerators, denominators)
    if np.any(tops < 0) or np.any(bottoms <= 0):
        raise ValueError("expected numerators >= 0 and denominators > 0, got a value outside")
    _check_confidence(confidence)
    bounds = _bca(tops, bottoms, rng, confidence, resamples)
    if bounds is None:
        return None
    return Interval(*bounds, "BCa bootstrap over products", confidence, float(tops.sum()), float(bottoms.sum()))


def _bca(
    numerators: NDArray[np.float64],
    denominators: NDArray[np.float64],
    rng: np.random.Generator,
    confidence: float,
    resamples: int,
) -> tuple[float, float] | None:
    """Bounds of the ratio of sums, or None where nothing spreads."""
    if len(numerators) < 2 or np.ptp(numerators * denominators[0] - numerators[0] * denominators) == 0:
        return None

    def ratio(top: NDArray[Any], bottom: NDArray[Any], axis: int = -1) -> NDArray[Any]:
        quotient: NDArray[Any] = top.sum(axis=axis) / bottom.sum(axis=axis)
        return quotient

    for method in ("BCa", "percentile"):  # BCa has no answer when every resample lies on one side of the estimate
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that missing answer is handled here, by the next method
            found = stats.bootstrap(
                (numerators, denominators), ratio, paired=True, vectorized=True, method=method,
                confidence_level=confidence, n_resamples=resamples, rng=rng,
            ).confidence_interval  # fmt: skip
        if np.isfinite(found.low) and np.isfinite(found.high):
            return float(found.low), float(found.high)
    return None


def _columns(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both as sorted float columns, so that the order of products changes no resample."""
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.shape != two.shape:
        raise ValueError(f"expected two columns of one length, got shapes {one.shape} and {two.shape}")
    order = np.lexsort((two, one))
    return one[order], two[order]


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number in (0, 1), got {confidence}")
