"""Two tables, or two trees of plain values: where they differ, and with what."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from harness.errors import Problem

NOTHING = "nothing"


def table_differences(expected: pd.DataFrame, got: pd.DataFrame, *, row: str) -> list[Problem]:
    """The first differing row of every column that differs, and how many more there are.

    Args:
        expected: One table.
        got: The other; a column of another type but with the same values is the same.
        row: The column that names a row in a sentence.
    """
    if list(expected.columns) != list(got.columns):
        return [Problem("columns", ", ".join(expected.columns), ", ".join(map(str, got.columns)))]
    if len(expected) != len(got):
        return [Problem("rows", str(len(expected)), str(len(got)))]
    problems = []
    for column in expected.columns:
        one, other = expected[column].reset_index(drop=True), got[column].reset_index(drop=True)
        equal = (one.eq(other).fillna(False) | (one.isna() & other.isna())).to_numpy(bool)
        if not equal.all():
            place = int(equal.argmin())
            more = int((~equal).sum()) - 1
            where = f"{row} {expected[row].iloc[place]}, {column}"
            problems.append(
                Problem(where, str(one[place]), f"{other[place]}" + (f" ({more} more rows)" if more else ""))
            )
    return problems


def value_differences(expected: Any, got: Any, path: str = "") -> list[Problem]:
    """Every leaf that differs, by its path. Numbers are the same within 1e-9 of their size, the rest to the letter.

    >>> [str(problem) for problem in value_differences({"a": [1, 2.0]}, {"a": [1, 3.0], "b": None})]
    ['a.1: expected 2.0, got 3.0', 'b: expected nothing, got None']
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        names = [*expected, *(name for name in got if name not in expected)]
        pairs = [(str(name), expected.get(name, NOTHING), got.get(name, NOTHING)) for name in names]
    elif isinstance(expected, list) and isinstance(got, list):
        longest = max(len(expected), len(got))
        one, other = ([*values, *[NOTHING] * (longest - len(values))] for values in (expected, got))
        pairs = [(_name(one[place], place), one[place], other[place]) for place in range(longest)]
    else:
        return [] if _same(expected, got) else [Problem(path, str(expected), str(got))]
    return [
        problem for name, one, other in pairs for problem in value_differences(one, other, f"{path}.{name}".strip("."))
    ]


def _name(value: Any, place: int) -> str:
    """A row by its own name, where it has one."""
    return str(value["name"]) if isinstance(value, dict) and "name" in value else str(place)


def _same(expected: Any, got: Any) -> bool:
    numbers = (int, float)
    if isinstance(expected, numbers) and isinstance(got, numbers) and bool not in (type(expected), type(got)):
        return math.isclose(expected, got, rel_tol=1e-9)
    return type(expected) is type(got) and bool(expected == got)
