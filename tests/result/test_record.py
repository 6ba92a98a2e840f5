"""The chain: what is added, and what is found when something is taken away, moved or changed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.errors import ResultError
from harness.result import record
from harness.result.record import RECORD, START, add_entry, check_record, read_record

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DIGESTS = {"scenario": "a" * 64, "kit": "b" * 64}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three entries in its record."""
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "report.html").write_text("page")
    for did, by, wrote in (("validate", "A. Müller", ()), ("report", "", ("report.html",)), ("verify", "B", ())):
        add_entry(tmp_path, did=did, outcome="same", digests=DIGESTS, wrote=wrote, by=by, at=AT)
    return tmp_path


def sentence(folder: Path, head: str | None = None) -> str:
    """All that is wrong, as it is printed."""
    return "\n".join(map(str, read_record(folder, head)[1]))


def test_entries_say_who_did_what_with_which_digests(folder: Path) -> None:
    """What went in is read back, each entry tied to the one before."""
    entries, problems = read_record(folder)
    assert problems == []
    assert [(e.number, e.by, e.did, e.at) for e in entries] == [
        (1, "A. Müller", "validate", "2026-01-02T03:04:05Z"),
        (2, "", "report", "2026-01-02T03:04:05Z"),
        (3, "B", "verify", "2026-01-02T03:04:05Z"),
    ]
    assert [e.previous for e in entries] == [START, entries[0].hash, entries[1].hash]
    assert [sorted(e.files) for e in entries] == [
        ["manifest.json"],
        ["manifest.json", "report.html"],
        ["manifest.json"],
    ]


def test_every_single_byte_counts(folder: Path) -> None:
    """A change of any one byte of the record is found, also of a line's end."""
    path = folder / RECORD
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert RECORD in sentence(folder), place


def test_reordered_record_is_found(folder: Path) -> None:
    """Two entries that changed places break the chain where they stand."""
    lines = (folder / RECORD).read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / RECORD).write_text(lines[0] + lines[2] + lines[1], encoding="utf-8")
    assert sentence(folder).startswith(f"{RECORD}: entry 2: expected entry 2 after ")


def test_entry_taken_out_is_found(folder: Path) -> None:
    """Neither the first nor a middle entry can go."""
    lines = (folder / RECORD).read_text(encoding="utf-8").splitlines(keepends=True)
    for gone in (0, 1):
        (folder / RECORD).write_text("".join(lines[:gone] + lines[gone + 1 :]), encoding="utf-8")
        assert f"{RECORD}: entry {gone + 1}: expected entry {gone + 1} after" in sentence(folder)


def test_cut_record_is_found_by_the_head_that_was_noted(folder: Path) -> None:
    """A chain without its tail holds by itself; the hash that was noted outside is missing from it."""
    head = read_record(folder)[0][-1].hash
    assert sentence(folder, head) == ""
    lines = (folder / RECORD).read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / RECORD).write_text("".join(lines[:2]), encoding="utf-8")
    assert sentence(folder) == ""
    assert sentence(folder, head) == f"{RECORD}: expected an entry with the noted hash {head[:12]}, got 2 others"


def test_noted_head_stays_in_a_record_that_grows(folder: Path) -> None:
    """What was noted after the qualification still holds after later entries."""
    head = read_record(folder)[0][0].hash
    add_entry(folder, did="verify", outcome="same", digests=DIGESTS, at=AT)
    assert sentence(folder, head) == ""


def test_no_record_and_an_empty_one_are_named(folder: Path) -> None:
    """A record that was taken away whole is not overlooked."""
    (folder / RECORD).write_bytes(b"")
    assert sentence(folder) == f"{RECORD}: expected at least one entry, got none"
    (folder / RECORD).unlink()
    assert sentence(folder) == f"{RECORD}: expected the record of who did what, got no such file"


def test_a_record_that_cannot_be_written_is_refused_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a report takes the place of the one that it knows."""
    monkeypatch.setattr(record.os, "access", lambda place, mode: place.name != "record.jsonl")
    with pytest.raises(ResultError, match=r"record\.jsonl: expected a place that can be written, got no right to"):
        check_record(folder)


def test_nothing_is_added_to_a_broken_record(folder: Path) -> None:
    """The next act cannot cover what was done to the ones before."""
    path = folder / RECORD
    path.write_bytes(path.read_bytes().replace(b"A. M", b"B. M"))
    before = path.read_bytes()
    with pytest.raises(ResultError, match="entry 1: expected an entry with its own hash"):
        add_entry(folder, did="report", outcome="written", digests=DIGESTS, at=AT)
    assert path.read_bytes() == before
