"""Laws of aggregation: from scores to a strip, from runs to a product, from products to a verdict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from harness.acceptance.knapp import knapp
from harness.acceptance.policy import evaluate_criteria, verdict
from harness.acceptance.rule import k_of_n, k_of_n_decided, look_counts, product_counts
from harness.inspection.verdict import decide
from harness.scenario import DECIDING

FINITE = st.floats(-2, 2, width=32, allow_nan=False)
TABLE_CASES = settings(max_examples=40, deadline=None)  # a table of pandas costs milliseconds
VERDICT_CASES = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a second each
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 4))


@st.composite
def scored(draw: Any, elements: Any = FINITE) -> tuple[np.ndarray, np.ndarray]:
    """Scores (frame, vial, region) and a threshold a region."""
    shape = draw(SHAPES)
    scores = draw(npst.arrays(np.float32, shape, elements=elements))
    return scores, draw(npst.arrays(np.float32, shape[2], elements=FINITE))


@given(scored(), st.data())
def test_raising_a_score_never_accepts(case: tuple[np.ndarray, np.ndarray], data: Any) -> None:
    """Raising any score never turns reject into accept."""
    scores, thresholds = case
    raised = scores + data.draw(npst.arrays(np.float32, scores.shape, elements=st.floats(0, 2, width=32)))
    assert decide(raised, thresholds).reject >= decide(scores, thresholds).reject


@given(scored(), st.data())
def test_lowering_a_threshold_never_accepts(case: tuple[np.ndarray, np.ndarray], data: Any) -> None:
    """Lowering a threshold never turns reject into accept."""
    scores, thresholds = case
    lowered = thresholds - data.draw(npst.arrays(np.float32, thresholds.shape, elements=st.floats(0, 2, width=32)))
    assert decide(scores, lowered).reject >= decide(scores, thresholds).reject


@given(scored(), st.data())
def test_order_of_frames_vials_and_regions_does_not_matter(case: tuple[np.ndarray, np.ndarray], data: Any) -> None:
    """The same patches elsewhere, regions with their thresholds: the same verdict."""
    scores, thresholds = case
    frames, vials, regions = (data.draw(st.permutations(range(n))) for n in scores.shape)
    moved = scores[frames][:, vials][:, :, regions]
    assert decide(moved, thresholds[regions]).reject == decide(scores, thresholds).reject


@given(scored(), st.data())
def test_one_rejected_patch_rejects_the_strip(case: tuple[np.ndarray, np.ndarray], data: Any) -> None:
    """However good all the others are; and its vial with it."""
    scores, thresholds = case
    frame, vial, region = (data.draw(st.integers(0, n - 1)) for n in scores.shape)
    scores = np.minimum(scores, thresholds)
    assert not decide(scores, thresholds).reject
    scores[frame, vial, region] = np.nextafter(thresholds[region], np.float32(np.inf))
    found = decide(scores, thresholds)
    assert found.reject
    assert found.patches.sum() == 1
    assert found.patches.any(axis=(0, 2)).tolist() == [v == vial for v in range(scores.shape[1])]


@given(scored(), st.sampled_from([np.nan, np.inf, -np.inf]), st.data())
def test_a_score_that_is_no_number_rejects(case: tuple[np.ndarray, np.ndarray], value: float, data: Any) -> None:
    """NaN rejects, and so does what is not finite."""
    scores, thresholds = case
    scores[tuple(data.draw(st.integers(0, n - 1)) for n in scores.shape)] = value
    found = decide(scores, thresholds)
    assert (found.reject, found.cause) == (True, "invalid_score")


@given(scored(), FINITE)
def test_equal_thresholds_are_the_max_rule(case: tuple[np.ndarray, np.ndarray], threshold: float) -> None:
    """With one threshold for all regions the strip is rejected when its largest score lies above: eq. 13."""
    scores, thresholds = case
    same = np.full_like(thresholds, threshold)
    assert decide(scores, same).reject == (scores.max() > same[0])


@st.composite
def looked_at(draw: Any, runs: int = 5) -> pd.DataFrame:
    """Looks of a machine at up to six products."""
    truths = draw(st.lists(st.sampled_from(["defective", "good"]), min_size=1, max_size=6))
    rows = []
    for number, truth in enumerate(truths):
        for run, reject in enumerate(draw(st.lists(st.booleans(), min_size=runs, max_size=runs)), start=1):
            cause = draw(st.sampled_from(["score", "late", "frame_dropped"])) if reject else ""
            rows.append((f"P{number}", truth, run, reject, cause))
    return pd.DataFrame(rows, columns=["product", "truth", "run", "reject", "cause"])


def corrected(looks: pd.DataFrame, index: int) -> pd.DataFrame:
    """The same looks with the one in this row right."""
    better = looks.copy()
    defective = better.loc[index, "truth"] == "defective"
    better.loc[index, "reject"] = defective
    better.loc[index, "cause"] = "score" if defective else ""
    return better


@TABLE_CASES
@given(looked_at(), st.integers(1, 5), st.data())
def test_one_more_right_run_never_makes_a_product_wrong(looks: pd.DataFrame, required: int, data: Any) -> None:
    """Neither in the table nor in the one without late and fault rejects."""
    better = corrected(looks, data.draw(st.integers(0, len(looks) - 1)))
    for rule in (k_of_n, k_of_n_decided):
        assert (rule(better, required)["right"] >= rule(looks, required)["right"]).all()


@TABLE_CASES
@given(looked_at(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_order_of_runs_and_products_does_not_matter(looks: pd.DataFrame, required: int, random: Any) -> None:
    """Rows in any order, runs by any number."""
    order = list(range(len(looks)))
    random.shuffle(order)
    numbers = {run: 100 - 7 * run for run in range(1, 6)}
    moved = looks.iloc[order].assign(run=lambda t: t["run"].map(numbers))
    pd.testing.assert_frame_equal(k_of_n(moved, required), k_of_n(looks, required))


@TABLE_CASES
@given(looked_at(), st.integers(1, 5))
def test_flipping_every_truth_and_every_look_swaps_the_rates(looks: pd.DataFrame, required: int) -> None:
    """Defective takes the place of good, for products and for single looks."""
    flipped = looks.assign(
        truth=looks["truth"].map({"defective": "good", "good": "defective"}), reject=~looks["reject"]
    )
    one, other = k_of_n(looks, required), k_of_n(flipped, required)
    for counts in (product_counts, look_counts):
        assert counts(one) == {"defective": counts(other)["good"], "good": counts(other)["defective"]}


@TABLE_CASES
@given(looked_at(), st.integers(1, 5))
def test_fewer_looks_are_decided_than_made(looks: pd.DataFrame, required: int) -> None:
    """The table without late and fault rejects never has more right products."""
    assert (k_of_n_decided(looks, required)["right"] <= k_of_n(looks, required)["right"]).all()


@st.composite
def compared(draw: Any) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """A machine, three inspectors with four looks each, and their kit."""
    looks = draw(looked_at())
    products = looks[["product", "truth"]].drop_duplicates(ignore_index=True)
    products["criticality"] = [draw(st.sampled_from(["critical", "major", "minor"])) for _ in range(len(products))]
    rows = [
        (product, inspector, look, look <= draw(st.integers(0, 4)))
        for product in products["product"]
        for inspector in ("A", "B", "C")
        for look in range(1, 5)
    ]
    return looks, pd.DataFrame(rows, columns=["product", "inspector", "look", "reject"]), products


@VERDICT_CASES
@given(compared(), st.data())
def test_one_more_right_run_never_turns_a_pass_into_a_fail(
    case: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], data: Any
) -> None:
    """For the verdict, and for every criterion that compares right products."""
    looks, baseline, products = case
    better = corrected(looks, data.draw(st.integers(0, len(looks) - 1)))
    before = evaluate_criteria(looks, baseline, products, required=3)
    after = evaluate_criteria(better, baseline, products, required=3)
    assert not (verdict(before, DECIDING, True) == "PASS" and verdict(after, DECIDING, True) == "FAIL")
    for one, two in zip(before, after, strict=True):
        if not one.name.startswith("knapp"):  # zones are blind to truth: a surely rejected good product counts as one
            assert not (one.passed is True and two.passed is False), (one, two)


@VERDICT_CASES
@given(compared(), st.permutations(["A", "B", "C"]), st.integers(0, 1000))
def test_permuting_products_runs_and_inspectors_changes_nothing(
    case: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], names: list[str], seed: int
) -> None:
    """Every row of every criterion, to the last digit."""
    looks, baseline, products = case
    renamed = baseline.assign(inspector=baseline["inspector"].map(dict(zip("ABC", names, strict=True))))
    moved = evaluate_criteria(
        looks.assign(run=6 - looks["run"]).sample(frac=1, random_state=seed),
        renamed.sample(frac=1, random_state=seed),
        products.sample(frac=1, random_state=seed),
        required=3,
    )
    assert moved == evaluate_criteria(looks, baseline, products, required=3)


@TABLE_CASES
@given(looked_at(), looked_at())
def test_a_machine_compared_with_itself_has_ratio_one(looks: pd.DataFrame, other: pd.DataFrame) -> None:
    """The same table on both sides: the ratio is 1 exactly, wherever there is a reject zone."""
    for table in (k_of_n(looks, 3), k_of_n(other, 3)):
        assert knapp(table, table).ratio in (None, 1)
