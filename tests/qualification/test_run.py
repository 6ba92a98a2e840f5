"""A qualification whose kit or geometry is not the standard one: every strip is its own, and the result replays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.geometry import Geometry
from harness.qualification.replay import replay_result
from harness.qualification.run import feed_of, inspector_of, qualify, warm_up_strips
from harness.qualification.setup import set_up
from harness.qualification.verify import verify_result
from harness.scenario import DetectorChoice, KitChoice, LineChoice, Scenario
from harness.strips.kit import Kit, Strip
from harness.strips.recording import write_description, write_frames

WIDE = Geometry((1, 2), 8, tuple("abcdef"), (256, 256), ((0, 0),) * 48, 50.0)


def scenario(**kit: object) -> Scenario:
    """By the truth, two warm-up strips, one run."""
    return Scenario(
        name="small", kit=KitChoice(runs=1, required=1, **kit), line=LineChoice(warm_up_strips=2, clock="virtual",
        profile="two-core-reference"), detector=DetectorChoice(factory="truth"),
    )  # fmt: skip


def test_warm_up_strips_never_take_the_name_of_a_product(tmp_path: Path) -> None:
    """A product that is called as they are is photographed itself."""
    assert [s.product for s in warm_up_strips(Kit("k", (Strip("W002", 1), Strip("W003", 2))), 3)] == [
        "W001", "W004", "W005",
    ]  # fmt: skip
    (tmp_path / "k.csv").write_text("product,truth,seed\nW001,good,5\nW002,good,6\n")
    asked = scenario(register="k.csv")
    setup = set_up(asked, where=tmp_path / "s.toml", quick=False, recording=None)
    fed = feed_of(setup.kit, asked)
    assert [(one.product, one.warm_up) for one in fed[:2]] == [("W003", True), ("W004", True)]
    shown = inspector_of(setup, asked).frames("W001", 1)
    np.testing.assert_array_equal(shown, setup.source.frames(setup.kit.strips[0], 1))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Of eight vials and six regions, a good and a defective strip."""
    rng = np.random.default_rng(1)
    folder = tmp_path / "wide"
    folder.mkdir()
    write_description(folder, WIDE, runs=1, source="drawn at random", licence="our own")
    (folder / "kit.csv").write_text(
        "product,truth,defect,vial,region,size_um,contrast,criticality,path\n"
        "D1,defective,burn,7,5,2000,0.5,critical,D1\n"
        "G1,good,,,,,,,G1\n"
    )
    for product in ("D1", "G1"):
        frames = rng.integers(0, 256, (2, 256, 256), dtype=np.uint8)
        write_frames(folder / "frames", product, 1, WIDE.frames, frames)
    return folder


def test_a_recording_of_more_vials_and_regions_is_replayed_and_verified(recording: Path, tmp_path: Path) -> None:
    """What holds for five vials of four regions holds for eight of six."""
    done = qualify(scenario(), where=tmp_path / "s.toml", out=tmp_path / "result", recording=recording)
    assert pd.read_parquet(done.folder / "products.parquet")["right"].all()
    assert replay_result(done.folder).same
    assert verify_result(done.folder).differences == ()
