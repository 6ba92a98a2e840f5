"""The report on paper: printed by an installed Chromium, whose print layout the style sheet is written for.

No Python package stands in for it: those that lay out a page need libraries of the system that a bare Python has not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness.errors import ResultError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-pdf-header-footer",
)  # fmt: skip
SECONDS = 300
"""A page with 261 products prints in some ten seconds; one that takes this long is given up."""


def find_browser(names: tuple[str, ...] = BROWSERS) -> str:
    """The first Chromium on the path.

    Raises:
        ResultError: There is none.

    >>> find_browser(("no-such-browser",))
    Traceback (most recent call last):
    harness.errors.ResultError: report --pdf: expected an installed Chromium (no-such-browser), got none
    """
    for name in names:
        if found := shutil.which(name):
            return found
    raise ResultError("report --pdf", f"an installed Chromium ({', '.join(names)})", "none")


def print_pdf(folder: Path, *, browser: str) -> Path:
    """Print `report.html` of a result to `report.pdf` beside it.

    Args:
        folder: With its `report.html`.
        browser: A Chromium to run.

    Raises:
        ResultError: It cannot be run, or printed nothing; no file is left then.
    """
    with tempfile.TemporaryDirectory() as scratch:
        printed = Path(scratch) / "report.pdf"
        command = [
            browser, *FLAGS, *_sandbox(), f"--user-data-dir={scratch}/profile", f"--print-to-pdf={printed}",
            (folder / "report.html").resolve().as_uri(),
        ]  # fmt: skip
        try:
            subprocess.run(
                command, capture_output=True, timeout=SECONDS, check=True, env={**os.environ, "HOME": scratch}
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ResultError("report --pdf", f"{browser} to print the report", error) from None
        if not printed.is_file():
            raise ResultError("report --pdf", f"{browser} to print the report", "no file")
        shutil.copyfile(printed, folder / "report.pdf")
    return folder / "report.pdf"


def _sandbox() -> tuple[str, ...]:
    """A Chromium refuses its sandbox to the superuser; the page it prints is ours and holds no script."""
    return ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
