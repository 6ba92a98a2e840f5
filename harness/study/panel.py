"""A panel of inspectors in figures: each alone, the median, all pooled, and how far they agree."""

from __future__ import annotations

from typing import Any

import pandas as pd

from harness.acceptance.agreement import Agreement
from harness.acceptance.baseline import agreement, median_inspector, pairwise_agreement, score_inspectors
from harness.acceptance.recorded import looks_source
from harness.acceptance.rule import TRUTHS, product_counts


def panel_summary(looks: pd.DataFrame, products: pd.DataFrame, *, required: int, runs: int) -> dict[str, Any]:
    """Scores and agreement of a panel, in plain values.

    Args:
        looks: Columns product, inspector, look, reject, optionally seconds and source.
        products: Columns product, truth.
        required: Right runs of the machine that make a product right; inspectors are held to the same share.
        runs: Runs of the machine.
    """
    scores = score_inspectors(looks, products, required=required, runs=runs)
    pooled = product_counts(scores.pooled)
    medians = {truth: median_inspector(scores, truth) for truth in TRUTHS}
    rows = {
        (str(name), str(truth)): {"right": int(right), "n": int(n)}
        for name, truth, right, n in scores.inspectors.itertuples(index=False, name=None)
    }
    names = sorted({name for name, _ in rows})
    seconds = looks.groupby("inspector")["seconds"].mean().to_dict() if "seconds" in looks else {}
    fleiss, ac1 = agreement(scores)
    return {
        "source": looks_source(looks),
        "inspectors": len(names),
        "looks": int(looks["look"].nunique()),
        "products": {truth: int(products["truth"].eq(truth).sum()) for truth in TRUTHS},
        "required": scores.required,
        "pooled_required": scores.pooled_required,
        "each": [
            {
                "inspector": name,
                **{truth: rows[name, truth] for truth in TRUTHS},
                "mean_seconds": None if pd.isna(seconds.get(name)) else round(float(seconds[name]), 2),
            }
            for name in names
        ],
        "median": {truth: {"right": found.right, "n": found.n} for truth, found in medians.items()},
        "pooled": {truth: {"right": count.right, "n": count.n} for truth, count in pooled.items()},
        "agreement": {
            "fleiss": _value(fleiss),
            "ac1": _value(ac1),
            "cohen": [
                {"first": first, "second": second, **_value(found)}
                for (first, second), found in pairwise_agreement(scores).items()
            ],
        },
    }


def panel_words(panel: dict[str, Any]) -> str:
    """The same as a person reads it."""
    products, people = panel["products"], f"{panel['source']} inspector" + "s" * (panel["inspectors"] != 1)
    looks = panel["looks"]
    lines = [
        f"{panel['inspectors']} {people}, {looks} looks each at {products['defective']} defective and "
        f"{products['good']} good products; right by {panel['required']} of {looks}",
        f"  {'':<20} {'defect detected':>16} {'good accepted':>16}",
        *(_line(each["inspector"], each) for each in panel["each"]),
        _line("median", panel["median"]),
        _line(f"pooled, {panel['pooled_required']} of {looks * panel['inspectors']}", panel["pooled"]),
    ]
    found = panel["agreement"]
    lines.append(f"  agreement on what to reject: Fleiss' kappa {_words(found['fleiss'])}, AC1 {_words(found['ac1'])}")
    lines += [f"    Cohen's kappa {pair['first']} and {pair['second']}: {_words(pair)}" for pair in found["cohen"]]
    return "\n".join(lines)


def _line(name: str, counts: dict[str, Any]) -> str:
    texts = [f"{counts[truth]['right']:g}/{counts[truth]['n']}" for truth in TRUTHS]
    return f"  {name:<20} {texts[0]:>16} {texts[1]:>16}"


def _value(found: Agreement) -> dict[str, Any]:
    return {"value": found.value, "why": found.why}


def _words(found: dict[str, Any]) -> str:
    return f"none ({found['why']})" if found["value"] is None else f"{found['value']:.3f}"
