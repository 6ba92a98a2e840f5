"""A machine against inspectors from files of looks alone: every criterion, and the verdict of those that decide."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from harness.acceptance.baseline import score_inspectors
from harness.acceptance.criteria import Rules
from harness.acceptance.knapp import knapp
from harness.acceptance.policy import evaluate_criteria, verdict, verdict_text
from harness.acceptance.rule import k_of_n, product_counts, scaled_required
from harness.errors import BaselineError
from harness.study.panel import panel_summary, panel_words


def compare(
    machine: pd.DataFrame,
    inspectors: pd.DataFrame,
    products: pd.DataFrame,
    *,
    deciding: tuple[str, ...],
    required: int = 7,
    runs: int = 10,
    rules: Rules | None = None,
) -> dict[str, Any]:
    """Put a machine's looks and inspectors' looks side by side.

    Args:
        machine: Looks of one machine at every product, product, inspector (its name), look (its run), reject.
        inspectors: Looks of a panel at the same products.
        products: Columns product, truth, criticality.
        deciding: Criteria that decide; time is in no file of looks, so no_late_run never passes.
        required: Right runs that make a product right, out of `runs`; other numbers of looks are held to the share.
        runs: Of which `required` are asked.
        rules: Tie, margins, ceiling.

    Returns:
        verdict, deciding, required (of the machine's runs), runs, products and panel in figures, knapp, criteria.

    Raises:
        BaselineError: The machine's looks name more than one machine.
        ScenarioError: `deciding` names no criterion, or one that is not there.
    """
    rules = rules or Rules()
    names = sorted(set(machine["inspector"]))
    if len(names) != 1:
        raise BaselineError("machine's looks: inspector", "one machine", ", ".join(names))
    looks = machine.rename(columns={"look": "run"}).merge(products[["product", "truth"]], on="product", validate="m:1")
    own_runs = int(looks["run"].nunique())
    own_required = scaled_required(required, runs, own_runs)
    criteria = evaluate_criteria(
        looks[["product", "truth", "run", "reject"]], inspectors, products, required=required, of=runs, rules=rules
    )
    word = verdict(criteria, deciding, None)
    table = k_of_n(looks, own_required)
    pooled = score_inspectors(inspectors, products, required=required, runs=runs).pooled
    zones = knapp(table, pooled, tie=rules.tie)
    panel = panel_summary(inspectors, products, required=required, runs=runs)
    efficiencies = {
        name: None if (value := getattr(zones, name)) is None else float(value)
        for name in ("rze_machine", "rze_baseline", "ratio", "rag_machine", "rag_baseline")
    }
    return {
        "verdict": word,
        "deciding": list(deciding),
        "machine": names[0],
        "required": own_required,
        "runs": own_runs,
        "products": {truth: {"right": c.right, "n": c.n} for truth, c in product_counts(table).items()},
        "knapp": efficiencies,
        "criteria": [{**asdict(row), "deciding": row.name in deciding} for row in criteria],
        "panel": panel,
    }


def compare_words(found: dict[str, Any]) -> str:
    """The same as a person reads it."""
    counts = found["products"]
    lines = [
        f"{verdict_text(found['verdict'], found['panel']['source'])}, decided by {', '.join(found['deciding'])}",
        f"  {found['machine']}, right by {found['required']} of {found['runs']} runs: defect detected "
        f"{counts['defective']['right']}/{counts['defective']['n']}, good accepted "
        f"{counts['good']['right']}/{counts['good']['n']}",
        *(f"  {_mark(row)} {row['name']}: {row['observed']}; {row['bound']}" for row in found["criteria"]),
    ]
    return "\n".join([*lines, panel_words(found["panel"])])


def _mark(row: dict[str, Any]) -> str:
    word = {True: "passed", False: "failed", None: "open"}[row["passed"]]
    return f"{word:<6}{'*' if row['deciding'] else ' '}"
