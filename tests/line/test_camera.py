"""Faulty frames in a simulation: noticed as often as was measured on pixels, and what is not is counted as escaped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.line import Fed, LineRecord
from harness.line.camera import hit_table, is_noticed
from harness.line.faults import CAMERA, KINDS
from harness.scenario import FaultChoice

MEASURED = Path(__file__).parents[2] / "results" / "reference" / "frame-check" / "hits.json"
Run = Callable[..., LineRecord]


def test_the_table_is_what_was_measured() -> None:
    """Row by row the committed result of `frame-check`; all but a missing frame, always noticed, is drawn from it."""
    rows = json.loads(MEASURED.read_text())["faults"]
    told = [(kind, h.strength, h.frames, h.injected, h.noticed) for kind, hits in hit_table().items() for h in hits]
    assert sorted(told) == sorted((r["kind"], r["strength"], r["frames"], r["injected"], r["noticed"]) for r in rows)
    assert set(hit_table()) - {"frame_dropped"} == set(CAMERA)
    assert not set(CAMERA) & set(KINDS)


@pytest.mark.parametrize("kind", CAMERA)
def test_noticed_as_often_as_measured(kind: str) -> None:
    """Every strength as likely as another: the share noticed is the mean of the table's, within five errors."""
    shares = [hits.noticed / hits.injected for hits in hit_table()[kind]]
    expected, count = sum(shares) / len(shares), 2_000
    noticed = sum(is_noticed(kind, Fed(f"P{n}", 1, "good"), seed=7, replication=0) for n in range(count))
    error = (max(expected * (1 - expected), 1e-9) * count) ** 0.5
    assert abs(noticed - expected * count) <= 5 * error + 1e-6


def test_what_is_noticed_is_rejected_and_what_is_not_escapes(run: Run) -> None:
    """Frames that change places are never noticed; a black one always is. The others of the run are as without."""
    swapped = run(12, faults=[FaultChoice(kind="frame_swapped", products=("P3",))])
    (fault,) = swapped.faults
    assert (fault.injected, fault.noticed, fault.escaped, fault.longest_delay_slots) == (1, 0, 1, None)
    assert swapped.ledger.set_index("product").loc["P3", "fate"] == "accepted"
    black = run(12, faults=[FaultChoice(kind="frame_black", products=("P3",))])
    (fault,) = black.faults
    assert (fault.injected, fault.noticed, fault.escaped, fault.longest_delay_slots) == (1, 1, 0, 0)
    row = black.ledger.set_index("product").loc["P3"]
    assert (row["fate"], row["cause"]) == ("rejected", "frame_check")
    assert (black.ledger["fate"] == "rejected").sum() == 1


def test_a_faulty_strip_that_is_rejected_for_its_score_has_not_escaped(run: Run) -> None:
    """It did not leave on the good side, whatever was wrong with its frames."""
    record = run(12, faults=[FaultChoice(kind="frame_swapped", rate=0.5), FaultChoice(kind="result_lost", rate=1.0)])
    (swapped, _) = record.faults
    assert swapped.injected > 2
    assert (swapped.noticed, swapped.escaped) == (0, 0)


def test_a_seed_repeats_what_is_noticed(run: Run) -> None:
    """Drawn by product and run, never by the order of calls."""
    choices = [FaultChoice(kind="shifted", rate=0.4), FaultChoice(kind="defocused", rate=0.4)]
    first, second = (run(60, faults=faults) for faults in (choices, choices[::-1]))
    assert first.ledger.equals(second.ledger)
    assert sum(fault.escaped for fault in first.faults) > 0
