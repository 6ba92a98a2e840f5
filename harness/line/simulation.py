"""One simulation of the line: the stations are put together, time runs, and the record is handed over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from simpy.core import EmptySchedule

from harness.errors import ScenarioError
from harness.line.audit import Audit
from harness.line.carousel import Carousel
from harness.line.clock import Clock, check_workers
from harness.line.computer import Computer
from harness.line.faults import Faults, FaultSummary
from harness.line.flow import Fed, Inspect
from harness.line.gate import Gate
from harness.line.infeed import Infeed, Numbered, arrivals_us
from harness.line.layout import Layout
from harness.line.ledger import Ledger, Sink, TapeRecorder
from harness.line.machine import Machine
from harness.line.pockets import Pockets
from harness.line.processes import start
from harness.line.trace import trace_events
from harness.line.tracking import Tracking
from harness.scenario import FaultChoice
from harness.streams import stream


@dataclass(frozen=True)
class LineRecord:
    """All that a simulation leaves behind.

    Attributes:
        ledger: One row a slot, as in `ledger.parquet`; the slots that carry the last strips to the gate are empty rows.
        tape: One row an inspection, as in `latency.parquet`, with `service_us`, what passed on the clock.
        faults: The account of injected faults, a line a kind.
        conservation: fed, accepted, rejected, removed, on_board; warm-up strips are counted too.
    """

    ledger: pd.DataFrame
    tape: pd.DataFrame
    faults: tuple[FaultSummary, ...]
    conservation: dict[str, int]

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """Chrome trace events for `trace.json`; made when first asked for."""
        return trace_events(self.ledger)


def simulate(
    layout: Layout,
    feed: Sequence[Fed],
    inspect: Inspect,
    clock: Clock,
    *,
    recipe: str,
    faults: Sequence[FaultChoice] = (),
    seed: int,
    replication: int = 0,
    progress: Callable[[int], None] | None = None,
    tracking: Tracking | None = None,
    repeat: str = "",
    sink: Sink | None = None,
) -> LineRecord:
    """Runs the line until the last strip has left it.

    Args:
        layout: The machine.
        feed: Strips in order, warm-up first; each product and run once.
        inspect: Judges a strip; called by the clock.
        clock: Says what passes while a strip is judged.
        recipe: Model and threshold digest; a verdict of another one does not count.
        faults: What goes wrong.
        seed: Of the scenario.
        replication: Same scenario, other draws.
        progress: Called with the number of strips loaded so far.
        tracking: A register to try out in place of the machine's own, such as a wrong one that the rules must catch.
        repeat: Command that does the same again, for the message of a broken rule.
        sink: Gets the ledger's rows as tables, in order, while time runs; then the record's ledger and tape are empty,
            and memory does not grow with the slots but for 8 bytes a strip, its arrival, and what `feed` holds.

    Raises:
        ScenarioError: An unknown fault, or one aimed at nothing; a product fed twice in one run; more than one worker
            on the measured clock.
        InvariantBroken: A rule that never bends was broken.
    """
    check_workers(clock.name, layout.workers, where="line.workers")
    _check_feed(feed)
    planted = Faults(faults, seed=seed, replication=replication)
    if faults:
        planted.check_aim({fed.product for fed in feed})
    env = clock.environment()
    machine = Machine(
        env=env,
        layout=layout,
        recipe=recipe,
        tracking=tracking if tracking is not None else Tracking(layout.pockets_to_gate, recipe),
        pockets=Pockets(layout.pockets, layout.pockets_to_gate),
        ledger=Ledger(replication, sink),
        audit=Audit(seed=seed, replication=replication, recipe=recipe, repeat=repeat),
        faults=planted,
    )
    tape = TapeRecorder(kept=sink is None)
    computer = Computer(
        env, layout, clock, inspect,
        recipe=recipe, ledger=machine.ledger, tape=tape, faults=machine.faults, receiver=machine,
    )  # fmt: skip
    rng = stream("feed", seed, replication)
    infeed = Infeed(feed, arrivals_us(layout.feed, len(feed), layout.slot_us, rng=rng))
    start(env, Carousel(machine, infeed, computer, progress).turn())
    start(env, Gate(machine).work())
    _run(machine)
    machine.ledger.close()
    return LineRecord(
        ledger=machine.ledger.frame(),
        tape=tape.frame(machine.ledger, layout.last_exposure_us),
        faults=machine.faults.summary(),
        conservation=machine.audit.conservation(machine.pockets.on_board),
    )


def _run(machine: Machine) -> None:
    """Event after event until nothing is left to happen, with the rules checked after each."""
    env, audit, pockets = machine.env, machine.audit, machine.pockets
    try:
        while True:
            env.step()
            audit.check(int(env.now), pockets.on_board)
    except EmptySchedule:
        fateless = machine.ledger.first_without_fate()
        if fateless is not None:
            audit.broken(f"every slot has a fate: slot {fateless} has none")


def _check_feed(feed: Sequence[Fed]) -> None:
    if isinstance(feed, Numbered):
        return  # no number comes twice
    seen: set[tuple[str, int]] = set()
    for fed in feed:
        if (fed.product, fed.run) in seen:
            raise ScenarioError("feed", "each product once in a run", f"{fed.product} twice in run {fed.run}")
        seen.add((fed.product, fed.run))
