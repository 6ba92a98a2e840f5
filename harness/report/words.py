"""How numbers and tables are put into words. Rounding lives here and nowhere else; nothing is ever `NaN` or `None`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

DASH = "\u2013"
MINUS = "\u2212"


class Cell(NamedTuple):
    """One cell of a table; `tone` is a class of the style sheet: pass, fail, muted, code; `note` a small line below."""

    text: str
    tone: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table as it is shown.

    Attributes:
        caption: What it holds; read out before the table.
        head: Column names.
        rows: Cells; the first of a row names it.
        numeric: Columns set flush right.
        empty: What is said in place of a table without rows.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()
    empty: str = "none"


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str | Cell]],
    *,
    numeric: Iterable[int] = (),
    empty: str = "none",
) -> Table:
    """A `Table` from plain text and cells.

    >>> table("Counts", ["who", "n"], [["good", "10"]]).rows
    ((Cell(text='good', tone='', note=''), Cell(text='10', tone='', note='')),)
    """
    cells = tuple(tuple(cell if isinstance(cell, Cell) else Cell(cell) for cell in row) for row in rows)
    return Table(caption, tuple(head), cells, frozenset(numeric), empty)


def no_number(why: str) -> str:
    """What stands where a number would be.

    >>> no_number("nothing was inspected")
    'no number: nothing was inspected'
    """
    return f"no number: {why}"


def number(value: float | None, digits: int = 3, *, unit: str = "", why: str = "not recorded") -> str:
    """A number with fixed digits and its unit.

    >>> number(12.3456, 1, unit="ms"), number(None, why="nothing was inspected"), number(float("nan"), why="no score")
    ('12.3 ms', 'no number: nothing was inspected', 'no number: no score')
    """
    if value is None or not math.isfinite(value):
        return no_number(why)
    return f"{value:,.{digits}f}{' ' + unit if unit else ''}".replace("-", MINUS)


def percent(share: float | None, digits: int = 1, *, why: str = "not recorded") -> str:
    """A share in [0, 1] as a percentage.

    >>> percent(0.9716)
    '97.2 %'
    """
    return number(None if share is None else 100 * share, digits, unit="%", why=why)


def interval(low: float | None, high: float | None, unit: str = "%") -> str:
    """An interval; `unit` is "%" (of a share), "points" (of a difference of shares) or "" (as it is).

    >>> interval(0.929, 0.9922), interval(-0.05, 0.1, "points"), interval(1.05, 1.19, "")
    ('92.9 – 99.2 %', '−5.0 – +10.0 points', '1.050 – 1.190')
    >>> interval(None, None)
    'no interval'
    """
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    if unit == "":
        return f"{low:.3f} {DASH} {high:.3f}"
    sign = "+" if unit == "points" else ""
    text = f"{100 * low:{sign}.1f} {DASH} {100 * high:{sign}.1f} {unit}"
    return text.replace("-", MINUS)


def counted(text: str) -> Cell:
    """A count as `rule.Count` words it, with what stands in brackets as a small line below.

    >>> counted("12/13 (insufficient n for 90/95)")
    Cell(text='12/13', tone='', note='insufficient n for 90/95')
    """
    count, _, rest = text.partition(" (")
    return Cell(count, note=rest.removesuffix(")"))


def word(name: str) -> str:
    """A name of the code as words.

    >>> word("stuck_particle")
    'stuck particle'
    """
    return name.replace("_", " ")


def rule_text(required: int, runs: int) -> str:
    """The rule for one product, and that it is another than the paper's where it is.

    >>> rule_text(7, 10), rule_text(2, 3)
    ('7 of 10', '2 of 3, not 7 of 10')
    """
    return "7 of 10" if (required, runs) == (7, 10) else f"{required} of {runs}, not 7 of 10"
