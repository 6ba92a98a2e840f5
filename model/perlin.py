"""Perlin noise and the perturbation P_q of the paper's eq. 1: X*, M, N = P_q(X)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Field = NDArray[np.float32]
"""float32 (height, width)."""

GRADIENTS = np.array(
    [(1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0), (1, 0), (-1, 0),
     (0, 1), (0, -1), (0, 1), (0, -1), (1, 0), (-1, 0), (0, -1), (0, 1)],
    np.float32,
)  # fmt: skip
"""In-plane parts of the sixteen gradients of improved noise (Perlin 2002, ACM TOG 21(3), 681-682)."""

LARGEST_LATTICE_POWER = 6
MASK_ABOVE = 0.5
SMALLEST_MASK_PX = 20
BLEND = (0.2, 1.0)
LOCAL_SHARE = 0.6
"""Share of perturbations kept to a disc of a random place and radius: real defects are small and few (ours)."""

LOCAL_RADIUS_PX = (8.0, 70.0)


@njit(cache=True, nogil=True, fastmath=True)
def perlin(height: int, width: int, cells_y: float, cells_x: float, permutation: NDArray[np.int64]) -> Field:
    """Improved Perlin noise over a lattice.

    Args:
        height: Rows of the field.
        width: Columns of the field.
        cells_y: Lattice cells over the height, > 0.
        cells_x: Lattice cells over the width, > 0.
        permutation: int64 (256,), a permutation of 0-255; it is the randomness.

    Returns:
        float32 (height, width), about -1 to 1, zero at lattice points.
    """
    field = np.empty((height, width), np.float32)
    for row in range(height):
        y = row * cells_y / height
        y0 = int(np.floor(y))
        fy = y - y0
        v = fy * fy * fy * (fy * (fy * 6 - 15) + 10)
        for column in range(width):
            x = column * cells_x / width
            x0 = int(np.floor(x))
            fx = x - x0
            u = fx * fx * fx * (fx * (fx * 6 - 15) + 10)
            a = permutation[x0 & 255]
            b = permutation[(x0 + 1) & 255]
            aa = GRADIENTS[permutation[permutation[(a + y0) & 255]] & 15]
            ab = GRADIENTS[permutation[permutation[(a + y0 + 1) & 255]] & 15]
            ba = GRADIENTS[permutation[permutation[(b + y0) & 255]] & 15]
            bb = GRADIENTS[permutation[permutation[(b + y0 + 1) & 255]] & 15]
            upper = (aa[0] * fx + aa[1] * fy) * (1 - u) + (ba[0] * (fx - 1) + ba[1] * fy) * u
            lower = (ab[0] * fx + ab[1] * (fy - 1)) * (1 - u) + (bb[0] * (fx - 1) + bb[1] * (fy - 1)) * u
            field[row, column] = upper * (1 - v) + lower * v
    return field


def random_perlin(shape: tuple[int, int], *, rng: np.random.Generator, powers: tuple[int, int]) -> Field:
    """A field with 2^U cells along each axis independently, turned by a random multiple of 90 degrees, peak +-1."""
    cells = 2.0 ** rng.integers(powers[0], powers[1] + 1, 2)
    field = perlin(shape[0], shape[1], cells[0] + 0.37, cells[1] + 0.37, rng.permutation(256))
    turned = np.rot90(field, int(rng.integers(4)))
    return np.ascontiguousarray(turned / max(float(np.abs(turned).max()), 1e-6))


def perturb(image: Field, other: Field, *, rng: np.random.Generator) -> tuple[Field, Field, Field]:
    """P_q of a square image that was chosen to be perturbed.

    X* = (1 - M) X + (1 - beta) M X + beta M S, with S a uniform grey, a Perlin texture or another good patch.

    Args:
        image: X, in [0, 1].
        other: Another good patch of the same shape.
        rng: Of this patch.

    Returns:
        (X*, M, N): the perturbed image, its map (1.0 where perturbed), and the noise on black, M S.
    """
    mask = _random_mask(image.shape[0], rng)
    kind = rng.random()
    if kind < 0.5:
        source = np.full_like(image, rng.random())
    elif kind < 0.75:
        source = 0.5 + 0.5 * random_perlin((image.shape[0], image.shape[1]), rng=rng, powers=(2, LARGEST_LATTICE_POWER))
    else:
        source = other
    beta = np.float32(rng.uniform(*BLEND))
    blended = image + beta * mask * (source - image)
    return blended.astype(np.float32), mask, (mask * source).astype(np.float32)


def _random_mask(size: int, rng: np.random.Generator) -> Field:
    """float32 (size, size) of 0 and 1 with at least `SMALLEST_MASK_PX` ones."""
    while True:
        mask = random_perlin((size, size), rng=rng, powers=(0, LARGEST_LATTICE_POWER)) > MASK_ABOVE
        if rng.random() < LOCAL_SHARE:
            y, x = rng.uniform(0, size, 2)
            radius = np.exp(rng.uniform(*np.log(LOCAL_RADIUS_PX)))
            rows, columns = np.ogrid[:size, :size]
            mask &= (rows - y) ** 2 + (columns - x) ** 2 < radius**2
        if int(mask.sum()) >= SMALLEST_MASK_PX:
            return mask.astype(np.float32)
