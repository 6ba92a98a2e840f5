"""What long work tells of itself; the command line shows it as a bar with the time left."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told what is going on."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` in a stage."""
        ...


def silent(stage: str, done: int, total: int) -> None:
    """Shows nothing."""
