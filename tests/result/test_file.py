"""Single files: all of them whole under their own names, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ResultError
from harness.result.file import check_new_file, write_new


def test_files_are_written_as_they_are(tmp_path: Path) -> None:
    """Text as UTF-8 with its own line ends, bytes as bytes, and nothing beside them; others may read them."""
    one, two = tmp_path / "a.csv", tmp_path / "b.png"
    write_new({one: "size_\u00b5m\n1\n", two: b"\x89\x00"})
    assert one.read_bytes() == b"size_\xc2\xb5m\n1\n"
    assert two.read_bytes() == b"\x89\x00"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.png"]
    (tmp_path / "plain").write_bytes(b"")
    assert one.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_one_that_cannot_be_written_leaves_none(tmp_path: Path) -> None:
    """The second has a name that no file can have: one sentence, and neither is there, nor anything beside."""
    with pytest.raises(ResultError, match="expected a file that can be written, got File name too long"):
        write_new({tmp_path / "a.csv": "1", tmp_path / ("b" * 300): "2"})
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_writing_leaves_none(tmp_path: Path) -> None:
    """What is no content stops it before the first file appears."""
    with pytest.raises(TypeError):
        write_new({tmp_path / "a.csv": "1", tmp_path / "b.csv": None})  # type: ignore[dict-item]  # the point of it
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays(tmp_path: Path) -> None:
    """A file that exists is left as it is; a folder that does not is named."""
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(ResultError, match=r"a\.csv: expected a file that does not exist yet, got one that does"):
        write_new({tmp_path / "b.csv": "new", tmp_path / "a.csv": "new"})
    assert (tmp_path / "a.csv").read_text() == "mine"
    assert not (tmp_path / "b.csv").exists()
    with pytest.raises(ResultError, match="expected a folder that exists, got no folder "):
        check_new_file(tmp_path / "none" / "a.csv")
