"""Where the strips really are: pockets on the carousel, and what stands in them.

This is the simulated metal. The machine does not see it; it has its register (`tracking.py`) and its sensors.
"""

from __future__ import annotations


class Pockets:
    """A ring of pockets that turns past fixed stations; a strip is named by the slot of its ledger row.

    Args:
        count: Places on the ring.
        pockets_to_gate: Indices from camera to gate.
    """

    def __init__(self, count: int, pockets_to_gate: int) -> None:
        self._rows: list[tuple[int, ...]] = [()] * count
        self._pockets_to_gate = pockets_to_gate
        self.camera = count - 1
        """Pocket that stands at the camera; the first index brings pocket 0."""
        self.on_board = 0
        """Strips on the ring, two in one pocket counted as two."""

    def turn(self, steps: int = 1) -> None:
        """Moves every pocket on; anything but one step is a fault."""
        self.camera = (self.camera + steps) % len(self._rows)

    @property
    def gate(self) -> int:
        """Pocket that stands at the gate."""
        return self.behind_camera(self._pockets_to_gate)

    def behind_camera(self, steps: int) -> int:
        """Pocket that was at the camera so many indices ago."""
        return (self.camera - steps) % len(self._rows)

    def at(self, pocket: int) -> tuple[int, ...]:
        """Rows of the strips in a pocket; empty where there are none."""
        return self._rows[pocket]

    def place(self, row: int) -> None:
        """Puts a strip into the pocket at the camera."""
        self._rows[self.camera] += (row,)
        self.on_board += 1

    def lift(self, pocket: int) -> tuple[int, ...]:
        """Takes everything out of a pocket; returns its rows."""
        rows = self._rows[pocket]
        self._rows[pocket] = ()
        self.on_board -= len(rows)
        return rows

    def clear(self) -> list[int]:
        """Takes everything off the ring; returns the rows."""
        return [row for pocket in range(len(self._rows)) for row in self.lift(pocket)]
