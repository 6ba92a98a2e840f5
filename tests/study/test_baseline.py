from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from harness.acceptance.recorded import recorded_looks
from harness.scenario import Scenario, parse_scenario
from harness.study.kit import study_products

Bench = Callable[..., tuple[int, str, str]]


def fill(plan: Path) -> None:
    """Write into every list what its inspector would: ben misses D2 in his second look."""
    products = pd.read_csv(plan / "key.csv").set_index("code")["product"]
    for path in (plan / "lists").glob("*.csv"):
        sheet = pd.read_csv(path, dtype=str)
        names = sheet["code"].map(products)
        missed = names.eq("D2") & (path.stem == "ben-02")
        sheet["verdict"] = (names.str.startswith("D") & ~missed).map({True: "reject", False: "accept"})
        sheet["seconds"] = "5"
        sheet.to_csv(path, index=False)


def test_a_study_goes_round(bench: Bench, kit: Path, tmp_path: Path) -> None:
    """Planned, filled in and imported: the looks are those that were written, scored and agreed upon."""
    plan, out = tmp_path / "plan", tmp_path / "looks.csv"
    assert bench("baseline", "plan", kit, plan, "--inspectors", "anna,ben", "--looks", "2")[0] == 0
    assert sorted(path.name for path in (plan / "lists").iterdir()) == [
        "anna-01.csv", "anna-02.csv", "ben-01.csv", "ben-02.csv",
    ]  # fmt: skip
    fill(plan)
    words = ("baseline", "import", kit, plan / "lists", "--key", plan / "key.csv", "--out", out, "--json")
    code, text, _ = bench(*words)
    panel = json.loads(text)
    assert code == 0
    assert [each["defective"] for each in panel["each"]] == [{"right": 2, "n": 2}, {"right": 1, "n": 2}]
    assert (panel["each"][0]["mean_seconds"], panel["source"]) == (5.0, "recorded")
    assert (panel["required"], panel["pooled_required"]) == (2, 3)
    assert panel["pooled"] == {"defective": {"right": 2, "n": 2}, "good": {"right": 1, "n": 1}}
    assert panel["agreement"]["cohen"] == [{"first": "anna", "second": "ben", "value": pytest.approx(0.4), "why": ""}]
    looks = recorded_looks(out, study_products(str(kit)))
    assert looks.groupby("product")["reject"].sum().to_dict() == {"D1": 4, "D2": 3, "G1": 0}


def test_no_inspector_is_lost_with_a_file(bench: Bench, kit: Path, tmp_path: Path) -> None:
    """Endings in capitals count alike; a file of another kind is named, but not what a system puts there."""
    plan = tmp_path / "plan"
    bench("baseline", "plan", kit, plan, "--inspectors", "anna,ben", "--looks", "2")
    fill(plan)
    for look in (1, 2):
        (plan / "lists" / f"ben-{look:02d}.csv").rename(plan / "lists" / f"ben-{look:02d}.CSV")
    (plan / "lists" / "~$ben-01.xlsx").write_text("")
    words = ("baseline", "import", kit, plan / "lists", "--key", plan / "key.csv", "--json", "--out")
    code, text, _ = bench(*words, tmp_path / "looks.csv")
    assert (code, len(json.loads(text)["each"])) == (0, 2)
    (plan / "lists" / "eve-01.xlsx").write_text("")
    code, _, error = bench(*words, tmp_path / "others.csv")
    assert code == 2
    assert "eve-01.xlsx: expected a file of looks (CSV), got another" in error


def test_a_register_with_a_column_twice_is_refused(bench: Bench, tmp_path: Path) -> None:
    """Which of two truths counts?"""
    register = tmp_path / "kit.csv"
    register.write_text("product,truth,truth,\nA,defective,good,\nB,good,good,\n")
    code, _, error = bench("baseline", "plan", register, tmp_path / "plan")
    assert code == 2
    assert "kit.csv: expected one column truth, got 2 of them" in error
    assert "got a column without a name" in error


def test_lists_show_no_truth(bench: Bench, kit: Path, tmp_path: Path) -> None:
    """No list names a product, a truth or a defect; the key does, in an order that is not the kit's own."""
    bench("baseline", "plan", kit, tmp_path / "plan", "--looks", "2", "--inspectors", "2")
    for path in (tmp_path / "plan" / "lists").iterdir():
        text = path.read_text()
        assert not any(word in text for word in ("D1", "D2", "G1", "good", "defective", "scratch"))


def test_an_import_with_problems_writes_nothing(bench: Bench, kit: Path, tmp_path: Path) -> None:
    """Every problem of every file on standard error, exit 2, no file."""
    bad = tmp_path / "bad.csv"
    bad.write_text("product,inspector,look,verdict\nX1,anna,1,reject\nD1,anna,1,perhaps\n")
    out = tmp_path / "looks.csv"
    code, text, error = bench("baseline", "import", kit, bad, tmp_path / "none.csv", "--out", out)
    assert (code, text, out.exists()) == (2, "", False)
    assert "none.csv: expected a file of looks (CSV), got no such file" in error
    code, text, error = bench("baseline", "import", kit, bad, "--out", out)
    assert (code, text, out.exists()) == (2, "", False)
    assert "bad.csv: line 2: product: expected a product of the kit, got X1" in error
    assert "bad.csv: line 3: verdict: expected accept or reject, got perhaps" in error
    out.write_text("mine")
    assert bench("baseline", "import", kit, bad, "--out", out)[0] == 2
    assert out.read_text() == "mine"


def test_assumed_looks_are_those_of_a_qualification(bench: Bench, tmp_path: Path) -> None:
    """With no option `assume` draws what `validate` assumes; the file says that they are assumed."""
    from harness.qualification.run import baseline_looks
    from harness.qualification.setup import kit_of

    out = tmp_path / "looks.csv"
    assert bench("baseline", "assume", "quick", "--out", out)[0] == 0
    plain: dict[str, object] = {"name": "small", "seed": 7, "kit": {"standard": "quick"}}
    plain["detector"] = {"factory": "truth"}

    def looks(baseline: dict[str, object]) -> pd.DataFrame:
        scenario: Scenario = parse_scenario({**plain, "baseline": baseline}, where="test")
        found = baseline_looks(scenario, tmp_path / "small.toml", kit_of(scenario, tmp_path, False))
        return found[["product", "inspector", "look", "reject"]].sort_values(["product", "inspector", "look"])

    assumed = looks({"source": "assumed"}).reset_index(drop=True)
    read = looks({"source": "assumed", "looks": "looks.csv"}).reset_index(drop=True)
    pd.testing.assert_frame_equal(assumed, read)
    with pytest.raises(Exception, match=r"baseline\.source: expected assumed, as the looks say, got recorded"):
        looks({"looks": "looks.csv"})


def test_fatigue_and_lapse_cost_detections(bench: Bench, tmp_path: Path) -> None:
    """Pooled detections fall with fatigue, and nearly all are lost when everything is overlooked."""

    def detected(*options: object) -> int:
        out = tmp_path / f"{len(list(tmp_path.iterdir()))}.csv"
        assert bench("baseline", "assume", "quick", "--out", out, "--json", *options)[0] == 0
        return int(pd.read_csv(out)["verdict"].eq("reject").sum())

    fresh = detected()
    assert detected("--fatigue", "1.5", "--pace", "90") < fresh
    assert detected("--lapse", "0.98") < fresh / 3
    code, _, error = bench("baseline", "assume", "quick", "--out", tmp_path / "x.csv", "--lapse", "1.5")
    assert code == 2
    assert "size model: lapse: expected a number in [0, 0.99), got 1.5" in error
    assert not (tmp_path / "x.csv").exists()


def test_products_without_a_size_cannot_be_assumed(bench: Bench, tmp_path: Path) -> None:
    """A register that says no size is enough to import, not to assume; the sentence names product and column."""
    poor = tmp_path / "poor.csv"
    poor.write_text("product,truth\nD1,defective\nG1,good\n")
    code, _, error = bench("baseline", "assume", poor, "--out", tmp_path / "looks.csv")
    assert code == 2
    assert "product D1: defect: expected one of stuck_particle" in error


def test_every_problem_of_a_register_is_listed(bench: Bench, tmp_path: Path) -> None:
    """Truths, sizes, criticalities and doubles, a line each."""
    poor = tmp_path / "poor.csv"
    poor.write_text(
        "product,truth,size_um,criticality\nD1,defective,big,severe\nD1,broken,,\n,good,,\n", encoding="utf-8"
    )
    code, _, error = bench("baseline", "plan", poor, tmp_path / "plan")
    assert code == 2
    assert error.splitlines() == [
        "poor.csv: line 2: size_um: expected a number > 0, or nothing, got big",
        "poor.csv: line 2: criticality: expected one of critical, major, minor, got severe",
        "poor.csv: line 3: truth: expected defective or good, got broken",
        "poor.csv: line 4: product: expected a name, got nothing",
        "poor.csv: D1: expected a product once, got 2 rows",
    ]
    assert not (tmp_path / "plan").exists()
