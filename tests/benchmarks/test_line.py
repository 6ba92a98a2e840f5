"""What a slot costs with a detector that does nothing: at most 0.2 ms, the same in a long run, hardly any memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from time import process_time

import pytest
import simpy

from harness.line import cost_us

SHORT, LONG = 1_000, 100_000

EVENTS = 9
"""SimPy events a slot: carousel 1, gate 2, acquisition 3 (start, frames, end), computer 3 (put, get, verdict)."""

MEMORY = """
from harness.line import Layout, NormalLatency, Outcome, VirtualClock, simulate
from harness.line.infeed import Numbered
from harness.system import peak_memory_mib

def run(slots):
    simulate(Layout(), Numbered(slots), lambda fed: Outcome(fed.product, fed.run, "r", reject=False),
             VirtualClock(NormalLatency("steady", 200_000)), recipe="r", seed=7, sink=lambda rows: None)
    return peak_memory_mib()

print(run(20_000), run(220_000))
"""
"""What a process of its own has held at most, after a run that fills every window and after a long one."""


def events_us(events: int) -> float:
    """Processor time of a bare SimPy loop with so many events, in us an event."""
    env = simpy.Environment()

    def tick() -> Iterator[simpy.Event]:
        for _ in range(events):
            yield env.timeout(1)

    env.process(tick())
    started = process_time()
    env.run()
    return (process_time() - started) / events * 1e6


def processes_us(slots: int) -> float:
    """Processor time a slot, in us, of bare SimPy processes with the machine's events and nothing done in any."""
    env = simpy.Environment()
    waiting = simpy.Store(env)

    def acquire() -> Iterator[simpy.Event]:
        yield env.timeout(394)
        waiting.put(None)

    def carousel() -> Iterator[simpy.Event]:
        for _ in range(slots):
            yield env.timeout(500)
            env.process(acquire())

    def computer() -> Iterator[simpy.Event]:
        while True:
            yield waiting.get()
            yield env.timeout(200)

    def gate() -> Iterator[simpy.Event]:
        for _ in range(slots):
            yield env.timeout(490)
            yield env.timeout(10)

    for process in (carousel(), computer(), gate()):
        env.process(process)
    started = process_time()
    env.run()
    return (process_time() - started) / slots * 1e6


def test_a_slot_costs_at_most_two_tenths_of_a_millisecond() -> None:
    """1,000,000 slots then take at most 200 s on one core."""
    assert cost_us(10 * SHORT) <= 200.0


@pytest.mark.slow  # a hundred thousand slots
def test_a_slot_costs_the_same_in_a_long_run() -> None:
    """Cost a slot at 10^5 is that at 10^3, within half as much again."""
    cost_us(SHORT)  # the first run pays for imports
    short = min(cost_us(SHORT) for _ in range(5))
    assert cost_us(LONG) <= 1.5 * short


def test_what_the_machine_costs_above_its_events(capsys: pytest.CaptureFixture[str]) -> None:
    """The ratios to as many bare timeouts, and to bare processes with the same events, are told and not judged."""
    line, bare, alike = cost_us(10 * SHORT), EVENTS * events_us(EVENTS * 10 * SHORT), processes_us(10 * SHORT)
    with capsys.disabled():
        print(f"\na slot: {line:.0f} us; {EVENTS} bare timeouts: {bare:.0f} us, ratio {line / bare:.1f}; "  # noqa: T201
              f"bare processes with the same events: {alike:.0f} us, ratio {line / alike:.1f}")  # fmt: skip


@pytest.mark.slow  # two hundred thousand slots
def test_a_slot_leaves_next_to_no_memory_behind() -> None:
    """With a sink, 200,000 further slots cost at most 64 bytes each at the peak, the drawing of arrivals included."""
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    short_mib, long_mib = map(float, done.stdout.split())
    assert (long_mib - short_mib) * 2**20 <= 64 * 200_000
