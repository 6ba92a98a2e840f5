"""From a training folder to a detector bundle: weights for inference, what a later training wants, its origin."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from keras import ops

from model.bundle import Bundle
from model.bundle_making import write_bundle
from model.config import TrainingConfig
from model.dataset import Chunk, batches
from model.network import build_rebuilder
from model.settling import norms_of, settle
from model.trainer import Trainer

SETTLING_BATCHES = 60
"""Batches over which batch norm's statistics are taken anew for inference."""


def ship(training: Path, bundle: Path, made_by: Mapping[str, Any], *, chunks: Iterable[Chunk]) -> Bundle:
    """Make or replace a bundle from the last checkpoint of a training.

    Args:
        training: Folder that `trainer.train` wrote.
        bundle: Folder to write; thresholds that lie there belong to other weights and are removed.
        made_by: Command, seed, data identifiers, versions, hardware.
        chunks: Good patches, as in the training.
    """
    trainer = Trainer.resume(training, TrainingConfig())
    settle_batch_norm(trainer, chunks)
    bundle.mkdir(parents=True, exist_ok=True)
    (bundle / "thresholds.toml").unlink(missing_ok=True)
    build_rebuilder(trainer.networks.encoder, trainer.networks.decoder).save_weights(bundle / "weights.weights.h5")
    for name in ("second_encoder", "discriminator"):
        shutil.copyfile(training / f"{name}.weights.h5", bundle / f"{name}.weights.h5")
    shutil.copyfile(training / "curve.csv", bundle / "training.csv")
    return write_bundle(bundle, trainer.network, {**made_by, "steps": trainer.step})


def settle_batch_norm(trainer: Trainer, chunks: Iterable[Chunk]) -> None:
    """Take the statistics of encoder and decoder anew over unperturbed good patches.

    The running ones were taken on perturbed images, which inspection does not see. Weights do not change.
    """
    config = TrainingConfig(batch=trainer.config.batch, perturbed=0.0, rotation_rad=0.0)
    shown = islice(batches(chunks, config, seed=0), SETTLING_BATCHES)
    norms = norms_of(trainer.networks.encoder, trainer.networks.decoder)
    settle(norms, shown, lambda batch: trainer.generate(ops.convert_to_tensor(batch.image)))
