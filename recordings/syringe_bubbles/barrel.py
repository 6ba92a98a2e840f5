"""Finds the syringe's barrel in a frame: two bright walls on a dark background, each a straight line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes

ROWS_TOGETHER = 8
"""Rows averaged before a wall is looked for, so that noise of the background is no wall."""

WALL_LEVEL = 40.0
"""Grey level between the background (below 15) and the walls (mostly saturated)."""

NARROWEST_PX = 60
"""Rows that are lit over less than this show the tip and not the barrel."""


@dataclass(frozen=True)
class Barrel:
    """Outer edges of the two walls, x = x0 + slope * y, in px.

    Attributes:
        left: x at row 0 and slope of the left wall.
        right: The same of the right wall.
    """

    left: tuple[float, float]
    right: tuple[float, float]

    def across(self, share: float, y: float) -> float:
        """The column at a share of the width, 0 at the left wall and 1 at the right one, in row `y`."""
        left, right = self.left[0] + self.left[1] * y, self.right[0] + self.right[1] * y
        return left + share * (right - left)

    def width(self, y: float) -> float:
        """Outer width in row `y`, px."""
        return self.across(1.0, y) - self.across(0.0, y)

    def moved(self, columns: float) -> Barrel:
        """The same barrel, so many px further right."""
        return Barrel((self.left[0] + columns, self.left[1]), (self.right[0] + columns, self.right[1]))


def find_barrel(frame: NDArray[np.uint8]) -> Barrel:
    """Fit both walls; up to a quarter of the rows may be hidden by a hand or lie below the barrel's end.

    Args:
        frame: uint8 (height, width), height a multiple of `ROWS_TOGETHER`.

    Raises:
        ValueError: No barrel over at least half of the height.

    Source:
        Slopes after Sen (1968), J. Am. Stat. Assoc. 63(324), 1379-1389.

    >>> frame = np.zeros((64, 200), np.uint8)
    >>> frame[:, 40:160] = 90
    >>> barrel = find_barrel(frame)
    >>> barrel.across(0.0, 32), barrel.across(1.0, 32)
    (40.0, 159.0)
    """
    height, width = frame.shape
    bands = frame.reshape(height // ROWS_TOGETHER, ROWS_TOGETHER, width).mean(axis=1)
    rows = np.arange(len(bands)) * ROWS_TOGETHER + 0.5 * (ROWS_TOGETHER - 1)
    lit = bands > WALL_LEVEL
    left, right = lit.argmax(axis=1), width - 1 - lit[:, ::-1].argmax(axis=1)
    seen = lit.any(axis=1) & (right - left >= NARROWEST_PX)
    if 2 * np.count_nonzero(seen) < len(bands):
        raise ValueError(
            f"expected a barrel over half of the height, got {np.count_nonzero(seen)} of {len(bands)} bands"
        )
    lines = [theilslopes(edge[seen], rows[seen]) for edge in (left, right)]
    return Barrel(*((float(line.intercept), float(line.slope)) for line in lines))
