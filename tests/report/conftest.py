"""Small result folders, with real tables, for any geometry, any rule and any outcome."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from harness.acceptance.baseline import median_inspector, score_inspectors
from harness.acceptance.knapp import knapp
from harness.acceptance.policy import Criterion, evaluate_criteria, k_of_n, k_of_n_decided, verdict
from harness.line import Layout, line_summary
from harness.line.packml import State
from harness.scenario import DECIDING

CLASSES = ("stuck_particle", "black_spot", "scratch")
CRITICALITY = {"stuck_particle": "critical", "black_spot": "major", "scratch": "minor"}
THRESHOLD = 0.1


@dataclass(frozen=True)
class Case:
    """What a folder is about.

    Attributes:
        missed: The first so many defective products are accepted in every run.
        false: The first so many good ones are rejected in every run.
        late: The first so many looks come late.
        unscored: The first so many products have no finite score in any patch.
    """

    defective: int = 6
    good: int = 4
    runs: int = 10
    required: int = 7
    vials: int = 5
    regions: tuple[str, ...] = ("flag", "top body", "liquid body", "bottom")
    missed: int = 0
    false: int = 0
    late: int = 0
    unscored: int = 0
    evidence: bool = True
    paper: bool = True
    valid: bool | None = True
    source: str = "assumed"
    provenance: str = "generated strips: drawn by this bench, not photographed"
    quick: bool = False
    command: str = "python -m harness validate --seed 7"
    liquid: bool = True


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Makes a result folder of a case."""
    made: list[Path] = []

    def build(**choices: Any) -> Path:
        folder = tmp_path / f"result-{len(made)}"
        folder.mkdir()
        made.append(folder)
        write(folder, Case(**choices))
        return folder

    return build


def write(folder: Path, case: Case) -> None:
    """All files that the report reads."""
    kit, ledger, looks = kit_of(case), None, inspectors_of(case)
    ledger = ledger_of(case, kit)
    machine = ledger[~ledger["warm_up"]].assign(reject=lambda rows: rows["fate"] != "accepted")
    machine = machine[["product", "truth", "run", "cause", "reject"]].astype({"run": "int64"})
    counts = k_of_n(machine, case.required)
    products = kit.merge(counts[["product", "rejects", "runs", "right"]], on="product")
    tables = {"ledger": ledger, "products": products, "scores": scores_of(case, kit), "latency": tape_of(ledger)}
    if case.liquid:
        tables["liquid"] = liquid_of(machine)
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    looks.assign(verdict=np.where(looks["reject"], "reject", "accept")).drop(columns="reject").to_csv(
        folder / "looks.csv", index=False
    )
    kit.to_csv(folder / "kit.csv", index=False)
    summary = {**summary_of(case, kit, machine, looks), "line": line_summary(ledger, Layout())}
    (folder / "summary.json").write_text(json.dumps(summary, allow_nan=False), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(manifest_of(case, summary)), encoding="utf-8")
    if case.evidence:
        evidence_of(folder, case, products)


def kit_of(case: Case) -> pd.DataFrame:
    """The register: defects of rising size, spread over the places."""
    rows: list[dict[str, Any]] = [
        {"product": f"D{n + 1:03d}", "truth": "defective", "defect": CLASSES[n % 3], "size_um": 150.0 + 40.0 * n,
         "contrast": 0.3, "criticality": CRITICALITY[CLASSES[n % 3]], "region": n % len(case.regions),
         "vial": n % case.vials}
        for n in range(case.defective)
    ]  # fmt: skip
    rows += [{"product": f"G{n + 1:03d}", "truth": "good", "defect": "", "criticality": ""} for n in range(case.good)]
    columns = ["product", "truth", "defect", "size_um", "contrast", "criticality", "region", "vial"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"size_um": "float64", "contrast": "float64", "region": "Int64", "vial": "Int64"})


def liquid_of(machine: pd.DataFrame) -> pd.DataFrame:
    """More that sticks and a steeper surface from run to run; every second run has a bubble that rises."""
    run = machine["run"]
    return machine[["product", "run"]].assign(
        stuck=4 + run, rising=run % 2, largest_um=300.0 + 10.0 * run, tilt_deg=0.5 * run
    )


def rejected(case: Case, product: str) -> bool:
    """Does the score of this product reject it?"""
    number = int(product[1:])
    return number > case.missed if product[0] == "D" else number <= case.false


def ledger_of(case: Case, kit: pd.DataFrame) -> pd.DataFrame:
    """One warm-up strip, then every run of the kit in its order."""
    rows = [row_of(0, "W001", 0, "good", True, "accepted", "")]
    for run in range(1, case.runs + 1):
        for product, truth in zip(kit["product"], kit["truth"], strict=True):
            late = len(rows) <= case.late
            reject = rejected(case, product)
            cause = "late" if late else "score" if reject else ""
            fate = "rejected" if late or reject else "accepted"
            rows.append(row_of(len(rows), product, run, truth, False, fate, cause))
    return pd.DataFrame(rows).astype({"run": "Int64"})


def row_of(slot: int, product: str, run: int, truth: str, warm_up: bool, fate: str, cause: str) -> dict[str, Any]:
    """One row of a ledger, with the columns that a report may look at."""
    verdict_us = 500_000 * slot + (900_000 if cause == "late" else 700_000)
    trigger_us = 500_000 * slot
    return {"slot": slot, "packml": State.STARTING if warm_up else State.EXECUTE, "product": product, "run": run,
            "warm_up": warm_up, "frames_us": trigger_us + 394_000, "inference_start_us": trigger_us + 394_000,
            "verdict_us": verdict_us, "cutoff_us": trigger_us + 882_000, "gate_us": trigger_us + 890_000,
            "verified_us": trigger_us + 898_000, "queue": 0, "fate": fate, "cause": cause, "truth": truth}  # fmt: skip


def tape_of(ledger: pd.DataFrame) -> pd.DataFrame:
    """Response times of every row; 250 ms of computing each, 90 of them ahead of the last frame."""
    response_us = (ledger["verdict_us"] - 500_000 * ledger["slot"] - 390_000).astype("Int64")
    return pd.DataFrame(
        {
            "product": ledger["product"],
            "run": ledger["run"].astype("int64"),
            "response_us": response_us,
            "service_us": 250_000,
            "ahead_us": 90_000,
        }
    )


def scores_of(case: Case, kit: pd.DataFrame) -> pd.DataFrame:
    """A patch a row; the first patch of a rejected product is above its threshold."""
    shape = (case.runs, 3, case.vials, len(case.regions))
    run, frame, vial, region = (axis.ravel() for axis in np.indices(shape))
    tables = []
    for number, product in enumerate(kit["product"]):
        base = 0.05 + 0.001 * ((7 * run + 3 * vial + 5 * region + number) % 11)
        hot = (frame == 0) & (vial == 0) & (region == 0) & rejected(case, product)
        score = np.where(hot, 0.2, base).astype(np.float32)
        if number < case.unscored:
            score[:] = np.nan
        tables.append(pd.DataFrame({"product": product, "run": run + 1, "frame": np.array([1, 8, 16])[frame],
                                    "vial": vial, "region": region, "score": score, "joint": False}))  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def inspectors_of(case: Case) -> pd.DataFrame:
    """Three inspectors, four looks each; small defects are missed more often, good products never rejected."""
    rows = []
    for product in kit_of(case)["product"]:
        for person in range(3):
            for look in range(1, 5):
                reject = product[0] == "D" and (int(product[1:]) + person) % 5 >= look % 3
                rows.append({"product": product, "inspector": f"I{person + 1}", "look": look, "reject": reject})
    return pd.DataFrame(rows)


def counts_of(table: pd.DataFrame, right: pd.Series) -> dict[str, dict[str, int]]:
    """n and right of each truth."""
    truths = {truth: table["truth"] == truth for truth in ("defective", "good")}
    return {truth: {"n": int(rows.sum()), "right": int(right[rows].sum())} for truth, rows in truths.items()}


def summary_of(case: Case, kit: pd.DataFrame, machine: pd.DataFrame, looks: pd.DataFrame) -> dict[str, Any]:
    """`summary.json`, by the same functions that a qualification calls."""
    counts = k_of_n(machine, case.required)
    decided = k_of_n_decided(machine, case.required)
    scores = score_inspectors(looks, kit, required=case.required, runs=case.runs)
    zones = knapp(counts, scores.pooled)
    late = int(machine["cause"].eq("late").sum())
    criteria = evaluate_criteria(machine, looks, kit, required=case.required, late=late)
    medians = {truth: median_inspector(scores, truth) for truth in ("defective", "good")}
    names = ("rze_machine", "rze_baseline", "ratio", "rag_machine", "rag_baseline")
    values = {name: getattr(zones, name) for name in names}
    return {
        "scenario": "small", "run_id": "20260102T030405Z-0123abcd", "seed": 7,
        "verdict": verdict(criteria, DECIDING, case.valid), "provenance": case.provenance,
        "timing": {
            "clock": "measured", "slot_ms": 500.0, "slots": len(machine), "late": late, "valid": case.valid,
            "quantile": None if case.valid is None else 0.99, "warm_up": 1,
            "rules": [] if case.valid is None else [
                {"rule": "slots for p99 at 99 % confidence, 0 late", "observed": str(len(machine)), "bound": "459",
                 "passed": case.valid, "advice": "" if case.valid else "run 459 slots"}],
            "latency_ms": {"mean": 310.0, "p50": 310.0, "p99": 510.0, "p99_9": 510.0, "max": 510.0},
            "deadline_ms": 492.0,
        },
        "products": counts_of(counts, counts["right"]),
        "products_without_late_and_fault_rejects": counts_of(decided, decided["right"]),
        "runs": counts_of(machine, machine["reject"] == (machine["truth"] == "defective")),
        "required": case.required, "runs_each": case.runs,
        "conservation": {"fed": len(machine) + 1, "accepted": 1, "rejected": len(machine), "removed": 0, "on_board": 0},
        "faults": [],
        "baseline": {
            "source": case.source, "inspectors": 3, "looks": 4,
            **{truth: {"n": row.n, "right": row.right} for truth, row in medians.items()},
            "pooled": counts_of(scores.pooled, scores.pooled["right"]),
            "each": [{"inspector": str(r.inspector), "truth": str(r.truth), "right": int(r.right), "n": int(r.n)}
                     for r in scores.inspectors.itertuples()],
        },
        "knapp": {name: None if value is None else float(value) for name, value in values.items()},
        "criteria": [criterion_of(row) for row in criteria],
        "paper": paper_of(case) if case.paper else None,
        "auroc": {"all": {"auroc": 0.75, "products": case.defective}} if case.paper else None,
        "digests": {name: str(n) * 64 for n, name in enumerate(("scenario", "kit", "model", "thresholds"), start=1)},
    }  # fmt: skip


def criterion_of(row: Criterion) -> dict[str, Any]:
    """A criterion as it is stored."""
    return {**asdict(row), "deciding": row.name in DECIDING}


def paper_of(case: Case) -> dict[str, Any]:
    """Tables 1 to 3 with counts that are easy to find again."""
    row = {"right": {"right": 3, "n": 4}, "defect_detected": {"right": 1136, "n": 1200},
           "good_accepted": {"right": 0, "n": 0}}  # fmt: skip
    thresholds = [THRESHOLD] * len(case.regions)
    return {
        "regions": {"thresholds": thresholds, "rows": [row] * (len(case.regions) + 1)},
        "strip": {"thresholds": thresholds, **row},
        "k_of_n": {"thresholds": thresholds, "required": case.required, **row},
    }


def manifest_of(case: Case, summary: dict[str, Any]) -> dict[str, Any]:
    """`manifest.json`, before the digests of the files."""
    boxes = [[256 * region, 246 * vial] for vial in range(case.vials) for region in range(len(case.regions))]
    return {
        "scenario": {"name": "small", "kit": {"runs": case.runs, "required": case.required},
                     "detector": {"factory": "x:y", "level": "strip"}},
        "run_id": summary["run_id"], "command": case.command, "quick": case.quick, "detector": "a detector",
        "detector_made_by": {}, "provenance": case.provenance, "digests": summary["digests"],
        "geometry": {"frames": [1, 8, 16], "vials": case.vials, "regions": list(case.regions),
                     "frame_shape": [1024, 1280], "boxes": boxes, "um_per_px": 50.0},
        "thresholds": {level: [THRESHOLD] * len(case.regions) for level in ("patch", "strip", "seven_of_ten")},
        "calibration": {"products": ["C1", "C2"], "runs": 3},
        "hardware": {"processor": "a processor", "cores": 2, "memory_gib": 4, "system": "Linux"},
        "versions": {"python": "3.11"},
    }  # fmt: skip


def evidence_of(folder: Path, case: Case, products: pd.DataFrame) -> None:
    """Four small pictures of every failing product."""
    (folder / "evidence").mkdir()
    index = []
    for product in products.loc[~products["right"], "product"]:
        pictures = {name: f"{product}-{name}.webp" for name in ("overview", "patch", "rebuilt", "residual")}
        for place, name in enumerate(pictures.values()):
            Image.new("RGB", (20, 16), (60 * place, 40, 40)).save(folder / "evidence" / name)
        index.append({"product": product, "run": 2, "frame": 8, "vial": 0, "region": 0, "score": 0.2,
                      "threshold": THRESHOLD, "hottest_on_defect": None, "pictures": pictures})  # fmt: skip
    (folder / "evidence" / "index.json").write_text(json.dumps(index), encoding="utf-8")
