"""Augmentation of good patches: a small turn, a mirror image where the region allows one (the paper, section 6.2)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from model.perlin import Field


@njit(cache=True, nogil=True, fastmath=True)
def turn(image: Field, angle: float) -> Field:
    """Rotate about the middle, bilinearly; what comes from outside repeats the nearest edge.

    Args:
        image: float32 (h, w).
        angle: Radians.
    """
    height, width = image.shape
    out = np.empty_like(image)
    cosine, sine = np.cos(angle), np.sin(angle)
    middle_y, middle_x = 0.5 * (height - 1), 0.5 * (width - 1)
    for row in range(height):
        for column in range(width):
            x = cosine * (column - middle_x) + sine * (row - middle_y) + middle_x
            y = -sine * (column - middle_x) + cosine * (row - middle_y) + middle_y
            x = min(max(x, 0.0), width - 1.0001)
            y = min(max(y, 0.0), height - 1.0001)
            x0, y0 = int(x), int(y)
            fx, fy = np.float32(x - x0), np.float32(y - y0)
            upper = image[y0, x0] + fx * (image[y0, x0 + 1] - image[y0, x0])
            lower = image[y0 + 1, x0] + fx * (image[y0 + 1, x0 + 1] - image[y0 + 1, x0])
            out[row, column] = upper + fy * (lower - upper)
    return out


def augment(
    image: NDArray[np.uint8], *, mirrorable: bool, rotation_rad: float, mirrored: float, rng: np.random.Generator
) -> Field:
    """An augmented patch, float32 in [0, 1].

    Args:
        image: uint8 (h, w).
        mirrorable: False where a mirror image never happens (text on the flag).
        rotation_rad: Turn by up to this much either way; 0 turns nothing.
        mirrored: Probability of a mirror image, left and right only: liquid never hangs above air.
        rng: Of this patch.
    """
    angle, coin = rng.uniform(-1.0, 1.0) * rotation_rad, rng.random()
    patch = image.astype(np.float32) / np.float32(255.0)
    if mirrorable and coin < mirrored:
        patch = np.ascontiguousarray(patch[:, ::-1])
    return turn(patch, angle) if rotation_rad else patch
