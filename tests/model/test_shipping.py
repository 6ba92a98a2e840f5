from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.bundle import load_bundle
from model.config import NetworkConfig, TrainingConfig
from model.runtime import load_generator
from model.shipping import ship
from model.trainer import Trainer


def test_a_training_becomes_a_bundle(tiny: NetworkConfig, tmp_path: Path) -> None:
    """The last checkpoint's weights, what a later training needs, and how it was made; old thresholds go."""
    trainer = Trainer.fresh(tiny, TrainingConfig(seed=3))
    trainer.step = 12
    trainer.save(tmp_path / "training")
    (tmp_path / "training" / "curve.csv").write_text("step\n12\n")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thresholds.toml").write_text("[scores.ssim]\nmodel = 'of other weights'\n")
    ship(tmp_path / "training", tmp_path / "bundle", {"command": "train", "versions": {"keras 3": "3.15.1"}})
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.made_by == {"command": "train", "versions": {"keras 3": "3.15.1"}, "steps": 12}
    for loaded, trained in zip(
        load_generator(bundle), (trainer.networks.encoder, trainer.networks.decoder), strict=True
    ):
        for one, other in zip(loaded.get_weights(), trained.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    assert sorted(path.name for path in bundle.folder.iterdir()) == [
        "bundle.toml", "discriminator.weights.h5", "second_encoder.weights.h5", "training.csv", "weights.weights.h5",
    ]  # fmt: skip


def test_no_checkpoint_no_bundle(tmp_path: Path) -> None:
    """A folder without a training leaves nothing behind."""
    with pytest.raises(FileNotFoundError):
        ship(tmp_path / "nothing", tmp_path / "bundle", {})
    assert not (tmp_path / "bundle").exists()
