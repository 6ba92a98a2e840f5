"""The record of a result: who did what with it, and with which digests. Lines are only ever added, never changed.

Each entry holds the hash of the one before, so that an entry changed, taken out, put in or moved breaks the chain. A
tail that was cut off leaves a chain that holds; it is found by whoever noted an entry's hash outside the folder. A name
is what a person typed: it says who claims an act and proves nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import Problem, ResultError

RECORD = "record.jsonl"
START = "0" * 64
"""Stands before the first entry."""


@dataclass(frozen=True)
class Entry:
    """One act.

    Attributes:
        number: From 1.
        at: UTC, ISO 8601, to the second.
        by: A name as it was given, or "".
        did: The command: validate, report, verify.
        outcome: What came of it, in a few words.
        digests: Of scenario, kit, model and thresholds, SHA-256.
        files: SHA-256 of the manifest, and of what this act wrote.
        previous: Hash of the entry before; `START` for the first.
    """

    number: int
    at: str
    by: str
    did: str
    outcome: str
    digests: dict[str, str]
    files: dict[str, str]
    previous: str

    @property
    def hash(self) -> str:
        """SHA-256 of the entry's text, hex."""
        return hashlib.sha256(_text(asdict(self)).encode()).hexdigest()

    @property
    def line(self) -> str:
        """The entry as it stands in the file, its hash last."""
        return _text({**asdict(self), "hash": self.hash}) + "\n"


def add_entry(
    folder: Path,
    *,
    did: str,
    outcome: str,
    digests: Mapping[str, str],
    wrote: tuple[str, ...] = (),
    by: str = "",
    at: datetime | None = None,
) -> str:
    """Add an entry to the record of a folder and give its hash, the new head of the chain.

    Args:
        folder: The result, its `manifest.json` in place. A record that is not there yet begins.
        did: The command.
        outcome: What came of it.
        digests: Of scenario, kit, model and thresholds.
        wrote: Files this act wrote, by their paths within the folder.
        by: Who, as given.
        at: When; now where it is absent.

    Raises:
        ResultError: The record that stands there is broken; nothing is added to it.
    """
    check_record(folder)
    entries, _ = read_record(folder)
    entry = Entry(
        number=len(entries) + 1,
        at=f"{at or datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        by=by,
        did=did,
        outcome=outcome,
        digests=dict(digests),
        files={name: sha256(folder / name) for name in ("manifest.json", *wrote)},
        previous=entries[-1].hash if entries else START,
    )
    with (folder / RECORD).open("a", encoding="utf-8", newline="\n") as file:
        file.write(entry.line)
    return entry.hash


def check_record(folder: Path) -> None:
    """Refuse a folder whose record is there and broken, or that nobody may write to.

    Raises:
        ResultError: Nothing can be added to it.
    """
    for place in (folder, folder / RECORD):
        if place.exists() and not os.access(place, os.W_OK):
            raise ResultError(str(place), "a place that can be written", "no right to")
    problems = read_record(folder)[1] if (folder / RECORD).exists() else []
    if problems:
        raise ResultError.listing([replace(problem, where=f"{folder / problem.where}") for problem in problems])


def read_record(folder: Path, head: str | None = None) -> tuple[list[Entry], list[Problem]]:
    """The entries that hold, and what is wrong with the record.

    Args:
        folder: The result.
        head: Hash of an entry as it was noted elsewhere; the chain must still hold it.
    """
    try:
        lines = (folder / RECORD).read_bytes().splitlines(keepends=True)
    except OSError:
        return [], [Problem(RECORD, "the record of who did what", "no such file")]
    entries: list[Entry] = []
    for number, line in enumerate(lines, start=1):
        entry = _entry(line)
        if entry is None:
            return entries, [Problem(f"{RECORD}: entry {number}", "an entry with its own hash", "one that was changed")]
        before = entries[-1].hash if entries else START
        if (entry.number, entry.previous) != (number, before):
            got = f"entry {entry.number} after {entry.previous[:12]}"
            return entries, [Problem(f"{RECORD}: entry {number}", f"entry {number} after {before[:12]}", got)]
        entries.append(entry)
    if not entries:
        return [], [Problem(RECORD, "at least one entry", "none")]
    if head is not None and head not in {entry.hash for entry in entries}:
        return entries, [Problem(RECORD, f"an entry with the noted hash {head[:12]}", f"{len(entries)} others")]
    return entries, []


def sha256(path: Path) -> str:
    """SHA-256 of a file, hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _entry(line: bytes) -> Entry | None:
    """The entry of a line; None unless the line is, byte for byte, what that entry would be written as."""
    try:
        values = json.loads(line)
        values.pop("hash")
        entry = Entry(**values)
        same = entry.line.encode() == line
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return entry if same else None
