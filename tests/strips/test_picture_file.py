from __future__ import annotations

import numpy as np
import pytest

from harness.strips.picture_file import ADAM7, _png_bytes


@pytest.mark.parametrize(("height", "width"), [(300, 256), (5, 3), (1, 1)])
def test_how_much_an_interlaced_picture_unpacks_to(height: int, width: int) -> None:
    """Its seven passes hold every pixel once, and a byte a row."""
    covered = np.zeros((height, width), int)
    rows = 0
    for top, left, down, right in ADAM7:
        covered[top::down, left::right] += 1
        rows += len(range(top, height, down)) if left < width else 0
    assert (covered == 1).all()
    assert _png_bytes((height, width), interlaced=True) == height * width + rows
    assert _png_bytes((height, width), interlaced=False) == height * (width + 1)
