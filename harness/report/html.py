"""The page: sections in the order an auditor reads, put into templates. Same folder, same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.report.counts import (
    paired_section,
    repeatability_section,
    subgroups_section,
    yield_section,
    zones_section,
)
from harness.report.curves import curves_section
from harness.report.deviations import deviations_section
from harness.report.gallery import gallery_section
from harness.report.guidance import guidance_section
from harness.report.matrix import matrix_section
from harness.report.paper import paper_section
from harness.report.tables import (
    baseline_section,
    machine_section,
    protocol_section,
    register_section,
    repeat_section,
    scope_section,
)
from harness.report.verdict import verdict_section
from harness.result.stored import Stored

TEMPLATES = Path(__file__).parent / "templates"


def _guidance(stored: Stored) -> dict[str, Any]:
    return guidance_section(stored, {section.key: number for number, section in enumerate(SECTIONS, start=1)})


class Section(NamedTuple):
    """One numbered section.

    Attributes:
        key: Its anchor, and the name of its template.
        title: Its heading.
        fill: Makes what its template shows.
        pictures: Its numbers rest on the pictures, so their origin is flagged.
        inspectors: Its numbers rest on the inspectors' looks, so it is flagged when those are assumed.
    """

    key: str
    title: str
    fill: Callable[[Stored], dict[str, Any]]
    pictures: bool = True
    inspectors: bool = False


SECTIONS = (
    Section("verdict", "Verdict", verdict_section, inspectors=True),
    Section("scope", "Scope and intended use", scope_section, pictures=False),
    Section("protocol", "Protocol, set before the first look", protocol_section, pictures=False),
    Section("kit", "Kit register", register_section),
    Section("baseline", "Baseline: the manual inspectors", baseline_section, inspectors=True),
    Section("machine", "Machine", machine_section),
    Section("looks", "Every look", matrix_section),
    Section("zones", "Zones, RZE and RAG", zones_section, inspectors=True),
    Section("products", "Products, and every failing one", gallery_section),
    Section("subgroups", "Sub-groups", subgroups_section, inspectors=True),
    Section("paired", "Paired comparison, margin and power", paired_section, inspectors=True),
    Section("repeatability", "Repeatability", repeatability_section),
    Section("detection", "Detection-probability curves", curves_section, inspectors=True),
    Section("yield", "False rejects, and the yield they cost", yield_section),
    Section("deviations", "Deviations, response times and scores", deviations_section),
    Section("paper", "The paper\u2019s Tables 1\u20133, ours beside theirs", paper_section),
    Section("repeat", "How to repeat it", repeat_section, pictures=False),
    Section("guidance", "Guidance, clause by clause", _guidance, pictures=False),
)
"""In the order of the acceptance specification, and last the guidance; the number is the place."""


def page_environment() -> Environment:
    """Templates of this room: everything escaped, an unknown name an error."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def report_html(folder: Path) -> str:
    """The whole page for a result folder.

    Raises:
        ResultError: A file of the result is missing or unreadable.
    """
    stored = Stored(folder)
    environment = page_environment()
    style, _, _ = environment.loader.get_source(environment, "style.css")  # type: ignore[union-attr]  # set above
    return environment.get_template("report.html.j2").render(
        style=style,
        summary=stored.summary,
        sections=[
            {
                "number": number,
                "key": section.key,
                "title": section.title,
                "template": f"sections/{section.key}.html.j2",
                "flags": _flags(section, stored),
                "page": section.fill(stored),
            }
            for number, section in enumerate(SECTIONS, start=1)
        ],
    )


def _flags(section: Section, stored: Stored) -> list[tuple[str, str]]:
    """What a reader must know of where a section's numbers come from, each with its class in the style sheet."""
    plain = stored.origin.startswith("recorded")
    flags = [(stored.origin, "plain" if plain else "warn")] if section.pictures else []
    return [*flags, ("assumed inspectors", "warn")] if section.inspectors and stored.assumed else flags
