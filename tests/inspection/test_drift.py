from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from statsmodels.stats.multitest import multipletests

from harness.errors import DetectorError
from harness.inspection.drift import (
    LARGEST,
    MOST_RANKS,
    NOT_RECORDED,
    WITHOUT_SCORES,
    GoodScores,
    compare,
    distance,
    drift,
)


def strips(largest: np.ndarray, *, runs: int = 2) -> np.ndarray:
    """(product, region) to (product, run, 3 frames, 5 vials, region): the largest of the first run in one patch."""
    scores = np.zeros((len(largest), runs, 3, 5, largest.shape[1]), np.float32)
    scores[:, 0, 1, 4] = largest
    scores[:, 1:] = 1e6  # later runs are not looked at
    return scores


def drawn(count: int, *, seed: int, shift: float = 0.0, regions: int = 4) -> np.ndarray:
    """Scores of so many products, the last region shifted."""
    largest = np.random.default_rng(seed).gamma(4.0, size=(count, regions))
    largest[:, -1] += shift
    return strips(largest)


def test_every_region_as_scipy_has_it() -> None:
    """With all order statistics kept: distances and P values of scipy, corrected by statsmodels."""
    ours, theirs = drawn(40, seed=1), drawn(90, seed=2, shift=1.0)
    found = compare(GoodScores.of(ours), theirs)
    tests = [ks_2samp(ours[:, 0, 1, 4, r], theirs[:, 0, 1, 4, r], method="asymp") for r in range(4)]
    assert [row["distance"] for row in found["regions"]] == pytest.approx([test.statistic for test in tests])
    _, adjusted, _, _ = multipletests([test.pvalue for test in tests], method="holm")
    assert [row["p_holm"] for row in found["regions"]] == pytest.approx(list(adjusted), rel=1e-9)
    assert [row["median"] for row in found["regions"]] == pytest.approx(np.median(theirs[:, 0, 1, 4], axis=0))
    assert [row["calibration_median"] for row in found["regions"]] == pytest.approx(np.median(ours[:, 0, 1, 4], axis=0))
    assert found["products"] == 90


def test_the_same_products_have_not_drifted_from_themselves() -> None:
    """Also after their scores went through a file with nine digits, and where many of them are alike."""
    largest = np.random.default_rng(1).integers(1, 4, size=(60, 4)).astype(np.float32) / np.float32(3)
    scores = strips(largest)
    stored = GoodScores.read(GoodScores.of(scores).as_dict(), regions=4, where="thresholds.toml")
    assert [row["distance"] for row in compare(stored, scores)["regions"]] == [0.0] * 4


@given(
    st.lists(st.integers(0, 30), min_size=2, max_size=150),
    st.lists(st.integers(0, 30), min_size=2, max_size=60),
)
def test_what_was_left_out_never_makes_a_drift(kept: list[int], others: list[int]) -> None:
    """From fewer order statistics, and with any ties, the distance is at most that of all values; else it is that."""
    reference = GoodScores.of(strips(np.array(kept, float)[:, None]))
    assert len(reference.ranks) == min(len(kept), MOST_RANKS)
    exact = ks_2samp(kept, others, method="asymp").statistic
    found = distance(reference, 0, np.array(others, float))
    assert found <= exact + 1e-12
    if len(kept) <= MOST_RANKS:
        assert found == pytest.approx(exact)


def test_a_shift_is_noticed_and_its_region_named() -> None:
    """Half a standard deviation more than the spread in one region of four; the others are as they were."""
    found = drift(GoodScores.of(drawn(60, seed=1)).as_dict(), drawn(120, seed=2, shift=2.0), np.zeros(120, bool))
    assert found["good"]["drifted"]
    assert [row["drifted"] for row in found["good"]["regions"]] == [False, False, False, True]
    assert found["all"] == found["good"]
    assert (found["why"], found["calibration_products"]) == ("", 60)


def test_alarms_without_drift_are_as_rare_as_stated() -> None:
    """In 300 kits from the same products at most one in twenty, and a little for chance."""
    alarms = [compare(GoodScores.of(drawn(60, seed=2 * n)), drawn(120, seed=2 * n + 1))["drifted"] for n in range(300)]
    assert sum(alarms) <= 24


def test_good_products_are_told_from_all() -> None:
    """Defective ones that score high are no drift of the good ones, but one of all."""
    good, bad = drawn(120, seed=2), drawn(120, seed=3, shift=20.0)
    found = drift(
        GoodScores.of(drawn(60, seed=1)).as_dict(), np.concatenate([good, bad]), np.arange(240) >= 120
    )  # fmt: skip
    assert (found["good"]["drifted"], found["all"]["drifted"]) == (False, True)
    assert (found["good"]["products"], found["all"]["products"]) == (120, 240)


def test_no_number_is_the_largest() -> None:
    """A score that is no finite number stands above all others, and can be written down."""
    scores = drawn(5, seed=1)
    scores[3, 0, 0, 0, 2] = np.nan
    kept = GoodScores.of(scores)
    assert kept.values[2, -1] == LARGEST
    assert np.isfinite(kept.values).all()


def test_summary_comes_back_from_its_table() -> None:
    """Up to nine digits, as the file has them."""
    kept = GoodScores.of(drawn(100, seed=1))
    read = GoodScores.read(kept.as_dict(), regions=4, where="here")
    assert (read.products, read.ranks) == (100, kept.ranks)
    assert (kept.ranks[0], kept.ranks[-1], len(kept.ranks)) == (1, 100, MOST_RANKS)
    np.testing.assert_allclose(read.values, kept.values, rtol=1e-8)


@pytest.mark.parametrize(
    "change",
    [
        {"products": "many"}, {"ranks": []}, {"ranks": [1, 2]}, {"ranks": [1, 3, 2]}, {"ranks": [0, 1, 2]},
        {"products": 2}, {"values": [[1.0, 2.0, 3.0]]}, {"values": [[1.0, 3.0, 2.0]] * 2},
        {"values": [[1.0, 2.0, float("nan")]] * 2}, {"values": None}, {"ranks": None},
    ],
)  # fmt: skip
def test_a_table_that_is_none_is_refused(change: dict) -> None:
    """With one sentence that says where."""
    good = {"products": 3, "ranks": [1, 2, 3], "values": [[1.0, 2.0, 3.0]] * 2}
    assert GoodScores.read(good, regions=2, where="here").median(0) == 2.0
    with pytest.raises(DetectorError, match=r"^here: expected .*, got"):
        GoodScores.read({**good, **change}, regions=2, where="here")


def test_why_there_is_no_number() -> None:
    """Thresholds of before, faults that took scores, a kit without good products: each is said."""
    table, scores, defective = GoodScores.of(drawn(9, seed=1)).as_dict(), drawn(5, seed=2), np.ones(5, bool)
    assert drift(None, scores, defective)["why"] == NOT_RECORDED
    assert drift(table, None, defective)["why"] == WITHOUT_SCORES
    found = drift(table, scores, defective)
    assert found["good"] is None
    assert found["all"]["products"] == 5
