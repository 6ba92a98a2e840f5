"""A bundle's comparer as inspection runs it: it looks ahead of the last frame, and says after it; vials in threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from model.bundle import Bundle, BundleError, ComparerFile, read_array
from model.comparer import PLACES, SIDE_PX, WHERE, Looked, Places, lightest, look, look_again
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


class Comparing:
    """Looks at one region of a strip's vials.

    Args:
        file: The comparer's.
        patches: Of a frame, vial after vial.
        say: The compiled network.

    Raises:
        BundleError: Patches of another number of regions, or no array of what is usual.
    """

    def __init__(self, file: ComparerFile, patches: int, say: Say) -> None:
        if patches % file.regions:
            raise BundleError(str(file.weights), f"patches of {file.regions} regions", f"{patches} patches")
        self._file, self._vials, self._say = file, patches // file.regions, say
        self._usual = read_array(file.usual, (CELLS, CELLS))
        blank = np.zeros((1, PATCH_PX, PATCH_PX), np.uint8)
        # compiled now, while no strip waits
        look_again(look(blank[0], blank, self._usual), blank, blank, self._usual)
        self._threads = ThreadPoolExecutor(os.cpu_count(), "compares vials")

    def ahead(self, early: NDArray[np.uint8]) -> Sequence[Looked]:
        """What is found in the patches of all frames but the last, uint8 (n m, 256, 256), frame after frame.

        Returns:
            Of each vial; nothing where there is one vial.
        """
        shown = lightest(self._of_region(early))
        return list(self._threads.map(lambda vial: look(shown[vial], _but(shown, vial), self._usual), self._compared))

    def heard(
        self, looked: Sequence[Looked], patches: NDArray[np.uint8], logits: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """A marker's logits, in its region with its word on places (`with_words`); as they are where there is one vial.

        Args:
            looked: What `ahead` found in the patches.
            patches: uint8 (n m, 256, 256), frame after frame.
            logits: float32 (m, 64, 64), the marker's.

        Returns:
            float32 (m, 64, 64).
        """
        if not looked:
            return logits
        of_vial = np.s_[self._file.region :: self._file.regions]
        frames, marked, heard = self._of_region(patches), logits[of_vial], logits.copy()
        shown = lightest(frames)

        def again(vial: int) -> Any:
            return look_again(looked[vial], frames[:, vial], _but(shown, vial), marked[vial])

        places, detail, where = zip(*self._threads.map(again, self._compared), strict=True)
        words = self._say(np.concatenate(detail), np.concatenate(where)).reshape(-1, PLACES)
        heard[of_vial] = [with_words(*given) for given in zip(marked, places, words, strict=True)]
        return heard

    @property
    def _compared(self) -> range:
        return range(self._vials if self._vials > 1 else 0)

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
    for row, column, word in zip(places.rows, places.columns, words, strict=True):
        about = np.s_[row - BESIDE_CELLS : row + BESIDE_CELLS + 1, column - BESIDE_CELLS : column + BESIDE_CELLS + 1]
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
    places = PLACES * (patches // file.regions)
    detail = (places, SIDE_PX, SIDE_PX, bundle.marker.frames + 1), np.uint8

    def say(detail: Any, where: Any) -> Any:
        return comparer([ops.cast(detail, "float32"), where], training=False)

    return Comparing(file, patches, compiled(say, {"detail": detail, "where": ((places, WHERE), np.float32)}))
