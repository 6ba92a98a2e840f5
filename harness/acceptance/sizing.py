"""How large a study must be: how often machines of given quality pass each criterion, and what more looks would change.

Before the first look, with assumed inspectors. Every panel of inspectors is drawn anew, so that luck with the panel is
part of the answer; `power.py` simulates the studies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from harness.acceptance.assumed import SLOPE, SizeModel, visibility
from harness.acceptance.criteria import Rules
from harness.acceptance.power import Study, draw_runs, evaluate, rates_table
from harness.streams import stream

SHARPNESS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
FALSE_REJECTS = (0.0, 0.01, 0.05, 0.1, 0.15, 0.2, 0.3)
KIT_SIZES = (0.25, 0.5, 1.0, 2.0)
PANEL_SIZES = (1, 3, 5, 9)
LOOK_COUNTS = (5, 10, 20)
"""Where a sweep looks: sizes of the kit are shares of the one that was given."""

OF_GOOD = ("good_median_inspector", "good_pooled_baseline", "mcnemar_good", "noninferior_good")
"""Criteria on good products alone, which alone are studied along the axis `false_reject`."""

COLUMNS = ["axis", "value", "defective", "good", "inspectors", "looks", "detection", "false_reject", "criterion",
           "passed", "replications", "rate", "low", "high"]  # fmt: skip


@dataclass(frozen=True)
class Design:
    """A study that could be run.

    Attributes:
        inspectors: Of the panel, >= 1.
        looks: Of each inspector at each product, >= 2.
        runs: Of the machine.
        required: Right runs that make a product right.
        correlation: Between the machine's runs at one product, in [0, 1).
        model: What inspectors see, and how much they differ.
        sharpness: Of the machine: it sees what is 1 / sharpness the size as often as the inspector in the middle of all
            who could be asked; 1 is equal, > 0.
        false_reject: Chance that the machine rejects a good product in a run, in [0, 1].
    """

    inspectors: int = 5
    looks: int = 10
    runs: int = 10
    required: int = 7
    correlation: float = 0.0
    model: SizeModel = field(default_factory=SizeModel)
    sharpness: float = 1.0
    false_reject: float = 0.01


def study_rates(
    products: pd.DataFrame, design: Design, *, seed: int, replications: int = 400, rules: Rules | None = None
) -> pd.DataFrame:
    """How often each criterion passes over simulated studies, each with a panel and with products of its own luck.

    The machine is held against the inspector in the middle of all who could be asked: at sharpness 1 it rejects every
    defective product as often as that one, panels being better or worse than him by chance.

    Args:
        products: Columns product, truth, defect, size_um, contrast, criticality.
        design: The study.
        seed: >= 0; the answer repeats with it.
        replications: Studies, >= 1.
        rules: Tie, margins, ceiling.

    Returns:
        Columns criterion, passed, replications, rate, low, high (Clopper-Pearson 95 %), detection (mean reject
        probability of a run at the defective products; 0 without any).

    Raises:
        BaselineError: A defective product has no class, size or contrast that the size model knows.
    """
    model, rng = design.model, stream("studies of a design", seed)
    defective = products["truth"].eq("defective").to_numpy()
    seen = np.zeros(len(products))
    seen[defective] = visibility(products[defective], model.scale)
    probits = seen + rng.normal(0, model.product_spread, (replications, len(products)))  # (replication, product)
    skill = rng.normal(0, model.spread, (replications, 1, design.inspectors))
    people = np.where(defective[:, None], _chances(probits[:, :, None] + skill, model), model.guess)
    sharper = _chances(probits + SLOPE * np.log(design.sharpness), model)
    machine = np.where(defective, sharper, design.false_reject)
    plan = Study(
        products["truth"].to_numpy(dtype=str), products["criticality"].fillna("").to_numpy(dtype=str),
        people[0], machine[0], design.looks, design.runs, design.required, design.correlation,
    )  # fmt: skip
    rejects = draw_runs(machine, design.runs, design.correlation, rng=rng)
    passes = evaluate(plan, rejects, rng.binomial(design.looks, people), rules or Rules())
    return rates_table(passes).assign(detection=float(machine[:, defective].mean()) if defective.any() else 0.0)


def _chances(probits: NDArray[np.float64], model: SizeModel) -> NDArray[np.float64]:
    """Reject probability of a defective product, of the same shape."""
    return np.asarray(model.guess + (1 - model.guess - model.lapse) * stats.norm.cdf(probits), dtype=np.float64)


def resized(products: pd.DataFrame, factor: float) -> pd.DataFrame:
    """A kit of the same kind with `factor` times the products of each truth, rounded, at least one where there is one.

    A larger kit repeats products under other names, each with luck of its own; a smaller one takes them evenly.

    >>> kit = pd.DataFrame({"product": ["A", "B", "C"], "truth": ["defective", "defective", "good"]})
    >>> resized(kit, 2)["product"].tolist(), resized(kit, 0.5)["product"].tolist()
    (['A', 'A.2', 'B', 'B.2', 'C', 'C.2'], ['A', 'C'])
    """
    if not 0 < factor < np.inf:
        raise ValueError(f"factor: expected a number > 0, got {factor}")
    parts = []
    for _, rows in products.groupby("truth", sort=False):
        count = max(1, round(len(rows) * factor))
        chosen = rows.iloc[np.arange(count) * len(rows) // count]
        copy = chosen.groupby("product").cumcount() + 1
        names = chosen["product"].where(copy == 1, chosen["product"] + "." + copy.astype(str))
        parts.append(chosen.assign(product=names))
    return pd.concat(parts, ignore_index=True)


def sweep(
    products: pd.DataFrame,
    design: Design,
    *,
    seed: int,
    replications: int = 400,
    rules: Rules | None = None,
    axes: Sequence[str] = ("sharpness", "false_reject", "products", "inspectors", "looks"),
) -> pd.DataFrame:
    """Pass rates along each axis, all else as in `design`.

    Returns:
        Columns `COLUMNS`: a row an axis, value and criterion; `value` is of the axis, for products their number.
    """
    good = products[products["truth"] == "good"]
    points: dict[str, list[tuple[float, pd.DataFrame, Design]]] = {
        "sharpness": [(value, products, replace(design, sharpness=value)) for value in SHARPNESS],
        "false_reject": [(value, good, replace(design, false_reject=value)) for value in FALSE_REJECTS if len(good)],
        "products": [(len(kit), kit, design) for kit in (resized(products, factor) for factor in KIT_SIZES)],
        "inspectors": [(value, products, replace(design, inspectors=value)) for value in PANEL_SIZES],
        "looks": [(value, products, replace(design, looks=value)) for value in LOOK_COUNTS],
    }
    tables = []
    for axis in axes:
        for value, kit, chosen in points[axis]:
            found = study_rates(kit, chosen, seed=seed, replications=replications, rules=rules)
            counts = kit["truth"].value_counts()
            tables.append(
                found.assign(
                    axis=axis, value=float(value), defective=int(counts.get("defective", 0)),
                    good=int(counts.get("good", 0)), inspectors=chosen.inspectors, looks=chosen.looks,
                    false_reject=chosen.false_reject,
                )[COLUMNS]
            )  # fmt: skip
    return pd.concat(tables, ignore_index=True)
