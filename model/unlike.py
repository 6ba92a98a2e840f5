"""How unlike a patch is to the same place of the other vials of its strip: the eye's way with a mark on a line.

Vials of a strip come out of one mould side by side, so that a line of one is a line of all; what one has alone stands
out however faint it is, where a generator that has seen every product rebuilds each of its lines a little wrong. Drops
and bubbles stand out as well: what to make of it is the comparer's to learn.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from model.config import CELL_PX, CELLS, PATCH_PX

REACH_PX = 3
"""How far a place may lie from the same place of another vial: poses turn, walls lean."""

WINDOW_CELLS = 3
GAIN = 0.25
"""Brings what is found to about 1 where something stands out."""

_PIXELS = (WINDOW_CELLS * CELL_PX) ** 2
_NOWHERE = np.float32(255.0**2 * _PIXELS)


def unlike_others(own: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How little any other vial has at a place, or up to `REACH_PX` from it, what this one has there.

    Args:
        own: uint8 (256, 256), a patch.
        others: uint8 (k, 256, 256), the same region of the other vials.

    Returns:
        float32 (64, 64), `GAIN` log(1 + d): d is the mean squared difference in grey levels over 3 x 3 cells about
        each, least of all vials and shifts; 0 everywhere where there is no other vial.
    """
    least = np.full((CELLS, CELLS), _NOWHERE if len(others) else np.float32(0))
    for other in others:
        _least_difference(np.ascontiguousarray(own), np.pad(other, REACH_PX, mode="edge"), least)
    unlike: NDArray[np.float32] = np.float32(GAIN) * np.log1p(least / np.float32(_PIXELS))
    return unlike


@njit(cache=True, nogil=True, fastmath=True)
def _least_difference(own: NDArray[np.uint8], padded: NDArray[np.uint8], least: NDArray[np.float32]) -> None:
    """Lower `least` to the sums of squared differences over the window, of whichever shift has the smallest."""
    cells = np.zeros((CELLS + 2, CELLS + 2), np.float32)
    line = np.empty(PATCH_PX, np.int32)
    for down in range(2 * REACH_PX + 1):
        for across in range(2 * REACH_PX + 1):
            for row in range(CELLS):
                line[:] = 0
                for y in range(CELL_PX * row, CELL_PX * (row + 1)):
                    mine, theirs = own[y], padded[y + down, across : across + PATCH_PX]
                    for x in range(PATCH_PX):
                        difference = np.int32(mine[x]) - np.int32(theirs[x])
                        line[x] += difference * difference
                for column in range(CELLS):
                    x = CELL_PX * column
                    cells[row + 1, column + 1] = line[x] + line[x + 1] + line[x + 2] + line[x + 3]
            for row in range(CELLS):
                above, same, below = cells[row], cells[row + 1], cells[row + 2]
                for column in range(CELLS):
                    total = np.float32(0)
                    for x in range(column, column + WINDOW_CELLS):
                        total += above[x] + same[x] + below[x]
                    if total < least[row, column]:
                        least[row, column] = total
