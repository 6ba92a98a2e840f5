"""A bundle's comparer as inspection runs it: ahead of the last frame, vials in threads, and shortly after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from model.bundle import Bundle, BundleError, ComparerFile, read_array
from model.comparer import (
    HOT_PLACES,
    SIDE_PX,
    UNLIKE_PLACES,
    WHERE,
    Looked,
    Places,
    hot_places,
    lightest,
    look,
    pieces,
)
from model.config import CELLS, PATCH_PX
from model.loaded import load_comparer
from model.scoring import MARK_WINDOW, hottest

NOWHERE = -1e4
"""In place of a logit where it did not look, so that no window over such cells is the hottest."""

BESIDE_CELLS = MARK_WINDOW // 2 + 1
"""Cells about the middle of a place that have its logit: what a score pools over, also where a marker is hottest
one cell beside it."""

Say = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]]
"""Pieces (p, 40, 40, n + 1) and numbers (p, 4) of places to logits (p,)."""


@dataclass(frozen=True)
class Begun:
    """What a comparer says of a vial before the last frame has come.

    Attributes:
        looked: Its places.
        words: float32 (p,), logits of those places.
    """

    looked: Looked
    words: NDArray[np.float32]


class Comparing:
    """Looks at one region of a strip's vials.

    Args:
        file: The comparer's.
        patches: Of a frame, vial after vial.
        ahead: The compiled network for the places of all vials that are found before the last frame.
        after: For those that are found after it.

    Raises:
        BundleError: Patches of another number of regions, or no array of what is usual.
    """

    def __init__(self, file: ComparerFile, patches: int, ahead: Say, after: Say) -> None:
        if patches % file.regions:
            raise BundleError(str(file.weights), f"patches of {file.regions} regions", f"{patches} patches")
        self._file, self._vials, self._say_ahead, self._say_after = file, patches // file.regions, ahead, after
        self._usual = read_array(file.usual, (CELLS, CELLS))
        blank = np.zeros((1, PATCH_PX, PATCH_PX), np.uint8)
        pieces(blank, blank, look(blank[0], blank, self._usual).places)  # compiled now, while no strip waits
        self._threads = ThreadPoolExecutor(os.cpu_count(), "compares vials")

    def ahead(self, early: NDArray[np.uint8]) -> Sequence[Begun]:
        """What it says of all frames but the last, the frame before in place of the last.

        Args:
            early: uint8 (n m, 256, 256), their patches, frame after frame.

        Returns:
            Of each vial; nothing where there is one vial.
        """
        if self._vials < 2:
            return []
        frames = self._of_region(early)
        shown, repeated = lightest(frames), np.concatenate([frames, frames[-1:]])

        def begin(vial: int) -> tuple[Looked, NDArray[np.uint8], NDArray[np.float32]]:
            others = _but(shown, vial)
            looked = look(shown[vial], others, self._usual)
            return looked, pieces(repeated[:, vial], others, looked.places), looked.where(looked.places)

        looked, detail, where = zip(*self._threads.map(begin, range(self._vials)), strict=True)
        words = self._say_ahead(np.concatenate(detail), np.concatenate(where)).reshape(-1, UNLIKE_PLACES)
        return [Begun(*of_vial) for of_vial in zip(looked, words, strict=True)]

    def heard(
        self,
        begun: Sequence[Begun],
        early: NDArray[np.uint8],
        last: NDArray[np.uint8],
        logits: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """A marker's logits, in its region with its word on places (`with_words`); as they are where there is one vial.

        Args:
            begun: What `ahead` made of the patches.
            early: As `ahead` was given them.
            last: uint8 (m, 256, 256), patches of the last frame.
            logits: float32 (m, 64, 64), the marker's.

        Returns:
            float32 (m, 64, 64).
        """
        if not begun:
            return logits
        of_vial = np.s_[self._file.region :: self._file.regions]
        frames = np.concatenate([self._of_region(early), self._of_region(last)])
        marked, heard = logits[of_vial], logits.copy()
        shown = lightest(frames)

        def finish(vial: int) -> tuple[Places, NDArray[np.uint8], NDArray[np.float32]]:
            others = _but(shown, vial)
            hot = hot_places(marked[vial], shown[vial], others)
            return hot, pieces(frames[:, vial], others, hot), begun[vial].looked.where(hot)

        hot, detail, where = zip(*map(finish, range(self._vials)), strict=True)
        words = self._say_after(np.concatenate(detail), np.concatenate(where)).reshape(-1, HOT_PLACES)
        heard[of_vial] = [
            with_words(cells, vial.looked.places.with_others(more), np.concatenate([vial.words, of_more]))
            for cells, vial, more, of_more in zip(marked, begun, hot, words, strict=True)
        ]
        return heard

    def _of_region(self, patches: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 (n m, 256, 256) to (n, vials, 256, 256)."""
        frames = patches.reshape(-1, self._vials, self._file.regions, PATCH_PX, PATCH_PX)
        return np.ascontiguousarray(frames[:, :, self._file.region])


def with_words(marked: NDArray[np.float32], places: Places, words: NDArray[np.float32]) -> NDArray[np.float32]:
    """A marker's logits of a patch, what a comparer says of places added about each.

    Elsewhere no cell is hotter than the hottest of them: the marker's hottest places are among those looked at. A word
    that is no number leaves none in the scores either, so that the strip is rejected.

    Args:
        marked: float32 (64, 64).
        places: p of them.
        words: float32 (p,), logits.

    Returns:
        float32 (64, 64).
    """
    said, near = np.full_like(marked, -np.inf), np.zeros(marked.shape, bool)
    for row, column, word in zip(places.rows.tolist(), places.columns.tolist(), words, strict=True):
        about = (
            slice(row - BESIDE_CELLS, row + BESIDE_CELLS + 1),
            slice(column - BESIDE_CELLS, column + BESIDE_CELLS + 1),
        )
        said[about], near[about] = np.maximum(said[about], word), True
    both = np.where(near, marked + said, np.float32(NOWHERE))
    return np.where(near, both, np.minimum(marked, hottest(both[None])))


def _but(shown: NDArray[np.uint8], vial: int) -> NDArray[np.uint8]:
    """The other vials."""
    return np.delete(shown, vial, axis=0)


Compile = Callable[[Callable[..., Any], Mapping[str, tuple[tuple[int, ...], Any]]], Say]
"""Of a function of tensors, and shape and type of each of its arguments by name, what a backend runs."""


def comparing(bundle: Bundle, patches: int, compiled: Compile) -> Comparing | None:
    """What compares the vials of a strip, if a bundle has something that does.

    Args:
        bundle: The bundle.
        patches: Of a frame.
        compiled: By the backend.

    Raises:
        BundleError: Weights of another comparer, or see `Comparing`.
    """
    if bundle.marker is None or bundle.marker.comparer is None:
        return None
    comparer, file = load_comparer(bundle), bundle.marker.comparer
    channels = bundle.marker.frames + 1

    def say(detail: Any, where: Any) -> Any:
        return comparer([ops.cast(detail, "float32"), where], training=False)

    def of(places: int) -> Say:
        count = places * (patches // file.regions)
        detail = (count, SIDE_PX, SIDE_PX, channels), np.uint8
        return compiled(say, {"detail": detail, "where": ((count, WHERE), np.float32)})

    return Comparing(file, patches, of(UNLIKE_PLACES), of(HOT_PLACES))
