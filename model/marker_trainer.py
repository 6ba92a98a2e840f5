"""Training of the marker behind a generator that no longer changes: mark what was perturbed, on good product alone."""

from __future__ import annotations

import csv
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from model.bundle import Bundle, BundleError
from model.checkpoint import check_finite, curve_rows, go_on, whole_checkpoint, write_state
from model.config import PATCH_PX
from model.dataset import drawn_ahead
from model.disturbance import Kind
from model.loaded import load_marker, rebuilding
from model.marked_batches import MarkedBatch, StackChunk, marked_batches
from model.marker import build_marker, focal_loss, ranking_loss
from model.scoring import mark_score
from model.settling import settle
from model.stepping import Stepper, compiled

BATCH = 16
PERTURBED = 0.75
KINDS: dict[Kind, float] = {
    "shadow": 0.18, "spot": 0.17, "line": 0.04, "raft": 0.10, "light": 0.03, "relief": 0.27, "grey": 0.02,
    "texture": 0.02, "product": 0.01, "dent": 0.06, "push": 0.10,
}  # fmt: skip
"""Share of perturbations of each kind, what an examiner learns from among them: what a marker does not propose no
examiner sees (`docs/detector.md`)."""

WARM_STEPS = 100
CURVE_EVERY = 20
SAVE_EVERY_S = 120.0
RANKING_WEIGHT = 0.2
"""Of the ranking loss beside the focal one: late in a training the one is a half of the other, early as much."""

HELD_OUT_BATCHES = 8
SETTLING_BATCHES = 60


@dataclass
class MarkerTrainer:
    """Marker, optimiser and the frozen generator in front.

    Attributes:
        bundle: Whose generator rebuilds.
        frames: Of an acquisition.
        batch: Stacks a step.
        step: Optimiser steps done.
        stacks: That were learnt from.
        settled: Batch norm uses its stored statistics in training too, see `settle`.
    """

    bundle: Bundle
    frames: int
    batch: int = BATCH
    step: int = 0
    stacks: int = 0
    seed: int = 1
    settled: bool = False

    def __post_init__(self) -> None:
        keras.utils.set_random_seed(self.seed)
        self.marker = build_marker(self.frames)
        self._rebuild = compiled(rebuilding(self.bundle))
        self._stepper = self._stepping()

    def _stepping(self) -> Stepper:
        optimizer = keras.optimizers.Adam(1e-3)
        return Stepper(self.marker, optimizer, self._shown, _loss, training=not self.settled)

    def train_step(self, batch: MarkedBatch, learning_rate: float) -> Any:
        """One step; the loss before it, a scalar."""
        self.step += 1
        self.stacks += len(batch.stacks)
        return self._stepper.step(learning_rate, batch.stacks, batch.marked)

    def settle(self, batches: Iterable[MarkedBatch]) -> None:
        """Fix batch norm's statistics at their average over these batches; training then runs as inspection does.

        The last part of a training is done settled.
        """
        self._stepper.write_back()
        norms = [layer for layer in self.marker.layers if isinstance(layer, keras.layers.BatchNormalization)]
        settle(norms, batches, lambda batch: self.marker(self._pictures(batch.stacks), training=True))
        self._go_on_settled()

    def _go_on_settled(self) -> None:
        self.settled = True
        self._stepper = self._stepping()

    def held_out(self, batches: Sequence[MarkedBatch]) -> tuple[float, float, float]:
        """(focal loss, ranking loss, AUROC of `mark_score`, perturbed stacks against whole ones), as inspection runs.

        Args:
            batches: Of products that training never saw.
        """
        self._stepper.write_back()
        logits = [
            keras.ops.convert_to_numpy(self.marker(self._pictures(batch.stacks), training=False)) for batch in batches
        ]
        losses = [
            (float(focal_loss(batch.marked, part)), float(ranking_loss(batch.marked, part)))
            for batch, part in zip(batches, logits, strict=True)
        ]
        scores = mark_score(np.concatenate(logits))
        perturbed = np.concatenate([batch.marked.any(axis=(1, 2)) for batch in batches])
        focal, ranking = np.mean(losses, axis=0)
        return float(focal), float(ranking), ordered(scores[perturbed], scores[~perturbed])

    def _shown(self, stacks: Any, marked: Any) -> tuple[Any, Any]:
        return self._pictures(stacks), marked

    def _pictures(self, stacks: Any) -> list[Any]:
        """What the marker takes of stacks: images and rebuilt ones, (m, 256, 256, frames)."""
        rebuilt = ops.reshape(self._rebuild(ops.reshape(stacks, (-1, PATCH_PX, PATCH_PX))), ops.shape(stacks))
        return [ops.transpose(part, (0, 2, 3, 1)) for part in (ops.cast(stacks, "float32") / 255.0, rebuilt)]

    def save(self, folder: Path) -> None:
        """Write a checkpoint beside the last one and put it in its place."""
        folder.mkdir(parents=True, exist_ok=True)
        self._stepper.write_back()
        self.marker.save_weights(folder / "marker.new.weights.h5")
        (folder / "marker.new.weights.h5").replace(folder / "marker.weights.h5")
        state = {
            "step": self.step, "stacks": self.stacks, "settled": self.settled, "frames": self.frames,
            "model": self.bundle.digest,
        }  # fmt: skip
        write_state(folder / "marker.json", state)

    @classmethod
    def begin(
        cls,
        bundle: Bundle,
        frames: int,
        folder: Path,
        *,
        seed: int,
        batch: int = BATCH,
        other: Bundle | None = None,
    ) -> MarkerTrainer:
        """Fresh, from the checkpoint in the folder, or else from another bundle's marker; the optimiser starts fresh.

        Raises:
            BundleError: The checkpoint is of a marker behind another generator, or for another number of frames; or
                the other bundle has no marker, or one for another number of frames.
        """
        trainer = cls(bundle, frames, seed=seed, batch=batch)
        if (folder / "marker.json").exists():
            with whole_checkpoint(folder):
                state = json.loads((folder / "marker.json").read_text(encoding="utf-8"))
                if (state["model"], state["frames"]) != (bundle.digest, frames):
                    got = f"one behind model {state['model'][:12]} for {state['frames']} frames"
                    expected = f"a marker behind model {bundle.digest[:12]} for {frames} frames"
                    raise BundleError(str(folder), expected, got)
                trainer.marker.load_weights(folder / "marker.weights.h5")
                trainer.step = int(state["step"])
                trainer.stacks = int(state.get("stacks", trainer.step * BATCH))  # so many a step in earlier ones
            if state.get("settled", False):
                trainer._go_on_settled()
        elif other is not None:
            marker = load_marker(other)
            if marker.inputs[0].shape[-1] != frames:
                raise BundleError(str(other.folder), f"a marker for {frames} frames", marker.inputs[0].shape[-1])
            trainer.marker.set_weights(marker.get_weights())
            made_by = other.marker.made_by if other.marker is not None else {}
            trainer.step, trainer.stacks = (int(made_by.get(key, 0)) for key in ("steps", "stacks"))
            trainer._go_on_settled()
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


def _loss(mark: Callable[[Any], Any], pictures: list[Any], marked: Any) -> Any:
    logits = mark(pictures)
    return focal_loss(marked, logits) + RANKING_WEIGHT * ranking_loss(marked, logits)


def marker_batches(chunks: Iterable[StackChunk], *, batch: int, seed: int) -> Iterator[MarkedBatch]:
    """What a marker learns from, and is watched on."""
    return marked_batches(chunks, batch=batch, seed=seed, perturbed=PERTURBED, kinds=KINDS)


def train_marker(
    trainer: MarkerTrainer,
    batches: Iterable[MarkedBatch],
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
        batches: To learn from, without end.
        folder: Gets `marker.csv`, `held_out.csv` and the checkpoints.
        held_out: Good patches of products that are not among them; perturbed once, they are marked at every
            checkpoint.
        settled: Settle the marker first, unless it is; for the last part of a training.
        learning_rate: Maximum of the cosine.
        seconds: Stop after this long.
        progress: Told of every step.
        clock: Seconds.

    Raises:
        BundleError: A loss is no number; the last checkpoint stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    go_on(folder / "held_out.csv", trainer.step)
    kept = list(islice(marker_batches(held_out, batch=BATCH, seed=0), HELD_OUT_BATCHES))
    columns = ("step", "seconds", "learning_rate", "loss")
    began = clock()
    with curve_rows(folder / "marker.csv", trainer.step, columns) as (note, before):
        losses: list[Any] = []
        saved = 0.0
        ahead = drawn_ahead(batches)
        if settled and not trainer.settled:
            trainer.settle(islice(ahead, SETTLING_BATCHES))
            _note_held_out(trainer, kept, folder / "held_out.csv")
        for batch in ahead:
            elapsed = clock() - began
            if elapsed >= seconds:
                break
            rate = warm_cosine(learning_rate, len(losses), WARM_STEPS, elapsed / seconds)
            losses.append(trainer.train_step(batch, rate))
            if trainer.step % CURVE_EVERY == 0:
                loss = np.mean([float(loss) for loss in losses[-CURVE_EVERY:]])
                note([trainer.step, round(before + elapsed, 1), f"{rate:.3e}", f"{loss:.6f}"])
            if elapsed - saved >= SAVE_EVERY_S:
                saved = elapsed
                check_finite(losses)
                trainer.save(folder)
                _note_held_out(trainer, kept, folder / "held_out.csv")
            progress(elapsed)
    check_finite(losses)
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
