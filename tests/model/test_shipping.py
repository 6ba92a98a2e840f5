from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from model.bundle import BundleError, load_bundle
from model.config import NetworkConfig, TrainingConfig
from model.dataset import Chunk
from model.loaded import load_generator
from model.shipping import settle_batch_norm, ship
from model.trainer import Trainer


def test_a_training_becomes_a_bundle(tiny: NetworkConfig, tmp_path: Path, pictures: Callable[..., np.ndarray]) -> None:
    """The last checkpoint's weights, what a later training needs, and how it was made; old thresholds go."""
    trainer = Trainer.fresh(tiny, TrainingConfig(seed=3))
    trainer.step = 12
    trainer.save(tmp_path / "training")
    (tmp_path / "training" / "curve.csv").write_text("step\n12\n")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thresholds.toml").write_text("[scores.ssim]\nmodel = 'of other weights'\n")
    made_by = {"command": "train", "versions": {"keras 3": "3.15.1"}}
    ship(tmp_path / "training", tmp_path / "bundle", made_by, chunks=[Chunk(pictures(32, seed=0), np.ones(32, bool))])
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.made_by == {**made_by, "steps": 12}
    for loaded, trained in zip(
        load_generator(bundle), (trainer.networks.encoder, trainer.networks.decoder), strict=True
    ):
        for one, other in zip(loaded.trainable_variables, trained.trainable_variables, strict=True):
            np.testing.assert_array_equal(one, other)
    assert sorted(path.name for path in bundle.folder.iterdir()) == [
        "bundle.toml", "discriminator.weights.h5", "second_encoder.weights.h5", "training.csv", "weights.weights.h5",
    ]  # fmt: skip


def test_settled_statistics_are_plain_means(tiny: NetworkConfig, pictures: Callable[..., np.ndarray]) -> None:
    """The first batch norm's mean is that of the patches shown, and nothing is left of what it held before."""
    trainer = Trainer.fresh(tiny, TrainingConfig(batch=2, seed=3))
    block = trainer.networks.encoder.get_layer("stage0_A")
    norm, momentum = block.norms[0], block.norms[0].momentum
    norm.moving_mean.assign(np.full(norm.moving_mean.shape, 9.0, np.float32))
    patches = pictures(4, seed=0)
    settle_batch_norm(trainer, [Chunk(patches, np.zeros(4, bool))])
    entry = keras.Model(trainer.networks.encoder.input, block.input)
    shown = np.asarray(block.convolutions[0](entry(patches[..., None] / np.float32(255))))
    np.testing.assert_allclose(norm.moving_mean, shown.mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, shown.var(axis=(0, 1, 2)), rtol=1e-2)
    assert norm.momentum == momentum


def test_no_checkpoint_no_bundle(tmp_path: Path) -> None:
    """A folder without a training leaves nothing behind."""
    with pytest.raises(BundleError, match="expected a whole checkpoint, got FileNotFoundError"):
        ship(tmp_path / "nothing", tmp_path / "bundle", {}, chunks=[])
    assert not (tmp_path / "bundle").exists()
