from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.result.stored import Stored

REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "knapp"


def test_replay_tells_the_line_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A flag shows every event of every slot; with `--json` on standard error, the figures alone on the other."""
    with pytest.raises(SystemExit, match="0"):
        main(["replay", str(REFERENCE), "--follow", "--json"])
    told = capsys.readouterr()
    lines = told.err.splitlines()
    assert lines[0] == "     0.000 s  slot 0  machine: Resetting, Idle, Starting"
    assert lines[1] == "     0.000 s  slot 0  W001 run 0 (warm-up): loaded into pocket 0, exposures begin"
    accepted = int((Stored(REFERENCE).ledger["fate"] == "accepted").sum())
    assert sum("seen by the sensor, accepted" in line for line in lines) == accepted > 0
    assert json.loads(told.out)["same"] is True
