from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

pytest.importorskip("openvino", reason="OpenVINO, an extra, is not installed")

from model.bundle import Bundle, BundleError
from model.bundle_making import add_allowance, add_examiner
from model.examiner import DENSE, build_examiner
from model.marker import WIDTHS
from model.openvino_runtime import OpenVINOMarkingRuntime, OpenVINORuntime
from model.runtime import MarkingRuntime, TensorFlowRuntime

Pictures = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, make_marked_bundle: Callable[..., Bundle]) -> Bundle:
    """A tiny bundle with fresh weights and a marker of two frames."""
    folder: Path = tmp_path_factory.mktemp("bundle")
    return make_marked_bundle(folder, frames=2)


def test_both_backends_rebuild_and_mark_alike(bundle: Bundle, pictures: Pictures) -> None:
    """In float32 to 1e-5 of an image and 1e-4 of a logit; what was given out stays as it was after another call."""
    patches = pictures(4, seed=3)
    runtime = OpenVINOMarkingRuntime(bundle, 4, frames=2)
    rebuilt, logits = runtime.whole(patches)
    runtime.whole(pictures(4, seed=4))
    expected, expected_logits = MarkingRuntime(bundle, 4, frames=2).whole(patches)
    assert np.ptp(expected_logits) > 0.1
    np.testing.assert_allclose(rebuilt, expected, atol=1e-5)
    np.testing.assert_allclose(logits, expected_logits, atol=1e-4)


def test_it_rebuilds_without_a_marker(bundle: Bundle, pictures: Pictures) -> None:
    """As TensorFlow does, under its own name, and for its own number of patches alone."""
    patches = pictures(2, seed=3)
    runtime = OpenVINORuntime(bundle, 2)
    np.testing.assert_allclose(runtime.rebuild(patches), TensorFlowRuntime(bundle, 2).rebuild(patches), atol=1e-5)
    assert runtime.name == "openvino"
    with pytest.raises(ValueError, match=r"patches: expected uint8 \(2, 256, 256\), got uint8 \(1, 256, 256\)"):
        runtime.rebuild(patches[:1])


def test_it_knows_as_many_frames_as_the_marker(bundle: Bundle) -> None:
    """Other acquisitions are refused."""
    with pytest.raises(BundleError, match="acquisitions of the marker's 2 frames, got 4 frames"):
        OpenVINOMarkingRuntime(bundle, 4, frames=4)


def test_places_one_by_one_know_their_region(bundle: Bundle, pictures: Pictures, tmp_path: Path) -> None:
    """Each is allowed what its region is, though a call sees one place alone; what is kept of a frame finds its own."""
    patches = pictures(12, seed=5)  # 2 frames of 3 vials of 2 regions
    allowance = np.random.default_rng(6).normal(0, 2, (2, 64, 64)).astype(np.float32)
    shutil.copytree(bundle.folder, tmp_path / "bundle")
    allowed = add_allowance(tmp_path / "bundle", allowance, {})
    expected = MarkingRuntime(allowed, 12, frames=2).at_once(patches)
    np.testing.assert_allclose(OpenVINOMarkingRuntime(allowed, 12, frames=2).at_once(patches), expected, atol=1e-4)
    assert np.abs(expected - MarkingRuntime(bundle, 12, frames=2).at_once(patches)).max() > 1.0


def test_an_examiner_sees_all_places(bundle: Bundle, pictures: Pictures, tmp_path: Path) -> None:
    """It looks at the hottest of a whole strip, as TensorFlow's does."""
    keras.utils.set_random_seed(8)
    examiner = build_examiner(2, 2, WIDTHS[0])
    examiner.get_layer("change").set_weights([np.full((DENSE, 1), 0.3, np.float32), np.ones(1, np.float32)])
    examiner.save_weights(tmp_path / "examiner.weights.h5")
    shutil.copytree(bundle.folder, tmp_path / "bundle")
    examined = add_examiner(tmp_path / "bundle", tmp_path / "examiner.weights.h5", (), 2, {})
    patches = pictures(8, seed=7)  # 2 frames of 2 vials of 2 regions
    expected = MarkingRuntime(examined, 8, frames=2).at_once(patches)
    np.testing.assert_allclose(OpenVINOMarkingRuntime(examined, 8, frames=2).at_once(patches), expected, atol=1e-4)
    assert np.abs(expected - MarkingRuntime(bundle, 8, frames=2).at_once(patches)).max() > 0.1
