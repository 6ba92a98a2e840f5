"""Is a result folder, byte for byte, what was written? Its files against the manifest, the manifest against the record.

Nothing is concluded again here; that is `harness/qualification/verify.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

from harness.errors import Problem
from harness.result.folder import file_digests
from harness.result.record import RECORD, Entry, read_record, sha256

MANIFEST = "manifest.json"

MADE_AGAIN = {"report.html", "report.pdf"}
"""What may be written after a result was: it is made from the other files, and nothing is concluded from it."""


def changed_files(folder: Path, *, head: str | None = None, without_pictures: bool = False) -> list[Problem]:
    """What differs, a sentence a file; empty when every byte is as it was written.

    A report that an entry of the record says it wrote is held to the last such entry; every other file to the manifest,
    which is written once, and that to every entry.

    Args:
        folder: The result.
        head: Hash of an entry of the record, as it was noted elsewhere.
        without_pictures: `evidence/` and `trace.json` may be left out, each as a whole. No conclusion rests on them.
    """
    entries, problems = read_record(folder, head)
    try:
        manifest = (folder / MANIFEST).read_bytes()
        problems += _manifest_changed(sha256(folder / MANIFEST), entries)
        files = dict(json.loads(manifest)["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [*problems, Problem(MANIFEST, "a manifest with the digests of all files", _said(error))]
    for entry in entries:
        written = {name: digest for name, digest in entry.files.items() if name != MANIFEST}
        files |= {name: digest for name, digest in written.items() if name in MADE_AGAIN}
        if others := sorted(written.keys() - MADE_AGAIN):
            expected = f"no file but {' and '.join(sorted(MADE_AGAIN))} written anew"
            problems.append(Problem(f"{RECORD}: entry {entry.number}", expected, ", ".join(others)))
    present = file_digests(folder)
    left_out = _left_out(files, present) if without_pictures else set()
    for name in sorted((files.keys() | present.keys()) - left_out):
        if name not in present:
            problems.append(Problem(name, "a file of the manifest", "no such file"))
        elif name not in files:
            problems.append(Problem(name, "no file that the manifest does not name", "one"))
        elif files[name] != present[name]:
            problems.append(Problem(name, f"SHA-256 {files[name][:12]}", present[name][:12]))
    return problems


def _manifest_changed(digest: str, entries: list[Entry]) -> list[Problem]:
    for entry in entries:
        noted = entry.files.get(MANIFEST, "none")
        if noted != digest:
            return [Problem(MANIFEST, f"SHA-256 {noted[:12]}, by entry {entry.number} of the record", digest[:12])]
    return []


def _left_out(files: dict[str, str], present: dict[str, str]) -> set[str]:
    """Pictures that are not there; none of them where some of their folder are."""
    pictures = {name for name in files if name.startswith("evidence/")}
    missing = set() if pictures & present.keys() else pictures
    return missing | ({"trace.json"} - present.keys())


def _said(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
