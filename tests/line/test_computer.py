from __future__ import annotations

import numpy as np
import pytest
import simpy
from numpy.typing import NDArray
from scipy.stats import t

from harness.line.clock import VirtualClock
from harness.line.computer import Computer, Job
from harness.line.faults import Faults
from harness.line.flow import Fed, Outcome
from harness.line.latency import Latency, NormalLatency
from harness.line.layout import Layout
from harness.line.ledger import Ledger, TapeRecorder
from harness.line.processes import Steps, start
from harness.streams import stream


class Ignore:
    """A receiver that lets results fall."""

    def result(self, job: Job, outcome: Outcome) -> None:
        """Nothing waits for it."""

    def failure(self, job: Job, cause: str) -> None:
        """Nothing waits for it."""


def waits_us(gaps_us: list[int], latency: Latency) -> NDArray[np.int64]:
    """Waiting times in the queue of a computer that runs alone: no slot, no limit, no cut-off."""
    env, ledger, layout = simpy.Environment(), Ledger(0), Layout()
    computer = Computer(
        env, layout, VirtualClock(latency), lambda fed: Outcome(fed.product, fed.run, "r", False),
        recipe="r", ledger=ledger, tape=TapeRecorder(), faults=Faults(), receiver=Ignore(), unlimited=True,
    )  # fmt: skip

    def arrive() -> Steps:
        for slot, gap_us in enumerate(gaps_us):
            yield env.timeout(gap_us)
            ledger.open(int(env.now), 0)
            ledger.frames_us[slot] = int(env.now)
            computer.submit(Job(slot, Fed(str(slot), 1, "good"), layout.exposures, 0))

    start(env, arrive())
    env.run()
    waits: NDArray[np.int64] = np.array(ledger.inference_start_us, np.int64) - np.array(ledger.frames_us, np.int64)
    return waits


def test_d_d_1_never_waits_while_there_is_time() -> None:
    """Regular arrivals at a faster computer find it idle; at a slower one each waits longer by the difference."""
    assert waits_us([100] * 50, NormalLatency("fast", 100)).tolist() == [0] * 50
    assert waits_us([100] * 50, NormalLatency("slow", 103)).tolist() == [3 * place for place in range(50)]


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_m_d_1_waits_as_theory_says(load: float) -> None:
    """Mean wait of Poisson arrivals at a constant service, inside its 99 % interval over 30 replications.

    Source: Pollaczek (1930), Khinchine (1932): W = load * service / (2 (1 - load)) for M/D/1.
    """
    service_us, jobs, warm_up = 10_000, 1500, 300
    means = []
    for replication in range(30):
        gaps = stream("arrivals", 7, replication).exponential(service_us / load, size=jobs)
        gaps_us = [round(gap) for gap in gaps]
        means.append(waits_us(gaps_us, NormalLatency("constant", service_us))[warm_up:].mean())
    half_width = t.ppf(0.995, 29) * np.std(means, ddof=1) / np.sqrt(30)
    assert np.mean(means) == pytest.approx(load * service_us / (2 * (1 - load)), abs=half_width)
    assert half_width < 0.15 * np.mean(means)
