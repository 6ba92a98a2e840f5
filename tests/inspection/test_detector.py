from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.geometry import Geometry
from harness.inspection.detector import Inspection, inspection_key

SMALL = Geometry(
    frames=(1, 16), vials=1, regions=("top", "bottom"), frame_shape=(512, 256), boxes=((0, 0), (256, 0)), um_per_px=50.0
)


def undrawn() -> np.ndarray:
    """Frames that nobody may ask for."""
    raise AssertionError("pixels were drawn")


@given(st.text(max_size=8), st.integers(1, 16))
def test_a_key_says_nothing(product: str, run: int) -> None:
    """Sixteen hexadecimal digits, whatever the product is called."""
    assert re.fullmatch("[0-9a-f]{16}", inspection_key(product, run))


def test_keys_are_of_one_acquisition_each() -> None:
    """A kit's products and runs have as many keys; neither the name's first letter nor its length shows in them."""
    names = [f"{letter}{number:03d}" for letter in "DG" for number in range(150)]
    keys = {inspection_key(name, run) for name in names for run in range(1, 11)}
    assert len(keys) == len(names) * 10
    first = [np.mean([int(inspection_key(name, 1)[0], 16) for name in names if name[0] == letter]) for letter in "DG"]
    assert first[0] == pytest.approx(first[1], abs=1.5)  # of 0 to 15


def test_run_and_name_are_kept_apart() -> None:
    """Product 1 in run 11 is not product 11 in run 1."""
    assert inspection_key("1", 11) != inspection_key("11", 1)


def test_frames_are_drawn_when_looked_at_and_once() -> None:
    """A look at the patches draws; a second one does not."""
    drawn = []

    def draw() -> np.ndarray:
        drawn.append(1)
        return np.arange(2, dtype=np.uint8)[:, None, None] + np.zeros((2, 512, 256), np.uint8)

    inspection = Inspection("key", SMALL, draw)
    assert not drawn
    assert inspection.patches.shape == (2, 1, 2, 256, 256)
    assert inspection.patches[1].min() == inspection.patches[1].max() == 1
    assert inspection.acquired() is inspection.frames
    assert len(drawn) == 1
