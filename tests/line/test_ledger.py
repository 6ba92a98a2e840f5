from __future__ import annotations

import pandas as pd
import pytest

from harness.line.flow import Fed, Outcome
from harness.line.latency import Duration
from harness.line.ledger import HELD, Ledger, TapeRecorder


def test_a_row_grows_from_empty() -> None:
    """What has not come to pass is null; what is written stays in its slot."""
    ledger = Ledger(3)
    ledger.open(0, 5)
    ledger.open(100, 6)
    ledger.load(1, Fed("A", 2, "defective", warm_up=True))
    ledger.triggered_us[1] = 100
    ledger.settle(1, "rejected", "score")
    table = ledger.frame()
    assert table["replication"].tolist() == [3, 3]
    assert table["pocket"].tolist() == [5, 6]
    assert table["run"].isna().tolist() == [True, False]
    assert table["triggered_us"].isna().tolist() == [True, False]
    assert [table[name][1] for name in ("product", "run", "warm_up", "truth", "fate", "cause")] == [
        "A", 2, True, "defective", "rejected", "score",
    ]  # fmt: skip


def test_a_sink_gets_every_row_once_and_in_order() -> None:
    """Rows go when as many again are held, a row without a fate holds back what follows, the rest goes at the end."""
    handed: list[pd.DataFrame] = []
    ledger = Ledger(0, handed.append)
    for slot in range(2 * HELD):
        ledger.open(100 * slot, 0)
        if slot != 5:
            ledger.settle(slot, "empty", "")
    ledger.open(0, 0)
    assert (handed, ledger.first_without_fate()) == ([], 5)
    ledger.settle(5, "empty", "")
    ledger.settle(2 * HELD, "empty", "")
    ledger.open(0, 0)
    assert [table["slot"].iloc[[0, -1]].tolist() for table in handed] == [[0, HELD]]
    with pytest.raises(IndexError, match=r"row 5: expected one that is held, from 1025 on"):
        ledger.settle(5, "accepted", "")
    ledger.settle(2 * HELD + 1, "empty", "")
    ledger.close()
    assert pd.concat(handed)["slot"].tolist() == list(range(len(ledger)))
    assert ledger.frame().empty


def test_the_tape_keeps_stages_and_leaves_out_what_is_not_measured() -> None:
    """Stages that a detector reports are columns; a result that never came has no response."""
    ledger, tape = Ledger(0), TapeRecorder()
    ledger.open(0, 0)
    ledger.load(0, Fed("A", 1, "good"))
    ledger.open(100, 1)
    ledger.load(1, Fed("B", 1, "good"))
    ledger.verdict_us[1] = 190
    tape.write(0, Outcome("A", 1, "r", False, stages_us={"crop": 3, "network": 40}), Duration(50, 10))
    tape.write(1, Outcome("B", 1, "r", False), Duration(55))
    table = tape.frame(ledger, 30)
    assert table["response_us"].isna().tolist() == [True, False]
    assert table["response_us"][1] == 60
    assert table["crop_us"][0] == 3
    assert table["score_us"].isna().all()
    assert table["service_us"].tolist() == [50, 55]
    assert table["ahead_us"].tolist() == [10, 0]
