from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.qualification.run import qualify
from harness.result.folder import FILES, file_digests, parquet_bytes
from harness.result.stored import Stored
from harness.scenario import load_scenario

Bench = Callable[..., tuple[int, str, str]]
Write = Callable[..., Path]


def test_truth_reading_detector_passes_and_leaves_a_whole_result(
    write_scenario: Write, bench: Bench, tmp_path: Path
) -> None:
    """A detector that is always right gets PASS, exit 0, and every file of a result; its digests hold."""
    code, out, _ = bench("validate", write_scenario(), "--out", tmp_path / "result")
    assert code == 0
    assert out.startswith("PASS against assumed inspectors")
    assert "generated strips" in out
    folder = tmp_path / "result"
    assert {name for name in FILES if not (folder / name).is_file()} == set()
    assert json.loads((folder / "manifest.json").read_text())["files"] == file_digests(folder)


def test_summary_counts_what_happened(write_scenario: Write, bench: Bench, tmp_path: Path) -> None:
    """`--json` prints the summary alone: six products, three runs, two warm-up strips that are in no count."""
    code, out, _ = bench("validate", write_scenario(), "--out", tmp_path / "result", "--json")
    summary = json.loads(out)
    assert code == 0
    assert summary["products"] == {"defective": {"n": 3, "right": 3}, "good": {"n": 3, "right": 3}}
    assert summary["runs"] == {"defective": {"n": 9, "right": 9}, "good": {"n": 9, "right": 9}}
    assert summary["conservation"] == {"fed": 20, "accepted": 11, "rejected": 9, "removed": 0, "on_board": 0}
    assert summary["timing"]["valid"] is None
    assert summary["baseline"]["source"] == "assumed"
    assert summary["auroc"]["all"] == {"auroc": 1.0, "products": 3}
    assert summary["drift"]["why"].startswith("not recorded: ")


def test_wrong_runs_make_a_product_wrong_and_the_verdict_fail(write_scenario: Write, tmp_path: Path) -> None:
    """A good product rejected in two of three runs is wrong: FAIL, with its evidence in the folder."""
    path = write_scenario(detector={"factory": "tests.system.wrong:often_wrong"})
    done = qualify(load_scenario(path), where=path, out=tmp_path / "result")
    assert done.summary["verdict"] == "FAIL"
    assert done.summary["products"]["good"] == {"n": 3, "right": 0}
    index = json.loads((tmp_path / "result" / "evidence" / "index.json").read_text())
    assert [entry["product"] for entry in index] == ["SG001", "SG002", "SG003"]
    assert all((tmp_path / "result" / "evidence" / entry["pictures"]["patch"]).is_file() for entry in index)


def test_the_level_of_good_products_alone_reaches_the_gate(write_scenario: Write, tmp_path: Path) -> None:
    """Thresholds of `good_only` decide where a scenario says so: here they accept what the others reject."""
    path = write_scenario(detector={"factory": "tests.system.wrong:by_good_only", "level": "good_only"})
    done = qualify(load_scenario(path), where=path, out=tmp_path / "result")
    assert done.summary["products"] == {"defective": {"n": 3, "right": 0}, "good": {"n": 3, "right": 3}}
    assert json.loads((tmp_path / "result" / "manifest.json").read_text())["thresholds"]["good_only"] == [1.0] * 4


def test_same_seed_gives_the_same_scores_verdicts_and_products(write_scenario: Write, tmp_path: Path) -> None:
    """Two qualifications of one scenario with the real network differ in times only; a slot that no machine misses."""
    detector = {"bundle": "compact", "score": "marked"}
    path = write_scenario(detector=detector, kit={"runs": 1, "required": 1}, line={"slot_ms": 60_000})
    results = []
    for name in ("first", "second"):
        qualify(load_scenario(path), where=path, out=tmp_path / name)
        results.append(Stored(tmp_path / name))
    for table in ("scores", "products"):
        pd.testing.assert_frame_equal(results[0].table(table), results[1].table(table))
    columns = ["slot", "product", "run", "verdict", "truth"]
    pd.testing.assert_frame_equal(results[0].table("ledger")[columns], results[1].table("ledger")[columns])
    assert (results[0].table("scores")["score"] > 0).all()
    assert len(results[0].table("scores")) == (6 + 2) * 60


def test_order_differs_between_runs_and_seeds(write_scenario: Write, tmp_path: Path) -> None:
    """Every run feeds the kit in an order of its own."""
    path = write_scenario()
    qualify(load_scenario(path), where=path, out=tmp_path / "result")
    ledger = Stored(tmp_path / "result").table("ledger")
    fed = ledger[ledger["product"].notna() & ~ledger["warm_up"]]
    orders = [tuple(rows["product"]) for _, rows in fed.groupby("run")]
    assert len(set(orders)) == 3
    assert len({frozenset(order) for order in orders}) == 1


def test_replay_gives_the_same_ledger(write_scenario: Write, bench: Bench, tmp_path: Path) -> None:
    """The stored scores and tape give the stored ledger, to the byte."""
    bench("validate", write_scenario(), "--out", tmp_path / "result")
    code, out, _ = bench("replay", tmp_path / "result", "--json")
    assert code == 0
    assert json.loads(out)["same"] is True


def test_replay_names_what_differs(write_scenario: Write, bench: Bench, tmp_path: Path) -> None:
    """A verdict edited in a stored ledger is found by slot and column, exit 1."""
    bench("validate", write_scenario(), "--out", tmp_path / "result")
    path = tmp_path / "result" / "ledger.parquet"
    ledger = pd.read_parquet(path)
    slot = int(np.argmax((ledger["fate"] == "rejected").to_numpy()))
    ledger.loc[slot, "fate"] = "accepted"
    path.write_bytes(parquet_bytes(ledger))
    code, out, _ = bench("replay", tmp_path / "result")
    assert code == 1
    assert out.strip() == f"differs: slot {slot}, fate: expected accepted, got rejected"


def test_replay_scores_again(write_scenario: Write, bench: Bench, tmp_path: Path) -> None:
    """`--rescore` draws and scores every acquisition anew and finds no difference."""
    bench("validate", write_scenario(), "--out", tmp_path / "result")
    code, out, _ = bench("replay", tmp_path / "result", "--rescore", "--json")
    assert code == 0
    assert json.loads(out)["largest_score_difference"] == 0.0


def test_report_is_made_again_to_the_byte(write_scenario: Write, bench: Bench, tmp_path: Path) -> None:
    """`report` on a stored folder writes the same file."""
    bench("validate", write_scenario(), "--out", tmp_path / "result")
    before = (tmp_path / "result" / "report.html").read_bytes()
    code, _, _ = bench("report", tmp_path / "result")
    assert code == 0
    assert (tmp_path / "result" / "report.html").read_bytes() == before


def test_report_keeps_what_it_cannot_make_again(write_scenario: Write, bench: Bench, tmp_path: Path) -> None:
    """Pictures taken from the folder, or a file saved by a spreadsheet: one sentence, and the page stays."""
    result = tmp_path / "result"
    bench("validate", write_scenario(detector={"factory": "tests.system.wrong:often_wrong"}), "--out", result)
    before = (result / "report.html").read_bytes()
    looks = (result / "looks.csv").read_text()
    assert looks.splitlines()[0] == "product,inspector,look,verdict,source"
    (result / "looks.csv").write_text(looks.replace(",", ";"))
    code, _, error = bench("report", result)
    assert code == 2
    assert "looks.csv: expected columns product, inspector, look and verdict, by commas, got product;inspector" in error
    (result / "looks.csv").write_text(looks)
    shutil.rmtree(result / "evidence")
    code, _, error = bench("report", result)
    assert code == 2
    assert "evidence: expected the" in error
    (result / "summary.json").write_text("[]")
    code, _, error = bench("report", result)
    assert code == 2
    assert "summary.json: expected a file of a result, with verdict, timing" in error
    assert (result / "report.html").read_bytes() == before


def test_no_rates_of_drawn_pictures_for_photographs(write_scenario: Write, bench: Bench, tmp_path: Path) -> None:
    """Faults of the camera's pictures are noticed by rates that drawn strips had; a recording of others has none."""
    path = write_scenario(kit={"runs": 1, "required": 1})
    assert bench("record", path, tmp_path / "recording")[0] == 0
    path.write_text(path.read_text() + '[[faults]]\nkind = "defocused"\nrate = 0.5\n')
    words = ("validate", path, "--recording", tmp_path / "recording", "--out")
    assert bench(*words, tmp_path / "drawn")[0] in (0, 1)
    described = tmp_path / "recording" / "recording.toml"
    described.write_text(described.read_text().replace("generated strips: drawn", "a camera: not drawn"))
    code, _, error = bench(*words, tmp_path / "photographed")
    assert code == 2
    assert "faults: defocused: expected drawn strips, of which its rates were measured, got a recording" in error


def test_interruption_leaves_nothing(write_scenario: Write, tmp_path: Path) -> None:
    """Ctrl-C while strips are inspected, or while the folder is filled, leaves no result and no trace of one."""
    path = write_scenario(detector={"factory": "tests.system.wrong:often_wrong"})
    for stage in ("inspecting", "evidence"):

        def interrupt(now: str, done: int, total: int, wanted: str = stage) -> None:
            if now == wanted:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            qualify(load_scenario(path), where=path, out=tmp_path / "out" / "result", progress=interrupt)
        assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_recorded_kit_gives_the_scores_of_the_drawn_one(write_scenario: Write, bench: Bench, tmp_path: Path) -> None:
    """A kit written as a recording is qualified with the same scores, to the bit, however slow the computer."""
    path = write_scenario(
        detector={"bundle": "compact", "score": "marked"},
        kit={"runs": 1, "required": 1},
        line={"warm_up_strips": 0, "slot_ms": 60_000},
    )
    assert bench("record", path, tmp_path / "recording")[0] == 0
    bench("validate", path, "--out", tmp_path / "drawn")
    bench("validate", path, "--recording", tmp_path / "recording", "--out", tmp_path / "recorded")
    drawn, recorded = Stored(tmp_path / "drawn"), Stored(tmp_path / "recorded")
    pd.testing.assert_frame_equal(drawn.table("scores"), recorded.table("scores"))
    assert recorded.summary["provenance"].startswith("generated strips: drawn by this bench")
    shutil.rmtree(tmp_path / "recording" / "frames" / "SD001")
    code, _, err = bench("validate", path, "--recording", tmp_path / "recording", "--out", tmp_path / "again")
    assert code == 2
    assert "SD001" in err
    assert "no such file" in err
