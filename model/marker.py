"""The marker: a small U-Net that marks, on all frames of a patch at once, what does not belong to the product.

GRD-Net (Ferrari et al., 2023) puts such a second network behind the generator: it sees the image and its rebuilt twin
and learns to mark the perturbation. Ours sees the frames of one vial and region together, so that it can tell what
moved with the liquid from what stayed, and marks cells of `CELL_PX` pixels: as fine as a verdict needs, and cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from model.blocks import SLOPE, Fold
from model.config import CELL_PX, CELLS, PATCH_PX
from model.export import fold
from model.place_losses import pair_loss

EACH = 24
"""Channels of what is seen of each frame by itself, with the same weights."""

WIDTHS = (40, 48, 64)
"""Channels of all frames together at 64, 32 and 16 cells."""

RESIDUAL_GAIN = 4.0
"""Residuals are small beside images; both should reach the first layer at the same size."""


FEATURES = "fine_up_act"
"""Layer whose output says what a marker makes of a place and its surroundings."""


def build_marker(frames: int) -> keras.Model:
    """The untrained marker.

    Args:
        frames: Frames of an acquisition, n.

    Returns:
        (m, 256, 256, n) images in [0, 1] and as many rebuilt ones to logits (m, 64, 64), above 0 where it marks.
    """
    images = keras.Input((PATCH_PX, PATCH_PX, frames), name="images")
    rebuilt = keras.Input((PATCH_PX, PATCH_PX, frames), name="rebuilt")
    residual = RESIDUAL_GAIN * (rebuilt - images)
    each = layers.Concatenate(name="pair")([_one_by_one(images), _one_by_one(residual)])
    each = _convolved(Fold(CELL_PX, name="fold")(each), EACH, "each_1", folded=False)  # (m n, 64, 64, 24)
    each = _convolved(each, EACH, "each_2", folded=False)
    split = ops.reshape(each, (-1, frames, CELLS, CELLS, EACH))
    together = ops.reshape(ops.transpose(split, (0, 2, 3, 1, 4)), (-1, CELLS, CELLS, frames * EACH))
    fine = _convolved(together, WIDTHS[0], "fine", folded=False)
    return keras.Model([images, rebuilt], _marked(fine, folded=False), name="marker")


@dataclass(frozen=True)
class FoldedMarker:
    """What inspection runs of a marker.

    Attributes:
        alone: (p, 64, 64, 16) images in [0, 1], cell beside cell, and their rebuilt twins to what is seen of each,
            (p, 64, 64, 24).
        before: That of all frames but the last, frame after frame, ((n - 1) m, 64, 64, 24), to their share of what is
            seen of all, (m, 64, 64, 40); None where there is one frame.
        last: That of the last frame, (m, 64, 64, 24), to its own share.
        together: The sum of both to logits (m, 64, 64) and features (m, 64, 64, c).
    """

    alone: keras.Model
    before: keras.Model | None
    last: keras.Model
    together: keras.Model

    @property
    def parts(self) -> tuple[keras.Model, ...]:
        """In the order they run."""
        return tuple(part for part in (self.alone, self.before, self.last, self.together) if part is not None)


def _build_lean_alone() -> keras.Model:
    """No batch norm, and cells laid beside cells, for to lay pixels beside pixels takes as long as to convolve them."""
    images, rebuilt = (keras.Input((CELLS, CELLS, CELL_PX**2), name=name) for name in ("images", "rebuilt"))
    both = layers.Concatenate(name="pair")([images, rebuilt])
    each = _convolved(both, EACH, "each_1", folded=True)  # (p, 64, 64, 24)
    return keras.Model([images, rebuilt], _convolved(each, EACH, "each_2", folded=True), name="alone")


def _build_lean_share(name: str, frames: int, *, bias: bool) -> keras.Model:
    """Of so many frames; one of the shares carries the bias of their sum."""
    each = keras.Input((CELLS, CELLS, EACH), name="each")
    split = ops.reshape(each, (frames, -1, CELLS, CELLS, EACH))
    beside = ops.reshape(ops.transpose(split, (1, 2, 3, 0, 4)), (-1, CELLS, CELLS, frames * EACH))
    share = layers.Conv2D(WIDTHS[0], 3, padding="same", use_bias=bias, name=f"fine_{name}")(beside)
    return keras.Model(each, share, name=name)


def _build_lean_together() -> keras.Model:
    seen = keras.Input((CELLS, CELLS, WIDTHS[0]), name="seen")
    logits = _marked(layers.LeakyReLU(SLOPE, name="fine_act")(seen), folded=True)
    features = keras.Model(seen, logits).get_layer(FEATURES).output
    return keras.Model(seen, [logits, features], name="together")


def _one_by_one(stack: Any) -> Any:
    """(m, h, w, n) to (m n, h, w, 1)."""
    return ops.reshape(ops.transpose(stack, (0, 3, 1, 2)), (-1, PATCH_PX, PATCH_PX, 1))


def _marked(fine: Any, *, folded: bool) -> Any:
    """What is seen of all frames, (m, 64, 64, 40), to logits (m, 64, 64)."""
    convolved = partial(_convolved, folded=folded)
    middle = convolved(convolved(fine, WIDTHS[1], "middle_1", stride=2), WIDTHS[1], "middle_2")  # (m, 32, 32, 48)
    coarse = convolved(convolved(middle, WIDTHS[2], "coarse_1", stride=2), WIDTHS[2], "coarse_2")  # (m, 16, 16, 64)
    joined = _joined_lean if folded else _joined
    x = joined(coarse, middle, WIDTHS[1], "middle")
    x = joined(x, fine, WIDTHS[0], "fine")
    logits = layers.Conv2D(1, 1, name="logit", bias_initializer=keras.initializers.Constant(-4.0))(x)
    return layers.Reshape((CELLS, CELLS), name="cells")(logits)


def _joined(coarse: Any, fine: Any, channels: int, name: str) -> Any:
    """A convolution of fine cells and, grown to as many, of coarse ones."""
    grown = layers.UpSampling2D(2, name=f"{name}_join_grow")(coarse)
    both = layers.Concatenate(name=f"{name}_join")([grown, fine])
    return _convolved(both, channels, f"{name}_up", folded=False)


def _joined_lean(coarse: Any, fine: Any, channels: int, name: str) -> Any:
    """The same of coarse cells as they lie: a transposed convolution has 4 products for 9 of one on grown cells."""
    grown = layers.Conv2DTranspose(channels, 4, strides=2, padding="same", use_bias=False, name=f"{name}_up_coarse")
    seen = layers.Conv2D(channels, 3, padding="same", name=f"{name}_up_fine")(fine)
    both = layers.Add(name=f"{name}_up")([grown(coarse), seen])
    return layers.LeakyReLU(SLOPE, name=f"{name}_up_act")(both)


def _convolved(x: Any, channels: int, name: str, *, stride: int = 1, folded: bool) -> Any:
    convolution = layers.Conv2D(
        channels, 3, strides=stride, padding="same", kernel_initializer="he_normal", use_bias=folded, name=name
    )
    x = convolution(x)
    if not folded:
        x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.LeakyReLU(SLOPE, name=f"{name}_act")(x)


def fold_marker(marker: keras.Model) -> FoldedMarker:
    """The same marker for inference only: batch norm taken into the convolutions, what waits for no last frame apart.

    What a convolution makes of a residual is what it makes of the rebuilt less what it makes of the image; one over the
    channels of all frames is the sum of one over those of the last and one over the rest; and one of cells grown
    twofold is a transposed one of these cells.
    """
    frames = marker.inputs[0].shape[-1]
    alone, together = _build_lean_alone(), _build_lean_together()
    before = _build_lean_share("before", frames - 1, bias=False) if frames > 1 else None
    last = _build_lean_share("last", 1, bias=True)

    def folded(name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return fold(marker.get_layer(name), marker.get_layer(f"{name}_norm"), plain=True)

    kernel, bias = folded("each_1")
    image, residual = np.moveaxis(kernel.reshape(3, 3, CELL_PX * CELL_PX, 2, EACH), 3, 0)
    pair = np.concatenate([image - RESIDUAL_GAIN * residual, RESIDUAL_GAIN * residual], axis=2)
    alone.get_layer("each_1").set_weights([pair, bias])
    alone.get_layer("each_2").set_weights(folded("each_2"))

    kernel, bias = folded("fine")
    last.get_layer("fine_last").set_weights([kernel[:, :, -EACH:], bias])
    if before is not None:
        before.get_layer("fine_before").set_weights([kernel[:, :, :-EACH]])

    for name in ("middle_1", "middle_2", "coarse_1", "coarse_2"):
        together.get_layer(name).set_weights(folded(name))
    for name in ("middle_up", "fine_up"):
        coarse, fine = together.get_layer(f"{name}_coarse"), together.get_layer(f"{name}_fine")
        kernel, bias = folded(name)
        coarse.set_weights([_grown(kernel[:, :, : -fine.input.shape[-1]])])
        fine.set_weights([kernel[:, :, -fine.input.shape[-1] :], bias])
    together.get_layer("logit").set_weights(marker.get_layer("logit").get_weights())
    return FoldedMarker(alone, before, last, together)


def _grown(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of a convolution of cells that were repeated twofold the transposed one, of stride 2, of these cells themselves.

    Along a side a cell reaches four of the grown ones, the two in the middle by two weights at once.

    Args:
        kernel: (3, 3, in, out).

    Returns:
        (4, 4, out, in).
    """
    reach = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], np.float32)
    grown: NDArray[np.float32] = np.einsum("ya,xb,abio->yxoi", reach, reach, kernel)
    return grown


def focal_loss(marked: Any, logits: Any, *, gamma: float = 2.0, weight: float = 4.0) -> Any:
    """Mean focal loss over cells; marked ones weigh `weight` times as much.

    Args:
        marked: (m, 64, 64), 1.0 where a cell was perturbed, else 0.0.
        logits: Of the same shape.
        gamma: How fast cells that are right already lose weight; 0 is the cross-entropy.
        weight: Of marked cells, of which there are few.

    Source:
        Lin, Goyal, Girshick, He & Dollar (2017), ICCV, eq. 5, its weight on one kind alone.
    """
    cross_entropy = ops.softplus(ops.where(marked > 0.5, -logits, logits))
    miss = ops.sigmoid(ops.where(marked > 0.5, -logits, logits))
    return ops.mean(ops.where(marked > 0.5, weight, 1.0) * ops.power(miss, gamma) * cross_entropy)


RANKED_WINDOW = 2
"""Cells along a side of a place: a perturbation may fill no more, though a score pools over `MARK_WINDOW`."""

BESIDE_CELLS = 2
"""Cells around a mark that count as neither: a marker may overrun an edge."""


def ranking_loss(marked: Any, logits: Any) -> Any:
    """How often, softly, the hottest clean place of any stack is hotter than the hottest marked one of any other.

    A strip is judged by its hottest place, and the focal loss, a mean over cells, hardly sees one. Places are
    windows of `RANKED_WINDOW` x `RANKED_WINDOW` cells.

    Args:
        marked: (m, 64, 64), 1.0 where a cell was perturbed, else 0.0.
        logits: Of the same shape.

    Returns:
        Mean over all pairs (clean i, marked j) of softplus(clean_i - marked_j); 0 without a marked stack.

    Source:
        A logistic surrogate of the area under the ROC curve, e.g. Gao & Zhou (2015), IJCAI, on pairwise losses.
    """
    places = ops.average_pool(logits[..., None], RANKED_WINDOW, strides=1)[..., 0]
    share = ops.average_pool(marked[..., None], RANKED_WINDOW, strides=1)[..., 0]
    near = ops.max_pool(marked[..., None], 2 * BESIDE_CELLS + 1, strides=1, padding="same")
    near = ops.max_pool(near, RANKED_WINDOW, strides=1)[..., 0]
    clean = ops.max(ops.where(near > 0.5, _COLD, places), axis=(1, 2))
    hit = ops.max(ops.where(share > 0.5, places, _COLD), axis=(1, 2))
    return pair_loss(clean, clean > _COLD / 2, hit, hit > _COLD / 2)


_COLD = -30.0
"""In place of a logit that does not count."""
