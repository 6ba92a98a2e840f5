"""Inference with a fixed signature: uint8 patches in, rebuilt patches out. No `predict`, no loop over patches."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from model.bundle import Bundle, BundleError
from model.config import PATCH_PX
from model.export import fold_generator
from model.network import build_decoder, build_encoder, build_rebuilder


class Runtime(Protocol):
    """Something that rebuilds a fixed number of patches.

    Attributes:
        name: `tensorflow` or another backend.
    """

    name: str

    def rebuild(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 (n, 256, 256) in [0, 1] of uint8 (n, 256, 256)."""
        ...


def load_generator(bundle: Bundle) -> tuple[Any, Any]:
    """Encoder and decoder of a bundle, as trained.

    Raises:
        BundleError: Weights that are truncated, or of another network.
    """
    encoder, decoder = build_encoder(bundle.network, "encoder"), build_decoder(bundle.network)
    generator = build_rebuilder(encoder, decoder)
    try:
        # Keras passes over arrays that it does not look for, so every array is accounted for first.
        stored, expected = _stored_shapes(bundle.weights), Counter(tuple(weight.shape) for weight in generator.weights)
        if stored != expected:
            others = (stored - expected).total()
            raise ValueError(
                f"{stored.total()} arrays in place of {expected.total()}, {others} of them of other shapes"
            )
        generator.load_weights(bundle.weights)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:120]
        raise BundleError(str(bundle.weights), f"whole weights of {bundle.network.name}", reason) from None
    return encoder, decoder


def _stored_shapes(path: Path) -> Counter[tuple[int, ...]]:
    """How many arrays of each shape lie in a file of weights."""
    shapes: Counter[tuple[int, ...]] = Counter()

    def note(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            shapes[item.shape] += 1

    with h5py.File(path) as file:
        file.visititems(note)
    return shapes


class TensorFlowRuntime:
    """The reference backend: folded weights, one compiled function, a fixed batch."""

    name = "tensorflow"

    def __init__(self, bundle: Bundle, batch: int) -> None:
        encoder, decoder = fold_generator(bundle.network, *load_generator(bundle))
        generator = build_rebuilder(encoder, decoder)

        def rebuild(patches: tf.Tensor) -> tf.Tensor:
            images = tf.cast(patches, tf.float32)[..., None] / 255.0
            return generator(images, training=False)[..., 0]

        signature = [tf.TensorSpec((batch, PATCH_PX, PATCH_PX), tf.uint8)]
        self._rebuild = tf.function(rebuild, input_signature=signature).get_concrete_function()
        self.batch = batch

    def rebuild(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 (n, 256, 256) in [0, 1]; n is the batch it was made for.

        Raises:
            ValueError: Another shape or type.
        """
        expected = (self.batch, PATCH_PX, PATCH_PX)
        if patches.shape != expected or patches.dtype != np.uint8:
            raise ValueError(f"patches: expected uint8 {expected}, got {patches.dtype} {patches.shape}")
        rebuilt: NDArray[np.float32] = self._rebuild(tf.constant(patches)).numpy()
        return rebuilt
