from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.acceptance.baseline import assumed_looks
from harness.acceptance.policy import (
    CRITERIA,
    Criterion,
    Rules,
    check_deciding,
    evaluate_criteria,
    rules_of,
    verdict,
    verdict_text,
)
from harness.errors import ScenarioError
from harness.scenario import DECIDING, parse_scenario


def machine_looks(kit: pd.DataFrame, rejects: dict[str, int] | None = None, runs: int = 10) -> pd.DataFrame:
    """A machine that is right in every run, but for the rejects given by product."""
    rejects = rejects or {}
    rows = [
        (row.product, row.truth, run, run <= rejects.get(row.product, runs * (row.truth == "defective")))
        for row in kit.itertuples()
        for run in range(1, runs + 1)
    ]
    table = pd.DataFrame(rows, columns=["product", "truth", "run", "reject"])
    return table.assign(cause=table["reject"].map({True: "score", False: ""}))


def inspector_looks(kit: pd.DataFrame, seed: int = 7) -> pd.DataFrame:
    """Five assumed inspectors with ten looks each."""
    return assumed_looks(kit, inspectors=5, looks=10, seed=seed)


def rows(*args: Any, **kwargs: Any) -> dict[str, Criterion]:
    """Criteria by name."""
    return {criterion.name: criterion for criterion in evaluate_criteria(*args, **kwargs)}


def test_every_criterion_is_a_row_in_order(kit: pd.DataFrame) -> None:
    """All verdicts side by side, the default deciding ones among them, and a perfect machine passes them."""
    found = evaluate_criteria(machine_looks(kit), inspector_looks(kit), kit)
    assert tuple(criterion.name for criterion in found) == CRITERIA
    assert set(DECIDING) <= set(CRITERIA)
    assert verdict(found, DECIDING, True) == "PASS"


def test_nothing_in_a_row_is_nan(kit: pd.DataFrame) -> None:
    """Full kit, no defective, no good, one product, all wrong: text without nan, numbers finite."""
    kits = [kit, kit[kit["truth"] == "good"], kit[kit["truth"] == "defective"], kit.head(1), kit.tail(1)]
    for part in kits:
        wrong = {row.product: 0 if row.truth == "defective" else 10 for row in part.itertuples()}
        for rejects in ({}, wrong):
            for criterion in evaluate_criteria(machine_looks(part, rejects), inspector_looks(part), part):
                values = asdict(criterion)
                assert not any("nan" in str(value).lower().split() for value in values.values()), criterion
                assert all(np.isfinite(v) for v in (criterion.low, criterion.high) if v is not None), criterion
                assert criterion.passed is not None or criterion.note or "no ceiling" in criterion.bound, criterion


def test_the_median_inspector_is_a_bound_for_each_truth(kit: pd.DataFrame) -> None:
    """One right product fewer than the median inspector fails, as many passes."""
    looks = inspector_looks(kit)
    found = rows(machine_looks(kit), looks, kit)
    bound = int(found["defective_median_inspector"].bound.split("at least ")[1].split("/")[0])
    names = list(kit.loc[kit["truth"] == "defective", "product"])
    for right, passed in ((bound, True), (bound - 1, False)):
        rejects = dict.fromkeys(names[: len(names) - right], 6)
        row = rows(machine_looks(kit, rejects), looks, kit)["defective_median_inspector"]
        assert (row.numerator, row.denominator, row.passed) == (right, len(names), passed)
    assert found["good_median_inspector"].bound == "at least 30/30 (median inspector)"
    assert rows(machine_looks(kit, {"G000": 4}), looks, kit)["good_median_inspector"].passed is False


def test_without_a_truth_there_is_nothing_to_compare_and_nothing_passes(kit: pd.DataFrame) -> None:
    """Zero good products: a sentence in place of a number, and no PASS."""
    part = kit[kit["truth"] == "defective"]
    found = rows(machine_looks(part), inspector_looks(part), part)
    row = found["good_median_inspector"]
    assert (row.passed, row.observed, row.note) == (None, "0/0 (no products)", "no good products: nothing to compare")
    assert found["mcnemar_good"].passed is None
    assert verdict(list(found.values()), DECIDING, True) == "FAIL"


def test_an_empty_reject_zone_has_no_ratio(kit: pd.DataFrame) -> None:
    """A kit of good products: the baseline rejects nothing surely."""
    part = kit[kit["truth"] == "good"]
    found = rows(machine_looks(part), inspector_looks(part), part)
    assert found["knapp_rze_ratio"].note == "the baseline's reject zone is empty"
    assert found["knapp_rze_ratio"].passed is None
    assert found["knapp_rze_split_half"].passed is None


def test_jambon_fails_knapp(jambon: pd.DataFrame) -> None:
    """The published counts as single looks: ratio .7733, RAG .2222, FAIL when Knapp decides."""
    products = jambon[["product", "truth"]].assign(criticality="critical")
    ours, theirs = [], []
    for row in jambon.itertuples():
        ours += [(row.product, row.truth, run, run <= row.machine_rejects) for run in range(1, 31)]
        theirs += [(row.product, "all", look, look <= row.baseline_rejects) for look in range(1, 16)]
    machine = pd.DataFrame(ours, columns=["product", "truth", "run", "reject"])
    baseline = pd.DataFrame(theirs, columns=["product", "inspector", "look", "reject"])
    found = evaluate_criteria(machine, baseline, products, required=21, late=0)
    by_name = {criterion.name: criterion for criterion in found}
    assert by_name["knapp_rze_ratio"].observed == "0.7733 (RZE 0.7733 / 1.0000)"
    assert (by_name["knapp_rze_ratio"].numerator, by_name["knapp_rze_ratio"].denominator) == (116, 150)
    assert by_name["knapp_rag_ceiling"].observed == "RAG 0.2222 (baseline 0.0000)"
    assert (by_name["knapp_rag_ceiling"].numerator, by_name["knapp_rag_ceiling"].denominator) == (20, 90)
    assert verdict(found, ["knapp_rze_ratio"], None) == "FAIL"


def test_the_rag_ceiling_decides_only_where_it_is_set(kit: pd.DataFrame) -> None:
    """No ceiling by default."""
    args = (machine_looks(kit), inspector_looks(kit), kit)
    assert rows(*args)["knapp_rag_ceiling"].passed is None
    assert rows(*args, rules=Rules(rag_ceiling=1.0))["knapp_rag_ceiling"].passed is True
    assert rows(*args, rules=Rules(rag_ceiling=0.0))["knapp_rag_ceiling"].passed is False


def test_a_scenario_sets_the_rules_and_its_digest_tells() -> None:
    """Tie, ceiling and margins of the acceptance table reach the criteria; each of them changes the digest."""
    plain = {"name": "small", "detector": {"factory": "truth"}}
    tables: list[dict[str, Any]] = [
        {},
        {"tie": "accept"},
        {"rag_ceiling": 0.1},
        {"margins": {"critical": 0.02}},
    ]
    scenarios = [parse_scenario({**plain, "acceptance": table}, where="test") for table in tables]
    assert len({scenario.digest() for scenario in scenarios}) == len(tables)
    default, tie, ceiling, margins = (rules_of(scenario.acceptance) for scenario in scenarios)
    assert default == Rules()
    assert (tie.tie, ceiling.rag_ceiling) == ("accept", 0.1)
    assert margins.margins == {"critical": 0.02, "major": 0.05, "minor": 0.05, "good": 0.05}
    with pytest.raises(ScenarioError, match=r"acceptance\.margins\.critical: expected a number < 1, got 1\.5"):
        parse_scenario({**plain, "acceptance": {"margins": {"critical": 1.5}}}, where="test")
    with pytest.raises(ScenarioError, match=r"acceptance\.margins\.severe: expected one of critical, good"):
        parse_scenario({**plain, "acceptance": {"margins": {"severe": 0.1}}}, where="test")


def test_margins_belong_to_criticalities(kit: pd.DataFrame) -> None:
    """A perfect machine against good inspectors: few products show no margin, and the row says how many would."""
    easy = kit.assign(size_um=5000.0)
    found = rows(machine_looks(easy), inspector_looks(easy), easy)
    assert found["noninferior_major"].bound == "interval above -5 points"
    assert found["noninferior_major"].passed is False
    assert "5 points need 73 products" in found["noninferior_major"].note
    assert found["noninferior_critical"].bound == "interval above 0: no margin is granted"
    wide = Rules(margins={"critical": 0.25, "major": 0.25, "minor": 0.25, "good": 0.25})
    loose = rows(machine_looks(easy), inspector_looks(easy), easy, rules=wide)
    assert all(loose[f"noninferior_{name}"].passed for name in ("critical", "major", "minor", "good"))


def test_late_runs_are_counted_rejected_and_fail(kit: pd.DataFrame) -> None:
    """One late look fails no_late_run; without causes and without a number there is nothing to decide on."""
    looks = machine_looks(kit)
    looks.loc[0, "cause"] = "late"
    late = rows(looks, inspector_looks(kit), kit)["no_late_run"]
    assert (late.observed, late.passed) == ("1 late of 700 runs", False)
    assert (late.low, late.high) == pytest.approx((stats.beta.ppf(0.025, 1, 700), stats.beta.ppf(0.975, 2, 699)))
    plain = looks.drop(columns="cause")
    assert rows(plain, inspector_looks(kit), kit)["no_late_run"].passed is None
    assert rows(plain, inspector_looks(kit), kit, late=0)["no_late_run"].passed is True


def test_a_product_without_a_single_run_counts_as_rejected(kit: pd.DataFrame) -> None:
    """No run is dropped, not even all ten of a product."""
    looks = machine_looks(kit)
    found = rows(looks[looks["product"] != "G000"], inspector_looks(kit), kit)
    assert found["good_median_inspector"].observed == "29/30 = 96.7 %"


def test_invalid_outranks_fail_and_timing_may_be_unclaimed(kit: pd.DataFrame) -> None:
    """False timing is INVALID whatever the criteria; None says that timing is not claimed."""
    good, bad = Criterion("no_late_run", "", "", True), Criterion("no_late_run", "", "", False)
    assert [verdict([row], ["no_late_run"], False) for row in (good, bad)] == ["INVALID", "INVALID"]
    assert [verdict([row], ["no_late_run"], None) for row in (good, bad)] == ["PASS", "FAIL"]
    assert verdict([Criterion("no_late_run", "", "", None)], ["no_late_run"], True) == "FAIL"
    assert verdict_text("FAIL", "assumed") == "FAIL against assumed inspectors"
    assert verdict_text("INVALID", "assumed") == "INVALID"


def test_criteria_that_name_nothing_are_listed() -> None:
    """Every unknown name with the legal ones; and none at all."""
    with pytest.raises(ScenarioError) as caught:
        check_deciding(["sharpness", "no_late_run", "speed"])
    assert [problem.got for problem in caught.value.problems] == ["sharpness", "speed"]
    assert all(name in caught.value.problems[0].expected for name in CRITERIA)
    with pytest.raises(ScenarioError, match=r"at least one of .* got none"):
        verdict([Criterion("no_late_run", "", "", True)], [], True)
    with pytest.raises(ScenarioError, match="got good_median_inspector"):
        verdict([Criterion("no_late_run", "", "", True)], ["good_median_inspector"], False)


def test_an_unknown_criticality_is_named(kit: pd.DataFrame) -> None:
    """Product, rule, value."""
    kit.loc[0, "criticality"] = "cosmetic"
    with pytest.raises(
        ScenarioError, match="product D000: criticality: expected one of critical, major, minor, got cos"
    ):
        evaluate_criteria(machine_looks(kit), inspector_looks(kit), kit)


def test_order_and_names_change_nothing(kit: pd.DataFrame) -> None:
    """Products, runs, inspectors and looks in another order, inspectors of other names: the same rows to the digit."""
    rng = np.random.default_rng(2)
    rejects = {str(p): int(rng.integers(0, 11)) for p in kit["product"]}
    ours, theirs = machine_looks(kit, rejects), inspector_looks(kit)
    first = evaluate_criteria(ours, theirs, kit)
    names = {"I1": "Zoe", "I2": "Ann", "I3": "Max", "I4": "Ida", "I5": "Bob"}
    again = evaluate_criteria(
        ours.assign(run=11 - ours["run"]).sample(frac=1, random_state=1),
        theirs.assign(inspector=theirs["inspector"].map(names), look=11 - theirs["look"]).sample(
            frac=1, random_state=2
        ),
        kit.sample(frac=1, random_state=3),
    )
    assert first == again
