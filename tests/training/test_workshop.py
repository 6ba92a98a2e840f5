from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest

from harness.errors import DetectorError, InputError
from harness.geometry import PAPER
from harness.inspection.detector import Inspection
from harness.inspection.network import NetworkDetector
from harness.strips.kit import standard_kit
from harness.strips.renderer import Renderer
from harness.training.workshop import calibrate_bundle, train_examiner_of, train_marker_of
from model.bundle import load_bundle, write_bundle
from model.config import PRESETS
from model.network import build_networks, build_rebuilder


def bundle_without_marker(folder: Path) -> Path:
    """Fresh weights of a narrow network."""
    config = PRESETS["compact"].narrowed(8)
    networks = build_networks(config, seed=0)
    folder.mkdir()
    build_rebuilder(networks.encoder, networks.decoder).save_weights(folder / "weights.weights.h5")
    write_bundle(folder, config, {"seed": 0})
    return folder


@pytest.mark.slow
def test_a_marker_is_put_into_a_bundle(tmp_path: Path) -> None:
    """Trained for no time it is in the bundle with its origin and a picture, and scores all frames of a vial alike."""
    folder = bundle_without_marker(tmp_path / "bundle")
    train_marker_of(
        bundle=folder, minutes=0.0, folder=tmp_path / "training", seed=1, learning_rate=1e-3, settled=False, command="x"
    )
    bundle = load_bundle(folder)
    assert bundle.marker is not None
    assert (folder / "marks.png").exists()
    assert 'commands = ["x"]' in (folder / "bundle.toml").read_text(encoding="utf-8")
    detector = NetworkDetector(str(folder), PAPER, score="marked")
    assert detector.digest == bundle.marker.digest != bundle.digest
    frames = Renderer(seed=1).frames(standard_kit("quick").strips[0], 1)
    scores = detector.score(Inspection.of_frames(PAPER, frames))
    assert scores.shape == PAPER.shape
    assert (scores == scores[0]).all()
    explained = detector.explain(Inspection.of_frames(PAPER, frames))
    assert explained.marks is not None
    assert explained.marks.shape == explained.residual.shape
    assert explained.heat is explained.marks


@pytest.mark.slow
def test_an_examiner_is_put_behind_a_marker(tmp_path: Path) -> None:
    """Trained for no time it changes no score, but the digest; a bundle without a marker is refused."""
    folder = bundle_without_marker(tmp_path / "bundle")
    options = {"minutes": 0.0, "seed": 1, "learning_rate": 1e-3, "command": "x"}
    with pytest.raises(DetectorError, match="expected a bundle with a marker, got none"):
        train_examiner_of(bundle=folder, folder=tmp_path / "examiner", **options)
    train_marker_of(bundle=folder, folder=tmp_path / "marker", settled=False, **options)
    frames = Renderer(seed=1).frames(standard_kit("quick").strips[0], 1)
    before = NetworkDetector(str(folder), PAPER, score="marked")
    scores = before.score(Inspection.of_frames(PAPER, frames))
    train_examiner_of(bundle=folder, folder=tmp_path / "examiner", **options)
    marker = load_bundle(folder).marker
    assert marker is not None
    assert (marker.regions, marker.proposing) == (len(PAPER.regions), before.digest)
    after = NetworkDetector(str(folder), PAPER, score="marked")
    assert after.digest == marker.digest != before.digest
    assert after.score(Inspection.of_frames(PAPER, frames)) == pytest.approx(scores, abs=1e-5)


def test_a_bundle_that_is_none(tmp_path: Path) -> None:
    """One sentence, and no training begins."""
    with pytest.raises(DetectorError, match=r"bundle\.toml: expected a file of a detector bundle, got no such file"):
        train_marker_of(
            bundle=tmp_path, minutes=1, folder=tmp_path / "t", seed=1, learning_rate=1e-3, settled=False, command="x"
        )
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        (0.01, r"^--alpha: expected 197 or more good calibration products for 0\.01, got 60$"),
        (0.0, r"^--alpha: expected a number > 0 and < 1, got 0\.0$"),
        (float("nan"), "^--alpha: expected a number > 0 and < 1, got nan$"),
    ],
)
def test_a_share_that_the_good_products_cannot_hold(alpha: float, message: str) -> None:
    """Said before a bundle is looked for."""
    with pytest.raises(InputError, match=message):
        calibrate_bundle("none", score="ssim", runs=1, required=1, recording=None, alpha=alpha)
