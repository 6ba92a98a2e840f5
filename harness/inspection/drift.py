"""Drift: do the kit's products score as the good products of the calibration did?

The calibration leaves a summary of its good products' scores beside the thresholds; a qualification holds its own
against it, region by region, for its good products and, without looking at any truth, for all. Thresholds of good
products alone mean what they say only where nothing has drifted. A product counts once, by the first of its runs, so
that products are independent and the numbers of runs need not agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kstwo

from harness.errors import DetectorError
from harness.inspection.detector import Scores
from harness.multiplicity import holm

LEVEL = 0.05
"""Of the test, over all regions of one kind of products together."""

MOST_RANKS = 41
"""Order statistics kept of each region; all of them where there are no more products."""

NOT_RECORDED = "not recorded: these thresholds were written without the scores of their good products"
WITHOUT_SCORES = "no number: faults left runs without scores"

LARGEST = float(np.finfo(np.float32).max)
"""Stands for a score that is no finite number: such a one rejects at any threshold."""


@dataclass(frozen=True)
class GoodScores:
    """What a calibration keeps of its good products.

    Attributes:
        products: How many.
        ranks: Which order statistics are kept, from 1, the smallest, to `products`.
        values: float64 (region, rank), them, of each product's largest score in the region in its first run.
    """

    products: int
    ranks: tuple[int, ...]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, scores: Scores) -> GoodScores:
        """Of good products' scores, float32 (product, run, frame, vial, region), one product or more."""
        ordered = np.sort(largest_of_first_run(scores), axis=0)
        products = len(ordered)
        ranks = np.unique(np.linspace(1, products, min(products, MOST_RANKS)).round().astype(int))
        return cls(products, tuple(map(int, ranks)), ordered[ranks - 1].T)

    @classmethod
    def read(cls, table: Mapping[str, Any], *, regions: int, where: str) -> GoodScores:
        """From plain values, as a file has them.

        Raises:
            DetectorError: Anything else than what `as_dict` gives.
        """
        try:
            products, ranks = int(table["products"]), tuple(int(rank) for rank in table["ranks"])
            values = np.asarray(table["values"], np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise DetectorError(where, "products, ranks and values of good products", repr(error)) from None
        if (
            not ranks
            or list(ranks) != sorted({*ranks})
            or not 1 <= ranks[0] <= ranks[-1] <= products
            or values.shape != (regions, len(ranks))
            or not np.isfinite(values).all()
            or (np.diff(values, axis=1) < 0).any()
        ):
            raise DetectorError(
                where, f"rising ranks up to products, and as many rising scores for each of {regions} regions", "others"
            )
        return cls(products, ranks, values)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a file."""
        values = [[float(f"{value:.9g}") for value in row] for row in self.values]
        return {"products": self.products, "ranks": list(self.ranks), "values": values}

    def median(self, region: int) -> float:
        """Half-way between the kept order statistics, by rank."""
        return float(np.interp((self.products + 1) / 2, self.ranks, self.values[region]))


def largest_of_first_run(scores: Scores) -> NDArray[np.float64]:
    """float64 (product, region) of float32 (product, run, frame, vial, region); `LARGEST` where one is no number."""
    first = scores[:, 0]
    return np.asarray(np.where(np.isfinite(first), first, LARGEST).max(axis=(1, 2)), np.float64)


def distance(reference: GoodScores, region: int, values: NDArray[np.float64]) -> float:
    """Largest distance of two empirical distributions, as far as the kept order statistics tell: never too large.

    Args:
        reference: Of the calibration.
        region: From 0.
        values: float64 (product,), one or more, in any order.
    """
    kept = reference.values[region].astype(np.float32).astype(np.float64)  # nine digits of a file are that number again
    ordered = np.sort(values)
    ranks = np.asarray(reference.ranks, np.float64)
    # The reference's distribution is at least rank / n at a kept value, and at most (rank - 1) / n just before it.
    above = ranks / reference.products - np.searchsorted(ordered, kept, "right") / len(ordered)
    below = np.searchsorted(ordered, kept, "left") / len(ordered) - (ranks - 1) / reference.products
    return float(max(above.max(), below.max(), 0.0))


def compare(reference: GoodScores, scores: Scores) -> dict[str, Any]:
    """Products against the calibration's good ones: a two-sample Kolmogorov-Smirnov test a region, corrected by Holm.

    Args:
        reference: Of the calibration.
        scores: float32 (product, run, frame, vial, region), one product or more.

    Returns:
        `products`, how many; `drifted`, in any region; `regions`, a table each: `median`, `calibration_median`,
        `distance` of the distributions in [0, 1], `p_holm`, `drifted`.

    Source:
        Smirnov (1948), Annals of Mathematical Statistics 19(2), 279-281; the P value as that of one sample of
        n m / (n + m) (Stephens 1970, JRSS B 32(1), 115-122).
    """
    largest = largest_of_first_run(scores)
    effective = max(1, round(len(largest) * reference.products / (len(largest) + reference.products)))
    distances = [distance(reference, region, largest[:, region]) for region in range(largest.shape[1])]
    adjusted = holm([float(kstwo.sf(found, effective)) for found in distances])
    regions = [
        {
            "median": float(np.median(largest[:, region])),
            "calibration_median": reference.median(region),
            "distance": found,
            "p_holm": p_value,
            "drifted": p_value < LEVEL,
        }
        for region, (found, p_value) in enumerate(zip(distances, adjusted, strict=True))
    ]
    return {"products": len(largest), "drifted": any(p_value < LEVEL for p_value in adjusted), "regions": regions}


def drift(table: Mapping[str, Any] | None, scores: Scores | None, defective: NDArray[np.bool_]) -> dict[str, Any]:
    """What a qualification says of drift, for `summary.json`.

    Args:
        table: The calibration's `GoodScores` as plain values; None where its thresholds came without.
        scores: float32 (product, run, frame, vial, region) of the kit; None where runs are without.
        defective: bool (product,).

    Returns:
        `why` there are no numbers, or ""; `calibration_products`; `good` and `all` as `compare` gives them. Without
        good products `good` is None.

    Raises:
        DetectorError: A table that is none.
    """
    if table is None or scores is None:
        why = NOT_RECORDED if table is None else WITHOUT_SCORES
        return {"why": why, "level": LEVEL, "calibration_products": None, "good": None, "all": None}
    reference = GoodScores.read(table, regions=scores.shape[-1], where="calibration: good_scores")
    return {
        "why": "",
        "level": LEVEL,
        "calibration_products": reference.products,
        "good": None if defective.all() else compare(reference, scores[~defective]),
        "all": compare(reference, scores),
    }
