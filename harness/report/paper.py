"""Section 16: Tables 1 to 3 of the paper in its own form, ours beside theirs.

The paper's figures stand here as printed (`docs/paper.md`); which of its two rates is which follows our reading there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from harness.report.words import Cell, Table, no_number, number, rule_text, table
from harness.result.stored import MISSING_WHY, Stored


class Printed(NamedTuple):
    """What the paper prints for one column."""

    right: str
    defect_detected: str
    good_accepted: str


REGIONS = (
    Printed(".9919", ".9093", ".9966"),
    Printed(".9926", ".9044", ".9985"),
    Printed(".9957", ".9779", ".9986"),
    Printed(".9991", ".9973", ".9994"),
    Printed(".9870", ".9581", ".9942"),  # the vial
)
"""Table 1; its weights only fit when its first rate is that of good patches."""

STRIP = Printed(".9593", ".9694", ".9467")
K_OF_N = Printed(".9641", ".9676", ".9599")

THRESHOLDS = {
    "regions": (".015589", ".038017", ".046568", ".029593"),
    "strip": (".016156", ".038584", ".046635", ".029660"),
    "k_of_n": (".013222", ".034650", ".046201", ".029226"),
}
RATES = (("right", "accuracy"), ("defect_detected", "defect detected"), ("good_accepted", "good accepted"))


def paper_section(stored: Stored) -> dict[str, Any]:
    """Our integer counts and rates, and the paper's rates."""
    paper = stored.summary["paper"]
    if paper is None:
        return {"nothing": no_number(MISSING_WHY), "tables": []}
    comparable = len(stored.regions) == len(REGIONS) - 1
    joint = bool(stored.scores["joint"].any())
    return {
        "nothing": "",
        "comparable": comparable,
        "regions": len(stored.regions),
        "rule": rule_text(stored.required, stored.runs),
        "same_score": not joint and "ssim" in stored.manifest["detector"],
        "joint": joint,
        "same_rule": (stored.required, stored.runs) == (7, 10),
        "tables": [
            _region_table(paper["regions"]["rows"], stored.regions, comparable),
            _single("Table 2: strips, single looks", paper["strip"], STRIP),
            _single(f"Table 3: products by {rule_text(stored.required, stored.runs)}", paper["k_of_n"], K_OF_N),
        ],
        "thresholds": _thresholds(paper, stored.regions, comparable),
    }


def _rate(count: dict[str, int]) -> str:
    """Rate and integer counts.

    >>> _rate({"right": 1136, "n": 1200}), _rate({"right": 0, "n": 0})
    ('0.9467 = 1136/1200', 'no number: 0 of 0')
    """
    if count["n"] == 0:
        return no_number("0 of 0")
    return f"{count['right'] / count['n']:.4f} = {count['right']}/{count['n']}"


def _region_table(rows: list[dict[str, Any]], regions: tuple[str, ...], comparable: bool) -> Table:
    shown = []
    for place, (name, row) in enumerate(zip([*regions, "vial"], rows, strict=True)):
        for key, title in RATES:
            theirs = getattr(REGIONS[place], key) if comparable else no_number("other regions than the paper's")
            shown.append([name if key == "right" else Cell(name, "muted"), title, _rate(row[key]), theirs])
    return table("Table 1: patches by region, and vials", ["region", "rate", "ours", "paper"], shown, numeric=(2, 3))


def _single(caption: str, row: dict[str, Any], printed: Printed) -> Table:
    rows = [[title, _rate(row[key]), getattr(printed, key)] for key, title in RATES]
    return table(caption, ["rate", "ours", "paper"], rows, numeric=(1, 2))


def _thresholds(paper: dict[str, Any], regions: tuple[str, ...], comparable: bool) -> Table:
    names = {"regions": "Table 1", "strip": "Table 2", "k_of_n": "Table 3"}
    rows: list[list[str | Cell]] = []
    for key, title in names.items():
        rows.append([Cell(f"{title}, ours", "tight"), *(number(value, 6) for value in paper[key]["thresholds"])])
        if comparable:
            rows.append([Cell(f"{title}, paper", "tight"), *THRESHOLDS[key]])
    return table("Thresholds of each table", ["table", *regions], rows, numeric=range(1, 1 + len(regions)))
