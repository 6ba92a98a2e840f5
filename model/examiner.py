"""The examiner: looks closely at the places where a marker is hottest, and says anew how much each looks like a defect.

A marker finds a defect's place nearly always (on 360 runs of the development kit its hottest place in a patch was on
the defect in 97.5 %, one of its two hottest in 98.9 %) but orders such places badly beside bubbles and drops on good
strips: it sees every pixel of 60 patches and can afford few channels. The examiner sees windows around the `EXAMINED`
hottest of an acquisition's places, at full resolution, with what the marker made of their surroundings, and corrects
the marker's logit there.

Two stages, the first to propose and the second to decide, after Ren, He, Girshick & Sun (2015), Faster R-CNN.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from model.blocks import SLOPE, Fold
from model.config import CELL_PX, CELLS
from model.marker import RESIDUAL_GAIN
from model.scoring import MARK_WINDOW

PLACES = 2
"""Places that each patch proposes."""

EXAMINED = 12
"""Of the places that an acquisition proposes, how many are examined: the hottest (`docs/detector.md`)."""

APART_CELLS = 4
"""Rows or columns between two of them."""

WINDOW_CELLS = 16
WINDOW_PX = WINDOW_CELLS * CELL_PX
"""Side of what is seen of a place, 64 px; beyond a patch its edge is repeated."""

DETAIL, JOINED, WIDE, DENSE = 32, 64, 96, 64
"""Channels at 32, 16 and 8 px, and of the last layer but one."""

_COLD = -1e4
"""In place of a logit that is not looked for again."""


def build_examiner(frames: int, regions: int, features: int) -> keras.Model:
    """The untrained examiner, which leaves every logit as it is.

    Args:
        frames: Of an acquisition, n.
        regions: Of a vial, r.
        features: Channels of the marker's `FEATURES`, c.

    Returns:
        Windows (p, 64, 64, 2 n) of images and residuals, (p, 16, 16, c) of features, (p, r + 2) where they lie
        (`whereabouts`), and (p, 1) the marker's logits there, to (p, 1) logits.
    """
    detail = keras.Input((WINDOW_PX, WINDOW_PX, 2 * frames), name="detail")
    around = keras.Input((WINDOW_CELLS, WINDOW_CELLS, features), name="around")
    where = keras.Input((regions + 2,), name="where")
    value = keras.Input((1,), name="value")
    x = _convolved(Fold(2, name="fold")(detail), DETAIL, "detail_1")  # (p, 32, 32, 32)
    x = _further(x, "detail_2")
    x = _convolved(x, JOINED, "joined_1", stride=2)  # (p, 16, 16, 64)
    x = _convolved(layers.Concatenate(name="joined")([x, around]), JOINED, "joined_2")
    x = _further(x, "joined_3")
    x = _further(_convolved(x, WIDE, "wide_1", stride=2), "wide_2")  # (p, 8, 8, 96)
    middle = layers.GlobalAveragePooling2D(name="middle")(layers.Cropping2D(3, name="centre")(x))
    pooled = [middle, layers.GlobalMaxPooling2D(name="most")(x), layers.GlobalAveragePooling2D(name="mean")(x)]
    x = layers.Dense(DENSE, name="weigh")(layers.Concatenate(name="known")([*pooled, where, value]))
    change = layers.Dense(1, kernel_initializer="zeros", name="change")(layers.LeakyReLU(SLOPE, name="weigh_act")(x))
    return keras.Model([detail, around, where, value], layers.Add(name="logit")([value, change]), name="examiner")


def _convolved(x: Any, channels: int, name: str, *, stride: int = 1) -> Any:
    layer = layers.Conv2D(
        channels, 3, strides=stride, padding="same", kernel_initializer="he_normal", name=name
    )  # fmt: skip
    return layers.LeakyReLU(SLOPE, name=f"{name}_act")(layer(x))


def _further(x: Any, name: str) -> Any:
    """A convolution beside the identity."""
    convolution = layers.Conv2D(x.shape[-1], 3, padding="same", name=name)
    return layers.LeakyReLU(SLOPE, name=f"{name}_act")(layers.Add(name=f"{name}_add")([x, convolution(x)]))


def hottest_places(logits: Any, count: int) -> tuple[Any, Any, Any]:
    """Cells in the middle of the hottest windows of `MARK_WINDOW` cells, the hottest first, `APART_CELLS` apart.

    Args:
        logits: (m, 64, 64).
        count: How many a patch, k.

    Returns:
        Rows and columns of cells, int32 (m, k), and the means of those windows, (m, k).
    """
    pooled = ops.average_pool(logits[..., None], MARK_WINDOW, strides=1)[..., 0]
    side, margin = CELLS - MARK_WINDOW + 1, MARK_WINDOW // 2
    along = ops.arange(side, dtype="int32")
    found: list[tuple[Any, Any, Any]] = []
    for _ in range(count):
        flat = ops.reshape(pooled, (-1, side * side))
        value, place = (part[:, 0] for part in ops.top_k(flat, 1))  # `argmax` has no counterpart in OpenVINO
        row, column = ops.cast(place, "int32") // side, ops.cast(place, "int32") % side
        found.append((row + margin, column + margin, value))
        near_row = ops.abs(along[None] - row[:, None]) < APART_CELLS
        near_column = ops.abs(along[None] - column[:, None]) < APART_CELLS
        pooled = ops.where(near_row[:, :, None] & near_column[:, None, :], _COLD, pooled)
    rows, columns, values = (ops.stack(part, axis=1) for part in zip(*found, strict=True))
    return rows, columns, values


def windows(maps: Any, patch: Any, row: Any, column: Any, *, px: int = 1, frames: int = 1) -> Any:
    """Square windows of `WINDOW_CELLS` around cells.

    Args:
        maps: (frames m, h, h, c), frame after frame, `px` values to a cell along each side.
        patch: int32 (p,), which of the m.
        row: int32 (p,), of a cell.
        column: As `row`.
        px: Values to a cell along a side.
        frames: Frames of which the same windows are taken, channels side by side.

    Returns:
        (p, 16 px, 16 px, frames c); beyond the map its edge is repeated.
    """
    height, channels, side = maps.shape[1], maps.shape[-1], WINDOW_CELLS * px
    along, patches = ops.arange(side, dtype="int32"), ops.shape(maps)[0] // frames

    def reach(middle: Any) -> Any:
        return ops.clip(((middle - WINDOW_CELLS // 2) * px)[:, None] + along, 0, height - 1)

    index = (patch[:, None, None] * height + reach(row)[:, :, None]) * height + reach(column)[:, None, :]
    each = ops.arange(frames, dtype="int32") * (patches * height * height)
    taken = ops.take(ops.reshape(maps, (-1, channels)), index[..., None] + each, axis=0)  # (p, side, side, frames, c)
    return ops.reshape(taken, (-1, side, side, frames * channels))


def whereabouts(row: Any, column: Any, region: Any, regions: int) -> Any:
    """(p, regions + 2): which region, and where in the patch from -1 to 1.

    Args:
        row: int32 (p,), of a cell.
        column: As `row`.
        region: int32 (p,).
        regions: How many there are.
    """
    place = ops.stack([ops.cast(part, "float32") / (CELLS / 2) - 1.0 for part in (row, column)], axis=-1)
    return ops.concatenate([ops.one_hot(region, regions, dtype="float32"), place], axis=-1)


def seen_at(
    images: Any, rebuilt: Any, features: Any, patch: Any, row: Any, column: Any, region: Any, *,
    frames: int, regions: int,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """What the examiner sees of places besides the marker's logit there.

    Args:
        images: (n m, 256, 256, 1) in [0, 1], frame after frame.
        rebuilt: As `images`.
        features: (m, 64, 64, c), the marker's.
        patch: int32 (p,), which of the m.
        row: int32 (p,), of a cell.
        column: As `row`.
        region: int32 (m,), of the patches.
        frames: How many there are, n.
        regions: How many there are.

    Returns:
        (p, 64, 64, 2 n), (p, 16, 16, c), (p, regions + 2).
    """
    seen, twins = (windows(part, patch, row, column, px=CELL_PX, frames=frames) for part in (images, rebuilt))
    return (
        ops.concatenate([seen, RESIDUAL_GAIN * (twins - seen)], axis=-1),
        windows(features, patch, row, column),
        whereabouts(row, column, ops.take(region, patch, axis=0), regions),
    )


def examined(
    examiner: Any, logits: Any, images: Any, rebuilt: Any, features: Any, region: Any, *, frames: int, regions: int
) -> Any:
    """A marker's logits with the examiner's word at the places it looked at, the hottest `EXAMINED` of all patches.

    A proposed place that it did not look at is no hotter than the coolest of those. Elsewhere no cell is hotter than
    the proposed place nearest to it, so that the hottest place decides, and how far the marker marks around it can
    still be seen.

    Args:
        examiner: As `build_examiner` makes.
        logits: (m, 64, 64), less the allowance.
        images: (n m, 256, 256, 1) in [0, 1], frame after frame.
        rebuilt: As `images`.
        features: (m, 64, 64, c), the marker's.
        region: int32 (m,).
        frames: How many there are, n.
        regions: How many there are.

    Returns:
        (m, 64, 64).
    """
    rows, columns, values = hottest_places(logits, PLACES)
    row, column, value = (ops.reshape(part, (-1,)) for part in (rows, columns, values))
    _, chosen = ops.top_k(value, ops.minimum(EXAMINED, ops.shape(value)[0]))
    row, column, its_value = (ops.take(part, chosen, axis=0) for part in (row, column, value))
    seen = seen_at(
        images, rebuilt, features, chosen // PLACES, row, column, region, frames=frames, regions=regions
    )  # fmt: skip
    heard = ops.reshape(examiner([*seen, its_value[:, None]], training=False), (-1,))
    said = ops.scatter_update(ops.minimum(value, ops.min(heard)), chosen[:, None], heard)
    said = ops.reshape(said, (-1, PLACES))
    along = ops.arange(CELLS, dtype="int32")
    nearest: Any = 2 * CELLS * CELLS
    cap: Any = _COLD
    there: Any = _COLD
    for place in range(PLACES):  # one by one: reductions along so short an axis are slow
        down = ops.abs(along[None] - rows[:, place : place + 1])[:, :, None]  # (m, 64, 1) beside (m, 1, 64)
        across = ops.abs(along[None] - columns[:, place : place + 1])[:, None, :]
        away, word = down * down + across * across, said[:, place : place + 1, None]
        at = ops.where(ops.maximum(down, across) <= MARK_WINDOW // 2, word, _COLD)
        cap = ops.where(away < nearest, word, ops.where(away == nearest, ops.maximum(cap, word), cap))
        nearest, there = ops.minimum(nearest, away), ops.maximum(there, at)
    return ops.where(there > _COLD, there, ops.minimum(logits, cap))
