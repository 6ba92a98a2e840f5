"""What a comparer learns from: one region of the vials of drawn good strips, drawn by processes side by side."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
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
    from model.comparer_trainer import Learnt, Mark

COMPARER_START = 70_000_000
"""First training strip of the comparer: none that another network learnt from."""

USUAL_STRIPS = 100
"""Before them: by which it is known how unlike good vials usually are."""


def hard_region(renderer: Renderer, number: int, *, unusual: float = 0.0) -> NDArray[np.uint8]:
    """The hard region of every vial in all frames of a training strip, uint8 (n, vials, 256, 256)."""
    (strip,) = good_strips("training", 1, seed=TRAINING_SEED, start=number)
    rng = stream("comparer's liquid", strip.seed)
    renderer.scale = unusual_liquid(rng) if rng.random() < unusual else LiquidScale()
    patches = PAPER.crop(renderer.frames(strip, 1))
    by_region = patches.reshape(-1, PAPER.vials, len(PAPER.regions), PATCH_PX, PATCH_PX)
    return np.ascontiguousarray(by_region[:, :, HARD_REGION])


def usual_unlikeness(progress: Progress = silent) -> NDArray[np.float32]:
    """How unlike the vials of good strips usually are, float32 (64, 64)."""
    from model.comparer import lightest, usual_of
    from model.unlike import unlike_others

    renderer, unlike = Renderer(seed=TRAINING_SEED), list[NDArray[np.float32]]()
    for done in range(USUAL_STRIPS):
        shown = lightest(hard_region(renderer, COMPARER_START + done)[:-1])
        unlike.extend(unlike_others(shown[vial], np.delete(shown, vial, axis=0)) for vial in range(len(shown)))
        progress("good strips", done + 1, USUAL_STRIPS)
    return usual_of(np.stack(unlike))


def drawn_places(
    bundle: Path,
    strips: int,
    usual: NDArray[np.float32],
    *,
    skipped: int,
    seed: int,
    count: int,
    progress: Progress = silent,
) -> list[Learnt]:
    """Places to learn from of so many strips, the same whatever the number of processes.

    Args:
        bundle: Whose marker is shown them.
        strips: How many.
        usual: float32 (64, 64).
        skipped: So many before them are not drawn.
        seed: Of perturbations.
        count: Processes.
        progress: Told of every strip.
    """
    first = COMPARER_START + USUAL_STRIPS + skipped
    drawn = []
    with side_by_side(count, _begin_drawing) as pool:
        for of_strip in pool.map(partial(_places, bundle, usual=usual, seed=seed), range(first, first + strips)):
            drawn.append(of_strip)
            progress("strips", len(drawn), strips)
    return drawn


def _begin_drawing() -> None:
    from model.stepping import compute_on_one_core

    compute_on_one_core()


@cache
def _marker(bundle: Path) -> Mark:
    from model.bundle import load_bundle
    from model.comparer_trainer import marking_stacks

    return marking_stacks(load_bundle(bundle), HARD_REGION)


def _places(bundle: Path, number: int, *, usual: NDArray[np.float32], seed: int) -> Learnt:
    """Of one strip."""
    from model.comparer_trainer import places_of_strip

    frames = hard_region(Renderer(seed=TRAINING_SEED), number, unusual=UNUSUAL_SHARE)
    return places_of_strip(frames, usual, _marker(bundle), np.random.default_rng([seed, number]))
