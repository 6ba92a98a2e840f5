from __future__ import annotations

from pathlib import Path

import noise
import numpy as np
import pytest

from model.perlin import BLEND, SMALLEST_MASK_PX, _random_mask, perlin, perturb, random_perlin

# Ken Perlin's reference permutation (improved noise, 2002), as in the package `noise`.
REFERENCE = np.loadtxt(Path(__file__).with_name("perlin_permutation.txt"), dtype=np.int64).ravel()
IMAGE = np.random.default_rng(1).random((64, 64)).astype(np.float32)
OTHER = np.random.default_rng(2).random((64, 64)).astype(np.float32)


def test_field_is_the_reference_implementations() -> None:
    """On its published permutation the field equals `noise.pnoise2` to 1e-6, sign and orientation included."""
    field = perlin(48, 80, 6.0, 20.0, REFERENCE)
    reference = [[noise.pnoise2(column * 20 / 80, row * 6 / 48) for column in range(80)] for row in range(48)]
    assert sorted(REFERENCE.tolist()) == list(range(256))
    assert np.ptp(field) > 1
    np.testing.assert_allclose(field, reference, atol=1e-6)


def test_field_repeats_after_256_cells_as_the_reference_does() -> None:
    """Beyond the permutation's length the lattice begins again."""
    field = perlin(4, 1200, 1.0, 300.0, REFERENCE)
    np.testing.assert_allclose(field[:, : 4 * 44], field[:, 4 * 256 :], atol=1e-6)


def test_field_is_zero_on_its_lattice() -> None:
    """At lattice points gradient noise has no value of its own."""
    field = perlin(64, 64, 8.0, 16.0, np.random.default_rng(0).permutation(256))
    assert np.abs(field[::8, ::4]).max() == 0
    assert np.abs(field).max() > 0.3


def test_random_fields_have_their_peak_at_one() -> None:
    """Every field is scaled to the same range, in the shape asked for, and is a function of its generator."""
    for seed in range(20):
        field = random_perlin((32, 32), rng=np.random.default_rng(seed), powers=(0, 6))
        assert field.shape == (32, 32)
        assert np.abs(field).max() == pytest.approx(1)
    same = random_perlin((32, 32), rng=np.random.default_rng(19), powers=(0, 6))
    np.testing.assert_array_equal(field, same)


def test_every_mask_marks_enough_to_see() -> None:
    """A map of zeros and ones, never with fewer than 20 ones."""
    for seed in range(60):
        mask = _random_mask(64, np.random.default_rng(seed))
        assert set(np.unique(mask)) <= {0.0, 1.0}
        assert mask.sum() >= SMALLEST_MASK_PX


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """(M, S, beta) that `perturb` draws from this seed: a map, a choice of three sources, a share."""
    rng = np.random.default_rng(seed)
    mask = _random_mask(64, rng)
    kind = rng.random()
    if kind < 0.5:
        source = np.full((64, 64), rng.random())
    elif kind < 0.75:
        source = 0.5 + 0.5 * random_perlin((64, 64), rng=rng, powers=(2, 6))
    else:
        source = OTHER
    return mask, source, rng.uniform(*BLEND)


@pytest.mark.parametrize("seed", range(12))
def test_perturbed_image_is_eq_1(seed: int) -> None:
    """X* = (1 - M) X + (1 - beta) M X + beta M S pixel by pixel, for each of the three sources; N is M S."""
    mask, source, beta = drawn(seed)
    perturbed, marked, on_black = perturb(IMAGE, OTHER, rng=np.random.default_rng(seed))
    np.testing.assert_array_equal(marked, mask)
    np.testing.assert_allclose(
        perturbed, (1 - mask) * IMAGE + (1 - beta) * mask * IMAGE + beta * mask * source, atol=1e-6
    )
    np.testing.assert_allclose(on_black, mask * source, atol=1e-6)
    np.testing.assert_array_equal(perturbed[mask == 0], IMAGE[mask == 0])
    assert {perturbed.dtype, marked.dtype, on_black.dtype} == {np.dtype(np.float32)}


def test_all_three_sources_are_drawn() -> None:
    """Among the seeds of the test above there are uniform greys, Perlin textures and pieces of the other patch."""
    sources = [drawn(seed)[1] for seed in range(12)]
    grey, other = (sum(test(source) for source in sources) for test in (lambda s: np.ptp(s) == 0, lambda s: s is OTHER))
    assert grey > 0
    assert other > 0
    assert grey + other < 12


def test_a_pixel_by_hand() -> None:
    """Black under noise of the same patch turned white: X* is beta itself where M is 1, and 0 elsewhere."""
    seed = next(seed for seed in range(99) if drawn(seed)[1] is OTHER)
    mask, _, beta = drawn(seed)
    black, white = np.zeros((64, 64), np.float32), np.ones((64, 64), np.float32)
    perturbed, _, on_black = perturb(black, white, rng=np.random.default_rng(seed))
    np.testing.assert_array_equal(perturbed, np.float32(beta) * mask)
    np.testing.assert_array_equal(on_black, mask)
    assert BLEND[0] <= beta <= BLEND[1]


def test_what_is_perturbed_stays_an_image() -> None:
    """Blends of images in [0, 1] lie in [0, 1]."""
    for seed in range(30):
        perturbed, _, _ = perturb(IMAGE, OTHER, rng=np.random.default_rng(seed))
        assert -1e-6 <= perturbed.min() <= perturbed.max() <= 1 + 1e-6
