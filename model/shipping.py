"""From a training folder to a detector bundle: inference weights, the rest for a later training, and how it was made."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.bundle import Bundle, write_bundle
from model.config import TrainingConfig
from model.network import build_rebuilder
from model.trainer import Trainer


def ship(training: Path, bundle: Path, made_by: Mapping[str, Any]) -> Bundle:
    """Make or replace a bundle from the last checkpoint of a training.

    Args:
        training: Folder that `trainer.train` wrote.
        bundle: Folder to write; thresholds that lie there belong to other weights and are removed.
        made_by: Command, seed, data identifiers, versions, hardware.
    """
    trainer = Trainer.resume(training, TrainingConfig())
    bundle.mkdir(parents=True, exist_ok=True)
    (bundle / "thresholds.toml").unlink(missing_ok=True)
    build_rebuilder(trainer.networks.encoder, trainer.networks.decoder).save_weights(bundle / "weights.weights.h5")
    for name in ("second_encoder", "discriminator"):
        shutil.copyfile(training / f"{name}.weights.h5", bundle / f"{name}.weights.h5")
    shutil.copyfile(training / "curve.csv", bundle / "training.csv")
    return write_bundle(bundle, trainer.network, {**made_by, "steps": trainer.step})
