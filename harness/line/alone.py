"""The inspection computer alone: no slot, unlimited queue, no cut-off. What queueing theory has formulas for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.line.clock import VirtualClock
from harness.line.computer import Computer, Job
from harness.line.faults import Faults
from harness.line.flow import Fed, Outcome
from harness.line.latency import Latency
from harness.line.layout import Layout
from harness.line.ledger import Ledger, TapeRecorder
from harness.line.processes import Steps, start


class _Nobody:
    """A receiver that lets results fall."""

    def result(self, job: Job, outcome: Outcome, stamped_us: int) -> None:
        """Nothing waits for it."""

    def failure(self, job: Job, cause: str) -> None:
        """Nothing waits for it."""


def waits_us(gaps_us: Sequence[int], latency: Latency, workers: int = 1) -> NDArray[np.int64]:
    """Waiting times in the queue of strips that trigger when they arrive.

    Args:
        gaps_us: From one arrival to the next, >= 0; the first from 0. Strip n is product "n" in run 1.
        latency: What each inspection takes.
        workers: Inspections side by side, >= 1.

    Returns:
        int64 (strips,), microseconds from arrival until a worker takes the strip up.
    """
    clock, ledger, layout = VirtualClock(latency), Ledger(0), Layout(workers=workers)
    env = clock.environment()
    computer = Computer(
        env, layout, clock, lambda fed: Outcome(fed.product, fed.run, "alone", reject=False),
        recipe="alone", ledger=ledger, tape=TapeRecorder(), faults=Faults(), receiver=_Nobody(), unlimited=True,
    )  # fmt: skip

    def arrive() -> Steps:
        for slot, gap_us in enumerate(gaps_us):
            yield env.timeout(gap_us)
            ledger.open(int(env.now), 0)
            ledger.frames_us[slot] = int(env.now)
            computer.submit(Job(slot, Fed(str(slot), 1, "good"), layout.exposures, 0, int(env.now)))

    start(env, arrive())
    env.run()
    return np.array(ledger.inference_start_us, np.int64) - np.array(ledger.frames_us, np.int64)


def m_d_1_wait_us(load: float, service_us: float) -> float:
    """Mean wait of Poisson arrivals at a constant service; `load` in [0, 1).

    Source: Pollaczek (1930), Khinchine (1932): W = load * service / (2 (1 - load)).

    >>> m_d_1_wait_us(0.5, 1000.0)
    500.0
    """
    if not 0.0 <= load < 1.0:
        raise ValueError(f"load: expected a number in [0, 1), got {load}")
    return load * service_us / (2.0 * (1.0 - load))
