"""PaDiM on a bundle's encoder: distances from good patches, place by place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.errors import DetectorError
from harness.geometry import Geometry
from harness.inspection.detector import Inspection
from harness.inspection.padim import KEPT_FEATURES, PadimDetector
from model.bundle import find_bundle
from model.bundle_making import write_bundle
from model.config import PRESETS
from model.network import build_networks, build_rebuilder

SMALL = Geometry(
    frames=(3, 8), vials=2, regions=("upper", "lower"), frame_shape=(512, 512),
    boxes=((0, 0), (256, 0), (0, 256), (256, 256)), um_per_px=60.0,
)  # fmt: skip


def good(count: int, *, seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Grey frames with noise, (2, 512, 512) each."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield np.clip(rng.normal(140.0, 6.0, (2, 512, 512)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Fresh weights of the compact network."""
    folder: Path = tmp_path_factory.mktemp("padim")
    networks = build_networks(PRESETS["compact"], seed=0)
    build_rebuilder(networks.encoder, networks.decoder).save_weights(folder / "weights.weights.h5")
    write_bundle(folder, PRESETS["compact"], {})
    return str(folder)


@pytest.fixture(scope="module")
def detector(bundle: str) -> PadimDetector:
    """Fitted to 60 good acquisitions: 240 patches a region."""
    return PadimDetector(bundle, SMALL, good(60))


def test_a_dark_place_is_far_from_good_ones_and_is_where_it_is(detector: PadimDetector) -> None:
    """Its patch scores highest, and the hottest place lies on it; a good acquisition scores as good ones do."""
    (frames,) = good(1, seed=9)
    calm = detector.score(Inspection.of_frames(SMALL, frames))
    frames[1, 300:320, 400:420] = 60  # frame 1, vial 1, region 1: rows 256-511, columns 256-511
    marked = Inspection.of_frames(SMALL, frames)
    scores = detector.score(marked)
    assert scores.shape == SMALL.shape
    assert np.unravel_index(scores.argmax(), scores.shape) == (1, 1, 1)
    assert scores.max() > 1.5 * calm.max()
    heat = detector.explain(marked).residual[1, 1, 1]
    y, x = np.unravel_index(heat.argmax(), heat.shape)
    assert 300 - 16 <= y + 256 <= 320 + 16
    assert 400 - 16 <= x + 256 <= 420 + 16


def test_distances_are_mahalanobis(detector: PadimDetector) -> None:
    """Over the patches it was fitted to, a place's squared distance is on average the number of features.

    That is the trace of the covariance times its inverse; the ridge takes a little, the mean's own error as little.
    """
    found = [np.square(detector.explain(Inspection.of_frames(SMALL, frames)).residual) for frames in good(60)]
    mean = np.concatenate(found).mean(axis=(0, 1))  # (region, 256, 256)
    assert mean.max() <= KEPT_FEATURES
    assert mean.min() > 0.4 * KEPT_FEATURES


def test_same_strips_same_digest(bundle: str, detector: PadimDetector) -> None:
    """Other good strips make another detector."""
    assert PadimDetector(bundle, SMALL, good(60)).digest == detector.digest
    assert PadimDetector(bundle, SMALL, good(60, seed=1)).digest != detector.digest


def test_too_few_good_strips(bundle: str) -> None:
    """One sentence: a covariance needs more patches than features."""
    with pytest.raises(DetectorError, match=f"good strips: expected more than {KEPT_FEATURES} patches of each region"):
        PadimDetector(bundle, SMALL, good(2))


def test_the_shipped_encoder_has_features_enough() -> None:
    """The random choice is one."""
    from model.bundle import load_bundle
    from model.embedding import EmbeddingRuntime

    assert EmbeddingRuntime(load_bundle(find_bundle("compact"), with_marker=False), 4).channels > KEPT_FEATURES
