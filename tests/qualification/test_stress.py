from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import InputError, ResultError, ScenarioError
from harness.qualification.stress import Plan, run_stress, usual_profiles
from harness.report.stress import stress_html, write_stress_report
from harness.scenario import FaultChoice, load_scenario

SCENARIO = Path(__file__).parents[2] / "scenarios" / "table2-as-seconds.toml"
SMALL = Plan(("table2-as-seconds",), strips=5, replications=2, free_strips=40)


def test_a_stress_run_leaves_figures_and_a_report(tmp_path: Path) -> None:
    """Every feed, worker, way to the gate and queue has a row; five strips show nothing, and the report says so."""
    folder, values = run_stress(load_scenario(SCENARIO), where=SCENARIO, plan=SMALL, out=tmp_path / "stress")
    assert json.loads((folder / "stress.json").read_text()) == values
    assert len(values["shortest"]) == 5 * 2 + 2 * 2 + 2 * 2
    assert all(row["slot_ms"] is None for row in values["shortest"])
    assert [row["load"] for row in values["free_running"]] == [0.5, 0.8, 0.9, 0.975]
    late = [row["late"] for row in values["curve"]]
    assert late[0] == 10
    assert late[-1] == 0
    formats = (SCENARIO.parents[1] / "docs" / "formats.md").read_text()
    shown = json.loads(formats.partition("`stress.json`\n")[2].partition("```json\n")[2].partition("```")[0])
    assert set(shown) == set(values)
    for name in ("shortest", "curve", "free_running"):
        assert set(shown[name][0]) == set(values[name][0])
    page = (folder / "report.html").read_text()
    assert "none holds" in page
    assert "<svg" in page
    assert page == stress_html(values)
    assert not {"positive", "negative"} & set(page.lower().split())


@pytest.mark.parametrize("name", ["slot-sweep", "burst-feed"])
def test_the_other_stress_scenarios_run_in_a_small_form(name: str, tmp_path: Path) -> None:
    """Each asks its question in the first line, and its own feed and slot reach the figures."""
    path = SCENARIO.parent / f"{name}.toml"
    assert path.read_text().splitlines()[0].endswith("?")
    scenario = load_scenario(path)
    plan = Plan((scenario.line.profile or "",), strips=2, replications=2, free_strips=8)
    _, values = run_stress(scenario, where=path, plan=plan, out=tmp_path / "stress")
    assert values["layout"]["feed"] == scenario.line.feed
    assert {row["profile"] for row in values["curve"]} == {scenario.line.profile}


def test_profiles_are_those_that_ship() -> None:
    """The scenario's own comes first."""
    assert usual_profiles(load_scenario(SCENARIO), SCENARIO) == (
        "table2-as-seconds", "table2-as-seconds-1", "table2-as-seconds-2", "table2-as-seconds-5", "two-core-avx2",
        "two-core-busy", "two-core-marked", "two-core-reference",
    )  # fmt: skip


def test_times_of_ones_own_are_stressed(tmp_path: Path) -> None:
    """A scenario's file lies beside it and comes first; strips are late where the slot is too short for its times."""
    (tmp_path / "ours.csv").write_text("service_us\n" + "450000\n" * 5, encoding="utf-8")
    scenario = load_scenario(SCENARIO)
    own = scenario.model_copy(update={"line": scenario.line.model_copy(update={"profile": "ours.csv"})})
    found = usual_profiles(own, tmp_path / "s.toml")
    assert found[0] == str(tmp_path / "ours.csv")
    assert set(found[1:]) == set(usual_profiles(scenario, SCENARIO))
    plan = Plan(found[:1], strips=3, replications=2, free_strips=8)
    _, values = run_stress(own, where=tmp_path / "s.toml", plan=plan, out=tmp_path / "stress")
    assert {row["profile"] for row in values["curve"]} == {found[0]}
    late = {row["slot_ms"]: row["late"] for row in values["curve"]}
    assert late == {slot_ms: 6 if slot_ms < 462 else 0 for slot_ms in late}  # 450 and, for transfer and gate, 12 ms
    with pytest.raises(InputError, match=r"none\.csv: expected a CSV or Parquet file"):
        run_stress(own, where=SCENARIO, plan=Plan((str(tmp_path / "none.csv"),)), out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "line",
    [
        {"slot_ms": 1000.0, "exposure_interval_ms": 45.0},
        {"pockets_to_gate": 2, "transfer_ms": 500.0},
        {"pockets": 2, "pockets_to_gate": 1},
        {"slot_ms": 2000.0, "exposure_interval_ms": 110.0},
    ],
    ids=["slow exposures", "one pocket is too near", "one pocket is all", "a slow machine"],
)
def test_lines_that_can_be_built_are_stressed(line: dict[str, float], tmp_path: Path) -> None:
    """Neighbours that cannot be built are left out, and curves go up from the shortest slot, wherever that is."""
    scenario = load_scenario(SCENARIO)
    asked = scenario.model_copy(update={"line": scenario.line.model_copy(update=line)})
    plan = Plan(("table2-as-seconds",), strips=3, replications=2, free_strips=8)
    _, values = run_stress(asked, where=SCENARIO, plan=plan, out=tmp_path / "stress")
    slots_ms = [row["slot_ms"] for row in values["curve"]]
    assert slots_ms == sorted(set(slots_ms))
    assert slots_ms[0] == values["shortest_built_ms"]
    built = {row["pockets_to_gate"] for row in values["shortest"]}
    assert built == ({2, 3} if "transfer_ms" in line else {1} if "pockets" in line else {1, 2, 3})


def test_what_cannot_be_stressed(tmp_path: Path) -> None:
    """An unknown profile, one replication, faults, an endless queue: said before anything is simulated or written."""
    scenario, out = load_scenario(SCENARIO), tmp_path / "stress"
    with pytest.raises(ScenarioError, match="--profile: expected one of table2-as-seconds, "):
        run_stress(scenario, where=SCENARIO, plan=Plan(("lightning",)), out=out)
    with pytest.raises(ScenarioError, match="at least 1 strip and 2 replications, got 700, 1"):
        run_stress(scenario, where=SCENARIO, plan=Plan((), replications=1), out=out)
    throttled = scenario.model_copy(update={"faults": (FaultChoice(kind="throttling", rate=0.1),)})
    with pytest.raises(ScenarioError, match=r"\.toml: faults: expected none: under stress a line has no faults"):
        run_stress(throttled, where=SCENARIO, plan=Plan(()), out=out)
    patient = scenario.model_copy(update={"line": scenario.line.model_copy(update={"queue_limit": 2000})})
    with pytest.raises(ScenarioError, match=r"line\.queue_limit: expected at most 256 under stress, got 2000"):
        run_stress(patient, where=SCENARIO, plan=Plan(()), out=out)
    assert not out.exists()


def test_a_report_needs_its_figures(tmp_path: Path) -> None:
    """A folder without them is said in one sentence."""
    with pytest.raises(ResultError, match="expected what a stress run has written"):
        write_stress_report(tmp_path)
