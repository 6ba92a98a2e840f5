from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.errors import DetectorError
from harness.geometry import PAPER
from harness.inspection.detector import Explanation, Inspection
from harness.qualification.evidence import collect_evidence

THRESHOLDS = np.array([1.0, 2.0, 1.0, 1.0], np.float32)


def told(
    folder: Path, scores: list[float], truth: str, *, joint: bool, boxes: list[Any] | None = None, explain: Any = None
) -> Any:
    """Evidence of one product that is not right, whose runs score so in vial 3, region 1; hottest at (10, 20) there."""
    shape = PAPER.shape
    frames = np.zeros((len(PAPER.frames), *PAPER.frame_shape), np.uint8)
    heat = np.zeros((*shape, 256, 256), np.float32)
    heat[..., 10, 20] = 1.0

    def run_scores(score: float) -> np.ndarray:
        table = np.zeros(shape, np.float32)
        table[:, 3, 1] = score
        return table

    inspector: Any = SimpleNamespace(
        scores={("P1", run): run_scores(score) for run, score in enumerate(scores, start=1)},
        thresholds=THRESHOLDS,
        inspection=lambda product, run: Inspection.of_frames(PAPER, frames),
        detector=SimpleNamespace(joint=joint, explain=explain or (lambda inspection: Explanation(heat, None, None))),
        source=SimpleNamespace(defect_boxes=lambda strip, run: boxes or [None] * 3),
        strips={"P1": None},
    )
    products = pd.DataFrame([{"product": "P1", "truth": truth, "defect": "", "right": False}])
    collect_evidence(folder, inspector, products)
    (entry,) = json.loads((folder / "evidence" / "index.json").read_text())
    return entry


def test_a_miss_is_shown_by_an_accepted_run(tmp_path: Path) -> None:
    """Of runs that score 0.5, 1.9 and 9 against 2, the one that came nearest to a reject and was none."""
    entry = told(tmp_path, [0.5, 1.9, 9.0], "defective", joint=False)
    assert (entry["run"], entry["vial"], entry["region"]) == (2, 3, 1)
    assert entry["score"] == pytest.approx(1.9)


def test_a_miss_without_an_accepted_run_is_shown_by_its_worst(tmp_path: Path) -> None:
    """Only faults or late results made it wrong."""
    assert told(tmp_path, [3.0, 9.0, 4.0], "defective", joint=False)["run"] == 2


def test_a_false_reject_is_shown_by_its_worst_run(tmp_path: Path) -> None:
    """What the machine took for a defect most surely."""
    assert told(tmp_path, [0.5, 9.0, 3.0], "good", joint=False)["run"] == 2


@pytest.mark.parametrize(("joint", "hit"), [(True, True), (False, False)])
def test_a_joint_score_hits_a_defect_in_any_frame(tmp_path: Path, *, joint: bool, hit: bool) -> None:
    """The defect is under the hottest pixel in the last frame alone: a hit only for who marks all frames together."""
    y, x = PAPER.box(3, 1)
    boxes = [(y + 200, x, y + 210, x + 9), None, (y + 5, x + 15, y + 15, x + 25)]
    entry = told(tmp_path, [1.0], "defective", joint=joint, boxes=boxes)
    assert (entry["joint"], entry["hottest_on_defect"]) == (joint, hit)


def test_a_detector_that_cannot_explain_costs_its_pictures_alone(tmp_path: Path) -> None:
    """After a long run nothing else is lost, and the reason stands in the index."""

    def explain(inspection: Inspection) -> Explanation:
        raise DetectorError("mine:make: explain", "an Explanation", "RuntimeError: out of memory")

    entry = told(tmp_path, [1.0], "defective", joint=False, explain=explain)
    assert sorted(entry["pictures"]) == ["overview", "patch"]
    assert entry["hottest_on_defect"] is None
    assert entry["unexplained"] == "mine:make: explain: expected an Explanation, got RuntimeError: out of memory"
