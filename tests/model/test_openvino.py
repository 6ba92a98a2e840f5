from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openvino", reason="OpenVINO, an extra, is not installed")

from model.bundle import Bundle, BundleError
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
