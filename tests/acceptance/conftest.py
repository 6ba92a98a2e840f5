"""Small kits and tables of looks that the tests of this room share."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

REFERENCE = Path(__file__).parent.parent / "reference"


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """Values made by others' software, each with its source in the file."""
    return tomllib.loads((REFERENCE / "acceptance.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def jambon() -> pd.DataFrame:
    """Counts of Jambon et al. (2024)."""
    return pd.read_csv(REFERENCE / "jambon_2024.csv")


@pytest.fixture
def kit() -> pd.DataFrame:
    """Forty defective products over all criticalities and thirty good ones."""
    defects = ["stuck_particle", "black_spot", "scratch", "laser_cut"]
    rows = [
        (
            f"D{i:03d}",
            "defective",
            defects[i % 4],
            i % 5,
            i % 4,
            150.0 + 25 * i,
            0.3,
            ("critical", "major", "minor")[i % 3],
        )
        for i in range(40)
    ]
    rows += [(f"G{i:03d}", "good", "", None, None, None, None, "") for i in range(30)]
    columns = ["product", "truth", "defect", "vial", "region", "size_um", "contrast", "criticality"]
    return pd.DataFrame(rows, columns=columns)
