"""Inference with a fixed signature: uint8 patches in, rebuilt patches out. No `predict`, no loop over patches."""

from __future__ import annotations

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
    try:
        build_rebuilder(encoder, decoder).load_weights(bundle.weights)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:120]
        raise BundleError(str(bundle.weights), f"whole weights of {bundle.network.name}", reason) from None
    return encoder, decoder


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


def is_weights_file(path: Any) -> bool:
    """True when a file is a readable HDF5 file."""
    return bool(h5py.is_hdf5(path))
