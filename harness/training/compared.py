"""What a comparer learns from: one region of the vials of drawn good strips, drawn by processes side by side."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.geometry import PAPER, PATCH_PX
from harness.progress import Progress, silent
from harness.side_by_side import processes as side_by_side
from harness.streams import stream
from harness.strips.kit import good_strips
from harness.strips.liquid import LiquidScale
from harness.strips.renderer import Renderer
from harness.training.data import HARD_REGION, TRAINING_SEED, UNUSUAL_SHARE, unusual_liquid

if TYPE_CHECKING:
    from model.comparer_trainer import Learnt

COMPARER_START = 70_000_000
"""First training strip of the comparer: none that another network learnt from."""

USUAL_STRIPS = 100
"""Before them: by which it is known how unlike good vials usually are."""


def early_frames(renderer: Renderer, number: int, *, unusual: float = 0.0) -> NDArray[np.uint8]:
    """The hard region of every vial in all frames but the last of a training strip, uint8 (n, vials, 256, 256)."""
    (strip,) = good_strips("training", 1, seed=TRAINING_SEED, start=number)
    rng = stream("comparer's liquid", strip.seed)
    renderer.scale = unusual_liquid(rng) if rng.random() < unusual else LiquidScale()
    patches = PAPER.crop(renderer.frames(strip, 1)[:-1])
    by_region = patches.reshape(-1, PAPER.vials, len(PAPER.regions), PATCH_PX, PATCH_PX)
    return np.ascontiguousarray(by_region[:, :, HARD_REGION])


def usual_unlikeness(progress: Progress = silent) -> NDArray[np.float32]:
    """How unlike the vials of good strips usually are, float32 (64, 64)."""
    from model.comparer import lightest, usual_of
    from model.unlike import unlike_others

    renderer, unlike = Renderer(seed=TRAINING_SEED), list[NDArray[np.float32]]()
    for done in range(USUAL_STRIPS):
        shown = lightest(early_frames(renderer, COMPARER_START + done))
        unlike.extend(unlike_others(shown[vial], np.delete(shown, vial, axis=0)) for vial in range(len(shown)))
        progress("good strips", done + 1, USUAL_STRIPS)
    return usual_of(np.stack(unlike))


def drawn_places(
    strips: int, usual: NDArray[np.float32], *, seed: int, count: int, progress: Progress = silent
) -> list[Learnt]:
    """Places to learn from of so many strips, the same whatever the number of processes.

    Args:
        strips: How many.
        usual: float32 (64, 64).
        seed: Of perturbations.
        count: Processes.
        progress: Told of every strip.
    """
    first = COMPARER_START + USUAL_STRIPS
    drawn = []
    with side_by_side(count) as pool:
        for of_strip in pool.map(partial(_places, usual=usual, seed=seed), range(first, first + strips)):
            drawn.append(of_strip)
            progress("strips", len(drawn), strips)
    return drawn


def _places(number: int, *, usual: NDArray[np.float32], seed: int) -> Learnt:
    """Of one strip."""
    from model.comparer import lightest
    from model.comparer_trainer import Learnt, places_of_vial

    frames = early_frames(Renderer(seed=TRAINING_SEED), number, unusual=UNUSUAL_SHARE)
    shown = lightest(frames)
    rng = np.random.default_rng([seed, number])
    return Learnt.joined(
        [places_of_vial(frames[:, vial], np.delete(shown, vial, axis=0), usual, rng) for vial in range(frames.shape[1])]
    )
