"""How long the score of a strip takes, and the network before it; `tox run -e benchmarks` times them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from model.bundle_making import write_bundle
from model.config import PRESETS
from model.network import build_networks, build_rebuilder
from model.runtime import TensorFlowRuntime
from model.ssim import dissimilarity

STRIP = 60


@pytest.fixture(scope="module")
def patches() -> NDArray[np.uint8]:
    """A strip of noise on grey."""
    return np.clip(np.random.default_rng(0).normal(128, 30, (STRIP, 256, 256)), 0, 255).astype(np.uint8)


def test_score_of_a_strip(benchmark: BenchmarkFixture, patches: NDArray[np.uint8]) -> None:
    """60 patches of 1 - SSIM, the fused kernel (limit of a strip's score: 10 ms on two cores)."""
    rebuilt = (patches / 255 * 0.95).astype(np.float32)
    scores = benchmark(dissimilarity, patches, rebuilt)
    assert scores.shape == (STRIP,)


def test_rebuilding_a_strip(benchmark: BenchmarkFixture, patches: NDArray[np.uint8], tmp_path: Path) -> None:
    """60 patches through the network that ships, batch norm folded, on TensorFlow."""
    config = PRESETS["compact"]
    networks = build_networks(config)
    build_rebuilder(networks.encoder, networks.decoder).save_weights(tmp_path / "weights.weights.h5")
    runtime = TensorFlowRuntime(write_bundle(tmp_path, config, {}), STRIP)
    assert benchmark(runtime.rebuild, patches).shape == patches.shape
