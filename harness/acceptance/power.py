"""Power: how often a machine of given quality passes each criterion, by simulating whole studies at once.

Counts only; the same criteria are evaluated with all their text in `policy.py`, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from harness.acceptance.criteria import CRITERIA, Rules
from harness.acceptance.intervals import exact_interval
from harness.acceptance.knapp import REJECT, split_half_weights, zone
from harness.acceptance.paired import tango_statistic
from harness.acceptance.rule import scaled_required

Passes = NDArray[np.bool_]
"""bool (replication,)."""


@dataclass(frozen=True, eq=False)
class Study:
    """A study that could be run: who sees what, and how often everyone looks.

    Attributes:
        truth: str (product,), "defective" or "good".
        criticality: str (product,); read for defective products.
        inspectors: float (product, inspector), reject probability of a look.
        machine: float (product,), reject probability of a run.
        looks: Looks of an inspector at a product, >= 1.
        runs: Runs of the machine.
        required: Right runs that make a product right.
        correlation: Between the runs of the machine at one product, in [0, 1); 0 is independent.
    """

    truth: NDArray[np.str_]
    criticality: NDArray[np.str_]
    inspectors: NDArray[np.float64]
    machine: NDArray[np.float64]
    looks: int = 10
    runs: int = 10
    required: int = 7
    correlation: float = 0.0


def study(
    products: pd.DataFrame,
    probabilities: pd.DataFrame,
    machine: ArrayLike | None = None,
    *,
    looks: int = 10,
    runs: int = 10,
    required: int = 7,
    correlation: float = 0.0,
) -> Study:
    """A study from a kit and the inspectors' reject probabilities.

    Args:
        products: Columns product, truth, criticality.
        probabilities: Columns product, inspector, probability, a row each pair (`baseline.assumed_probabilities`).
        machine: float (product,), in the order of `products`; when absent, a machine equal to the inspectors: for each
            product, the mean of their probabilities.
        looks: Looks of an inspector at a product, >= 1.
        runs: Runs of the machine.
        required: Right runs that make a product right, 1 <= required <= runs.
        correlation: Between the runs of the machine at one product, in [0, 1).

    Raises:
        ValueError: A pair is missing, a probability lies outside [0, 1], or `correlation` outside [0, 1).
    """
    grid = probabilities.pivot(index="product", columns="inspector", values="probability").reindex(products["product"])
    chances = grid.to_numpy(dtype=np.float64)
    own = chances.mean(axis=1) if machine is None else np.asarray(machine, dtype=np.float64)
    for name, values in (("probabilities", chances), ("machine", own)):
        if not ((values >= 0) & (values <= 1)).all() or len(values) != len(products):
            raise ValueError(
                f"{name}: expected a number in [0, 1] for every product and inspector, got another or none"
            )
    if not 0 <= correlation < 1:
        raise ValueError(f"correlation: expected a number in [0, 1), got {correlation}")
    truth = products["truth"].to_numpy(dtype=str)
    criticality = products["criticality"].fillna("").to_numpy(dtype=str)
    return Study(truth, criticality, chances, own, looks, runs, required, correlation)


def pass_rates(
    plan: Study, *, rng: np.random.Generator, replications: int = 1000, rules: Rules | None = None
) -> pd.DataFrame:
    """How often each criterion passes, over simulated studies.

    Args:
        plan: Who sees what.
        rng: Source of the looks.
        replications: Simulated studies, >= 1; 1000 of the standard kit take some seconds.
        rules: As for `policy.evaluate_criteria`.

    Returns:
        A row a criterion of `CRITERIA`, without no_late_run, which is of time and not of counts: criterion, passed,
        replications, rate, low, high (Clopper-Pearson 95 %). A criterion with nothing to decide on passes never.
    """
    machine, inspectors = draw_counts(plan, rng=rng, replications=replications)
    passes = evaluate(plan, machine, inspectors, rules or Rules())
    return rates_table(passes)


def rates_table(passes: Mapping[str, NDArray[np.bool_]]) -> pd.DataFrame:
    """How often each criterion passed, in the order of `CRITERIA`.

    Args:
        passes: Criterion to bool (replication,); criteria that are not in it have no row.

    Returns:
        Columns criterion, passed, replications, rate, low, high (Clopper-Pearson 95 %).
    """
    rows = []
    for name in CRITERIA:
        if name in passes:
            count, replications = int(passes[name].sum()), len(passes[name])
            interval = exact_interval(count, replications)
            rows.append((name, count, replications, count / replications, interval.low, interval.high))
    return pd.DataFrame(rows, columns=["criterion", "passed", "replications", "rate", "low", "high"])


def draw_counts(
    plan: Study, *, rng: np.random.Generator, replications: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rejects of the machine, int (replication, product), and of inspectors, int (replication, product, inspector)."""
    chances = np.broadcast_to(plan.machine, (replications, len(plan.machine)))
    machine = draw_runs(chances, plan.runs, plan.correlation, rng=rng)
    return machine, rng.binomial(plan.looks, plan.inspectors, size=(replications, *plan.inspectors.shape))


def draw_runs(
    chances: NDArray[np.float64], runs: int, correlation: float, *, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Rejects out of `runs` for each chance, of the same shape; runs at one product are alike by `correlation`.

    Source:
        Beta-binomial, as in `design.oc_curve_correlated`.
    """
    if correlation > 0:
        weight = (1 - correlation) / correlation
        inner = (chances > 0) & (chances < 1)
        safe = np.where(inner, chances, 0.5)
        chances = np.where(inner, rng.beta(safe * weight, (1 - safe) * weight), chances)
    return np.asarray(rng.binomial(runs, chances), dtype=np.int64)


def evaluate(
    plan: Study, machine: NDArray[np.int64], inspectors: NDArray[np.int64], rules: Rules
) -> Mapping[str, Passes]:
    """Each criterion on each replication of drawn counts (shapes of `draw_counts`)."""
    defective = plan.truth == "defective"
    people = plan.inspectors.shape[1]
    alone = scaled_required(plan.required, plan.runs, plan.looks)
    together = scaled_required(plan.required, plan.runs, plan.looks * people)
    pooled = inspectors.sum(axis=2)  # (replication, product)
    right = np.where(defective, machine, plan.runs - machine) >= plan.required
    right_alone = np.where(defective[:, None], inspectors, plan.looks - inspectors) >= alone
    right_together = np.where(defective, pooled, plan.looks * people - pooled) >= together
    passes: dict[str, Passes] = {}
    z = float(stats.norm.isf((1 - rules.confidence) / 2))
    for truth, rows in (("defective", defective), ("good", ~defective)):
        ours, theirs = right[:, rows].sum(axis=1), right_alone[:, rows].sum(axis=1)
        exists = bool(rows.any())
        passes[f"{truth}_median_inspector"] = exists & (ours >= np.median(theirs, axis=1))
        passes[f"{truth}_pooled_baseline"] = exists & (ours >= right_together[:, rows].sum(axis=1))
        middle = _middle(theirs)
        only, other = _discordant(right[:, rows], right_alone[:, rows])
        passes[f"mcnemar_{truth}"] = exists & _not_worse(only, other, middle, rules)
        groups = ("critical", "major", "minor") if truth == "defective" else ("good",)
        for group in groups:
            chosen = rows if group == "good" else rows & (plan.criticality == group)
            only, other = _discordant(right[:, chosen], right_alone[:, chosen])
            statistic = tango_statistic(only, other, max(int(chosen.sum()), 1), -rules.margins[group])
            shown = (statistic > z) | ~middle
            passes[f"noninferior_{group}"] = chosen.any() & shown.all(axis=1)
    return passes | _efficiencies(plan, machine, pooled, rules)


def _efficiencies(
    plan: Study, machine: NDArray[np.int64], pooled: NDArray[np.int64], rules: Rules
) -> dict[str, Passes]:
    """Knapp's criteria on each replication; integers as far as they go."""
    total = plan.looks * plan.inspectors.shape[1]
    sure = zone(pooled, total, tie=rules.tie) == REJECT
    ours, theirs = (machine * sure).sum(axis=1), (pooled * sure).sum(axis=1)
    passes = {"knapp_rze_ratio": sure.any(axis=1) & (ours * total >= theirs * plan.runs)}
    passes["knapp_rze_split_half"] = np.zeros(len(machine), dtype=bool)
    if total >= 2:
        weight, other = split_half_weights(total, tie=rules.tie)
        mine = (weight[pooled] * machine / plan.runs).sum(axis=1)
        half = other[pooled].sum(axis=1)
        passes["knapp_rze_split_half"] = (half > 0) & (mine >= half * (1 - 1e-9))
    passes["knapp_rag_ceiling"] = np.zeros(len(machine), dtype=bool)
    if rules.rag_ceiling is not None:
        rest = (~sure).sum(axis=1)
        rag = (machine * ~sure).sum(axis=1) / np.maximum(rest * plan.runs, 1)
        passes["knapp_rag_ceiling"] = (rest > 0) & (rag <= rules.rag_ceiling)
    return passes


def _middle(counts: NDArray[np.int64]) -> Passes:
    """Inspectors, bool (replication, inspector), nearest to the median, of two equally near those with more right."""
    distance = np.abs(counts - np.median(counts, axis=1, keepdims=True))
    rank = 2 * distance * (counts.max() + 1) - counts  # distances are halves of integers, so twice one outweighs counts
    nearest: Passes = rank == rank.min(axis=1, keepdims=True)
    return nearest


def _discordant(right: Passes, theirs: Passes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Products right by the machine alone and by the inspector alone, int (replication, inspector)."""
    ours = right[:, :, None]
    return (ours & ~theirs).sum(axis=1), (~ours & theirs).sum(axis=1)


def _not_worse(only: NDArray[np.int64], other: NDArray[np.int64], middle: Passes, rules: Rules) -> Passes:
    """McNemar against the inspector in the middle that the machine looks worst against."""
    # All in the middle have the same number right, so the difference is one; P is least with the fewest discordant.
    discordant = np.where(middle, only + other, np.iinfo(np.int64).max)
    worst = discordant.argmin(axis=1)[:, None]
    b, c = np.take_along_axis(only, worst, 1)[:, 0], np.take_along_axis(other, worst, 1)[:, 0]
    p = np.minimum(2 * stats.binom.cdf(np.minimum(b, c), b + c, 0.5), 1.0)
    passed: Passes = (p >= 1 - rules.confidence) | (b > c)
    return passed
