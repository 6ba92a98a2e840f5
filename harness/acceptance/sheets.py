"""Files of looks as they come: a row a look, or a sheet with a row a product and a column a look. Rows out, unjudged.

What the rows must say is checked in `recorded.py`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BaselineError, Problem

COLUMNS = ("product", "inspector", "look", "verdict")
OPTIONAL = ("seconds", "source")
OF_A_LIST = ("place", "block")
"""What a list of `plan.py` has besides; read and left out."""

LOOK_COLUMN = re.compile(r"(?P<inspector>.*\S)\s+(?P<look>\d+)")
"""Heading of a column in a sheet: a name and the number of the look, such as *anna 2*."""


@dataclass(frozen=True)
class Row:
    """One look.

    Attributes:
        path: The file it stands in.
        place: Where in it, such as *line 4* or *line 4, column anna 2*.
        values: Text by column: product, inspector, look, verdict, and what else the file has.
    """

    path: Path
    place: str
    values: Mapping[str, str]

    @property
    def where(self) -> str:
        """Name of the file, and place."""
        return f"{self.path.name}: {self.place}"


def read_rows(path: Path, *, key: Mapping[str, str] | None = None) -> list[Row]:
    """The looks in a file, whichever of the two forms it has.

    Args:
        path: CSV, UTF-8. With a column verdict it has a row a look; else a row a product, and in columns headed by
            inspector and number of the look *accept* or *reject*, or nothing where there was no look.
        key: Product by code, for files with a column code in place of product; a code that is not in it stays as
            it is and is found as an unknown product.

    Raises:
        BaselineError: The file cannot be read, or its columns are not those of either form.
    """
    header, lines = read_table(path, "looks")
    wide = "verdict" not in header and any(LOOK_COLUMN.fullmatch(name) for name in header)
    named = "code" if key is not None and "code" in header else "product"
    problems = list((_sheet_header if wide else _long_header)(header, named, path.name))
    if wide and lines:
        problems += _empty_columns(header, lines, path.name)
    if problems:
        raise BaselineError.listing(problems)
    rows = _sheet_rows(lines, named, path) if wide else _long_rows(lines, path)
    if named == "product" or key is None:
        return rows
    return [
        Row(row.path, row.place, {**row.values, "product": key.get(row.values["code"], row.values["code"])})
        for row in rows
    ]


def read_key(path: Path) -> dict[str, str]:
    """Product by code, from the key that was written with the lists.

    Raises:
        BaselineError: The file cannot be read, has other columns, or a code or a product twice; all are listed.
    """
    header, lines = read_table(path, "codes")
    if sorted(header) != ["code", "product"]:
        raise BaselineError(path.name, "columns product and code", ", ".join(header) or "none")
    key: dict[str, str] = {}
    problems = []
    for line, row in lines:
        if not row["code"] or not row["product"]:
            problems.append(Problem(f"{path.name}: line {line}", "a product and a code", "nothing"))
        for name, found in (("code", key), ("product", key.values())):
            if row[name] in found:
                problems.append(Problem(f"{path.name}: line {line}: {name}", "each once", row[name]))
        key[row["code"]] = row["product"]
    if problems:
        raise BaselineError.listing(problems)
    return key


def read_table(path: Path, what: str) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Header of a CSV file, and each row with its line number, all text stripped.

    Raises:
        BaselineError: The file cannot be read as a CSV of `what`, or rows are too long or too short; all are listed.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            rows = [(reader.line_num, values) for values in reader if values]
    except FileNotFoundError:
        raise BaselineError(path.name, f"a file of {what} (CSV)", "no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BaselineError(path.name, f"a readable file of {what} (CSV, UTF-8)", error) from None
    ragged = [
        Problem(f"{path.name}: line {line}", f"{len(header)} values", str(len(values)))
        for line, values in rows
        if len(values) != len(header)
    ]
    if ragged and header:
        raise BaselineError.listing(ragged)
    return header, [(line, dict(zip(header, map(str.strip, values), strict=False))) for line, values in rows]


def _long_header(header: list[str], named: str, where: str) -> Iterator[Problem]:
    needed = (named, *COLUMNS[1:])
    legal = (*needed, *OPTIONAL, *OF_A_LIST)
    for name in needed:
        if name not in header:
            yield Problem(where, f"a column {name}", f"columns {', '.join(header) or 'none'}")
    yield from unknown_or_double(header, legal, where)


def unknown_or_double(header: list[str], legal: tuple[str, ...], where: str) -> Iterator[Problem]:
    """Columns of a table that it may not have, and those that it has more than once."""
    for name in dict.fromkeys(header):
        if name not in legal:
            yield Problem(where, f"columns out of {', '.join(legal)}", name or "a column without a name")
        elif header.count(name) > 1:
            yield Problem(where, f"one column {name}", f"{header.count(name)} of them")


def _sheet_header(header: list[str], named: str, where: str) -> Iterator[Problem]:
    if named not in header:
        yield Problem(where, f"a column {named}", f"columns {', '.join(header)}")
    looks = [" ".join(name.split()) for name in header]
    for name in dict.fromkeys(looks):
        if name != named and not LOOK_COLUMN.fullmatch(name):
            expected = f"columns {named}, and inspector and number of the look, such as anna 2"
            yield Problem(where, expected, name or "a column without a name")
        elif looks.count(name) > 1:
            yield Problem(where, f"one column {name}", f"{looks.count(name)} of them")


def _empty_columns(header: list[str], lines: list[tuple[int, dict[str, str]]], where: str) -> Iterator[Problem]:
    """Looks that a sheet has a column for and nobody took: without it there would be no gap to find."""
    for name in dict.fromkeys(header):
        if LOOK_COLUMN.fullmatch(name) and not any(cells.get(name) for _, cells in lines):
            yield Problem(f"{where}: column {name}", "a verdict a product", "none")


def _long_rows(lines: list[tuple[int, dict[str, str]]], path: Path) -> list[Row]:
    return [
        Row(path, f"line {line}", {name: text for name, text in row.items() if name not in OF_A_LIST})
        for line, row in lines
    ]


def _sheet_rows(lines: list[tuple[int, dict[str, str]]], named: str, path: Path) -> list[Row]:
    rows = []
    for line, cells in lines:
        for name, verdict in cells.items():
            heading = LOOK_COLUMN.fullmatch(name)
            if heading and verdict:  # an empty cell is no look, and is found as a gap
                inspector = " ".join(heading["inspector"].split())
                values = {named: cells[named], "inspector": inspector, "look": heading["look"], "verdict": verdict}
                rows.append(Row(path, f"line {line}, column {name}", values))
    return rows
