from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.acceptance.baseline import assumed_probabilities
from harness.acceptance.design import oc_curve_correlated
from harness.acceptance.policy import CRITERIA, Rules, evaluate_criteria
from harness.acceptance.power import Study, draw_counts, evaluate, pass_rates, study


def plan_of(kit: pd.DataFrame, inspectors: int = 5, **choices: float) -> Study:
    """A study of the kit with assumed inspectors and a machine equal to them."""
    return study(kit, assumed_probabilities(kit, inspectors=inspectors, seed=7), **choices)  # type: ignore[arg-type]


def as_looks(kit: pd.DataFrame, counts: np.ndarray, runs: int) -> pd.DataFrame:
    """Single looks of the machine from rejects a product."""
    rows = [
        (row.product, row.truth, run, run <= rejects)
        for row, rejects in zip(kit.itertuples(), counts, strict=True)
        for run in range(1, runs + 1)
    ]
    return pd.DataFrame(rows, columns=["product", "truth", "run", "reject"])


def as_inspector_looks(kit: pd.DataFrame, counts: np.ndarray, looks: int) -> pd.DataFrame:
    """Single looks of inspectors from rejects a product and inspector."""
    rows = [
        (product, f"I{i}", look, look <= counts[p, i])
        for p, product in enumerate(kit["product"])
        for i in range(counts.shape[1])
        for look in range(1, looks + 1)
    ]
    return pd.DataFrame(rows, columns=["product", "inspector", "look", "reject"])


@pytest.mark.parametrize("inspectors", [5, 4])
def test_power_decides_as_the_policy_does(kit: pd.DataFrame, inspectors: int) -> None:
    """On the same counts every criterion passes here exactly where it passes in `evaluate_criteria`."""
    kit = kit.iloc[::2].reset_index(drop=True)
    margins = {"critical": 0.4, "major": 0.3, "minor": 0.35, "good": 0.3}
    rules = Rules(rag_ceiling=0.1, margins=margins, confidence=0.8)
    plan = replace(plan_of(kit, inspectors), looks=6, runs=5, required=3)
    machine, people = draw_counts(plan, rng=np.random.default_rng(1), replications=8)
    passes = evaluate(plan, machine, people, rules)
    seen = set()
    for r in range(8):
        looks = as_inspector_looks(kit, people[r], 6)
        for row in evaluate_criteria(as_looks(kit, machine[r], 5), looks, kit, required=3, rules=rules, late=0):
            if row.name in passes:
                assert bool(passes[row.name][r]) is row.passed, (r, row)
                seen.add((row.name, row.passed))
    assert {name for name, _ in seen} == set(CRITERIA) - {"no_late_run"}
    assert len(seen) > len(CRITERIA)  # some criteria both passed and failed


def test_a_perfect_machine_and_a_blind_one(kit: pd.DataFrame) -> None:
    """What is always right passes the rules of counts; what never rejects misses the defective ones."""
    probabilities = assumed_probabilities(kit, inspectors=5, seed=7)
    truth = kit["truth"].eq("defective").to_numpy(dtype=float)
    perfect = pass_rates(study(kit, probabilities, truth), rng=np.random.default_rng(1), replications=50)
    rates = perfect.set_index("criterion")["rate"]
    assert (
        rates[["defective_median_inspector", "good_median_inspector", "knapp_rze_ratio", "mcnemar_defective"]] == 1
    ).all()
    blind = pass_rates(study(kit, probabilities, 0 * truth), rng=np.random.default_rng(1), replications=50)
    rates = blind.set_index("criterion")["rate"]
    assert (rates[["defective_median_inspector", "knapp_rze_ratio", "mcnemar_defective"]] == 0).all()
    assert not blind.isna().any().any()


def test_correlated_runs_follow_the_beta_binomial(kit: pd.DataFrame) -> None:
    """A product seen nine times of ten, with correlation .3, is right as often as theory says."""
    plan = replace(plan_of(kit.head(1), correlation=0.3), machine=np.array([0.9]))
    machine, _ = draw_counts(plan, rng=np.random.default_rng(2), replications=20000)
    assert (machine[:, 0] >= 7).mean() == pytest.approx(float(oc_curve_correlated(0.9, 0.3)), abs=0.008)
    certain = replace(plan, machine=np.array([1.0]))
    assert (draw_counts(certain, rng=np.random.default_rng(2), replications=10)[0] == 10).all()


def test_a_kit_without_a_truth_passes_nothing_of_it(kit: pd.DataFrame) -> None:
    """No good products: its criteria never pass, and nothing is NaN."""
    table = pass_rates(plan_of(kit[kit["truth"] == "defective"]), rng=np.random.default_rng(1), replications=20)
    assert table.set_index("criterion").loc["good_median_inspector", "passed"] == 0
    assert not table.isna().any().any()


def test_arguments_outside_their_range_are_named(kit: pd.DataFrame) -> None:
    """A missing pair, a probability above one, full correlation."""
    probabilities = assumed_probabilities(kit, inspectors=2, seed=1)
    with pytest.raises(ValueError, match="probabilities: expected"):
        study(kit, probabilities.iloc[1:])
    with pytest.raises(ValueError, match="machine: expected"):
        study(kit, probabilities, np.full(len(kit), 1.5))
    with pytest.raises(ValueError, match="correlation: expected"):
        study(kit, probabilities, correlation=1.0)


@pytest.mark.slow
def test_a_machine_equal_to_the_inspectors() -> None:
    """How often each criterion passes it: the plain Knapp rule less than half of the time, split halves about half."""
    rng = np.random.default_rng(3)
    n, m = 141, 120
    kit = pd.DataFrame(
        {
            "product": [f"D{i}" for i in range(n)] + [f"G{i}" for i in range(m)],
            "truth": ["defective"] * n + ["good"] * m,
            "defect": ["stuck_particle"] * n + [""] * m,
            "size_um": [*np.exp(rng.uniform(np.log(150), np.log(1200), n)), *[None] * m],
            "contrast": [0.3] * n + [None] * m,
            "criticality": [("critical", "major", "minor")[i % 3] for i in range(n)] + [""] * m,
        }
    )
    table = pass_rates(plan_of(kit), rng=rng, replications=1000).set_index("criterion")
    rate = table["rate"]
    assert 0.2 < rate["knapp_rze_ratio"] <= 0.5
    assert 0.45 < rate["knapp_rze_split_half"] < 0.6
    assert rate["mcnemar_defective"] > 0.95
    assert rate["good_median_inspector"] > 0.99
    assert 0.3 < rate["defective_median_inspector"] < 0.9
