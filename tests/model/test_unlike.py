from __future__ import annotations

import numpy as np

from model.unlike import GAIN, REACH_PX, unlike_others


def grained(count: int, seed: int) -> np.ndarray:
    """uint8 (count, 256, 256) without any likeness."""
    return np.random.default_rng(seed).integers(0, 256, (count, 256, 256), np.uint8)


def by_definition(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """As the docstring says it, shift after shift."""
    least = np.full((64, 64), np.inf)
    shifts = range(-REACH_PX, REACH_PX + 1)
    for other in others.astype(float):
        padded = np.pad(other, REACH_PX, mode="edge")
        for down in shifts:
            for across in shifts:
                moved = padded[REACH_PX + down :, REACH_PX + across :][:256, :256]
                cells = np.pad(((own - moved) ** 2).reshape(64, 4, 64, 4).mean((1, 3)), 1)
                means = sum(cells[y : y + 64, x : x + 64] for y in range(3) for x in range(3)) / 9
                least = np.minimum(least, means)
    return GAIN * np.log1p(least)


def test_it_is_what_it_says() -> None:
    """Of patches with no likeness and of one that is another's within reach, to 1e-4."""
    own, *others = grained(3, seed=1)
    others[1] = np.roll(own, (2, -3), (0, 1))
    unlike = unlike_others(own, np.stack(others))
    np.testing.assert_allclose(unlike, by_definition(own, np.stack(others)), atol=1e-4)
    assert (unlike[2:-2, 2:-2] == 0).all()
    assert (unlike_others(own, np.stack(others[:1])) > 1).all()


def test_what_one_vial_has_alone_stands_out() -> None:
    """A line that all have, each at a place of its own, is nothing; a spot on it is, and only there."""
    vials = np.full((5, 256, 256), 200, np.uint8)
    for vial, column in enumerate((120, 121, 119, 122, 120)):
        vials[vial, :, column : column + 6] = 60
    vials[2, 130:138, 121:129] = 90
    unlike = np.stack([unlike_others(vials[vial], np.delete(vials, vial, axis=0)) for vial in range(5)])
    assert unlike[[0, 1, 3, 4]].max() == 0
    assert unlike[2, 32:34, 30:32].min() > 1
    unlike[2, 31:36, 29:34] = 0
    assert unlike[2].max() == 0


def test_one_vial_has_no_likeness() -> None:
    """0 everywhere, rather than unlike nothing."""
    (own,) = grained(1, seed=2)
    assert (unlike_others(own, np.empty((0, 256, 256), np.uint8)) == 0).all()
