"""Two results on the same products: what one has right and the other has not, with the interval of the difference.

Whether the liquid was shaken, another score used or another marker trained: the products are the same, so that each
stands against itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.acceptance.paired import Paired, mcnemar_exact, newcombe_interval, pair, tango_interval
from harness.errors import ResultError
from harness.result.stored import Stored

REGISTER = ["product", "truth", "defect", "size_um", "contrast", "vial", "region"]
RESAMPLES = 2000


@dataclass(frozen=True)
class Difference:
    """Second result minus first, for products of one truth.

    Attributes:
        truth: "defective" or "good".
        counts: Products by which result has them right (k of n runs).
        difference: Of the rates of right products.
        low: Its 95 % interval (Tango's score interval; Newcombe's where nothing is discordant).
        high: As above.
        p: McNemar, two-sided, exact.
        runs_right: Single runs right in each result.
        runs: Of so many.
        runs_difference: Of the rates of right runs.
        runs_low: Its 95 % interval, from resampled products.
        runs_high: As above.
    """

    truth: str
    counts: Paired
    difference: float
    low: float
    high: float
    p: float
    runs_right: tuple[int, int]
    runs: int
    runs_difference: float
    runs_low: float
    runs_high: float

    def in_words(self) -> str:
        """Two lines."""
        first, second = self.counts.both + self.counts.first_only, self.counts.both + self.counts.second_only
        return (
            f"{self.truth}: {first}/{self.counts.n} -> {second}/{self.counts.n} products right, difference"
            f" {self.difference:+.3f} [{self.low:+.3f}, {self.high:+.3f}]; only the first {self.counts.first_only},"
            f" only the second {self.counts.second_only}, McNemar p {self.p:.3g}\n"
            f"  single runs {self.runs_right[0]}/{self.runs} -> {self.runs_right[1]}/{self.runs}, difference"
            f" {self.runs_difference:+.3f} [{self.runs_low:+.3f}, {self.runs_high:+.3f}]"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def difference(first: Path, second: Path, *, seed: int = 7) -> list[Difference]:
    """How the second result differs from the first.

    Args:
        first: Result folder.
        second: Another, on the same products, with as many runs and the same k.
        seed: Of the resampling.

    Raises:
        ResultError: Not a result, or other products, runs or k.
    """
    one, two = Stored(first), Stored(second)
    ours, theirs = (stored.products.sort_values("product", ignore_index=True) for stored in (one, two))
    if not ours[REGISTER].equals(theirs[REGISTER]):
        raise ResultError(str(second), f"the products of {first}", "other products")
    for what, mine, others in (("runs", one.runs, two.runs), ("required", one.required, two.required)):
        if mine != others:
            raise ResultError(f"{second}: {what}", f"{mine}, as in {first}", others)
    return difference_of(ours, theirs, seed=seed)


def difference_of(first: pd.DataFrame, second: pd.DataFrame, *, seed: int = 7) -> list[Difference]:
    """How a table of products differs from another of the same products in the same order.

    Args:
        first: A row a product: truth, right, rejects, runs.
        second: As `first`.
        seed: Of the resampling.
    """
    return [
        _of(truth, first[first["truth"] == truth], second[second["truth"] == truth], seed)
        for truth in ("defective", "good")
    ]


def _of(truth: str, ours: pd.DataFrame, theirs: pd.DataFrame, seed: int) -> Difference:
    counts = pair(ours["right"].to_numpy(bool), theirs["right"].to_numpy(bool))
    turned = Paired(counts.both, counts.second_only, counts.first_only, counts.neither)  # second minus first
    interval = tango_interval(turned) if counts.first_only + counts.second_only else newcombe_interval(turned)
    right = [_right_runs(table, truth) for table in (ours, theirs)]
    runs = int(ours["runs"].sum())
    each = right[1] - right[0]
    low, high = _runs_interval(each, runs, seed)
    return Difference(
        truth, counts, turned.difference, interval.low, interval.high, mcnemar_exact(counts),
        (int(right[0].sum()), int(right[1].sum())), runs, float(each.sum()) / max(runs, 1), low, high,
    )  # fmt: skip


def _runs_interval(each: NDArray[np.int64], runs: int, seed: int) -> tuple[float, float]:
    """95 % interval of a difference of rates of right runs, of products each with its own difference.

    Products are resampled together with two more, one that differs as much as the one that does most and one by as much
    the other way: of those that would differ few have been met, perhaps none. Where none does, the share of products
    that might, Clopper-Pearson at 97.5 %, each in all of its runs.

    Source:
        Bonett & Price (2012), Adjusted Wald confidence interval for a difference of binomial proportions based on
        paired data, J. Educ. Behav. Stat. 37(4), for one more pair each way. By simulation, 500 studies each, of
        10 x 10, 60 x 2 and 120 x 10 products x runs of which 2 to 10 % differ, .97 to 1.0 of the intervals hold the
        difference, where resampling alone had .67 to .88; where most differ a little, .97 (.96).
    """
    if not len(each) or not runs:
        return 0.0, 0.0
    if not each.any():
        most = 1 - 0.025 ** (1 / len(each))
        return -most, most
    largest = int(np.abs(each).max())
    met = np.append(each, [largest, -largest])
    rng = np.random.default_rng(seed)
    drawn = met[rng.integers(len(met), size=(RESAMPLES, len(met)))].mean(axis=1) * len(each) / runs
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _right_runs(table: pd.DataFrame, truth: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    rejects = table["rejects"].to_numpy(np.int64)
    return rejects if truth == "defective" else table["runs"].to_numpy(np.int64) - rejects
