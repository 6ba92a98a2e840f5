"""Knapp's zones and efficiencies: what the baseline surely rejects, and how surely the machine rejects the same.

Everything is a sum of probabilities held as integers and fractions; nothing is rounded to quality factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Tie = Literal["grey", "accept"]
"""The zone of a product whose reject probability is exactly 0.3."""

ACCEPT, GREY, REJECT = "accept", "grey", "reject"


@dataclass(frozen=True, eq=False)
class Knapp:
    """Efficiencies of machine and baseline over the zones that the baseline defines.

    Attributes:
        zones: A row a product: product, baseline_rejects, baseline_looks, machine_rejects, machine_looks, zone.
        tie: The zone of p = 0.3.
        rze_machine, rze_baseline: Mean reject probability over the reject zone; None where the zone is empty.
        rag_machine, rag_baseline: Mean reject probability over the accept and grey zones; None where both are empty.
        ratio: rze_machine / rze_baseline; None where the reject zone is empty.
    """

    zones: pd.DataFrame
    tie: Tie
    rze_machine: Fraction | None
    rze_baseline: Fraction | None
    rag_machine: Fraction | None
    rag_baseline: Fraction | None

    @property
    def ratio(self) -> Fraction | None:
        """RZE machine / RZE baseline; None where the reject zone is empty."""
        if self.rze_machine is None or self.rze_baseline is None:
            return None
        return self.rze_machine / self.rze_baseline  # a reject zone has p >= 0.7: never 0

    def products(self, *zones: str) -> pd.DataFrame:
        """The rows of these zones."""
        return self.zones[self.zones["zone"].isin(zones)]


@dataclass(frozen=True)
class SplitHalf:
    """Efficiencies with zones from one half of the baseline's looks and the baseline's own RZE from the other half.

    Attributes:
        expected_products: Mean number of products in the reject zone over all splits.
        rze_machine, rze_baseline: Means over products and splits; None where no split puts a product in the zone.
    """

    expected_products: float
    rze_machine: float | None
    rze_baseline: float | None

    @property
    def ratio(self) -> float | None:
        """RZE machine / RZE baseline; None where no split puts a product in the reject zone."""
        if self.rze_machine is None or not self.rze_baseline:
            return None
        return self.rze_machine / self.rze_baseline


def zone(rejects: ArrayLike, looks: ArrayLike, *, tie: Tie = "grey") -> NDArray[np.str_]:
    """Zone of each product: accept p < 0.3, grey, reject p >= 0.7, compared as integers.

    Args:
        rejects: int (product,), 0 <= rejects <= looks.
        looks: int (product,), looks >= 1.
        tie: Zone of p = 0.3 exactly.

    Source:
        Knapp & Kushner (1980), Journal of the Parenteral Drug Association 34(1), 14-61.

    >>> zone([33, 34, 35, 15, 14], 50).tolist()
    ['grey', 'grey', 'reject', 'grey', 'accept']
    """
    tenths, parts = 10 * np.asarray(rejects, dtype=np.int64), np.asarray(looks, dtype=np.int64)
    accepted = tenths < 3 * parts if tie == "grey" else tenths <= 3 * parts
    return np.where(tenths >= 7 * parts, REJECT, np.where(accepted, ACCEPT, GREY))


def knapp(machine: pd.DataFrame, baseline: pd.DataFrame, *, tie: Tie = "grey") -> Knapp:
    """Zones from the baseline, efficiencies of both over them.

    Args:
        machine: Columns product, rejects, runs (a table of `k_of_n`).
        baseline: The same columns, looks of all inspectors pooled, for the same products.
        tie: Zone of p = 0.3 exactly.

    Raises:
        ValueError: The tables name different products.

    Source:
        Knapp & Kushner (1980), as for `zone`; RZE is the reject zone efficiency, RAG the rate of accept and grey.

    >>> table = pd.DataFrame({"product": ["A", "B"], "rejects": [9, 1], "runs": [10, 10]})
    >>> float(knapp(table, table).ratio), float(knapp(table, table).rag_machine)
    (1.0, 0.1)
    """
    zones = _joined(machine, baseline)
    zones["zone"] = zone(zones["baseline_rejects"], zones["baseline_looks"], tie=tie)
    sure, rest = zones[zones["zone"] == REJECT], zones[zones["zone"] != REJECT]
    return Knapp(
        zones, tie, _mean(sure, "machine"), _mean(sure, "baseline"), _mean(rest, "machine"), _mean(rest, "baseline")
    )


def split_half(machine: pd.DataFrame, baseline: pd.DataFrame, *, tie: Tie = "grey") -> SplitHalf:
    """What the efficiencies are when the looks that choose the zones do not also score the baseline.

    Zones chosen with the looks that are scored favour the baseline: a product enters the reject zone by lucky looks,
    and those stay in its RZE. Here every way to halve the looks of a product is weighed by its probability, so that
    the answer has no seed and does not depend on the order of looks.

    Args:
        machine: As for `knapp`.
        baseline: As for `knapp`; products with fewer than two looks are left out.
        tie: Zone of p = 0.3 exactly.

    Source:
        Sampling without replacement: the rejects in a half are hypergeometric.

    >>> table = pd.DataFrame({"product": ["A"], "rejects": [10], "runs": [10]})
    >>> split_half(table, table)
    SplitHalf(expected_products=1.0, rze_machine=1.0, rze_baseline=1.0)
    """
    zones = _joined(machine, baseline)
    products = machine_sum = baseline_sum = 0.0
    for looks in sorted(int(value) for value in set(zones["baseline_looks"]) if value >= 2):
        rows = zones[zones["baseline_looks"] == looks]
        weight, other = split_half_weights(looks, tie=tie)
        rejects = rows["baseline_rejects"].to_numpy()
        products += float(weight[rejects].sum())
        baseline_sum += float(other[rejects].sum())
        machine_sum += float((weight[rejects] * (rows["machine_rejects"] / rows["machine_looks"]).to_numpy()).sum())
    if products == 0:
        return SplitHalf(0.0, None, None)
    return SplitHalf(products, machine_sum / products, baseline_sum / products)


def split_half_weights(looks: int, *, tie: Tie = "grey") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For 0 to `looks` rejects: probability that a half is in the reject zone, and the other half's mean p there.

    Args:
        looks: Looks of the product, >= 2; the half that chooses the zone has looks // 2.
        tie: Zone of p = 0.3 exactly.

    Returns:
        Two columns float (looks + 1,): P(reject zone), and E[p of the other half, counted only in the reject zone].
    """
    half = looks // 2
    rejects = np.arange(looks + 1)[:, None]  # (looks + 1, 1)
    drawn = np.arange(half + 1)[None, :]  # (1, half + 1)
    chance = stats.hypergeom.pmf(drawn, looks, rejects, half)  # (looks + 1, half + 1)
    chosen = np.where(zone(drawn[0], half, tie=tie) == REJECT, chance, 0.0)
    return chosen.sum(axis=1), (chosen * (rejects - drawn) / (looks - half)).sum(axis=1)


def _joined(machine: pd.DataFrame, baseline: pd.DataFrame) -> pd.DataFrame:
    """Both tables in one, ordered by product."""
    differing = sorted(set(machine["product"]) ^ set(baseline["product"]))
    if differing:
        raise ValueError(f"expected the same products for machine and baseline, got {differing[0]} in one alone")
    columns = ["product", "rejects", "runs"]
    left = baseline[columns].rename(columns={"rejects": "baseline_rejects", "runs": "baseline_looks"})
    right = machine[columns].rename(columns={"rejects": "machine_rejects", "runs": "machine_looks"})
    return left.merge(right, on="product", validate="1:1").sort_values("product", ignore_index=True)


def _mean(rows: pd.DataFrame, who: str) -> Fraction | None:
    """Exact mean of rejects / looks over the rows; None for no rows."""
    if rows.empty:
        return None
    shares = [Fraction(int(r), int(n)) for r, n in zip(rows[f"{who}_rejects"], rows[f"{who}_looks"], strict=True)]
    return sum(shares, Fraction(0)) / len(shares)
