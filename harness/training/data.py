"""Strips or a recording to the arrays that `model` trains on. The only way good patches get there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.geometry import PAPER, PATCH_PX, Geometry
from harness.inspection.detector import Inspection
from harness.inspection.network import NetworkDetector
from harness.streams import stream
from harness.strips.kit import good_strips
from harness.strips.liquid import EXPOSURES, LiquidScale
from harness.strips.recording import Recording
from harness.strips.renderer import Renderer

if TYPE_CHECKING:
    from model.dataset import Chunk
    from model.marked_batches import StackChunk

KEPT_PATCHES = 120
"""Patches kept of an acquisition's 16 + 2 pictures x 20; more strips for the same number of patches."""

TRAINING_SEED = 101

DRAWN = f"drawn good strips T{TRAINING_SEED}-*"
"""What bundles say that they learnt from, where no recording was given."""

RUNS_A_STRIP = 2

ALLOWANCE_START, ALLOWANCE_STRIPS = 80_000, 160
"""Strips on which it is seen how hot a marker gets where nothing is wrong: none that any network learnt from."""

UNUSUAL_SHARE = 0.5
"""Acquisitions whose liquid is an `unusual_liquid`, among those that markers and examiners learn from."""

HARD_REGION = 1
"""Neck and meniscus, where most misses of every marker were: it is seen twice, half of the other regions once."""

STACKS_A_RUN = 2 * PAPER.vials + PAPER.vials * (len(PAPER.regions) - 1) // 2
"""What comes of an acquisition, patches with all its frames."""


def drawn_chunks(*, seed: int = TRAINING_SEED, start: int = 0, geometry: Geometry = PAPER) -> Iterator[Chunk]:
    """Good patches of drawn strips, without end: 16 exposures and the two rank images of each acquisition.

    Args:
        seed: Of the strips; training strips come from streams that no kit uses.
        start: First strip, to go on where an earlier training stopped.
        geometry: Crop boxes; regions after the first may be mirrored (no text on them).
    """
    from model.dataset import Chunk  # lazily: the harness runs without TensorFlow

    renderer = Renderer(seed=seed, geometry=geometry)
    number = start
    while True:
        for strip in good_strips("training", 1, seed=seed, start=number):
            for run in range(1, RUNS_A_STRIP + 1):
                frames = renderer.frames(strip, run, range(1, EXPOSURES + 1))
                pictures = np.concatenate([frames, frames.max(0)[None], frames.min(0)[None]])
                rng = stream("kept patches", strip.seed, run)
                picked = rng.permutation(len(pictures) * len(geometry.boxes))[:KEPT_PATCHES]
                patches, mirrorable = [], []
                for index in picked:
                    picture, box = divmod(int(index), len(geometry.boxes))
                    y, x = geometry.boxes[box]
                    patches.append(pictures[picture, y : y + 256, x : x + 256])
                    mirrorable.append(box % len(geometry.regions) > 0)
                yield Chunk(np.stack(patches), np.array(mirrorable))
        number += 1


def unusual_liquid(rng: np.random.Generator) -> LiquidScale:
    """A liquid that a scenario may ask for: up to 3.5 times the slosh, 4 the bubbles, 3 the drops.

    More or fewer of the bubbles stick, and it is thinner or thicker. Each factor is log-uniform and independent of the
    others; upstream agitation stays out, since how a detector that never saw it fares is a question of its own.
    """

    def factor(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    return LiquidScale(
        slosh=factor(1.0, 3.5),
        bubbles=factor(1.0, 4.0),
        stick=float(rng.uniform(0.1, 0.5)),
        drops=factor(1.0, 3.0),
        viscosity=factor(0.4, 2.0),
    )


def drawn_stacks(*, seed: int = TRAINING_SEED, start: int = 0, unusual: float = 0.0) -> Iterator[StackChunk]:
    """Good patches of drawn strips with all inspected frames of an acquisition, `STACKS_A_RUN` of each, without end.

    Regions after the first may be mirrored (no text on them).

    Args:
        seed: Of the strips; training strips come from streams that no kit uses.
        start: First strip, to go on where an earlier training stopped.
        unusual: Share of acquisitions with an `unusual_liquid`, 0-1.
    """
    from model.marked_batches import StackChunk

    renderer = Renderer(seed=seed)
    regions = np.tile(np.arange(len(PAPER.regions)), PAPER.vials)
    hard, others = np.nonzero(regions == HARD_REGION)[0], np.nonzero(regions != HARD_REGION)[0]
    number = start
    while True:
        for strip in good_strips("training", 1, seed=seed, start=number):
            for run in range(1, RUNS_A_STRIP + 1):
                rng = stream("training liquid", strip.seed, run)
                renderer.scale = unusual_liquid(rng) if rng.random() < unusual else LiquidScale()
                patches = PAPER.crop(renderer.frames(strip, run)).reshape(len(PAPER.frames), -1, PATCH_PX, PATCH_PX)
                kept = np.sort(np.concatenate([hard, hard, rng.choice(others, len(others) // 2, replace=False)]))
                yield StackChunk(np.ascontiguousarray(patches.swapaxes(0, 1)[kept]), regions[kept] > 0, regions[kept])
        number += 1


def marks_on_good(detector: NetworkDetector, progress: Callable[[int, int], None]) -> NDArray[np.float32]:
    """What a marker says of good strips that it has not seen, float32 (strips x vials, region, 64, 64)."""
    geometry = detector.geometry
    renderer, said = Renderer(seed=TRAINING_SEED, geometry=geometry), []
    for done, strip in enumerate(good_strips("training", ALLOWANCE_STRIPS, seed=TRAINING_SEED, start=ALLOWANCE_START)):
        said.append(detector.logits(Inspection.of_frames(geometry, renderer.frames(strip, 1))))
        progress(done + 1, ALLOWANCE_STRIPS)
    return np.concatenate(said)


def recorded_chunks(recording: Recording) -> Iterator[Chunk]:
    """Good patches of a recording's good products, again and again, in another order each time.

    Args:
        recording: Its register's good products are learnt from. Nothing is mirrored: where text is, nobody has said.
    """
    from model.dataset import Chunk

    good = [strip for strip in recording.kit.strips if strip.defect is None]
    turn = 0
    while True:
        rng = stream("recorded order", turn)
        for place in rng.permutation(len(good)):
            patches = [
                recording.geometry.crop(recording.frames(good[place], run)).reshape(-1, PATCH_PX, PATCH_PX)
                for run in range(1, recording.runs + 1)
            ]
            stack = np.concatenate(patches)
            yield Chunk(stack, np.zeros(len(stack), bool))
        turn += 1
