"""A bundle's comparer as inspection runs it: ahead of the last frame, vials side by side in threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from model.bundle import Bundle, BundleError, ComparerFile, read_array
from model.comparer import PLACES, SIDE_PX, WHERE, lightest, look_at
from model.config import CELLS, PATCH_PX
from model.loaded import load_comparer
from model.scoring import MARK_WINDOW

NOTHING = -30.0
"""Logit of cells at which it did not look."""

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
        look_at(blank, blank, self._usual)  # compiled now, while no strip waits
        self._threads = ThreadPoolExecutor(os.cpu_count(), "compares vials")

    def said(self, early: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What it says of the patches of all frames but the last, uint8 (n m, 256, 256), frame after frame.

        Returns:
            float32 (m, 64, 64): logits in the cells of places, elsewhere, and where there is one vial, `NOTHING`.
        """
        regions, region = self._file.regions, self._file.region
        said = np.full((self._vials * regions, CELLS, CELLS), NOTHING, np.float32)
        if self._vials < 2:
            return said
        frames = early.reshape(-1, self._vials, regions, PATCH_PX, PATCH_PX)[:, :, region]
        shown = lightest(frames)

        def look(vial: int) -> Any:
            return look_at(frames[:, vial], np.delete(shown, vial, axis=0), self._usual)

        places = list(self._threads.map(look, range(self._vials)))
        logits = self._say(
            np.concatenate([of_vial.detail for of_vial in places]),
            np.concatenate([of_vial.where for of_vial in places]),
        )
        for vial, of_vial in enumerate(places):
            cells = said[vial * regions + region]
            for row, column, logit in zip(of_vial.rows, of_vial.columns, logits[vial * PLACES :], strict=False):
                about = np.s_[
                    row - BESIDE_CELLS : row + BESIDE_CELLS + 1, column - BESIDE_CELLS : column + BESIDE_CELLS + 1
                ]
                cells[about] = np.maximum(cells[about], logit)
        return said


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
    detail = (places, SIDE_PX, SIDE_PX, bundle.marker.frames), np.uint8

    def say(detail: Any, where: Any) -> Any:
        return comparer([ops.cast(detail, "float32"), where], training=False)

    return Comparing(file, patches, compiled(say, {"detail": detail, "where": ((places, WHERE), np.float32)}))
