"""The line in the report: the carousel for any layout, its stations, states and OEE, and what is said without them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from harness.line import Layout
from harness.line.stations import TIMES
from harness.report.carousel import INK, carousel_figure, strip_figure
from harness.report.figures import GOOD, GRID, LIMIT, MACHINE
from harness.report.html import page_environment
from harness.report.line import line_page
from harness.report.tables import machine_section
from harness.result.stored import Stored

Make = Callable[..., Path]

LAYOUTS: dict[str, dict[str, Any]] = {
    "the paper's": {},
    "gate on the other side": {"pockets": 36, "pockets_to_gate": 14, "workers": 3, "queue_limit": 9},
    "all but one pocket on the way": {"pockets": 8, "pockets_to_gate": 7},
    "two pockets, one exposure": {"pockets": 2, "exposures": 1},
    "very many": {"pockets": 400, "pockets_to_gate": 3, "exposures": 300, "exposure_interval_us": 1000},
}
COUNTS = {"accepted": 1234, "rejected": 56, "removed": 0}


def plain(**choices: Any) -> dict[str, Any]:
    """A layout as a summary has it."""
    layout = Layout(**choices)
    return {**asdict(layout), **{name: getattr(layout, name) for name in TIMES}}


def numbers(figure: str, tag: str, *names: str) -> list[tuple[float, ...]]:
    """Attributes of every element of a kind."""
    found = [dict(re.findall(r'(\w+)="([-\d.]+)"', element)) for element in re.findall(rf"<{tag} [^>]*>", figure)]
    return [tuple(float(values[name]) for name in names) for values in found]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_drawn_inside_its_box(name: str) -> None:
    """As many pockets as there are, those from camera to gate filled, eight numbers, nothing beyond the edge."""
    layout = plain(**LAYOUTS[name])
    figure = carousel_figure(layout, COUNTS, "words")
    left, top, width, height = (float(n) for n in re.findall(r'viewBox="([^"]+)"', figure)[0].split())
    circles = numbers(figure, "circle", "cx", "cy", "r")
    assert len(circles) == 1 + layout["pockets"] + min(layout["workers"], 3) + 1 + 8
    assert figure.count(f'fill="{MACHINE}"/>') == layout["pockets_to_gate"] + 1 + min(layout["workers"], 3) + 3
    assert all(
        left <= x - r and x + r <= left + width and top <= y - r and y + r <= top + height for x, y, r in circles
    )
    boxes = numbers(figure, "rect", "x", "y", "width", "height")
    assert all(left <= x and x + w <= left + width and top <= y and y + h <= top + height for x, y, w, h in boxes)
    assert re.findall(r">(\d)</text>", figure) == [str(number) for number in range(1, 9)]
    assert ">1,234 accepted<" in figure


@pytest.mark.parametrize("name", LAYOUTS)
def test_stations_stand_apart(name: str) -> None:
    """No number covers another."""
    marks = [at for at in numbers(carousel_figure(plain(**LAYOUTS[name]), COUNTS, ""), "circle", "cx", "cy", "r")
             if at[2] == 9]  # fmt: skip
    assert all((x - u) ** 2 + (y - v) ** 2 > 18**2 for n, (x, y, _) in enumerate(marks) for u, v, _ in marks[:n])


def test_time_is_to_scale() -> None:
    """Sixteen exposures of 26 ms, the cut-off where it is, all on one axis."""
    figure = strip_figure(plain(), 343.0, 0.0, "words")
    at = dict.fromkeys(x for x, colour in re.findall(r'<line x1="([\d.]+)"[^>]*stroke="(#\w+)"', figure)
                       if colour == MACHINE)  # fmt: skip
    places = [float(x) for x in at]
    assert len(places) == 16
    assert [round((x - 14) / 372 * 898) for x in (places[0], places[1], places[-1])] == [0, 26, 390]
    assert "cut-off 882 ms" in figure
    assert figure.count("<rect") == 2
    assert strip_figure(plain(), None, 0.0, "words").count("<rect") == 1  # nothing was inspected
    ahead = re.search(r'<rect x="([\d.]+)" y="47" height="8" fill="#\w+" opacity=".4" width="([\d.]+)"',
                      strip_figure(plain(), 343.0, 90.0, "words"))  # fmt: skip
    assert ahead is not None
    early, width = float(ahead[1]) - 14, float(ahead[2])
    assert [early, width] == pytest.approx([372 * 186 / 898, 372 * 90 / 898], abs=0.01)


@pytest.mark.parametrize("name", LAYOUTS)
def test_colours_are_those_of_the_other_figures(name: str) -> None:
    """Their contrast is held by `test_accessibility.py`; the lightest carries no meaning of its own."""
    layout = plain(**LAYOUTS[name])
    drawn = carousel_figure(layout, COUNTS, "words") + strip_figure(layout, 300.0, 90.0, "words")
    assert set(re.findall(r'(?:fill|stroke)="(#\w+)"', drawn)) == {MACHINE, GOOD, LIMIT, GRID, INK, "#fff"}
    assert "http" not in drawn
    assert " id=" not in drawn


def test_the_description_has_times_and_counts(make: Make) -> None:
    """Who does not see the carousel hears every station, when, and how many strips."""
    line = line_page(Stored(make(missed=1, late=1)))["line"]
    told = re.findall(r'aria-label="([^"]+)"', line["carousel"])[0]
    assert told.startswith("The carousel from above, 24 pockets, turning clockwise: 1 infeed, 0 ms, 101 strips")
    assert "3 exposures, 0 – 390 ms, 101 acquired" in told
    assert "4 inspection computer, 394 – 882 ms, 101 inspected, 1 not in time" in told
    assert "cut-off 882 ms, gate 890 ms" in line["strip"]
    assert "after 90 ms on average before the last exposure" in line["strip"]


def test_states_and_oee_are_those_of_the_summary(make: Make) -> None:
    """Counts and durations stand beside the figures."""
    line = line_page(Stored(make(missed=1)))["line"]
    assert [[cell.text for cell in row] for row in line["states"].rows] == [
        ["Starting", "1", "1.0 %", "0.5 s"],
        ["Execute", "100", "99.0 %", "50.0 s"],
    ]
    assert [[cell.text for cell in row] for row in line["oee"].rows] == [
        ["availability", "100.0 %", "actual production time 50.0 s of planned busy time 50.0 s"],
        ["effectiveness", "100.0 %", "planned run time per item 0.5 s × produced quantity 100, of 50.0 s"],
        ["quality ratio", "90.0 %", "good quantity 90 of produced quantity 100"],
        ["OEE index", "90.0 %", "the product of the three"],
    ]


def shown(folder: Path) -> str:
    """Section 6 as it stands in the page."""
    template = page_environment().get_template("sections/machine.html.j2")
    return template.render(page=machine_section(Stored(folder)))


def test_an_undefined_figure_says_why(make: Make) -> None:
    """Nothing of the kit came through: no number and the reason, and availability all the same."""
    folder = make()
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    why = "no slot was spent in Execute"
    summary["line"]["oee"] |= {"production_us": 0, "produced": 0, "good": 0, "availability": 0.0, "effectiveness": None,
                               "quality": None, "index": None, "why": why}  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    page = shown(folder)
    assert page.count(f"no number: {why}") == 3
    assert "0.0 %" in page
    assert not re.search(r"\b(nan|None)\b", page)


def test_a_result_from_before_says_so(make: Make) -> None:
    """A stored result without the line is still reported."""
    folder = make()
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    del summary["line"]
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    assert "written before states and stations were kept" in shown(folder)
