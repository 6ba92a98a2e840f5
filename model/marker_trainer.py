"""Training of the marker behind a generator that no longer changes: mark what was perturbed, on good product alone."""

from __future__ import annotations

import csv
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from model.bundle import Bundle, BundleError
from model.config import CELL_PX, PATCH_PX
from model.dataset import drawn_ahead
from model.disturbance import Kind, disturb
from model.marker import build_marker, focal_loss, ranking_loss
from model.runtime import TensorFlowRuntime
from model.scoring import mark_score

POOL_STACKS = 400
PERTURBED = 0.75
KINDS: dict[Kind, float] = {
    "shadow": 0.34, "spot": 0.16, "line": 0.04, "raft": 0.06, "light": 0.03, "relief": 0.12, "grey": 0.03,
    "texture": 0.02, "product": 0.02, "dent": 0.08, "push": 0.1,
}  # fmt: skip
"""Share of perturbations of each kind, what an examiner learns from among them: what a marker does not propose no
examiner sees (`docs/paper.md`, 4)."""

WARM_STEPS = 100
CURVE_EVERY = 20
SAVE_EVERY = 200
RANKING_WEIGHT = 0.05
"""Of the ranking loss beside the focal one: with it both weigh about the same."""

HELD_OUT_BATCHES = 8
SETTLING_BATCHES = 60

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
    seed: int,
    perturbed: float = PERTURBED,
    kinds: Mapping[Kind, float] = KINDS,
) -> Iterator[MarkedBatch]:
    """Shuffled batches; the same seed and chunks give the same batches.

    Args:
        chunks: Good patches.
        batch: Stacks in each.
        seed: Of everything that is drawn.
        perturbed: Share of the stacks that are.
        kinds: Of perturbations, see `disturb`.
    """
    rng = np.random.default_rng(seed)
    pool: list[tuple[Stacks, int]] = []
    for chunk in chunks:
        for stack, mirrorable, region in zip(chunk.stacks, chunk.mirrorable, chunk.regions, strict=True):
            pool.append((stack[..., ::-1] if mirrorable and rng.random() < 0.5 else stack, int(region)))
        while len(pool) >= POOL_STACKS:
            yield _batch(pool, batch, perturbed, kinds, rng)


def _batch(
    pool: list[tuple[Stacks, int]], batch: int, share: float, kinds: Mapping[Kind, float], rng: np.random.Generator
) -> MarkedBatch:
    picked = []
    for _ in range(batch):
        place = int(rng.integers(len(pool)))
        pool[place], pool[-1] = pool[-1], pool[place]
        picked.append(pool.pop())
    stacks = np.stack([stack for stack, _ in picked])
    marked = np.zeros((batch, PATCH_PX // CELL_PX, PATCH_PX // CELL_PX), np.float32)
    for index in np.nonzero(rng.random(batch) < share)[0]:
        stack, other = (stacks[i].astype(np.float32) / np.float32(255) for i in (index, rng.integers(batch)))
        perturbed, cells = disturb(stack, other, rng=rng, kinds=kinds)
        stacks[index] = np.rint(perturbed * 255).astype(np.uint8)
        marked[index] = cells
    return MarkedBatch(stacks, marked, np.array([region for _, region in picked], np.int32))


@dataclass
class MarkerTrainer:
    """Marker, optimiser and the frozen generator in front.

    Attributes:
        bundle: Whose generator rebuilds.
        frames: Of an acquisition.
        batch: Stacks a step.
        step: Optimiser steps done.
        settled: Batch norm uses its stored statistics in training too, see `settle`.
    """

    bundle: Bundle
    frames: int
    batch: int = 16
    step: int = 0
    seed: int = 1
    settled: bool = False

    def __post_init__(self) -> None:
        keras.utils.set_random_seed(self.seed)
        self.marker = build_marker(self.frames)
        self._runtime = TensorFlowRuntime(self.bundle, self.batch * self.frames)
        self._optimizer = keras.optimizers.Adam(1e-3)
        self._optimizer.build(self.marker.trainable_variables)
        self._compiled, self._marked = tf.function(self._step), tf.function(self._infer)

    def train_step(self, batch: MarkedBatch, learning_rate: float) -> float:
        """One step; the loss before it."""
        self._optimizer.learning_rate.assign(learning_rate)
        rebuilt = self._rebuilt(batch.stacks)
        loss = self._compiled(tf.constant(batch.stacks), tf.constant(rebuilt), tf.constant(batch.marked))
        self.step += 1
        return float(loss)

    def settle(self, batches: Iterable[MarkedBatch]) -> None:
        """Fix batch norm's statistics at their average over these batches; training then runs as inspection does.

        With the statistics of each batch, and a running average that lags behind the weights, a marker may do well in
        training and badly in inspection. The last part of a training is done settled.

        Source:
            Wu & Johnson (2021), Rethinking "Batch" in BatchNorm, arXiv:2105.07576, section 3, for the average.
        """
        norms = [layer for layer in self.marker.layers if isinstance(layer, keras.layers.BatchNormalization)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = 0.0  # each batch then leaves its own statistics
        pass_through = tf.function(lambda stacks, rebuilt: self.marker(_pictures(stacks, rebuilt), training=True))
        means: list[list[NDArray[np.float32]]] = [[] for _ in norms]
        variances: list[list[NDArray[np.float32]]] = [[] for _ in norms]
        for batch in batches:
            pass_through(tf.constant(batch.stacks), tf.constant(self._rebuilt(batch.stacks)))
            for place, norm in enumerate(norms):
                means[place].append(keras.ops.convert_to_numpy(norm.moving_mean))
                variances[place].append(keras.ops.convert_to_numpy(norm.moving_variance))
        for place, norm in enumerate(norms):
            norm.momentum = momenta[place]
            norm.moving_mean.assign(np.mean(means[place], axis=0))
            norm.moving_variance.assign(np.mean(variances[place], axis=0) + np.var(means[place], axis=0))
        self.settled = True
        self._compiled = tf.function(self._step)

    def held_out(self, batches: Sequence[MarkedBatch]) -> tuple[float, float, float]:
        """(focal loss, ranking loss, AUROC of `mark_score`, perturbed stacks against whole ones), as inspection runs.

        Args:
            batches: Of products that training never saw.
        """
        logits = [self._logits(batch.stacks).numpy() for batch in batches]
        losses = [
            (float(focal_loss(batch.marked, part)), float(ranking_loss(batch.marked, part)))
            for batch, part in zip(batches, logits, strict=True)
        ]
        scores = mark_score(np.concatenate(logits))
        perturbed = np.concatenate([batch.marked.any(axis=(1, 2)) for batch in batches])
        focal, ranking = np.mean(losses, axis=0)
        return float(focal), float(ranking), ordered(scores[perturbed], scores[~perturbed])

    def _rebuilt(self, stacks: Stacks) -> NDArray[np.float32]:
        return self._runtime.rebuild(stacks.reshape(-1, PATCH_PX, PATCH_PX)).reshape(stacks.shape)

    def _logits(self, stacks: Stacks) -> tf.Tensor:
        return self._marked(tf.constant(stacks), tf.constant(self._rebuilt(stacks)))

    def _infer(self, stacks: tf.Tensor, rebuilt: tf.Tensor) -> tf.Tensor:
        return self.marker(_pictures(stacks, rebuilt), training=False)

    def _step(self, stacks: tf.Tensor, rebuilt: tf.Tensor, marked: tf.Tensor) -> tf.Tensor:
        pictures = _pictures(stacks, rebuilt)
        with tf.GradientTape() as tape:
            logits = self.marker(pictures, training=not self.settled)
            loss = focal_loss(marked, logits) + RANKING_WEIGHT * ranking_loss(marked, logits)
        variables = self.marker.trainable_variables
        self._optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
        return loss

    def save(self, folder: Path) -> None:
        """Write a checkpoint beside the last one and put it in its place."""
        folder.mkdir(parents=True, exist_ok=True)
        self.marker.save_weights(folder / "marker.new.weights.h5")
        (folder / "marker.new.weights.h5").replace(folder / "marker.weights.h5")
        state = {"step": self.step, "frames": self.frames, "batch": self.batch, "model": self.bundle.digest}
        (folder / "marker.json").write_text(json.dumps(state, indent=1), encoding="utf-8")

    @classmethod
    def begin(cls, bundle: Bundle, frames: int, folder: Path, *, seed: int) -> MarkerTrainer:
        """Fresh, or from the checkpoint in the folder; the optimiser starts fresh.

        Raises:
            BundleError: The checkpoint is of a marker behind another generator, or for another number of frames.
        """
        trainer = cls(bundle, frames, seed=seed)
        if (folder / "marker.json").exists():
            state = json.loads((folder / "marker.json").read_text(encoding="utf-8"))
            if (state["model"], state["frames"]) != (bundle.digest, frames):
                got = f"one behind model {state['model'][:12]} for {state['frames']} frames"
                raise BundleError(str(folder), f"a marker behind model {bundle.digest[:12]} for {frames} frames", got)
            trainer.marker.load_weights(folder / "marker.weights.h5")
            trainer.step = int(state["step"])
        return trainer


def ordered(hot: NDArray[np.float32], whole: NDArray[np.float32]) -> float:
    """AUROC: how often one that is perturbed is hotter than one that is whole, ties as a half; NaN without either."""
    if not len(hot) or not len(whole):
        return math.nan
    return float((hot[:, None] > whole).mean() + 0.5 * (hot[:, None] == whole).mean())


def warm_cosine(most: float, done: int, warm_steps: int, passed: float) -> float:
    """Learning rate along one cosine down to a hundredth, raised evenly over the first steps.

    Args:
        most: Maximum of the cosine.
        done: Steps of this training so far.
        warm_steps: Of how many the rate is raised.
        passed: Share of its time, 0-1.
    """
    warm = min(1.0, (done + 1) / warm_steps)
    return most * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * passed)))


def _pictures(stacks: tf.Tensor, rebuilt: tf.Tensor) -> list[tf.Tensor]:
    """What the marker takes: frames last."""
    return [tf.transpose(part, (0, 2, 3, 1)) for part in (tf.cast(stacks, tf.float32) / 255.0, rebuilt)]


def train_marker(
    trainer: MarkerTrainer,
    chunks: Iterable[StackChunk],
    folder: Path,
    *,
    held_out: Iterable[StackChunk] = (),
    settled: bool = False,
    learning_rate: float,
    seconds: float,
    progress: Callable[[float], None] = lambda elapsed: None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Train for so many seconds, the learning rate along one cosine; curves and checkpoints in `folder`.

    Args:
        trainer: Goes on from where it is.
        chunks: Good patches to learn from, without end.
        folder: Gets `marker.csv`, `held_out.csv` and the checkpoints.
        held_out: Good patches of products that are not among `chunks`; perturbed once, they are marked at every
            checkpoint.
        settled: Settle the marker first; for the last part of a training.
        learning_rate: Maximum of the cosine.
        seconds: Stop after this long.
        progress: Told of every step.
        clock: Seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = list(islice(marked_batches(held_out, batch=trainer.batch, seed=0), HELD_OUT_BATCHES))
    curve = folder / "marker.csv"
    fresh = trainer.step == 0 or not curve.exists()
    began = clock()
    with curve.open("w" if fresh else "a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if fresh:
            writer.writerow(["step", "seconds", "learning_rate", "loss"])
        losses: list[float] = []
        batches = drawn_ahead(marked_batches(chunks, batch=trainer.batch, seed=trainer.seed + trainer.step))
        if settled:
            trainer.settle(islice(batches, SETTLING_BATCHES))
            _note_held_out(trainer, kept, folder / "held_out.csv")
        for batch in batches:
            elapsed = clock() - began
            if elapsed >= seconds:
                break
            rate = warm_cosine(learning_rate, len(losses), WARM_STEPS, elapsed / seconds)
            losses.append(trainer.train_step(batch, rate))
            if trainer.step % CURVE_EVERY == 0:
                row = [trainer.step, round(elapsed, 1), f"{rate:.3e}", f"{np.mean(losses[-CURVE_EVERY:]):.6f}"]
                writer.writerow(row)
                file.flush()
            if trainer.step % SAVE_EVERY == 0:
                trainer.save(folder)
                _note_held_out(trainer, kept, folder / "held_out.csv")
            progress(elapsed)
    trainer.save(folder)
    _note_held_out(trainer, kept, folder / "held_out.csv")


def _note_held_out(trainer: MarkerTrainer, batches: Sequence[MarkedBatch], curve: Path) -> None:
    if not batches:
        return
    fresh = not curve.exists()
    with curve.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if fresh:
            writer.writerow(["step", "focal", "ranking", "auroc"])
        writer.writerow([trainer.step, *(f"{value:.4f}" for value in trainer.held_out(batches))])
