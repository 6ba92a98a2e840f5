"""`summary.json`: all that a qualification concludes, from its tables. Computes with `acceptance`, formats nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.acceptance.baseline import InspectorScores, median_inspector, score_inspectors
from harness.acceptance.knapp import Tie, knapp
from harness.acceptance.policy import Criterion, evaluate_criteria, k_of_n, k_of_n_decided, rules_of, verdict
from harness.acceptance.rule import Count, look_counts, product_counts
from harness.inspection.drift import drift
from harness.inspection.levels import Acquisitions, auroc, paper_tables, strip_margins
from harness.line import Layout, kept_period, latency_summary, line_summary, timing_validity
from harness.qualification.shown import distinct_looks
from harness.result.stored import machine_looks
from harness.scenario import Scenario
from harness.strips.kit import Kit


def products_frame(kit: Kit) -> pd.DataFrame:
    """The register as a table: product, truth, defect, size_um, contrast, criticality, region, vial."""
    rows = []
    for strip in kit.strips:
        d = strip.defect
        rows.append(
            {
                "product": strip.product,
                "truth": strip.truth,
                "defect": d.kind if d else "",
                "size_um": d.size_um if d else None,
                "contrast": d.contrast if d else None,
                "criticality": d.criticality if d else "",
                "region": d.region if d else None,
                "vial": d.vial if d else None,
            }
        )
    table = pd.DataFrame(rows)
    return table.astype({"size_um": "float64", "contrast": "float64", "region": "Int64", "vial": "Int64"})


def products_table(kit: Kit, looks: pd.DataFrame, required: int) -> pd.DataFrame:
    """`products.parquet`: the register, and how often each product was rejected."""
    counts = k_of_n(looks, required)[["product", "rejects", "runs", "right"]]
    return products_frame(kit).merge(counts, on="product", how="left", validate="1:1")


def summarise(
    *,
    scenario: Scenario,
    run_id: str,
    seed: int,
    kit: Kit,
    layout: Layout,
    ledger: pd.DataFrame,
    conservation: Mapping[str, int],
    faults: list[dict[str, Any]],
    looks: pd.DataFrame,
    acquisitions: Acquisitions | None,
    levels: Mapping[str, NDArray[np.float32]],
    calibration: Mapping[str, Any],
    digests: Mapping[str, str],
    quantile: float | None,
    provenance: str,
    frames: pd.DataFrame | None,
) -> dict[str, Any]:
    """The summary of a qualification.

    Args:
        scenario: What was asked.
        run_id: Of the qualification.
        seed: Of the scenario.
        kit: Products and truth.
        layout: Of the line; gives the deadline.
        ledger: As `line` wrote it.
        conservation: Strips fed, accepted, rejected, removed and on board.
        faults: The account of injected faults, a table a kind.
        looks: The inspectors', recorded or assumed.
        acquisitions: Scores and truth in the kit's order; None where some are missing, and the paper's tables then too.
        levels: Thresholds by level.
        calibration: As in the manifest. Without `good_scores`, as before drift was looked at, nothing is said of it.
        digests: Of scenario, kit, model and thresholds.
        quantile: The timing claim; None claims nothing.
        provenance: What the pictures are.
        frames: `frames.parquet`; None where no picture was looked at, or the result is from before it was written.
    """
    required = scenario.kit.required
    machine, products = machine_looks(ledger), products_frame(kit)
    validity = timing_validity(ledger, quantile=quantile, others=kept_period(ledger), always=distinct_looks(frames))
    rules = rules_of(scenario.acceptance)
    criteria = evaluate_criteria(machine, looks, products, required=required, rules=rules, late=validity.late)
    decision = verdict(criteria, scenario.acceptance.deciding, validity.valid)
    by_product = k_of_n(machine, required)
    inspectors = score_inspectors(looks, products, required=required, runs=scenario.kit.runs)
    return {
        "scenario": scenario.name,
        "run_id": run_id,
        "seed": seed,
        "verdict": decision,
        "provenance": provenance,
        "timing": {
            "clock": scenario.line.clock,
            "slot_ms": scenario.line.slot_ms,
            "slots": validity.slots,
            "late": validity.late,
            "valid": validity.valid,
            "quantile": quantile,
            "warm_up": validity.warm_up,
            "rules": [
                {
                    "rule": r.rule,
                    "observed": str(r.observed),
                    "bound": str(r.bound),
                    "passed": r.passed,
                    "advice": r.advice,
                }
                for r in validity.rules
            ],
            "latency_ms": latency_summary(ledger, layout),
            "deadline_ms": (layout.cutoff_us - layout.last_exposure_us) / 1000.0,
        },
        "products": _counted(product_counts(by_product)),
        "products_without_late_and_fault_rejects": _counted(product_counts(k_of_n_decided(machine, required))),
        "runs": _counted(look_counts(by_product)),
        "required": required,
        "runs_each": scenario.kit.runs,
        "conservation": dict(conservation),
        "line": line_summary(ledger, layout),
        "faults": faults,
        "baseline": _baseline(scenario, looks, inspectors),
        "knapp": _knapp(by_product, inspectors, rules.tie),
        "criteria": [_criterion(row, row.name in scenario.acceptance.deciding) for row in criteria],
        "paper": paper_tables(acquisitions, levels, required) if acquisitions is not None else None,
        "auroc": _aurocs(kit, acquisitions, levels[scenario.detector.level]) if acquisitions is not None else None,
        **(_drift(calibration, kit, acquisitions) if "good_scores" in calibration else {}),
        "digests": dict(digests),
    }


def _drift(calibration: Mapping[str, Any], kit: Kit, runs: Acquisitions | None) -> dict[str, Any]:
    defective = np.array([strip.defect is not None for strip in kit.strips])
    return {"drift": drift(calibration["good_scores"], None if runs is None else runs.scores, defective)}


def _counted(counts: Mapping[str, Count]) -> dict[str, dict[str, int]]:
    return {truth: {"n": count.n, "right": count.right} for truth, count in counts.items()}


def _baseline(scenario: Scenario, looks: pd.DataFrame, scores: InspectorScores) -> dict[str, Any]:
    table = scores.inspectors
    medians = {truth: median_inspector(scores, truth) for truth in ("defective", "good")}
    return {
        "source": scenario.baseline.source,
        "inspectors": int(looks["inspector"].nunique()),
        "looks": int(looks["look"].nunique()),
        **{truth: {"n": row.n, "right": row.right} for truth, row in medians.items()},
        "pooled": _counted(product_counts(scores.pooled)),
        "each": [
            {"inspector": inspector, "truth": truth, "right": int(right), "n": int(n)}
            for inspector, truth, right, n in table[["inspector", "truth", "right", "n"]].to_numpy().tolist()
        ],
    }


def _knapp(by_product: pd.DataFrame, scores: InspectorScores, tie: Tie) -> dict[str, float | None]:
    zones = knapp(by_product, scores.pooled, tie=tie)
    values = {
        "rze_machine": zones.rze_machine, "rze_baseline": zones.rze_baseline, "ratio": zones.ratio,
        "rag_machine": zones.rag_machine, "rag_baseline": zones.rag_baseline,
    }  # fmt: skip
    return {name: None if value is None else float(value) for name, value in values.items()}


def _criterion(row: Criterion, deciding: bool) -> dict[str, Any]:
    return {
        "name": row.name, "observed": row.observed, "bound": row.bound, "passed": row.passed, "deciding": deciding,
        "numerator": row.numerator, "denominator": row.denominator,
        "low": row.low, "high": row.high, "note": row.note,
    }  # fmt: skip


def _aurocs(kit: Kit, runs: Acquisitions, thresholds: NDArray[np.float32]) -> dict[str, dict[str, Any]]:
    """Strip AUROC over single runs, of all defects and of each class against all good strips."""
    margins = strip_margins(runs.scores, thresholds)  # (product, run)
    good = margins[~runs.defective].ravel()
    kinds = np.array([strip.defect.kind if strip.defect else "" for strip in kit.strips])
    table: dict[str, dict[str, Any]] = {
        "all": {"auroc": auroc(margins[runs.defective].ravel(), good), "products": int(runs.defective.sum())}
    }
    for kind in sorted(set(kinds) - {""}):
        chosen = kinds == kind
        table[kind] = {"auroc": auroc(margins[chosen].ravel(), good), "products": int(chosen.sum())}
    return table
