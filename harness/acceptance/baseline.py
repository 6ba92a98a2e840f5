"""The manual inspectors scored by the machine's own rule: each one alone, and all of them pooled.

Their looks are recorded (`recorded.py`) or assumed (`assumed.py`); from here on there is no difference but the name.
"""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.acceptance.agreement import Agreement, cohen_kappa, fleiss_kappa, gwet_ac1
from harness.acceptance.assumed import assumed_looks, assumed_probabilities
from harness.acceptance.recorded import looks_source, recorded_looks
from harness.acceptance.rule import TRUTHS, k_of_n, product_counts, scaled_required

__all__ = [
    "InspectorScores",
    "MedianInspector",
    "agreement",
    "assumed_looks",
    "assumed_probabilities",
    "looks_source",
    "median_inspector",
    "pairwise_agreement",
    "recorded_looks",
    "score_inspectors",
]


@dataclass(frozen=True, eq=False)
class InspectorScores:
    """A baseline by k of n.

    Attributes:
        products: A row an inspector and product: inspector, product, truth, rejects, runs (its looks), right.
        inspectors: A row an inspector and truth: inspector, truth, right, n (products).
        pooled: A row a product, all looks together: product, truth, rejects, runs (looks), right.
        required: Right looks of one inspector that make a product right.
        pooled_required: Right looks of all together that make a product right.
    """

    products: pd.DataFrame
    inspectors: pd.DataFrame
    pooled: pd.DataFrame
    required: int
    pooled_required: int


@dataclass(frozen=True)
class MedianInspector:
    """Right products of the inspector in the middle.

    Attributes:
        truth: "defective" or "good".
        right: Median over inspectors of right products; lies between two inspectors where their number is even.
        n: Products of this truth.
        names: Inspectors whose count is nearest to the median; of two equally near, those with more right.
    """

    truth: str
    right: float
    n: int
    names: tuple[str, ...]

    @property
    def text(self) -> str:
        """Numerator / denominator.

        >>> MedianInspector("good", 118.0, 120, ("I2",)).text
        '118/120'
        """
        return f"{self.right:g}/{self.n}"


def score_inspectors(
    looks: pd.DataFrame, truths: pd.DataFrame, *, required: int = 7, runs: int = 10
) -> InspectorScores:
    """Score each inspector, and all of them pooled, by the rule `required` of `runs`.

    Another number of looks is held to the same share, rounded up: 7 of 10 is 35 of 50. The two scores differ: at
    p = .65 an inspector alone passes 51.4 % of the time, five pooled 28.0 %.

    Args:
        looks: Columns product, inspector, look, reject; every inspector has the same looks at the same products.
        truths: Columns product, truth, for the products looked at.
        required: Right runs of the machine that make a product right, 1 <= required <= runs.
        runs: Runs of the machine.

    Raises:
        ValueError: Looks and truths name different products, or inspectors differ in their looks.

    >>> looks = pd.DataFrame({"product": ["D1"] * 4, "inspector": ["I1", "I1", "I2", "I2"], "look": [1, 2, 1, 2],
    ...                       "reject": [True, True, True, False]})
    >>> truths = pd.DataFrame({"product": ["D1"], "truth": ["defective"]})
    >>> score_inspectors(looks, truths, required=2, runs=2).products[["inspector", "right"]].values.tolist()
    [['I1', True], ['I2', False]]
    """
    if set(looks["product"]) != set(truths["product"]):
        raise ValueError("looks: expected the products of the kit, each looked at, got others or too few")
    each = int(looks["look"].nunique())
    sizes = looks.groupby(["product", "inspector"]).size()
    names = sorted(set(looks["inspector"]))
    if len(sizes) != len(truths) * len(names) or (sizes != each).any():
        raise ValueError(f"looks: expected {each} looks of each inspector at each product, got fewer or more")
    named = looks.merge(truths[["product", "truth"]], on="product", validate="m:1")
    alone = scaled_required(required, runs, each)
    pooled_required = scaled_required(required, runs, each * len(names))
    tables = [
        k_of_n(rows.rename(columns={"look": "run"}), alone).assign(inspector=name)
        for name, rows in named.groupby("inspector", sort=True)
    ]
    columns = ["inspector", "product", "truth", "rejects", "runs", "right"]
    products = pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)
    runs_of_all = named["inspector"].astype(str) + "\x00" + named["look"].astype(str)
    pooled = k_of_n(named.assign(run=runs_of_all), pooled_required)
    return InspectorScores(products, _counts(products), pooled, alone, pooled_required)


def median_inspector(scores: InspectorScores, truth: str) -> MedianInspector:
    """Right products of the median inspector, for one truth; 0 of 0 where the kit has no such product.

    >>> rows = pd.DataFrame({"inspector": ["I1", "I2", "I3"], "truth": "good", "right": [118, 120, 119], "n": 120})
    >>> median_inspector(InspectorScores(rows, rows, rows, 7, 21), "good").text
    '119/120'
    """
    rows = scores.inspectors[scores.inspectors["truth"] == truth]
    right = dict(zip(rows["inspector"], rows["right"].astype(int), strict=True))
    if not right:
        return MedianInspector(truth, 0.0, 0, ())
    median = float(statistics.median(right.values()))
    nearest = min(right.values(), key=lambda count: (abs(count - median), -count))
    names = tuple(sorted(name for name, count in right.items() if count == nearest))
    return MedianInspector(truth, median, int(rows["n"].iloc[0]), names)


def agreement(scores: InspectorScores) -> tuple[Agreement, Agreement]:
    """Agreement between inspectors on what to reject by their own k of n: Fleiss' kappa and Gwet's AC1."""
    rejected = _rejected(scores)
    rejects = rejected.sum(axis=1).to_numpy()
    ratings = np.column_stack([rejected.shape[1] - rejects, rejects]).astype(np.int64)
    if len(ratings) and ratings[0].sum() < 2:
        why = "a single inspector has nobody to agree with"
        return (Agreement(None, "Fleiss' kappa", len(ratings), why), Agreement(None, "Gwet's AC1", len(ratings), why))
    return fleiss_kappa(ratings), gwet_ac1(ratings)


def pairwise_agreement(scores: InspectorScores) -> dict[tuple[str, str], Agreement]:
    """Cohen's kappa of every two inspectors on what to reject by their own k of n; empty for a single one."""
    rejected = _rejected(scores)
    pairs = {}
    for first, second in itertools.combinations(rejected.columns, 2):
        one, two = rejected[first].to_numpy(dtype=np.int64), rejected[second].to_numpy(dtype=np.int64)
        pairs[str(first), str(second)] = cohen_kappa(np.bincount(2 * one + two, minlength=4).reshape(2, 2))
    return pairs


def _rejected(scores: InspectorScores) -> pd.DataFrame:
    """Whether an inspector rejects a product in k of n looks or more: bool, a row a product, a column an inspector.

    The same for both truths, which the inspectors do not know: to be right about a good product takes k accepts.
    """
    rejected = scores.products["rejects"] >= scores.required
    return scores.products.assign(rejected=rejected).pivot(index="product", columns="inspector", values="rejected")


def _counts(products: pd.DataFrame) -> pd.DataFrame:
    rows = [
        (name, truth, *product_counts(table)[truth])
        for name, table in products.groupby("inspector", sort=True)
        for truth in TRUTHS
    ]
    return pd.DataFrame(rows, columns=["inspector", "truth", "right", "n"])
