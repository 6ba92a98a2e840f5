"""What is read back from a result is what was written."""

from __future__ import annotations

from pathlib import Path

from harness.result.stored import Stored


def test_an_inspector_may_be_called_as_nothing_is(tmp_path: Path) -> None:
    """NA, null and None are names here, and no missing values."""
    names = ["NA", "None", "bo", "nan", "null"]
    rows = [f"NA,{name},1,reject" for name in names]
    (tmp_path / "looks.csv").write_text("\n".join(["product,inspector,look,verdict", *rows, ""]))
    looks = Stored(tmp_path).looks
    assert looks["inspector"].tolist() == names
    assert (looks["product"] == "NA").all()
    assert looks["reject"].all()
    assert looks["look"].tolist() == [1] * 5
