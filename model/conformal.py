"""Thresholds from good products only: split conformal prediction on the largest score of a product.

Half of the good products say how each region's scores lie, the other half how far out a product may be. What is
promised: a further good product, exchangeable with those of the calibration and inspected as often, is rejected in any
of its runs with probability `alpha` at most. That is an average over calibrations and products: it binds no single
calibration (given one, the share that is rejected scatters about `alpha` by a beta distribution), no kind of product,
and says nothing of defective ones.

Source:
    Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World, section 4.1; Lei, G'Sell, Rinaldo,
    Tibshirani & Wasserman (2018), JASA 113(523), 1094-1111, theorem 2.2; the scatter: Vovk (2012), PMLR 25, 475-490.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

ALPHA = 0.05
"""Share of good products that may be rejected in any of their runs, unless another is asked for."""

OUTER = 0.9
"""Quantile of the good ones at which a region's scores count as one unit above their median."""


class GoodProductsError(ValueError):
    """Good products that no threshold can be taken of: `where`, `expected`, `got`."""

    def __init__(self, where: str, expected: str, got: object) -> None:
        super().__init__(f"{where}: expected {expected}, got {got}")
        self.where, self.expected, self.got = where, expected, str(got)


@dataclass(frozen=True)
class GoodOnly:
    """Thresholds and what they rest on.

    Attributes:
        thresholds: float32 (region,).
        alpha: Wanted share of good products rejected, in (0, 1).
        products: Good products of the half that the quantile is taken of.
        rank: Which of theirs it is, counted from the smallest, 1 to `products`.
    """

    thresholds: NDArray[np.float32]
    alpha: float
    products: int
    rank: int


def rank_of(alpha: float, products: int) -> int:
    """Rank of the conformal quantile, ceil((products + 1) (1 - alpha)); beyond `products` there is none.

    Args:
        alpha: In (0, 1), taken as the decimal number that was written.
        products: That the quantile is taken of, >= 0.

    Raises:
        ValueError: `alpha` lies outside its range.

    >>> rank_of(0.05, 19), rank_of(0.05, 18), rank_of(0.05, 30)
    (19, 19, 30)
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: expected a number > 0 and < 1, got {alpha}")
    return products + 1 - math.floor((products + 1) * Fraction(str(alpha)))


def good_products_needed(alpha: float) -> int:
    """Smallest number of good products whose second half has ceil(1 / alpha) - 1.

    >>> good_products_needed(0.05), good_products_needed(0.01)
    (37, 197)
    """
    rank_of(alpha, 0)  # the range
    return max(2, 2 * (math.ceil(1 / Fraction(str(alpha))) - 1) - 1)


def good_only_thresholds(scores: NDArray[np.float32], *, alpha: float = ALPHA) -> GoodOnly:
    """Per region, median plus so many units; the same number of units everywhere.

    Products take turns: the second, fourth and so on give each region's median and unit (its `OUTER` quantile above
    the median) of the largest score over a product's runs, frames and vials. Each of the others is as far out as its
    worst region is, in units above the median; the quantile of that, put back into scores, is the thresholds.

    Args:
        scores: float32 (product, run, frame, vial, region) of good products, in an order that no score decided. One
            that is no finite number rejects its product.
        alpha: As above.

    Raises:
        GoodProductsError: Fewer than `good_products_needed`, or so many without finite scores that no threshold is.
        ValueError: `alpha` lies outside its range.
    """
    products, needed = len(scores), good_products_needed(alpha)
    if products < needed:
        raise GoodProductsError("good products", f"{needed} or more for alpha {alpha:g}", products)
    largest = np.where(np.isfinite(scores), scores, np.inf).max(axis=(1, 2, 3)).astype(np.float64)  # (product, region)
    outlying, scaling = largest[0::2], largest[1::2]
    middle, outer = np.quantile(scaling, [0.5, OUTER], axis=0, method="higher")
    if not np.isfinite(outer).all():
        raise GoodProductsError("good products", "finite scores in nine of ten of them", "fewer")
    unit = np.where(outer > middle, outer - middle, np.maximum(np.abs(middle), 1e-6))
    rank = rank_of(alpha, len(outlying))
    units = np.sort(((outlying - middle) / unit).max(axis=1))[rank - 1]
    if not np.isfinite(units):
        raise GoodProductsError("good products", f"at most {alpha:g} of them without a finite score", "more")
    return GoodOnly((middle + units * unit).astype(np.float32), alpha, len(outlying), rank)
