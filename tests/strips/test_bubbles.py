from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from harness.strips import optics
from harness.strips.kit import Strip
from harness.strips.renderer import Renderer
from recordings.syringe_bubbles.bubbles import FRAME_MS, SHARES, draw, drawn_bubbles, profile, real_bubbles
from recordings.syringe_bubbles.build import UM_PER_PX


def test_profile_of_a_disc() -> None:
    """A disc twice as bright as its ground reads 1 within, 0 outside; beyond the frame there is no number."""
    rows, columns = np.ogrid[:100, :100]
    frame = np.where((rows - 50) ** 2 + (columns - 50) ** 2 < 20**2, 160, 80).astype(np.uint8)
    across = profile(frame, 50, 50, 20, 20)
    assert across is not None
    assert across[SHARES < 0.9] == pytest.approx(1.0)
    assert across[SHARES > 1.1] == pytest.approx(0.0)
    assert profile(frame, 90, 50, 20, 20) is None


def test_marked_bubbles_are_measured(tmp_path: Path) -> None:
    """Two frames with one marked disc, 20 px higher in the second: its size, and its speed once."""
    rows = ["clip,frame,path,label,bubble_px"]
    (tmp_path / "test" / "bubble").mkdir(parents=True)
    (tmp_path / "ground_truth" / "bubble").mkdir(parents=True)
    for number, y in ((7, 300), (8, 280)):
        mask, frame = Image.new("L", (512, 512)), Image.new("L", (512, 512), 50)
        for image, value in ((mask, 255), (frame, 90)):
            ImageDraw.Draw(image).ellipse((200, y - 25, 250, y + 25), fill=value)
        frame.save(tmp_path / "test" / "bubble" / f"clip1_{number:06d}.png")
        mask.save(tmp_path / "ground_truth" / "bubble" / f"clip1_{number:06d}_mask.png")
        rows.append(f"bb_nl_clip1,{number},test/bubble/clip1_{number:06d}.png,bubble,2000")
    (tmp_path / "sequences.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    found = real_bubbles(tmp_path)
    assert found.diameter_um == pytest.approx(51 * UM_PER_PX, rel=0.02)
    assert found.speed_mm_s == pytest.approx([20 * UM_PER_PX / FRAME_MS])
    assert found.contrast[0, 0] == pytest.approx(0.8)


def test_rings_are_where_the_picture_has_them(good: Strip) -> None:
    """At the place of a lone large ring, in camera coordinates, the rim is darker than the ground beside it."""
    renderer = Renderer(seed=3)
    frame = renderer.frames(good, 1, [1])[0]
    rings = renderer.rings(good, 1, 1)
    assert rings.shape[1] == len(optics.RING_FIELDS)
    dark = []
    for x, y, radius in rings[:, :3]:
        alone = (np.hypot(rings[:, 0] - x, rings[:, 1] - y) < 2 * radius + rings[:, 2]).sum() == 1
        if alone and radius > 6 and 540 < y < 880:
            across = profile(frame, x, y, radius, radius)
            dark.append(across is not None and across[np.argmin(np.abs(SHARES - 0.8))] < -0.3)
    assert dark
    assert all(dark)


@pytest.mark.slow
def test_the_figure_is_drawn(tmp_path: Path) -> None:
    """Drawn bubbles against themselves: a picture, and figures with counts."""
    bubbles = drawn_bubbles()
    draw(bubbles, bubbles, tmp_path / "bubbles.svg")
    assert (tmp_path / "bubbles.svg").read_text(encoding="utf-8").startswith("<?xml")
    figures = bubbles.figures()
    assert figures["bubbles"] >= figures["found_again"] > 50
