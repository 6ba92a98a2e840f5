"""The page as a whole: complete, the same every time, and alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ResultError
from harness.report import write_report
from harness.report.gallery import EMBEDDED_BYTES
from harness.report.html import SECTIONS, TEMPLATES, report_html

Make = Callable[..., Path]

CASES: dict[str, dict[str, Any]] = {
    "all right": {},
    "all wrong": {"missed": 6, "false": 4},
    "no evidence, no paper tables, no claim": {
        "missed": 2,
        "evidence": False,
        "paper": False,
        "valid": None,
        "quick": True,
        "command": "",
    },
    "timing invalid, late": {"valid": False, "late": 30},
    "recorded": {"source": "recorded", "provenance": "recorded strips: a camera (CC0)"},
    "other geometry": {"vials": 1, "regions": ("upper", "lower"), "runs": 3, "required": 2, "missed": 1},
    "no good": {"good": 0},
    "no defective": {"defective": 0, "false": 1},
    "one product each": {"defective": 1, "good": 1},
    "no score": {"unscored": 3, "false": 1},
}
VOID = {"meta", "img", "br", "path", "rect", "circle", "use"}


class Page(HTMLParser):
    """Collects what the checks below ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.loads: list[str] = []
        self._silent = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Headings, anchors, pictures, and everything that is loaded."""
        values = dict(attrs)
        self._silent += tag == "style"
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if values.get("id"):
            self.ids.append(str(values["id"]))
        if tag == "a":
            self.links.append(str(values["href"]))
        if tag == "img" or (tag == "svg" and values.get("aria-hidden") != "true"):
            self.pictures.append(values)
        self.loads += [str(values[name]) for name in ("src", "href", "xlink:href", "srcset") if values.get(name)]
        assert tag not in {"script", "link", "iframe", "object"}

    def handle_endtag(self, tag: str) -> None:
        """The style sheet ends."""
        self._silent -= tag == "style"

    def handle_data(self, data: str) -> None:
        """Words that a reader sees."""
        if not self._silent:
            self.text.append(data)


@pytest.mark.parametrize("name", CASES)
def test_every_case_gives_a_whole_page(make: Make, name: str) -> None:
    """All sections in order, headings and pictures in words, nothing called NaN or None, nothing fetched."""
    html = report_html(make(**CASES[name]))
    page = Page(html)
    numbers = re.findall(r'<h2><span class="number">(\d+)</span>', html)
    assert numbers == [str(number) for number in range(1, 19)]
    words = " ".join(page.text)
    assert not re.search(r"\b(nan|NaN|None|NaT|inf|undefined)\b", words)
    assert not re.search(r"\bpositive", words)
    assert "http" not in html
    assert all(load.startswith(("#", "data:image/webp;base64,")) for load in page.loads)

    can_be_read_aloud(page)


def can_be_read_aloud(page: Page) -> None:
    """Headings skip no level, every picture has words, every anchor exists once."""
    assert page.headings[0] == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert all(picture.get("alt") or picture.get("aria-label") for picture in page.pictures)
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} == {section.key for section in SECTIONS} <= set(page.ids)


def test_the_same_folder_gives_the_same_bytes(make: Make) -> None:
    """Nothing of the clock or of chance is in the page, nor do the digests of the files change it."""
    folder = make(missed=2, false=1, late=3)
    write_report(folder)
    first = (folder / "report.html").read_bytes()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    (folder / "manifest.json").write_text(json.dumps({**manifest, "files": {"report.html": "0" * 64}}))
    write_report(folder)
    assert (folder / "report.html").read_bytes() == first


def test_every_section_has_its_template() -> None:
    """No template is left over and none is missing."""
    assert {path.name for path in (TEMPLATES / "sections").iterdir()} == {f"{s.key}.html.j2" for s in SECTIONS}


def test_text_from_outside_stays_text(make: Make) -> None:
    """A command, a provenance or an inspector's name cannot become part of the page."""
    html = report_html(make(command="validate '<img src=x>'", provenance="recorded strips: <b>us</b>"))
    assert "<img src=x>" not in html
    assert "<b>us</b>" not in html
    assert "&lt;b&gt;us&lt;/b&gt;" in html


def test_generated_strips_and_assumed_inspectors_are_flagged(make: Make) -> None:
    """Each section whose numbers rest on them says so, and none does when neither is there."""
    flags = r'<section id="(\w+)">\s*<h2>[^\n]*</h2>\s*<p class="flags">([^\n]*)</p>'
    found = dict(re.findall(flags, report_html(make())))
    assert {key for key, text in found.items() if "assumed inspectors" in text} == {
        "verdict", "baseline", "zones", "subgroups", "paired", "detection",
    }  # fmt: skip
    pictures = {section.key for section in SECTIONS if section.pictures}
    assert {key for key, text in found.items() if "generated strips" in text} == pictures
    html = report_html(make(source="recorded", provenance="recorded strips: a camera (CC0)"))
    assert "assumed" not in html
    assert "generated strips" not in re.sub(r"<section id=\"scope\">.*?</section>", "", html, flags=re.DOTALL)


@pytest.mark.parametrize("name", ["summary.json", "ledger.parquet", "looks.csv", "manifest.json"])
def test_a_missing_file_is_named(make: Make, name: str) -> None:
    """A folder that is not whole is refused with one sentence."""
    folder = make()
    (folder / name).unlink()
    with pytest.raises(ResultError, match=name):
        write_report(folder)
    assert not (folder / "report.html").exists()


@pytest.mark.slow
def test_the_standard_kit_stays_below_15_megabytes(make: Make) -> None:
    """261 products that are all wrong, and as many pictures as are ever embedded, are less than 15 MB."""
    html = report_html(make(defective=141, good=120, missed=141, false=120))
    words = re.sub(r"data:image/webp;base64,[^\"]*", "", html)
    assert html.count("<article") + html.count("evidence/G120-overview.webp") == 261
    assert len(words.encode()) + EMBEDDED_BYTES * 4 / 3 < 15_000_000
