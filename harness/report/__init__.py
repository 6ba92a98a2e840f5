"""The report of a result folder: one HTML file that opens without a network. Formats tables, concludes nothing."""

from __future__ import annotations

from pathlib import Path

__all__ = ["report_text", "write_report"]


def write_report(folder: Path) -> None:
    """Write `report.html` of a result folder from what is stored in it; the same folder gives the same bytes.

    Args:
        folder: With `summary.json`, `manifest.json`, the four tables, `looks.csv`, and `evidence/` where there is one.

    Raises:
        ResultError: A file of the result is missing or unreadable.
    """
    page = report_text(folder)
    beside = folder / ".report.html.new"
    beside.write_text(page, encoding="utf-8", newline="\n")
    beside.replace(folder / "report.html")


def report_text(folder: Path) -> str:
    """The page that `write_report` writes.

    Raises:
        ResultError: As above.
    """
    from harness.report.html import report_html  # late: what draws is slow to load, and most commands draw nothing

    return report_html(folder)
