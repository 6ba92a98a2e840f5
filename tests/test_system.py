from __future__ import annotations

import pytest

from harness.system import hardware


def test_instructions_that_a_processor_is_kept_to_stand_beside_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """They decide the last digits of a score, so that a proof made without them speaks for another processor."""
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    name = str(hardware()["processor"])
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert hardware()["processor"] == f"{name}, ONEDNN_MAX_CPU_ISA=AVX2"
