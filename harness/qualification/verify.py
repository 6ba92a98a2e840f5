"""Integrity of a result: its bytes against manifest and record, its conclusions against the same made again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.errors import Problem
from harness.qualification.again import concluded_again
from harness.report import report_text
from harness.result.integrity import changed_files
from harness.result.record import read_record

INPUTS = ("manifest.json", "kit.csv", "looks.csv", "scores.parquet", "latency.parquet", "frames.parquet")
"""What conclusions rest on. From one of these that was changed, nothing is concluded again."""


@dataclass(frozen=True)
class Verification:
    """What a verification found.

    Attributes:
        differences: A sentence each: file, and field where it was made again; expected is what it should be.
        notes: What a reader must know beside them.
        head: Hash of the record's last entry that holds, or "".
        entries: How many hold.
    """

    differences: tuple[Problem, ...]
    notes: tuple[str, ...]
    head: str
    entries: int

    @property
    def same(self) -> bool:
        """Nothing differs."""
        return not self.differences

    @property
    def outcome(self) -> str:
        """In a few words."""
        count = len(self.differences)
        return "same" if self.same else f"{count} difference{'s' * (count > 1)}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "same": self.same, "differences": [asdict(problem) for problem in self.differences],
            "notes": list(self.notes), "head": self.head, "entries": self.entries,
        }  # fmt: skip

    def in_words(self) -> str:
        """A line a finding."""
        found = [str(problem) for problem in self.differences] or ["same: every file, and every conclusion made again"]
        record = [f"record: {self.entries} entries, head {self.head}"] if self.entries else []
        return "\n".join([*found, *self.notes, *record])


def verify_result(folder: Path, *, head: str | None = None, without_pictures: bool = False) -> Verification:
    """Hold a result against itself.

    Args:
        folder: The result.
        head: Hash of an entry of its record, as it was noted elsewhere.
        without_pictures: `evidence/` and `trace.json` may be left out; the report, which shows them, is not made again.
    """
    differences = changed_files(folder, head=head, without_pictures=without_pictures)
    touched = {problem.where for problem in differences}
    notes = []
    broken = [name for name in INPUTS if name in touched]
    if broken:
        notes.append(f"nothing was concluded again: {', '.join(broken)} changed")
    else:
        differences += concluded_again(folder)
        if without_pictures and not (folder / "evidence").is_dir():
            notes.append("pictures were left out, so the report was not made again")
        elif not touched & {"report.html", "summary.json", "ledger.parquet", "products.parquet"}:
            differences += _page(folder)
    entries, _ = read_record(folder)
    if entries and entries[0].did != "validate":
        notes.append(f"the record begins with {entries[0].did}, not with validate: what came before is not on record")
    return Verification(tuple(differences), tuple(notes), entries[-1].hash if entries else "", len(entries))


def _page(folder: Path) -> list[Problem]:
    """The report once more: the same bytes."""
    made, stored = report_text(folder).encode(), (folder / "report.html").read_bytes()
    if made == stored:
        return []
    place = next((n for n, (one, other) in enumerate(zip(made, stored, strict=False)) if one != other), len(stored))
    return [Problem(f"report.html: byte {place}", "the page as made again from the tables", "another")]
