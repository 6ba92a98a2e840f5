from __future__ import annotations

from itertools import islice

import numpy as np

from harness.geometry import PAPER
from harness.strips.kit import good_strips, standard_kit
from harness.strips.renderer import Renderer
from harness.training.data import KEPT_PATCHES, drawn_chunks, drawn_stacks, unusual_liquid


def test_drawn_chunks_repeat_and_never_end_on_one_strip() -> None:
    """The same seed gives the same patches; the next acquisition gives others; only the flag is never mirrored."""
    first, second = list(islice(drawn_chunks(seed=5), 2)), list(islice(drawn_chunks(seed=5), 2))
    assert first[0].patches.shape == (KEPT_PATCHES, 256, 256)
    assert np.array_equal(first[0].patches, second[0].patches)
    assert np.array_equal(first[1].mirrorable, second[1].mirrorable)
    assert not np.array_equal(first[0].patches, first[1].patches)
    assert 0.5 < first[0].mirrorable.mean() < 1.0


def test_training_goes_on_where_it_stopped() -> None:
    """A later start draws the strips that an earlier training would have come to."""
    earlier = list(islice(drawn_chunks(seed=5), 3))
    assert np.array_equal(next(iter(drawn_chunks(seed=5, start=1))).patches, earlier[2].patches)


def test_stacks_hold_all_frames_of_a_patch() -> None:
    """Three inspected frames a patch, neck and meniscus twice, half of the others once; flags are not mirrored."""
    (chunk,) = islice(drawn_stacks(seed=5), 1)
    (strip,) = good_strips("training", 1, seed=5)
    frames = Renderer(seed=5).frames(strip, 1)
    assert chunk.stacks.shape == (17, 3, 256, 256)
    boxes = [
        next(
            number
            for number, (y, x) in enumerate(PAPER.boxes)
            if np.array_equal(stack, frames[:, y : y + 256, x : x + 256])
        )
        for stack in chunk.stacks
    ]
    assert [number % 4 for number in boxes] == chunk.regions.tolist()
    assert sorted(number for number in boxes if number % 4 == 1) == [1, 1, 5, 5, 9, 9, 13, 13, 17, 17]
    assert len({number for number in boxes if number % 4 != 1}) == 7
    assert (chunk.mirrorable == (chunk.regions > 0)).all()


def test_stacks_may_hold_liquids_of_scenarios() -> None:
    """About the share asked for has another liquid than usual, within what `unusual_liquid` says, repeatably."""
    usual, mixed, again = (list(islice(drawn_stacks(seed=5, unusual=share), 12)) for share in (0.0, 0.5, 0.5))
    same = [np.array_equal(first.stacks, second.stacks) for first, second in zip(usual, mixed, strict=True)]
    assert 2 <= sum(same) <= 10
    assert all(np.array_equal(first.stacks, second.stacks) for first, second in zip(mixed, again, strict=True))
    liquids = [unusual_liquid(np.random.default_rng(seed)) for seed in range(200)]
    for name, low, high in (("slosh", 1, 3.5), ("bubbles", 1, 4), ("drops", 1, 3), ("viscosity", 0.4, 2)):
        drawn = np.array([getattr(each, name) for each in liquids])
        near = 0.1 * (high - low)
        assert low <= drawn.min() < low + near
        assert high - near < drawn.max() <= high
    assert {each.agitation for each in liquids} == {0.0}


def test_training_strips_are_in_no_kit() -> None:
    """Seeds of training strips meet neither the standard kits' nor the calibration's."""
    training = {strip.seed for strip in good_strips("training", 500, seed=101)}
    for name in ("knapp", "quick", "calibration"):
        assert not training & {strip.seed for strip in standard_kit(name).strips}
