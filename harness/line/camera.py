"""Faulty frames on a line without pixels: noticed as often as the check of frames was measured to notice them.

The table is that of `python -m harness frame-check` (`results/reference/frame-check/hits.json`), a row a fault, a
strength, and whether one frame or all had it. What it does not notice is judged like any other strip.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from harness.line.flow import Fed
from harness.streams import stream

HITS = Path(__file__).parent / "frame_hits.csv"


@dataclass(frozen=True)
class Hits:
    """How often a fault of one strength was noticed.

    Attributes:
        strength: In words.
        frames: `one` or `all`.
        injected: Acquisitions that had it.
        noticed: Of these, by the check.
    """

    strength: str
    frames: str
    injected: int
    noticed: int


@lru_cache
def hit_table() -> dict[str, tuple[Hits, ...]]:
    """Every measured strength of every fault, by kind."""
    table: dict[str, tuple[Hits, ...]] = {}
    with HITS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            hits = Hits(row["strength"], row["frames"], int(row["injected"]), int(row["noticed"]))
            table[row["kind"]] = (*table.get(row["kind"], ()), hits)
    return table


def is_noticed(kind: str, fed: Fed, *, seed: int, replication: int) -> bool:
    """Whether the check notices this fault of this acquisition.

    One of the measured strengths is drawn, each as likely as another, then whether it is noticed, by its share.

    Args:
        kind: A fault that the table has.
        fed: Whose frames.
        seed: Of the scenario.
        replication: Of the scenario.
    """
    rng = stream("frame check", kind, seed, replication, fed.product, fed.run)
    rows = hit_table()[kind]
    hits = rows[int(rng.integers(len(rows)))]
    return bool(rng.random() < hits.noticed / hits.injected)
