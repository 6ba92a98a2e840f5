from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from model.bundle import BundleError
from model.proof import Proof, Subject, proof_problem, remove_proof, write_proof

SUBJECT = Subject("a" * 64, "b" * 64, 60, "a processor", {"openvino": "1", "tensorflow": "2"})
PROOF = Proof(SUBJECT, "c" * 64, 261, 1, 1e-4, 2e-6)


def test_a_proof_holds_for_its_subject_alone(tmp_path: Path) -> None:
    """Whatever is another is named; other scores and backends have no proof; one that is removed is gone."""
    assert proof_problem(tmp_path, "ssim", "openvino", SUBJECT) is None
    write_proof(tmp_path, "ssim", "openvino", PROOF)
    write_proof(tmp_path, "ssim", "openvino-bf16", PROOF)
    assert proof_problem(tmp_path, "ssim", "openvino", SUBJECT) == ""
    assert proof_problem(tmp_path, "marked", "openvino", SUBJECT) is None
    for change, word in (
        ({"model": "d" * 64}, "other weights"),
        ({"thresholds": "d" * 64}, "other thresholds"),
        ({"patches": 4}, "other numbers of patches"),
        ({"processor": "another"}, "other processors (a processor, here another)"),
        ({"versions": {"openvino": "2"}}, "other versions (openvino 1 tensorflow 2, here openvino 2)"),
    ):
        assert word in (proof_problem(tmp_path, "ssim", "openvino", replace(SUBJECT, **change)) or "")
    remove_proof(tmp_path, "ssim", "openvino")
    remove_proof(tmp_path, "ssim", "openvino")
    assert proof_problem(tmp_path, "ssim", "openvino", SUBJECT) is None
    assert proof_problem(tmp_path, "ssim", "openvino-bf16", SUBJECT) == ""


def test_a_proof_is_held_to_its_bound(tmp_path: Path) -> None:
    """A difference above the bound proves nothing, whoever wrote it down."""
    write_proof(tmp_path, "ssim", "openvino", replace(PROOF, largest=0.5))
    assert "above its bound 0.0001" in (proof_problem(tmp_path, "ssim", "openvino", SUBJECT) or "")


def test_a_file_that_is_no_proof(tmp_path: Path) -> None:
    """One sentence says what was expected."""
    (tmp_path / "proof.toml").write_text("proofs = 3\n")
    with pytest.raises(BundleError, match=r"proof\.toml: expected a table"):
        proof_problem(tmp_path, "ssim", "openvino", SUBJECT)
