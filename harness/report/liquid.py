"""The figure of a study of liquids: false rejects and misses against each scale of the liquid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from harness.report.figures import GOOD, GRID, LIMIT, MACHINE, STYLE, inline_svg

AXES = {
    "slosh": "slosh, times the usual",
    "bubbles": "bubbles, times the usual",
    "stick": "share of bubbles that stick",
    "drops": "drops, times the usual",
    "viscosity": "viscosity, times the usual",
    "agitation": "agitation upstream",
}
ACROSS = 3


def liquid_figure(rows: Sequence[dict[str, Any]]) -> Markup:
    """A panel a scale: shares of runs, good ones rejected and defective ones accepted, each with its 95 % interval.

    Args:
        rows: As `harness.study.liquid.rows` makes them.
    """
    scales = list(dict.fromkeys(row["scale"] for row in rows))
    down = -(-len(scales) // ACROSS)
    top = 1.15 * max(high for row in rows for high in (row["good"]["high"], 1 - row["defective"]["low"]))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 2.7 * down))
        for place, scale in enumerate(scales):
            axes = figure.add_subplot(down, ACROSS, place + 1)
            of = [row for row in rows if row["scale"] == scale]
            values = [row["value"] for row in of]
            good = [(row["good"]["share"], row["good"]["low"], row["good"]["high"]) for row in of]
            missed = [tuple(1 - row["defective"][key] for key in ("share", "high", "low")) for row in of]
            for shares, colour, line, label in (
                (good, LIMIT, "-", "good strips rejected"),
                (missed, MACHINE, "--", "defective strips accepted"),
            ):
                middle, low, high = zip(*shares, strict=True)
                reach = [[m - b for m, b in zip(middle, low, strict=True)],
                         [t - m for m, t in zip(middle, high, strict=True)]]  # fmt: skip
                axes.errorbar(values, middle, reach, color=colour, linestyle=line, marker=".", capsize=2, label=label)
            usual = next(row["value"] for row in of if row["usual"])
            axes.axvline(usual, color=GOOD, linewidth=0.9, linestyle=":", label="usual")
            axes.grid(True, color=GRID, linewidth=0.6)
            axes.set(xlabel=AXES[scale], ylim=(-0.02 * top, top))
            axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
            axes.patch.set_visible(False)
        figure.legend(*axes.get_legend_handles_labels(), loc="upper center", ncols=3)
        figure.patch.set_visible(False)
        figure.subplots_adjust(left=0.06, right=0.99, top=1 - 0.1 / down, bottom=0.2 / down, wspace=0.22, hspace=0.36)
    told = "; ".join(
        f"{row['scale']} {row['value']:g}: {100 * row['good']['share']:.1f} % of good runs rejected,"
        f" {100 * (1 - row['defective']['share']):.1f} % of defective ones accepted"
        for row in rows
    )
    return inline_svg(figure, f"Rejects against the liquid. {told}.", "liquid")
