"""Laws of the acceptance case over random studies: what must change nothing, and what must never harm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.acceptance.baseline import median_inspector, score_inspectors
from harness.acceptance.criteria import Criterion, Rules
from harness.acceptance.knapp import REJECT, knapp
from harness.acceptance.policy import evaluate_criteria, verdict
from harness.acceptance.rule import k_of_n, look_counts, product_counts

OF_TRUTH = (
    "defective_median_inspector", "good_median_inspector", "defective_pooled_baseline", "good_pooled_baseline",
    "mcnemar_defective", "mcnemar_good", "noninferior_critical", "noninferior_major", "noninferior_minor",
    "noninferior_good",
)  # fmt: skip
DECIDING = ("defective_median_inspector", "good_median_inspector")
FLIPPED = {"defective": "good", "good": "defective"}
RUNS, REQUIRED = 4, 3


@dataclass(frozen=True)
class Case:
    """A small study: the kit, who rejected what in which look, and a seed for whatever is shuffled."""

    kit: pd.DataFrame
    machine: pd.DataFrame
    inspectors: pd.DataFrame
    seed: int


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One to five products of either truth or both, one to three inspectors with two or three looks."""
    truths = draw(st.lists(st.sampled_from(["defective", "good"]), min_size=1, max_size=5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    people, looks = draw(st.integers(1, 3)), draw(st.integers(2, 3))
    names = [f"P{place}" for place in range(len(truths))]
    skill = rng.random(2)  # of the machine and of the panel: from blind to sure, so that verdicts of both kinds come
    wants = [truth == "defective" for truth in truths]
    kit = pd.DataFrame(
        {
            "product": names,
            "truth": truths,
            "criticality": [rng.choice(["critical", "major", "minor"]) if want else "" for want in wants],
        }
    )
    machine = [
        (name, truth, run, (rng.random() < skill[0]) == want)
        for name, truth, want in zip(names, truths, wants, strict=True)
        for run in range(1, RUNS + 1)
    ]
    inspectors = [
        (name, f"I{who}", look, (rng.random() < skill[1]) == want)
        for name, want in zip(names, wants, strict=True)
        for who in range(people)
        for look in range(1, looks + 1)
    ]
    return Case(
        kit,
        pd.DataFrame(machine, columns=["product", "truth", "run", "reject"]),
        pd.DataFrame(inspectors, columns=["product", "inspector", "look", "reject"]),
        draw(st.integers(0, 1000)),
    )


def rows(case: Case, machine: pd.DataFrame | None = None, rules: Rules | None = None) -> dict[str, Criterion]:
    """Criteria by name."""
    looks = case.machine if machine is None else machine
    found = evaluate_criteria(looks, case.inspectors, case.kit, required=REQUIRED, rules=rules, late=0)
    return {row.name: row for row in found}


@settings(max_examples=10, deadline=None)
@given(cases())
def test_permuting_products_runs_and_inspectors_changes_nothing(case: Case) -> None:
    """Rows in any order, runs, looks and inspectors under each other's names: every criterion to the last digit."""
    rng = np.random.default_rng(case.seed)
    run = dict(zip(range(1, RUNS + 1), rng.permutation(RUNS) + 1, strict=True))
    people = sorted(set(case.inspectors["inspector"]))
    renamed = dict(zip(people, rng.permutation(people), strict=True))
    looks = sorted(set(case.inspectors["look"]))
    look = dict(zip(looks, rng.permutation(looks), strict=True))
    other = Case(
        case.kit.sample(frac=1, random_state=case.seed),
        case.machine.assign(run=case.machine["run"].map(run)).sample(frac=1, random_state=case.seed),
        case.inspectors.assign(
            inspector=case.inspectors["inspector"].map(renamed), look=case.inspectors["look"].map(look)
        ).sample(frac=1, random_state=case.seed),
        case.seed,
    )
    assert rows(case) == rows(other)


@settings(max_examples=12, deadline=None)
@given(cases())
def test_one_more_right_run_never_turns_a_pass_into_a_fail(case: Case) -> None:
    """Whichever wrong run of the machine is made right: no criterion that knows the truth is lost, nor is the PASS."""
    wants = case.machine["truth"].eq("defective")
    wrong = case.machine.index[case.machine["reject"].ne(wants)]
    if not len(wrong):
        return
    chosen = wrong[case.seed % len(wrong)]
    better = case.machine.copy()
    better.loc[chosen, "reject"] = bool(wants[chosen])
    before, after = rows(case), rows(case, better)
    lost = [name for name in OF_TRUTH if before[name].passed and not after[name].passed]
    assert lost == []
    decided = [verdict(list(found.values()), DECIDING, None) for found in (before, after)]
    assert decided != ["PASS", "FAIL"]


@settings(max_examples=25, deadline=None)
@given(cases())
def test_one_more_reject_in_the_reject_zone_never_lowers_the_ratio(case: Case) -> None:
    """Knapp knows no truth: there what counts is a reject where the inspectors reject, whatever the product is."""
    pooled = score_inspectors(case.inspectors, case.kit, required=REQUIRED, runs=RUNS).pooled
    zones = knapp(k_of_n(case.machine, REQUIRED), pooled)
    sure = case.machine["product"].isin(set(zones.products(REJECT)["product"]))
    accepted = case.machine.index[sure & ~case.machine["reject"]]
    if zones.ratio is None or not len(accepted):
        return
    better = case.machine.copy()
    better.loc[accepted[case.seed % len(accepted)], "reject"] = True
    again = knapp(k_of_n(better, REQUIRED), pooled)
    assert again.ratio is not None
    assert again.ratio > zones.ratio
    assert (again.rag_machine, again.rze_baseline) == (zones.rag_machine, zones.rze_baseline)


@settings(max_examples=25, deadline=None)
@given(cases())
def test_flipping_every_truth_and_every_look_swaps_the_two_rates(case: Case) -> None:
    """Defective for good and accept for reject: what was right stays right, and the two rates change places."""
    machine = case.machine.assign(truth=case.machine["truth"].map(FLIPPED), reject=~case.machine["reject"])
    kit = case.kit.assign(truth=case.kit["truth"].map(FLIPPED))
    looks = case.inspectors.assign(reject=~case.inspectors["reject"])
    one, two = k_of_n(case.machine, REQUIRED), k_of_n(machine, REQUIRED)
    ours = score_inspectors(case.inspectors, case.kit, required=REQUIRED, runs=RUNS)
    flipped = score_inspectors(looks, kit, required=REQUIRED, runs=RUNS)
    for truth, other in FLIPPED.items():
        assert product_counts(one)[truth] == product_counts(two)[other]
        assert look_counts(one)[truth] == look_counts(two)[other]
        assert median_inspector(ours, truth).right == median_inspector(flipped, other).right
        assert product_counts(ours.pooled)[truth] == product_counts(flipped.pooled)[other]


@settings(max_examples=10, deadline=None)
@given(cases())
def test_nothing_is_nan_whatever_the_study(case: Case) -> None:
    """One product of a class, all right, all wrong, a truth that is not there: numbers, or why there is none."""
    for row in rows(case, rules=Rules(rag_ceiling=0.2)).values():
        assert "nan" not in f"{row.observed} {row.bound} {row.note}".lower().split()
        assert all(np.isfinite(value) for value in (row.low, row.high) if value is not None)
        assert row.passed is not None or row.note
