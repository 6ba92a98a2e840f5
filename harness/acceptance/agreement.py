"""Agreement of inspectors beyond chance: Cohen, Fleiss, Gwet. A summary of verdicts, not of who was right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from statsmodels.stats import inter_rater


@dataclass(frozen=True)
class Agreement:
    """A coefficient, or why there is none.

    Attributes:
        value: At most 1.0, and 1.0 for full agreement; None where it is not defined.
        method: Whose coefficient.
        subjects: Products judged.
        why: Empty, or the reason why there is no value.
    """

    value: float | None
    method: str
    subjects: int
    why: str = ""


def cohen_kappa(table: ArrayLike) -> Agreement:
    """Agreement of two inspectors.

    Args:
        table: int (category, category), products by the first one's verdict (row) and the second one's (column).

    Source:
        Cohen (1960), Educational and Psychological Measurement 20(1), 37-46; statsmodels.

    >>> round(cohen_kappa([[13, 0, 0], [0, 20, 7], [0, 4, 56]]).value, 7)
    0.7964094
    """
    counts = _table(table)
    subjects = int(counts.sum())
    if subjects == 0:
        return Agreement(None, "Cohen's kappa", 0, "no products")
    if counts.sum(axis=0).max() == subjects and counts.sum(axis=1).max() == subjects:
        return Agreement(None, "Cohen's kappa", subjects, "each inspector gave a single verdict: chance cannot be told")
    return Agreement(float(inter_rater.cohens_kappa(counts, return_results=False)), "Cohen's kappa", subjects)


def fleiss_kappa(ratings: ArrayLike) -> Agreement:
    """Agreement of several inspectors.

    Args:
        ratings: int (product, category), how many inspectors gave the product this verdict; every row has one sum >= 2.

    Source:
        Fleiss (1971), Psychological Bulletin 76(5), 378-382; statsmodels.

    >>> round(fleiss_kappa([[0, 5], [5, 0], [1, 4]]).value, 4)
    0.7222
    """
    counts = _ratings(ratings)
    if len(counts) == 0:
        return Agreement(None, "Fleiss' kappa", 0, "no products")
    if (counts.sum(axis=0) > 0).sum() < 2:
        return Agreement(None, "Fleiss' kappa", len(counts), "every verdict is the same: chance cannot be told")
    return Agreement(float(inter_rater.fleiss_kappa(counts)), "Fleiss' kappa", len(counts))


def gwet_ac1(ratings: ArrayLike) -> Agreement:
    """Agreement of two or more inspectors that stays steady where nearly all products are of one kind.

    Args:
        ratings: As for `fleiss_kappa`.

    Source:
        Gwet (2008), British Journal of Mathematical and Statistical Psychology 61(1), 29-48: chance agreement is
        sum(share * (1 - share)) / (categories - 1).

    >>> gwet_ac1([[0, 5], [0, 5]]).value
    1.0
    """
    counts = _ratings(ratings)
    if len(counts) == 0:
        return Agreement(None, "Gwet's AC1", 0, "no products")
    raters = counts.sum(axis=1, keepdims=True)  # (product, 1)
    observed = float((counts * (counts - 1) / (raters * (raters - 1))).sum(axis=1).mean())
    share = (counts / raters).mean(axis=0)  # (category,)
    chance = float((share * (1 - share)).sum() / (counts.shape[1] - 1))
    return Agreement((observed - chance) / (1 - chance), "Gwet's AC1", len(counts))


def ratings_of(table: ArrayLike) -> NDArray[np.int64]:
    """Ratings, int (product, category), of a table of two inspectors, for `fleiss_kappa` and `gwet_ac1`.

    >>> ratings_of([[1, 0], [1, 0]]).tolist()
    [[2, 0], [1, 1]]
    """
    counts = _table(table)
    identity = np.eye(len(counts), dtype=np.int64)
    first, second = np.indices(counts.shape).reshape(2, -1)
    return np.repeat(identity[first] + identity[second], counts.reshape(-1), axis=0)


def _table(table: ArrayLike) -> NDArray[np.int64]:
    counts = np.asarray(table, dtype=np.int64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or len(counts) < 2 or (counts < 0).any():
        raise ValueError(f"table: expected counts (category, category) of at least 2, got shape {counts.shape}")
    return counts


def _ratings(ratings: ArrayLike) -> NDArray[np.int64]:
    counts = np.asarray(ratings, dtype=np.int64)
    if counts.ndim != 2 or counts.shape[1] < 2 or (counts < 0).any():
        raise ValueError(f"ratings: expected counts (product, category) of at least 2, got shape {counts.shape}")
    if len(counts) and (counts.sum(axis=1) != counts[0].sum()).any() | (counts[0].sum() < 2):
        raise ValueError("ratings: expected the same number of inspectors, at least 2, for every product")
    return counts
