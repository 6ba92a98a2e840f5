"""1 - SSIM of image and rebuilt image in one fused, compiled pass: the paper's score (eq. 9) at the price of a copy.

Agrees with `tf.image.ssim` (11 x 11 Gaussian, sigma 1.5, k1 .01, k2 .03, valid borders, range 1) and with the same in
double precision to 1e-5. On flat bright patches the rounding of `tf.image.ssim` itself is larger, up to 4e-5.

Source: Wang, Bovik, Sheikh & Simoncelli (2004), IEEE Transactions on Image Processing 13(4), 600-612, eq. 13.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from model.losses import K1, K2, ssim_window

_WINDOW = ssim_window()
_TAPS = len(_WINDOW)


@njit(cache=True, nogil=True, fastmath=True, parallel=True)
def _dissimilarity(images: NDArray[np.uint8], rebuilt: NDArray[np.float32], window: NDArray[np.float32],
                   out: NDArray[np.float64]) -> None:  # fmt: skip
    """With s = x + y and d = x - y, one window's SSIM is

    (1 - D^2 / ((S^2 + D^2) / 2 + c1)) (1 - var d / ((var s + var d) / 2 + c2)), S and D the means of s and d:

    the same number as in the source, but without the difference of large products that costs float32 its digits on
    bright flat patches. Variances are taken about the whole patch's means, for the same reason.
    """
    count, height, width = images.shape
    taps = window.shape[0]
    inner = width - taps + 1
    half, c1, c2 = np.float32(0.5), np.float32(K1 * K1), np.float32(K2 * K2)
    scale = np.float32(1.0 / 255.0)
    for index in prange(count):
        sum_x, sum_y = np.int64(0), 0.0
        for row in range(height):
            for column in range(width):
                sum_x += images[index, row, column]
                sum_y += rebuilt[index, row, column]
        mean_x, mean_y = sum_x / (255.0 * height * width), sum_y / (height * width)
        level_s, level_d = np.float32(mean_x + mean_y), np.float32(mean_x - mean_y)
        # Horizontal means of s, d, s^2 and d^2, both from their levels, for the last `taps` rows, a ring by row number.
        ring = np.empty((taps, 4, inner), np.float32)
        s, d = np.empty(width, np.float32), np.empty(width, np.float32)
        square_s, square_d = np.empty(width, np.float32), np.empty(width, np.float32)
        means = np.empty((4, inner), np.float32)
        total = 0.0
        for row in range(height):
            for column in range(width):
                x = np.float32(images[index, row, column]) * scale
                y = rebuilt[index, row, column]
                s[column], d[column] = (x + y) - level_s, (x - y) - level_d
                square_s[column], square_d[column] = s[column] * s[column], d[column] * d[column]
            line = ring[row % taps]
            line[:] = np.float32(0.0)
            for tap in range(taps):
                weight = window[tap]
                for column in range(inner):
                    line[0, column] += weight * s[column + tap]
                    line[1, column] += weight * d[column + tap]
                    line[2, column] += weight * square_s[column + tap]
                    line[3, column] += weight * square_d[column + tap]
            if row < taps - 1:
                continue
            means[:] = np.float32(0.0)
            for tap in range(taps):
                weight = window[tap]
                older = ring[(row + 1 + tap) % taps]
                for plane in range(4):
                    for column in range(inner):
                        means[plane, column] += weight * older[plane, column]
            row_sum = np.float32(0.0)
            for column in range(inner):
                # Rounding can push a variance below zero; c2 then must still rule.
                var_s = max(means[2, column] - means[0, column] * means[0, column], np.float32(0.0))
                var_d = max(means[3, column] - means[1, column] * means[1, column], np.float32(0.0))
                mean_s, mean_d = means[0, column] + level_s, means[1, column] + level_d
                luminance = 1 - mean_d * mean_d / (half * (mean_s * mean_s + mean_d * mean_d) + c1)
                row_sum += luminance * (1 - var_d / (half * (var_s + var_d) + c2))
            total += float(row_sum)
        out[index] = 1.0 - total / ((height - taps + 1) * inner)


def dissimilarity(images: NDArray[np.uint8], rebuilt: NDArray[np.float32]) -> NDArray[np.float32]:
    """phi of eq. 9, a patch each: 1 - mean SSIM.

    Args:
        images: uint8 (n, h, w), h and w >= 11.
        rebuilt: float32 (n, h, w) in [0, 1].

    Returns:
        float32 (n,), 0 for equal images, at most 2; NaN where the rebuilt image holds one.

    Raises:
        ValueError: Shapes or types differ from the above.
    """
    if images.shape != rebuilt.shape or images.ndim != 3 or images.dtype != np.uint8 or rebuilt.dtype != np.float32:
        raise ValueError(
            "expected uint8 and float32 (n, h, w), "
            f"got {images.dtype} {images.shape} and {rebuilt.dtype} {rebuilt.shape}"
        )
    if min(images.shape[1:]) < _TAPS:
        raise ValueError(f"expected images of {_TAPS} x {_TAPS} pixels or more, got {images.shape}")
    out = np.empty(len(images))
    _dissimilarity(images, rebuilt, _WINDOW, out)
    # Compiled with fast arithmetic, which may assume that there are no NaN; so they are looked for here.
    out[~np.isfinite(rebuilt).all(axis=(1, 2))] = np.nan
    return out.astype(np.float32)
