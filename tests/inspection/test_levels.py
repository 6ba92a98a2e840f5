from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from harness.inspection.levels import (
    Acquisitions,
    Confusion,
    auroc,
    k_of_n_table,
    paper_tables,
    region_table,
    strip_margins,
    strip_table,
)
from harness.inspection.verdict import decide

THRESHOLDS = np.array([0.5, 0.5], np.float32)


@pytest.fixture
def runs() -> Acquisitions:
    """Two products, three runs, two frames, two vials, two regions; all counted by hand below.

    The defective product has its defect in vial 0, region 1, both frames of every run: seen in both frames of run 0, in
    one of run 1, in none of run 2. Its region 0 is rejected once beside it, in vial 1 of run 2. The good product is
    rejected in run 0, in one patch of region 1.
    """
    scores = np.zeros((2, 3, 2, 2, 2), np.float32)
    patches = np.zeros(scores.shape, bool)
    patches[0, :, :, 0, 1] = True
    scores[0, 0, :, 0, 1] = 0.9
    scores[0, 1, 1, 0, 1] = 0.9
    scores[0, 2, 0, 1, 0] = 0.9
    scores[1, 0, 1, 1, 1] = 0.9
    return Acquisitions(scores, patches, np.array([True, False]))


def test_table_1_by_hand(runs: Acquisitions) -> None:
    """Patches of both regions, then vials, each decision counted once.

    Region 0 has 24 good patches, one rejected; region 1 has 6 defective, 3 found, and 18 good, one rejected. Of 12
    looks at vials 3 are defective, 2 found, and 2 of the 9 good ones are rejected.
    """
    assert region_table(runs, THRESHOLDS) == [
        Confusion(detected=0, defective=0, accepted=23, good=24),
        Confusion(detected=3, defective=6, accepted=17, good=18),
        Confusion(detected=2, defective=3, accepted=7, good=9),
    ]


def test_table_2_by_hand(runs: Acquisitions) -> None:
    """All three runs of the defective strip are rejected, one beside the defect; one of the good one's is."""
    assert strip_table(runs, THRESHOLDS) == Confusion(detected=3, defective=3, accepted=2, good=3)


@pytest.mark.parametrize(("required", "accepted"), [(1, 1), (2, 1), (3, 0)])
def test_table_3_by_hand(required: int, accepted: int, runs: Acquisitions) -> None:
    """The good product is right in two of three runs."""
    assert k_of_n_table(runs, THRESHOLDS, required) == Confusion(detected=1, defective=1, accepted=accepted, good=1)


def test_joint_scores_are_counted_once(runs: Acquisitions) -> None:
    """One score a vial and region, repeated over the frames: half the patches, defective where any frame's patch is."""
    scores = np.repeat(runs.scores.max(axis=2, keepdims=True), 2, axis=2)
    patches = runs.patches.copy()
    patches[0, :, 0] = False  # the defect lies in the second frame alone
    joint = Acquisitions(scores, patches, runs.defective, joint=True)
    assert region_table(joint, THRESHOLDS) == [
        Confusion(detected=0, defective=0, accepted=11, good=12),
        Confusion(detected=2, defective=3, accepted=8, good=9),
        Confusion(detected=2, defective=3, accepted=7, good=9),
    ]
    assert strip_table(joint, THRESHOLDS) == strip_table(runs, THRESHOLDS)


def test_a_score_that_is_no_number_is_a_reject_in_every_table(runs: Acquisitions) -> None:
    """As at the gate."""
    runs.scores[1, 1, 0, 0, 0] = np.nan
    assert region_table(runs, THRESHOLDS)[0] == Confusion(detected=0, defective=0, accepted=22, good=24)
    assert strip_table(runs, THRESHOLDS) == Confusion(detected=3, defective=3, accepted=1, good=3)
    assert k_of_n_table(runs, THRESHOLDS, 2).accepted == 0


def test_all_three_tables_have_thresholds_of_their_own(runs: Acquisitions) -> None:
    """Each table is counted at its own level, as `summary.json` has it."""
    high = np.array([1.0, 1.0], np.float32)
    tables = paper_tables(runs, {"patch": THRESHOLDS, "strip": high, "seven_of_ten": THRESHOLDS}, 2)
    assert tables["regions"]["rows"][1] == {
        "right": {"right": 20, "n": 24},
        "defect_detected": {"right": 3, "n": 6},
        "good_accepted": {"right": 17, "n": 18},
    }
    assert tables["strip"] == {
        "thresholds": [1.0, 1.0],
        "right": {"right": 3, "n": 6}, "defect_detected": {"right": 0, "n": 3}, "good_accepted": {"right": 3, "n": 3},
    }  # fmt: skip
    assert tables["k_of_n"] == {
        "thresholds": [0.5, 0.5], "required": 2,
        "right": {"right": 2, "n": 2}, "defect_detected": {"right": 1, "n": 1}, "good_accepted": {"right": 1, "n": 1},
    }  # fmt: skip


@given(st.integers(0, 2**32 - 1))
def test_tables_agree_with_the_verdict(seed: int) -> None:
    """Table 2 counts what `decide` says of every look, whatever the scores; Table 3 with one run is Table 2."""
    rng = np.random.default_rng(seed)
    scores = rng.choice([0.0, 0.5, 0.6, np.nan], (3, 1, 2, 2, 2), p=[0.6, 0.3, 0.05, 0.05]).astype(np.float32)
    defective = rng.random(3) < 0.5
    found = Acquisitions(scores, np.zeros(scores.shape, bool), defective)
    rejects = np.array([[decide(look, THRESHOLDS).reject for look in looks] for looks in scores])
    assert strip_table(found, THRESHOLDS) == Confusion.count(rejects, defective[:, None])
    assert k_of_n_table(found, THRESHOLDS, 1) == strip_table(found, THRESHOLDS)


def test_margins_by_hand() -> None:
    """The largest score over its own threshold; one that is no number is infinitely bad."""
    scores = np.array([[[[0.2, 0.3]]], [[[0.1, np.nan]]]], np.float32)
    assert strip_margins(scores, np.array([0.1, 0.6], np.float32)) == pytest.approx([2.0, np.inf])


@given(st.lists(st.integers(0, 6), min_size=1, max_size=20), st.lists(st.integers(0, 6), min_size=1, max_size=20))
def test_auroc_is_the_mann_whitney_statistic(worse: list[int], better: list[int]) -> None:
    """SciPy's U over the number of pairs, ties as a half."""
    found = auroc(np.array(worse, float), np.array(better, float))
    statistic = mannwhitneyu(worse, better, method="asymptotic").statistic if len({*worse, *better}) > 1 else None
    expected = 0.5 if statistic is None else statistic / (len(worse) * len(better))
    assert found == pytest.approx(expected)


def test_auroc_of_nothing_is_not_defined() -> None:
    """Where either side is missing there is no pair to compare."""
    some, none = np.array([1.0]), np.array([])
    assert auroc(some, none) is None
    assert auroc(none, some) is None
    assert auroc(np.array([np.inf]), some) == 1.0
