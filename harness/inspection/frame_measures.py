"""What an acquisition of the drawn strip measures: light, sharpness, pose and seams, from a few rows and columns.

Pure: pixels in, numbers out; which of them are normal stands in `frame_check.py`. The places are those of the drawn
card (`docs/product.md`): its edges against the bare backlight, at the flag and at the web, and the light beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.geometry import PAPER

HEIGHT, WIDTH = PAPER.frame_shape
MIDDLE_X, MIDDLE_Y = (WIDTH - 1) / 2, (HEIGHT - 1) / 2
"""The gripper turns a card about here."""

LIGHT_PX = 12
"""Columns at both sides of a frame that no card reaches: 25 px of light, less 2 px of shift and 5 px of turn."""

EDGE_PX = slice(8, 56)
"""Columns, from either side, within which the card's edge lies."""

FLAG_ROWS = slice(40, 240, 2)
WEB_ROWS = slice(464, 912, 4)
WEB_BLOCKS = 4
HALF_CARD_PX = 615.0
TOP_ROWS = slice(0, 44)
TOP_COLUMNS = slice(60, 1220, 4)
EDGE_LEVEL = 0.68
"""Share of the light that marks an edge: half-way down to the flag's dark border, and within the slope at the web."""

TOP_EDGE = 15.47
"""Row of the flag's upper edge, where it crosses `EDGE_LEVEL`, in a card that is neither shifted nor turned."""

SEAM_ROWS = 12
"""Rows that lie above and below a seam at least."""

MISSING = -1.0
"""Position of an edge that is not there."""


@dataclass(frozen=True)
class Measures:
    """What each frame measures, float64 (frame,) each.

    Attributes:
        light: Grey level of the bare backlight beside the card.
        sharpness: Steepest step a px at the card's edge at the flag, as a share of the light; median over rows.
        dx: Shift of the card to the right, px; NaN where no card is found.
        dy: Shift downwards, px; NaN likewise.
        angle_deg: Turn of the card, NaN likewise.
        seam: Largest step of the light from the rows above to those below, in standard errors of its mean.
        bend: By how much both edges at some place of the web lie to the same side of where the flag says they are, px;
            a cut flag or a dented wall moves one edge alone and does not count. NaN as above.
    """

    light: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    dx: NDArray[np.float64]
    dy: NDArray[np.float64]
    angle_deg: NDArray[np.float64]
    seam: NDArray[np.float64]
    bend: NDArray[np.float64]


def measure(frames: NDArray[np.uint8]) -> Measures:
    """Measures of an acquisition of the drawn strip.

    Args:
        frames: uint8 (frame, 1024, 1280).
    """
    beside = np.stack([frames[:, :, :LIGHT_PX], frames[:, :, -LIGHT_PX:]])  # (side, frame, row, LIGHT_PX)
    rows = beside.mean(axis=3, dtype=np.float32)
    light = rows.mean(axis=(0, 2), dtype=np.float64)
    level = np.maximum(light, 1.0)
    flag, steps = _sides(frames[:, FLAG_ROWS], level)
    web, _ = _sides(frames[:, WEB_ROWS], level)
    top, _ = _crossings(frames[:, TOP_ROWS, TOP_COLUMNS].swapaxes(1, 2), level)  # (frame, column)

    half = top.shape[1] // 2
    left, right = _median(top[:, :half]), _median(top[:, -half:])
    columns = np.arange(WIDTH)[TOP_COLUMNS]
    turn = (right - left) / (columns[-half:].mean() - columns[:half].mean())
    flag_y = np.arange(HEIGHT)[FLAG_ROWS].mean()
    web_y = np.arange(HEIGHT)[WEB_ROWS].reshape(WEB_BLOCKS, -1).mean(axis=1)
    # The middle column that each edge says, at the middle row: (side, frame) and (side, frame, block).
    at_flag = _median(flag) + turn * (flag_y - MIDDLE_Y)
    at_web = _median(web.reshape(2, len(frames), WEB_BLOCKS, -1)) + turn[:, None] * (web_y - MIDDLE_Y)
    edges = np.concatenate([at_flag, _median(at_web)])
    apart = at_web - at_flag[..., None]
    together = np.where(apart[0] * apart[1] <= 0, 0.0, np.abs(apart).min(axis=0))
    return Measures(
        light=light,
        sharpness=_median(steps.mean(axis=0)) / level,
        dx=_median(edges.T) - MIDDLE_X,
        dy=0.5 * (left + right) - turn * (columns.mean() - MIDDLE_X) - TOP_EDGE,
        angle_deg=np.degrees(np.arctan(turn)),
        seam=_seam(rows.max(axis=0)),
        bend=together.max(axis=1),
    )


def _sides(rows: NDArray[np.uint8], level: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(side, frame, row) twice: the column of the card's middle as its left and its right edge say; their steps."""
    left, left_steps = _crossings(rows[:, :, EDGE_PX], level)
    right, right_steps = _crossings(rows[:, :, ::-1][:, :, EDGE_PX], level)
    middles = np.stack([left + EDGE_PX.start + HALF_CARD_PX, WIDTH - 1 - EDGE_PX.start - right - HALF_CARD_PX])
    missing = np.stack([left, right]) == MISSING
    return np.where(missing, np.nan, middles), np.stack([left_steps, right_steps])


def _crossings(lines: NDArray[np.uint8], level: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(frame, line) twice: where each line first falls below `EDGE_LEVEL` of the light, and its largest step.

    Args:
        lines: uint8 (frame, line, px), from the light into the card.
        level: float64 (frame,), the light.
    """
    values = lines.astype(np.float32)
    limit = (EDGE_LEVEL * level).astype(np.float32)[:, None]
    place = (values < limit[..., None]).argmax(axis=2)
    inside = np.maximum(place, 1)[..., None]
    after = np.take_along_axis(values, inside, axis=2)[..., 0]
    before = np.take_along_axis(values, inside - 1, axis=2)[..., 0]
    share = (before - limit) / np.maximum(before - after, 1e-3)
    crossing = np.where(place > 0, place - 1 + share, MISSING)
    return crossing, -np.diff(values, axis=2).min(axis=2)


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median over the last axis of what is there; NaN where no more than half of it is."""
    missing = np.isnan(values) | (values == MISSING)
    ordered = np.sort(np.where(missing, np.inf, values), axis=-1)
    count = (~missing).sum(axis=-1)
    last = np.maximum(count - 1, 0)
    low = np.take_along_axis(ordered, (last // 2)[..., None], axis=-1)[..., 0]
    high = np.take_along_axis(ordered, ((last + 1) // 2)[..., None], axis=-1)[..., 0]
    return np.where(2 * count > values.shape[-1], 0.5 * (low + high), np.nan)


def _seam(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """(frame,): the largest step between the mean above and the mean below a row, in standard errors.

    Args:
        rows: float32 (frame, row), the light by row.

    Source:
        The likelihood ratio of one change of a mean: Hinkley (1970), Biometrika 57(1), 1-17.
    """
    count = rows.shape[1]
    above = np.arange(SEAM_ROWS, count - SEAM_ROWS + 1)
    sums = np.cumsum(rows, axis=1, dtype=np.float64)
    mean_above = sums[:, above - 1] / above
    mean_below = (sums[:, -1:] - sums[:, above - 1]) / (count - above)
    # Half the mean square of neighbours' differences: a variance that a step does not enlarge.
    noise = np.maximum((np.diff(rows, axis=1).astype(np.float64) ** 2).mean(axis=1) / 2, 1e-4)
    error = np.sqrt(noise[:, None] * (1 / above + 1 / (count - above)))
    largest: NDArray[np.float64] = (np.abs(mean_above - mean_below) / error).max(axis=1)
    return largest
