"""Every scenario that ships as a qualification asks its question and runs, in a small form and without a network."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.qualification.run import qualify
from harness.qualification.setup import set_up
from harness.scenario import DetectorChoice, KitChoice, Scenario, load_scenario, scenario_schema
from harness.strips.kit import draw_kit, register_text

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def small(scenario: Scenario) -> Scenario:
    """Its line, liquid and faults, on two products seen twice; the detector reads the truth, its time is drawn."""
    line = {"clock": "virtual", "profile": "two-core-reference", "warm_up_strips": min(1, scenario.line.warm_up_strips)}
    return scenario.model_copy(
        update={
            "kit": KitChoice(register="small.csv", runs=2, required=1),
            "line": scenario.line.model_copy(update=line),
            "detector": DetectorChoice(factory="truth"),
        }
    )


@pytest.mark.parametrize(
    "name", ["quick", "upstream-agitation", "liquid-storm", "thermal-throttle", "start-up-challenge", "camera-faults"]
)
def test_a_scenario_runs_in_a_small_form(name: str, tmp_path: Path) -> None:
    """Its first line is its question; fed are its warm-up and both runs; all good strips in time are accepted."""
    path = SCENARIOS / f"{name}.toml"
    first = path.read_text().splitlines()[0]
    assert first.startswith("# ")
    assert "?" in first
    scenario = load_scenario(path)
    assert scenario.name == name
    (tmp_path / "small.csv").write_text(
        register_text(draw_kit("small", {"stuck_particle": 1}, 1, seed=3, letters=("SD", "SG")))
    )
    done = qualify(small(scenario), where=tmp_path / path.name, out=tmp_path / "result")
    conservation = done.summary["conservation"]
    assert conservation["fed"] == min(1, scenario.line.warm_up_strips) + 4
    ledger = pd.read_parquet(done.folder / "ledger.parquet")
    in_time = (ledger["truth"] == "good") & (ledger["verdict_us"] <= ledger["cutoff_us"]).fillna(False)
    in_time &= ledger["cause"] != "frame_check"
    assert (ledger["fate"][in_time] == "accepted").all()


def test_the_scenarios_differ_from_the_standard_one_in_what_they_ask_about() -> None:
    """Agitation or the liquid alone: with the same score, what results differ by has one cause."""
    standard = load_scenario(SCENARIOS / "knapp.toml").model_dump()
    for name in ("upstream-agitation", "liquid-storm"):
        asked = load_scenario(SCENARIOS / f"{name}.toml").model_dump()
        assert {key for key in standard if asked[key] != standard[key]} == {"name", "liquid"}


@pytest.mark.parametrize(("bundle", "score", "taken"), [("lean", None, "marked"), ("compact", "ssim", "ssim")])
def test_a_scenario_without_a_score_takes_the_one_that_its_bundle_is_made_for(
    bundle: str, score: str | None, taken: str
) -> None:
    """The marker's where the bundle has one, as `calibrate` does; what is asked for goes before."""
    detector = DetectorChoice(bundle=bundle, score=score)
    scenario = Scenario(name="short", seed=1, kit=KitChoice(standard="quick"), detector=detector)
    setup = set_up(scenario, where=SCENARIOS / "short.toml", quick=False, recording=None)
    assert setup.detector.name.endswith(f", {taken})")


def test_an_editor_knows_what_a_file_may_say() -> None:
    """The schema of `looks` takes a count or a file, as the loader does, and tells nobody of the key behind it."""
    baseline = scenario_schema()["$defs"]["BaselineChoice"]["properties"]
    assert {kind["type"] for kind in baseline["looks"]["anyOf"]} == {"integer", "string"}
    assert "looks_path" not in baseline
