"""The figure of a study's design: how often each criterion is met, against quality and size of the study."""

from __future__ import annotations

from typing import Any

import matplotlib
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from harness.acceptance.sizing import OF_GOOD
from harness.report.figures import GRID, STYLE, inline_svg

AXES = {
    "sharpness": "machine sees what is 1 / this the size",
    "false_reject": "good products: false rejects a run",
    "products": "products of the kit",
    "inspectors": "inspectors",
    "looks": "looks of each inspector",
}
LINES = {
    "defective_median_inspector": ("#14508f", "-", "defective, median inspector"),
    "good_median_inspector": ("#14508f", "-", "good, median inspector"),
    "defective_pooled_baseline": ("#14508f", "--", "defective, all pooled"),
    "good_pooled_baseline": ("#14508f", "--", "good, all pooled"),
    "knapp_rze_ratio": ("#a3261d", "-", "Knapp, ratio of RZE"),
    "knapp_rze_split_half": ("#a3261d", "--", "Knapp, split halves"),
    "mcnemar_defective": ("#5d6b7a", "-", "McNemar, defective"),
    "mcnemar_good": ("#5d6b7a", "-", "McNemar, good"),
    "noninferior_critical": ("#8a5300", "-", "not inferior, critical"),
    "noninferior_major": ("#8a5300", "--", "not inferior, major"),
    "noninferior_minor": ("#8a5300", ":", "not inferior, minor"),
    "noninferior_good": ("#8a5300", "-.", "not inferior, good"),
}
"""Colour, line and short name of each criterion; a RAG ceiling is in the table alone."""

NINE_TENTHS = 0.9


def power_figure(rates: pd.DataFrame, *, title: str) -> Markup:
    """Power along every axis of `sizing.sweep`, as one SVG; criteria on good products against false rejects alone.

    Args:
        rates: From `sizing.sweep`.
        title: What the study is, for those who do not see the figure.
    """
    axes_names = [name for name in AXES if name in set(rates["axis"])]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 3.1 * -(-(len(axes_names) + 1) // 3)))
        places = [figure.add_subplot(-(-(len(axes_names) + 1) // 3), 3, i + 1) for i in range(len(axes_names) + 1)]
        handles: dict[str, Any] = {}
        for axes, name in zip(places, axes_names, strict=False):
            rows = rates[rates["axis"] == name]
            for criterion, members in rows.groupby("criterion", sort=False):
                if (str(criterion) in OF_GOOD) != (name == "false_reject") or criterion not in LINES:
                    continue
                colour, line, _ = LINES[str(criterion)]
                style: dict[str, Any] = {
                    "color": colour,
                    "linestyle": line,
                    "linewidth": 1.4,
                    "marker": ".",
                    "markersize": 4,
                }
                (handles[str(criterion)],) = axes.plot(members["value"], members["rate"], **style)
            axes.axhline(NINE_TENTHS, color="#55606e", linewidth=0.8, linestyle=":")
            axes.grid(True, color=GRID, linewidth=0.6)
            axes.set(xlabel=AXES[name], ylim=(-0.03, 1.03), ylabel="share of studies that pass")
            if name == "sharpness":
                axes.axvline(1.0, color="#55606e", linewidth=0.8)
            axes.patch.set_visible(False)
        places[-1].axis("off")
        labels = [LINES[name][2] for name in handles]
        places[-1].legend(list(handles.values()), labels, loc="center left", fontsize=7.5, handlelength=2.6)
        figure.patch.set_visible(False)
        figure.subplots_adjust(left=0.06, right=0.99, top=0.97, bottom=0.1, wspace=0.28, hspace=0.34)
    return inline_svg(figure, f"Power of a study: {title}.", "power")
