"""The measured table of the check of frames: it belongs to the bounds that ship, and is made again by its command."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.inspection.frame_check import DRAWN, WORDS
from harness.qualification.setup import renderer_of
from harness.scenario import load_scenario
from harness.streams import stream
from harness.strips.kit import good_strips, standard_kit
from harness.study.frame_check import GOOD_SEED, HIT_SEED, LIQUIDS, STREAM, frame_check_study
from harness.study.frame_faults import Shot, catalogue

ROOT = Path(__file__).parents[2]
TABLE: dict[str, Any] = json.loads((ROOT / "results/reference/frame-check/hits.json").read_text(encoding="utf-8"))
HITS = {(row["kind"], row["strength"], row["frames"]): row for row in TABLE["faults"]}


def test_the_table_is_of_the_bounds_that_ship() -> None:
    """Other bounds notice other faults: the table is measured again when they change."""
    assert TABLE["bounds"] == json.loads(json.dumps(asdict(DRAWN)))


def test_good_strips_lie_within_the_bounds() -> None:
    """Every measure of 300 good strips of three liquids, with room to spare."""
    ranges = TABLE["good"]["ranges"]
    assert TABLE["good"]["acquisitions"] >= 300
    assert DRAWN.light[0] < ranges["light"][0] < ranges["light"][1] < DRAWN.light[1]
    assert DRAWN.sharpness < ranges["sharpness"][0]
    assert DRAWN.difference < ranges["difference"][0]
    most = {
        "light_steady": DRAWN.light_steady, "sharpness_steady": DRAWN.sharpness_steady, "seam": DRAWN.seam,
        "dx_steady": DRAWN.shift_steady_px, "dy_steady": DRAWN.shift_steady_px, "bend": DRAWN.bend_px,
        "dx": DRAWN.shift_px, "dy": DRAWN.shift_px, "angle_deg": DRAWN.angle_deg, "same_rows": DRAWN.same_rows,
    }  # fmt: skip
    assert {name: bound for name, bound in most.items() if max(map(abs, ranges[name])) >= bound} == {}
    assert most.keys() | {"light", "sharpness", "difference"} == ranges.keys()


def test_no_acquisition_of_a_kit_was_refused() -> None:
    """Good and defective strips, 300 or more of each, the storm and the agitation among them."""
    alarms = TABLE["false_alarms"]
    assert alarms["found"] == []
    assert {row["liquid"] for row in alarms["kits"]} == set(LIQUIDS)
    for truth in ("good", "defective"):
        assert sum(row[truth] for row in alarms["kits"]) >= 300
    assert alarms["acquisitions"] == sum(row["good"] + row["defective"] for row in alarms["kits"])


def test_the_table_has_every_fault_of_the_catalogue() -> None:
    """A row a fault, strength and reach; as many noticed as words were said, all of them the check's own."""
    assert list(HITS) == [(fault.kind, fault.strength, fault.frames) for fault in catalogue()]
    for row in HITS.values():
        assert 0 <= row["noticed"] == sum(row["words"].values()) <= row["injected"]
        assert set(row["words"]) <= set(WORDS)


@pytest.mark.parametrize(
    "fault",
    [
        ("frame_dropped", "missing", "one"),
        ("frame_duplicated", "to the byte", "one"),
        ("frame_stale", "of the acquisition before", "all"),
        ("frame_torn", "lower part of the acquisition before", "one"),
        ("frame_black", "no light", "one"),
        ("under_exposed", "times 0.95", "all"),
        ("over_exposed", "times 1.05", "all"),
        ("defocused", "sigma 1 px", "all"),
        ("shifted", "10 px", "all"),
    ],
)
def test_what_is_gross_was_always_noticed(fault: tuple[str, str, str]) -> None:
    """At these strengths and above."""
    assert HITS[fault]["noticed"] == HITS[fault]["injected"] > 0


@pytest.mark.parametrize(
    "fault",
    [
        ("frame_swapped", "two frames", "one"),
        ("frame_stale", "of an earlier acquisition", "all"),
        ("frame_torn", "lower part of the exposure beside it", "one"),
    ],
)
def test_what_no_pixel_tells_stands_as_never_noticed(fault: tuple[str, str, str]) -> None:
    """The table hides no fault that the check cannot see."""
    assert HITS[fault]["noticed"] == 0


def test_liquids_are_those_of_the_scenarios() -> None:
    """By their names."""
    assert {name: renderer_of(load_scenario(ROOT / f"scenarios/{name}.toml")).scale for name in LIQUIDS} == LIQUIDS


def test_no_strip_is_of_a_kit() -> None:
    """Neither those that bounds came from nor those that are bitten, nor one of these among the others."""
    kits = {strip.seed for name in ("knapp", "quick", "calibration") for strip in standard_kit(name).strips}
    good, bitten = ({strip.seed for strip in good_strips(STREAM, 300, seed=seed)} for seed in (GOOD_SEED, HIT_SEED))
    assert not kits & (good | bitten)
    assert not good & bitten


def test_a_bite_leaves_the_shot_alone_and_changes_what_it_says() -> None:
    """Every fault of the catalogue, on frames of noise: other frames come out, those of the camera stay."""
    frames = [np.random.default_rng(seed).integers(60, 220, (3, 1024, 64), np.uint8) for seed in range(4)]
    shot = Shot(*(frame.copy() for frame in frames))
    for fault in catalogue():
        bitten = fault.bite(shot, stream("frame fault", fault.kind))
        assert bitten.dtype == np.uint8
        changed = [not np.array_equal(one, other) for one, other in zip(bitten, frames[0], strict=False)]
        if fault.frames == "all":
            assert all(changed), fault
        elif fault.kind not in ("frame_dropped", "frame_swapped"):
            assert sum(changed) == 1, fault
        assert all(np.array_equal(one, other) for one, other in zip(asdict(shot).values(), frames, strict=True))


def test_the_command_makes_the_same_table() -> None:
    """In a small form: the same keys, rows and measures."""
    made = frame_check_study(1, 1, kits=False)
    assert {"command", *made} == TABLE.keys()
    assert made["good"]["ranges"].keys() == TABLE["good"]["ranges"].keys()
    assert [row.keys() for row in made["faults"]] == [row.keys() for row in TABLE["faults"]]
    assert made["provenance"] == TABLE["provenance"]
