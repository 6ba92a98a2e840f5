"""The wall clock: the line runs in real time, and the detector in processes of its own, whose results are polled.

Nothing waits for a process here: a worker is asked every `POLL_US` whether it is done, as a controller asks over a
field bus. A result counts from the first poll, by the schedule, that comes after the instant it was done. When this
process itself is held up, its polls come late but ask for their own instants; what it was late by stands in the ledger.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd
import simpy
from simpy.rt import RealtimeEnvironment

from harness.line.clock import Service
from harness.line.flow import Fed, Inspect, Outcome
from harness.line.latency import Duration
from harness.line.validity import Rule

POLL_US = 5_000
"""From one poll to the next: a hundredth of the slot."""

MISSED_SHARE = 0.01
"""Of the polls may be missed before a timing is no longer the machine's but the bench's own."""


@dataclass(frozen=True)
class Answer:
    """What a worker hands back.

    Attributes:
        outcome: Its verdict.
        done_ns: When, on `time.monotonic_ns`, which all processes of a computer share.
    """

    outcome: Outcome
    done_ns: int


class Worker(Protocol):
    """A process that inspects, seen from the line. No call ever waits."""

    def begin(self, fed: Fed) -> None:
        """Tell of a strip whose last frame has not come yet; looked at when what it was given before is done."""
        ...

    def submit(self, fed: Fed) -> None:
        """Hand over a strip; one at a time."""
        ...

    def poll(self) -> Answer | None:
        """The answer to the last strip, or None while it is not done."""
        ...


class WallClock:
    """Real time passes, and workers inspect beside the line.

    Args:
        workers: One for each worker of the layout.
    """

    name = "wall"
    begins = True

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._idle, self._busy = list(workers), list[Worker]()
        self._begun: dict[tuple[str, int], Worker] = {}
        self._began_us = 0.0
        self._rows: list[tuple[str, int, int, int]] = []

    def environment(self) -> simpy.Environment:
        """Real time, which begins now."""
        env = RealtimeEnvironment(factor=1e-6, strict=False)
        self._began_us = env.real_start * 1e6
        return env

    def begin(self, fed: Fed) -> None:
        """A worker is told: one that is idle, else the one that has been busy for longest."""
        worker = (self._idle or self._busy)[0]
        self._begun = {key: other for key, other in self._begun.items() if other is not worker}
        self._begun[fed.product, fed.run] = worker
        worker.begin(fed)

    def service(self, env: simpy.Environment, fed: Fed, inspect: Inspect) -> Service:
        """The worker's outcome, and the time until the poll that saw it. `inspect` is not called.

        What the worker has done ahead has passed by then, and is no part of that time.
        """
        began = self._begun.pop((fed.product, fed.run), None)
        worker = began if began in self._idle else self._idle[0]
        self._idle.remove(worker)
        self._busy.append(worker)
        began_us, most_us, missed = int(env.now), self._behind_us(env), 0
        worker.submit(fed)
        answer = None
        while answer is None or answer.done_ns / 1e3 - self._began_us > env.now:
            yield env.timeout(POLL_US)
            behind_us = self._behind_us(env)
            most_us, missed = max(most_us, behind_us), missed + (behind_us >= POLL_US)
            answer = answer or worker.poll()
        self._busy.remove(worker)
        self._idle.append(worker)
        self._rows.append((fed.product, fed.run, most_us, missed))
        return answer.outcome, Duration(int(env.now) - began_us)

    def lags(self) -> pd.DataFrame:
        """How far the line was behind real time, a row an inspection.

        Returns:
            product, run, `lag_us` (most that a poll was behind its schedule), `missed_polls` (those that came only
            when the next one was due).
        """
        return pd.DataFrame(self._rows, columns=["product", "run", "lag_us", "missed_polls"])

    def _behind_us(self, env: simpy.Environment) -> int:
        """How late it is by the wall for what happens now by the schedule."""
        return max(0, round(time.monotonic() * 1e6 - self._began_us - env.now))


LAGS = ("lag_us", "missed_polls")


def with_lags(table: pd.DataFrame, lags: pd.DataFrame) -> pd.DataFrame:
    """A ledger or a tape with what the wall clock noted, null where nothing was inspected.

    Args:
        table: With columns product and run.
        lags: As of `WallClock.lags`, or a tape that carries them. One that does not changes nothing.
    """
    if not set(LAGS) <= set(lags.columns):
        return table
    noted = lags.set_index(["product", "run"])
    place = noted.index.get_indexer(pd.MultiIndex.from_frame(table[["product", "run"]]))
    columns = {
        name: pd.array([int(noted[name].iloc[row]) if row >= 0 else pd.NA for row in place], dtype="Int64")
        for name in LAGS
    }
    return table.assign(**columns)


def kept_period(ledger: pd.DataFrame) -> list[Rule]:
    """Whether the line itself kept up with the wall: a rule of timing claims; none for a ledger of another clock."""
    if not set(LAGS) <= set(ledger.columns):
        return []
    inspected = ledger[ledger["inference_end_us"].notna() & ~ledger["warm_up"]]
    polls = int((inspected["inference_end_us"] - inspected["inference_start_us"]).sum()) // POLL_US
    missed, bound = int(inspected["missed_polls"].sum()), int(MISSED_SHARE * polls)
    advice = "" if missed <= bound else "leave a core to the line: the bench itself was held up"
    return [Rule(f"polls of {polls} missed by the line itself", missed, bound, missed <= bound, advice)]
