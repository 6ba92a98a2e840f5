"""The comparer: looks where a vial is unlike all others of its strip, with what the likest of them has there beside.

A bump of a few pixels on the line of a wall hardly shows beside how a generator rebuilds that line, and at once beside
the same line of another vial. Drops and bubbles stand out as well; this small network tells one from the other. It sees
the frames before the last alone, so that nothing waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from model.config import CELL_PX, CELLS
from model.unlike import REACH_PX, unlike_others

PLACES = 16
"""Of a patch that are looked at: many drops can be more unlike than a bump."""

APART_CELLS = 3
RIM_CELLS = 2
"""Cells about a place in which no other lies, and at a patch's rim where none does."""

SIDE_PX = 40
"""Of what is seen of a place."""

CLIP = 25
"""Grey levels beyond which a difference counts no more when the likest piece is sought: it should be like the walls,
whatever drop is on one of them."""

USUAL_SHARE = 0.95
USUAL_CELLS = 5
"""What is usual at a place: so many good vials are less unlike there, evened out over so many cells."""

GAIN = 4.0
"""Differences are small beside images; both should reach the first layer at the same size."""

SLOPE = 0.1
WIDTHS = ((16, 1), (24, 2), (24, 1), (32, 2), (32, 1), (48, 2))
"""Channels of each convolution and its stride."""

DENSE = 48
LAST = "say"
DROPOUT = 0.3
WHERE = 4
"""Numbers that are told beside what is seen: row, column, how unlike a place is, and how much more than is usual."""


@dataclass(frozen=True)
class Places:
    """Places of a patch, p.

    Attributes:
        rows: int64 (p,), the cells in their middle.
        columns: int64 (p,).
        detail: uint8 (p, 40, 40, n + 1), what each of n frames has there and, last, what another vial has.
        where: float32 (p, 4), see `WHERE`.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    detail: NDArray[np.uint8]
    where: NDArray[np.float32]


def lightest(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (n, ..., 256, 256) to (..., 256, 256), the lightest of each pixel: little of what moved shows there."""
    picture: NDArray[np.uint8] = frames.max(axis=0)
    return picture


def usual_of(unlike: NDArray[np.float32]) -> NDArray[np.float32]:
    """How unlike each other good vials are at each place: of float32 (vials, 64, 64) the usual, float32 (64, 64)."""
    usual: NDArray[np.float32] = uniform_filter(
        np.quantile(unlike, USUAL_SHARE, axis=0).astype(np.float32), USUAL_CELLS, mode="nearest"
    )
    return usual


def look_at(frames: NDArray[np.uint8], others: NDArray[np.uint8], usual: NDArray[np.float32]) -> Places:
    """The `PLACES` of a patch where it is unlike all other vials, beyond what is usual there.

    Args:
        frames: uint8 (n, 256, 256), the patch in n frames.
        others: uint8 (k, 256, 256), `lightest` of the same region of the other vials, k above 0.
        usual: float32 (64, 64), see `usual_of`.
    """
    shown = lightest(frames)
    unlike = unlike_others(shown, others)
    beyond = unlike - usual
    rows, columns = _apart(beyond)
    where = np.stack(
        [rows / (CELLS / 2) - 1, columns / (CELLS / 2) - 1, unlike[rows, columns] - 1, beyond[rows, columns]], axis=-1
    )
    rim = SIDE_PX // 2 + REACH_PX
    margins = ((0, 0), (rim, rim), (rim, rim))
    padded = [np.pad(part, margins, mode="edge") for part in (frames, others, shown[None])]
    detail = _seen(padded[0], padded[1], padded[2][0], rows, columns)
    return Places(rows, columns, detail, where.astype(np.float32))


def _apart(beyond: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The hottest cells of a map, none beside another, the hottest first."""
    left = np.full_like(beyond, -np.inf)
    inner = np.s_[RIM_CELLS:-RIM_CELLS, RIM_CELLS:-RIM_CELLS]
    left[inner] = beyond[inner]
    places = np.empty((PLACES, 2), np.int64)
    for place in places:
        place[:] = row, column = divmod(int(left.argmax()), CELLS)
        left[
            max(row - APART_CELLS, 0) : row + APART_CELLS + 1, max(column - APART_CELLS, 0) : column + APART_CELLS + 1
        ] = -np.inf
    return places[:, 0], places[:, 1]


@njit(cache=True, nogil=True)
def _seen(
    frames: NDArray[np.uint8],
    others: NDArray[np.uint8],
    shown: NDArray[np.uint8],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """Pieces of padded frames and, of whichever other vial and shift is the likest to `shown`, the piece beside."""
    count = len(frames)
    detail = np.empty((len(rows), SIDE_PX, SIDE_PX, count + 1), np.uint8)
    for place in range(len(rows)):
        # in padded pictures a place's middle lies REACH_PX + SIDE_PX / 2 further
        top, left = CELL_PX * rows[place] + CELL_PX // 2, CELL_PX * columns[place] + CELL_PX // 2
        mine = shown[top + REACH_PX : top + REACH_PX + SIDE_PX, left + REACH_PX : left + REACH_PX + SIDE_PX]
        least, likest = 1 << 40, (0, 0, 0)
        for other in range(len(others)):
            for down in range(2 * REACH_PX + 1):
                for across in range(2 * REACH_PX + 1):
                    total = _clipped_difference(
                        mine, others[other, top + down : top + down + SIDE_PX, left + across : left + across + SIDE_PX]
                    )
                    if total < least:
                        least, likest = total, (other, down, across)
        other, down, across = likest
        for y in range(SIDE_PX):
            for x in range(SIDE_PX):
                for frame in range(count):
                    detail[place, y, x, frame] = frames[frame, top + REACH_PX + y, left + REACH_PX + x]
                detail[place, y, x, count] = others[other, top + down + y, left + across + x]
    return detail


@njit(cache=True, nogil=True)
def _clipped_difference(mine: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> int:
    total = 0
    for y in range(SIDE_PX):
        line = np.int32(0)
        for x in range(SIDE_PX):
            line += min(abs(np.int32(mine[y, x]) - np.int32(theirs[y, x])), np.int32(CLIP))
        total += int(line)
    return total


def build_comparer(frames: int) -> keras.Model:
    """The untrained comparer.

    Args:
        frames: That it sees of a place, n: all of an acquisition but the last.

    Returns:
        (p, 40, 40, n + 1) pieces in 0 to 255 and (p, 4) numbers to logits (p,), above 0 where something is wrong.
    """
    detail = keras.Input((SIDE_PX, SIDE_PX, frames + 1), name="detail")
    where = keras.Input((WHERE,), name="where")
    images = detail / 255.0
    x = layers.Concatenate(name="pair")([2.0 * images - 1.0, GAIN * (images[..., :-1] - images[..., -1:])])
    for number, (channels, stride) in enumerate(WIDTHS, start=1):
        x = layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False, name=f"look_{number}")(x)
        x = layers.BatchNormalization(name=f"look_{number}_norm")(x)
        x = layers.LeakyReLU(SLOPE, name=f"look_{number}_act")(x)
    x = layers.Concatenate(name="all")([layers.Flatten(name="flat")(x), where])
    x = layers.Dropout(DROPOUT, name="drop_1")(x)
    x = layers.Dense(DENSE, activation="relu", name="weigh")(x)
    x = layers.Dropout(DROPOUT, name="drop_2")(x)
    said = layers.Dense(1, name=LAST)(x)
    return keras.Model([detail, where], layers.Reshape((), name="logit")(said), name="comparer")
