from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.errors import DetectorError
from harness.geometry import Geometry
from harness.inspection.detector import Inspection, look_ahead
from harness.inspection.network import NetworkDetector

SMALL = Geometry(
    frames=(1, 8), vials=1, regions=("top", "bottom"), frame_shape=(512, 256), boxes=((0, 0), (256, 0)), um_per_px=50.0
)


def make_bundle(folder: Path, *, regions: int = 2) -> Path:
    """A bundle with fresh weights of a narrow network, and thresholds for some regions."""
    from model.bundle_making import write_bundle
    from model.config import PRESETS
    from model.network import build_networks, build_rebuilder
    from model.thresholds import LEVELS, Thresholds, write_thresholds

    config = PRESETS["compact"].narrowed(8)
    networks = build_networks(config, seed=0)
    folder.mkdir()
    build_rebuilder(networks.encoder, networks.decoder).save_weights(folder / "weights.weights.h5")
    bundle = write_bundle(folder, config, {})
    levels = {level: np.linspace(0.1, 0.4, regions, dtype=np.float32) for level in LEVELS}
    write_thresholds(folder, Thresholds(levels, bundle.digest, "ssim", ("C1",), 2))
    return folder


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> NetworkDetector:
    """It, for a geometry of four patches."""
    return NetworkDetector(str(make_bundle(tmp_path_factory.mktemp("detector") / "bundle")), SMALL)


def inspection(seed: int = 0) -> Inspection:
    """An acquisition of textured frames."""
    rng = np.random.default_rng(seed)
    frames = np.clip(rng.normal(120, 30, (2, 512, 256)), 0, 255).astype(np.uint8)
    return Inspection("key", SMALL, lambda: frames)


def test_without_a_marker_the_papers_score_is_the_bundles_own(tmp_path: Path) -> None:
    """Where nobody asks for another; the shipped bundle, which has a marker, decides by that."""
    from model.bundle import find_bundle, load_bundle

    folder = make_bundle(tmp_path / "bundle")
    assert NetworkDetector(str(folder), SMALL, score=None).score_name == "ssim"
    assert load_bundle(find_bundle("compact")).main_score == "marked"


def test_scores_are_those_of_its_parts(detector: NetworkDetector) -> None:
    """Crop, rebuild, 1 - SSIM: the same numbers as from the parts by hand, in the geometry's shape."""
    from model.runtime import TensorFlowRuntime
    from model.ssim import dissimilarity

    looked_at = inspection()
    scores = detector.score(looked_at)
    patches = looked_at.patches.reshape(-1, 256, 256)
    rebuilt = TensorFlowRuntime(detector.bundle, 4).rebuild(patches)
    np.testing.assert_array_equal(scores, dissimilarity(patches, rebuilt).reshape(2, 1, 2))
    assert (scores.shape, scores.dtype) == (SMALL.shape, np.float32)
    assert np.isfinite(scores).all()


def test_same_acquisition_same_scores(detector: NetworkDetector) -> None:
    """To the last digit, whatever was inspected in between."""
    first = detector.score(inspection())
    assert (detector.score(inspection(1)) != first).any()
    np.testing.assert_array_equal(detector.score(inspection()), first)


def test_each_stage_is_timed(detector: NetworkDetector) -> None:
    """The last call's crop, network and score, in whole microseconds."""
    detector.score(inspection())
    assert list(detector.stages_us) == ["ahead", "crop", "network", "score"]
    assert all(isinstance(value, int) and value >= 0 for value in detector.stages_us.values())
    assert detector.stages_us["ahead"] > 0
    assert detector.stages_us["network"] > 0


def test_what_was_done_ahead_is_not_done_again(detector: NetworkDetector) -> None:
    """Same scores to the bit, the earlier time of `ahead` told; and none of it is taken for another acquisition's."""
    expected, other = detector.score(inspection()), detector.score(inspection(1))
    looked_at = inspection()
    look_ahead(detector, looked_at)
    rebuilt = detector._run.ahead
    detector._run.ahead = None  # type: ignore[assignment]  # asked again, it would fail
    try:
        np.testing.assert_array_equal(detector.score(looked_at), expected)
    finally:
        detector._run.ahead = rebuilt  # type: ignore[method-assign]
    look_ahead(detector, looked_at)
    np.testing.assert_array_equal(detector.score(inspection(1)), other)
    np.testing.assert_array_equal(detector.score(looked_at), expected)


def test_ahead_the_last_frame_is_not_looked_at(detector: NetworkDetector) -> None:
    """It has not come yet: whatever lies in its place does not matter, and counts when it is scored."""
    expected = detector.score(inspection())
    frames = inspection().frames.copy()
    last = frames[-1].copy()
    frames[-1] = 0
    looked_at = Inspection("key", SMALL, lambda: frames)
    look_ahead(detector, looked_at)
    frames[-1] = last
    np.testing.assert_array_equal(detector.score(looked_at), expected)


def test_of_a_single_frame_nothing_is_done_ahead(tmp_path: Path) -> None:
    """The first frame is the last."""
    detector = NetworkDetector(str(make_bundle(tmp_path / "bundle")), dataclasses.replace(SMALL, frames=(1,)))
    one = Inspection("key", detector.geometry, lambda: inspection().frames[:1])
    look_ahead(detector, one)
    assert detector.score(one).shape == (1, 1, 2)


def test_explanation_is_image_and_rebuilt_twin(detector: NetworkDetector) -> None:
    """The residual is abs(X - X^) on the scale of 0 to 1, patch by patch."""
    looked_at = inspection()
    explained = detector.explain(looked_at)
    assert explained.rebuilt is not None
    assert explained.residual.shape == explained.rebuilt.shape == (*SMALL.shape, 256, 256)
    np.testing.assert_allclose(
        explained.residual, np.abs(looked_at.patches / np.float32(255) - explained.rebuilt), atol=1e-6
    )


def test_it_says_what_it_is(detector: NetworkDetector) -> None:
    """Network, runtime and score by name, and the digest of everything that scores."""
    assert detector.name == "compact/8 (tensorflow, ssim)"
    assert detector.digest == detector.bundle.digest
    assert len(detector.digest) == hashlib.sha256().digest_size * 2
    assert not detector.joint


def test_thresholds_are_the_bundles(detector: NetworkDetector) -> None:
    """One a region at each level, with the calibration products."""
    found = detector.thresholds()
    assert {level: values.shape for level, values in found.levels.items()} == dict.fromkeys(
        ("patch", "strip", "seven_of_ten"), (2,)
    )
    assert (found.model, found.score, found.products, found.runs) == (detector.digest, "ssim", ("C1",), 2)


def damaged(folder: Path) -> None:
    """Weights that end in the middle."""
    weights = folder / "weights.weights.h5"
    weights.write_bytes(weights.read_bytes()[:-1000])


@pytest.mark.parametrize(
    ("spoil", "choices", "message"),
    [
        (lambda folder: None, {"score": "none"}, "^detector.score: expected one of ssim.*, got none$"),
        (lambda folder: None, {"backend": "none"}, "^detector.backend: expected .*, got none$"),
        (damaged, {}, r"weights\.weights\.h5: expected weights of model \w{12}, got weights of model \w{12}$"),
        (
            lambda folder: (folder / "bundle.toml").unlink(),
            {},
            r"bundle\.toml: expected a file of a detector bundle, got no",
        ),
        (lambda folder: (folder / "bundle.toml").write_text("["), {}, r"bundle\.toml: expected readable TOML, got "),
    ],
    ids=["score", "backend", "weights", "no description", "no TOML"],
)
def test_a_bundle_that_cannot_be_used_is_bad_input(
    spoil: Callable[[Path], None], choices: dict[str, str], message: str, tmp_path: Path
) -> None:
    """One sentence as every room's, so that the command ends with exit 2."""
    folder = make_bundle(tmp_path / "bundle")
    spoil(folder)
    with pytest.raises(DetectorError, match=message) as caught:
        NetworkDetector(str(folder), SMALL, **choices)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_thresholds_that_cannot_be_used_are_bad_input(tmp_path: Path) -> None:
    """A region short, of another model, none at all: one sentence each."""
    folder = make_bundle(tmp_path / "bundle", regions=1)
    detector = NetworkDetector(str(folder), SMALL)
    file = folder / "thresholds.toml"
    with pytest.raises(DetectorError, match=r"ssim\.patch: expected 2 finite thresholds, a region each, got"):
        detector.thresholds()
    file.write_text(file.read_text().replace(detector.digest, "0" * 64))
    with pytest.raises(DetectorError, match=f"ssim.model: expected {detector.digest[:12]}, got 000000000000"):
        detector.thresholds()
    file.unlink()
    with pytest.raises(
        DetectorError, match=r"thresholds\.toml: expected a file of a detector bundle, got no such file"
    ):
        detector.thresholds()


def test_auto_says_which_backend_it_had_to_pass_over(tmp_path: Path) -> None:
    """A proof that was made for another processor is named, TensorFlow inspects; asked for by name, it is refused."""
    pytest.importorskip("openvino", reason="OpenVINO, an extra, is not installed")
    from model.proof import Proof, write_proof

    folder = make_bundle(tmp_path / "bundle")
    subject = dataclasses.replace(NetworkDetector(str(folder), SMALL).subject(), processor="another")
    write_proof(folder, "ssim", "openvino", Proof(subject, "0" * 64, 3, 1, 1e-4, 1e-6))
    name = NetworkDetector(str(folder), SMALL).name
    assert name.startswith("compact/8 (tensorflow, ssim); openvino passed over: a proof for other processors (another")
    with pytest.raises(DetectorError, match=r"detector\.backend: expected tensorflow or auto, or a proof .*another"):
        NetworkDetector(str(folder), SMALL, backend="openvino")
