"""Strips or a recording to the arrays that `model` trains and calibrates on. The only way good patches get there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from harness.geometry import PAPER, Geometry
from harness.streams import stream
from harness.strips.kit import good_strips
from harness.strips.liquid import EXPOSURES
from harness.strips.renderer import Renderer

if TYPE_CHECKING:
    from model.dataset import Chunk

KEPT_PATCHES = 72
"""Patches kept of an acquisition's 16 + 2 pictures x 20; more strips for the same number of patches."""

TRAINING_SEED = 101
RUNS_A_STRIP = 2


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
