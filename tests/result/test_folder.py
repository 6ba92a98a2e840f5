from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.errors import ResultError
from harness.result.folder import file_digests, new_folder, parquet_bytes, write_json


def test_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """What is being filled is not seen under its name; after an error nothing is left."""
    with new_folder(tmp_path / "result") as beside:
        (beside / "file").write_text("x")
        assert not (tmp_path / "result").exists()
    assert (tmp_path / "result" / "file").read_text() == "x"
    with pytest.raises(RuntimeError, match="broken"), new_folder(tmp_path / "other"):
        raise RuntimeError("broken")
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_folder_that_exists_is_refused(tmp_path: Path) -> None:
    """Nothing is ever written over a result."""
    with pytest.raises(ResultError, match="expected a folder that does not exist yet"), new_folder(tmp_path):
        pass


def test_same_table_same_bytes() -> None:
    """Parquet files can be compared byte by byte."""
    table = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert parquet_bytes(table) == parquet_bytes(table.copy())


def test_json_refuses_nan(tmp_path: Path) -> None:
    """A number that is none never reaches a result."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"rate": float("nan")})


def test_digests_cover_every_file_but_the_manifest(tmp_path: Path) -> None:
    """Files in folders count, the manifest cannot name itself."""
    (tmp_path / "evidence").mkdir()
    for name in ("manifest.json", "summary.json", "evidence/a.webp"):
        (tmp_path / name).write_text(name)
    assert list(file_digests(tmp_path)) == ["evidence/a.webp", "summary.json"]


def test_what_a_killed_process_left_is_removed_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that nobody fills any more goes, with a sentence; one that is being filled stays."""
    left = tmp_path / ".first-ab12cd34.unfinished"
    left.mkdir()
    (left / "ledger.parquet").write_text("half of it")
    with new_folder(tmp_path / "second") as at_work:
        assert not left.exists()
        with new_folder(tmp_path / "third"):
            assert at_work.is_dir()
    told = capsys.readouterr().err
    assert told == f"{left}: a run that was killed before its end; it left no result, removed\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["second", "third"]


def test_folders_that_were_made_on_the_way_go_with_what_failed(tmp_path: Path) -> None:
    """After an error not even an empty folder is left, and one that was there before stays."""
    (tmp_path / "there").mkdir()
    with pytest.raises(RuntimeError, match="broken"), new_folder(tmp_path / "there" / "results" / "name" / "run"):
        raise RuntimeError("broken")
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]
