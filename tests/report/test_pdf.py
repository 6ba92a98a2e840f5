from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import ResultError
from harness.report import write_report
from harness.report.pdf import BROWSERS, find_browser, print_pdf

Make = Callable[..., Path]


@pytest.mark.browser
@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="chromium is not installed")
def test_report_is_printed(make: Make) -> None:
    """A Chromium on the path prints the page as a PDF of several pages, each of A4: 595 x 842 points."""
    folder = make(missed=2, false=1)
    write_report(folder)
    printed = print_pdf(folder, browser=find_browser()).read_bytes()
    assert printed.startswith(b"%PDF-")
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    boxes = re.findall(rb"/MediaBox\s*\[\s*([\d.]+)\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)\s*\]", printed)
    assert pages > 1
    assert len(boxes) == pages
    assert {tuple(round(float(edge)) for edge in box) for box in boxes} == {(0, 0, 595, 842)}


def test_a_missing_browser_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no Chromium is on the path the sentence names those that were looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ResultError) as caught:
        find_browser()
    assert str(caught.value) == f"report --pdf: expected an installed Chromium ({', '.join(BROWSERS)}), got none"


def test_a_browser_that_fails_leaves_no_file(tmp_path: Path) -> None:
    """A program that cannot be started, or ends badly, is named."""
    (tmp_path / "report.html").write_text("")
    with pytest.raises(ResultError, match="expected /nowhere/chromium to print the report"):
        print_pdf(tmp_path, browser="/nowhere/chromium")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
