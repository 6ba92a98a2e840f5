"""Tampering: whatever is changed in a result is named, with the digests made to fit and without."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.cli import main
from harness.qualification.verify import verify_result
from harness.report import write_report
from harness.result.folder import FILES, file_digests, parquet_bytes, write_json
from harness.result.integrity import changed_files
from harness.result.record import RECORD, add_entry, read_record
from harness.strips.kit import draw_kit, register_text

Bench = Callable[..., tuple[int, str, str]]

SCENARIO = """
name = "small"
[kit]
register = "small.csv"
runs = 3
required = 2
[line]
warm_up_strips = 2
[detector]
factory = "tests.system.wrong:often_wrong"
"""
EVIDENCE = ("index.json", *(f"SG00{n}-{name}.webp" for n in (1, 2, 3) for name in ("overview", "patch", "residual")))
EVERY_FILE = (*FILES, "frames.parquet", "liquid.parquet", *(f"evidence/{name}" for name in EVIDENCE))


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small result: three defective products right, three good ones wrong, FAIL."""
    place = tmp_path_factory.mktemp("verify")
    kit = draw_kit("small", {"stuck_particle": 1, "scratch": 1, "body_deformation": 1}, 3, seed=3, letters=("SD", "SG"))
    (place / "small.csv").write_text(register_text(kit))
    (place / "small.toml").write_text(SCENARIO)
    with pytest.raises(SystemExit) as leave:
        main(["validate", str(place / "small.toml"), "--out", str(place / "result"), "--by", "A. Validator"])
    assert leave.value.code == 1
    return place / "result"


@pytest.fixture
def result(untouched: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(untouched, tmp_path / "result"))


def forge(folder: Path) -> None:
    """What a thorough forger does after a change: the report, the manifest and the record made to fit."""
    manifest = json.loads((folder / "manifest.json").read_text())
    write_report(folder)
    write_json(folder / "manifest.json", {**manifest, "files": file_digests(folder)})
    (folder / RECORD).unlink()
    add_entry(folder, did="validate", outcome="FAIL", digests=manifest["digests"], by="A. Validator")
    assert changed_files(folder) == []


def edit(folder: Path, name: str, change: Callable[[Any], None]) -> None:
    """Change a JSON file, and make all digests fit."""
    values = json.loads((folder / name).read_text())
    change(values)
    write_json(folder / name, values)
    forge(folder)


def sentences(folder: Path) -> list[str]:
    """What `verify` names."""
    return [str(problem) for problem in verify_result(folder).differences]


def test_untouched_result_is_the_same(result: Path, bench: Bench) -> None:
    """Nothing differs: exit 0, and the head of the record is the one that was given when the result was made."""
    head = read_record(result)[0][0].hash
    code, out, _ = bench("verify", result, "--head", head)
    assert code == 0, out
    assert out.splitlines() == ["same: every file, and every conclusion made again", f"record: 1 entries, head {head}"]


def test_the_small_result_holds_every_file_named_here(result: Path) -> None:
    """The next test changes every file of a result, and leaves none out."""
    assert sorted(EVERY_FILE) == sorted(p.relative_to(result).as_posix() for p in result.rglob("*") if p.is_file())


@pytest.mark.parametrize("name", EVERY_FILE)
def test_any_single_byte(result: Path, name: str) -> None:
    """A byte changed at the beginning, in the middle or at the end of any file of a result is found in that file."""
    whole = (result / name).read_bytes()
    for place in (0, len(whole) // 2, len(whole) - 1):
        (result / name).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        found = {problem.where.partition(":")[0] for problem in changed_files(result)}
        assert name in found, place


def test_every_place_that_differs_is_named(result: Path, bench: Bench) -> None:
    """Without new digests the file is named by its digest and the field by what was made again; exit 1, as JSON too."""
    values = json.loads((result / "summary.json").read_text())
    write_json(result / "summary.json", {**values, "verdict": "PASS"})
    code, out, _ = bench("verify", result, "--json")
    assert code == 1
    found = json.loads(out)
    assert [problem["where"] for problem in found["differences"]] == ["summary.json", "summary.json: verdict"]
    assert found["differences"][1] == {"where": "summary.json: verdict", "expected": "FAIL", "got": "PASS"}


def test_edited_verdict(result: Path) -> None:
    """A verdict that does not follow from the criteria is named, though every digest fits."""
    edit(result, "summary.json", lambda values: values.update(verdict="PASS"))
    assert sentences(result) == ["summary.json: verdict: expected FAIL, got PASS"]


def test_drift_is_made_again(result: Path) -> None:
    """From the calibration's scores in the manifest: here some are put there that the summary knows nothing of."""

    def recorded(values: Any) -> None:
        values["calibration"]["good_scores"] = {"products": 60, "ranks": [1, 60], "values": [[0.0, 0.1]] * 4}

    edit(result, "manifest.json", recorded)
    found = sentences(result)
    assert "summary.json: drift.calibration_products: expected 60, got None" in found
    said = "summary.json: drift.good: expected {'products': 3, 'drifted': True"
    assert any(sentence.startswith(said) for sentence in found)


def test_a_result_from_before_drift_was_looked_at(result: Path) -> None:
    """Nothing was recorded, nothing is missed, and the report says so."""
    edit(result, "summary.json", lambda values: values.pop("drift"))
    edit(result, "manifest.json", lambda values: values["calibration"].pop("good_scores"))
    assert sentences(result) == []
    assert "not recorded: this result was written before drift was looked at" in (result / "report.html").read_text()


def test_edited_criterion(result: Path) -> None:
    """So is a criterion that does not follow from the looks."""

    def pass_all(values: Any) -> None:
        for row in values["criteria"]:
            row["passed"] = True

    edit(result, "summary.json", pass_all)
    assert "summary.json: criteria.good_median_inspector.passed: expected False, got True" in sentences(result)


def test_changed_fate(result: Path) -> None:
    """A fate that does not follow from scores and times is named by its slot."""
    ledger = pd.read_parquet(result / "ledger.parquet")
    slot = int(ledger.index[(ledger["fate"] == "rejected") & (ledger["truth"] == "good") & (ledger["run"] > 0)][0])
    ledger.loc[slot, "fate"] = "accepted"
    (result / "ledger.parquet").write_bytes(parquet_bytes(ledger))
    forge(result)
    assert f"ledger.parquet: slot {slot}, fate: expected rejected, got accepted" in sentences(result)


def test_dropped_run(result: Path) -> None:
    """A run taken out of ledger, scores and tape alike is missed."""
    for name in ("ledger", "scores", "latency"):
        table = pd.read_parquet(result / f"{name}.parquet")
        gone = table["product"].eq("SG001") & table["run"].eq(2)
        assert gone.any()
        (result / f"{name}.parquet").write_bytes(parquet_bytes(table[~gone].reset_index(drop=True)))
    forge(result)
    assert any("expected scores of SG001, run 2, got none" in sentence for sentence in sentences(result))


def test_thresholds_tuned_on_kit_products(result: Path) -> None:
    """A calibration that names products of the kit is named."""
    edit(result, "manifest.json", lambda values: values["calibration"].update(products=["CD001", "SD002"]))
    assert [s for s in sentences(result) if "expected no product of the calibration, got 1 shared, first SD002" in s]


def test_other_thresholds(result: Path) -> None:
    """Thresholds that are not the ones whose digest went into every verdict are named."""
    edit(result, "manifest.json", lambda values: values["thresholds"].update(seven_of_ten=[2.0] * 4))
    assert any(s.startswith("manifest.json: digests.thresholds: expected ") for s in sentences(result))


def test_changed_criteria(result: Path) -> None:
    """Other deciding criteria than those hashed before the first look are named by the scenario's digest."""
    edit(result, "manifest.json", lambda values: values["scenario"]["acceptance"].update(deciding=["no_late_run"]))
    found = sentences(result)
    assert any(s.startswith("manifest.json: digests.scenario: expected ") for s in found)
    assert any(s.startswith("manifest.json: run_id: expected one that ends in ") for s in found)
    assert "summary.json: verdict: expected PASS, got FAIL" in found


def test_edited_looks_of_assumed_inspectors(result: Path) -> None:
    """Assumed inspectors made worse than they were drawn are named by product."""
    path = result / "looks.csv"
    path.write_text(path.read_text().replace("reject", "accept"))
    forge(result)
    assert any(s.startswith("looks.csv: product SD00") and ", reject: expected True" in s for s in sentences(result))


def test_reordered_ledger(result: Path) -> None:
    """Rows that changed places are named."""
    ledger = pd.read_parquet(result / "ledger.parquet")
    (result / "ledger.parquet").write_bytes(parquet_bytes(ledger.iloc[::-1].reset_index(drop=True)))
    forge(result)
    assert any(s.startswith("ledger.parquet: slot 0, slot: expected 0, got ") for s in sentences(result))


def test_cut_ledger(result: Path) -> None:
    """Rows that were cut off are counted."""
    ledger = pd.read_parquet(result / "ledger.parquet")
    (result / "ledger.parquet").write_bytes(parquet_bytes(ledger.iloc[:-1]))
    forge(result)
    assert f"ledger.parquet: rows: expected {len(ledger)}, got {len(ledger) - 1}" in sentences(result)


def test_edited_report(result: Path) -> None:
    """A page that does not follow from the tables is found where it first differs, though its digest fits."""
    page = (result / "report.html").read_text(encoding="utf-8")
    forge(result)
    (result / "report.html").write_text(page.replace("FAIL against", "PASS against"), encoding="utf-8")
    manifest = json.loads((result / "manifest.json").read_text())
    write_json(result / "manifest.json", {**manifest, "files": file_digests(result)})
    (result / RECORD).unlink()
    add_entry(result, did="validate", outcome="PASS", digests=manifest["digests"])
    assert [s for s in sentences(result) if s.startswith("report.html: byte ")]


def test_forgery_without_a_trace_is_found_by_the_noted_head(result: Path, bench: Bench) -> None:
    """What cannot be made again, such as recorded hardware, is held by the head kept outside the folder."""
    head = read_record(result)[0][0].hash
    edit(result, "manifest.json", lambda values: values["hardware"].update(cores=64))
    assert bench("verify", result)[0] == 0
    code, out, _ = bench("verify", result, "--head", head)
    assert code == 1
    assert out.startswith(f"{RECORD}: expected an entry with the noted hash {head[:12]}")


def test_an_entry_added_later_excuses_no_table(result: Path) -> None:
    """Made anew are reports alone: an act that claims to have written scores is named, whatever head was noted."""
    head = read_record(result)[0][-1].hash
    scores = pd.read_parquet(result / "scores.parquet")
    (result / "scores.parquet").write_bytes(parquet_bytes(scores.assign(score=scores["score"] / 2)))
    digests = json.loads((result / "manifest.json").read_text())["digests"]
    wrote = ("report.html", "scores.parquet")
    add_entry(result, did="report", outcome="written", digests=digests, wrote=wrote)
    problems = list(map(str, changed_files(result, head=head)))
    assert problems[0] == (
        "record.jsonl: entry 2: expected no file but report.html and report.pdf written anew, got scores.parquet"
    )
    assert problems[1].startswith("scores.parquet: expected SHA-256 ")


def test_files_missing_and_files_too_many(result: Path) -> None:
    """A file that went and a file that came are both named."""
    (result / "junit.xml").unlink()
    (result / "notes.txt").write_text("")
    assert "junit.xml: expected a file of the manifest, got no such file" in sentences(result)
    assert "notes.txt: expected no file that the manifest does not name, got one" in sentences(result)


def test_pictures_may_be_left_out_when_that_is_said(result: Path, bench: Bench) -> None:
    """Without pictures and trace a result holds only with the option, and some of the pictures are not enough."""
    (result / "trace.json").unlink()
    (result / "evidence" / "index.json").unlink()
    assert bench("verify", result, "--without-pictures")[0] == 1
    shutil.rmtree(result / "evidence")
    assert bench("verify", result)[0] == 1
    code, out, _ = bench("verify", result, "--without-pictures")
    assert code == 0, out
    assert "pictures were left out, so the report was not made again" in out


def test_report_and_verify_are_put_on_record(result: Path, bench: Bench) -> None:
    """Who made the report again and who verified stands in the record, and the result still holds."""
    bench("report", result, "--by", "B. Writer")
    assert bench("verify", result, "--by", "C. Auditor")[0] == 0
    entries, problems = read_record(result)
    assert problems == []
    assert [(entry.did, entry.by, entry.outcome) for entry in entries] == [
        ("validate", "A. Validator", "FAIL"),
        ("report", "B. Writer", "written"),
        ("verify", "C. Auditor", "same"),
    ]
    assert bench("verify", result, "--head", entries[0].hash)[0] == 0


def test_no_result_is_bad_input_where_something_would_be_written(tmp_path: Path, bench: Bench) -> None:
    """A folder without a manifest differs in everything; with a name to put on record it is refused."""
    assert bench("verify", tmp_path)[0] == 1
    code, _, error = bench("verify", tmp_path, "--by", "C. Auditor")
    assert code == 2
    assert "manifest.json: expected a file of a result" in error
    assert not list(tmp_path.iterdir())


def test_another_liquid_is_named(result: Path) -> None:
    """The state of drawn liquid is drawn again, so a count that was edited is found with all digests made to fit."""
    table = pd.read_parquet(result / "liquid.parquet")
    table.loc[3, "stuck"] += 1
    (result / "liquid.parquet").write_bytes(parquet_bytes(table))
    forge(result)
    assert any(sentence.startswith("liquid.parquet") and "stuck" in sentence for sentence in sentences(result))
