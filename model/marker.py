"""The marker: a small U-Net that marks, on all frames of a patch at once, what does not belong to the product.

GRD-Net (Ferrari et al., 2023) puts such a second network behind the generator: it sees the image and its rebuilt twin
and learns to mark the perturbation. Ours sees the frames of one vial and region together, so that it can tell what
moved with the liquid from what stayed, and marks cells of `CELL_PX` pixels: as fine as a verdict needs, and cheap.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from model.blocks import SLOPE, Fold
from model.config import CELL_PX, PATCH_PX

CELLS = PATCH_PX // CELL_PX
WIDTHS = (32, 48, 64)
"""Channels at 64, 32 and 16 cells."""

RESIDUAL_GAIN = 4.0
"""Residuals are small beside images; both should reach the first layer at the same size."""


def build_marker(frames: int) -> keras.Model:
    """The untrained marker.

    Args:
        frames: Frames of an acquisition, n.

    Returns:
        (m, 256, 256, n) images in [0, 1] and as many rebuilt ones to logits (m, 64, 64), above 0 where it marks.
    """
    images = keras.Input((PATCH_PX, PATCH_PX, frames), name="images")
    rebuilt = keras.Input((PATCH_PX, PATCH_PX, frames), name="rebuilt")
    pair = layers.Concatenate(name="pair")([images, RESIDUAL_GAIN * (rebuilt - images)])
    fine = _two(Fold(CELL_PX, name="fold")(pair), WIDTHS[0], "fine")  # (m, 64, 64, 32)
    middle = _two(fine, WIDTHS[1], "middle", stride=2)  # (m, 32, 32, 48)
    coarse = _two(middle, WIDTHS[2], "coarse", stride=2)  # (m, 16, 16, 64)
    x = _joined(coarse, middle, WIDTHS[1], "middle_up")
    x = _joined(x, fine, WIDTHS[0], "fine_up")
    logits = layers.Conv2D(1, 1, name="logit", bias_initializer=keras.initializers.Constant(-4.0))(x)
    return keras.Model([images, rebuilt], layers.Reshape((CELLS, CELLS), name="cells")(logits), name="marker")


def _two(x: Any, channels: int, name: str, *, stride: int = 1) -> Any:
    return _convolved(_convolved(x, channels, f"{name}_1", stride), channels, f"{name}_2", 1)


def _joined(coarse: Any, fine: Any, channels: int, name: str) -> Any:
    grown = layers.UpSampling2D(2, name=f"{name}_grow")(coarse)
    return _convolved(layers.Concatenate(name=f"{name}_join")([grown, fine]), channels, name, 1)


def _convolved(x: Any, channels: int, name: str, stride: int) -> Any:
    convolution = layers.Conv2D(channels, 3, strides=stride, padding="same", kernel_initializer="he_normal", name=name)
    return layers.LeakyReLU(SLOPE, name=f"{name}_act")(convolution(x))


def focal_loss(marked: Any, logits: Any, *, gamma: float = 2.0, weight: float = 4.0) -> Any:
    """Mean focal loss over cells; marked ones weigh `weight` times as much.

    Args:
        marked: (m, 64, 64), 1.0 where a cell was perturbed, else 0.0.
        logits: Of the same shape.
        gamma: How fast cells that are right already lose weight; 0 is the cross-entropy.
        weight: Of marked cells, of which there are few.

    Source:
        Lin, Goyal, Girshick, He & Dollar (2017), ICCV, eq. 4.
    """
    cross_entropy = ops.softplus(ops.where(marked > 0.5, -logits, logits))
    miss = ops.sigmoid(ops.where(marked > 0.5, -logits, logits))
    return ops.mean(ops.where(marked > 0.5, weight, 1.0) * ops.power(miss, gamma) * cross_entropy)
