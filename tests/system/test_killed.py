"""A run that is killed leaves a whole result or none, and the next one says so."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.result.folder import FILES, UNFINISHED
from harness.result.integrity import changed_files

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows kills otherwise")

Bench = Callable[..., tuple[int, str, str]]
Write = Callable[..., Path]

ROOT = Path(__file__).parents[2]

KILLED_AT = """
import os, signal, sys
from pathlib import Path
from harness.qualification.run import qualify
from harness.scenario import load_scenario

moment, scenario, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])

def at(now):
    if now == moment:
        os.kill(os.getpid(), signal.SIGKILL)

def watch(event, arguments):
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wxa"):
        at("writing " + os.path.basename(str(arguments[0])))
    elif event == "os.rename":
        at("renaming")
    elif event == "shutil.rmtree":
        at("renamed")

sys.addaudithook(watch)
qualify(load_scenario(scenario), where=scenario, out=out, progress=lambda stage, done, total: at(f"{stage} {done}"))
"""
"""A qualification that kills itself at one moment; an audit hook sees every file that is opened or renamed."""


def killed_at(moment: str, scenario: Path, out: Path) -> None:
    """Runs a qualification that is killed then."""
    words = [sys.executable, "-c", KILLED_AT, moment, str(scenario), str(out)]
    killed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr


def is_whole(folder: Path) -> bool:
    """Every file is there, as it was written."""
    return all((folder / name).is_file() for name in FILES) and not changed_files(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", ["inspecting 3", "writing ledger.parquet", "writing manifest.json", "writing record.jsonl", "renaming"]
)
def test_killed_before_the_end_there_is_no_result(moment: str, write_scenario: Write, bench: Bench) -> None:
    """Nothing lies under the result's name, and the next run says so and is whole."""
    path = write_scenario(kit={"runs": 1, "required": 1})
    result = path.parent / "results" / "result"
    killed_at(moment, path, result)
    assert [place.suffix for place in result.parent.iterdir()] == [UNFINISHED]
    code, _, told = bench("validate", path, "--out", result)
    assert code == 0
    assert told.count("a run that was killed before its end; it left no result, removed") == 1
    assert [place.name for place in result.parent.iterdir()] == ["result"]
    assert is_whole(result)


@pytest.mark.slow
def test_killed_at_its_very_end_the_result_is_whole(write_scenario: Write) -> None:
    """Once it has its name, nothing is missing and nothing is left beside it."""
    path = write_scenario(kit={"runs": 1, "required": 1})
    result = path.parent / "results" / "result"
    killed_at("renamed", path, result)
    assert [place.name for place in result.parent.iterdir()] == ["result"]
    assert is_whole(result)
