"""The carousel as the scenario laid it out, drawn: stations by number, and below them one strip's way in time.

The ring is seen from above and turns clockwise. The way from camera to gate is drawn wide enough to be read, so angles
are not to scale; times are. What the numbers mean, with times and counts, stands in the table beside (`line.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import cos, radians, sin
from typing import Any

from markupsafe import Markup, escape

from harness.report.figures import GOOD, GRID, LIMIT, MACHINE

INK = "#1c2430"
RING = 104.0
NARROWEST, WIDEST = 26.0, 300.0
"""Degrees from camera to gate as drawn: the fixtures of the two never lie upon each other."""


def carousel_figure(layout: dict[str, Any], counts: dict[str, int], description: str) -> Markup:
    """The ring with its stations as an SVG element, and how the strips left it; `description` is read out instead."""
    sector = min(max(360.0 * layout["pockets_to_gate"] / layout["pockets"], NARROWEST), WIDEST)
    parts = [
        _circle(0, 0, RING, f'fill="none" stroke="{GRID}" stroke-width="20"'),
        *_pockets(layout, sector),
        *_infeed(),
        *_camera(layout),
        *_computer(layout, sector),
        *(
            _text(0, 38 + 14 * line, f"{counts[fate]:,} {fate}")
            for line, fate in enumerate(("accepted", "rejected", "removed"))
        ),
        *_gate(sector),
        *(_mark(number, *at) for number, at in _places(sector).items()),
        _turning(sector),
    ]
    return _svg(_box(sector), description, parts)


def strip_figure(layout: dict[str, Any], p99_ms: float | None, ahead_ms: float, description: str) -> Markup:
    """One strip from its trigger to the sensor on an axis of time.

    Args:
        layout: Of the line's summary.
        p99_ms: Response that was measured; None where nothing was inspected.
        ahead_ms: What the computer does on average before the last exposure, from the last but one inspected on.
        description: For those who do not see it.
    """
    sensor_us = layout["gate_us"] + layout["gate_lead_us"]

    def x(time_us: float) -> float:
        return float(14 + 372 * time_us / sensor_us)

    last, frames, cutoff, gate = (layout[f"{name}_us"] for name in ("last_exposure", "frames", "cutoff", "gate"))
    parts = [
        f'<rect x="{x(frames):.2f}" y="44" width="{x(cutoff) - x(frames):.2f}" height="14" fill="{GRID}"/>',
        *(
            _line(x(slot * layout["slot_us"]), 34, x(slot * layout["slot_us"]), 72, GOOD, 1, ' stroke-dasharray="2 2"')
            for slot in range(1, sensor_us // layout["slot_us"] + 1)
        ),
        *(
            _line(x(place * layout["exposure_interval_us"]), 44, x(place * layout["exposure_interval_us"]), 58, MACHINE)
            for place in range(layout["exposures"])
        ),
        _line(x(0), 62, x(sensor_us), 62, INK, 1),
        _line(x(cutoff), 38, x(cutoff), 62, LIMIT, 2),
        *(_line(x(time_us), 58, x(time_us), 68, INK, 1.5) for time_us in (gate, sensor_us)),
        _text(x(0), 34, f"exposures, 0 to {last / 1000:g} ms", "start"),
        _text(x(cutoff), 14, f"cut-off {cutoff / 1000:g} ms", "end", LIMIT),
        _text(x(sensor_us), 86, f"gate {gate / 1000:g}, sensor {sensor_us / 1000:g} ms", "end"),
        _text(x(0), 86, "trigger", "start"),
    ]
    if ahead_ms:
        early = (layout["early_exposure"] - 1) * layout["exposure_interval_us"] + layout["transfer_us"]
        pale = f'<rect x="{x(early):.2f}" y="47" height="8" fill="{MACHINE}" opacity=".4" '
        parts.insert(1, f'{pale}width="{x(1000 * ahead_ms) - x(0):.2f}"/>')
    if p99_ms is not None:
        answered_us = last + 1000 * p99_ms
        if answered_us <= sensor_us:
            inside = f'<rect x="{x(frames):.2f}" y="47" height="8" fill="{MACHINE}" '
            parts.insert(1, f'{inside}width="{max(x(answered_us) - x(frames), 0):.2f}"/>')
    return _svg("0 0 400 92", description, parts)


def _box(sector: float) -> str:
    """What has to be seen: infeed, ring, arrow, and the bins wherever the gate is; the ring stands in the middle."""
    bins = [_at(sector, RING + 86, aside) for aside in (-26, 50)]
    half = max(RING + 34, *(abs(x) + 4 for x, _ in bins))
    low = max(RING + 30, *(y + 4 for _, y in bins))
    return f"{-half:.0f} {-RING - 96:.0f} {2 * half:.0f} {low + RING + 96:.0f}"


def _places(sector: float) -> dict[int, tuple[float, float]]:
    """Where the number of each station stands; camera at the top, gate so many degrees on."""
    return {
        1: _at(0, RING + 78, -19),
        2: _at(0, RING + 36, -27),
        3: _at(0, RING - 36, -24),
        4: (-44.0, 6.0),
        5: _at(sector / 2, RING - 24 if sector < 60 else RING + 22),
        6: _at(sector, RING + 22, 22),
        7: _at(sector, RING + 45, 22),
        8: _at(sector, RING + 72, 38),
    }


def _at(degrees: float, radius: float, aside: float = 0.0) -> tuple[float, float]:
    """A point seen from the centre: so many degrees clockwise from the top, so far out, so far aside (clockwise)."""
    angle = radians(degrees)
    return radius * sin(angle) + aside * cos(angle), -radius * cos(angle) + aside * sin(angle)


def _pockets(layout: dict[str, Any], sector: float) -> Iterator[str]:
    """Every pocket: empty ones as rings, those between camera and gate filled."""
    count, to_gate = layout["pockets"], layout["pockets_to_gate"]
    apart = min(sector / to_gate, (360 - sector) / (count - to_gate))
    radius = min(8.0, 0.42 * radians(apart) * RING)
    for place in range(count):
        if place <= to_gate:
            degrees = sector * place / to_gate
        else:
            degrees = sector + (360 - sector) * (place - to_gate) / (count - to_gate)
        look = f'fill="{MACHINE}"' if place <= to_gate else f'fill="#fff" stroke="{GOOD}"'
        yield _circle(*_at(degrees, RING), radius, look)


def _infeed() -> Iterator[str]:
    """Strips that wait between two rails, and the gripper that swings one of them in."""
    for aside in (-8, 8):
        yield _line(*_at(0, RING + 92, aside), *_at(0, RING + 50, aside), GOOD, 1.5)
    for out in (56, 68, 80):
        x, y = _at(0, RING + out)
        yield f'<rect x="{x - 6:.2f}" y="{y - 4:.2f}" width="12" height="7" fill="{MACHINE}"/>'
    (x0, y0), (x1, y1) = _at(0, RING + 44), _at(0, RING + 14)
    yield (
        f'<path d="M{x0:.2f} {y0:.2f}A15 15 0 0 0 {x1:.2f} {y1:.2f}" fill="none" stroke="{INK}" stroke-width="1.5"/>'
        f'<path d="M{x1 - 7:.2f} {y1 - 3:.2f}L{x1:.2f} {y1:.2f}L{x1 - 6:.2f} {y1 + 5:.2f}" fill="none"'
        f' stroke="{INK}" stroke-width="1.5"/>'
    )


def _camera(layout: dict[str, Any]) -> Iterator[str]:
    """A tick for each exposure, on a half circle about the pocket at the camera."""
    x, y = _at(0, RING)
    shown = min(layout["exposures"], 60)
    for place in range(shown):
        angle = radians(25 + 130 * (place + 0.5) / shown)  # between the pockets beside it
        yield _line(x - 14 * cos(angle), y + 14 * sin(angle), x - 22 * cos(angle), y + 22 * sin(angle), MACHINE, 1.3)


def _computer(layout: dict[str, Any], sector: float) -> Iterator[str]:
    """Places to wait and workers in a box, the frames that come in, the verdict that goes to the gate."""
    yield _line(*_at(0, RING - 26), 0, -34, MACHINE, 1.3, ' stroke-dasharray="4 3"')
    gate = _at(sector, RING - 12)
    out = min(max(gate[0], -45), 45), min(max(gate[1], -34), 18)
    yield _line(*out, *gate, LIMIT, 1.3, ' stroke-dasharray="4 3"')
    yield f'<rect x="-58" y="-34" width="116" height="52" rx="4" fill="#fff" stroke="{INK}"/>'
    yield _text(0, -19, "computer")
    for place in range(min(layout["queue_limit"], 3)):
        yield f'<rect x="{-28 + 11 * place}" y="1" width="8" height="10" fill="none" stroke="{GOOD}"/>'
    for place in range(min(layout["workers"], 3)):
        yield _circle(31 + 13 * place - 6.5 * (min(layout["workers"], 3) - 1), 6, 5.5, f'fill="{MACHINE}"')


def _gate(sector: float) -> Iterator[str]:
    """The flap, the sensor behind it, and the two bins, the rejecting one crossed."""
    yield _line(*_at(sector, RING + 14, -9), *_at(sector, RING + 28, 8), LIMIT, 3)
    yield _circle(*_at(sector, RING + 45), 4, f'fill="#fff" stroke="{INK}" stroke-width="1.5"')
    yield _line(*_at(sector, RING + 30), *_at(sector, RING + 40), GOOD, 1.3)
    for aside in (-14, 14):
        x, y = _at(sector, RING + 72, aside)
        yield f'<rect x="{x - 10:.2f}" y="{y - 9:.2f}" width="20" height="18" fill="#fff" stroke="{INK}"/>'
        yield _line(*_at(sector, RING + 50), *_at(sector, RING + 61, aside * 0.8), GOOD, 1.3)
        sign = f"M{x - 5:.2f} {y:.2f}l4 5l7 -10" if aside < 0 else f"M{x - 5:.2f} {y - 5:.2f}l10 10m0 -10l-10 10"
        yield f'<path d="{sign}" fill="none" stroke="{INK if aside < 0 else LIMIT}" stroke-width="2"/>'


def _turning(sector: float) -> str:
    """An arrow outside the ring, on the far side, that says which way it turns."""
    start, end, out = sector / 2 + 165, sector / 2 + 195, RING + 20
    (x0, y0), (x1, y1) = _at(start, out), _at(end, out)
    barbs = [_at(end - 3, out + aside) for aside in (-5, 5)]
    tip = f"M{barbs[0][0]:.2f} {barbs[0][1]:.2f}L{x1:.2f} {y1:.2f}L{barbs[1][0]:.2f} {barbs[1][1]:.2f}"
    arc = f"M{x0:.2f} {y0:.2f}A{out:g} {out:g} 0 0 1 {x1:.2f} {y1:.2f}"
    return f'<path d="{arc}{tip}" fill="none" stroke="{GOOD}" stroke-width="1.5"/>'


def _mark(number: int, x: float, y: float) -> str:
    disc = _circle(x, y, 9, f'fill="{INK}"')
    return (
        disc + f'<text x="{x:.2f}" y="{y + 4:.2f}" fill="#fff" font-weight="700" text-anchor="middle">{number}</text>'
    )


def _circle(x: float, y: float, radius: float, look: str) -> str:
    return f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:.2f}" {look}/>'


def _line(x0: float, y0: float, x1: float, y1: float, colour: str, width: float = 1.5, more: str = "") -> str:
    ends = f'x1="{x0:.2f}" y1="{y0:.2f}" x2="{x1:.2f}" y2="{y1:.2f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width:g}"{more}/>'


def _text(x: float, y: float, words: str, anchor: str = "middle", colour: str = INK) -> str:
    return f'<text x="{x:.2f}" y="{y:g}" fill="{colour}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(box: str, description: str, parts: list[str]) -> Markup:
    """An element that stands in a page; text takes the page's fonts, twelve units high."""
    head = f'<svg viewBox="{box}" role="img" aria-label="{escape(description)}" font-size="12">'
    return Markup(head + "".join(parts).replace(".00", "") + "</svg>")  # only numbers and escaped words
