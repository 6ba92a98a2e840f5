"""Numbers in words: rounding, signs, and a sentence where there is no number."""

from __future__ import annotations

import pytest

from harness.report.words import interval, number, percent, rule_text, table


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_no_number_says_why(value: float | None) -> None:
    """Whatever is no finite number becomes a sentence."""
    assert number(value, why="nothing was inspected") == "no number: nothing was inspected"
    assert percent(value, why="nothing was inspected") == "no number: nothing was inspected"
    assert interval(value, 0.5) == "no interval"


def test_signs_are_typographic_and_thousands_are_set_apart() -> None:
    """Read by people, not by programs."""
    assert number(-1234.5, 1, unit="ms") == "\u22121,234.5 ms"
    assert interval(-0.1, -0.05, "points") == "\u221210.0 \u2013 \u22125.0 points"


def test_another_rule_than_the_papers_says_so() -> None:
    """7 of 12 is not 7 of 10 either."""
    assert rule_text(7, 12) == "7 of 12, not 7 of 10"


def test_a_table_without_rows_keeps_its_sentence() -> None:
    """An empty table has a defined answer."""
    assert table("Faults", ["fault"], [], empty="No fault was injected.").empty == "No fault was injected."
