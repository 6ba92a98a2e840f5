"""Perturbed good patches with all frames of their acquisitions, in batches: what marker and examiner learn from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.config import CELLS
from model.dataset import picked
from model.disturbance import Kind, disturb

POOL_STACKS = 400
"""From which a batch is picked."""

Stacks = NDArray[np.uint8]
"""uint8 (m, frames, 256, 256): patches, each with all frames of one acquisition."""


@dataclass(frozen=True)
class StackChunk:
    """Good patches with all frames of their acquisitions.

    Attributes:
        stacks: uint8 (m, frames, 256, 256).
        mirrorable: bool (m,), False where there is text.
        regions: int (m,), which region of its vial each is of.
    """

    stacks: Stacks
    mirrorable: NDArray[np.bool_]
    regions: NDArray[np.int64]


@dataclass(frozen=True)
class MarkedBatch:
    """What one step sees.

    Attributes:
        stacks: uint8 (m, frames, 256, 256), perturbed.
        marked: float32 (m, 64, 64), 1.0 in cells that were visibly perturbed.
        regions: int32 (m,), which region of its vial each is of.
    """

    stacks: Stacks
    marked: NDArray[np.float32]
    regions: NDArray[np.int32]


def marked_batches(
    chunks: Iterable[StackChunk],
    *,
    batch: int,
    seed: int | Sequence[int],
    perturbed: float,
    kinds: Mapping[Kind, float],
    pool: int = POOL_STACKS,
) -> Iterator[MarkedBatch]:
    """Shuffled batches; the same seed and chunks give the same batches.

    Args:
        chunks: Good patches.
        batch: Stacks in each.
        seed: Of everything that is drawn.
        perturbed: Share of the stacks that are.
        kinds: Of perturbations, see `disturb`.
        pool: Stacks from which a batch is picked; as many as are in it at least.
    """
    rng = np.random.default_rng(seed)
    waiting: list[tuple[Stacks, int]] = []
    for chunk in chunks:
        for stack, mirrorable, region in zip(chunk.stacks, chunk.mirrorable, chunk.regions, strict=True):
            waiting.append((stack[..., ::-1] if mirrorable and rng.random() < 0.5 else stack, int(region)))
        while len(waiting) >= max(pool, batch):
            yield _batch(waiting, batch, perturbed, kinds, rng)


def _batch(
    pool: list[tuple[Stacks, int]], batch: int, share: float, kinds: Mapping[Kind, float], rng: np.random.Generator
) -> MarkedBatch:
    chosen = picked(pool, batch, rng)
    stacks = np.stack([stack for stack, _ in chosen])
    marked = np.zeros((batch, CELLS, CELLS), np.float32)
    for index in np.nonzero(rng.random(batch) < share)[0]:
        stack = stacks[index] / np.float32(255)
        perturbed, cells = disturb(stack, stacks[rng.integers(batch)], rng=rng, kinds=kinds)
        stacks[index] = np.rint(perturbed * 255).astype(np.uint8)
        marked[index] = cells
    return MarkedBatch(stacks, marked, np.array([region for _, region in chosen], np.int32))
