"""The k-of-n rule: looks of a product to one word, right or wrong. Knows nothing of who looked.

`policy.py` compares what comes out of here with the inspectors.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

TRUTHS = ("defective", "good")
ENOUGH_FOR_90_95 = 29
"""Products without a failure that show 90 % with 95 % confidence: 0.9 ** 29 < 0.05 <= 0.9 ** 28."""


class Count(NamedTuple):
    """How many of how many were right.

    >>> Count(137, 141).text, Count(12, 13).text, Count(0, 0).text
    ('137/141 = 97.2 %', '12/13 (insufficient n for 90/95)', '0/0 (no products)')
    """

    right: int
    n: int

    @property
    def text(self) -> str:
        """Numerator / denominator, and a percentage where n carries one."""
        if self.n == 0:
            return "0/0 (no products)"
        if self.n < ENOUGH_FOR_90_95:
            return f"{self.right}/{self.n} (insufficient n for 90/95)"
        return f"{self.right}/{self.n} = {100 * self.right / self.n:.1f} %"


def k_of_n(looks: pd.DataFrame, required: int) -> pd.DataFrame:
    """Count the looks of each product: right when at least `required` of its runs are right.

    A run that has no row for a product counts as a reject, and so does a look without a verdict: no run is dropped.

    Args:
        looks: Columns product, truth ("defective" or "good"), run, reject (bool).
        required: Right runs that make a product right, 1 <= required <= number of runs in the table.

    Returns:
        One row a product, ordered by product: product, truth, rejects, runs, right.

    Raises:
        ValueError: A product looked at twice in one run, of two truths, of no known truth; `required` out of range.

    Source:
        Section 7 of the paper: at least 7 of 10 runs.

    >>> looks = pd.DataFrame({"product": ["D1"] * 3, "truth": ["defective"] * 3, "run": [1, 2, 3],
    ...                       "reject": [True, True, False]})
    >>> k_of_n(looks, 2).iloc[0].to_dict()
    {'product': 'D1', 'truth': 'defective', 'rejects': 2, 'runs': 3, 'right': True}
    """
    runs = _check(looks, required)
    accepts = _accepts(looks)
    table = _truths(looks)
    table["rejects"] = runs - accepts.reindex(table["product"]).to_numpy()
    table["runs"] = runs
    return _with_right(table, required)


def k_of_n_decided(looks: pd.DataFrame, required: int) -> pd.DataFrame:
    """The same table with only the looks that the detector decided: late, missing and fault rejects left out.

    `required` stays what it was, so a defective product earns nothing from rejects that came late: a machine that is
    always late gets all its defective products right in `k_of_n`, and none here.

    Args:
        looks: As for `k_of_n`; a column cause, if there, is "score" for a reject that the detector decided.
        required: As for `k_of_n`.

    Returns:
        As `k_of_n`; `runs` is the number of decided looks of the product.
    """
    _check(looks, required)
    accepted = looks["reject"].eq(False)
    decided = accepted if "cause" in looks else pd.Series(True, index=looks.index)
    if "cause" in looks:
        decided = accepted | looks["cause"].eq("score")
    table = _truths(looks)
    seen = decided.groupby(looks["product"]).sum().reindex(table["product"]).to_numpy()
    table["rejects"] = seen - _accepts(looks).reindex(table["product"]).to_numpy()
    table["runs"] = seen
    return _with_right(table, required)


def with_missing_runs(looks: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Add a reject, cause "missing", for every product of the kit and run of the table that has no row.

    Raises:
        ValueError: A look names a product that is not in the kit.
    """
    unknown = sorted(set(looks["product"]) - set(products["product"]))
    if unknown:
        raise ValueError(f"looks: expected products of the kit, got {', '.join(map(str, unknown[:5]))}")
    seen = pd.MultiIndex.from_frame(looks[["product", "run"]])
    wanted = pd.MultiIndex.from_product([products["product"], sorted(set(looks["run"]))], names=["product", "run"])
    absent = wanted.difference(seen).to_frame(index=False)
    if absent.empty:
        return looks
    absent = absent.merge(products[["product", "truth"]], on="product").assign(reject=True, cause="missing")
    if "cause" not in looks:
        looks = looks.assign(cause=looks["reject"].eq(False).map({True: "", False: "score"}))
    return pd.concat([looks, absent], ignore_index=True)


def scaled_required(required: int, runs: int, looks: int) -> int:
    """The same rule for another number of looks: the smallest count whose share is at least required / runs.

    >>> scaled_required(7, 10, 50), scaled_required(7, 10, 9), scaled_required(2, 3, 10)
    (35, 7, 7)
    """
    return -(-required * looks // runs)


def product_counts(table: pd.DataFrame) -> dict[str, Count]:
    """Right products and products of each truth, from a table of `k_of_n`."""
    return {truth: Count(int(rows["right"].sum()), len(rows)) for truth, rows in _by_truth(table)}


def look_counts(table: pd.DataFrame) -> dict[str, Count]:
    """Right single looks and looks of each truth, from a table of `k_of_n`."""
    counts = {}
    for truth, rows in _by_truth(table):
        looks, rejects = int(rows["runs"].sum()), int(rows["rejects"].sum())
        counts[truth] = Count(rejects if truth == "defective" else looks - rejects, looks)
    return counts


def _by_truth(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(truth, table[table["truth"] == truth]) for truth in TRUTHS]


def _check(looks: pd.DataFrame, required: int) -> int:
    """Number of runs in the table, after the checks of `k_of_n`."""
    runs = int(looks["run"].nunique())
    if len(looks) and not 1 <= required <= runs:
        raise ValueError(f"required: expected 1 to {runs} (runs in the table), got {required}")
    twice = looks.duplicated(["product", "run"])
    if twice.any():
        first = looks[twice].iloc[0]
        raise ValueError(f"looks: expected one look a product and run, got two of {first['product']} in {first['run']}")
    strange = sorted(set(map(str, looks["truth"])) - set(TRUTHS))
    if strange:
        raise ValueError(f"looks: expected truth defective or good, got {strange[0]}")
    return runs


def _truths(looks: pd.DataFrame) -> pd.DataFrame:
    table = looks[["product", "truth"]].drop_duplicates().sort_values("product", ignore_index=True)
    if table["product"].duplicated().any():
        name = table.loc[table["product"].duplicated(), "product"].iloc[0]
        raise ValueError(f"looks: expected one truth a product, got two for {name}")
    return table


def _accepts(looks: pd.DataFrame) -> pd.Series[int]:
    """Accepts a product; a look without a verdict is no accept."""
    return looks["reject"].eq(False).groupby(looks["product"]).sum().astype(int)


def _with_right(table: pd.DataFrame, required: int) -> pd.DataFrame:
    defective = table["truth"].eq("defective")
    right_runs = table["rejects"].where(defective, table["runs"] - table["rejects"])
    return table.astype({"rejects": int, "runs": int}).assign(right=right_runs >= required)
