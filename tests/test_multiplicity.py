"""Holm's correction, against R and statsmodels."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from harness.multiplicity import holm

REFERENCE = Path(__file__).parent / "reference" / "acceptance.toml"


def test_holm_agrees_with_r() -> None:
    """p.adjust; nothing to correct stays nothing."""
    values = tomllib.loads(REFERENCE.read_text(encoding="utf-8"))
    assert holm(values["holm_raw"]) == pytest.approx(values["holm_corrected"])
    assert holm([]) == []


@settings(max_examples=25)  # each call of the other one collects this whole process's garbage
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_holms(p_values: list[float]) -> None:
    """As statsmodels has it."""
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))
