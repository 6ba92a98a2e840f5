from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import DetectorError
from harness.geometry import PAPER
from harness.inspection.network import NetworkDetector
from harness.strips.kit import draw_kit
from harness.training.proving import Compared, prove

KIT = draw_kit("proving", {"stuck_particle": 1}, 1, seed=3, letters=("PD", "PG"))


def bundle_with_thresholds(folder: Path) -> Path:
    """Fresh weights of a narrow network, and thresholds between its scores."""
    from model.bundle_making import write_bundle
    from model.config import PRESETS
    from model.network import build_networks, build_rebuilder
    from model.thresholds import LEVELS, Thresholds, write_thresholds

    config = PRESETS["compact"].narrowed(8)
    networks = build_networks(config, seed=0)
    folder.mkdir()
    build_rebuilder(networks.encoder, networks.decoder).save_weights(folder / "weights.weights.h5")
    bundle = write_bundle(folder, config, {})
    levels = {level: np.full(4, 0.5, np.float32) for level in LEVELS}
    write_thresholds(folder, Thresholds(levels, bundle.digest, "ssim", ("C1",), 2))
    return folder


def test_equal_means_every_verdict_and_every_score() -> None:
    """One verdict more, or one score too far off, and the backends are not equal."""
    assert Compared("openvino", 10, 1e-4, 1e-4, 0, None).equal
    assert not Compared("openvino", 10, 1e-4, 2e-4, 0, None).equal
    other = Compared("openvino", 10, 1e-4, 0.0, 1, None)
    assert not other.equal
    assert "NOT equal: the same verdict on 9 of 10 runs" in other.in_words()


def test_a_backend_is_used_once_it_is_proved(tmp_path: Path) -> None:
    """Without a proof `auto` is TensorFlow; with one it is OpenVINO; one that fails takes the old one away."""
    pytest.importorskip("openvino", reason="OpenVINO, an extra, is not installed")
    folder = str(bundle_with_thresholds(tmp_path / "bundle"))
    assert NetworkDetector(folder, PAPER).name == "compact/8 (tensorflow, ssim)"
    with pytest.raises(DetectorError, match=r"a proof that openvino judges as TensorFlow does .* got none in the bund"):
        NetworkDetector(folder, PAPER, backend="openvino")
    found = prove(folder, KIT, score=None, backend="openvino", runs=1, bound=1e-4)
    assert (found.equal, found.acquisitions, found.differing) == (True, 2, 0)
    assert found.path == tmp_path / "bundle" / "proof.toml"
    assert NetworkDetector(folder, PAPER).name == "compact/8 (openvino, ssim)"
    again = prove(folder, KIT, score="ssim", backend="openvino", runs=1, bound=0.0)
    assert (again.equal, again.path) == (False, None)
    assert NetworkDetector(folder, PAPER).name == "compact/8 (tensorflow, ssim)"


def test_there_is_nothing_to_prove_of_tensorflow(tmp_path: Path) -> None:
    """It is the reference."""
    with pytest.raises(DetectorError, match="--backend: expected openvino-bf16 or openvino, got tensorflow"):
        prove(str(tmp_path), KIT, score="ssim", backend="tensorflow", runs=1, bound=1e-4)
