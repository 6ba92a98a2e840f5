"""What the report says of drift: distances, a sentence, or why there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.report import report_text
from harness.report.drift import drift_page
from harness.result.stored import Stored

Make = Callable[..., Path]


def with_drift(folder: Path, found: dict[str, Any]) -> Path:
    """The result with this in its summary."""
    path = folder / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "drift": found}))
    return folder


def kind(*drifted: bool) -> dict[str, Any]:
    """One kind of products, a region each."""
    row = {"median": 0.5, "calibration_median": 0.25, "distance": 0.75, "p_holm": 0.001}
    rows = [{**row, "drifted": one} for one in drifted]
    return {"products": 7, "drifted": any(drifted), "regions": rows}


def found_of(good: dict[str, Any] | None, everything: dict[str, Any]) -> dict[str, Any]:
    """As in `summary.json`."""
    return {"why": "", "level": 0.05, "calibration_products": 60, "good": good, "all": everything}


def test_a_row_a_region_for_good_products_and_for_all(make: Make) -> None:
    """The region that drifted is named in the sentence, and each row says so."""
    folder = make(vials=1, regions=("upper", "lower"))
    page = drift_page(Stored(with_drift(folder, found_of(kind(False, True), kind(True, True)))))
    assert page["drift_said"] == "Good products of the kit score unlike those of the calibration (R1 lower), at 5 %."
    rows = [[cell.text for cell in row] for row in page["drift"].rows]
    assert rows[1] == ["good: 7", "R1 lower", "0.250", "0.500", "0.750", "0.001", "drifted"]
    assert [row[-1] for row in rows] == ["no drift found", "drifted", "drifted", "drifted"]
    assert page["drift_said"] in report_text(folder)


def test_nothing_found_is_said_too(make: Make) -> None:
    """And that a kit has no good product."""
    folder = make(vials=1, regions=("upper", "lower"))
    assert drift_page(Stored(with_drift(folder, found_of(kind(False, False), kind(False, True)))))["drift_said"] == (
        "Good products of the kit: no drift found, at 5 %."
    )
    page = drift_page(Stored(with_drift(folder, found_of(None, kind(False, True)))))
    assert page["drift_said"] == "no number: the kit holds no good product"
    assert len(page["drift"].rows) == 2


@pytest.mark.parametrize("why", ["not recorded: these thresholds", None])
def test_what_was_not_recorded_is_said(why: str | None, make: Make) -> None:
    """In thresholds, or in a result from before."""
    folder = make() if why is None else with_drift(make(), {"why": why})
    said = why or "not recorded: this result was written before drift was looked at"
    assert drift_page(Stored(folder)) == {"drift": None, "drift_said": said}
    assert said in report_text(folder)
