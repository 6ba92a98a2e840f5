from __future__ import annotations

import numpy as np

from harness.geometry import PAPER
from harness.inspection.detector import Inspection, inspection_key
from harness.inspection.truth import TruthDetector

KIT = {"D001": True, "G001": False}


def score(detector: TruthDetector, product: str, run: int) -> float:
    """What it says of an acquisition whose pixels nobody may draw; the same for every patch."""

    def undrawn() -> np.ndarray:
        raise AssertionError("pixels were drawn")

    inspection = Inspection(inspection_key(product, run), PAPER, undrawn)
    scores = detector.score(inspection)
    assert (scores.shape, scores.dtype) == (PAPER.shape, np.float32)
    assert not detector.explain(inspection).residual.any()
    assert scores.min() == scores.max()
    return float(scores.max())


def test_it_reads_the_truth() -> None:
    """One for a defective product, zero for a good one, in every run."""
    detector = TruthDetector(KIT, 3)
    assert [score(detector, "D001", run) for run in (1, 2, 3)] == [1, 1, 1]
    assert [score(detector, "G001", run) for run in (1, 2, 3)] == [0, 0, 0]


def test_it_is_wrong_where_it_is_told_to_be() -> None:
    """Exactly in those runs, either way."""
    detector = TruthDetector(KIT, 2, wrong={("D001", 2), ("G001", 1)})
    assert [score(detector, "D001", run) for run in (1, 2)] == [1, 0]
    assert [score(detector, "G001", run) for run in (1, 2)] == [1, 0]


def test_its_digest_is_of_its_truth() -> None:
    """In any order; another truth has another."""
    assert TruthDetector(KIT, 1).digest == TruthDetector(dict(reversed(KIT.items())), 1).digest
    assert TruthDetector(KIT, 1).digest != TruthDetector({**KIT, "G001": True}, 1).digest
