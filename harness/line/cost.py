"""What the bench itself costs: the whole machine with a detector that does nothing."""

from __future__ import annotations

from time import process_time

from harness.line.clock import VirtualClock
from harness.line.flow import Fed, Outcome
from harness.line.latency import NormalLatency
from harness.line.layout import Layout
from harness.line.simulation import simulate


def cost_us(slots: int, layout: Layout | None = None) -> float:
    """Processor time a slot, in us, of a line that inspects nothing.

    Args:
        slots: Strips fed, >= 1.
        layout: Of the line; by default the machine's own.
    """
    layout = layout or Layout()
    feed = [Fed(str(number), 1, "good") for number in range(slots)]
    clock = VirtualClock(NormalLatency("steady", min(200_000, layout.slot_us // 2)))
    began = process_time()
    simulate(layout, feed, lambda fed: Outcome(fed.product, fed.run, "r", reject=False), clock, recipe="r", seed=7)
    return (process_time() - began) / slots * 1e6
