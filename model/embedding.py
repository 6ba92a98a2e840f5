"""What a bundle's encoder sees of a patch, place by place: features for methods that compare instead of rebuild."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from model.bundle import Bundle
from model.config import PATCH_PX
from model.loaded import load_generator, normalised
from model.runtime import check_patches


class EmbeddingRuntime:
    """Feature maps of a fixed number of patches, from every stage of an encoder, side by side at the finest's size.

    Args:
        bundle: Whose encoder.
        batch: Patches a call.

    Attributes:
        channels: Features of a place.
    """

    def __init__(self, bundle: Bundle, batch: int) -> None:
        encoder, _ = load_generator(bundle)
        maps = [layer.output for layer in encoder.layers if layer.name.startswith(("stem_act", "stage"))]
        side = max(int(found.shape[1]) for found in maps)
        grown = [_grown(found, side) for found in maps]
        network = keras.Model(encoder.inputs, keras.layers.Concatenate(name="features")(grown))

        def features(patches: Any) -> Any:
            return network(normalised(patches), training=False)

        signature = [tf.TensorSpec((batch, PATCH_PX, PATCH_PX), tf.uint8)]
        self._features = tf.function(features, input_signature=signature).get_concrete_function()
        self.batch = batch
        self.channels = int(network.output.shape[-1])

    def features(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 (n, side, side, channels) of uint8 (n, 256, 256); n is the batch it was made for."""
        check_patches(patches, self.batch)
        found: NDArray[np.float32] = self._features(tf.constant(patches)).numpy()
        return found


def _grown(found: Any, side: int) -> Any:
    factor = side // int(found.shape[1])
    return found if factor == 1 else keras.layers.UpSampling2D(factor, name=f"grown_{found.shape[1]}")(found)
