"""Perturbed stacks drawn by processes of their own: an accelerator learns from them faster than one process draws.

Each process writes into a file that all of them map; nothing is copied between processes but which place is ready.
What is drawn, and in which order, hangs on the seed alone, not on how many processes there are.
"""

from __future__ import annotations

import itertools
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.geometry import PAPER, PATCH_PX
from harness.side_by_side import processes as side_by_side
from harness.training.data import RUNS_A_STRIP, STACKS_A_RUN, UNUSUAL_SHARE, drawn_stacks

if TYPE_CHECKING:
    from model.disturbance import Kind
    from model.marked_batches import MarkedBatch, Stacks

LOT_STRIPS = 1
PERTURBED_TIMES = 2
LOT_STACKS = LOT_STRIPS * RUNS_A_STRIP * STACKS_A_RUN * PERTURBED_TIMES
"""What a process draws at a time: one strip, every stack of it perturbed twice, since to draw takes the longer."""

AHEAD = 3
"""Lots a process that are drawn or wait."""

MIXED_LOTS = 16
"""From which the stacks of a batch are picked at random."""

SHARED = Path("/dev/shm")
"""Memory with the face of a file, where a system has it."""

Marks = tuple[NDArray[np.float32], NDArray[np.int32]]
"""What a process sends back: marked cells and regions of a lot; its stacks lie in the shared file."""


def drawn_by_processes(
    count: int, *, batch: int, seed: int, start: int, perturbed: float, kinds: Mapping[Kind, float]
) -> Iterator[MarkedBatch]:
    """Batches without end.

    Args:
        count: Processes.
        batch: Stacks in each.
        seed: Of perturbations and mixing.
        start: First strip.
        perturbed: Share of the stacks that are.
        kinds: Of perturbations, see `model.disturbance.disturb`.
    """
    from model.dataset import picked
    from model.marked_batches import MarkedBatch

    rng = np.random.default_rng([seed, start])
    waiting: list[tuple[Stacks, NDArray[np.float32], int]] = []
    for lot in _lots(count, seed, start, perturbed, kinds):
        waiting.extend(zip(lot.stacks, lot.marked, lot.regions, strict=True))
        while len(waiting) >= MIXED_LOTS * LOT_STACKS:
            stacks, marked, regions = zip(*picked(waiting, batch, rng), strict=True)
            yield MarkedBatch(np.stack(stacks), np.stack(marked), np.array(regions, np.int32))


def _lots(count: int, seed: int, start: int, perturbed: float, kinds: Mapping[Kind, float]) -> Iterator[MarkedBatch]:
    """Lots in the order of their strips, drawn ahead."""
    from model.marked_batches import MarkedBatch

    shape = (AHEAD * count, LOT_STACKS, len(PAPER.frames), PATCH_PX, PATCH_PX)
    lot = partial(_lot, seed=seed, perturbed=perturbed, kinds=dict(kinds))
    lot(start)  # compiles what is compiled once, before many processes would do so at a time
    with tempfile.TemporaryDirectory(dir=SHARED if SHARED.is_dir() else None) as folder:
        file = Path(folder) / "stacks"
        shared = np.memmap(file, np.uint8, "w+", shape=shape)
        with side_by_side(count, _open, (lot, file, shape)) as pool:
            drawn: deque[tuple[int, Future[Marks]]] = deque()
            try:
                for number in itertools.count():
                    place = number % len(shared)
                    drawn.append((place, pool.submit(_draw, start + number * LOT_STRIPS, place)))
                    if len(drawn) < len(shared):
                        continue
                    place, ready = drawn.popleft()
                    marked, regions = ready.result()
                    yield MarkedBatch(np.array(shared[place]), marked, regions)
            finally:
                for _, ready in drawn:
                    ready.cancel()


def _lot(start: int, *, seed: int, perturbed: float, kinds: Mapping[Kind, float]) -> MarkedBatch:
    """What the strips from `start` on give."""
    from model.marked_batches import marked_batches

    drawn = drawn_stacks(start=start, unusual=UNUSUAL_SHARE)
    chunks = (chunk for chunk in drawn for _ in range(PERTURBED_TIMES))
    return next(
        marked_batches(chunks, batch=LOT_STACKS, seed=[seed, start], perturbed=perturbed, kinds=kinds, pool=LOT_STACKS)
    )


_mine: list[tuple[Callable[[int], MarkedBatch], Stacks]] = []
"""Of a process that draws: how, and where to."""


def _open(lot: Callable[[int], MarkedBatch], file: Path, shape: tuple[int, ...]) -> None:
    _mine.append((lot, np.memmap(file, np.uint8, "r+", shape=shape)))


def _draw(start: int, place: int) -> Marks:
    lot, shared = _mine[0]
    drawn = lot(start)
    shared[place] = drawn.stacks
    return drawn.marked, drawn.regions
