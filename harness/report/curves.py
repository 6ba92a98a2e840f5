"""Section 13: detection probability against size, machine and inspectors in one figure, by class and for all."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd

from harness.acceptance.baseline import score_inspectors
from harness.acceptance.pod import Pod, fit_pod
from harness.report.figures import Series, detection_figure
from harness.report.words import no_number, number, table, word
from harness.result.stored import Stored

Who = Literal["machine", "inspectors"]


def curves_section(stored: Stored) -> dict[str, Any]:
    """Fitted curves of all defects and of each class; a row of numbers for each."""
    defective = stored.products[(stored.products["truth"] == "defective") & stored.products["size_um"].gt(0)]
    if defective.empty:
        return {"nothing": no_number("no defective product of the kit has a size"), "figures": []}
    pooled = score_inspectors(stored.looks, stored.products, required=stored.required, runs=stored.runs).pooled
    counts = defective.merge(
        pooled[["product", "rejects", "runs"]], on="product", suffixes=("_machine", "_inspectors"), validate="1:1"
    )
    good = stored.products[stored.products["truth"] == "good"]
    floor = float(good["rejects"].sum() / good["runs"].sum()) if len(good) else None
    groups = [("all classes", counts), *((word(str(kind)), rows) for kind, rows in counts.groupby("defect", sort=True))]
    sizes = float(counts["size_um"].min()), float(counts["size_um"].max())
    who = "assumed inspectors" if stored.assumed else "inspectors"
    figures, rows = [], []
    for name, members in groups:
        machine, inspectors = _series(members, "machine"), _series(members, "inspectors")
        figures.append(detection_figure(name, machine, inspectors, sizes_um=sizes, false_rejects=floor, who=who))
        rows += [_row(name, "machine", machine.pod), _row(name, who, inspectors.pod)]
    return {
        "nothing": "",
        "method": _series(counts, "machine").pod.method,
        "figures": figures,
        "who": who,
        "table": table(
            "Sizes detected half and nine tenths of the time",
            ["class", "who", "products", "hits / looks", "a50", "a90", "a90/95", "dispersion", "remark"],
            rows,
            numeric=(2, 3, 7),
        ),
    }


def _series(rows: pd.DataFrame, who: Who) -> Series:
    hits, looks = rows[f"rejects_{who}"], rows[f"runs_{who}"]
    sizes = rows["size_um"]
    shares = (hits / looks).tolist()
    return Series(sizes.tolist(), shares, fit_pod(sizes, hits, looks))


def _row(name: str, who: str, pod: Pod) -> list[str]:
    sizes = [number(size, 0, unit="\u00b5m", why="see remark") for size in (pod.a50_um, pod.a90_um, pod.a90_95_um)]
    dispersion = number(None if pod.slope is None else pod.dispersion, 1, why="see remark")
    return [name, who, str(pod.products), f"{pod.hits}/{pod.looks}", *sizes, dispersion, pod.why or "none"]
