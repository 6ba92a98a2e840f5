"""Section 1: the verdict, every criterion behind it, and whether timing may be claimed."""

from __future__ import annotations

from typing import Any

from harness.acceptance.policy import timing_text, verdict_text
from harness.report.words import MINUS, Cell, Table, interval, table, word
from harness.result.stored import Stored

CRITERION_NAMES = {
    "defective_median_inspector": "Defective products right, against the median inspector",
    "good_median_inspector": "Good products right, against the median inspector",
    "defective_pooled_baseline": "Defective products right, against all inspectors pooled",
    "good_pooled_baseline": "Good products right, against all inspectors pooled",
    "knapp_rze_ratio": "Knapp: reject zone efficiency, machine / baseline",
    "knapp_rze_split_half": "Knapp: the same, zones and efficiency from different halves of the looks",
    "knapp_rag_ceiling": "Knapp: rejects in the accept and grey zones",
    "mcnemar_defective": "Paired, defective products (McNemar)",
    "mcnemar_good": "Paired, good products (McNemar)",
    "noninferior_critical": "Not inferior, critical defects",
    "noninferior_major": "Not inferior, major defects",
    "noninferior_minor": "Not inferior, minor defects",
    "noninferior_good": "Not inferior, good products",
    "no_late_run": "No late run",
}
UNITS = {"mcnemar": "points", "noninferior": "points", "knapp_rze_ratio": "", "knapp_rze_split_half": ""}


def verdict_section(stored: Stored) -> dict[str, Any]:
    """The verdict, every criterion, and whether timing may be claimed."""
    summary = stored.summary
    timing, criteria = summary["timing"], summary["criteria"]
    return {
        "verdict": summary["verdict"],
        "verdict_text": verdict_text(summary["verdict"], summary["baseline"]["source"]),
        "why": _why(stored),
        "timing": timing_text(valid=timing["valid"], quantile=timing["quantile"]),
        "timing_why": _timing_why(timing),
        "quick": stored.manifest["quick"],
        "deciding": criteria_table("Criteria that decide the verdict", [row for row in criteria if row["deciding"]]),
        "shown": criteria_table(
            "Criteria that are shown and do not decide", [row for row in criteria if not row["deciding"]]
        ),
        "rules": table(
            "Rules that runs and times must keep",
            ["rule", "observed", "bound", "result", "what to change"],
            [
                [r["rule"], r["observed"], r["bound"], _result(r["passed"]), r["advice"] or "nothing"]
                for r in timing["rules"]
            ],
            numeric=(1, 2),
            empty="No timing is claimed, so no rule was checked.",
        ),
    }


def _why(stored: Stored) -> str:
    """The verdict in one sentence."""
    summary = stored.summary
    if summary["verdict"] == "INVALID":
        timing = summary["timing"]
        broken = [
            f"{rule['rule']}: {rule['observed']}, expected {rule['bound']}"
            for rule in timing["rules"]
            if not rule["passed"]
        ]
        return f"INVALID outranks every other verdict. Not kept: {'; '.join(broken)}."
    against = [row for row in summary["criteria"] if row["deciding"] and row["passed"] is not True]
    if not against:
        return "Every deciding criterion is met."
    told = "; ".join(
        f"{CRITERION_NAMES.get(row['name'], word(row['name']))} ({row['observed']}, held to: {row['bound']})"
        for row in against
    )
    met = sum(row["deciding"] for row in summary["criteria"]) - len(against)
    return f"Not met: {told}. Of the criteria that decide, {met} are met." if met else f"Not met: {told}."


def _timing_why(timing: dict[str, Any]) -> str:
    slots = f"{timing['slots']:,} slots, {timing['late']:,} late, {timing['warm_up']:,} warm-up slots left out"
    if timing["quantile"] is None:
        return f"No claim on response times is made. Seen: {slots}."
    return f"Claim: {100 * timing['quantile']:g} % of the verdicts come before the cut-off. Seen: {slots}."


def criteria_table(caption: str, rows: list[dict[str, Any]]) -> Table:
    """Rows of `summary.json` as they are shown."""
    return table(
        caption,
        ["criterion", "result", "observed", "bound", "count", "95 % interval"],
        [
            [
                CRITERION_NAMES.get(row["name"], word(row["name"])),
                _result(row["passed"]),
                Cell(str(row["observed"]).removesuffix(" (insufficient n for 90/95)"), note=str(row["note"])),
                str(row["bound"]),
                _count(row),
                interval(row["low"], row["high"], _unit(row["name"])),
            ]
            for row in rows
        ],
    )


def _unit(name: str) -> str:
    return next((unit for start, unit in UNITS.items() if name.startswith(start)), "%")


def _count(row: dict[str, Any]) -> str:
    if row["numerator"] is None or row["denominator"] is None:
        return "no count: a mean"
    return f"{row['numerator']}/{row['denominator']}".replace("-", MINUS)


def _result(passed: bool | None) -> Cell:
    if passed is None:
        return Cell("not decided", "muted")
    return Cell("pass", "pass") if passed else Cell("fail", "fail")
