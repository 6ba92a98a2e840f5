"""The other sections: what each says of a folder whose numbers are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.report import report_text
from harness.report.counts import (
    paired_section,
    repeatability_section,
    subgroups_section,
    yield_section,
    zones_section,
)
from harness.report.curves import curves_section
from harness.report.deviations import deviations_section
from harness.report.matrix import matrix_section
from harness.report.paper import paper_section
from harness.report.tables import baseline_section, protocol_section, scope_section
from harness.report.words import Cell, Table
from harness.result.stored import Stored

Make = Callable[..., Path]


def texts(table: Table) -> list[list[str]]:
    """The cells as plain text."""
    return [[cell.text for cell in row] for row in table.rows]


def test_regions_and_rule_follow_the_geometry(make: Make) -> None:
    """One vial, two regions of other names, two of three runs: nothing of the paper's strip is left."""
    stored = Stored(make(vials=1, regions=("upper", "lower"), runs=3, required=2))
    assert scope_section(stored)["regions"] == "R0 upper, R1 lower"
    assert scope_section(stored)["patches"] == 6
    assert protocol_section(stored)["rule"] == "2 of 3, not 7 of 10"
    paper = paper_section(stored)
    assert (paper["comparable"], paper["same_rule"]) == (False, False)
    assert texts(paper["tables"][0])[0][-1] == "no number: other regions than the paper's"
    assert texts(yield_section(stored)["places"]) == [["R0 upper", "0"], ["R1 lower", "0"]]


def test_each_look_is_a_letter(make: Make) -> None:
    """Accepted, rejected and late looks, in the order of runs."""
    rows = texts(matrix_section(Stored(make(missed=1, late=1)))["letters"])
    assert rows[0] == ["D001", "defective", "LAAAAAAAAA", "1/10", "wrong"]
    assert rows[1] == ["D002", "defective", "RRRRRRRRRR", "10/10", "right"]
    assert rows[-1] == ["G004", "good", "AAAAAAAAAA", "0/10", "right"]


def test_a_look_without_a_row_is_no_accept(make: Make) -> None:
    """A product the line never saw is F in every run and wrong."""
    import pandas as pd

    folder = make()
    ledger = pd.read_parquet(folder / "ledger.parquet")
    ledger[ledger["product"] != "G001"].to_parquet(folder / "ledger.parquet", index=False)
    rows = {row[0]: row[2] for row in texts(matrix_section(Stored(folder))["letters"])}
    assert rows["G001"] == "FFFFFFFFFF"
    assert deviations_section(Stored(folder))["absent"] == 10


def test_baseline_has_a_row_for_each_inspector(make: Make) -> None:
    """Three inspectors, their median and all pooled; four looks are held to the share of 7 of 10."""
    page = baseline_section(Stored(make()))
    assert [row[0] for row in texts(page["table"])] == ["I1", "I2", "I3", "median inspector", "all pooled"]
    assert page["rule"] == "3 of 4 for an inspector alone, 9 of 12 for all pooled"


def test_zones_have_a_point_for_each_inspector(make: Make) -> None:
    """Machine, three inspectors and the pool stand in the table and in the words of the figure."""
    page = zones_section(Stored(make()))
    assert [row[0] for row in texts(page["efficiencies"])][:2] == ["machine", "assumed inspector I1"]
    assert "I3 RZE" in page["figure"]
    assert "machine RZE 1.000, RAG" in page["figure"]


def test_small_groups_carry_no_percentage(make: Make) -> None:
    """Fewer than 29 products: the count, and that it is not enough."""
    tables = subgroups_section(Stored(make(missed=1)))["tables"]
    assert [table.head[0] for table in tables] == ["class", "size", "region", "vial", "criticality"]
    assert texts(tables[4])[0][:2] == ["critical", "1/2"]
    assert {row[1].note for table in tables for row in table.rows} == {"n < 29"}
    inspectors = tables[4].rows[0][2]
    assert 0 <= float(inspectors.text) <= 2
    assert inspectors.note[0] <= inspectors.text[0] <= inspectors.note[-1]


def test_misses_have_a_map(make: Make) -> None:
    """Six defects one a region and vial in turn; the first two are missed, and where no defect lies it says none."""
    rows = texts(subgroups_section(Stored(make(missed=2)))["missed"])
    assert rows[0] == ["R0 flag", "1/1", "none", "none", "none", "0/1"]
    assert rows[1] == ["R1 top body", "0/1", "1/1", "none", "none", "none"]


def test_large_groups_do(make: Make) -> None:
    """29 products and more: a percentage."""
    table = subgroups_section(Stored(make(defective=90, runs=1, required=1)))["tables"][0]
    assert table.rows[0][1] == Cell("30/30", "tight", "100.0 %")


def test_power_is_of_a_machine_equal_to_the_inspectors(make: Make) -> None:
    """Every criterion of counts has a row, from the assumed model or from the recorded shares."""
    assumed, recorded = paired_section(Stored(make())), paired_section(Stored(make(source="recorded")))
    assert len(assumed["power"].rows) == 13
    assert "assumed model" in assumed["power_from"]
    assert "recorded shares" in recorded["power_from"]
    rag = next(row for row in texts(assumed["power"]) if row[0].startswith("Knapp: rejects"))
    assert rag[1:] == ["no number: no ceiling set", "no share", "no interval"]
    without = {row[0]: row[1] for row in texts(paired_section(Stored(make(good=0)))["power"])}
    assert without["Paired, good products (McNemar)"] == "no number: no such products"
    assert texts(assumed["curve"])[0][1:] == ["0.0106", "0.1719", "0.6496", "0.8791", "0.9872", "0.9990"]


def test_repeatability_counts_identical_looks(make: Make) -> None:
    """One late look among ten accepted ones leaves nine alike."""
    page = repeatability_section(Stored(make(missed=1, late=1)))
    assert texts(page["table"])[:2] == [["10 of 10", "5/6", "4/4", "9/10"], ["9 of 10", "1/6", "0/4", "1/10"]]


def test_curves_say_why_there_is_none(make: Make) -> None:
    """Separated or constant looks have a remark in place of a size."""
    page = curves_section(Stored(make()))
    assert len(page["figures"]) == 4  # all, and three classes
    assert texts(page["table"])[0][4:8] == ["no number: see remark"] * 4
    assert "every look is a hit" in texts(page["table"])[0][8]
    assert curves_section(Stored(make(defective=0)))["nothing"].startswith("no number")


def test_yield_counts_false_rejects(make: Make) -> None:
    """One of four good products rejected in every run costs a quarter of the strips."""
    page = yield_section(Stored(make(false=1)))
    assert (page["products"], page["looks"], page["of_thousand"], page["an_hour"]) == ("1/4", "10/40", "250.0", "1,800")
    assert texts(page["places"])[0] == ["R0 flag", "10", "0", "0", "0", "0"]
    assert yield_section(Stored(make(good=0)))["nothing"] == "no number: the kit has no good product"


def test_deviations_list_late_runs(make: Make) -> None:
    """What the detector did not decide is counted by cause and listed."""
    page = deviations_section(Stored(make(late=2)))
    assert texts(page["causes"]) == [
        ["decided by the detector", "58", "40", "98"],
        ["late: the verdict came after the cut-off", "2", "0", "2"],
    ]
    assert [row[0] for row in texts(page["runs"])] == ["D001", "D002"]
    assert "2 above 492 ms" in page["latency_figure"]
    assert page["ahead"].startswith("An inspection takes 250.0 ms of computing on average. 90.0 ms of that need")


def test_paper_tables_show_integer_counts_beside_the_printed_rates(make: Make) -> None:
    """Rate, numerator and denominator of ours; the paper's as printed; no rate of nothing."""
    tables = paper_section(Stored(make()))["tables"]
    assert texts(tables[1]) == [
        ["accuracy", "0.7500 = 3/4", ".9593"],
        ["defect detected", "0.9467 = 1136/1200", ".9694"],
        ["good accepted", "no number: 0 of 0", ".9467"],
    ]
    assert texts(tables[0])[0] == ["R0 flag", "accuracy", "0.7500 = 3/4", ".9919"]
    assert paper_section(Stored(make(paper=False)))["nothing"].startswith("no number: the line inspected fewer runs")


def test_looks_are_counted_by_the_state_of_the_liquid(make: Make) -> None:
    """Ten runs with 5 to 14 stuck bodies each fall in three groups, for either kind of product."""
    titles = ["Single looks right, by bubbles and drops that do not move in the run"]
    page = subgroups_section(Stored(make(missed=2)))
    found = [one for one in page["liquid"] if one.caption in titles]
    assert [row[:3] for row in texts(found[0])] == [
        ["defective", "5 \u2013 8", "16/24"],
        ["defective", "9 \u2013 11", "12/18"],
        ["defective", "12 \u2013 14", "12/18"],
        ["good", "5 \u2013 8", "16/16"],
        ["good", "9 \u2013 11", "12/12"],
        ["good", "12 \u2013 14", "12/12"],
    ]


def test_a_recordings_liquid_is_not_known(make: Make) -> None:
    """No table, and a sentence in its place."""
    folder = make(liquid=False)
    assert subgroups_section(Stored(folder))["liquid"] == []
    assert "The state of the liquid is not known for these strips: no number." in report_text(folder)
