"""Section 18: from each clause of guidance to the place that answers it. Rows without evidence are rows like others.

The clauses are data, `templates/guidance.toml`; here it is only decided whether this result has what an answer needs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.report.words import Cell, table
from harness.result.stored import Stored

PATH = Path(__file__).parent / "templates" / "guidance.toml"

NEEDS: dict[str, tuple[str, Callable[[Stored], bool]]] = {
    "recorded_looks": ("the inspectors are assumed", lambda stored: not stored.assumed),
    "photographed": ("the strips are generated", lambda stored: stored.origin.startswith("recorded")),
    "whole_kit": ("a quick kit was used", lambda stored: not stored.manifest["quick"]),
    "calibration": ("calibration products are not named", lambda s: bool(s.manifest["calibration"]["products"])),
    "evidence": ("no picture was stored", lambda stored: bool(stored.evidence) or bool(stored.products["right"].all())),
}
"""What an answer may need, what is said where it is not there, and how that is known."""


@dataclass(frozen=True)
class Clause:
    """A row of `guidance.toml`.

    Attributes:
        clause: Where it stands.
        asks: What it asks, in our words.
        sections: Keys of the sections that answer it; none where no bench can.
        needs: Names of `NEEDS` without which the answer is no evidence.
        answer: What stands there.
        but: What of the question that leaves open.
        why: Without sections, who has to answer.
    """

    clause: str
    asks: str
    sections: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    answer: str = ""
    but: str = ""
    why: str = ""


def clauses() -> tuple[Clause, ...]:
    """All rows, in their order."""
    rows: list[dict[str, Any]] = tomllib.loads(PATH.read_text(encoding="utf-8"))["row"]
    lists = ("sections", "needs")
    return tuple(Clause(**{**row, **{name: tuple(row.get(name, ())) for name in lists}}) for row in rows)


def guidance_section(stored: Stored, numbers: Mapping[str, int]) -> dict[str, Any]:
    """The table, and how many rows have evidence.

    Args:
        stored: The result.
        numbers: Number of each section by its key.
    """
    rows: list[list[str | Cell]] = []
    open_rows = 0
    for clause in clauses():
        missing = [NEEDS[need][0] for need in clause.needs if not NEEDS[need][1](stored)]
        if not clause.sections:
            state = Cell("not here", "muted", note=clause.why)
        elif missing:
            state = Cell("no evidence yet", "fail", note=f"{'; '.join(missing)}. Would stand there: {clause.answer}")
        elif clause.but:
            state = Cell("answered in part", "muted", note=f"{clause.answer}. Left open: {clause.but}")
        else:
            state = Cell("answered", "pass", note=clause.answer)
        open_rows += state.tone != "pass"
        places = ", ".join(str(number) for number in sorted(numbers[key] for key in clause.sections))
        rows.append([clause.clause, clause.asks, places or "none", state])
    return {
        "count": len(rows),
        "open": open_rows,
        "table": table(
            "Each clause, and the sections that answer it", ["clause", "asks", "sections", "in this report"], rows
        ),
    }
