"""The rows of a verdict: one function a question, each giving one `Criterion`. `policy.py` asks them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pandas as pd

from harness.acceptance.baseline import InspectorScores, median_inspector
from harness.acceptance.design import products_for_margin
from harness.acceptance.intervals import cluster_interval, cluster_ratio_interval, exact_interval
from harness.acceptance.knapp import REJECT, Knapp, SplitHalf, Tie
from harness.acceptance.paired import Paired, mcnemar_exact, mcnemar_mid_p, pair, tango_interval
from harness.acceptance.rule import ENOUGH_FOR_90_95, Count, product_counts
from harness.scenario import AcceptanceChoice, MarginsChoice

CRITERIA = (
    "defective_median_inspector",
    "good_median_inspector",
    "defective_pooled_baseline",
    "good_pooled_baseline",
    "knapp_rze_ratio",
    "knapp_rze_split_half",
    "knapp_rag_ceiling",
    "mcnemar_defective",
    "mcnemar_good",
    "noninferior_critical",
    "noninferior_major",
    "noninferior_minor",
    "noninferior_good",
    "no_late_run",
)
"""Every criterion, in the order they are shown. A scenario names those that decide."""

MARGINS: Mapping[str, float] = MappingProxyType(MarginsChoice().model_dump())
"""How much lower the machine's rate may be where nothing else is said, by criticality; "good" for good products."""


@dataclass(frozen=True)
class Rules:
    """What the criteria are held to; part of the scenario, hashed before the first look.

    Attributes:
        tie: Zone of a product whose baseline p is exactly 0.3.
        rag_ceiling: Largest machine RAG that passes, in [0, 1]; None shows it and decides nothing.
        margins: Margin a criticality (critical, major, minor) and for good products, each in [0, 1).
        confidence: Two-sided level of every interval, in (0, 1).
    """

    tie: Tie = "grey"
    rag_ceiling: float | None = None
    margins: Mapping[str, float] = field(default_factory=lambda: MARGINS)
    confidence: float = 0.95


def rules_of(choice: AcceptanceChoice) -> Rules:
    """The rules that a scenario's acceptance table sets.

    >>> rules_of(AcceptanceChoice(tie="accept")).tie
    'accept'
    """
    return Rules(choice.tie, choice.rag_ceiling, MappingProxyType(choice.margins.model_dump()))


@dataclass(frozen=True)
class Criterion:
    """One row: what was seen, what it is held to, and whether it holds.

    Attributes:
        name: One of `CRITERIA`.
        observed: What was seen, as text.
        bound: What it is held to, as text.
        passed: None where there is nothing to decide on, and `note` says why.
        numerator, denominator: The counts behind `observed`, where it is a rate.
        low, high: Interval of the observed, where there is one.
        note: What a reader must know: method of the interval, insufficient n, why there is no number.
    """

    name: str
    observed: str
    bound: str
    passed: bool | None
    numerator: int | None = None
    denominator: int | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""


def median_row(table: pd.DataFrame, scores: InspectorScores, truth: str, rules: Rules) -> Criterion:
    """Right products of the machine against those of the median inspector (verdict 1)."""
    median = median_inspector(scores, truth)
    count = product_counts(table)[truth]
    return _count_row(f"{truth}_median_inspector", count, median.right, "median inspector", truth, rules)


def pooled_row(table: pd.DataFrame, scores: InspectorScores, truth: str, rules: Rules) -> Criterion:
    """Right products of the machine against those of all looks pooled (verdict 2)."""
    pooled, count = product_counts(scores.pooled)[truth], product_counts(table)[truth]
    return _count_row(f"{truth}_pooled_baseline", count, pooled.right, "pooled baseline", truth, rules)


def _count_row(name: str, count: Count, bound: float, whose: str, truth: str, rules: Rules) -> Criterion:
    held_to = f"at least {bound:g}/{count.n} ({whose})"
    if count.n == 0:
        return Criterion(name, count.text, held_to, None, 0, 0, note=f"no {truth} products: nothing to compare")
    interval = exact_interval(count.right, count.n, confidence=rules.confidence)
    note = interval.method if count.n >= ENOUGH_FOR_90_95 else f"{interval.method}; insufficient n for 90/95"
    return Criterion(
        name, count.text, held_to, count.right >= bound, count.right, count.n, interval.low, interval.high, note
    )


def rze_row(zones: Knapp, rules: Rules, rng: np.random.Generator) -> Criterion:
    """Knapp: RZE machine / RZE baseline at least 1 over the baseline's reject zone (verdict 3)."""
    bound, rows = "ratio at least 1", zones.products(REJECT)
    if zones.ratio is None or zones.rze_machine is None or zones.rze_baseline is None:
        return Criterion("knapp_rze_ratio", "no ratio", bound, None, 0, 0, note="the baseline's reject zone is empty")
    interval = cluster_ratio_interval(
        rows["machine_rejects"] / rows["machine_looks"], rows["baseline_rejects"] / rows["baseline_looks"],
        rng=rng, confidence=rules.confidence,
    )  # fmt: skip
    observed = f"{float(zones.ratio):.4f} (RZE {float(zones.rze_machine):.4f} / {float(zones.rze_baseline):.4f})"
    method = interval.method if interval else "no interval: every product has the same ratio"
    return Criterion(
        "knapp_rze_ratio", observed, bound, zones.ratio >= 1,
        int(rows["machine_rejects"].sum()), int(rows["machine_looks"].sum()),
        interval.low if interval else None, interval.high if interval else None,
        f"{len(rows)} products in the reject zone; {method}; numerator and denominator are the machine's looks in the "
        "zone; a machine exactly as good as the inspectors fails this about half of the time or more",
    )  # fmt: skip


def split_half_row(halves: SplitHalf) -> Criterion:
    """The same ratio with zones from one half of the looks and the baseline's RZE from the other (verdict 5)."""
    name, bound = "knapp_rze_split_half", "ratio at least 1"
    if halves.ratio is None:
        return Criterion(name, "no ratio", bound, None, note="no half of the looks puts a product in the reject zone")
    observed = f"{halves.ratio:.4f} (RZE {halves.rze_machine:.4f} / {halves.rze_baseline:.4f})"
    # Sums of products of probabilities: a ratio of exactly 1 may come out one rounding below it.
    note = f"{halves.expected_products:.1f} products in the reject zone, mean over all splits"
    return Criterion(name, observed, bound, halves.ratio >= 1 - 1e-9, note=note)


def rag_row(zones: Knapp, rules: Rules, rng: np.random.Generator) -> Criterion:
    """Machine RAG, with a ceiling where the scenario sets one (verdict 3)."""
    bound = "no ceiling set" if rules.rag_ceiling is None else f"at most {rules.rag_ceiling:g}"
    rows = zones.zones[zones.zones["zone"] != REJECT]
    if zones.rag_machine is None or zones.rag_baseline is None:
        return Criterion("knapp_rag_ceiling", "no RAG", bound, None, 0, 0, note="no product outside the reject zone")
    interval = cluster_interval(rows["machine_rejects"], rows["machine_looks"], rng=rng, confidence=rules.confidence)
    observed = f"RAG {float(zones.rag_machine):.4f} (baseline {float(zones.rag_baseline):.4f})"
    passed = None if rules.rag_ceiling is None else float(zones.rag_machine) <= rules.rag_ceiling
    note = f"{len(rows)} products in the accept and grey zones; {interval.method}"
    return Criterion(
        "knapp_rag_ceiling", observed, bound, passed,
        int(rows["machine_rejects"].sum()), int(rows["machine_looks"].sum()), interval.low, interval.high, note,
    )  # fmt: skip


def mcnemar_row(pairs: list[Paired], truth: str, rules: Rules) -> Criterion:
    """Machine against the median inspector on the same products: not significantly worse (verdict 4)."""
    name, alpha = f"mcnemar_{truth}", 1 - rules.confidence
    bound = f"not worse with P < {alpha:.2g}"
    if not pairs:
        return Criterion(name, "no pairs", bound, None, 0, 0, note=f"no {truth} products: nothing to compare")
    counts = min(pairs, key=lambda one: (mcnemar_exact(one), one.both, one.first_only))
    interval, p = tango_interval(counts, confidence=rules.confidence), mcnemar_exact(counts)
    observed = (
        f"{counts.first_only} right by machine alone, {counts.second_only} by inspector alone; "
        f"P {_chance(p)} (mid-p {_chance(mcnemar_mid_p(counts))})"
    )
    passed = p >= alpha or counts.first_only > counts.second_only
    note = "exact McNemar; numerator is the difference of right products; interval Tango score"
    return Criterion(name, observed, bound, passed, counts.first_only - counts.second_only, counts.n,
                     interval.low, interval.high, note)  # fmt: skip


def _chance(p: float) -> str:
    """A P to four digits; one that would be all zeros is less than the last of them."""
    return f"= {p:.4f}" if p >= 0.00005 else "< 0.0001"


def noninferiority_row(pairs: list[Paired], group: str, rules: Rules) -> Criterion:
    """Machine minus median inspector above minus the margin, by the Tango interval (verdict 4)."""
    name, margin = f"noninferior_{group}", rules.margins[group]
    bound = f"interval above {-100 * margin:g} points" if margin else "interval above 0: no margin is granted"
    if not pairs:
        return Criterion(name, "no pairs", bound, None, 0, 0, note=f"no {group} products: nothing to compare")
    found = [(counts, tango_interval(counts, confidence=rules.confidence)) for counts in pairs]
    counts, interval = min(found, key=lambda one: (one[1].low, one[1].high, one[0].both))
    needed = products_for_margin(margin, confidence=rules.confidence)
    passed, note = interval.low > -margin, "Tango score"
    if not passed and needed is None:
        note += "; without a margin the machine must be shown to be better, equal is not enough"
    elif not passed and needed is not None and counts.n < needed:
        note += f"; insufficient n: {100 * margin:g} points need {needed} products even without a discordant one"
    observed = f"{100 * counts.difference:+.1f} points ({counts.first_only} - {counts.second_only} of {counts.n})"
    return Criterion(name, observed, bound, passed, counts.first_only - counts.second_only, counts.n,
                     interval.low, interval.high, note)  # fmt: skip


def late_row(late: int | None, runs: int) -> Criterion:
    """No run of the kit was late."""
    if late is None:
        return Criterion("no_late_run", "not recorded", "0 late", None, note="the looks carry no cause")
    interval = exact_interval(late, runs) if runs else None
    return Criterion(
        "no_late_run", f"{late} late of {runs} runs", "0 late", late == 0, late, runs,
        interval.low if interval else None, interval.high if interval else None,
        "the interval takes runs as independent; late ones often follow one another",
    )  # fmt: skip


def pairs_with_median(table: pd.DataFrame, scores: InspectorScores, truth: str, products: set[str]) -> list[Paired]:
    """Machine and inspector product by product, for each inspector in the middle; `products` limits the rows."""
    machine = table[table["truth"].eq(truth) & table["product"].isin(products)].set_index("product")["right"]
    pairs = []
    for name in median_inspector(scores, truth).names if len(machine) else ():
        own = scores.products[scores.products["inspector"] == name].set_index("product")["right"]
        pairs.append(pair(machine.to_numpy(dtype=bool), own.reindex(machine.index).to_numpy(dtype=bool)))
    return pairs
