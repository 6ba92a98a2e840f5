"""The page in a real browser: nothing to complain about, nothing asked of the network, nothing wider than a phone."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
    "--log-level=0",
)  # fmt: skip

PROBE = """<!DOCTYPE html><meta charset="utf-8"><iframe src="report.html" style="width:390px;height:800px"></iframe>
<script>addEventListener("load", () => {
  const page = document.querySelector("iframe").contentDocument;
  const broken = [...page.images].filter((image) => image.complete && !image.naturalWidth).length;
  const asked = document.querySelector("iframe").contentWindow.performance.getEntriesByType("resource");
  const outside = asked.filter((entry) => !entry.name.startsWith("data:")).length;
  document.title = [page.documentElement.scrollWidth, broken, outside, page.querySelectorAll("h2").length].join(" ");
});</script>"""


def browse(page: Path, profile: Path, *extra: str) -> subprocess.CompletedProcess[str]:
    """The page as the browser leaves it, and what it logged."""
    command = [str(CHROMIUM), *FLAGS, *extra, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    environment = {**os.environ, "HOME": str(profile)}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True, env=environment)


def test_no_console_error(make: Callable[..., Path], tmp_path: Path) -> None:
    """The console stays empty."""
    folder = make(missed=2, false=1, late=2)
    write_report(folder)
    answer = browse(folder / "report.html", tmp_path / "profile")
    assert [line for line in answer.stderr.splitlines() if "CONSOLE" in line] == []
    assert answer.stdout.count("<h2>") == 18


def test_nothing_sticks_out_at_phone_width(make: Callable[..., Path], tmp_path: Path) -> None:
    """At 390 px the page is 390 px wide: wide tables scroll inside. No picture is broken, no request leaves."""
    folder = make(missed=2, false=1, late=2)
    write_report(folder)
    (folder / "probe.html").write_text(PROBE, encoding="utf-8")
    answer = browse(
        folder / "probe.html", tmp_path / "profile", "--allow-file-access-from-files", "--window-size=800,900"
    )
    title = answer.stdout.partition("<title>")[2].partition("</title>")[0]
    width, broken, outside, headings = (int(number) for number in title.split())
    assert width <= 390
    assert (broken, outside, headings) == (0, 0, 18)


PAPER = """<!DOCTYPE html><meta charset="utf-8"><iframe src="printed.html" style="width:703px;height:1000px"></iframe>
<script>addEventListener("load", () => {
  const page = document.querySelector("iframe").contentDocument;
  const cut = [...page.querySelectorAll("table, figure, svg")].filter(
    (one) => one.getBoundingClientRect().right > page.documentElement.clientWidth + 1);
  document.title = [page.querySelectorAll("table").length, ...cut.map((one) =>
    (one.caption || one.closest("section") || one).textContent.trim().slice(0, 60))].join("|");
});</script>"""
"""A4 less its margins of 12 mm is 186 mm or 703 px wide."""


def test_no_table_is_cut_on_paper(make: Callable[..., Path], tmp_path: Path) -> None:
    """With the rules for print, and everything folded open, no table or figure is wider than an A4 page."""
    folder = make(missed=2, false=1, late=2)
    write_report(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "@media print {" in page
    printed = page.replace("@media print {", "@media all {").replace("<details", "<details open")
    (folder / "printed.html").write_text(printed, encoding="utf-8")
    (folder / "paper.html").write_text(PAPER, encoding="utf-8")
    answer = browse(
        folder / "paper.html", tmp_path / "profile", "--allow-file-access-from-files", "--window-size=800,1100"
    )
    tables, *cut = answer.stdout.partition("<title>")[2].partition("</title>")[0].split("|")
    assert int(tables) > 20
    assert cut == []
