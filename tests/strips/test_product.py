from __future__ import annotations

import numpy as np
import pytest

from harness.strips.product import (
    BAND_BOTTOM,
    BAND_TOP,
    BOTTOM,
    CARD_LEFT,
    CARD_RIGHT,
    FILL_SPREAD,
    FLAG_BOTTOM,
    FLAG_TOP,
    HEIGHT,
    MENISCUS,
    PITCH,
    VIALS,
    WIDTH,
    Plastic,
    draw_plastic,
)


def test_the_same_seed_is_the_same_plastic(plastic: Plastic) -> None:
    """The plastic follows from the product's seed alone: no scenario, run or earlier drawing has a say in it."""
    again = draw_plastic(1)
    for name in ("body", "band_air", "band_liquid", "left", "right", "fill"):
        assert np.array_equal(getattr(plastic, name), getattr(again, name)), name


def test_another_seed_is_another_plastic(plastic: Plastic) -> None:
    """Texture, outline and filling of two products differ."""
    other = draw_plastic(2)
    assert (plastic.body != other.body).mean() > 0.8
    assert not np.array_equal(plastic.left, other.left)
    assert not np.array_equal(plastic.fill, other.fill)


def test_a_picture_is_transmission(plastic: Plastic) -> None:
    """Every picture lies between opaque and a little above the bare light, whole and finite."""
    assert plastic.body.shape == (HEIGHT, WIDTH) == (1024, 1280)
    for picture, _ in plastic.layers:
        assert picture.dtype == np.float32
        assert np.isfinite(picture).all()
        assert picture.min() > 0.0
        assert picture.max() < 1.1


def test_light_stands_beside_the_card(plastic: Plastic) -> None:
    """The card is 1230 px wide with 25 px of bare light on each side (`docs/product.md`, scale)."""
    assert CARD_RIGHT - CARD_LEFT == 1230
    assert CARD_LEFT == WIDTH - CARD_RIGHT == 25
    assert (plastic.body[:, : CARD_LEFT - 1] == 1.0).all()
    assert (plastic.body[:, CARD_RIGHT + 1 :] == 1.0).all()
    assert (plastic.body[BOTTOM + 1 :] == 1.0).all()


def test_vials_stand_at_their_pitch(plastic: Plastic) -> None:
    """Middles of neighbouring vials are 246 px apart, give or take their lean, and lie in the middle of their boxes."""
    middle = 0.5 * (plastic.left + plastic.right)[:, 600]
    assert np.diff(middle) == pytest.approx(np.full(VIALS - 1, PITCH), abs=4.0)
    assert middle == pytest.approx(20 + 128 + PITCH * np.arange(VIALS), abs=3.0)


@pytest.mark.parametrize(
    ("row", "half_width"), [(280, 62), (335, 40), (430, 106), (600, 111)], ids=["cap", "neck", "shoulder", "body"]
)
def test_landmarks(plastic: Plastic, row: int, half_width: float) -> None:
    """Cap, neck, shoulder and body stand in the stated rows with the mould's widths."""
    assert (plastic.right - plastic.left)[:, row] / 2 == pytest.approx(np.full(VIALS, half_width), abs=4.0)


def test_walls_are_dark_and_bodies_translucent(plastic: Plastic) -> None:
    """Backlit: each outline of the filled body is darker than half of what passes through its middle."""
    for vial in range(VIALS):
        row = plastic.body[650]
        left, right = int(plastic.left[vial, 650]), int(plastic.right[vial, 650])
        middle = float(np.median(row[left + 60 : right - 60]))
        assert 0.75 < middle < 1.0
        assert row[left + 3 : left + 9].mean() < 0.5 * middle
        assert row[right - 8 : right - 2].mean() < 0.5 * middle


def test_no_light_passes_the_flag_unseen(plastic: Plastic) -> None:
    """The flag is a solid tab, darker than the light, and its embossed text is darker still, another on each vial."""
    tab = plastic.body[FLAG_TOP + 8 : FLAG_BOTTOM - 8, CARD_LEFT + 8 : CARD_RIGHT - 8]
    level = float(np.median(tab))
    assert 0.65 < level < 0.80
    text = plastic.body[FLAG_TOP + 140 : FLAG_TOP + 216, CARD_LEFT:CARD_RIGHT] < 0.85 * level
    numbers = text.reshape(76, VIALS, PITCH)[:, :, 70:176].transpose(1, 0, 2)
    assert numbers.mean(axis=(1, 2)).min() > 0.02
    for vial in range(1, VIALS):
        assert (numbers[vial] != numbers[0]).mean() > 0.01


def test_fill_height_stays_in_its_range() -> None:
    """The liquid stands within 5 px of row 455, and a little apart from vial to vial of one strip."""
    fills = np.array([draw_plastic(seed).fill for seed in range(8)])
    assert np.abs(fills - MENISCUS).max() < FILL_SPREAD + 4 * 0.8
    assert fills.mean(axis=1).std() > 1.0
    assert 0.2 < fills.std(axis=1).mean() < 2.0


def test_the_meniscus_fits_the_band(plastic: Plastic) -> None:
    """Empty and filled pictures are kept wherever the steepest surface can lie, and differ there."""
    reach = np.tan(np.deg2rad(15.0)) * 112 + 12
    assert MENISCUS - FILL_SPREAD - 3 - reach > BAND_TOP
    assert MENISCUS + FILL_SPREAD + 3 + reach < BAND_BOTTOM
    assert plastic.band_air.shape == plastic.band_liquid.shape == (BAND_BOTTOM - BAND_TOP, WIDTH)
    assert np.abs(plastic.band_air - plastic.band_liquid).mean() > 0.02
