"""Thresholds of a bundle: `thresholds.toml`, those of each score for one model, and what they were tuned on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.bundle import BundleError, is_whole, read_toml, write_toml

LEVELS = ("patch", "strip", "seven_of_ten")
"""In every file of thresholds."""
MOST_RUNS = 1000
LATER_LEVELS = ("good_only",)
"""Only in files of calibrations that had enough good products, none of them before this level was there."""


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of one level, a region each, and what they were tuned on.

    Attributes:
        levels: Level to float32 (region,).
        model: Digest of the model they belong to.
        score: Name of the score they belong to.
        products: Calibration products, none of which may be in a kit.
        runs: Runs of each.
        notes: What else the calibration wrote down, plain tables by name: `good_only_from`, what that level rests on;
            `good_scores`, how the good products scored.
    """

    levels: Mapping[str, NDArray[np.float32]]
    model: str
    score: str
    products: tuple[str, ...]
    runs: int
    notes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def digest(self) -> str:
        """Hex SHA-256 of the numbers and what they belong to."""
        levels = {name: [f"{value:.9g}" for value in values] for name, values in sorted(self.levels.items())}
        return hashlib.sha256(json.dumps([levels, self.model, self.score]).encode()).hexdigest()


def load_thresholds(folder: Path, *, model: str, score: str, regions: int) -> Thresholds:
    """Read `thresholds.toml` of a bundle for one score.

    Raises:
        BundleError: Missing file, thresholds of another model or score, a level or region missing, or no finite number.
    """
    path = folder / "thresholds.toml"
    scores = read_toml(path).get("scores", {})
    tables = scores if isinstance(scores, dict) else {}
    table = tables.get(score)
    if not isinstance(table, dict):
        raise BundleError(f"{path}: scores", f"thresholds for {score}", ", ".join(tables) or "none")
    if table.get("model") != model:
        raise BundleError(f"{path}: {score}.model", model[:12], str(table.get("model", "nothing"))[:12])
    levels = {}
    for level in (*LEVELS, *(name for name in LATER_LEVELS if name in table)):
        numbers = table.get(level)
        if not _finite_numbers(numbers, regions):
            raise BundleError(f"{path}: {score}.{level}", f"{regions} finite thresholds, a region each", numbers)
        levels[level] = np.asarray(numbers, np.float32)
    products, runs = table.get("products"), table.get("runs")
    if not isinstance(products, list) or not products or not all(isinstance(product, str) for product in products):
        raise BundleError(f"{path}: {score}.products", "the calibration products, which no kit may have", products)
    if not is_whole(runs, 1, MOST_RUNS):
        raise BundleError(f"{path}: {score}.runs", f"a whole number from 1 to {MOST_RUNS}", runs)
    notes = {name: note for name, note in table.items() if isinstance(note, dict)}
    return Thresholds(levels, model, score, tuple(products), runs, notes)


def _finite_numbers(values: object, count: int) -> bool:
    """Whether this is a list of so many finite float32 numbers, and nothing else in it."""
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        and all(abs(value) <= float(np.finfo(np.float32).max) for value in values)  # false for NaN
    )


def other_thresholds(folder: Path) -> dict[str, Any]:
    """Thresholds by score that lie in a bundle, as they stand there; looked at before hours are spent on new ones.

    Raises:
        BundleError: What lies there holds none, or nothing can be written beside it.
    """
    path = folder / "thresholds.toml"
    scores = read_toml(path).get("scores", {}) if path.exists() else {}
    if not isinstance(scores, dict):
        raise BundleError(f"{path}: scores", "tables of thresholds, a score each", scores)
    if path.with_suffix(".new").is_dir() or not os.access(folder, os.W_OK):
        raise BundleError(str(path), "a place to write to", "none")
    return scores


def write_thresholds(folder: Path, thresholds: Thresholds) -> None:
    """Write or replace one score's thresholds in `thresholds.toml`; those of other scores stay."""
    path = folder / "thresholds.toml"
    scores = other_thresholds(folder)
    scores[thresholds.score] = {
        "model": thresholds.model,
        **{name: [float(f"{value:.9g}") for value in values] for name, values in thresholds.levels.items()},
        "runs": thresholds.runs,
        "products": list(thresholds.products),
        **thresholds.notes,
    }
    write_toml(path, {"scores": scores})
