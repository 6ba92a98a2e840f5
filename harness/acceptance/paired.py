"""Two inspectors on the same products: tests and intervals for the difference of their rates.

Throughout, `first_only` counts products that the first one (the machine) gets right and the second one wrong, and
`second_only` the reverse. Agreement beyond chance is in `agreement.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar

from harness.acceptance.intervals import Interval, wilson_interval


@dataclass(frozen=True)
class Paired:
    """Products by who is right: both, only one of the two, neither."""

    both: int
    first_only: int
    second_only: int
    neither: int

    @property
    def n(self) -> int:
        """Products."""
        return self.both + self.first_only + self.second_only + self.neither

    @property
    def difference(self) -> float:
        """First minus second rate; 0.0 for no products."""
        return (self.first_only - self.second_only) / self.n if self.n else 0.0


def pair(first: ArrayLike, second: ArrayLike) -> Paired:
    """Count two columns of right (True) and wrong (False), a product a row.

    >>> pair([True, True, False], [True, False, False])
    Paired(both=1, first_only=1, second_only=0, neither=1)
    """
    one, two = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if one.shape != two.shape:
        raise ValueError(f"expected two columns of one length, got shapes {one.shape} and {two.shape}")
    return Paired(int((one & two).sum()), int((one & ~two).sum()), int((~one & two).sum()), int((~one & ~two).sum()))


def mcnemar_exact(counts: Paired) -> float:
    """Two-sided exact P of a split of the discordant products as uneven as this one; 1.0 when there are none.

    Source:
        McNemar (1947), Psychometrika 12(2), 153-157; statsmodels.

    >>> round(mcnemar_exact(Paired(1, 1, 7, 12)), 5)
    0.07031
    """
    if counts.first_only + counts.second_only == 0:
        return 1.0
    table = [[counts.both, counts.first_only], [counts.second_only, counts.neither]]
    return float(mcnemar(table, exact=True).pvalue)


def mcnemar_mid_p(counts: Paired) -> float:
    """Mid-p form of `mcnemar_exact`: half of the observed split's own probability is left out; less conservative.

    Source:
        Fagerland, Lydersen & Laake (2013), BMC Medical Research Methodology 13:91.

    >>> round(mcnemar_mid_p(Paired(1, 1, 7, 12)), 5)
    0.03906
    """
    discordant = counts.first_only + counts.second_only
    if counts.first_only == counts.second_only:
        return 1.0
    smaller = min(counts.first_only, counts.second_only)
    return float(2 * stats.binom.cdf(smaller, discordant, 0.5) - stats.binom.pmf(smaller, discordant, 0.5))


def tango_statistic(
    first_only: ArrayLike, second_only: ArrayLike, n: int, difference: ArrayLike
) -> NDArray[np.float64]:
    """Score statistic of a true `difference`; standard normal when it is the true one. Broadcasts.

    Args:
        first_only: Products right by the first one alone.
        second_only: Products right by the second one alone, first_only + second_only <= n.
        n: Products, >= 1.
        difference: First minus second rate, in (-1, 1).

    Source:
        Tango (1998), Statistics in Medicine 17(8), 891-908, equations 8 and 9: q is the restricted estimate of the
        second discordant probability.
    """
    b, c = np.asarray(first_only, dtype=np.float64), np.asarray(second_only, dtype=np.float64)
    d = np.asarray(difference, dtype=np.float64)
    linear = -b - c + (2 * n - b + c) * d
    q = (np.sqrt(np.maximum(linear**2 + 8 * n * c * d * (1 - d), 0.0)) - linear) / (4 * n)
    variance = n * (2 * q + d * (1 - d))
    top = b - c - n * d
    # The variance vanishes only for no discordant products and no assumed difference, where the top is 0 as well.
    return np.asarray(top / np.sqrt(np.maximum(variance, 1e-300)))


def tango_interval(counts: Paired, *, confidence: float = 0.95) -> Interval:
    """Score interval of the first minus the second rate.

    Returns:
        Bounds in [-1, 1]; -1 to 1 for no products.

    Source:
        Tango (1998), as for `tango_statistic`: the differences whose statistic lies within the normal quantiles.

    >>> interval = tango_interval(Paired(1, 1, 7, 12))
    >>> round(interval.low, 4), round(interval.high, 4)
    (-0.5172, -0.026)
    """
    n, b, c = counts.n, counts.first_only, counts.second_only
    if n == 0:
        return Interval(-1.0, 1.0, "Tango score, no products", confidence, 0, 0)
    z = float(stats.norm.isf((1 - confidence) / 2))
    edge = 1e-12  # the statistic is not defined at the ends themselves

    def root(at: float, start: float, end: float) -> float:
        def above(d: float) -> float:
            return float(tango_statistic(b, c, n, d)) - at

        return float(optimize.brentq(above, start, end, xtol=1e-14))

    low = -1.0 if c == n else root(z, -1 + edge, counts.difference - edge)
    high = 1.0 if b == n else root(-z, counts.difference + edge, 1 - edge)
    return Interval(low, high, "Tango score", confidence, b - c, n)


def newcombe_interval(counts: Paired, *, confidence: float = 0.95) -> Interval:
    """Square-and-add interval of the first minus the second rate, from Wilson bounds and a corrected phi.

    Returns:
        Bounds in [-1, 1]; -1 to 1 for no products.

    Source:
        Newcombe (1998), Statistics in Medicine 17(22), 2635-2650, method 10: phi with a continuity correction.

    >>> interval = newcombe_interval(Paired(1, 1, 7, 12))
    >>> round(interval.low, 4), round(interval.high, 4)
    (-0.5069, -0.0256)
    """
    a, b, c, d, n = counts.both, counts.first_only, counts.second_only, counts.neither, counts.n
    if n == 0:
        return Interval(-1.0, 1.0, "paired Newcombe, no products", confidence, 0, 0)
    first, second = (a + b) / n, (a + c) / n
    one = wilson_interval(a + b, n, confidence=confidence)
    two = wilson_interval(a + c, n, confidence=confidence)
    margins = math.sqrt((a + b) * (c + d) * (a + c) * (b + d))
    cross = float(a * d - b * c)
    if cross > 0:
        cross = max(cross - n / 2, 0.0)  # only an agreement above chance is corrected
    phi = cross / margins if margins else 0.0

    def reach(left: float, right: float) -> float:
        return math.sqrt(max(left**2 - 2 * phi * left * right + right**2, 0.0))

    difference = first - second
    low = difference - reach(first - one.low, two.high - second)
    high = difference + reach(one.high - first, second - two.low)
    return Interval(max(low, -1.0), min(high, 1.0), "paired Newcombe, corrected phi", confidence, b - c, n)
