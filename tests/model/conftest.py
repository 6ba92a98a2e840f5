"""Small networks and small pictures for the tests of the network's room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from model.bundle import Bundle
from model.bundle_making import add_marker, write_bundle
from model.config import PRESETS, NetworkConfig, TrainingConfig
from model.dataset import Batch, Chunk, batches
from model.marker import build_marker
from model.network import build_networks, build_rebuilder
from model.thresholds import LEVELS, Thresholds, write_thresholds

TINY = PRESETS["compact"].narrowed(8)


def textured(count: int, *, seed: int, size: int = 256) -> NDArray[np.uint8]:
    """uint8 (count, size, size): a smooth shade with grain on it."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, size)
    shade = 60 + 120 * np.sin(3 * ramp[:, None] + 2 * ramp + rng.uniform(0, 3, (count, 1, 1))) ** 2
    return np.clip(shade + rng.normal(0, 12, (count, size, size)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def pictures() -> Callable[..., NDArray[np.uint8]]:
    """What draws textured pictures: `pictures(count, seed=...)`."""
    return textured


@pytest.fixture(scope="session")
def tiny() -> NetworkConfig:
    """`compact` at an eighth of its width."""
    return TINY


@pytest.fixture(scope="session")
def batch() -> Batch:
    """Two patches, both perturbed."""
    chunk = Chunk(textured(2, seed=5), np.ones(2, bool))
    return next(batches([chunk], TrainingConfig(batch=2, perturbed=1.0), seed=2))


@pytest.fixture(scope="session")
def make_bundle() -> Callable[..., Bundle]:
    """What writes a bundle with fresh weights and thresholds: `make_bundle(folder)`."""

    def make(folder: Path, config: NetworkConfig = TINY, *, seed: int = 0, regions: int = 4) -> Bundle:
        networks = build_networks(config, seed=seed)
        folder.mkdir(parents=True, exist_ok=True)
        build_rebuilder(networks.encoder, networks.decoder).save_weights(folder / "weights.weights.h5")
        bundle = write_bundle(folder, config, {"command": "none", "seed": seed})
        levels = {level: np.linspace(0.1, 0.4, regions, dtype=np.float32) for level in LEVELS}
        write_thresholds(folder, Thresholds(levels, bundle.digest, "ssim", ("C1", "C2"), 3))
        return bundle

    return make


@pytest.fixture(scope="session")
def make_marked_bundle(make_bundle: Callable[..., Bundle]) -> Callable[..., Bundle]:
    """What writes a bundle with a marker that has fresh weights too: `make_marked_bundle(folder, frames=...)`."""

    def make(folder: Path, *, frames: int) -> Bundle:
        make_bundle(folder / "bundle")
        keras.utils.set_random_seed(1)
        marker = build_marker(frames)
        marker.save_weights(folder / "marker.weights.h5")
        return add_marker(folder / "bundle", folder / "marker.weights.h5", [], frames, {})

    return make
