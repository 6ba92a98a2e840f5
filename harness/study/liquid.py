"""Which liquid breaks a detector: what it rejects as slosh, bubbles, drops ... change one by one, products the same.

Single runs are counted, not products: how often a good strip is lost when there are twice the bubbles, and how often a
defect is missed behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from harness.acceptance.intervals import cluster_interval
from harness.strips.kit import Kit
from harness.strips.liquid import LiquidScale
from harness.study.difference import difference_of
from harness.study.generality import USUAL, KitAsked, KitJudged, unusual

SWEPT: dict[str, tuple[float, ...]] = {
    "slosh": (0.5, 2.0, 3.0),
    "bubbles": (0.5, 2.0, 4.0),
    "stick": (0.0, 0.4, 0.6),
    "drops": (0.5, 2.0, 4.0),
    "viscosity": (0.5, 2.0, 4.0),
    "agitation": (0.5, 1.0, 2.0),
}
"""What each scale is set to beside its usual value, which is that of `docs/product.md`."""

SEED = 7


def liquids(kit: Kit, seed: int, scales: Sequence[str]) -> list[KitAsked]:
    """The same products in the usual liquid, and in one changed in each of these scales, a value at a time."""
    changed = [_with(name, value) for name in scales for value in SWEPT[name]]
    return [KitAsked(kit, seed, scale) for scale in (USUAL, *changed)]


def rows(judged: Sequence[KitJudged], scales: Sequence[str]) -> list[dict[str, Any]]:
    """A row a scale and value, in order, the usual one in each: rejected runs, and how they differ from the usual.

    Args:
        judged: What `liquids` asks for.
        scales: Which of them to tell of.

    Returns:
        `scale`, `value`, `usual` (it is the usual value), and for `good` and `defective`: rejected runs `rejects` of
        `runs`, `share` with its 95 % interval `low` to `high` (products resampled), and `difference` of the shares from
        the usual, `difference_low` to `difference_high`.
    """
    by_scale = {kit.scale: kit.table for kit in judged}
    usual = by_scale[USUAL]
    told = []
    for name in scales:
        for value in sorted((*SWEPT[name], float(getattr(USUAL, name)))):
            table = by_scale[_with(name, value)]
            row: dict[str, Any] = {"scale": name, "value": value, "usual": _with(name, value) == USUAL}
            for between in difference_of(usual, table, seed=SEED):
                sign = 1.0 if between.truth == "defective" else -1.0  # of right runs; here rejects are told
                low, high = sorted((0.0 + sign * between.runs_low, 0.0 + sign * between.runs_high))  # 0.0 +: no -0
                if row["usual"]:  # from itself it cannot differ
                    low = high = 0.0
                row[between.truth] = {
                    **_share(table[table["truth"] == between.truth]),
                    "difference": 0.0 + sign * between.runs_difference,
                    "difference_low": low, "difference_high": high,
                }  # fmt: skip
            told.append(row)
    return told


def in_words(found: Sequence[dict[str, Any]]) -> str:
    """A line a row of `rows`, the usual liquid once and first."""
    usual = next(row for row in found if row["usual"])
    lines = [_line("usual liquid", usual, differs=False)]
    lines += [
        _line(unusual(_with(row["scale"], row["value"]))[0], row, differs=True) for row in found if not row["usual"]
    ]
    return "\n".join(lines)


def _with(name: str, value: float) -> LiquidScale:
    return replace(USUAL, **{name: value})


def _share(table: pd.DataFrame) -> dict[str, Any]:
    """Rejected runs of some products."""
    rejects, runs = table["rejects"].to_numpy(np.int64), table["runs"].to_numpy(np.int64)
    interval = cluster_interval(rejects, runs, rng=np.random.default_rng(SEED))
    total, of = int(rejects.sum()), int(runs.sum())
    return {"rejects": total, "runs": of, "share": total / of, "low": interval.low, "high": interval.high}


def _line(name: str, row: dict[str, Any], *, differs: bool) -> str:
    parts = [name.ljust(15)]
    for truth in ("good", "defective"):
        one = row[truth]
        parts.append(f"{truth} rejected {one['rejects']:>4}/{one['runs']} {100 * one['share']:5.1f} %")
        parts.append(
            f"({100 * one['difference']:+.1f} [{100 * one['difference_low']:+.1f},"
            f" {100 * one['difference_high']:+.1f}])"
            if differs
            else f"[{100 * one['low']:.1f}, {100 * one['high']:.1f}]"
        )
    return " ".join(parts)
