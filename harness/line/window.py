"""A column that hands on its oldest rows and goes on counting, so that a run of any length holds only its last rows."""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Window(Generic[Value]):
    """The last rows of a column; a row keeps its number for as long as it is held.

    Args:
        cells: An empty list or array to hold the rows in.

    >>> column = Window([])
    >>> for letter in "abc":
    ...     column.append(letter)
    >>> column.hand_on(2)
    >>> column[2], len(column)
    ('c', 3)
    """

    def __init__(self, cells: MutableSequence[Value]) -> None:
        self.cells = cells
        """What is held now."""
        self.first = 0
        """Number of the first row that is held."""

    def __len__(self) -> int:
        return self.first + len(self.cells)

    def __getitem__(self, row: int) -> Value:
        return self.cells[self._held(row)]

    def __setitem__(self, row: int, value: Value) -> None:
        self.cells[self._held(row)] = value

    def append(self, value: Value) -> None:
        """A new row."""
        self.cells.append(value)

    def hand_on(self, rows: int) -> None:
        """Lets the oldest rows go."""
        del self.cells[:rows]
        self.first += rows

    def _held(self, row: int) -> int:
        """Where a row is held.

        Raises:
            IndexError: It has been handed on: nothing may change it any more.
        """
        if row < self.first:
            raise IndexError(f"row {row}: expected one that is held, from {self.first} on")
        return row - self.first
