"""Can it be read by everyone? Contrast of every colour that the page uses, computed from its own style sheet.

Headings, alternative texts and anchors are looked at in `test_html.py`, for every case.
"""

from __future__ import annotations

import re

import pytest

from harness.report import figures
from harness.report.html import TEMPLATES

STYLE = (TEMPLATES / "style.css").read_text(encoding="utf-8")
VARIABLES = dict(re.findall(r"--(\w+):\s*(#[0-9a-fA-F]{3,6})", STYLE))
TEXT, SHAPE = 4.5, 3.0  # WCAG 2.2, 1.4.3 (AA) and 1.4.11


def luminance(colour: str) -> float:
    """Relative luminance in [0, 1].

    Source:
        WCAG 2.2, definition of relative luminance.
    """
    digits = colour.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    channels = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def used(properties: str) -> set[str]:
    """Colours that the style sheet gives one of these properties, without those for decoration."""
    found = re.findall(rf"(?<![-\w])(?:{properties}):\s*(?:var\(--(\w+)\)|(#[0-9a-fA-F]{{3,6}}))", STYLE)
    return {VARIABLES[name] if name else literal for name, literal in found}


@pytest.mark.parametrize(("one", "ratio"), [("#000", 21.0), ("#767676", 4.54), ("#777777", 4.48), ("#fff", 1.0)])
def test_contrast_is_the_one_of_the_guideline(one: str, ratio: float) -> None:
    """Ratios to white as any contrast checker gives them; #767676 is the lightest grey that passes for text."""
    assert contrast(one, "#ffffff") == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize("paper", ["paper", "wash"])
def test_every_text_stands_out(paper: str) -> None:
    """Each colour of text reaches 4.5 on both of the page's backgrounds."""
    colours = used("color")
    assert {VARIABLES["ink"], VARIABLES["muted"], VARIABLES["fail"], VARIABLES["pass"]} <= colours
    assert {colour: round(contrast(colour, VARIABLES[paper]), 2) for colour in colours
            if contrast(colour, VARIABLES[paper]) < TEXT} == {}  # fmt: skip


def test_every_mark_stands_out() -> None:
    """Each colour that carries a meaning in a figure, a tile or a legend reaches 3 on the page."""
    bed = re.search(r"\.bed \{ fill: (#\w+)", STYLE)
    assert bed is not None
    drawn = "".join(path.read_text(encoding="utf-8") for path in (TEMPLATES / "sections").iterdir())
    inline = set(re.findall(r"(?:stroke|fill)=\"(#[0-9a-fA-F]{3,6})\"", drawn)) - {"#fff"}
    marks = (used("fill") - {bed[1]}) | inline
    marks |= {figures.MACHINE, figures.INSPECTORS, figures.GOOD, figures.LIMIT}
    assert {mark: round(contrast(mark, "#fff"), 2) for mark in marks if contrast(mark, "#fff") < SHAPE} == {}
    for name in ("fail", "blue"):  # the bar of a score lies on its bed
        assert contrast(VARIABLES[name], bed[1]) >= SHAPE


def test_no_meaning_by_colour_alone() -> None:
    """A pass and a fail carry a sign beside their colour, and a wrong look a height."""
    assert re.search(r"td\.pass::before \{ content: \"\\2713", STYLE)
    assert re.search(r"td\.fail::before \{ content: \"\\2717", STYLE)
