"""Figures as inline SVG: drawn by matplotlib, freed of everything that would differ from one time to the next.

Text stays text and takes the page's fonts. Each figure carries its own description for those who do not see it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harness.acceptance.pod import Pod

MACHINE, INSPECTORS, GOOD, LIMIT, GRID = "#14508f", "#8a5300", "#5d6b7a", "#a3261d", "#d9dee4"

LETTER_PT = 4.6
"""Mean width of a letter of 8 points."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text, not outlines
    "svg.hashsalt": "inspection harness",  # the same names of parts every time
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#55606e",
    "axes.labelcolor": "#1c2430",
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "xtick.color": "#1c2430",
    "ytick.color": "#1c2430",
    "legend.frameon": False,
    "legend.fontsize": 8.0,
}


class Point(NamedTuple):
    """A point of the plane; None where there is no number."""

    name: str
    rag: Any
    rze: Any
    kind: str


@dataclass(frozen=True)
class Series:
    """Share of rejects against size, and the curve fitted to it."""

    sizes_um: list[float]
    shares: list[float]
    pod: Pod


@dataclass(frozen=True)
class Scores:
    """Highest scores of a region, a value a strip and run."""

    region: str
    good: NDArray[np.float64]
    defective: NDArray[np.float64]
    threshold: float


def plane_figure(points: Sequence[Point], *, assumed: bool) -> Markup:
    """RZE upwards, RAG to the right, a point per inspector and the machine."""
    shown = [point for point in points if point.rag is not None and point.rze is not None]
    if not shown:
        return Markup("")
    looks = {
        "inspector": {"marker": "o", "s": 42, "facecolors": "white", "edgecolors": INSPECTORS},
        "pooled": {"marker": "s", "s": 48, "color": INSPECTORS},
        "machine": {"marker": "D", "s": 58, "color": MACHINE},
    }
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(5.2, 3.6)
        for point in shown:
            axes.scatter(float(point.rag), float(point.rze), zorder=3, **looks[point.kind])
        pooled = [point for point in shown if point.kind == "pooled"]
        if pooled:
            axes.axhline(float(pooled[0].rze), color=INSPECTORS, linewidth=0.9, linestyle="--")
        axes.set(xlim=_span([float(point.rag) for point in shown]), ylim=_span([float(point.rze) for point in shown]))
        axes.set(xlabel="RAG: mean reject probability, accept and grey zones", ylabel="RZE: the same, reject zone")
        axes.set_title("Zones and efficiencies" + (", assumed inspectors" if assumed else ""))
        _name_points(axes, [(point.name, (float(point.rag), float(point.rze))) for point in shown])
    told = "; ".join(f"{point.name} RZE {float(point.rze):.3f}, RAG {float(point.rag):.3f}" for point in shown)
    return inline_svg(figure, f"Plane of RZE against RAG: {told}.", "plane")


def _name_points(axes: Any, points: Sequence[tuple[str, tuple[float, float]]]) -> None:
    """Write each name beside its point where it covers least of the others; a line leads to one that is farther off."""
    frame, scale = axes.get_window_extent(), 72 / axes.figure.dpi
    dots = [axes.transData.transform(at) * scale for _, at in points]
    left, bottom, right, top = (edge * scale for edge in frame.extents)
    taken: list[tuple[float, ...]] = [(x - 7, y - 7, x + 7, y + 7) for x, y in dots]
    for (name, at), (x, y) in zip(points, dots, strict=True):
        half = 0.5 * LETTER_PT * len(name)
        places: list[tuple[float, int, float, float, float, tuple[float, ...]]] = []
        for away in (0.0, 11.0, 22.0):
            for across, up in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)):
                u, v = across * (8 + half + away), up * (10 + away)
                box = x + u - half, y + v - 5, x + u + half, y + v + 5
                outside = max(0.0, left - box[0], box[2] - right) + max(0.0, bottom - box[1], box[3] - top)
                hidden = sum(_shared(box, other) for other in taken) + 100 * outside
                places.append((hidden + away, len(places), u, v, away, box))  # of two as good the first
        _, _, u, v, away, chosen = min(places)
        taken.append(chosen)
        line = {"arrowstyle": "-", "color": GOOD, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 4} if away else None
        look = {"fontsize": 8, "ha": "center", "va": "center", "arrowprops": line}
        axes.annotate(name, at, (u, v), textcoords="offset points", **look)


def _shared(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Area that two boxes (left, bottom, right, top) share."""
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def detection_figure(
    name: str,
    machine: Series,
    inspectors: Series,
    *,
    sizes_um: tuple[float, float],
    false_rejects: float | None,
    who: str,
) -> Markup:
    """Detection against size on a logarithmic axis, for one class; `sizes_um` is the range of all classes."""
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(3.6, 2.5)
        for series, colour, marker, line in ((inspectors, INSPECTORS, "s", "--"), (machine, MACHINE, "o", "-")):
            look = {"marker": marker, "facecolors": "none", "edgecolors": colour, "linewidths": 0.8}
            axes.scatter(series.sizes_um, series.shares, s=11, **look)
            sizes = np.geomspace(series.pod.smallest_um, series.pod.largest_um, 60)
            curve = series.pod.detection(sizes)
            if curve is not None:
                axes.plot(sizes, curve, color=colour, linewidth=1.6, linestyle=line)
        if false_rejects is not None:
            axes.axhline(false_rejects, color=GOOD, linewidth=0.9, linestyle=":")
        ticks = _size_ticks(*sizes_um)
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set(xlim=(0.85 * min(sizes_um[0], ticks[0]), 1.15 * max(sizes_um[1], ticks[-1])), ylim=(-0.05, 1.05))
        axes.set(xlabel="size, \u00b5m", ylabel="share of looks rejected")
        axes.set_title(name)
    told = "; ".join(f"{label} {_pod_words(series.pod)}" for label, series in (("machine", machine), (who, inspectors)))
    return inline_svg(figure, f"Detection against size, {name}: {told}.", "pod-" + name.replace(" ", "-"))


def latency_figure(responses_ms: NDArray[np.floating[Any]], *, deadline_ms: float, p50: float, p99: float) -> Markup:
    """Histogram of response times with the deadline marked."""
    top = 1.05 * max(deadline_ms, float(responses_ms.max()))
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(7.2, 2.7)
        axes.hist(responses_ms, bins=np.linspace(0, top, 90), color=MACHINE, histtype="stepfilled")
        axes.axvspan(deadline_ms, top, color=LIMIT, alpha=0.08, linewidth=0)
        axes.axvline(deadline_ms, color=LIMIT, linewidth=1.6, label=f"deadline {deadline_ms:.0f} ms")
        axes.axvline(p50, color=GOOD, linewidth=1.0, linestyle="--", label=f"p50 {p50:.1f} ms")
        axes.axvline(p99, color=GOOD, linewidth=1.0, linestyle=":", label=f"p99 {p99:.1f} ms")
        axes.set(xlim=(0, top), xlabel="response, ms after the last exposure", ylabel="runs")
        axes.set_title("Response against the deadline")
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)
    late = int((responses_ms > deadline_ms).sum())
    told = f"{len(responses_ms)} responses, median {p50:.1f} ms, p99 {p99:.1f} ms, {late} above {deadline_ms:.0f} ms"
    return inline_svg(figure, f"Histogram of response times: {told}.", "latency")


def scores_figure(scores: Scores) -> Markup:
    """Histograms of one region's scores, good against defective, with the threshold marked."""
    values = np.concatenate([scores.good, scores.defective, [scores.threshold]])
    edges = np.linspace(0.98 * float(values.min()), 1.02 * float(values.max()) + 1e-9, 46)
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(3.6, 2.5)
        axes.hist(scores.good, bins=edges, color=GOOD, alpha=0.75, histtype="stepfilled")
        axes.hist(scores.defective, bins=edges, histtype="step", color=MACHINE, linewidth=1.5)
        axes.axvline(scores.threshold, color=LIMIT, linewidth=1.5)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.set_ylim(bottom=0.7)
        axes.set(xlabel="highest score of a run", ylabel="runs")
        axes.set_title(f"{scores.region}, threshold {scores.threshold:.4f}")
    good, defective = int((scores.good > scores.threshold).sum()), int((scores.defective > scores.threshold).sum())
    told = (
        f"good {good} of {len(scores.good)} above the threshold {scores.threshold:.4f}, "
        f"with a defect here {defective} of {len(scores.defective)}"
    )
    key = "scores-" + scores.region.partition(" ")[0]
    return inline_svg(figure, f"Histogram of the highest scores, {scores.region}: {told}.", key)


@dataclass(frozen=True)
class Line:
    """Shares of late strips at slot lengths, for one latency profile."""

    name: str
    slots_ms: list[float]
    late: list[float]


def capacity_figure(lines: Sequence[Line], *, slot_ms: float) -> Markup:
    """Share of late strips against slot length, a line a latency profile; the scenario's slot is marked."""
    colours = (MACHINE, INSPECTORS, GOOD, "#1b6b3a", "#6b3f8a")
    with matplotlib.rc_context(STYLE):
        figure, axes = _axes(7.2, 3.0)
        for place, line in enumerate(lines):
            look = {"color": colours[place % len(colours)], "linestyle": ("-", "--")[place // len(colours) % 2]}
            axes.plot(line.slots_ms, line.late, marker="o", markersize=3, linewidth=1.4, label=line.name, **look)
        axes.axvline(slot_ms, color=LIMIT, linewidth=1.2, label=f"slot {slot_ms:g} ms")
        axes.set(ylim=(-0.03, 1.03), xlabel="slot, ms", ylabel="share of strips late")
        axes.set_title("Late strips against slot length")
        axes.legend(loc="upper right")
    told = "; ".join(
        f"{line.name} {100 * line.late[0]:.1f} % at {line.slots_ms[0]:.0f} ms,"
        f" {100 * line.late[-1]:.1f} % at {line.slots_ms[-1]:.0f} ms"
        for line in lines
    )
    return inline_svg(figure, f"Share of late strips against slot length: {told}.", "capacity")


def _axes(width_in: float, height_in: float) -> tuple[Figure, Any]:
    """A figure with one pair of axes; margins are fixed, since finding them would draw everything twice."""
    figure = Figure(figsize=(width_in, height_in))
    margins = {"left": 0.58 / width_in, "right": 1 - 0.12 / width_in, "bottom": 0.48 / height_in}
    axes = figure.add_axes(
        (
            margins["left"],
            margins["bottom"],
            margins["right"] - margins["left"],
            1 - 0.32 / height_in - margins["bottom"],
        )
    )
    axes.grid(True, color=GRID, linewidth=0.6)
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    return figure, axes


def _span(values: list[float]) -> tuple[float, float]:
    """Limits around some shares: a tenth on either side, at least 0.3 wide."""
    low, high = min(values) - 0.1, max(values) + 0.1
    wider = max(0.3 - (high - low), 0.0) / 2
    return low - wider, high + wider


def _size_ticks(smallest: float, largest: float) -> list[float]:
    """Round sizes between the smallest and the largest, at most six; always at least two."""
    steps = [base * 10.0**power for power in range(-1, 6) for base in (1, 2, 5)]
    inside = [step for step in steps if smallest <= step <= largest]
    if len(inside) >= 2:
        return inside[:: -(-len(inside) // 6)]
    return [max(step for step in steps if step <= smallest), min(step for step in steps if step >= largest)]


def _pod_words(pod: Pod) -> str:
    if pod.a50_um is None:
        return f"{pod.hits} of {pod.looks} looks rejected, no a50 ({pod.why})"
    return f"half detected at {pod.a50_um:.0f} \u00b5m, {pod.hits} of {pod.looks} looks rejected"


def inline_svg(figure: Figure, description: str, key: str) -> Markup:
    """The figure as an SVG element that can stand in a page beside others."""
    file = io.StringIO()
    with matplotlib.rc_context(STYLE):
        # `savefig` would draw everything twice
        FigureCanvasSVG(figure).print_svg(file)  # type: ignore[no-untyped-call]  # matplotlib types no backend
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    used = set(re.findall(r"(?:url\(#|href=\"#)([\w-]+)", text))
    text = re.sub(r' id="([^"]+)"', lambda found: f' id="{key}-{found[1]}"' if found[1] in used else "", text)
    text = re.sub(r"(url\(#|href=\"#)([\w-]+)", rf"\g<1>{key}-\g<2>", text)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)  # the page's own; both forms, for either way of writing it
    text = re.sub(r"(font: [^;\"]*?px)[^;\"]*", r"\1 var(--sans)", text)
    text = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), text)  # places, not numbers shown
    text = re.sub(r">\s+<", "><", text).strip()
    box = re.search(r'viewBox="([^"]+)"', text)
    body = text[text.index(">") + 1 :]
    head = f'<svg viewBox="{box[1] if box else ""}" role="img" aria-label="{escape(description)}">'
    return Markup(head + body)


def standalone(figure: Markup) -> str:
    """The figure as a file of its own: with its namespace, and fonts that do not come from a page."""
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" font-family="sans-serif"'
    return str(figure).replace("<svg ", f"<svg {names} ", 1).replace("var(--sans)", "sans-serif") + "\n"
