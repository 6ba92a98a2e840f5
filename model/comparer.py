"""The comparer: looks where a vial is unlike all others of its strip, with what the likest of them has there beside.

A bump of a few pixels on the line of a wall hardly shows beside how a generator rebuilds that line, and at once beside
the same line of another vial. Drops and bubbles stand out as well; this small network tells one from the other. It
looks before the last frame has come, so that little waits for it, and once more where the marker is hottest.
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
from model.scoring import MARK_WINDOW
from model.unlike import REACH_PX, unlike_others

UNLIKE_PLACES = 16
HOT_PLACES = 4
PLACES = UNLIKE_PLACES + HOT_PLACES
"""Of a patch that are looked at. Many drops can be more unlike than a bump; and foam among bubbles is not what is most
unlike, but hot to the marker."""

APART_CELLS = 3
RIM_CELLS = 2
"""Cells about a place in which no other of its kind lies, and at a patch's rim where none does."""

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
DROPOUT = 0.3
WHERE = 4
"""Numbers that are told beside what is seen: row, column, how unlike a place is, and how much more than is usual."""


@dataclass(frozen=True)
class Places:
    """Places of a patch, p.

    Attributes:
        rows: int64 (p,), the cells in their middle.
        columns: int64 (p,).
        likest: int64 (p, 3), which other vial has the likest piece, and how far down and across from `REACH_PX` up and
            left of there.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    likest: NDArray[np.int64]

    def with_others(self, others: Places) -> Places:
        """These, then others."""
        pairs = ((getattr(self, name), getattr(others, name)) for name in ("rows", "columns", "likest"))
        return Places(*map(np.concatenate, pairs))


@dataclass(frozen=True)
class Looked:
    """How unlike the other vials a patch is, by all frames but the last.

    Attributes:
        places: Where it is so most, beyond what is usual.
        unlike: float32 (64, 64), see `model.unlike`.
        beyond: float32 (64, 64), how much more than is usual.
    """

    places: Places
    unlike: NDArray[np.float32]
    beyond: NDArray[np.float32]

    def where(self, places: Places) -> NDArray[np.float32]:
        """float32 (p, 4) of places, see `WHERE`."""
        rows, columns = places.rows, places.columns
        middle = CELLS / 2
        told = rows / middle - 1, columns / middle - 1, self.unlike[rows, columns] - 1, self.beyond[rows, columns]
        return np.stack(told, axis=-1).astype(np.float32)


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


def look(shown: NDArray[np.uint8], others: NDArray[np.uint8], usual: NDArray[np.float32]) -> Looked:
    """The `UNLIKE_PLACES` of a patch where it is unlike all other vials, beyond what is usual there.

    Args:
        shown: uint8 (256, 256), `lightest` of all frames but the last.
        others: uint8 (k, 256, 256), the same of the other vials, k above 0.
        usual: float32 (64, 64), see `usual_of`.
    """
    unlike = unlike_others(shown, others)
    beyond = unlike - usual
    return Looked(_beside(shown, others, *_hottest(beyond, UNLIKE_PLACES)), unlike, beyond)


def hot_places(logits: NDArray[np.float32], shown: NDArray[np.uint8], others: NDArray[np.uint8]) -> Places:
    """The `HOT_PLACES` of a patch where a marker is hottest.

    Args:
        logits: float32 (64, 64), the marker's.
        shown: uint8 (256, 256), `lightest` of all frames.
        others: uint8 (k, 256, 256), the same of the other vials.
    """
    return _beside(shown, others, *_hottest(uniform_filter(logits, MARK_WINDOW, mode="nearest"), HOT_PLACES))


def pieces(frames: NDArray[np.uint8], others: NDArray[np.uint8], places: Places) -> NDArray[np.uint8]:
    """What each frame has at places and, last, what another vial has there, uint8 (p, 40, 40, n + 1).

    Args:
        frames: uint8 (n, 256, 256).
        others: uint8 (k, 256, 256), the other vials.
        places: p of them.
    """
    own, beside = np.ascontiguousarray(frames), np.ascontiguousarray(others)
    return _pieces(own, beside, places.rows, places.columns, places.likest)


def _hottest(heat: NDArray[np.float32], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the hottest cells of a map, none beside another, the hottest first."""
    left = np.full_like(heat, -np.inf)
    inner = np.s_[RIM_CELLS:-RIM_CELLS, RIM_CELLS:-RIM_CELLS]
    left[inner] = heat[inner]
    places = np.empty((count, 2), np.int64)
    for place in places:
        place[:] = row, column = divmod(int(left.argmax()), CELLS)
        left[
            max(row - APART_CELLS, 0) : row + APART_CELLS + 1, max(column - APART_CELLS, 0) : column + APART_CELLS + 1
        ] = -np.inf
    return places[:, 0], places[:, 1]


def _beside(
    shown: NDArray[np.uint8], others: NDArray[np.uint8], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Places:
    """Cells of a patch with the likest piece of the others to each."""
    return Places(rows, columns, _likest(np.ascontiguousarray(shown), np.ascontiguousarray(others), rows, columns))


@njit(cache=True, nogil=True)
def _likest(
    shown: NDArray[np.uint8], others: NDArray[np.uint8], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Whichever other and shift is the likest to `shown` about each cell."""
    likest = np.zeros((len(rows), 3), np.int64)
    mine = np.empty((SIDE_PX, SIDE_PX), np.uint8)
    around = np.empty((SIDE_PX + 2 * REACH_PX, SIDE_PX + 2 * REACH_PX), np.uint8)
    for place in range(len(rows)):
        top, left = _corner(rows[place]), _corner(columns[place])
        _cut(shown, top, left, mine)
        least = 1 << 40
        for other in range(len(others)):
            _cut(others[other], top - REACH_PX, left - REACH_PX, around)
            for down in range(2 * REACH_PX + 1):
                for across in range(2 * REACH_PX + 1):
                    total = _clipped_difference(mine, around[down : down + SIDE_PX, across : across + SIDE_PX])
                    if total < least:
                        least = total
                        likest[place] = other, down, across
    return likest


@njit(cache=True, nogil=True)
def _pieces(
    frames: NDArray[np.uint8],
    others: NDArray[np.uint8],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    likest: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """Pieces of frames and, last, of the likest of the others."""
    count = len(frames)
    detail = np.empty((len(rows), SIDE_PX, SIDE_PX, count + 1), np.uint8)
    for place in range(len(rows)):
        top, left = _corner(rows[place]), _corner(columns[place])
        for frame in range(count):
            _cut(frames[frame], top, left, detail[place, :, :, frame])
        other, down, across = likest[place]
        _cut(others[other], top - REACH_PX + down, left - REACH_PX + across, detail[place, :, :, count])
    return detail


@njit(cache=True, nogil=True)
def _corner(cell: int) -> int:
    """First pixel, along a side, of a piece about a cell."""
    return CELL_PX * cell + CELL_PX // 2 - SIDE_PX // 2


@njit(cache=True, nogil=True)
def _cut(picture: NDArray[np.uint8], top: int, left: int, piece: NDArray[np.uint8]) -> None:
    """Fill a piece with what lies from a corner on; beyond the picture its edge is repeated."""
    height, width = picture.shape
    for y in range(piece.shape[0]):
        line = picture[min(max(top + y, 0), height - 1)]
        for x in range(piece.shape[1]):
            piece[y, x] = line[min(max(left + x, 0), width - 1)]


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
        frames: Of an acquisition, n.

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
    said = layers.Dense(1, name="say")(x)
    return keras.Model([detail, where], layers.Reshape((), name="logit")(said), name="comparer")
