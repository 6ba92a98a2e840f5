"""Recorded looks: what inspectors decided, checked look by look. Guesses nothing; `sheets.py` reads the files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from harness.acceptance.sheets import Row, read_rows
from harness.errors import BaselineError, Problem

SOURCES = ("recorded", "assumed")
"""Who looked: people, or the model of `assumed.py`. A file without the column is of recorded looks."""

OF_A_RESULT = "ledger.parquet"
"""Lies beside the looks of a result and no others."""


def recorded_looks(
    paths: Path | str | Iterable[Path],
    products: pd.DataFrame,
    *,
    key: Mapping[str, str] | None = None,
    single_look: bool = False,
) -> pd.DataFrame:
    """Read and check the looks of a study.

    Every inspector has looked at every product of the kit the same number of times, looks 1 to m with m >= 2.

    Args:
        paths: CSV files, each with a row a look (product, inspector, look, verdict, which is accept or reject, and
            optionally seconds and source) or a row a product and a column a look; several are read as one.
        products: The kit; its column product names what can be looked at.
        key: Product by code, where the files name products by their codes.
        single_look: Allow one look a product, as of a machine with a single run.

    Returns:
        Columns product, inspector, look, reject (bool) and, where a file has them, seconds (Float64, missing allowed)
        and source (str, one for all rows), ordered by product, inspector and look.

    Raises:
        BaselineError: A file cannot be read, or any look is not usable; every problem is listed.
    """
    files = [Path(paths)] if isinstance(paths, Path | str) else list(paths)
    rows = _all_rows(files, key)
    if not single_look:
        _refuse_looks_of_nobody(rows)
    if not rows:
        raise BaselineError(_name(files), "at least one look", "a file without rows")
    known = [str(name) for name in products["product"]]
    problems = [problem for row in rows for problem in _row_problems(row.values, row.where, set(known))]
    sound = [row for row in rows if _look(row.values) is not None]
    problems += _double_looks(sound)
    problems += _gaps(sound, known, _name(files), single_look=single_look)
    problems += _mixed_sources(rows, _name(files))
    if problems:
        raise BaselineError.listing(problems)
    return _table([row.values for row in rows])


def looks_source(looks: pd.DataFrame) -> str:
    """`recorded` or `assumed`, as the looks themselves say; recorded where they say nothing.

    >>> looks_source(pd.DataFrame({"product": ["D1"], "source": ["assumed"]}))
    'assumed'
    """
    return str(looks["source"].iloc[0]) if "source" in looks and len(looks) else "recorded"


def _all_rows(files: list[Path], key: Mapping[str, str] | None) -> list[Row]:
    """The rows of all files; what is wrong with any of them is raised at once."""
    rows: list[Row] = []
    problems: list[Problem] = []
    for path in files:
        try:
            rows += read_rows(path, key=key)
        except BaselineError as error:
            problems += error.problems
    if problems:
        raise BaselineError.listing(problems)
    return rows


def _refuse_looks_of_nobody(rows: list[Row]) -> None:
    """The looks of a result of before they said whose they are may be of assumed inspectors."""
    for path in dict.fromkeys(row.path for row in rows if "source" not in row.values):
        if path.name == "looks.csv" and (path.parent / OF_A_RESULT).exists():
            raise BaselineError(path.name, "a column source: looks of a result may be assumed", "none")


def _name(files: list[Path]) -> str:
    """The file, or the first of several."""
    if not files:
        return "looks"
    return files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1} more"


def _row_problems(row: Mapping[str, str], where: str, known: set[str]) -> Iterator[Problem]:
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
    if row.get("source", "recorded") not in SOURCES:
        yield Problem(f"{where}: source", " or ".join(SOURCES), row["source"] or "nothing")


def _look(row: Mapping[str, str]) -> int | None:
    text = row["look"]
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= 1 else None


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _double_looks(rows: list[Row]) -> Iterator[Problem]:
    first: dict[tuple[str, str, int | None], Row] = {}
    for row in rows:
        key = (row.values["product"], row.values["inspector"], _look(row.values))
        if key in first:
            what = f"look {key[2]} of {key[0]} by {key[1]}"
            yield Problem(row.where, f"{what} once", f"it a second time (first in {_origin(first[key], row)})")
        first.setdefault(key, row)


def _origin(first: Row, again: Row) -> str:
    """Where a look stands first, as short as it may be said beside where it stands again."""
    if first.path == again.path:
        return first.place
    return first.where if first.path.name != again.path.name else f"{first.path}: {first.place}"


def _mixed_sources(rows: list[Row], where: str) -> Iterator[Problem]:
    sources = sorted({row.values.get("source", "recorded") for row in rows} & set(SOURCES))
    if len(sources) > 1:
        yield Problem(f"{where}: source", "one for all looks", " and ".join(sources))


def _gaps(rows: list[Row], known: list[str], where: str, *, single_look: bool) -> Iterator[Problem]:
    """Inspectors with a single look, and looks that are not there."""
    seen: dict[tuple[str, str], set[int]] = {}
    for row in (row.values for row in rows):
        look = _look(row)
        if row["product"] in known and row["inspector"] and look is not None:
            seen.setdefault((row["inspector"], row["product"]), set()).add(look)
    inspectors = sorted({inspector for inspector, _ in seen})
    most = max((len(looks) for looks in seen.values()), default=0)
    for inspector in inspectors:
        if not single_look and all(len(seen.get((inspector, product), ())) <= 1 for product in known):
            yield Problem(f"{where}: inspector {inspector}", "at least 2 looks at each product", "a single look")
            continue
        for product in known:
            looks = seen.get((inspector, product), set())
            if looks != set(range(1, most + 1)):
                got = ", ".join(map(str, sorted(looks))) or "none"
                yield Problem(f"{where}: product {product}, inspector {inspector}", f"looks 1 to {most}", got)


def _table(rows: list[Mapping[str, str]]) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "product": [row["product"] for row in rows],
            "inspector": [row["inspector"] for row in rows],
            "look": [int(row["look"]) for row in rows],
            "reject": [row["verdict"] == "reject" for row in rows],
        }
    )
    if any("seconds" in row for row in rows):
        seconds = [_seconds(row["seconds"]) if row.get("seconds") else None for row in rows]
        table["seconds"] = pd.array(seconds, dtype="Float64")
    if any("source" in row for row in rows):
        table["source"] = [row.get("source", "recorded") for row in rows]
    return table.sort_values(["product", "inspector", "look"], ignore_index=True)
