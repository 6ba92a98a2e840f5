"""The design of a study in figures and words: power at the chosen design, along its axes, and what is known exactly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from harness.acceptance.criteria import Rules
from harness.acceptance.design import oc_curve_correlated, products_for_margin, products_without_failure
from harness.acceptance.sizing import OF_GOOD, Design, study_rates

WANTED = 0.9
"""Power that a study is asked for when nothing else is said."""


def design_summary(
    products: pd.DataFrame, design: Design, rates: pd.DataFrame, *, seed: int, replications: int, rules: Rules
) -> dict[str, Any]:  # fmt: skip
    """Power of the design itself, power of a machine equal to the inspectors, and what reaches nine tenths.

    Args:
        products: The kit.
        design: The study as it is planned.
        rates: From `sizing.sweep` over the same products and design.
        seed: Of the simulation.
        replications: Studies simulated.
        rules: Tie, margins, ceiling.
    """
    chosen = study_rates(products, design, seed=seed, replications=replications, rules=rules)
    like_them = replace(design, sharpness=1.0, false_reject=design.model.guess)
    alike = study_rates(products, like_them, seed=seed, replications=replications, rules=rules)
    equal = alike.set_index("criterion")["rate"]
    chances = (0.7, 0.8, 0.9, 0.95)
    right = oc_curve_correlated(chances, design.correlation, required=design.required, runs=design.runs)
    counts = products["truth"].value_counts()
    return {
        "products": {truth: int(counts.get(truth, 0)) for truth in ("defective", "good")},
        "inspectors": design.inspectors,
        "looks": design.looks,
        "runs": design.runs,
        "required": design.required,
        "correlation": design.correlation,
        "spread": design.model.spread,
        "sharpness": design.sharpness,
        "false_reject": design.false_reject,
        "detection": float(chosen["detection"].iloc[0]) if "defective" in counts else None,
        "replications": replications,
        "power": [
            {"criterion": name, "rate": rate, "low": low, "high": high, "equal_machine": float(equal[name]),
             "enough": _enough(rates, str(name))}
            for name, rate, low, high in chosen[["criterion", "rate", "low", "high"]].itertuples(index=False, name=None)
        ],
        "right_product": [{"right_run": p, "right_product": float(q)} for p, q in zip(chances, right, strict=True)],
        "products_without_failure": {"90/95": products_without_failure(0.9), "95/95": products_without_failure(0.95)},
        "products_for_margin": {name: products_for_margin(margin) for name, margin in rules.margins.items()},
    }  # fmt: skip


def design_words(found: dict[str, Any]) -> str:
    """The same as a person reads it."""
    products = found["products"]
    detection = "" if found["detection"] is None else f", a run detects {100 * found['detection']:.1f} % of the defects"
    lines = [
        f"{products['defective']} defective and {products['good']} good products, {found['inspectors']} assumed "
        f"inspectors (spread {found['spread']:g}) x {found['looks']} looks, "
        f"{found['required']} of {found['runs']} runs (correlation {found['correlation']:g})",
        f"machine: sharpness {found['sharpness']:g}{detection}, false rejects {100 * found['false_reject']:g} % a run",
        f"  {'criterion':<28} {'passes':>8} {'equal machine':>14}   smallest that passes in 9 of 10 studies",
    ]
    for row in found["power"]:
        enough = ", ".join(f"{axis} {value:g}" for axis, value in row["enough"].items()) or "none of those tried"
        lines.append(f"  {row['criterion']:<28} {row['rate']:>8.3f} {row['equal_machine']:>14.3f}   {enough}")
    right = ", ".join(f"{pair['right_run']:g} -> {pair['right_product']:.4f}" for pair in found["right_product"])
    lines.append(f"  a run right with probability -> a product right: {right}")
    margins = ", ".join(f"{name} {count or 'never'}" for name, count in found["products_for_margin"].items())
    lines.append(f"  products that show the margin without a discordant one: {margins}")
    lines.append(f"  simulated: {found['replications']} studies a point, a panel each; assumed inspectors")
    return "\n".join(lines)


def _enough(rates: pd.DataFrame, criterion: str) -> dict[str, float]:
    """On each axis the smallest value (of false rejects the largest) from which on the criterion has the power wanted.

    "From which on": a value that passes by luck between two that do not is none.
    """
    found = {}
    for axis, rows in rates[rates["criterion"] == criterion].groupby("axis", sort=False):
        if axis == "false_reject" and criterion not in OF_GOOD:
            continue  # studied on good products alone
        ordered = rows.sort_values("value", ascending=axis == "false_reject")
        held = ordered["value"][ordered["rate"].ge(WANTED).cummin()]
        if len(held):
            found[str(axis)] = float(held.iloc[-1])
    return found
