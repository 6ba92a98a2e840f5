from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from model.augment import augment, turn

RAMP = np.tile(np.arange(16, dtype=np.float32), (16, 1)) / 16  # grows from left to right


def of(image: np.ndarray, *, mirrorable: bool, mirrored: float, rotation_rad: float = 0.0, seed: int = 0) -> np.ndarray:
    """One augmented patch."""
    rng = np.random.default_rng(seed)
    return augment(image, mirrorable=mirrorable, rotation_rad=rotation_rad, mirrored=mirrored, rng=rng)


def test_a_turn_by_nothing_is_the_identity() -> None:
    """Turned by 0, every pixel stays; the last row and column to a ten-thousandth of a step."""
    image = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    np.testing.assert_allclose(turn(image, 0.0), image, atol=2e-4)
    np.testing.assert_allclose(turn(image, 0.0)[:-1, :-1], image[:-1, :-1], atol=1e-6)


def test_a_quarter_turn_is_numpys() -> None:
    """By 90 degrees the pixels land on pixels: a positive angle turns clockwise."""
    image = np.random.default_rng(0).random((9, 9)).astype(np.float32)
    np.testing.assert_allclose(turn(image, np.pi / 2)[1:-1, 1:-1], np.rot90(image, -1)[1:-1, 1:-1], atol=1e-4)


def test_what_comes_from_outside_repeats_the_edge() -> None:
    """A bright left edge stays bright in the corners that a turn brings in; no value is invented."""
    image = np.zeros((32, 32), np.float32)
    image[:, 0] = 1.0
    turned = turn(image, 0.3)
    assert turned[0, 0] == pytest.approx(1.0, abs=1e-3) or turned[-1, 0] == pytest.approx(1.0, abs=1e-3)
    assert 0 <= turned.min() <= turned.max() <= 1
    flat = np.full((32, 32), 0.7, np.float32)
    np.testing.assert_allclose(turn(flat, 0.3), flat, atol=1e-6)


def test_mirrored_only_where_it_could_happen() -> None:
    """Text is never mirrored; elsewhere always, never or as the coin falls."""
    image = (RAMP * 255).astype(np.uint8)
    plain = image.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(of(image, mirrorable=False, mirrored=1.0), plain)
    np.testing.assert_array_equal(of(image, mirrorable=True, mirrored=1.0), plain[:, ::-1])
    np.testing.assert_array_equal(of(image, mirrorable=True, mirrored=0.0), plain)
    turned_over = [(of(image, mirrorable=True, mirrored=0.5, seed=seed) != plain).any() for seed in range(200)]
    assert 70 < sum(turned_over) < 130


def test_never_upside_down(pictures: Callable[..., np.ndarray]) -> None:
    """Liquid never hangs above air: a picture darker below stays so, however it is augmented."""
    image = np.repeat(np.linspace(255, 0, 64), 64).reshape(64, 64).astype(np.uint8)
    for seed in range(50):
        patch = of(image, mirrorable=True, mirrored=0.5, rotation_rad=np.pi / 8, seed=seed)
        assert patch[:16].mean() > patch[-16:].mean()


def test_same_generator_same_patch(pictures: Callable[..., np.ndarray]) -> None:
    """A patch is a function of its picture and its generator; float32 in [0, 1]."""
    image = pictures(1, seed=0)[0]
    one, same, other = (of(image, mirrorable=True, mirrored=0.5, rotation_rad=0.39, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert one.dtype == np.float32
    assert 0 <= one.min() <= one.max() <= 1


def test_a_flag_draws_as_much_chance_as_any_other(pictures: Callable[..., np.ndarray]) -> None:
    """Whether a patch may be mirrored does not change what the generator gives the next one."""
    image = pictures(1, seed=0)[0]
    left = []
    for mirrorable in (False, True):
        rng = np.random.default_rng(0)
        augment(image, mirrorable=mirrorable, rotation_rad=0.1, mirrored=0.5, rng=rng)
        left.append(rng.random())
    assert left[0] == left[1]
