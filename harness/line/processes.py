"""Starting SimPy processes so that an error inside one reaches the caller as it was raised."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

Steps = Generator[simpy.Event, Any, None]
"""A process: it yields the events it waits for."""


def start(env: simpy.Environment, steps: Steps) -> None:
    """Starts a process. SimPy by itself would raise a copy of an error, built from its `args` alone."""
    process = env.process(steps)
    if process.callbacks is not None:
        process.callbacks.append(_raise_as_it_was)


def _raise_as_it_was(process: simpy.Event) -> None:
    if isinstance(process.value, BaseException):
        raise process.value
