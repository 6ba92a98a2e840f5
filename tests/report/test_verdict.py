"""Section 1: plain words for the verdict, the timing and every criterion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.report.verdict import criteria_table, verdict_section
from harness.result.stored import Stored

Make = Callable[..., Path]


@pytest.mark.parametrize(
    ("choices", "words", "timing"),
    [
        ({}, "PASS against assumed inspectors", "VALID"),
        ({"source": "recorded"}, "PASS", "VALID"),
        ({"missed": 6}, "FAIL against assumed inspectors", "VALID"),
        ({"missed": 6, "valid": False}, "INVALID", "INVALID"),
        ({"valid": None}, "PASS against assumed inspectors", "NOT CLAIMED"),
    ],
)
def test_verdict_in_plain_words(make: Make, choices: dict[str, Any], words: str, timing: str) -> None:
    """PASS, FAIL and INVALID, assumed inspectors named, timing beside it."""
    page = verdict_section(Stored(make(**choices)))
    assert (page["verdict_text"], page["timing"]) == (words, timing)


def test_what_decides_stands_apart(make: Make) -> None:
    """The three deciding criteria come first and alone; the other eleven are shown."""
    page = verdict_section(Stored(make(late=1)))
    assert [row[0].text for row in page["deciding"].rows] == [
        "Defective products right, against the median inspector",
        "Good products right, against the median inspector",
        "No late run",
    ]
    assert len(page["shown"].rows) == 11
    assert "No late run" in page["why"]


def test_a_criterion_shows_counts_interval_and_result() -> None:
    """Numerator / denominator, an interval in the unit of what was observed, and words where there is no number."""
    row = {"name": "noninferior_major", "observed": "-5.0 points", "bound": "interval above -5 points", "passed": False,
           "numerator": -1, "denominator": 20, "low": -0.2, "high": 0.1, "note": "Tango score"}  # fmt: skip
    empty = {"name": "knapp_rag_ceiling", "observed": "no RAG", "bound": "no ceiling set", "passed": None,
             "numerator": None, "denominator": None, "low": None, "high": None, "note": ""}  # fmt: skip
    shown = [[cell.text for cell in cells] for cells in criteria_table("", [row, empty]).rows]
    assert shown == [
        ["Not inferior, major defects", "fail", "-5.0 points", "interval above -5 points", "\u22121/20",
         "\u221220.0 \u2013 +10.0 points"],
        ["Knapp: rejects in the accept and grey zones", "not decided", "no RAG", "no ceiling set", "no count: a mean",
         "no interval"],
    ]  # fmt: skip


def test_every_criterion_has_a_name_in_words() -> None:
    """A criterion that is added to the policy is named here too."""
    from harness.acceptance.criteria import CRITERIA
    from harness.report.verdict import CRITERION_NAMES

    assert tuple(CRITERION_NAMES) == CRITERIA
