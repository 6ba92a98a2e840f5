"""Clocks: what passes on the line while a strip is inspected. The one seam between simulated and real time.

`virtual` takes the duration from a profile or a tape; `measured` calls the detector and takes the time it took. The
third, `wall`, for which the whole line runs in real time, is in `wall.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Protocol

import simpy

from harness.errors import ScenarioError
from harness.line.flow import Fed, Inspect, Outcome
from harness.line.latency import Duration, Latency, is_file, measured_profile, profile
from harness.scenario import LineChoice

Service = Generator[simpy.Event, Any, tuple[Outcome, Duration]]
"""An inspection under way: yields what it waits for, returns the outcome and what the inspection takes."""


class Clock(Protocol):
    """Inspects a strip and says how long that takes.

    Attributes:
        name: As it stands in the result: "virtual", "measured" or "wall".
        begins: It wants to be told when all frames but the last are there, see `begin`.
    """

    name: str
    begins: bool

    def environment(self) -> simpy.Environment:
        """In which the line is to run, its time microseconds from 0."""
        ...

    def begin(self, fed: Fed) -> None:
        """All frames of this strip but the last are there; its `service` follows, unless something goes wrong."""
        ...

    def service(self, env: simpy.Environment, fed: Fed, inspect: Inspect) -> Service:
        """Inspects. Of what it says that takes, what has not passed by then is the caller's to wait."""
        ...


class _Simulated:
    """Time that costs nothing to pass. What is done ahead is a part of what an inspection takes."""

    begins = False

    def begin(self, fed: Fed) -> None:
        """Nobody waits for it."""

    def environment(self) -> simpy.Environment:
        """Simulated time."""
        return simpy.Environment()


class MeasuredClock(_Simulated):
    """What the call really took passes on the clock, rounded once to whole microseconds.

    Args:
        prepare: Called before timing starts, to draw the frames: drawing is the bench's work, not the detector's.
    """

    name = "measured"

    def __init__(self, prepare: Callable[[Fed], None] | None = None) -> None:
        self._prepare = prepare

    def service(self, env: simpy.Environment, fed: Fed, inspect: Inspect) -> Service:
        """The outcome, and the time `inspect` took, with what the detector says that needs no last frame."""
        yield from ()
        if self._prepare is not None:
            self._prepare(fed)
        started_ns = perf_counter_ns()
        outcome = inspect(fed)
        service_us = round((perf_counter_ns() - started_ns) / 1000)
        return outcome, Duration(service_us, min(service_us, outcome.stages_us.get("ahead", 0)))


class VirtualClock(_Simulated):
    """The duration comes from a profile or from a tape; what the call takes does not matter."""

    name = "virtual"

    def __init__(self, latency: Latency) -> None:
        self._latency = latency

    def service(self, env: simpy.Environment, fed: Fed, inspect: Inspect) -> Service:
        """The outcome, and the duration that belongs to this product and run."""
        yield from ()
        return inspect(fed), self._latency.takes(fed)


def clock_from_choice(
    choice: LineChoice,
    where: str,
    *,
    seed: int,
    replication: int = 0,
    prepare: Callable[[Fed], None] | None = None,
    detector: str = "",
) -> Clock:
    """The clock a scenario asks for, unless it is the wall's, which needs workers: see `wall.py`.

    Args:
        choice: Its table `line`.
        where: The scenario's file: named in errors; a profile that is a file lies relative to its folder.
        seed: Of the scenario; profiles draw from it.
        replication: Of the scenario.
        prepare: For the measured clock, see there.
        detector: Who will be called; a file of times measured with another one is refused. "" accepts any.

    Raises:
        ScenarioError: The wall clock; a virtual clock without a profile or with an unknown one; a measured clock with
            more than one worker.
        InputError: A file of times that cannot be used.
    """
    if choice.clock == "wall":
        raise ScenarioError(f"{where}: line.clock", "virtual or measured, which need no workers", "wall")
    if choice.clock == "measured":
        check_workers("measured", choice.workers, where=f"{where}: line.workers")
        return MeasuredClock(prepare)
    if choice.profile is None:
        raise ScenarioError(f"{where}: line.profile", "the name of a latency profile for the virtual clock", "none")
    if is_file(choice.profile):
        path = Path(where).parent / choice.profile
        return VirtualClock(measured_profile(path, seed=seed, replication=replication, detector=detector))
    return VirtualClock(profile(choice.profile, seed=seed, replication=replication, where=f"{where}: line.profile"))


def check_workers(clock: str, workers: int, *, where: str) -> None:
    """More than one worker cannot be measured one call at a time: their contention would be missing.

    Raises:
        ScenarioError: A measured clock with more than one worker.
    """
    if clock == "measured" and workers > 1:
        raise ScenarioError(where, "1 with the measured clock (more: virtual, with a profile measured so)", workers)
