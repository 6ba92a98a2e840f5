from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

Bench = Callable[..., tuple[int, str, str]]

REFERENCE = Path(__file__).parents[1] / "reference"
JAMBON = REFERENCE / "jambon_2024"
FILES = (JAMBON / "kit.csv", JAMBON / "inspectors.csv", JAMBON / "machine.csv")


def test_jambon_from_the_command_line(bench: Bench) -> None:
    """The published counts give RZE 116/150, RAG 20/90 and a machine that fails, whichever rule decides."""
    code, text, _ = bench("baseline", "compare", *FILES, "--deciding", "knapp_rze_ratio", "--json")
    found = json.loads(text)
    assert (code, found["verdict"]) == (1, "FAIL")
    assert found["knapp"]["rze_machine"] == pytest.approx(116 / 150)
    assert (found["knapp"]["rze_baseline"], found["knapp"]["rag_baseline"]) == (1.0, 0.0)
    assert found["knapp"]["rag_machine"] == pytest.approx(20 / 90)
    assert found["products"] == {"defective": {"right": 3, "n": 5}, "good": {"right": 2, "n": 3}}
    counts = {row["name"]: (row["numerator"], row["denominator"], row["passed"]) for row in found["criteria"]}
    assert counts["knapp_rze_ratio"] == (116, 150, False)
    assert counts["knapp_rag_ceiling"] == (20, 90, None)
    code, text, _ = bench("baseline", "compare", *FILES)
    assert code == 1
    assert text.startswith("FAIL, decided by defective_median_inspector, good_median_inspector\n")
    assert "RZE 0.7733 / 1.0000" in text


def test_the_sheets_hold_the_published_counts() -> None:
    """Rejects and looks of each product in the sheets are those of the table; only counts were published, no order."""
    table = pd.read_csv(REFERENCE / "jambon_2024.csv").set_index("product")
    for name, who in (("inspectors", "baseline"), ("machine", "machine")):
        cells = pd.read_csv(JAMBON / f"{name}.csv").set_index("product")
        assert cells.eq("reject").sum(axis=1).to_dict() == table[f"{who}_rejects"].to_dict()
        assert (cells.shape[1] == table[f"{who}_looks"]).all()


def test_the_inspectors_as_their_own_machine_pass(bench: Bench) -> None:
    """The same looks on both sides: ratio 1, as many right, PASS."""
    kit, looks, _ = FILES
    code, text, _ = bench("baseline", "compare", kit, looks, looks, "--deciding", "knapp_rze_ratio", "--json")
    assert (code, json.loads(text)["knapp"]["ratio"]) == (0, 1.0)


def test_rules_come_from_a_scenario(bench: Bench, tmp_path: Path) -> None:
    """A ceiling set in a scenario decides; the tie is its own."""
    scenario = tmp_path / "strict.toml"
    text = 'name = "strict"\n[detector]\nfactory = "truth"\n[acceptance]\ndeciding = ["knapp_rag_ceiling"]\n'
    for ceiling, code in ((0.2, 1), (0.23, 0)):
        scenario.write_text(text + f"rag_ceiling = {ceiling}\n")
        found = bench("baseline", "compare", *FILES, "--scenario", scenario)
        assert found[0] == code, found


def test_the_rule_comes_from_a_scenario_unless_it_is_typed(bench: Bench, tmp_path: Path) -> None:
    """17 of 30 runs are no right product by 7 of 10, and one by a scenario's 1 of 2; what is typed stands above it."""
    scenario = tmp_path / "half.toml"
    scenario.write_text('name = "half"\n[kit]\nruns = 2\nrequired = 1\n[detector]\nfactory = "truth"\n')
    rules = {(): (21, 3), ("--scenario", scenario): (15, 4), ("--scenario", scenario, "--of", 3): (10, 4),
             ("--scenario", scenario, "--required", 2): (30, 3)}  # fmt: skip
    for words, (required, right) in rules.items():
        found = json.loads(bench("baseline", "compare", *FILES, "--json", *words)[1])
        assert (found["required"], found["products"]["defective"]["right"]) == (required, right)
    code, _, error = bench("baseline", "compare", *FILES, "--scenario", scenario, "--required", 3)
    assert (code, error) == (2, "command line: required: expected at most 2, the number it is out of, got 3\n")


def test_a_scenario_that_decides_by_time_alone_is_refused(bench: Bench, tmp_path: Path) -> None:
    """No file of looks tells of time: one sentence that names the scenario."""
    scenario = tmp_path / "late.toml"
    scenario.write_text(
        'name = "late"\n[detector]\nfactory = "truth"\n[acceptance]\ndeciding = ["no_late_run"]\n', encoding="utf-8"
    )
    code, text, error = bench("baseline", "compare", *FILES, "--scenario", scenario)
    assert (code, text) == (2, "")
    assert "late.toml: acceptance.deciding: expected a criterion that looks alone can show, got no_late_run" in error


def test_what_cannot_be_compared_is_refused(bench: Bench, tmp_path: Path) -> None:
    """Two machines, a criterion that names nothing, more right looks asked than there are."""
    kit, looks, machine = FILES
    two = tmp_path / "two.csv"
    sheet = pd.read_csv(machine)
    sheet.assign(**{"other 1": "accept"}).rename(columns={"machine 30": "other 2"}).to_csv(two, index=False)
    cases = [
        ((kit, looks, two), "two.csv: product D1, inspector other: expected looks 1 to 29, got 1, 2"),
        (
            (kit, looks, machine, "--deciding", "luck"),
            "acceptance.deciding: expected one of defective_median",
        ),
        ((kit, looks, machine, "--required", "11"), "command line: required: expected at most 10"),
        ((kit, looks, tmp_path / "none.csv"), "none.csv: expected a file of looks (CSV), got no such file"),
    ]
    for words, sentence in cases:
        code, text, error = bench("baseline", "compare", *words)
        assert (code, text) == (2, ""), words
        assert sentence in error
    both = pd.read_csv(looks)
    machines = tmp_path / "machines.csv"
    pd.DataFrame({"product": both["product"], "one 1": "accept", "two 1": "accept"}).to_csv(machines, index=False)
    assert (
        "machine's looks: inspector: expected one machine, got one, two"
        in bench("baseline", "compare", kit, looks, machines)[2]
    )


def test_one_run_of_the_machine_does_not_ask_more_of_inspectors(bench: Bench, tmp_path: Path) -> None:
    """A machine that looks once and accepts everything fails beside inspectors who are right in nine looks of ten."""
    products = [f"D{number}" for number in range(1, 6)] + [f"G{number}" for number in range(1, 6)]
    kit = tmp_path / "kit.csv"
    rows = ["product,truth,defect,vial,region,size_um,contrast,criticality,seed"]
    rows += [f"{p},defective,black_spot,0,2,500,0.3,major,1" if p[0] == "D" else f"{p},good,,,,,,,1" for p in products]
    kit.write_text("\n".join(rows) + "\n", encoding="utf-8")
    looks, once = tmp_path / "looks.csv", tmp_path / "once.csv"
    right = {p: "reject" if p[0] == "D" else "accept" for p in products}
    wrong = {p: "accept" if p[0] == "D" else "reject" for p in products}
    pd.DataFrame(
        {
            "product": p,
            **{f"{who} {look}": (wrong if look == 1 else right)[p] for who in "ABC" for look in range(1, 11)},
        }
        for p in products
    ).to_csv(looks, index=False)
    pd.DataFrame({"product": products, "one 1": "accept"}).to_csv(once, index=False)
    code, text, error = bench("baseline", "compare", kit, looks, once, "--json")
    assert (code, error) == (1, "")
    found = json.loads(text)
    assert found["verdict"] == "FAIL"
    assert found["panel"]["required"] == 7


KITS = {
    "no defective": ["G1", "G2"],
    "no good": ["D1", "D2"],
    "a class with one product": ["D1", "G1"],
    "two of each": ["D1", "D2", "G1", "G2"],
}


@pytest.mark.parametrize("machine", ["all right", "all wrong"])
@pytest.mark.parametrize("people", ["all right", "all wrong"])
@pytest.mark.parametrize("name", KITS)
def test_every_small_study_has_an_answer(bench: Bench, tmp_path: Path, name: str, people: str, machine: str) -> None:
    """What no product can show is not passed; all right and all wrong are answered: no NaN, no traceback."""
    products = KITS[name]
    truth = ["defective" if product[0] == "D" else "good" for product in products]
    kit = tmp_path / "kit.csv"
    pd.DataFrame({"product": products, "truth": truth}).to_csv(kit, index=False)
    words = {"all right": ("reject", "accept"), "all wrong": ("accept", "reject")}
    for who, how, looks in (("anna", people, 3), ("machine", machine, 10)):
        verdicts = [words[how][product[0] == "G"] for product in products]
        sheet = {"product": products, **{f"{who} {look}": verdicts for look in range(1, looks + 1)}}
        pd.DataFrame(sheet).to_csv(tmp_path / f"{who}.csv", index=False)
    files = (kit, tmp_path / "anna.csv", tmp_path / "machine.csv")
    code, text, error = bench("baseline", "compare", *files, "--json")
    passes = len(set(truth)) == 2 and (machine == "all right" or people == "all wrong")
    assert (code, error) == (0 if passes else 1, "")
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} among the figures"))
    told = bench("baseline", "compare", *files)[1]
    assert "nan" not in told.lower().split()
