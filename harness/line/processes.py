"""SimPy processes whose errors reach the caller as they were raised, and waiting for the end of an instant."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

Steps = Generator[simpy.Event, Any, None]
"""A process: it yields the events it waits for."""


_LAST = 2
"""Priority of what happens when all else of its instant has happened; SimPy's own are 0 and 1."""


class EndOf(simpy.Event):
    """The end of an instant: whatever else is due at it comes first, in whichever order the two were asked for.

    Without it, what waits for a time that is known long ahead and what polls for it would see different things at the
    same instant, and a run in real time would not replay.

    Args:
        env: Simulated or real time.
        delay_us: From now, >= 0.
    """

    def __init__(self, env: simpy.Environment, delay_us: int) -> None:
        super().__init__(env)
        self._ok = True
        self._value = None
        env.schedule(self, _LAST, delay_us)  # type: ignore[arg-type]


def start(env: simpy.Environment, steps: Steps) -> None:
    """Starts a process. SimPy by itself would raise a copy of an error, built from its `args` alone."""
    process = env.process(steps)
    if process.callbacks is not None:
        process.callbacks.append(_raise_as_it_was)


def _raise_as_it_was(process: simpy.Event) -> None:
    if isinstance(process.value, BaseException):
        raise process.value
