"""The policy: looks of machine and inspectors in, criteria and a verdict out. A pure function of counts.

The rule for one product is in `rule.py`, each row in `criteria.py`; here they are put together and decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from harness.acceptance.baseline import score_inspectors
from harness.acceptance.criteria import (
    CRITERIA,
    MARGINS,
    Criterion,
    Rules,
    late_row,
    mcnemar_row,
    median_row,
    noninferiority_row,
    pairs_with_median,
    pooled_row,
    rag_row,
    rules_of,
    rze_row,
    split_half_row,
)
from harness.acceptance.knapp import knapp, split_half
from harness.acceptance.rule import TRUTHS, k_of_n, k_of_n_decided, scaled_required, with_missing_runs
from harness.errors import Problem, ScenarioError

__all__ = [
    "CRITERIA",
    "MARGINS",
    "Criterion",
    "Rules",
    "Verdict",
    "check_deciding",
    "evaluate_criteria",
    "k_of_n",
    "k_of_n_decided",
    "rules_of",
    "verdict",
    "verdict_text",
]

Verdict = Literal["PASS", "FAIL", "INVALID"]

CRITICALITIES = ("critical", "major", "minor")
RESAMPLING_SEED = 1980  # the bootstrap's own; intervals repeat to the last digit whatever the scenario's seed


def evaluate_criteria(
    machine_looks: pd.DataFrame,
    baseline_looks: pd.DataFrame,
    products: pd.DataFrame,
    *,
    required: int = 7,
    of: int | None = None,
    rules: Rules | None = None,
    late: int | None = None,
) -> tuple[Criterion, ...]:
    """All criteria side by side, in the order of `CRITERIA`.

    A run of the machine without a row for a product is a reject. Inspectors are held to the same share of their looks
    as the machine of its runs. Paired rows compare with the median inspector; where several are in the middle, with
    the one that the machine looks worst against. The order of rows and the names of inspectors change nothing.

    Args:
        machine_looks: Columns product, truth, run, reject and optionally cause; no warm-up strips.
        baseline_looks: Columns product, inspector, look, reject, for every product of the kit.
        products: The kit: product, truth, and criticality (critical, major or minor) of the defective ones.
        required: Right runs that make a product right.
        of: How many runs `required` is out of; those of `machine_looks` when absent. Where machine or inspectors have
            other numbers, each is held to the same share of its own, rounded up.
        rules: Ties, margins, ceiling, confidence; the defaults of `Rules` when absent.
        late: Late runs of the kit's strips; when absent, looks with cause "late" are counted.

    Raises:
        ValueError: A look at a product outside the kit, two of one product in one run, inspectors whose looks differ.
        ScenarioError: A defective product of another criticality.

    Source:
        The five verdicts of the acceptance specification; each row's formula is cited where it stands.
    """
    rules = rules or Rules()
    _check_criticality(products)
    looks = with_missing_runs(machine_looks, products)
    runs = int(looks["run"].nunique())
    of = of or runs
    table = k_of_n(looks, scaled_required(required, of, runs))
    scores = score_inspectors(baseline_looks, products, required=required, runs=of)
    zones = knapp(table, scores.pooled, tie=rules.tie)
    rng = np.random.default_rng(RESAMPLING_SEED)
    if late is None and "cause" in machine_looks:
        late = int(machine_looks["cause"].eq("late").sum())
    groups = {truth: set(products.loc[products["truth"] == truth, "product"]) for truth in TRUTHS}
    pairs = {truth: pairs_with_median(table, scores, truth, groups[truth]) for truth in TRUTHS}
    critical = {
        name: set(products.loc[products["truth"].eq("defective") & products["criticality"].eq(name), "product"])
        for name in CRITICALITIES
    }
    return (
        *(median_row(table, scores, truth, rules) for truth in TRUTHS),
        *(pooled_row(table, scores, truth, rules) for truth in TRUTHS),
        rze_row(zones, rules, rng),
        split_half_row(split_half(table, scores.pooled, tie=rules.tie)),
        rag_row(zones, rules, rng),
        *(mcnemar_row(pairs[truth], truth, rules) for truth in TRUTHS),
        *(
            noninferiority_row(pairs_with_median(table, scores, "defective", critical[name]), name, rules)
            for name in CRITICALITIES
        ),
        noninferiority_row(pairs["good"], "good", rules),
        late_row(late, len(looks)),
    )


def verdict(criteria: Sequence[Criterion], deciding: Iterable[str], timing_valid: bool | None) -> Verdict:
    """PASS, FAIL or INVALID.

    INVALID outranks FAIL. A deciding criterion with nothing to decide on (`passed` is None) is not shown, and what is
    not shown does not pass.

    Args:
        criteria: All rows.
        deciding: Names of those that decide, at least one.
        timing_valid: False, also where runs shared their pictures, makes the verdict INVALID; None means that timing is
            not claimed.

    Raises:
        ScenarioError: `deciding` is empty or names a criterion that is not there; the legal names are listed.

    >>> verdict([Criterion("no_late_run", "0 late", "0 late", True)], ["no_late_run"], True)
    'PASS'
    """
    names = tuple(deciding)
    check_deciding(names, tuple(criterion.name for criterion in criteria))
    if timing_valid is False:
        return "INVALID"
    passed = all(criterion.passed is True for criterion in criteria if criterion.name in names)
    return "PASS" if passed else "FAIL"


def check_deciding(deciding: Iterable[str], legal: Sequence[str] = CRITERIA) -> None:
    """Raise a `ScenarioError` that lists the legal names, unless every name is one of them and there is one at all.

    >>> check_deciding(["sharpness"], ["no_late_run"])
    Traceback (most recent call last):
    harness.errors.ScenarioError: acceptance.deciding: expected one of no_late_run, got sharpness
    """
    expected = f"one of {', '.join(legal)}"
    names = tuple(deciding)
    problems = [Problem("acceptance.deciding", expected, name) for name in names if name not in legal]
    if not names:
        problems = [Problem("acceptance.deciding", f"at least {expected}", "none")]
    if problems:
        raise ScenarioError.listing(problems)


def verdict_text(word: Verdict, source: str) -> str:
    """The verdict as it is shown: it says so when the inspectors are assumed.

    >>> verdict_text("PASS", "assumed"), verdict_text("PASS", "recorded")
    ('PASS against assumed inspectors', 'PASS')
    """
    return f"{word} against assumed inspectors" if source == "assumed" and word != "INVALID" else word


def timing_text(*, valid: bool | None, quantile: float | None) -> str:
    """The verdict on the timing as it is shown; without a claim there is none, whatever else makes a run invalid.

    >>> timing_text(valid=False, quantile=0.99), timing_text(valid=False, quantile=None)
    ('INVALID', 'NOT CLAIMED')
    """
    if quantile is None:
        return "NOT CLAIMED"
    return "VALID" if valid else "INVALID"


def _check_criticality(products: pd.DataFrame) -> None:
    defective = products[products["truth"] == "defective"]
    strange = defective[~defective["criticality"].isin(CRITICALITIES)]
    if len(strange):
        expected = f"one of {', '.join(CRITICALITIES)}"
        rows = zip(strange["product"], strange["criticality"], strict=True)
        raise ScenarioError.listing([Problem(f"product {p}: criticality", expected, str(got)) for p, got in rows])
