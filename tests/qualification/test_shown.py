"""Which pictures a verdict is about: digests of frames, and runs that were shown the same ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.qualification.again import concluded_again
from harness.qualification.replay import replay_result
from harness.qualification.run import qualify
from harness.qualification.shown import distinct_looks, frames_digest, frames_table
from harness.qualification.verify import verify_result
from harness.result.folder import file_digests, parquet_bytes, write_json
from harness.result.stored import Stored
from harness.scenario import AcceptanceChoice, DetectorChoice, KitChoice, Scenario
from harness.strips.kit import Strip, draw_kit, register_text
from harness.strips.renderer import Renderer


def small(folder: Path) -> Scenario:
    """1 + 2 products, three runs, a detector that reads the truth."""
    kit = draw_kit("small", {"scratch": 1}, 2, seed=3, letters=("SD", "SG"))
    (folder / "small.csv").write_text(register_text(kit))
    return Scenario(
        name="small",
        kit=KitChoice(register="small.csv", runs=3, required=2),
        detector=DetectorChoice(factory="truth"),
        acceptance=AcceptanceChoice(quantile=0.5),
    )


def test_any_pixel_changes_the_digest() -> None:
    """Not the layout in memory, and not which array it was."""
    frames = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert frames_digest(frames) == frames_digest(np.asfortranarray(frames))
    other = frames.copy()
    other[1, 2, 3] ^= 1
    assert frames_digest(other) != frames_digest(frames)
    assert frames_digest(frames[::-1]) != frames_digest(frames)


def test_the_same_pictures_twice_are_counted() -> None:
    """Two runs of a product may not share a picture, nor two products; warm-up strips of a recording may."""
    table = frames_table({("A", 1): "x", ("A", 2): "x", ("A", 3): "y", ("B", 1): "z"})
    (rule,) = distinct_looks(table)
    assert (rule.observed, rule.bound, rule.passed) == (1, 0, False)
    assert rule.advice
    (rule,) = distinct_looks(frames_table({("A", 1): "x", ("warm-up 1", 0): "x"}))
    assert rule.passed
    runs, products = distinct_looks(frames_table({("A", 1): "x", ("B", 1): "x", ("B", 2): "x", ("C", 1): "z"}))
    assert (runs.observed, products.observed, products.passed) == (1, 1, False)
    assert distinct_looks(frames_table({})) == ()


def test_a_camera_that_shows_one_picture_for_two_runs_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule does not hold, the claim is not valid, and `verify` comes to the same end."""

    def frozen(self: Renderer, strip: Strip, run: int) -> NDArray[np.uint8]:
        return drawn(self, strip, min(run, 2))

    drawn = Renderer.frames
    monkeypatch.setattr(Renderer, "frames", frozen)
    done = qualify(small(tmp_path), where=tmp_path / "s.toml", out=tmp_path / "result")
    (rule,) = [rule for rule in done.summary["timing"]["rules"] if "earlier run" in rule["rule"]]
    assert (rule["observed"], rule["passed"]) == ("3", False)
    assert done.summary["timing"]["valid"] is False
    assert verify_result(done.folder).same


def test_one_picture_for_two_runs_is_invalid_whatever_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing is claimed of times, ten copies of a photograph are still one look; the report says why."""

    def frozen(self: Renderer, strip: Strip, run: int) -> NDArray[np.uint8]:
        return drawn(self, strip, min(run, 2))

    drawn = Renderer.frames
    monkeypatch.setattr(Renderer, "frames", frozen)
    scenario = small(tmp_path).model_copy(update={"acceptance": AcceptanceChoice(quantile=None)})
    done = qualify(scenario, where=tmp_path / "s.toml", out=tmp_path / "result")
    assert done.summary["verdict"] == "INVALID"
    report = (done.folder / "report.html").read_text()
    assert '<failure message="observed 3, expected 0" />' in (done.folder / "junit.xml").read_text()
    assert "Not kept: runs on frames of an earlier run of the product, of 29: 3, expected 0." in report


def test_a_whole_result_says_which_pictures_it_is_about(tmp_path: Path) -> None:
    """A digest an acquisition, the warm-up's too; drawn again they are the same; a row left out is named."""
    done = qualify(small(tmp_path), where=tmp_path / "s.toml", out=tmp_path / "result")
    frames = Stored(done.folder).frames
    assert frames is not None
    assert len(frames) == 20 + 9
    assert frames["digest"].is_unique
    assert replay_result(done.folder, rescore=True).other_pictures == 0
    (done.folder / "frames.parquet").write_bytes(parquet_bytes(frames.iloc[1:].reset_index(drop=True)))
    manifest = Stored(done.folder).manifest
    write_json(done.folder / "manifest.json", {**manifest, "files": file_digests(done.folder)})
    first = frames.iloc[0]
    wanted = f"frames.parquet: {first['product']}, run {first['run']}"
    assert wanted in [problem.where for problem in concluded_again(done.folder)]
