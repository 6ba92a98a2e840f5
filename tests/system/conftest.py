from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.strips.kit import CALIBRATION_SHARES, Kit, draw_kit, register_text

SMALL = {"stuck_particle": 1, "floating_particle": 1, "body_deformation": 1}


def small_kit() -> Kit:
    """Three defective and three good products that are in no other kit."""
    return draw_kit("small", SMALL, 3, seed=3, letters=("SD", "SG"))


@pytest.fixture
def write_scenario(tmp_path: Path) -> Callable[..., Path]:
    """Writes a scenario over six products and three runs, tables replaced or extended as asked."""
    (tmp_path / "small.csv").write_text(register_text(small_kit()))

    def write(**tables: dict[str, Any]) -> Path:
        values: dict[str, dict[str, Any]] = {
            "kit": {"register": "small.csv", "runs": 3, "required": 2},
            "line": {"warm_up_strips": 2},
            "detector": {"factory": "truth"},
        }
        for name, table in tables.items():
            values[name] = table if name == "detector" else {**values.get(name, {}), **table}
        lines = ['name = "small"', "seed = 7"]
        for name, table in values.items():
            lines.append(f"[{name}]")
            lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
        path = tmp_path / "small.toml"
        path.write_text("\n".join(lines) + "\n")
        tomllib.loads(path.read_text())
        return path

    return write


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command as typed; gives exit code, standard output and standard error."""

    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leave:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        return int(leave.value.code or 0), captured.out, captured.err

    return run


__all__ = ["CALIBRATION_SHARES", "SMALL", "small_kit"]
