"""Traceability: each clause leads to a section that is there, and what is not answered stays to be seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report.guidance import NEEDS, Clause, clauses, guidance_section
from harness.report.html import SECTIONS
from harness.report.words import Cell
from harness.result.stored import Stored

NUMBERS = {section.key: number for number, section in enumerate(SECTIONS, start=1)}


@pytest.mark.parametrize("clause", clauses(), ids=lambda clause: f"{clause.clause}: {clause.asks[:20]}")
def test_every_row_leads_somewhere_or_says_why_not(clause: Clause) -> None:
    """A row names sections that exist and what stands there, or else who has to answer."""
    assert set(clause.sections) <= set(NUMBERS)
    assert set(clause.needs) <= set(NEEDS)
    assert bool(clause.sections) == bool(clause.answer) != bool(clause.why)


def test_all_guidance_of_the_specification_has_rows() -> None:
    """Every document that the acceptance specification cites is there, each with at least one row."""
    cited = (
        "USP <790>", "USP <1790>", "Ph. Eur. 2.9.20", "Ph. Eur. 5.17.2",
        "EU GMP Annex 1, 8.30", "EU GMP Annex 1, 8.31", "EU GMP Annex 1, 8.32", "EU GMP Annex 1, 8.33",
        "EU GMP Annex 22 (draft, July 2025), 4.3", "EU GMP Annex 22 (draft, July 2025), 5.6",
        "EU GMP Annex 22 (draft, July 2025), 6", "EU GMP Annex 22 (draft, July 2025), 8", "21 CFR 11",
    )  # fmt: skip
    for name in cited:
        assert any(clause.clause.startswith(name) for clause in clauses()), name


def states(folder: Path) -> dict[str, Cell]:
    """The last cell of every row, by clause and first words."""
    rows = guidance_section(Stored(folder), NUMBERS)["table"].rows
    assert len(rows) == len(clauses())
    return {f"{row[0].text} {row[1].text}": row[-1] for row in rows}


def test_generated_strips_and_assumed_inspectors_are_no_evidence(make: Callable[..., Path]) -> None:
    """With drawn strips and assumed inspectors "equal to, or better than, manual inspection" has no evidence."""
    cell = next(cell for name, cell in states(make()).items() if "equal to, or better" in name)
    assert (cell.text, cell.tone) == ("no evidence yet", "fail")
    assert cell.note.startswith("the inspectors are assumed; the strips are generated. Would stand there: ")


def test_recorded_looks_and_photographs_are(make: Callable[..., Path]) -> None:
    """With recorded looks and strips every row that a bench can answer is answered; the others stay visible."""
    found = states(make(source="recorded", provenance="recorded strips: a camera (CC0)"))
    assert {cell.text for cell in found.values()} == {"answered", "answered in part", "not here"}
    partly = [cell.note for cell in found.values() if cell.text == "answered in part"]
    assert len(partly) == sum(bool(clause.but) for clause in clauses()) == 7
    assert all(". Left open: " in note for note in partly)
    outside = [name for name, cell in found.items() if cell.text == "not here"]
    assert len(outside) == sum(not clause.sections for clause in clauses())


def test_rows_that_are_open_are_counted(make: Callable[..., Path]) -> None:
    """The sentence above the table counts what the table shows."""
    folder = make(quick=True, evidence=False, missed=1)
    page = guidance_section(Stored(folder), NUMBERS)
    assert page["open"] == sum(cell.tone != "pass" for cell in states(folder).values())
    assert page["count"] == len(clauses())
