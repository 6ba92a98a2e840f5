"""Whether a timing claim may be made at all, and the response times it is about. Reads the ledger, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom

from harness.line.layout import Layout


@dataclass(frozen=True)
class Rule:
    """One line of the validity box.

    Attributes:
        rule: What must hold.
        observed: What was found.
        bound: What it is compared with.
        passed: Whether it holds.
        advice: What to change; "" where nothing has to be.
    """

    rule: str
    observed: int
    bound: int
    passed: bool
    advice: str


@dataclass(frozen=True)
class Validity:
    """True VALID, False INVALID, None NOT CLAIMED; and the rules it rests on.

    Attributes:
        valid: The verdict on the timing; False too where a rule is broken that holds whatever is claimed.
        rules: A line a rule.
        slots: Acquired strips outside the warm-up.
        late: Those among them without a verdict before the cut-off, whatever kept it.
        warm_up: Strips left out of both.
    """

    valid: bool | None
    rules: tuple[Rule, ...]
    slots: int
    late: int
    warm_up: int


def timing_validity(
    ledger: pd.DataFrame,
    *,
    quantile: float | None,
    confidence: float = 0.99,
    others: Sequence[Rule] = (),
    always: Sequence[Rule] = (),
) -> Validity:
    """Checks the claim that `quantile` of the strips have their verdict before the cut-off.

    Args:
        ledger: As written by `simulate`.
        quantile: The claim, in (0, 1); None claims nothing.
        confidence: Of the claim, in (0, 1).
        others: Rules of timing that other rooms have checked; they count alike.
        always: Rules that runs must keep even where nothing is claimed of their times, such as frames of their own.

    Raises:
        ValueError: Quantile or confidence outside (0, 1).
    """
    acquired = ledger["frames_us"].notna()
    counted = ledger[acquired & ~ledger["warm_up"]]
    slots = len(counted)
    in_time = (counted["verdict_us"] <= counted["cutoff_us"]).fillna(False)
    late = slots - int(in_time.sum())
    warm_up = int((acquired & ledger["warm_up"]).sum())
    if quantile is None:
        valid = None if all(rule.passed for rule in always) else False
        return Validity(valid, (*others, *always), slots, late, warm_up)
    rules = (
        _enough_slots(slots, late, quantile, confidence),
        Rule("warm-up slots come first and are left out", warm_up, warm_up, _comes_first(ledger), ""),
        *others,
        *always,
    )
    return Validity(all(rule.passed for rule in rules), rules, slots, late, warm_up)


def slots_needed(quantile: float, late: int, *, confidence: float = 0.99) -> int:
    """Fewest slots that, with so many late, show that more than `quantile` of all slots are in time.

    The smallest n with P(Binomial(n, 1 - quantile) <= late) <= 1 - confidence.

    Args:
        quantile: Share in time, in (0, 1).
        late: Late slots, >= 0.
        confidence: One-sided, in (0, 1).

    Raises:
        ValueError: An argument lies outside its range.

    Source:
        Clopper & Pearson (1934), Biometrika 26(4), 404-413: the one-sided exact bound, solved for n; with none late
        it is Wilks (1941), Ann. Math. Stat. 12(1), 91-96.

    >>> slots_needed(0.99, 0), slots_needed(0.99, 1)
    (459, 662)
    """
    if not (0.0 < quantile < 1.0 and 0.0 < confidence < 1.0 and late >= 0):
        raise ValueError(
            f"expected quantile and confidence in (0, 1) and late >= 0, got {quantile}, {confidence} and {late}"
        )
    enough = late + 1
    while binom.cdf(late, enough, 1.0 - quantile) > 1.0 - confidence:
        enough *= 2
    few = enough // 2 if enough > late + 1 else late
    while enough - few > 1:  # few is too few, enough is enough
        middle = (few + enough) // 2
        if binom.cdf(late, middle, 1.0 - quantile) > 1.0 - confidence:
            few = middle
        else:
            enough = middle
    return enough


def latency_summary(ledger: pd.DataFrame, layout: Layout) -> dict[str, float | None]:
    """Response times in ms, verdict minus the scheduled last exposure, over inspected strips outside the warm-up.

    A quantile is a response that occurred, the next one up. Results that never came have no response: they are in the
    count of late strips and not here.

    Args:
        ledger: As written by `simulate`.
        layout: It was written for; gives the last exposure.

    Returns:
        mean, p50, p99, p99_9 and max; all None where nothing was inspected.
    """
    inspected = ledger["inference_start_us"].notna() & ledger["verdict_us"].notna() & ~ledger["warm_up"]
    rows = ledger[inspected]
    due_us = rows["scheduled_us"].to_numpy(np.int64) + layout.last_exposure_us
    response_ms = (rows["verdict_us"].to_numpy(np.int64) - due_us) / 1000.0
    names = {"p50": 0.5, "p99": 0.99, "p99_9": 0.999, "max": 1.0}
    if len(response_ms) == 0:
        return dict.fromkeys(("mean", *names))
    quantiles = {name: float(np.quantile(response_ms, at, method="higher")) for name, at in names.items()}
    return {"mean": float(response_ms.mean()), **quantiles}


def _enough_slots(slots: int, late: int, quantile: float, confidence: float) -> Rule:
    needed = slots_needed(quantile, late, confidence=confidence)
    passed = slots >= needed
    if passed:
        advice = ""
    elif late > slots * (1.0 - quantile):
        advice = "make the slot longer or the detector faster: more are late than the claim allows"
    else:
        advice = f"run {needed} slots{' with no more late' if late else ''}, or claim a lower quantile"
    return Rule(
        rule=f"slots for p{100 * quantile:g} at {100 * confidence:g} % confidence, {late} late",
        observed=slots,
        bound=needed,
        passed=passed,
        advice=advice,
    )


def _comes_first(ledger: pd.DataFrame) -> bool:
    """No warm-up strip after one of the kit."""
    strips = ledger.loc[ledger["product"].notna(), "warm_up"]
    return bool(strips.is_monotonic_decreasing)
