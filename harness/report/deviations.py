"""Section 15: what did not go as planned, response times against the slot, scores against thresholds, AUROC."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from harness.acceptance.rule import TRUTHS
from harness.report.figures import Scores, latency_figure, scores_figure
from harness.report.words import Table, no_number, number, table, word
from harness.result.stored import MISSING_WHY, Stored, records

LISTED = 200
"""Deviating runs that are listed one by one; the ledger has them all."""

CAUSES = {
    "late": "late: the verdict came after the cut-off",
    "missing": "missing: no verdict ever came",
    "frame_check": "frame check: frames missing or unusable",
    "invalid_score": "invalid score: not a finite number",
}


def deviations_section(stored: Stored) -> dict[str, Any]:
    """Late, missing and fault-rejected runs, exclusions, latency and scores."""
    looks, summary = stored.machine_looks, stored.summary
    odd = looks[looks["reject"] & ~looks["cause"].eq("score")]
    return {
        "causes": _causes(looks),
        "odd": len(odd),
        "listed": min(len(odd), LISTED),
        "runs": table(
            "Runs that the detector did not decide",
            ["product", "truth", "run", "slot", "cause"],
            [
                [*(str(row[name]) for name in ("product", "truth", "run", "slot")), word(str(row["cause"])) or "none"]
                for row in records(odd.head(LISTED))
            ],
            numeric=(2, 3),
            empty="The detector decided every run.",
        ),
        "absent": stored.runs * len(stored.products) - len(looks),
        "warm_up": summary["timing"]["warm_up"],
        "warm_up_late": int((stored.ledger["warm_up"] & stored.ledger["cause"].eq("late")).sum()),
        "empty_slots": int(stored.ledger["product"].isna().sum()),
        "conservation": summary["conservation"],
        "faults": table(
            "Faults that were injected",
            ["fault", "where it bites", "safe reaction", "injected", "noticed", "escaped"],
            [
                [
                    word(row["kind"]),
                    *(str(row[name]) for name in ("bites", "reaction", "injected", "noticed", "escaped")),
                ]
                for row in summary["faults"]
            ],
            numeric=(3, 4, 5),
            empty="No fault was injected.",
        ),
        **_latency(stored),
        "scores": [
            (
                scores_figure(scores),
                f"{len(scores.good)} runs of good strips, {len(scores.defective)} with a defect here",
            )
            for scores in _scores(stored)
        ],
        "without_score": int(stored.scores["score"].isna().sum()),
        "auroc": _auroc(summary["auroc"]),
    }


def _causes(looks: pd.DataFrame) -> Table:
    decided = looks[~looks["reject"] | looks["cause"].eq("score")]
    others = looks.drop(decided.index)
    rows = [["decided by the detector", *_by_truth(decided)]]
    rows += [
        [CAUSES.get(str(cause), word(str(cause)) or "no cause recorded"), *_by_truth(members)]
        for cause, members in others.groupby("cause", sort=True)
    ]
    return table("Runs by what decided them", ["decided by", "defective", "good", "all"], rows, numeric=(1, 2, 3))


def _by_truth(looks: pd.DataFrame) -> list[str]:
    return [*(str(int((looks["truth"] == truth).sum())) for truth in TRUTHS), str(len(looks))]


def _latency(stored: Stored) -> dict[str, Any]:
    timing, responses = stored.summary["timing"], stored.responses_ms.to_numpy(dtype=np.float64)
    values = timing["latency_ms"]
    why = "nothing was inspected"
    figure = None
    if len(responses) and values["p50"] is not None:
        figure = latency_figure(responses, deadline_ms=timing["deadline_ms"], p50=values["p50"], p99=values["p99"])
    return {
        "latency": table(
            f"Response: verdict after the last exposure, by {stored.manifest['detector']}",
            ["mean", "p50", "p99", "p99.9", "largest", "deadline", "slot"],
            [[
                *(number(values[name], 1, unit="ms", why=why) for name in ("mean", "p50", "p99", "p99_9", "max")),
                number(timing["deadline_ms"], 1, unit="ms"), number(timing["slot_ms"], 1, unit="ms"),
            ]],
            numeric=range(7),
        ),
        "latency_figure": figure,
        "ahead": _ahead(stored),
        "clock": timing["clock"],
        "slots": timing["slots"],
        "late": timing["late"],
    }  # fmt: skip


def _ahead(stored: Stored) -> str:
    """What of the computing came before the last frame, and so is in no response; "" where nothing did or could."""
    service_ms, ahead_ms = stored.computing_ms
    if ahead_ms == 0.0:
        return ""
    *early, last = map(str, stored.manifest["geometry"]["frames"])
    if not early:
        return ""
    return (
        f"An inspection takes {service_ms:.1f} ms of computing on average. {ahead_ms:.1f} ms of that need no more than "
        f"exposures {' and '.join(early)}, and a computer that is free begins them before exposure {last} has come. "
        "What does not fit into that time, or finds the computer busy, is in the response."
    )


def _scores(stored: Stored) -> list[Scores]:
    """Highest score of every run by region; a defective strip stands only in the region that holds its defect."""
    table_of_scores = stored.scores[["product", "run", "vial", "region", "score"]]
    products = stored.products[["product", "truth", "vial", "region"]]
    places = products.rename(columns={"vial": "defect_vial", "region": "defect_region"})
    rows = table_of_scores.merge(places, on="product")
    rows = rows[rows["score"].notna()]
    here = (rows["defect_region"].isna() | rows["region"].eq(rows["defect_region"])).fillna(True)
    here &= (rows["defect_vial"].isna() | rows["vial"].eq(rows["defect_vial"])).fillna(True)
    rows = rows[rows["truth"].eq("good") | here.astype(bool)]
    highest = rows.groupby(["truth", "region", "product", "run"])["score"].max()
    return [
        Scores(name, _of(highest, "good", region), _of(highest, "defective", region), stored.thresholds[region])
        for region, name in enumerate(stored.regions)
    ]


def _of(highest: pd.Series[float], truth: str, region: int) -> Any:
    chosen = (highest.index.get_level_values("truth") == truth) & (highest.index.get_level_values("region") == region)
    return highest[chosen].to_numpy(dtype=np.float64)


def _auroc(values: dict[str, dict[str, Any]] | None) -> Table:
    rows = [
        ["all classes" if kind == "all" else word(kind), str(row["products"]),
         number(row["auroc"], 3, why="one of the two truths is missing")]
        for kind, row in (values or {}).items()
    ]  # fmt: skip
    return table(
        "AUROC of single looks at strips, each class against all good ones",
        ["class", "products", "AUROC"],
        rows,
        numeric=(1, 2),
        empty=no_number(MISSING_WHY),
    )
