from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import main

Bench = Callable[..., tuple[int, str, str]]

KIT = "product,truth,defect,size_um,contrast\nD1,defective,scratch,900,0.4\nD2,defective,burn,700,0.4\nG1,good,,,\n"


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A register of two defective products and a good one, without what real products do not have."""
    path = tmp_path / "kit.csv"
    path.write_text(KIT, encoding="utf-8")
    return path


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Bench:
    """Runs a command as typed; gives exit code, standard output and standard error."""

    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leave:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        return int(leave.value.code or 0), captured.out, captured.err

    return run
