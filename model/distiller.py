"""A leaner generator learns to rebuild what a trained one rebuilds: the same twins for fewer operations.

Source:
    Hinton, Vinyals & Dean (2015), Distilling the knowledge in a neural network, arXiv:1503.02531, for the idea.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from model.bundle import Bundle, BundleError
from model.bundle_making import write_bundle
from model.checkpoint import check_finite, curve_rows, whole_checkpoint, write_state
from model.config import PATCH_PX, NetworkConfig
from model.dataset import drawn_ahead
from model.loaded import normalised, rebuilding
from model.marked_batches import MarkedBatch
from model.marker_trainer import CURVE_EVERY, SAVE_EVERY_S, SETTLING_BATCHES, WARM_STEPS, warm_cosine
from model.network import build_decoder, build_encoder, build_rebuilder
from model.settling import norms_of, settle
from model.stepping import Stepper, compiled

GREY = 255.0
SOFT = 0.5
"""Grey levels below which a difference counts as its square, softly."""

SETTLED_AFTER = 0.5
"""Share of a training after which batch norm's statistics are fixed; it then runs as inspection does."""


@dataclass
class Distiller:
    """A generator that learns, and the one that it learns from.

    Attributes:
        teacher: Bundle of the latter.
        network: Sizes of the former.
        seed: Of its weights.
        step: Optimiser steps done.
        patches: That were learnt from.
        settled: Batch norm uses its stored statistics in training too.
    """

    teacher: Bundle
    network: NetworkConfig
    seed: int = 1
    step: int = 0
    patches: int = 0
    settled: bool = False

    def __post_init__(self) -> None:
        keras.utils.set_random_seed(self.seed)
        parts = build_encoder(self.network, "encoder"), build_decoder(self.network)
        self.generator = build_rebuilder(*parts)
        self._norms = norms_of(*parts)
        self._taught = compiled(rebuilding(self.teacher))
        self._stepper = self._stepping()

    def _stepping(self) -> Stepper:
        return Stepper(self.generator, keras.optimizers.Adam(1e-3), self._shown, _loss, training=not self.settled)

    def train_step(self, batch: MarkedBatch, learning_rate: float) -> Any:
        """One step; the loss before it, a scalar in grey levels."""
        self.step += 1
        self.patches += batch.stacks.shape[0] * batch.stacks.shape[1]
        return self._stepper.step(learning_rate, batch.stacks)

    def settle(self, batches: Iterable[MarkedBatch]) -> None:
        """Fix batch norm's statistics at their average over these; training then runs as inspection does."""
        self._stepper.write_back()
        settle(self._norms, batches, lambda batch: self.generator(self._shown(batch.stacks)[0], training=True))
        self._go_on_settled()

    def _go_on_settled(self) -> None:
        self.settled = True
        self._stepper = self._stepping()

    def off_by(self, batches: Sequence[MarkedBatch]) -> float:
        """Mean absolute difference from what the teacher rebuilds, in grey levels, as inspection runs."""
        self._stepper.write_back()
        differences = []
        for batch in batches:
            images, taught = self._shown(batch.stacks)
            rebuilt = self.generator(images, training=False)[..., 0]
            differences.append(float(ops.mean(ops.abs(rebuilt - taught))))
        return GREY * float(np.mean(differences))

    def _shown(self, stacks: Any) -> tuple[Any, Any]:
        """Images (n, 256, 256, 1) in [0, 1], and what the teacher makes of them, (n, 256, 256)."""
        patches = ops.reshape(stacks, (-1, PATCH_PX, PATCH_PX))
        return normalised(patches), self._taught(patches)

    def save(self, folder: Path) -> None:
        """Write a checkpoint beside the last one and put it in its place."""
        folder.mkdir(parents=True, exist_ok=True)
        self._stepper.write_back()
        self.generator.save_weights(folder / "generator.new.weights.h5")
        (folder / "generator.new.weights.h5").replace(folder / "generator.weights.h5")
        state = {
            "step": self.step, "patches": self.patches, "settled": self.settled, "network": self.network.as_dict(),
            "teacher": self.teacher.digest,
        }  # fmt: skip
        write_state(folder / "generator.json", state)

    @classmethod
    def begin(cls, teacher: Bundle, network: NetworkConfig, folder: Path, *, seed: int) -> Distiller:
        """Fresh, or from the checkpoint in the folder; the optimiser starts fresh.

        Raises:
            BundleError: The checkpoint learnt from another teacher, or is of another network.
        """
        distiller = cls(teacher, network, seed=seed)
        if (folder / "generator.json").exists():
            with whole_checkpoint(folder):
                state = json.loads((folder / "generator.json").read_text(encoding="utf-8"))
                if (state["teacher"], state["network"]) != (teacher.digest, network.as_dict()):
                    got = f"{state['network']['name']} behind {state['teacher'][:12]}"
                    expected = f"a checkpoint of {network.name} behind {teacher.digest[:12]}"
                    raise BundleError(str(folder), expected, got)
                distiller.generator.load_weights(folder / "generator.weights.h5")
                distiller.step, distiller.patches = int(state["step"]), int(state["patches"])
            if state["settled"]:
                distiller._go_on_settled()
        return distiller


def _loss(rebuild: Callable[[Any], Any], images: Any, taught: Any) -> Any:
    """Mean difference in grey levels, smooth where it is small."""
    off = GREY * (rebuild(images)[..., 0] - taught)
    return ops.mean(ops.sqrt(ops.square(off) + SOFT**2) - SOFT)


def distil(
    distiller: Distiller,
    batches: Iterable[MarkedBatch],
    folder: Path,
    *,
    held_out: Sequence[MarkedBatch] = (),
    learning_rate: float,
    seconds: float,
    progress: Callable[[float], None] = lambda elapsed: None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Learn for so many seconds, the learning rate along one cosine; curve and checkpoints in `folder`.

    Args:
        distiller: Goes on from where it is.
        batches: Perturbed good patches, without end: what the marker will have rebuilt.
        folder: Gets `training.csv` and the checkpoints.
        held_out: Of products that are not among them; the last line of the curve has the difference on these.
        learning_rate: Maximum of the cosine.
        seconds: Stop after this long.
        progress: Told of every step.
        clock: Seconds.

    Raises:
        BundleError: A loss is no number; the last checkpoint stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = ("step", "seconds", "learning_rate", "loss", "held_out")
    began, saved, losses = clock(), 0.0, list[Any]()
    ahead = drawn_ahead(batches)
    with curve_rows(folder / "training.csv", distiller.step, columns) as (note, before):
        for batch in ahead:
            elapsed = clock() - began
            if elapsed >= seconds:
                break
            if not distiller.settled and elapsed >= SETTLED_AFTER * seconds:
                distiller.settle(islice(ahead, SETTLING_BATCHES))
            rate = warm_cosine(learning_rate, len(losses), WARM_STEPS, elapsed / seconds)
            losses.append(distiller.train_step(batch, rate))
            if distiller.step % CURVE_EVERY == 0:
                loss = np.mean([float(loss) for loss in losses[-CURVE_EVERY:]])
                note([distiller.step, round(before + elapsed, 1), f"{rate:.3e}", f"{loss:.4f}", ""])
            if elapsed - saved >= SAVE_EVERY_S:
                saved = elapsed
                check_finite(losses)
                distiller.save(folder)
            progress(elapsed)
        check_finite(losses)
        if losses and not distiller.settled:
            distiller.settle(islice(ahead, SETTLING_BATCHES))
        if losses and held_out:
            seconds_so_far = round(before + clock() - began, 1)
            note([distiller.step, seconds_so_far, "", "", f"{distiller.off_by(held_out):.4f}"])
    distiller.save(folder)


def ship_distilled(distiller: Distiller, folder: Path, bundle: Path, made_by: dict[str, Any]) -> Bundle:
    """Make or replace a bundle of a distiller's generator; thresholds that lie there belong to other weights and go.

    Args:
        distiller: Settled.
        folder: Of its checkpoints and curve.
        bundle: Folder to write.
        made_by: Command, seed, data identifiers, versions, hardware.
    """
    bundle.mkdir(parents=True, exist_ok=True)
    (bundle / "thresholds.toml").unlink(missing_ok=True)
    distiller.generator.save_weights(bundle / "weights.weights.h5")
    (bundle / "training.csv").write_bytes((folder / "training.csv").read_bytes())
    taught = {"teacher": distiller.teacher.digest, "steps": distiller.step, "patches": distiller.patches}
    return write_bundle(bundle, distiller.network, {**made_by, **taught})
