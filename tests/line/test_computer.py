"""The inspection computer alone, without slot, limit or cut-off, against the waiting times of queueing theory."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t

from harness.line.alone import m_d_1_wait_us, waits_us
from harness.line.flow import Fed
from harness.line.latency import Duration, NormalLatency
from harness.streams import stream

REPLICATIONS = 30
JOBS = 1500
WARM_UP = 300  # jobs left out: the queue begins empty, the formulas are about one that has long been running
SERVICE_US = 10_000


@dataclass(frozen=True)
class Listed:
    """Durations in the order of the jobs; the strip's name is its place."""

    durations_us: list[int]

    def takes(self, fed: Fed) -> Duration:
        """For this strip."""
        return Duration(self.durations_us[int(fed.product)])


def exponential_us(purpose: str, mean_us: float, replication: int) -> list[int]:
    """`JOBS` draws of a stream of their own, rounded to whole microseconds."""
    return [round(draw) for draw in stream(purpose, 7, replication).exponential(mean_us, size=JOBS)]


def check_mean_wait(expected_us: float, replications: list[NDArray[np.int64]]) -> None:
    """The expected mean lies in the 99 % interval of the replications' means (Student), which is narrow."""
    means = [waits[WARM_UP:].mean() for waits in replications]
    half_width = t.ppf(0.995, len(means) - 1) * np.std(means, ddof=1) / np.sqrt(len(means))
    assert np.mean(means) == pytest.approx(expected_us, abs=half_width)
    assert half_width < 0.25 * expected_us


def erlang_c(workers: int, offered: float) -> float:
    """Chance that a job of M/M/c has to wait; `offered` is arrivals times service, < workers. Erlang (1917).

    >>> erlang_c(1, 0.8)
    0.8
    """
    busy = offered**workers / factorial(workers) / (1 - offered / workers)
    return busy / (sum(offered**k / factorial(k) for k in range(workers)) + busy)


def test_a_computer_with_more_work_than_time_has_no_mean_wait() -> None:
    """At a load of 1 the queue grows without end, and the formula says so."""
    with pytest.raises(ValueError, match=r"expected a number in \[0, 1\), got 1\.0"):
        m_d_1_wait_us(1.0, SERVICE_US)


def test_d_d_1_never_waits_while_there_is_time() -> None:
    """Regular arrivals at a faster computer find it idle; at a slower one each waits longer by the difference."""
    assert waits_us([100] * 50, NormalLatency("fast", 100)).tolist() == [0] * 50
    assert waits_us([100] * 50, NormalLatency("slow", 103)).tolist() == [3 * place for place in range(50)]


def test_d_d_2_carries_twice_as_much() -> None:
    """Two workers find time for regular arrivals at twice the pace, and wait in pairs beyond that."""
    assert waits_us([100] * 50, NormalLatency("fast", 200), workers=2).tolist() == [0] * 50
    assert waits_us([100] * 50, NormalLatency("slow", 206), workers=2).tolist() == [
        6 * (place // 2) for place in range(50)
    ]


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_m_d_1_waits_as_theory_says(load: float) -> None:
    """Mean wait of Poisson arrivals at a constant service, inside its 99 % interval over 30 replications."""
    waits = [
        waits_us(exponential_us("arrivals", SERVICE_US / load, replication), NormalLatency("constant", SERVICE_US))
        for replication in range(REPLICATIONS)
    ]
    check_mean_wait(m_d_1_wait_us(load, SERVICE_US), waits)


@pytest.mark.parametrize("load", [0.5, 0.8])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_m_m_c_waits_as_theory_says(workers: int, load: float) -> None:
    """Mean wait of Poisson arrivals at exponential services and c workers, inside its 99 % interval; M/M/1 at c = 1.

    Source: Erlang (1917): W = C(c, c load) * service / (c (1 - load)), with C the chance to wait.
    """
    waits = []
    for replication in range(REPLICATIONS):
        gaps_us = exponential_us("arrivals", SERVICE_US / (workers * load), replication)
        services_us = exponential_us("services", SERVICE_US, replication)
        waits.append(waits_us(gaps_us, Listed(services_us), workers))
    check_mean_wait(erlang_c(workers, workers * load) * SERVICE_US / (workers * (1 - load)), waits)
