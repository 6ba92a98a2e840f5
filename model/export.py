"""From trained networks to what inspection runs: batch norm folded, stride-1 transposed convolutions made plain.

Both rewrites are exact up to rounding. A transposed convolution of stride 1 is a convolution with its kernel flipped
and its channels swapped; batch norm at inference is a scale and a shift, which the convolution before it can carry.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from model.blocks import ResidualBlock
from model.config import NetworkConfig
from model.network import build_decoder, build_encoder

Weights = NDArray[np.float32]


def fold_generator(
    config: NetworkConfig, encoder: keras.Model, decoder: keras.Model, *, rows: int = 1
) -> tuple[keras.Model, keras.Model]:
    """The same encoder and decoder without batch norm, for inference only; `rows` as in `build_encoder`."""
    lean_encoder = build_encoder(config, "encoder", folded=True, rows=rows)
    lean_decoder = build_decoder(config, folded=True, rows=rows)
    for source, target in ((encoder, lean_encoder), (decoder, lean_decoder)):
        for layer in source.layers:
            if isinstance(layer, ResidualBlock):
                _fold_block(layer, target.get_layer(layer.name))
            elif layer.weights:
                target.get_layer(layer.name).set_weights(layer.get_weights())
    return lean_encoder, lean_decoder


def _fold_block(block: ResidualBlock, lean: ResidualBlock) -> None:
    pairs = list(zip(block.convolutions, lean.convolutions, strict=True))
    if block.shortcut is not None:
        pairs.append((block.shortcut, lean.shortcut))
    for (convolution, target), norm in zip(pairs, block.norms, strict=True):
        target.set_weights(list(fold(convolution, norm, plain=isinstance(target, keras.layers.Conv2D))))


def fold(convolution: Any, norm: Any, *, plain: bool) -> tuple[Weights, Weights]:
    """Kernel and bias of a convolution with its batch norm taken in."""
    kernel = convolution.get_weights()[0]
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    transposed = isinstance(convolution, keras.layers.Conv2DTranspose)
    # Kernels are (h, w, in, out), of transposed convolutions (h, w, out, in).
    kernel = kernel * (scale[None, None, :, None] if transposed else scale)
    if transposed and plain:
        kernel = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    return np.ascontiguousarray(kernel), beta - mean * scale
