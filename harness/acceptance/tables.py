"""Sub-groups: right products by class, size, region, vial or criticality, right looks by what varies between runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable

from harness.acceptance.intervals import cluster_interval, exact_interval
from harness.acceptance.rule import ENOUGH_FOR_90_95, Count
from harness.multiplicity import holm

COLUMNS = ["group", "truth", "right", "n", "shown", "low", "high", "p_value", "p_holm", "note"]


def subgroups(
    table: pd.DataFrame, products: pd.DataFrame, by: str, *, truth: str = "defective", confidence: float = 0.95
) -> pd.DataFrame:
    """Right products of each sub-group, and whether it differs from the rest of the same truth.

    Args:
        table: From `k_of_n`.
        products: The kit, with the columns product and `by`; a product without a value belongs to no group.
        by: Column to group by: defect, region, vial, criticality, or one made by `size_groups`.
        truth: Whose products are grouped.
        confidence: Of the Clopper-Pearson intervals.

    Returns:
        A row a group, in the order of its values: group, truth, right, n, shown (text: a class with fewer than 29
        products carries no percentage), low, high, p_value (Fisher exact, the group against the others), p_holm
        (corrected for the number of groups), note. Never NaN; P is 1 where there is nothing to compare with.

    Source:
        Fisher (1934); Holm (1979), Scandinavian Journal of Statistics 6(2), 65-70.

    >>> table = pd.DataFrame({"product": ["A", "B"], "truth": "defective", "right": [True, False]})
    >>> kit = pd.DataFrame({"product": ["A", "B"], "defect": ["burn", "bump"]})
    >>> subgroups(table, kit, "defect")[["group", "shown", "p_holm"]].values.tolist()
    [['bump', '0/1 (insufficient n for 90/95)', 1.0], ['burn', '1/1 (insufficient n for 90/95)', 1.0]]
    """
    if by not in products:
        raise ValueError(f"by: expected a column of the kit ({', '.join(map(str, products.columns))}), got {by}")
    rows = table[table["truth"] == truth].merge(products[["product", by]], on="product", validate="1:1")
    rows = rows[rows[by].notna() & rows[by].astype(str).ne("")]
    total = Count(int(rows["right"].sum()), len(rows))
    found = []
    for group, members in rows.groupby(by, sort=True, observed=True):
        count = Count(int(members["right"].sum()), len(members))
        interval = exact_interval(count.right, count.n, confidence=confidence)
        note = "" if count.n >= ENOUGH_FOR_90_95 else "insufficient n for 90/95"
        found.append(
            (group_name(group), truth, *count, count.text, interval.low, interval.high, _fisher(count, total), note)
        )
    frame = pd.DataFrame(found, columns=[name for name in COLUMNS if name != "p_holm"])
    frame["p_holm"] = np.array(holm(frame["p_value"].tolist()))
    return frame[COLUMNS]


def look_subgroups(looks: pd.DataFrame, by: str, *, rng: np.random.Generator, bins: int = 3) -> pd.DataFrame:
    """Right looks by something that changes from run to run, and whether it matters within the products.

    Args:
        looks: A row a look of one truth: product, right (bool), and `by`, a number.
        by: Column that is cut into groups of about equal numbers of looks, as far as equal values allow.
        rng: Source of the resamples of `cluster_interval`.
        bins: Groups; fewer where too few values differ.

    Returns:
        A row a group, low values first: low_value, high_value, right, n, low, high (95 %, products resampled),
        p_value (Cochran-Mantel-Haenszel, the group against the others, a stratum a product, so that a product's own
        difficulty cancels), p_holm. Never NaN; P is 1 where no product has looks of both kinds in and out of the group.

    Source:
        Mantel & Haenszel (1959), JNCI 22(4), 719-748, without continuity correction; Holm (1979).
    """
    values = looks[by].to_numpy(dtype=np.float64)
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf"))
    found = []
    for _, members in looks.groupby(np.searchsorted(edges, values), sort=True):
        inside = looks.index.isin(members.index)
        per_product = members.groupby("product")["right"].agg(["sum", "size"])
        bounds = cluster_interval(per_product["size"] - per_product["sum"], per_product["size"], rng=rng)
        found.append({
            "low_value": float(members[by].min()), "high_value": float(members[by].max()),
            "right": int(members["right"].sum()), "n": len(members),
            "low": 1.0 - bounds.high, "high": 1.0 - bounds.low,
            "p_value": _mantel_haenszel(looks["product"], looks["right"].to_numpy(bool), inside),
        })  # fmt: skip
    frame = pd.DataFrame(found)
    frame["p_holm"] = np.array(holm(frame["p_value"].tolist()))
    return frame


def _mantel_haenszel(strata: pd.Series[str], right: NDArray[np.bool_], inside: NDArray[np.bool_]) -> float:
    """P of no difference between right looks inside and outside of a group, a 2 x 2 table a stratum."""
    cells = pd.DataFrame({"a": right & inside, "b": right & ~inside, "c": ~right & inside, "d": ~right & ~inside})
    counts = cells.groupby(strata.to_numpy()).sum()
    telling = np.logical_and.reduce([counts[one] + counts[other] > 0 for one, other in ("ab", "cd", "ac", "bd")])
    if not telling.any():
        return 1.0
    tables = counts[telling].to_numpy(float).reshape(-1, 2, 2).transpose(1, 2, 0)
    return float(StratifiedTable(tables).test_null_odds(correction=False).pvalue)


def size_groups(sizes_um: pd.Series[float], bins: int = 4) -> pd.Series[str]:
    """Names of groups of about equal numbers by size; empty text where there is no size.

    >>> size_groups(pd.Series([100.0, 200.0, 300.0, 400.0, None]), 2).tolist()
    ['1: 100-200 um', '1: 100-200 um', '2: 300-400 um', '2: 300-400 um', '']
    """
    known = sizes_um.dropna().astype(float)
    names = pd.Series("", index=sizes_um.index, dtype=object)
    if known.empty:
        return names
    number = pd.qcut(known.rank(method="dense"), min(bins, known.nunique()), labels=False, duplicates="drop")
    for place, (_, members) in enumerate(known.groupby(number), start=1):
        names[members.index] = f"{place}: {members.min():.0f}-{members.max():.0f} um"
    return names


def _fisher(group: Count, total: Count) -> float:
    rest = Count(total.right - group.right, total.n - group.n)
    if rest.n == 0:
        return 1.0
    table = np.array([[group.right, group.n - group.right], [rest.right, rest.n - rest.right]])
    return float(stats.fisher_exact(table).pvalue)


def group_name(value: object) -> str:
    """A whole number that a gap in its column made a float is shown as the whole number it was."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
