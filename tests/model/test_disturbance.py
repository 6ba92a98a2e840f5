from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import disturbance
from model.config import CELL_PX
from model.disturbance import MOST, NOISE, SEEN_ABOVE, SPOT_SIDE_PX, disturb, seen
from model.marker_trainer import KINDS

GREY = np.full((3, 256, 256), 0.6, np.float32)
DARK = np.full((3, 256, 256), 51, np.uint8)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_perturbed_stack_stays_a_picture(seed: int) -> None:
    """Whatever is drawn: values stay in [0, 1], the original is not touched, and a cell is marked where it changed.

    What noise is put back comes after that, and on an even grey it can only hide or add a few cells.
    """
    before = GREY.copy()
    after, marked = disturb(before, DARK, rng=np.random.default_rng(seed), kinds=KINDS)
    assert (before == GREY).all()
    assert (after.shape, after.dtype) == (GREY.shape, np.float32)
    assert after.min() >= 0.0
    assert after.max() <= 1.0
    assert (marked ^ seen(before, after)).mean() < 0.02


def test_the_same_generator_disturbs_alike() -> None:
    """The randomness is `rng` alone."""
    one, two = (disturb(GREY, DARK, rng=np.random.default_rng(9), kinds=KINDS) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_what_stays_and_what_moves(pictures: Callable[..., np.ndarray]) -> None:
    """Most perturbations are at the same place in all frames, some are not; all are small beside the patch."""
    stack = np.repeat(pictures(1, seed=3).astype(np.float32) / 255, 3, axis=0)
    other = pictures(3, seed=4)
    moved, shares = [], []
    for seed in range(200):
        after, marked = disturb(stack, other, rng=np.random.default_rng(seed), kinds=KINDS)
        changed = np.abs(after - stack) > 6 * NOISE  # no noise reaches that far
        moved.append((changed != changed[0]).sum() > 0.1 * changed.sum())
        shares.append(marked.mean())
    assert 0.1 < np.mean(moved) < 0.6
    assert 0.002 < np.median(shares) < 0.1
    assert np.mean(np.array(shares) > 0) > 0.9


def test_cells_need_enough_changed_pixels_in_one_frame() -> None:
    """Four of a cell's sixteen pixels in one frame mark it, three in each of two frames do not."""
    after = GREY.copy()
    after[1, 0, :4] += 0.05
    after[0, 40, 40:43] += 0.05
    after[2, 41, 40:43] += 0.05
    after[0, 80:84, 80:84] += 0.5 * SEEN_ABOVE
    marked = seen(GREY, after)
    assert marked.shape == (256 // CELL_PX, 256 // CELL_PX)
    assert np.argwhere(marked).tolist() == [[0, 0]]


def test_spots_are_dark_and_under_noise() -> None:
    """Where asked for, nothing but dark pieces: no pixel gets brighter than the noise that is put back."""
    rng = np.random.default_rng(0)
    noisy = np.clip(GREY + rng.normal(0, NOISE, GREY.shape).astype(np.float32), 0, 1)
    for seed in range(30):
        after, marked = disturb(noisy, DARK, rng=np.random.default_rng(seed), kinds={"spot": 1.0})
        changed = after != noisy
        assert changed.any(axis=0).mean() < MOST * (SPOT_SIDE_PX[1] / 256) ** 2
        assert (after - noisy).max() < 8 * NOISE
        assert marked.sum() <= MOST * (SPOT_SIDE_PX[1] / CELL_PX + 1) ** 2


def test_a_rise_darkens_the_flank_that_looks_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lit from a side alone a rise is dark on one flank and light on the other; a lens is dark all around."""
    means = {}
    for lens in (0.0, 1.0):
        monkeypatch.setattr(disturbance, "RELIEF_LENS", (lens, lens))
        changes = [
            disturb(GREY, DARK, rng=np.random.default_rng(seed), kinds={"relief": 1.0})[0] - GREY for seed in range(8)
        ]
        darker, lighter = (np.mean([sign * change > SEEN_ABOVE for change in changes]) for sign in (-1, 1))
        means[lens] = lighter / darker
    assert means[0.0] > 0.3
    assert means[1.0] < 0.02


@pytest.mark.parametrize("seed", range(4))
def test_foam_rides_where_liquid_ends(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A raft that is afloat lies in the surface's dark band in every frame, also where that has gone on."""
    monkeypatch.setattr(disturbance, "AFLOAT", 1.0)
    tops = 120, 132, 127
    stack = np.full((3, 256, 256), 0.72, np.float32)
    for picture, top in zip(stack, tops, strict=True):
        picture[top : top + 14], picture[top + 14 :] = 0.4, 0.8
    out, _ = disturb(stack, np.zeros((3, 256, 256), np.uint8), rng=np.random.default_rng(seed), kinds={"raft": 1.0})
    middles = [np.nonzero(np.abs(after - before) > 0.03)[0].mean() for before, after in zip(stack, out, strict=True)]
    for middle, top in zip(middles, tops, strict=True):
        assert top - 8 < middle < top + 22
    np.testing.assert_allclose(np.diff(middles), np.diff(tops), atol=3)


def test_no_surface_no_foam_on_it() -> None:
    """Where a patch has no line that is dark below, none is found."""
    even = np.full((3, 256, 256), 0.7, np.float32)
    assert disturbance._surface(even, 100) == []
    even[:, 150:] = 0.8
    assert disturbance._surface(even, 100) == []
    even[:, 90:100] = 0.5
    assert disturbance._surface(even, 3) == [pytest.approx(89, abs=3)] * 3


def test_faint_lines_are_edges_too() -> None:
    """Beside a steep outline a faint inner line gets a share of what lies at edges; an even ground next to nothing."""
    picture = GREY[0].copy()
    picture[:, :40] = 0.05
    picture[:, 148:153] = 0.5
    columns = np.array([disturbance._edge(picture, np.random.default_rng(seed))[1] for seed in range(300)])
    steep, faint = np.abs(columns - 40) < 5, np.abs(columns - 150) < 8
    assert min(steep.mean(), faint.mean()) > 0.15
    assert (steep | faint).mean() > 0.5


@pytest.mark.parametrize("seed", range(4))
def test_outside_of_its_window_nothing_changes(seed: int) -> None:
    """A perturbation has a circle; with at most three of them most of a patch is as it was."""
    after, _ = disturb(GREY, DARK, rng=np.random.default_rng(seed), kinds=KINDS)
    assert ((after != GREY).any(0)).mean() < MOST * 0.3
