"""Section 9: every failing product is there, with its pictures as long as they fit and by name when they do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report import gallery
from harness.report.gallery import gallery_section
from harness.result.stored import Stored

Make = Callable[..., Path]


def test_every_failing_product_is_shown_worst_first(make: Make) -> None:
    """Misses come before false rejects, critical before major before minor."""
    page = gallery_section(Stored(make(missed=4, false=2)))
    assert [card.product for card in page["failing"]] == ["D001", "D004", "D002", "D003", "G001", "G002"]
    assert all(len(card.pictures) == 4 for card in page["failing"])
    assert page["named"].rows == ()
    assert [row[0].text for row in page["right"].rows] == ["D005", "D006", "G003", "G004"]


def test_pictures_beyond_the_budget_are_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit stays a row with the names of its files; none is left out."""
    folder = make(missed=3, false=1)
    one = sum(path.stat().st_size for path in (folder / "evidence").glob("D001-*"))
    monkeypatch.setattr(gallery, "EMBEDDED_BYTES", one)
    page = gallery_section(Stored(folder))
    assert [card.product for card in page["failing"]] == ["D001"]
    assert [row[0].text for row in page["named"].rows] == ["D002", "D003", "G001"]
    assert "evidence/G001-residual.webp" in page["named"].rows[-1][-1].text


def test_without_pictures_every_failing_product_is_still_named(make: Make) -> None:
    """No evidence is said in words, product by product."""
    page = gallery_section(Stored(make(missed=6, false=4, evidence=False)))
    assert len(page["named"].rows) == page["count"] == 10
    assert {row[-1].text for row in page["named"].rows} == {"no picture was stored"}
    assert {row[-2].text for row in page["named"].rows} == {"no number: no run of it was inspected"}


def test_late_rejects_stand_beside_the_table_without_them(make: Make) -> None:
    """A machine that rejects since it is late does not look sharp."""
    table = gallery_section(Stored(make(missed=6, late=100)))["table"]
    assert [[cell.text for cell in row[1::2]] for row in table.rows] == [
        ["6/6", "0/4"],
        ["0/6", "0/4"],
        ["60/60 = 100.0 %", "0/40 = 0.0 %"],
    ]


def test_heatmaps_that_point_at_the_defect_are_counted(make: Make) -> None:
    """Hits are counted among the products where there is a defect to lie on, and no others."""
    folder = make(missed=3, false=1)
    path = folder / "evidence" / "index.json"
    index = json.loads(path.read_text(encoding="utf-8"))
    for entry, hit in zip(index, (True, False, True, None), strict=True):
        entry["hottest_on_defect"] = hit
    path.write_text(json.dumps(index), encoding="utf-8")
    page = gallery_section(Stored(folder))
    assert (page["hits"], page["marked"]) == (2, 3)
