"""Bad input: one sentence (where: expected, got), exit 2, nothing written, no traceback."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.strips.kit import Kit, register_text, standard_kit
from model.bundle import SHIPPED

Bench = Callable[..., tuple[int, str, str]]
Write = Callable[..., Path]


def refused(bench: Bench, scenario: Path, *words: object) -> str:
    """The sentence with which `validate` refuses; checks exit code, silence on standard output, and that nothing is."""
    out = scenario.parent / "refused"
    code, output, error = bench("validate", scenario, "--out", out, *words)
    assert code == 2, error
    assert output == ""
    assert "Traceback" not in error
    assert not out.exists()
    assert not list(scenario.parent.glob(".refused*"))
    return error


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"line": {"slot_ms": -0.5}}, "small.toml: line.slot_ms: expected a number > 0, got -0.5"),
        ({"line": {"slot_ms": float("inf")}}, "small.toml: line.slot_ms: expected a finite number, got inf"),
        ({"line": {"slot": 1}}, "small.toml: line.slot: expected one of clock, "),
        ({"line": {"slot_ms": "fast"}}, "small.toml: line.slot_ms: expected a valid number"),
        ({"kit": {"required": 4}}, "small.toml: kit: expected required <= runs, got 4 of 3"),
        ({"detector": {"bundle": "nowhere"}}, "bundle.toml: expected a file of a detector bundle, got no such file"),
        ({"detector": {"bundle": "compact", "score": "taste"}}, "detector.score: expected one of ssim"),
        ({"detector": {"bundle": "compact", "backend": "openvino"}}, "detector.backend: expected tensorflow or auto"),
        (
            {"detector": {"factory": "truth", "level": "good_only"}},
            "small.toml: detector.level: expected one of patch, strip, seven_of_ten, which its thresholds have, "
            "got good_only",
        ),
        ({"detector": {"factory": "truth", "level": "best"}}, "detector.level: expected one of 'patch', 'strip', "),
        ({"detector": {"factory": "tests.system.wrong:short", "level": "good_only"}}, "good_only: expected 4 threshol"),
        ({"detector": {"factory": "json:dumps"}}, "json:dumps: expected (detector, thresholds by level) of a geometry"),
        ({"detector": {"factory": "nowhere:made"}}, "detector.factory: expected module:factory"),
        ({"acceptance": {"deciding": ["luck"]}}, "luck"),
        ({"acceptance": {"deciding": ["knapp_rag_ceiling"]}}, "acceptance.rag_ceiling: expected a ceiling, where"),
        ({"kit": {"register": "none.csv"}}, "none.csv: expected a readable kit register"),
        ({"line": {"pockets_to_gate": 24}}, "line.pockets_to_gate"),
        ({"line": {"pockets": 0}}, "small.toml: line.pockets: expected a number >= 1, got 0"),
        ({"line": {"gate_lead_ms": 496}}, "expected a cut-off after the frames are ready at 394 ms, got one at 394 ms"),
        ({"line": {"exposures": 21}}, "that end before the next trigger at 500 ms, got the last of 21 at 520 ms"),
        (
            {"line": {"exposures": 3, "slot_ms": 100}},
            "small.toml: line.exposures: expected 16 or more: frame 16 is inspected, got 3",
        ),
        (
            {"baseline": {"source": "recorded"}},
            "small.toml: baseline: expected looks to name a file where they are recorded, got a number of looks",
        ),
        ({"line": {"clock": "virtual", "profile": "other"}}, "line.profile: expected one of table2-as-seconds, "),
    ],
)
def test_scenario(write_scenario: Write, bench: Bench, table: dict[str, Any], sentence: str) -> None:
    """A scenario that cannot be run is refused before a strip is drawn."""
    assert sentence in refused(bench, write_scenario(**table))


def test_kit_with_a_class_that_does_not_exist(write_scenario: Write, bench: Bench) -> None:
    """The line of the register is named, and the legal classes."""
    path = write_scenario()
    register = path.parent / "small.csv"
    register.write_text(register.read_text().replace("stuck_particle", "rust"))
    assert "small.csv: line 2: defect: expected one of stuck_particle" in refused(bench, path)


@pytest.mark.parametrize(
    ("register", "sentence"),
    [
        (
            "product,truth,path\nG1,good,G1\nG2,good,G2\n",
            "path: expected seeds, where strips are drawn, got paths, which want --recording",
        ),
        ("product,truth,seed\nG1,good,5\nG2,good,6\nG3,good,5\n", "G3: expected a seed of its own, got that of G1"),
    ],
)
def test_kit_that_would_draw_one_product_twice(
    write_scenario: Write, bench: Bench, tmp_path: Path, register: str, sentence: str
) -> None:
    """Names of another recording's folders draw nothing, and the same seed and defect are the same product."""
    scenario = write_scenario()
    (tmp_path / "small.csv").write_text(register)
    assert sentence in refused(bench, scenario)


def test_kit_that_overlaps_calibration(write_scenario: Write, bench: Bench) -> None:
    """Products that thresholds were tuned on cannot be in a kit."""
    path = write_scenario(detector={"bundle": "compact", "score": "marked"})
    calibration = standard_kit("calibration")
    (path.parent / "small.csv").write_text(
        register_text(Kit("small", calibration.strips[-7:] + calibration.strips[:2]))
    )
    assert "expected no product of the calibration, got 9 shared" in refused(bench, path)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of the shipped bundle that may be damaged."""
    return Path(shutil.copytree(SHIPPED / "compact", tmp_path / "bundle"))


def test_thresholds_without_a_region(write_scenario: Write, bench: Bench, bundle: Path) -> None:
    """Every level needs a threshold a region."""
    path = bundle / "thresholds.toml"
    lines = path.read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("strip = "))
    lines[place] = lines[place].rsplit(",", 1)[0] + "]"
    path.write_text("\n".join(lines))
    sentence = refused(bench, write_scenario(detector={"bundle": "bundle", "score": "marked"}))
    assert "thresholds.toml: marked.strip: expected 4 finite thresholds" in sentence


def test_weights_that_are_not_the_ones_described(write_scenario: Write, bench: Bench, bundle: Path) -> None:
    """Weights are held against the digest in `bundle.toml`."""
    with (bundle / "weights.weights.h5").open("ab") as file:
        file.write(b"x")
    assert "weights.weights.h5: expected weights of model" in refused(
        bench, write_scenario(detector={"bundle": "bundle"})
    )


def test_output_folder_that_exists(write_scenario: Write, bench: Bench, tmp_path: Path) -> None:
    """A folder that is there is left as it is."""
    (tmp_path / "there").mkdir()
    code, _, error = bench("validate", write_scenario(), "--out", tmp_path / "there")
    assert code == 2
    assert "there: expected a folder that does not exist yet, got one that does" in error
    assert not list((tmp_path / "there").iterdir())


def test_output_folder_below_a_file(write_scenario: Write, bench: Bench, tmp_path: Path) -> None:
    """A folder that cannot be made is refused before anything is computed."""
    (tmp_path / "file").write_text("")
    code, _, error = bench("validate", write_scenario(), "--out", tmp_path / "file" / "result")
    assert code == 2
    assert "expected a folder that can be written" in error


def test_command_line(bench: Bench) -> None:
    """A word the command line does not know is bad input as well."""
    code, _, error = bench("validate", "--speed", "high")
    assert code == 2
    assert "--speed" in error


def test_words_that_are_no_text(write_scenario: Write, bench: Bench) -> None:
    """What was typed is written down at the end of a run; what cannot be is refused at its beginning."""
    assert r"command line: expected words in UTF-8, got 'M\udcfcller'" in refused(
        bench, write_scenario(), "--by", "M\udcfcller"
    )


def test_replay_of_no_result(bench: Bench, tmp_path: Path) -> None:
    """A folder without a manifest is no result."""
    code, _, error = bench("replay", tmp_path)
    assert code == 2
    assert "manifest.json: expected a file of a result" in error


@pytest.mark.slow
def test_times_of_another_detector(write_scenario: Write, bench: Bench, tmp_path: Path) -> None:
    """Times measured with one detector serve neither a run nor a replay of another one; its own serve both."""
    own, others = tmp_path / "own", tmp_path / "others"
    assert bench("validate", write_scenario(), "--out", own)[0] == 0
    bench("validate", write_scenario(detector={"factory": "tests.system.wrong:often_wrong"}), "--out", others)
    line = {"clock": "virtual", "profile": "others/latency.parquet"}
    sentence = "latency.parquet: detector: expected times measured with truth-reading detector "
    assert sentence in refused(bench, write_scenario(line=line))
    assert "got times of rejects all" in refused(bench, write_scenario(line=line))
    again = write_scenario(line={**line, "profile": "own/latency.parquet"})
    assert bench("validate", again, "--out", tmp_path / "again")[0] == 0
    shutil.copy(others / "latency.parquet", own / "latency.parquet")
    code, output, error = bench("replay", own)
    assert (code, output) == (2, "")
    assert sentence in error


def test_too_few_strips_to_hold_any_slot(bench: Bench, tmp_path: Path) -> None:
    """By p99 no slot can hold with fewer than 459 strips; that is said before a strip is fed."""
    code, output, error = bench("stress", "--strips", "458", "--out", tmp_path / "stress")
    assert (code, output) == (2, "")
    assert "command line: strips: expected at least 459, below which no slot can hold, got 458" in error
    assert not (tmp_path / "stress").exists()


def test_verify_of_nothing(bench: Bench, tmp_path: Path) -> None:
    """A folder that is not there is bad input, no result that differs."""
    code, output, error = bench("verify", tmp_path / "none")
    assert (code, output) == (2, "")
    assert "none: expected a result folder, got no such folder" in error
