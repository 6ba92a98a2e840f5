"""A residual as a colour picture on a fixed scale, so that a good patch never looks as hot as a bad one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESIDUAL_FULL_SCALE = 0.25
"""Residual that is shown as the hottest colour, as a share of full scale, the same in every picture."""


def heat(values: NDArray[np.float32], *, full_scale: float = RESIDUAL_FULL_SCALE) -> NDArray[np.uint8]:
    """Values float32 (h, w) >= 0 as colour, uint8 (h, w, 3): black, red, yellow, white from `full_scale` on."""
    share = np.clip(values / full_scale, 0, 1)
    channels = [np.clip(3 * share - step, 0, 1) for step in range(3)]
    picture: NDArray[np.uint8] = np.rint(255 * np.stack(channels, axis=-1)).astype(np.uint8)
    return picture
