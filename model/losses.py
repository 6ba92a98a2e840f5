"""Losses of the paper's eq. 2-7, each a mean over all elements, in `keras.ops`."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

Tensor = Any
"""A backend tensor, float32 (n, h, w, c) unless said otherwise."""

HUBER_DELTA = 1.0
K1, K2 = 0.01, 0.03


def adversarial_loss(features_real: Tensor, features_rebuilt: Tensor) -> Tensor:
    """L_adv, eq. 2: mean squared difference of the discriminator's last maps."""
    return ops.mean(ops.square(features_real - features_rebuilt))


def huber_loss(image: Tensor, rebuilt: Tensor) -> Tensor:
    """Huber loss with delta 1: in [0, 1] images, half the mean squared error."""
    error = ops.abs(image - rebuilt)
    return ops.mean(ops.where(error <= HUBER_DELTA, 0.5 * error * error, HUBER_DELTA * (error - 0.5 * HUBER_DELTA)))


def ssim_window(size: int = 11, sigma: float = 1.5) -> np.ndarray[Any, np.dtype[np.float32]]:
    """float32 (size,): the normalised Gaussian of Wang et al. (2004), IEEE TIP 13(4), section III-B."""
    place = np.arange(size) - (size - 1) / 2
    weights = np.exp(-0.5 * (place / sigma) ** 2)
    window: np.ndarray[Any, np.dtype[np.float32]] = (weights / weights.sum()).astype(np.float32)
    return window


def ssim_loss(image: Tensor, rebuilt: Tensor) -> Tensor:
    """L_SSIM: 1 - mean SSIM over valid windows, (n, h, w, 1) images in [0, 1], as `tf.image.ssim` computes it."""
    x, y = ops.squeeze(image, -1), ops.squeeze(rebuilt, -1)
    mean_x, mean_y = _window_means(x), _window_means(y)
    mean_xx_yy, mean_xy = _window_means(x * x + y * y), _window_means(x * y)
    product, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    c1, c2 = K1**2, K2**2
    luminance = (2 * product + c1) / (squares + c1)
    structure = (2 * (mean_xy - product) + c2) / (mean_xx_yy - squares + c2)
    return 1.0 - ops.mean(luminance * structure)


def _window_means(image: Tensor) -> Tensor:
    """Gaussian means over every valid window, (n, h, w) to (n, h - 10, w - 10).

    Two products with a banded matrix: several times faster on a CPU than depthwise convolutions and their gradients.
    """
    rows, columns = _band(image.shape[1]), _band(image.shape[2])
    return ops.matmul(ops.matmul(rows, image), ops.transpose(columns))


def _band(size: int) -> Tensor:
    """(size - 10, size): each row holds the window at its own place."""
    window = ssim_window()
    band = np.zeros((size - len(window) + 1, size), np.float32)
    for row in range(len(band)):
        band[row, row : row + len(window)] = window
    return ops.convert_to_tensor(band)


def contextual_loss(image: Tensor, rebuilt: Tensor, *, w_huber: float, w_ssim: float) -> Tensor:
    """L_con, eq. 7."""
    return w_huber * huber_loss(image, rebuilt) + w_ssim * ssim_loss(image, rebuilt)


def encoder_loss(code: Tensor, code_rebuilt: Tensor) -> Tensor:
    """L_enc, eq. 4: mean absolute difference of the two codes."""
    return ops.mean(ops.abs(code - code_rebuilt))


def noise_loss(perturbed: Tensor, rebuilt: Tensor, noise: Tensor) -> Tensor:
    """L_nse, eq. 6 without its weight: L1 between what was taken out and what should have been.

    Args:
        perturbed: X*, what the encoder saw.
        rebuilt: X^.
        noise: abs(X* - X) for `residual`, the noise on black for `eq6`.
    """
    return ops.mean(ops.abs(ops.abs(perturbed - rebuilt) - noise))


def discriminator_loss(logit_real: Tensor, logit_rebuilt: Tensor) -> Tensor:
    """Mean of the two binary cross-entropies: real is 1, rebuilt is 0; logits (n, 1)."""
    real = ops.mean(ops.softplus(-logit_real))
    rebuilt = ops.mean(ops.softplus(logit_rebuilt))
    return 0.5 * (real + rebuilt)
