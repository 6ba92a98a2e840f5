"""What `comparing.py` does, in TensorFlow's graph: a bundle's comparer for programs that know nothing of us.

Differences of pictures are sums of whole numbers here as there, so that both look at the same places and at the same
pieces; logarithms and means may differ in the last digit. There it is faster: here nothing is begun ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import tensorflow as tf

from model.bundle import Bundle, read_array
from model.comparer import APART_CELLS, CLIP, HOT_PLACES, RIM_CELLS, SIDE_PX, UNLIKE_PLACES
from model.comparing import BESIDE_CELLS, NOWHERE
from model.config import CELL_PX, CELLS, PATCH_PX
from model.loaded import load_comparer
from model.scoring import MARK_WINDOW
from model.unlike import GAIN, REACH_PX, WINDOW_CELLS

Hear = Callable[[Any, Any], Any]
"""uint8 (n m, 256, 256), frame after frame, and a marker's logits (m, 64, 64) to logits with a comparer's word."""

SHIFTS = tuple(product(range(2 * REACH_PX + 1), repeat=2))
"""(down, across) from `REACH_PX` up and left of a place."""

_RIM_PX = SIDE_PX // 2 + REACH_PX
"""By which pictures are padded, so that pieces and shifts lie within."""

_FAR = 1 << 28
"""Added to the difference of a vial from itself: above every sum, and with it still a whole number of 32 bits."""


def hearing(bundle: Bundle) -> Hear | None:
    """What puts a comparer's word beside a marker's logits, for any number of vials, if a bundle has one.

    Raises:
        BundleError: Weights of another comparer, or no array of what is usual.
    """
    if bundle.marker is None or bundle.marker.comparer is None:
        return None
    comparer, file, count = load_comparer(bundle), bundle.marker.comparer, bundle.marker.frames
    usual = read_array(file.usual, (CELLS, CELLS))

    def words_on(places: Likest, frames: Any, others: Any, unlike: Any) -> Any:
        """Logits (v, p) of what frames (n, v, 256, 256) show at places, one of the others (v, 256, 256) beside."""
        detail = tf.cast(places.pieces(frames, others), tf.float32)
        where = places.where(unlike, unlike - usual)
        return tf.reshape(comparer([_joined(detail), _joined(where)], training=False), tf.shape(places.rows))

    def compared(frames: Any, marked: Any) -> Any:
        early, whole = tf.reduce_max(frames[:-1], axis=0), tf.reduce_max(frames, axis=0)
        unlike, repeated = unlike_others(early), tf.concat([frames[:-1], frames[-2:-1]], axis=0)
        ahead = Likest(early, *hottest_cells(unlike - usual, UNLIKE_PLACES))
        after = Likest(whole, *hottest_cells(_evened(marked), HOT_PLACES))
        rows, columns = (tf.concat(pair, axis=1) for pair in zip(ahead.cells, after.cells, strict=True))
        words = words_on(ahead, repeated, early, unlike), words_on(after, frames, whole, unlike)
        return with_words(marked, rows, columns, tf.concat(words, axis=1))

    def hear(patches: Any, logits: Any) -> Any:
        by_region = tf.reshape(patches, (count, -1, file.regions, PATCH_PX, PATCH_PX))
        marked = tf.reshape(logits, (-1, file.regions, CELLS, CELLS))
        region = file.region

        def heard() -> Any:
            own = compared(by_region[:, :, region], marked[:, region])[:, None]
            return tf.reshape(tf.concat([marked[:, :region], own, marked[:, region + 1 :]], axis=1), tf.shape(logits))

        return tf.cond(tf.shape(by_region)[1] < 2, lambda: logits, heard)

    return hear


def unlike_others(shown: Any) -> Any:
    """`unlike.unlike_others` of every vial, uint8 (v, 256, 256) to float32 (v, 64, 64)."""
    own, padded, itself = tf.cast(shown, tf.int32), _padded(shown, REACH_PX), _itself(shown)
    vials = tf.shape(shown)[0]
    least = tf.fill((vials, CELLS, CELLS), _FAR)
    for down, across in SHIFTS:
        other = padded[:, down : down + PATCH_PX, across : across + PATCH_PX]
        squares = tf.square(own[:, None] - other[None])
        cells = tf.reduce_sum(tf.reshape(squares, (vials, vials, CELLS, CELL_PX, CELLS, CELL_PX)), axis=(3, 5))
        rim = WINDOW_CELLS // 2
        cells = tf.pad(cells, ((0, 0), (0, 0), (rim, rim), (rim, rim)))
        rows = tf.add_n([cells[:, :, place : place + CELLS] for place in range(WINDOW_CELLS)])
        window = tf.add_n([rows[..., place : place + CELLS] for place in range(WINDOW_CELLS)])
        least = tf.minimum(least, tf.reduce_min(window + itself[:, :, None, None], axis=1))
    return GAIN * tf.math.log1p(tf.cast(least, tf.float32) / (WINDOW_CELLS * CELL_PX) ** 2)


def hottest_cells(heat: Any, count: int) -> tuple[Any, Any]:
    """Rows and columns, int32 (v, count), of the hottest cells of maps (v, 64, 64), none beside another."""
    within = np.zeros((CELLS, CELLS), bool)
    within[RIM_CELLS:-RIM_CELLS, RIM_CELLS:-RIM_CELLS] = True
    left, found = tf.where(within, heat, -np.inf), []
    for _ in range(count):
        at = tf.argmax(tf.reshape(left, (-1, CELLS * CELLS)), axis=1, output_type=tf.int32)[:, None]
        found.append((at // CELLS, at % CELLS))
        left = tf.where(_about(*found[-1], APART_CELLS)[:, 0], -np.inf, left)
    rows, columns = (tf.concat(part, axis=1) for part in zip(*found, strict=True))
    return rows, columns


def with_words(marked: Any, rows: Any, columns: Any, words: Any) -> Any:
    """`comparing.with_words` of maps (v, 64, 64) and places (v, p); NaN all over where a word is no number."""
    about = _about(rows, columns, BESIDE_CELLS)
    said = tf.reduce_max(tf.where(about, words[..., None, None], -np.inf), axis=1)
    near = tf.reduce_any(about, axis=1)
    both = tf.where(near, marked + said, NOWHERE)
    heard = tf.where(near, both, tf.minimum(marked, hottest(both)[:, None, None]))
    known = tf.reduce_all(tf.math.is_finite(words), axis=1)
    return tf.where(known[:, None, None], heard, np.nan)


def hottest(logits: Any) -> Any:
    """`scoring.hottest` in the graph, (m, 64, 64) to (m,)."""
    return tf.reduce_max(tf.nn.avg_pool2d(logits[..., None], MARK_WINDOW, 1, "VALID"), axis=(1, 2, 3))


class Likest:
    """Places of vials with the likest piece of another vial to each, as `comparer.Places` for all vials at once.

    Args:
        shown: uint8 (v, 256, 256), by which another is likest.
        rows: int32 (v, p), the cells in their middle.
        columns: int32 (v, p).
    """

    def __init__(self, shown: Any, rows: Any, columns: Any) -> None:
        self.cells = self.rows, self.columns = rows, columns
        # in padded pictures a place's middle lies REACH_PX + SIDE_PX / 2 further
        self._corner = CELL_PX * rows + CELL_PX // 2, CELL_PX * columns + CELL_PX // 2
        padded = _padded(shown, _RIM_PX)
        vials = tf.range(tf.shape(shown)[0])
        self._own = tf.broadcast_to(vials[:, None], tf.shape(rows))
        mine = self._cut(padded, self._own, REACH_PX, SIDE_PX)[:, :, None]
        top, left = (part[..., None] for part in self._corner)
        theirs = _cut(padded, vials, top, left, SIDE_PX + 2 * REACH_PX)
        totals = tf.stack(
            [tf.reduce_sum(tf.minimum(tf.abs(mine - _window(theirs, *shift)), CLIP), axis=(3, 4)) for shift in SHIFTS],
            axis=-1,
        )
        totals += _itself(shown)[:, None, :, None]
        flat = tf.reshape(totals, tf.concat([tf.shape(rows), [-1]], axis=0))
        least = tf.argmin(flat, axis=-1, output_type=tf.int32)
        self._other, shift = least // len(SHIFTS), least % len(SHIFTS)
        self._shift = tuple(tf.gather(np.array(way, np.int32), shift) for way in zip(*SHIFTS, strict=True))

    def pieces(self, frames: Any, others: Any) -> Any:
        """`comparer.pieces` of frames (n, v, 256, 256) and vials (v, 256, 256), int32 (v, p, 40, 40, n + 1)."""
        own = [self._cut(_padded(frame, _RIM_PX), self._own, REACH_PX, SIDE_PX) for frame in tf.unstack(frames)]
        (top, left), (down, across) = self._corner, self._shift
        return tf.stack([*own, _cut(_padded(others, _RIM_PX), self._other, top + down, left + across, SIDE_PX)], -1)

    def where(self, unlike: Any, beyond: Any) -> Any:
        """`comparer.Looked.where`, float32 (v, p, 4)."""
        at = tf.stack(self.cells, axis=-1)
        cells = [tf.cast(part, tf.float32) / (CELLS / 2) - 1.0 for part in self.cells]
        told = tf.gather_nd(unlike, at, batch_dims=1) - 1.0, tf.gather_nd(beyond, at, batch_dims=1)
        return tf.stack([*cells, *told], axis=-1)

    def _cut(self, padded: Any, which: Any, further: int, side: int) -> Any:
        top, left = self._corner
        return _cut(padded, which, top + further, left + further, side)


def _cut(pictures: Any, which: Any, top: Any, left: Any, side: int) -> Any:
    """Squares (..., side, side) of pictures (k, h, h), those numbered `which`, at corners."""
    height = pictures.shape[1]
    y, x = np.mgrid[:side, :side].astype(np.int32)
    corner = (which * height + top) * height + left
    return tf.gather(tf.reshape(pictures, (-1,)), corner[..., None, None] + (y * height + x))


def _window(squares: Any, down: int, across: int) -> Any:
    return squares[..., down : down + SIDE_PX, across : across + SIDE_PX]


def _padded(pictures: Any, rim: int) -> Any:
    """uint8 (v, h, h) with its rims repeated outwards, int32."""
    place = np.clip(np.arange(-rim, PATCH_PX + rim), 0, PATCH_PX - 1)
    return tf.cast(tf.gather(tf.gather(pictures, place, axis=1), place, axis=2), tf.int32)


def _evened(logits: Any) -> Any:
    """Means over `MARK_WINDOW` cells about each, the rims repeated outwards."""
    rim = MARK_WINDOW // 2
    place = np.clip(np.arange(-rim, CELLS + rim), 0, CELLS - 1)
    padded = tf.gather(tf.gather(logits, place, axis=1), place, axis=2)
    return tf.nn.avg_pool2d(padded[..., None], MARK_WINDOW, 1, "VALID")[..., 0]


def _about(rows: Any, columns: Any, cells: int) -> Any:
    """bool (v, p, 64, 64): within so many cells of places (v, p), along both sides."""
    down, across = (tf.abs(np.arange(CELLS, dtype=np.int32) - part[..., None]) <= cells for part in (rows, columns))
    return down[..., :, None] & across[..., None, :]


def _itself(shown: Any) -> Any:
    """int32 (v, v), `_FAR` where a vial meets itself."""
    return _FAR * tf.eye(tf.shape(shown)[0], dtype=tf.int32)


def _joined(of_vials: Any) -> Any:
    """(v, p, ...) to (v p, ...)."""
    return tf.reshape(of_vials, tf.concat([[-1], tf.shape(of_vials)[2:]], axis=0))
