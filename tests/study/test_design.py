from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from harness.study.design import _enough

Bench = Callable[..., tuple[int, str, str]]


def test_a_study_is_designed_from_the_command_line(bench: Bench, tmp_path: Path) -> None:
    """Figures as JSON, a picture that is XML with its description, a table beside; the same again for the same seed."""
    out = tmp_path / "a.svg"
    words = ("design", "quick", "--replications", "20", "--inspectors", "3", "--looks", "4", "--json", "--out")
    code, text, error = bench(*words, out)
    assert code == 0, error
    found = json.loads(text)
    assert found["products"] == {"defective": 12, "good": 10}
    assert {row["criterion"] for row in found["power"]} >= {"defective_median_inspector", "knapp_rze_ratio"}
    assert all(0 <= row["low"] <= row["rate"] <= row["high"] <= 1 for row in found["power"])
    assert found["products_for_margin"] == {"critical": None, "major": 73, "minor": 73, "good": 73}
    picture = ElementTree.fromstring(out.read_text(encoding="utf-8"))
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert picture.attrib["aria-label"].startswith("Power of a study: 12 defective and 10 good products")
    assert set(pd.read_csv(out.with_suffix(".csv"))["axis"]) >= {"sharpness", "products", "inspectors", "looks"}
    again = tmp_path / "b.svg"
    assert bench(*words, again)[1] == text
    assert again.read_bytes() == out.read_bytes()


def test_an_equal_machine_is_equal_whatever_is_planned(bench: Bench, tmp_path: Path) -> None:
    """A machine that rejects more good products is not the one that is like the inspectors."""
    words = ("design", "quick", "--replications", "60", "--json", "--out")
    usual, wasteful = (
        {row["criterion"]: row["equal_machine"] for row in json.loads(bench(*words, out, *more)[1])["power"]}
        for out, more in ((tmp_path / "a.svg", ()), (tmp_path / "b.svg", ("--false-reject", "0.3")))
    )
    assert wasteful["good_median_inspector"] == usual["good_median_inspector"] > 0.8


def test_the_rule_of_a_design_comes_from_a_scenario(bench: Bench, tmp_path: Path) -> None:
    """Right runs are the scenario's, and the runs those that were typed."""
    scenario = tmp_path / "three.toml"
    scenario.write_text('name = "three"\n[kit]\nruns = 3\nrequired = 2\n[detector]\nfactory = "truth"\n')
    words = ("design", "quick", "--replications", "20", "--inspectors", "2", "--looks", "2", "--json", "--runs", "5")
    code, text, error = bench(*words, "--scenario", scenario, "--out", tmp_path / "d.svg")
    assert code == 0, error
    assert (json.loads(text)["required"], json.loads(text)["runs"]) == (2, 5)


def test_a_design_that_cannot_be_is_refused(bench: Bench, tmp_path: Path) -> None:
    """More right runs than runs, no sharpness, a kit without sizes, a file that is there: exit 2, nothing written."""
    out = tmp_path / "d.svg"
    poor = tmp_path / "poor.csv"
    poor.write_text("product,truth\nD1,defective\n")
    cases = [
        (("quick", "--required", "11"), "command line: required: expected at most 10"),
        (("quick", "--sharpness", "0"), "command line: sharpness: expected a number > 0, got 0.0"),
        ((poor,), "product D1: defect: expected one of"),
        ((tmp_path / "none.csv",), "none.csv: expected a file of products (CSV), got no such file"),
    ]
    for words, sentence in cases:
        code, text, error = bench("design", *words, "--out", out, "--replications", "20")
        assert (code, text) == (2, "")
        assert sentence in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["poor.csv"]
    out.with_suffix(".csv").write_text("mine")
    assert bench("design", "quick", "--out", out)[0] == 2


def test_what_is_enough_holds_from_there_on() -> None:
    """The smallest value with the power from which on all larger ones have it; of false rejects the largest."""
    rows = [("looks", value, rate) for value, rate in ((3, 0.95), (5, 0.5), (10, 0.91), (20, 0.99))]
    rows += [("false_reject", value, rate) for value, rate in ((0.0, 1.0), (0.1, 0.92), (0.2, 0.4), (0.3, 0.91))]
    rows += [("products", 10, 0.1)]
    table = pd.DataFrame(rows, columns=["axis", "value", "rate"]).assign(criterion="mcnemar_good")
    assert _enough(table, "mcnemar_good") == {"looks": 10.0, "false_reject": 0.1}


def test_false_rejects_say_nothing_of_defective_products() -> None:
    """Along that axis good products alone are studied: what hangs on others as well has no answer there."""
    rows = [("looks", 10, 0.95), ("false_reject", 0.1, 0.95)]
    table = pd.DataFrame(rows, columns=["axis", "value", "rate"]).assign(criterion="knapp_rag_ceiling")
    assert _enough(table, "knapp_rag_ceiling") == {"looks": 10.0}
