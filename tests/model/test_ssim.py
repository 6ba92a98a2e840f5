from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.ndimage import correlate1d

from model.ssim import dissimilarity


def exact(images: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
    """1 - SSIM in float64 from its definition (Wang et al. 2004, eq. 13), window by window through SciPy."""
    window = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    window /= window.sum()

    def means(x: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(x, window, axis=1), window, axis=2)[:, 5:-5, 5:-5]

    x, y = images / 255.0, rebuilt.astype(np.float64)
    mean_x, mean_y = means(x), means(y)
    variances = means(x * x) - mean_x**2 + means(y * y) - mean_y**2
    covariance = means(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
    return 1 - (luminance * (2 * covariance + 9e-4) / (variances + 9e-4)).mean(axis=(1, 2))


def noisy(images: np.ndarray, scale: float, seed: int = 0) -> np.ndarray:
    """Rebuilt images: the images with noise, float32."""
    rng = np.random.default_rng(seed)
    return np.clip(images / 255 + rng.normal(0, scale, images.shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize("scale", [0.002, 0.02, 0.2])
def test_textured_patches_are_scored_as_defined(scale: float, pictures: Callable[..., np.ndarray]) -> None:
    """Within 1e-5 of the definition in float64, and of `tf.image.ssim`."""
    images = pictures(4, seed=3)
    rebuilt = noisy(images, scale)
    scores = dissimilarity(images, rebuilt)
    np.testing.assert_allclose(scores, exact(images, rebuilt), atol=1e-5)
    reference = 1 - tf.image.ssim(images[..., None] / np.float32(255), rebuilt[..., None], 1.0).numpy()
    np.testing.assert_allclose(scores, reference, atol=1e-5)


@pytest.mark.parametrize("shade", [0, 1, 64, 128, 200, 254, 255])
@pytest.mark.parametrize("difference", [0.0, 0.01, 0.1])
def test_flat_patches_are_scored_as_defined(shade: int, difference: float) -> None:
    """Within 1e-5 of the definition where variances vanish; `tf.image.ssim` rounds to 4e-5 and worse on bright ones."""
    images = np.full((2, 64, 64), shade, np.uint8)
    rebuilt = np.full((2, 64, 64), abs(shade / 255 - difference), np.float32)
    np.testing.assert_allclose(dissimilarity(images, rebuilt), exact(images, rebuilt), atol=1e-5)


def test_nearly_flat_bright_patches_are_scored_as_defined() -> None:
    """A grain of one grey level on white, where float32 has the fewest digits left for a variance."""
    rng = np.random.default_rng(0)
    images = (254 + rng.integers(0, 2, (2, 128, 128))).astype(np.uint8)
    rebuilt = noisy(images, 0.001)
    np.testing.assert_allclose(dissimilarity(images, rebuilt), exact(images, rebuilt), atol=1e-5)


@settings(max_examples=30)
@given(npst.arrays(np.uint8, st.tuples(st.integers(1, 2), st.integers(11, 20), st.integers(11, 20))))
def test_equal_images_score_zero(images: np.ndarray) -> None:
    """Whatever they show."""
    np.testing.assert_allclose(dissimilarity(images, images / np.float32(255)), 0, atol=1e-5)


@settings(max_examples=30)
@given(st.data())
def test_scores_lie_between_zero_and_two(data: st.DataObject) -> None:
    """And are finite, however far the images are apart."""
    images = data.draw(npst.arrays(np.uint8, (1, 12, 13)))
    rebuilt = data.draw(npst.arrays(np.float32, (1, 12, 13), elements=st.floats(0, 1, width=32)))
    (score,) = dissimilarity(images, rebuilt)
    assert -1e-5 <= score <= 2 + 1e-5


def test_opposite_patterns_score_above_one() -> None:
    """Structure turned into its negative is worse than no structure at all."""
    board = ((np.indices((32, 32)).sum(axis=0) % 2) * 255).astype(np.uint8)[None]
    assert dissimilarity(board, 1 - board / np.float32(255))[0] > 1.5


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_number_in_no_number_out(value: float, pictures: Callable[..., np.ndarray]) -> None:
    """One bad pixel anywhere spoils the score of its patch and of no other."""
    images = pictures(3, seed=0, size=32)
    rebuilt = noisy(images, 0.01)
    rebuilt[1, 31, 31] = value
    scores = dissimilarity(images, rebuilt)
    assert np.isnan(scores).tolist() == [False, True, False]


def test_each_patch_is_scored_by_itself(pictures: Callable[..., np.ndarray]) -> None:
    """Alone or among others, a patch has the same score to the last digit."""
    images = pictures(5, seed=0, size=48)
    rebuilt = noisy(images, 0.05)
    alone = [dissimilarity(images[i : i + 1], rebuilt[i : i + 1])[0] for i in range(5)]
    np.testing.assert_array_equal(dissimilarity(images, rebuilt), alone)


@pytest.mark.parametrize(
    ("images", "rebuilt", "message"),
    [
        (np.zeros((1, 16, 16), np.uint8), np.zeros((1, 16, 15), np.float32), r"got uint8 \(1, 16, 16\) and float32"),
        (np.zeros((16, 16), np.uint8), np.zeros((16, 16), np.float32), r"got uint8 \(16, 16\)"),
        (np.zeros((1, 16, 16), np.float32), np.zeros((1, 16, 16), np.float32), "got float32"),
        (np.zeros((1, 16, 16), np.uint8), np.zeros((1, 16, 16)), "and float64"),
        (
            np.zeros((1, 10, 16), np.uint8),
            np.zeros((1, 10, 16), np.float32),
            "expected images of 11 x 11 pixels or more",
        ),
    ],
)
def test_other_shapes_and_types_are_refused(images: np.ndarray, rebuilt: np.ndarray, message: str) -> None:
    """One sentence with what was expected and what came."""
    with pytest.raises(ValueError, match=message):
        dissimilarity(images, rebuilt)
