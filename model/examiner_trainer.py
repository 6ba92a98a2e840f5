"""Training of the examiner behind a generator and a marker that no longer change, on good product alone.

The marker is shown perturbed good patches; where it is hottest, the examiner learns which places were perturbed and
which are only bubbles, drops, walls and text.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from model.bundle import Bundle, BundleError
from model.checkpoint import check_finite, curve_rows, whole_checkpoint, write_state
from model.dataset import drawn_ahead
from model.disturbance import Kind
from model.examiner import PLACES, build_examiner, hottest_places, seen_at
from model.loaded import beside_rebuilt, load_examiner, rebuilding, seeing
from model.marked_batches import MarkedBatch, StackChunk, marked_batches
from model.marker import WIDTHS
from model.marker_trainer import ordered, warm_cosine
from model.place_losses import NEITHER, place_loss, strip_loss
from model.scoring import MARK_WINDOW
from model.stepping import Stepper, compiled
from model.window_pool import Pool, Windows

STACKS = 16
"""Perturbed stacks whose places are drawn for a step."""

KINDS: dict[Kind, float] = {
    "spot": 0.32, "line": 0.12, "raft": 0.1, "push": 0.16, "dent": 0.06, "relief": 0.1, "shadow": 0.08,
    "light": 0.02, "grey": 0.02, "texture": 0.01, "product": 0.01,
}  # fmt: skip
"""Share of perturbations of each kind. With what the first markers learnt, of which little is small, the examiner took
an uneven dark piece of 8 px on an even ground for one of the many small bubbles; with three spots in five and few dents
it no longer knew a dented wall."""

PERTURBED = 0.5
"""Of them. A strip has forty places, all but one of them whole, and the hottest of those are what is to be learnt."""

LEARNT_PLACES = 4
"""Places a stack that are learnt from: two more than are examined."""

NOISE = 0.5 / 255
"""Standard deviation of what is added to a window each time it is learnt from, lest its own noise be known again."""

WEIGHT_DECAY = 0.05
BATCH = 96
POOL_WINDOWS = 24_000
FIRST_WINDOWS = 2_000
"""In the pool before the first step."""

BESIDE_CELLS = 2
"""Cells around a place that must be whole if it is to count as whole."""

STRIP_WEIGHT = 0.5
"""Of the loss of strips beside that of places."""

WARM_STEPS = 200
CURVE_EVERY = 20
SAVE_EVERY_S = 60.0
HELD_OUT_BATCHES = 30


class ExaminerTrainer:
    """Examiner, optimiser, and the frozen networks in front.

    Args:
        bundle: Whose generator and marker propose places.
        regions: Of a vial.
        seed: Of weights and pool.
        batch: Windows a step.

    Attributes:
        step: Optimiser steps done.
        seen: Windows that were learnt from, each as often as it was.
    """

    def __init__(self, bundle: Bundle, regions: int, *, seed: int, batch: int = BATCH) -> None:
        keras.utils.set_random_seed(seed)
        self.bundle, self.regions, self.batch, self.seed = bundle, regions, batch, seed
        self.step, self.seen = 0, 0
        sight = seeing(bundle)
        self._see, self.frames = sight.see, sight.frames
        self.examiner = build_examiner(self.frames, regions, WIDTHS[0])
        self._rebuild = rebuilding(bundle)
        self._proposals: dict[int, Callable[..., Any]] = {}
        optimizer = keras.optimizers.AdamW(1e-3, weight_decay=WEIGHT_DECAY, clipnorm=5.0)
        self._stepper = Stepper(self._learner(), optimizer, _as_seen, _loss, training=True)

    def _learner(self) -> keras.Model:
        """The examiner as it learns: with noise on its windows."""
        detail, *others = (keras.Input(given.shape[1:]) for given in self.examiner.inputs)
        noisy = keras.layers.GaussianNoise(NOISE, seed=self.seed)(detail)
        return keras.Model([detail, *others], self.examiner([noisy, *others]))

    def windows(self, batch: MarkedBatch, count: int) -> Windows:
        """The hottest places of perturbed stacks, so many of each."""
        propose = self._proposals.setdefault(count, compiled(partial(self._propose, count=count)))
        return Windows(*map(ops.convert_to_numpy, propose(batch.stacks, batch.marked, batch.regions)))

    def _propose(self, stacks: Any, marked: Any, region: Any, *, count: int) -> tuple[Any, ...]:
        images, twins = beside_rebuilt(stacks, self._rebuild)
        logits, features = self._see(images, twins, region)
        rows, columns, values = hottest_places(logits, count)
        row, column = (ops.reshape(part, (-1,)) for part in (rows, columns))
        patch = ops.repeat(ops.arange(ops.shape(rows)[0], dtype="int32"), count)
        detail, around, where = seen_at(
            images, twins, features, patch, row, column, region, frames=self.frames, regions=self.regions
        )
        detail, around = (ops.cast(part, "float16") for part in (detail, around))
        value, label = (ops.reshape(part, (-1,)) for part in (values, labels(marked, rows, columns)))
        return detail, around, where, value, label

    def train_step(self, windows: Windows, learning_rate: float) -> Any:
        """One step; the loss before it, a scalar."""
        self.step += 1
        self.seen += len(windows.label)
        return self._stepper.step(learning_rate, *windows.arrays())

    def _said(self, windows: Windows) -> NDArray[np.float32]:
        given, _ = _as_seen(*map(ops.convert_to_tensor, windows.arrays()))
        said: NDArray[np.float32] = ops.convert_to_numpy(self.examiner(given, training=False))[:, 0]
        return said

    def held_out(self, proposed: Sequence[Windows]) -> tuple[float, float, float]:
        """(loss of places, AUROC of stacks by the marker alone, and by the examiner), of products never learnt from.

        Args:
            proposed: `PLACES` windows a stack.
        """
        self._stepper.write_back()
        said = np.concatenate([self._said(part) for part in proposed])
        label, value = (np.concatenate([getattr(part, name) for part in proposed]) for name in ("label", "value"))
        loss = float(place_loss(label, said))
        hit = (label.reshape(-1, PLACES) > 0.5).any(axis=1)
        whole = (label.reshape(-1, PLACES) == 0).all(axis=1)
        before, after = (logits.reshape(-1, PLACES).max(axis=1) for logits in (value, said))
        return loss, ordered(before[hit], before[whole]), ordered(after[hit], after[whole])

    def save(self, folder: Path) -> None:
        """Write a checkpoint beside the last one and put it in its place."""
        folder.mkdir(parents=True, exist_ok=True)
        self._stepper.write_back()
        self.examiner.save_weights(folder / "examiner.new.weights.h5")
        (folder / "examiner.new.weights.h5").replace(folder / "examiner.weights.h5")
        state = {
            "step": self.step, "windows": self.seen, "marker": _marker_digest(self.bundle), "regions": self.regions,
        }  # fmt: skip
        write_state(folder / "examiner.json", state)

    @classmethod
    def begin(
        cls,
        bundle: Bundle,
        regions: int,
        folder: Path,
        *,
        seed: int,
        batch: int = BATCH,
        other: Bundle | None = None,
    ) -> ExaminerTrainer:
        """Fresh, from the checkpoint in the folder, or else from another bundle's; the optimiser starts fresh.

        Raises:
            BundleError: The checkpoint is of an examiner behind another marker, or for other regions; or the other
                bundle has none, or one for other regions.
        """
        trainer = cls(bundle, regions, seed=seed, batch=batch)
        if (folder / "examiner.json").exists():
            with whole_checkpoint(folder):
                state = json.loads((folder / "examiner.json").read_text(encoding="utf-8"))
                marker = _marker_digest(bundle)
                if (state["marker"], state["regions"]) != (marker, regions):
                    got = f"one behind marker {state['marker'][:12]} for {state['regions']} regions"
                    raise BundleError(
                        str(folder), f"an examiner behind marker {marker[:12]} for {regions} regions", got
                    )
                trainer.examiner.load_weights(folder / "examiner.weights.h5")
                trainer.step = int(state["step"])
                trainer.seen = int(state.get("windows", trainer.step * BATCH))  # so many a step in earlier ones
        elif other is not None:
            examiner = load_examiner(other)
            if other.marker is None or other.marker.regions != regions:
                raise BundleError(str(other.folder), f"an examiner for {regions} regions", "one for others")
            trainer.examiner.set_weights(examiner.get_weights())
            made_by = other.marker.made_by["examiner"]
            trainer.step, trainer.seen = int(made_by["steps"]), int(made_by["windows"])
        return trainer


def _as_seen(detail: Any, around: Any, where: Any, value: Any, label: Any) -> tuple[list[Any], Any]:
    """What the examiner takes of windows, and their labels."""
    return [ops.cast(detail, "float32"), ops.cast(around, "float32"), where, value[:, None]], label


def _loss(examine: Callable[[Any], Any], given: list[Any], label: Any) -> Any:
    said = examine(given)[:, 0]
    return place_loss(label, said) + STRIP_WEIGHT * strip_loss(label, said)


def examiner_batches(chunks: Iterable[StackChunk], *, batch: int, seed: int) -> Iterator[MarkedBatch]:
    """Stacks whose places an examiner learns from, and is watched on."""
    return marked_batches(chunks, batch=batch, seed=seed, perturbed=PERTURBED, kinds=KINDS)


def labels(marked: Any, rows: Any, columns: Any) -> Any:
    """1 where a cell of a place was perturbed, 0 where none was there or near, else `NEITHER`.

    Args:
        marked: (m, 64, 64), 1.0 where a cell was perturbed, else 0.0.
        rows: int32 (m, k), cells in the middle of places.
        columns: As `rows`.

    Returns:
        (m, k).
    """
    at, near = (
        ops.max_pool(marked[..., None], side, strides=1, padding="same")[..., 0]
        for side in (MARK_WINDOW, MARK_WINDOW + 2 * BESIDE_CELLS)
    )
    flat = rows * marked.shape[-1] + columns
    hit, beside = (
        ops.take_along_axis(ops.reshape(part, (-1, marked.shape[-1] ** 2)), flat, axis=1) for part in (at, near)
    )
    return ops.where(hit > 0.5, 1.0, ops.where(beside > 0.5, NEITHER, 0.0))


def _marker_digest(bundle: Bundle) -> str:
    return bundle.marker.proposing if bundle.marker is not None else ""


def train_examiner(
    trainer: ExaminerTrainer,
    batches: Iterable[MarkedBatch],
    folder: Path,
    *,
    held_out: Iterable[StackChunk] = (),
    learning_rate: float,
    seconds: float,
    pool_windows: int = POOL_WINDOWS,
    progress: Callable[[float], None] = lambda elapsed: None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Train for so many seconds, the learning rate along one cosine; curve and checkpoints in `folder`.

    Args:
        trainer: Goes on from where it is.
        batches: Stacks whose places are learnt from, without end.
        folder: Gets `examiner.csv` and the checkpoints.
        held_out: Good patches of products that are not among them; perturbed once, they are examined at every
            checkpoint.
        learning_rate: Maximum of the cosine.
        seconds: Stop after this long.
        pool_windows: Windows kept to learn from.
        progress: Told of every step.
        clock: Seconds.

    Raises:
        BundleError: A loss is no number; the last checkpoint stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([trainer.seed, trainer.step])
    kept = [
        trainer.windows(batch, PLACES)
        for batch in islice(examiner_batches(held_out, batch=STACKS, seed=0), HELD_OUT_BATCHES)
    ]
    columns = ("step", "seconds", "learning_rate", "loss", "held_out", "auroc_marker", "auroc")
    pool, losses = Pool(pool_windows), list[Any]()
    began = clock()
    with curve_rows(folder / "examiner.csv", trainer.step, columns) as (write, before):

        def note(rate: float, elapsed: float, watched: bool) -> None:
            seen = [f"{value:.4f}" for value in trainer.held_out(kept)] if watched and kept else [""] * 3
            loss = np.mean([float(loss) for loss in losses[-CURVE_EVERY:]]) if losses else math.nan
            write([trainer.step, round(before + elapsed, 1), f"{rate:.3e}", f"{loss:.5f}", *seen])

        rate, elapsed, saved = 0.0, 0.0, 0.0
        ahead = drawn_ahead(batches)
        for proposed in drawn_ahead(trainer.windows(batch, LEARNT_PLACES) for batch in ahead):
            elapsed = clock() - began
            if elapsed >= seconds:
                break
            pool.add(proposed, rng)
            if pool.kept < min(FIRST_WINDOWS, pool.size):
                continue
            rate = warm_cosine(learning_rate, len(losses), WARM_STEPS, elapsed / seconds)
            losses.append(trainer.train_step(pool.draw(trainer.batch, rng), rate))
            if elapsed - saved >= SAVE_EVERY_S:
                saved = elapsed
                check_finite(losses)
                trainer.save(folder)
                note(rate, elapsed, watched=True)
            elif trainer.step % CURVE_EVERY == 0:
                note(rate, elapsed, watched=False)
            progress(elapsed)
        check_finite(losses)
        trainer.save(folder)
        if losses:
            note(rate, elapsed, watched=True)
