from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from model.calibration import k_of_n_thresholds, patch_thresholds, strip_thresholds


def column(*values: float) -> np.ndarray:
    """Patches of one region."""
    return np.array(values, np.float32)[:, None]


def strips(values: list) -> np.ndarray:
    """(product, run, region) to the (product, run, 1 frame, 1 vial, region) that calibration takes."""
    return np.array(values, np.float32)[:, :, None, None, :]


def runs_right(scores: np.ndarray, defective: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """How many runs of each product are right, by the rule that inspection decides by."""
    accepted = (np.less_equal(scores, thresholds) & np.isfinite(scores)).all(axis=(2, 3, 4))
    return (accepted != defective[:, None]).sum(axis=1)


def test_patches_that_can_be_told_apart_are() -> None:
    """Good at .1 and .2, defective at .4 and .6: the threshold stands in the middle of the gap, at .3."""
    found = patch_thresholds(column(0.1, 0.6, 0.2, 0.4), np.array([[False], [True], [False], [True]]))
    assert found.dtype == np.float32
    assert found == pytest.approx([0.3])


def test_each_region_has_its_own_threshold() -> None:
    """What is a defect in one region is the rule in another."""
    scores = np.array([[0.1, 0.5], [0.3, 0.9]], np.float32)
    assert patch_thresholds(scores, np.array([[False, False], [True, True]])) == pytest.approx([0.2, 0.7])


def test_overlapping_patches_cost_the_fewest_errors() -> None:
    """One good patch above two defective ones: it is given up, since that costs one error and not two."""
    scores = column(0.1, 0.2, 0.9, 0.4, 0.5)
    defective = np.array([False, False, False, True, True])[:, None]
    assert patch_thresholds(scores, defective) == pytest.approx([0.3])


def test_a_tie_goes_to_the_widest_gap() -> None:
    """Good .1, defective .2, good .3, defective .9: .15 and .6 make one error each, and .6 has more room."""
    defective = np.array([False, True, False, True])[:, None]
    assert patch_thresholds(column(0.1, 0.2, 0.3, 0.9), defective) == pytest.approx([0.6])


def test_a_tied_stretch_of_gaps_is_one_gap() -> None:
    """Good and defective at the very same score: as good below it as above, so it is one wide gap."""
    defective = np.array([False, True, False, True])[:, None]
    assert patch_thresholds(column(0.1, 0.4, 0.4, 0.9), defective) == pytest.approx([0.4], abs=0.26)
    scores = column(0.1, 0.5, 0.5, 0.8)
    found = patch_thresholds(scores, defective)
    right = ((scores > found) == defective).sum()
    assert right == 3


@pytest.mark.parametrize(("truth", "rejects"), [(False, 0), (True, 3)])
def test_one_truth_alone_is_defined(truth: bool, rejects: int) -> None:
    """All good: just above the largest score, all accepted. All defective: just below the least, all rejected."""
    scores = column(0.1, 0.2, 0.4)
    found = patch_thresholds(scores, np.full((3, 1), truth))
    assert (scores > found).sum() == rejects
    assert found == pytest.approx([0.097 if truth else 0.403])
    acquired = strips([[[0.1]], [[0.2]], [[0.4]]])
    for thresholds in (
        strip_thresholds(acquired, np.full(3, truth)),
        k_of_n_thresholds(acquired, np.full(3, truth), required=1),
    ):
        assert (runs_right(acquired, np.full(3, truth), thresholds) == 1).all()


@pytest.mark.parametrize("value", [0.0, 1.0, 1000.0])
def test_scores_that_are_all_the_same(value: float) -> None:
    """Even then the threshold lies on the right side, in float32."""
    scores = column(value, value)
    assert (scores <= patch_thresholds(scores, np.zeros((2, 1), bool))).all()
    assert (scores > patch_thresholds(scores, np.ones((2, 1), bool))).all()


def test_neighbouring_numbers_are_still_told_apart() -> None:
    """Between two float32 with nothing between them the threshold is the lower, which is accepted."""
    good = np.float32(0.3)
    defective = np.nextafter(good, np.float32(1))
    assert patch_thresholds(column(good, defective), np.array([[False], [True]])) == [good]


def test_strips_are_told_apart_by_whichever_region_shows_them() -> None:
    """Two defective strips, each seen in another region: both thresholds stand clear of the good ones."""
    scores = strips([[[0.1, 0.1]], [[0.2, 0.2]], [[0.8, 0.1]], [[0.1, 0.6]]])
    found = strip_thresholds(scores, np.array([False, False, True, True]))
    assert found == pytest.approx([0.5, 0.4])


def test_k_of_n_gives_up_runs_for_products() -> None:
    """Where single runs and products disagree, products count: two of three runs are enough for each.

    A good strip looks bad in its third run (.5); a defective one scores .4 in two runs and .1 in one. At .3
    both products are right, by two runs each; at .45 the good one would be by two runs and the defective one by none.
    """
    scores = strips([[[0.1], [0.2], [0.5]], [[0.4], [0.4], [0.1]]])
    defective = np.array([False, True])
    found = k_of_n_thresholds(scores, defective, required=2)
    assert found == pytest.approx([0.3])
    assert (runs_right(scores, defective, found) >= 2).all()


def test_what_counts_is_another_three_runs() -> None:
    """Right in 3, 2, 1, 0 of 3 runs: right in two of another three with the chances 1, 20/27, 7/27, 0.

    Good ones at .1, .1, .5 and one defective at .4, .4, .1: at .25 all are right by two runs, from .5 on the good ones
    by three and the defective one by none. That gains 7/27 a good one and loses 20/27: two good ones do not outweigh
    the defective one, three do.
    """
    for goods, expected in ((2, 0.25), (3, 0.504)):
        scores = strips([*[[[0.1], [0.1], [0.5]]] * goods, [[0.4], [0.4], [0.1]]])
        found = k_of_n_thresholds(scores, np.array([False] * goods + [True]), required=2)
        assert found == pytest.approx([expected])


def test_between_equal_products_the_most_runs_win() -> None:
    """All products are right from .1 to .6; from .3 on, every run is as well: the middle of .3 to .6."""
    scores = strips([[[0.1], [0.1], [0.3]], [[0.6], [0.6], [0.7]]])
    assert k_of_n_thresholds(scores, np.array([False, True]), required=2) == pytest.approx([0.45])


def grid(largest: np.ndarray) -> np.ndarray:
    """Every pair of thresholds that could decide differently, (n, 2)."""
    cuts = [np.concatenate([[-1.0], np.unique(largest[..., region])]) for region in range(2)]
    return np.array(list(itertools.product(*cuts)), np.float32)


@pytest.mark.parametrize("seed", range(12))
def test_no_pair_of_thresholds_is_better(seed: int) -> None:
    """Brute force over two regions and eight noisy products of three runs: nothing beats what is found."""
    rng = np.random.default_rng(seed)
    defective = rng.random(8) < 0.5
    scores = rng.random((8, 3, 1, 1, 2)).astype(np.float32)
    scores[defective] += rng.choice([0, 0.4], size=(int(defective.sum()), 1, 1, 1, 2)).astype(np.float32)
    goals: dict[Callable[..., np.ndarray], Callable[[np.ndarray], float]] = {
        strip_thresholds: lambda right: float(right.sum()),
        lambda s, d: k_of_n_thresholds(s, d, required=2): lambda right: float((np.array([0, 7, 20, 27])[right]).sum()),
    }
    for find, value in goals.items():
        best = max(value(runs_right(scores, defective, pair)) for pair in grid(scores.max(axis=(2, 3))))
        assert value(runs_right(scores, defective, find(scores, defective))) == best


@pytest.mark.parametrize("seed", range(6))
def test_no_threshold_of_a_patch_is_better(seed: int) -> None:
    """The same for single patches, with scores that repeat."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 12, (40, 1)).astype(np.float32) / 10
    defective = rng.random((40, 1)) < 0.4
    best = max(((scores > cut) == defective).sum() for cut in [-1.0, *np.unique(scores)])
    assert ((scores > patch_thresholds(scores, defective)) == defective).sum() == best


def test_a_score_that_is_no_number_counts_as_a_reject() -> None:
    """As inspection would: a good strip without a score is wrong at any threshold and pulls none along."""
    scores = strips([[[0.1]], [[np.nan]], [[0.5]], [[np.inf]]])
    defective = np.array([False, False, True, True])
    assert strip_thresholds(scores, defective) == pytest.approx([0.3])
    assert k_of_n_thresholds(scores, defective, required=1) == pytest.approx([0.3])
    assert patch_thresholds(column(0.1, np.nan, 0.5, np.inf), defective[:, None]) == pytest.approx([0.3])


def test_a_region_without_any_score_is_refused() -> None:
    """There is nothing to put a threshold between."""
    with pytest.raises(ValueError, match="scores: expected at least one finite score in each region, got none"):
        patch_thresholds(column(np.nan, np.nan), np.zeros((2, 1), bool))


def test_many_scores_are_thinned_and_still_told_apart() -> None:
    """Ten thousand distinct scores, a clear gap among them: the threshold lies in it or just beside it."""
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.uniform(0, 1, 9000), rng.uniform(1.5, 2, 1000)]).astype(np.float32)[:, None]
    defective = (np.arange(10_000) >= 9000)[:, None]
    found = patch_thresholds(scores, defective)
    assert ((scores > found) != defective).mean() < 1e-3
