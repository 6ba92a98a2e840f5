"""From a stream of good patches to training batches: shuffled, augmented, perturbed; drawn ahead in a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from model.augment import augment
from model.config import TrainingConfig
from model.perlin import perturb

SHUFFLE_PATCHES = 4096
AHEAD = 4

Drawn = TypeVar("Drawn")
"""What `drawn_ahead` hands on: a batch of one sort or another."""


@dataclass(frozen=True)
class Chunk:
    """Some good patches, in any order.

    Attributes:
        patches: uint8 (n, 256, 256).
        mirrorable: bool (n,), whether a mirror image of each could happen.
    """

    patches: NDArray[np.uint8]
    mirrorable: NDArray[np.bool_]


@dataclass(frozen=True)
class Batch:
    """What one optimiser step sees, float32 (n, 256, 256, 1) in [0, 1].

    Attributes:
        image: X, augmented.
        perturbed: X* = P_q(X).
        noise: abs(X* - X) for the noise loss `residual`, N = M S, the noise on black, for `eq6`.
    """

    image: NDArray[np.float32]
    perturbed: NDArray[np.float32]
    noise: NDArray[np.float32]


def batches(chunks: Iterable[Chunk], config: TrainingConfig, *, seed: int) -> Iterator[Batch]:
    """Endless shuffled batches; ends with its chunks. The same seed and chunks give the same batches."""
    rng = np.random.default_rng(seed)
    for patches, mirrorable in _shuffled(chunks, config.batch, rng):
        images = [
            augment(patch, mirrorable=bool(flag), rotation_rad=config.rotation_rad, mirrored=config.mirrored, rng=rng)
            for patch, flag in zip(patches, mirrorable, strict=True)
        ]
        image = np.stack(images)
        perturbed = image.copy()
        noise = np.zeros_like(image)
        for index in np.nonzero(rng.random(len(images)) < config.perturbed)[0]:
            other = images[int(rng.integers(len(images)))]
            perturbed[index], _, on_black = perturb(image[index], other, rng=rng)
            noise[index] = np.abs(perturbed[index] - image[index]) if config.noise_loss == "residual" else on_black
        yield Batch(image[..., None], perturbed[..., None], noise[..., None])


def _shuffled(
    chunks: Iterable[Chunk], batch: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """Draw batches at random from a pool that chunks keep full."""
    pool: list[tuple[NDArray[np.uint8], bool]] = []

    def draw() -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        patches, flags = zip(*picked(pool, batch, rng), strict=True)
        return np.stack(patches), np.array(flags)

    for chunk in chunks:
        pool.extend(zip(chunk.patches, map(bool, chunk.mirrorable), strict=True))
        while len(pool) >= SHUFFLE_PATCHES:
            yield draw()
    while len(pool) >= batch:
        yield draw()


def picked(pool: list[Drawn], count: int, rng: np.random.Generator) -> list[Drawn]:
    """So many at random, taken out of a pool, whose order they change."""
    out = []
    for _ in range(count):
        place = int(rng.integers(len(pool)))
        pool[place], pool[-1] = pool[-1], pool[place]
        out.append(pool.pop())
    return out


def drawn_ahead(source: Iterable[Drawn]) -> Iterator[Drawn]:
    """The same batches in the same order, made in a thread while the network works."""
    line: queue.Queue[Drawn | BaseException | None] = queue.Queue(AHEAD)
    stop = threading.Event()

    def hand_over(item: Drawn | BaseException | None) -> bool:
        """Wait for a place in the line; False when nobody waits at its other end any more."""
        while not stop.is_set():
            try:
                line.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def fill() -> None:
        try:
            if all(hand_over(batch) for batch in source):
                hand_over(None)
        except BaseException as error:  # noqa: BLE001  # handed to the consumer, who raises it
            hand_over(error)

    thread = threading.Thread(target=fill, name="batches drawn ahead", daemon=True)
    thread.start()
    try:
        while (item := line.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
