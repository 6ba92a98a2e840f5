"""A training's folder: its checkpoint is whole or refused, and its curve goes on from there."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from model.bundle import BundleError


@contextmanager
def whole_checkpoint(folder: Path) -> Iterator[None]:
    """Whatever a file that is missing, cut short or foreign raises becomes one sentence."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, BundleError):
            raise
        said = " ".join(str(error).split())[:160]
        raise BundleError(str(folder), "a whole checkpoint", f"{type(error).__name__}: {said}") from None


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write what is known of a checkpoint, beside and then into place; last of its files."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(state, indent=1), encoding="utf-8")
    beside.replace(path)


def go_on(curve: Path, step: int) -> float:
    """Make a curve ready to be gone on with from a checkpoint.

    Args:
        curve: Its file, with the columns `step` and `seconds`; it need not exist.
        step: Of the checkpoint; rows beyond it are dropped, and of a training that begins, step 0, the file.

    Returns:
        Seconds of training in the rows that stay.
    """
    if step == 0:
        curve.unlink(missing_ok=True)
    if not curve.exists():
        return 0.0
    with curve.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    kept, seconds = [], 0.0
    for row in rows:
        values = dict(zip(header, row, strict=False))
        with suppress(KeyError, ValueError):  # a row that was cut off
            if int(values["step"]) <= step and len(row) == len(header):
                seconds = max(seconds, float(values.get("seconds", 0.0)))
                kept.append(row)
    beside = curve.with_suffix(".new")
    with beside.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *kept])
    beside.replace(curve)
    return seconds


@contextmanager
def curve_rows(
    curve: Path, step: int, columns: Sequence[str]
) -> Iterator[tuple[Callable[[Sequence[Any]], None], float]]:
    """A curve gone on with, see `go_on`: what writes a row, on disk at once, and the seconds of training so far."""
    seconds = go_on(curve, step)
    fresh = not curve.exists()
    with curve.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")

        def note(row: Sequence[Any]) -> None:
            writer.writerow(row)
            file.flush()

        if fresh:
            note(columns)
        yield note, seconds


def check_finite(losses: Sequence[Any]) -> None:
    """Refuse to go on with, and above all to keep, weights whose loss is no number.

    Raises:
        BundleError: The last loss, which every one before it would have reached, is none.
    """
    if losses and not math.isfinite(last := float(losses[-1])):
        raise BundleError("training", "a finite loss; its last checkpoint is as it was", last)
