"""The examples of docs/formats.md, each taken from the page and loaded."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

from harness.acceptance.recorded import recorded_looks
from harness.acceptance.sheets import read_key
from harness.errors import BaselineError, KitError, ScenarioError
from harness.geometry import PAPER
from harness.inspection.drift import GoodScores, drift
from harness.line.campaign import Campaign
from harness.line.capsule import read_capsule
from harness.line.faults import ALL
from harness.line.swarm import run_plan
from harness.result.record import read_record, sha256
from harness.scenario import Scenario, load_scenario, parse_scenario
from harness.strips.kit import load_register, register_text
from harness.strips.recording import Recording, open_recording, write_frames
from model.bundle import BundleError, load_bundle
from model.conformal import rank_of
from model.proof import Subject, proof_problem
from model.thresholds import LATER_LEVELS, LEVELS, load_thresholds

PAGE = Path(__file__).parents[1] / "docs" / "formats.md"
EXAMPLE = re.compile(r"^## [^\n]*`(?P<name>[^`\n]+)`\n(?:(?!^## ).)*?^```\w+\n(?P<text>.*?)^```$", re.M | re.S)
EXAMPLES = {found["name"]: found["text"] for found in EXAMPLE.finditer(PAGE.read_text(encoding="utf-8"))}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder with every example of the page in a file of its name."""
    for name, text in EXAMPLES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def recorded(folder: Path) -> Recording:
    """The recording in a folder, after the frames its description and register ask for were put there, all grey."""
    values = tomllib.loads((folder / "recording.toml").read_text(encoding="utf-8"))
    frame = np.full(values["frame_shape"], 128, np.uint8)
    for strip in load_register(folder / "kit.csv", vials=values["vials"], regions=len(values["regions"])).strips:
        for run in range(1, values["runs"] + 1):
            write_frames(
                folder / "frames", strip.path, run, tuple(values["frames"]), np.stack([frame] * len(values["frames"]))
            )
    return open_recording(folder)


def test_every_block_of_the_page_is_an_example() -> None:
    """No block stands without a file name, so none escapes these tests."""
    assert len(EXAMPLES) == PAGE.read_text(encoding="utf-8").count("\n```") / 2


def test_page_shows_every_file() -> None:
    """A file that the bench reads or writes as text has an example."""
    assert set(EXAMPLES) == {
        "scenarios/every-key.toml",
        "scenarios/our-line.toml",
        "kit.csv",
        "barrel/kit.csv",
        "looks.csv",
        "sheet.csv",
        "lists/anna-01.csv",
        "key.csv",
        "recording.toml",
        "barrel/recording.toml",
        "bundle.toml",
        "thresholds.toml",
        "proof.toml",
        "export.toml",
        "summary.json",
        "manifest.json",
        "swarm.json",
        "stress.json",
        "hits.json",
        "capsule.json",
        "record.jsonl",
    }


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name.startswith("scenarios/")])
def test_scenarios_load(written: Path, name: str) -> None:
    """A scenario of the page loads, is named after its file, and asks its question in the first line."""
    assert load_scenario(written / name).name == Path(name).stem
    assert re.match(r"# [A-Z].*\?\n", EXAMPLES[name])


def test_full_scenario_names_every_key() -> None:
    """The first scenario of the page leaves out only the keys that exclude one it has."""
    values = tomllib.loads(EXAMPLES["scenarios/every-key.toml"])
    missing = [
        f"{table}.{field.alias or key}"
        for table, holder in Scenario.model_fields.items()
        if isinstance(model := holder.annotation, type) and issubclass(model, BaseModel)
        for key, field in model.model_fields.items()
        if (field.alias or key) not in values[table]
    ]
    assert missing == ["kit.register", "line.profile", "detector.factory", "baseline.looks_path"]


def test_what_stands_on_the_page_is_the_default() -> None:
    """A scenario that says only what it must means what the full one shows, but for what the page says."""
    shown = parse_scenario(tomllib.loads(EXAMPLES["scenarios/every-key.toml"]), where="page").model_dump()
    plain = parse_scenario({"name": "every-key", "detector": {"bundle": "lean"}}, where="test").model_dump()
    differing = {
        f"{table}.{key}"
        for table, values in shown.items()
        if isinstance(values, dict)
        for key, value in values.items()
        if value != plain[table][key]
    }
    assert differing == {
        "kit.standard", "liquid.agitation", "detector.score", "acceptance.quantile", "acceptance.rag_ceiling",
    }  # fmt: skip


def test_unknown_key_is_named_with_the_legal_ones(written: Path) -> None:
    """A misspelt key in a scenario is an error that says which keys there are."""
    path = written / "scenarios/every-key.toml"
    path.write_text(EXAMPLES["scenarios/every-key.toml"].replace("pockets =", "pokets ="), encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"line\.pokets: expected one of .*\bpockets\b.*, got an unknown key"):
        load_scenario(path)


def test_kit_register_loads(written: Path) -> None:
    """The register of the page is read whole, and written again as it stands."""
    kit = load_register(written / "kit.csv")
    assert [strip.truth for strip in kit.strips] == ["defective"] * 3 + ["good"] * 2
    assert register_text(kit) == EXAMPLES["kit.csv"]


def test_register_of_a_recording_loads(written: Path) -> None:
    """A recording's register names the folder of each product's frames, and keeps to its vials and regions."""
    kit = load_register(written / "barrel/kit.csv", vials=1, regions=2)
    assert [strip.path for strip in kit.strips] == ["W001", "W002"]
    with pytest.raises(KitError, match="line 2: region: expected a number from 0 to 0"):
        load_register(written / "barrel/kit.csv", vials=1, regions=1)


def test_looks_load(written: Path) -> None:
    """The looks of the page cover their two products without a gap, and not a third."""
    looks = recorded_looks(written / "looks.csv", pd.DataFrame({"product": ["D001", "G001"]}))
    assert looks["reject"].tolist() == [True, True, False, True, False, False, True, False]
    with pytest.raises(BaselineError, match="D002"):
        recorded_looks(written / "looks.csv", pd.DataFrame({"product": ["D001", "D002", "G001"]}))


def test_sheet_and_list_hold_looks(written: Path) -> None:
    """The sheet of the page is the table of the page; its list is read with its key."""
    kit = pd.DataFrame({"product": ["D001", "G001"]})
    table = recorded_looks(written / "looks.csv", kit).drop(columns="seconds")
    pd.testing.assert_frame_equal(recorded_looks(written / "sheet.csv", kit), table)
    key = read_key(written / "key.csv")
    listed = recorded_looks(written / "lists/anna-01.csv", kit, key=key, single_look=True)
    assert listed[["product", "reject"]].values.tolist() == [["D001", True], ["G001", False]]


def test_recording_of_the_paper_strip(written: Path) -> None:
    """The full recording of the page has exactly the geometry of the strips that are drawn."""
    (written / "kit.csv").write_text("product,truth,path\nG001,good,G001\n", encoding="utf-8")
    recording = recorded(written)
    assert (recording.geometry, recording.runs) == (PAPER, 10)


def test_recording_of_another_product(written: Path) -> None:
    """A recording of one vial and two regions opens with its register, and its frames are as it says."""
    recording = recorded(written / "barrel")
    assert recording.geometry.shape == (3, 1, 2)
    assert recording.frames(recording.kit.strips[0], run=3).shape == (3, 512, 512)
    defective = recording.defective_patches(recording.kit.strips[0], run=1)
    assert defective[:, 0].tolist() == [[False, True]] * 3


def test_bundle_loads_with_the_weights_it_describes(written: Path) -> None:
    """The bundle of the page is accepted with its stand-in weights, and refused with others."""
    weights = written / "weights.weights.h5"
    weights.write_bytes(b"stand-in for weights\n")
    assert load_bundle(written).network.name == "compact"
    weights.write_bytes(b"other weights\n")
    with pytest.raises(BundleError, match="expected weights of model 61e3ac1a0954, got weights of model"):
        load_bundle(written)


def test_thresholds_belong_to_their_bundle(written: Path) -> None:
    """The thresholds of the page name every region at every level, for the model of the bundle beside them alone."""
    model = tomllib.loads(EXAMPLES["bundle.toml"])["digests"]["model"]
    thresholds = load_thresholds(written, model=model, score="ssim", regions=len(PAPER.regions))
    assert set(thresholds.levels) == {*LEVELS, *LATER_LEVELS}
    GoodScores.read(thresholds.notes["good_scores"], regions=len(PAPER.regions), where="the page")
    rests_on = thresholds.notes["good_only_from"]
    assert rests_on["rank"] == rank_of(rests_on["alpha"], rests_on["products"])
    with pytest.raises(BundleError, match=r"ssim\.model"):
        load_thresholds(written, model="0" * 64, score="ssim", regions=len(PAPER.regions))
    with pytest.raises(BundleError, match="expected 5 finite thresholds"):
        load_thresholds(written, model=model, score="ssim", regions=5)


def test_a_proof_speaks_for_what_it_names(written: Path) -> None:
    """The proof of the page holds for its own subject, and for no other processor."""
    table = tomllib.loads(EXAMPLES["proof.toml"])["proofs"]["ssim"]["openvino"]
    subject = Subject(**{field.name: table[field.name] for field in fields(Subject)})
    assert proof_problem(written, "ssim", "openvino", subject) == ""
    other = replace(subject, processor="another")
    assert "other processors" in (proof_problem(written, "ssim", "openvino", other) or "")


def test_summary_agrees_with_itself() -> None:
    """The summary of the page loses no strip, and its verdict follows from its criteria."""
    summary = json.loads(EXAMPLES["summary.json"])
    counts = summary["conservation"]
    assert counts["fed"] == counts["accepted"] + counts["rejected"] + counts["removed"] + counts["on_board"]
    assert (summary["verdict"] == "PASS") == all(criterion["passed"] for criterion in summary["criteria"])
    table = GoodScores.of(np.ones((1, 1, 3, 5, 4), np.float32)).as_dict()
    made = drift(table, np.ones((1, 1, 3, 5, 4), np.float32), np.array([False]))
    assert summary["drift"].keys() == made.keys()
    assert summary["drift"]["good"]["regions"][0].keys() == made["good"]["regions"][0].keys()
    assert summary["knapp"]["ratio"] == pytest.approx(
        summary["knapp"]["rze_machine"] / summary["knapp"]["rze_baseline"], abs=5e-5
    )


def test_manifest_belongs_to_its_summary() -> None:
    """The manifest of the page is of the same qualification, and names the other files by their SHA-256."""
    manifest, summary = json.loads(EXAMPLES["manifest.json"]), json.loads(EXAMPLES["summary.json"])
    assert (manifest["run_id"], manifest["scenario"]["seed"]) == (summary["run_id"], summary["seed"])
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in manifest["files"].values())


def test_record_is_a_chain_over_the_manifest(written: Path) -> None:
    """The record of the page holds, and its entries speak of the manifest of the page."""
    entries, problems = read_record(written)
    assert problems == []
    assert [entry.did for entry in entries] == ["validate", "report"]
    assert {entry.files["manifest.json"] for entry in entries} == {sha256(written / "manifest.json")}


def test_a_capsule_is_run_again(written: Path) -> None:
    """The capsule of the page is read, and its replication runs on the machine as it is, which is not wrong."""
    capsule = read_capsule(written / "capsule.json")
    assert capsule.same_event(capsule.broken)
    assert run_plan(capsule.plan).faults[0].injected == 2


def test_a_swarm_has_the_keys_of_the_page() -> None:
    """What a campaign counts is what the page shows, under a head that says what was run, and on what."""
    shown = json.loads(EXAMPLES["swarm.json"])
    assert set(shown) == {"scenario", "digest", "seed", "command", "versions", "hardware", *Campaign().as_dict()}
    assert [row["replication"] for row in shown["broken"]] == [17]


def test_the_page_has_every_kind_of_fault() -> None:
    """Each once, in the table of families, and none that the line does not know."""
    families = "input|detector|timing|tracking|output|platform"
    rows = re.findall(rf"^\| (?:{families}) \|(.*)\|$", PAGE.read_text("utf-8"), re.M)
    assert len(rows) == 6
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(ALL)


def test_hits_of_the_frame_check_have_the_keys_of_the_page() -> None:
    """The example has the bounds that ship and the keys of the committed table, in its rows too."""
    shown = json.loads(EXAMPLES["hits.json"])
    real = json.loads((PAGE.parents[1] / "results/reference/frame-check/hits.json").read_text(encoding="utf-8"))
    assert shown.keys() == real.keys()
    assert shown["bounds"] == real["bounds"]
    assert shown["faults"][0].keys() == real["faults"][0].keys()
    assert shown["false_alarms"]["kits"][0].keys() == real["false_alarms"]["kits"][0].keys()


def test_tables_are_plain_csv() -> None:
    """No example table has a ragged row."""
    for name in ("kit.csv", "barrel/kit.csv", "looks.csv", "sheet.csv", "lists/anna-01.csv", "key.csv"):
        assert len({len(row) for row in csv.reader(EXAMPLES[name].splitlines())}) == 1
