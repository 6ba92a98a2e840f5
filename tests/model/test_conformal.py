from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.conformal import GoodProductsError, good_only_thresholds, good_products_needed, rank_of


def products(largest: list) -> np.ndarray:
    """(product, region) to the (product, 1 run, 1 frame, 1 vial, region) that calibration takes."""
    return np.array(largest, np.float32)[:, None, None, None, :]


def rejected(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Products of which a run is rejected, by the rule that inspection decides by."""
    accepted = np.less_equal(scores, thresholds) & np.isfinite(scores)
    return ~accepted.all(axis=(1, 2, 3, 4))


def test_thresholds_of_a_worked_example() -> None:
    """Scaling half 1 to 5: median 3, unit 2. The other, 1 to 9, is -1 to 3 units out; its fourth of five is 7."""
    turns = [value for pair in zip([7, 1, 9, 3, 5], [5, 1, 4, 2, 3], strict=True) for value in pair]
    found = good_only_thresholds(products([[value] for value in turns]), alpha=0.34)
    assert (found.products, found.rank) == (5, 4)
    assert found.thresholds.tolist() == [7.0]


def test_every_region_is_as_many_units_out() -> None:
    """A region whose scores are ten times as large has a threshold ten times as high, and the same products fail."""
    one = np.random.default_rng(1).gamma(2.0, size=(60, 1))
    found = good_only_thresholds(products(np.hstack([one, 10 * one]).tolist()), alpha=0.1)
    assert found.thresholds[1] == pytest.approx(10 * found.thresholds[0], rel=1e-5)
    alone = good_only_thresholds(products(one.tolist()), alpha=0.1)
    assert alone.thresholds[0] == pytest.approx(found.thresholds[0], rel=1e-5)


@given(st.integers(1, 999).map(lambda thousandths: thousandths / 1000))
def test_the_number_that_is_needed_is_the_smallest(alpha: float) -> None:
    """With it the quantile exists, with one product less it does not; two are needed in any case, one a half."""
    needed = good_products_needed(alpha)
    upper = math.ceil(needed / 2)
    assert rank_of(alpha, upper) <= upper
    fewer = math.ceil((needed - 1) / 2)
    assert needed == 2 or rank_of(alpha, fewer) > fewer


@given(st.integers(1, 200), st.integers(1, 99).map(lambda hundredths: hundredths / 100))
def test_rank_is_that_of_the_decimal_number(count: int, alpha: float) -> None:
    """ceil((n + 1) (1 - alpha)) in whole hundredths, where floating point would now and then be one off."""
    assert rank_of(alpha, count) == -((count + 1) * (100 - round(100 * alpha)) // -100)


@given(st.integers(0, 2**32 - 1), st.integers(37, 80), st.sampled_from([0.05, 0.1, 0.3]))
def test_no_more_of_the_outlying_half_are_rejected_than_the_rank_says(seed: int, count: int, alpha: float) -> None:
    """To the last digit of a float32: exactly those beyond the rank, which are none where it is the largest."""
    scores = np.random.default_rng(seed).gamma(0.5, size=(count, 2, 3, 2, 4)).astype(np.float32)
    found = good_only_thresholds(scores, alpha=alpha)
    assert rejected(scores[0::2], found.thresholds).sum() == found.products - found.rank


def test_coverage_is_what_is_promised() -> None:
    """Over 400 calibrations and 50 further products each, (30 + 1 - 30) / 31 are rejected: the promise, and no less."""
    rng = np.random.default_rng(7)
    shares = []
    for _ in range(400):
        scores = np.exp(rng.normal(size=(110, 3, 1, 2, 4))).astype(np.float32)
        found = good_only_thresholds(scores[:60], alpha=0.05)
        assert (found.products, found.rank) == (30, 30)
        shares.append(rejected(scores[60:], found.thresholds).mean())
    assert np.mean(shares) == pytest.approx(1 / 31, abs=0.006)


def test_a_score_that_is_no_number_rejects_its_product() -> None:
    """One such product of thirty stands beyond the quantile at alpha .1; at .05 it is the quantile: an error."""
    scores = products(np.random.default_rng(3).gamma(2.0, size=(60, 2)).tolist())
    scores[0, 0, 0, 0, 1] = np.nan
    assert np.isfinite(good_only_thresholds(scores, alpha=0.1).thresholds).all()
    with pytest.raises(GoodProductsError, match=r"^good products: expected at most 0.05 of them without a finite"):
        good_only_thresholds(scores, alpha=0.05)
    scores[1::2] = np.nan
    with pytest.raises(GoodProductsError, match=r"^good products: expected finite scores in nine of ten of them"):
        good_only_thresholds(scores, alpha=0.1)


def test_too_few_products_are_refused() -> None:
    """37 are enough for one in twenty, 36 are not."""
    scores = products(np.random.default_rng(3).gamma(2.0, size=(37, 2)).tolist())
    assert good_only_thresholds(scores).rank == 19
    with pytest.raises(GoodProductsError, match=r"^good products: expected 37 or more for alpha 0\.05, got 36$"):
        good_only_thresholds(scores[1:])


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_is_a_share(alpha: float) -> None:
    """Beyond 0 and 1 there is nothing to promise."""
    with pytest.raises(ValueError, match=r"^alpha: expected a number > 0 and < 1, got"):
        good_products_needed(alpha)


def test_equal_scores_have_a_unit_too() -> None:
    """Where all products score alike the threshold is that score."""
    assert good_only_thresholds(products([[0.25, 0.0]] * 40)).thresholds.tolist() == [0.25, 0.0]
