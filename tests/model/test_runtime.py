from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.blocks import Fold
from model.bundle import Bundle
from model.config import CELL_PX
from model.loaded import load_generator
from model.network import build_rebuilder
from model.runtime import TensorFlowRuntime, cells_of


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, make_bundle: Callable[..., Bundle]) -> Bundle:
    """A tiny bundle with fresh weights."""
    folder: Path = tmp_path_factory.mktemp("bundle")
    return make_bundle(folder)


@pytest.fixture(scope="module")
def runtime(bundle: Bundle) -> TensorFlowRuntime:
    """It, for four patches a call."""
    return TensorFlowRuntime(bundle, 4)


def test_rebuilt_patches_are_the_trained_networks(
    bundle: Bundle, runtime: TensorFlowRuntime, pictures: Callable[..., np.ndarray]
) -> None:
    """uint8 in, float32 out: what encoder and decoder as trained make of the patch over 255, to 1e-5."""
    patches = pictures(4, seed=0)
    rebuilt = runtime.rebuild(patches)
    trained = build_rebuilder(*load_generator(bundle))(patches[..., None] / np.float32(255), training=False)
    assert (rebuilt.shape, rebuilt.dtype) == ((4, 256, 256), np.float32)
    np.testing.assert_allclose(rebuilt, np.asarray(trained)[..., 0], atol=1e-5)


def test_same_patches_same_answer(runtime: TensorFlowRuntime, pictures: Callable[..., np.ndarray]) -> None:
    """Twice the same patches give the same bits, whatever was asked in between; and a second runtime gives them too."""
    patches = pictures(4, seed=0)
    first = runtime.rebuild(patches)
    runtime.rebuild(pictures(4, seed=1))
    np.testing.assert_array_equal(runtime.rebuild(patches), first)


def test_cells_lie_as_the_networks_take_them(pictures: Callable[..., np.ndarray]) -> None:
    """What is laid by numbers of 32 bits is what folding pixels gives, of patches that do not lie together too."""
    patches = pictures(4, seed=0)
    for some in (patches, patches[::2]):
        np.testing.assert_array_equal(cells_of(some), np.asarray(Fold(CELL_PX)(some[..., None])))


@pytest.mark.parametrize(
    ("patches", "got"),
    [
        (np.zeros((3, 256, 256), np.uint8), r"got uint8 \(3, 256, 256\)"),
        (np.zeros((4, 256, 255), np.uint8), r"got uint8 \(4, 256, 255\)"),
        (np.zeros((4, 256, 256, 1), np.uint8), r"got uint8 \(4, 256, 256, 1\)"),
        (np.zeros((4, 256, 256), np.float32), r"got float32 \(4, 256, 256\)"),
        (np.zeros((4, 256, 256), np.int8), r"got int8 \(4, 256, 256\)"),
    ],
)
def test_other_shapes_and_types_are_refused(patches: np.ndarray, got: str, runtime: TensorFlowRuntime) -> None:
    """The signature is fixed: nothing is cast, cut or padded."""
    with pytest.raises(ValueError, match=r"^patches: expected uint8 \(4, 256, 256\), " + got):
        runtime.rebuild(patches)


@pytest.mark.parametrize(("chosen", "used"), [(None, "1"), ("0", "0")])
def test_tensorflow_convolves_by_onednn_unless_told_otherwise(chosen: str | None, used: str) -> None:
    """Asked for before TensorFlow is loaded, which alone would not on every processor; whoever sets it is heard."""
    name = "TF_ENABLE_ONEDNN_OPTS"
    environment = {key: value for key, value in os.environ.items() if key != name}
    environment |= {} if chosen is None else {name: chosen}
    code = f"import os, sys, model; print(os.environ[{name!r}], 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [used, "False"]
