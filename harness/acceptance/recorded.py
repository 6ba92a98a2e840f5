"""Recorded looks: a CSV of what inspectors decided, read and checked line by line. Guesses nothing."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from harness.errors import BaselineError, Problem

COLUMNS = ("product", "inspector", "look", "verdict")


def recorded_looks(path: Path | str, products: pd.DataFrame) -> pd.DataFrame:
    """Read and check the looks of a study.

    Every inspector has looked at every product of the kit the same number of times, looks 1 to m with m >= 2.

    Args:
        path: CSV with columns product, inspector, look, verdict (accept or reject) and optionally seconds.
        products: The kit; its column product names what can be looked at.

    Returns:
        Columns product, inspector, look, reject (bool) and, where the file has it, seconds (Float64, missing allowed),
        ordered by product, inspector and look.

    Raises:
        BaselineError: The file cannot be read, or any row is not usable; every problem is listed.
    """
    where = Path(path).name
    header, rows = _read(Path(path), where)
    problems = list(_header_problems(header, where))
    if problems:
        raise BaselineError.listing(problems)
    known = [str(name) for name in products["product"]]
    problems = [problem for line, row in rows for problem in _row_problems(row, f"{where}: line {line}", set(known))]
    sound = [(line, row) for line, row in rows if _look(row) is not None]
    problems += _double_looks(sound, where)
    problems += _gaps(sound, known, where)
    if not rows:
        problems = [Problem(where, "at least one look", "a file without rows")]
    if problems:
        raise BaselineError.listing(problems)
    return _table([row for _, row in rows], with_seconds="seconds" in header)


def _read(path: Path, where: str) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Header, and each row with its line number; short rows are filled with empty text."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            rows = [(reader.line_num, values) for values in reader if values]
    except FileNotFoundError:
        raise BaselineError(where, "a file of looks (CSV)", "no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BaselineError(where, "a readable file of looks (CSV, UTF-8)", error) from None
    long = [
        Problem(f"{where}: line {line}", f"{len(header)} values", str(len(v)))
        for line, v in rows
        if len(v) != len(header)
    ]
    if long and header:
        raise BaselineError.listing(long)
    return header, [(line, dict(zip(header, map(str.strip, values), strict=False))) for line, values in rows]


def _header_problems(header: list[str], where: str) -> Iterator[Problem]:
    legal = (*COLUMNS, "seconds")
    for name in COLUMNS:
        if name not in header:
            yield Problem(where, f"a column {name}", f"columns {', '.join(header) or 'none'}")
    for name in dict.fromkeys(header):
        if name not in legal:
            yield Problem(where, f"columns out of {', '.join(legal)}", name or "a column without a name")
        elif header.count(name) > 1:
            yield Problem(where, f"one column {name}", f"{header.count(name)} of them")


def _row_problems(row: dict[str, str], where: str, known: set[str]) -> Iterator[Problem]:
    if row["product"] not in known:
        yield Problem(f"{where}: product", "a product of the kit", row["product"] or "nothing")
    if not row["inspector"]:
        yield Problem(f"{where}: inspector", "a name", "nothing")
    if _look(row) is None:
        yield Problem(f"{where}: look", "a whole number >= 1", row["look"] or "nothing")
    if row["verdict"] not in ("accept", "reject"):
        yield Problem(f"{where}: verdict", "accept or reject", row["verdict"] or "nothing")
    if row.get("seconds") and _seconds(row["seconds"]) is None:
        yield Problem(f"{where}: seconds", "a number >= 0, or nothing", row["seconds"])


def _look(row: dict[str, str]) -> int | None:
    text = row["look"]
    return int(text) if text.isascii() and text.isdigit() and int(text) >= 1 else None


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _double_looks(rows: list[tuple[int, dict[str, str]]], where: str) -> Iterator[Problem]:
    first: dict[tuple[str, str, int | None], int] = {}
    for line, row in rows:
        key = (row["product"], row["inspector"], _look(row))
        if key in first:
            what = f"look {key[2]} of {key[0]} by {key[1]}"
            yield Problem(f"{where}: line {line}", f"{what} once", f"it a second time (first in line {first[key]})")
        first.setdefault(key, line)


def _gaps(rows: list[tuple[int, dict[str, str]]], known: list[str], where: str) -> Iterator[Problem]:
    """Inspectors with a single look, and looks that are not there."""
    seen: dict[tuple[str, str], set[int]] = {}
    for _, row in rows:
        look = _look(row)
        if row["product"] in known and row["inspector"] and look is not None:
            seen.setdefault((row["inspector"], row["product"]), set()).add(look)
    inspectors = sorted({inspector for inspector, _ in seen})
    most = max((len(looks) for looks in seen.values()), default=0)
    for inspector in inspectors:
        if all(len(seen.get((inspector, product), ())) <= 1 for product in known):
            yield Problem(f"{where}: inspector {inspector}", "at least 2 looks at each product", "a single look")
            continue
        for product in known:
            looks = seen.get((inspector, product), set())
            if looks != set(range(1, most + 1)):
                got = ", ".join(map(str, sorted(looks))) or "none"
                yield Problem(f"{where}: product {product}, inspector {inspector}", f"looks 1 to {most}", got)


def _table(rows: list[dict[str, str]], *, with_seconds: bool) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "product": [row["product"] for row in rows],
            "inspector": [row["inspector"] for row in rows],
            "look": [int(row["look"]) for row in rows],
            "reject": [row["verdict"] == "reject" for row in rows],
        }
    )
    if with_seconds:
        seconds = [_seconds(row["seconds"]) if row["seconds"] else None for row in rows]
        table["seconds"] = pd.array(seconds, dtype="Float64")
    return table.sort_values(["product", "inspector", "look"], ignore_index=True)
