"""A campaign: many replications of a fault swarm, what they reached, and a capsule for each rule they broke."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Generator
from concurrent.futures import as_completed
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from harness import side_by_side
from harness.errors import InvariantBroken
from harness.line.capsule import Capsule
from harness.line.layout import Layout
from harness.line.states import STATES
from harness.line.swarm import FAULTY_SLOTS, NOT_SURVIVED, RECOVERY_SLOTS, check_swarm, plan, run_plan
from harness.line.tracking import Tracking
from harness.progress import Progress, silent
from harness.scenario import Scenario

BATCH = 25
"""Replications a process takes at a time."""

CAPSULES_KEPT = 20
"""Broken replications that get a capsule; the others are counted."""

Register = Callable[[int, str], Tracking]


@dataclass
class Campaign:
    """Counts over replications; adds up.

    Attributes:
        asked: Replications that were to be run.
        replications: Run so far; fewer than asked when time was up.
        slots: Simulated.
        states: Replications that reached each state.
        injected: Strikes by kind of fault.
        noticed: Of those, noticed by a check of the machine.
        recovered_after: Longest recovery in slots.
        broken: Replications that broke a rule.
        capsules: The first of those.
    """

    asked: int = 0
    replications: int = 0
    slots: int = 0
    states: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    recovered_after: int = 0
    broken: int = 0
    capsules: list[Capsule] = field(default_factory=list)

    @property
    def unreached(self) -> list[str]:
        """Interesting states that no replication was in."""
        return [state for state in STATES if self.states[state] == 0]

    @property
    def passed(self) -> bool:
        """All that was asked has been run, no rule broken, every state reached."""
        return self.replications >= self.asked and self.broken == 0 and not self.unreached

    def add(self, other: Campaign) -> None:
        """Takes in the counts of other replications."""
        self.replications += other.replications
        self.slots += other.slots
        self.states += other.states
        self.injected += other.injected
        self.noticed += other.noticed
        self.recovered_after = max(self.recovered_after, other.recovered_after)
        self.broken += other.broken
        self.capsules = sorted(self.capsules + other.capsules, key=lambda capsule: capsule.plan.replication)
        del self.capsules[CAPSULES_KEPT:]

    def as_dict(self) -> dict[str, Any]:
        """As `swarm.json` holds it."""
        return {
            "passed": self.passed,
            "asked": self.asked,
            "replications": self.replications,
            "slots": self.slots,
            "broken": [
                {"replication": capsule.plan.replication, "rule": capsule.broken.partition("\n")[0]}
                for capsule in self.capsules
            ],
            "broken_count": self.broken,
            "faulty_slots": FAULTY_SLOTS,
            "recovery_slots": {"longest": self.recovered_after, "bound": RECOVERY_SLOTS},
            "states": {state: self.states[state] for state in STATES},
            "faults": {
                kind: {"injected": self.injected[kind], "noticed": self.noticed[kind]} for kind in sorted(self.injected)
            },
            "not_covered": [" with ".join(pair) for pair in NOT_SURVIVED],
        }


def run_campaign(
    scenario: Scenario,
    *,
    where: str,
    replications: int,
    processes: int = 1,
    limit_s: float = math.inf,
    capsules: str = "capsules",
    progress: Progress = silent,
    tracking: Register = Tracking,
) -> Campaign:
    """Runs a swarm; the counts are the same whatever the number of processes, where time allows all of it.

    Args:
        scenario: Its faults, each with a rate; its layout, seed and latency profile.
        where: Names the scenario in errors.
        replications: How many, from 0.
        processes: Side by side; 1 runs here.
        limit_s: Wall time; after it no further batch counts. At least one batch does.
        capsules: Folder that messages name as the place of a capsule; nothing is written here.
        progress: Told of replications.
        tracking: Makes the register, see `run_plan`.

    Raises:
        ScenarioError: The scenario is no swarm, or draws layouts that cannot be built.
    """
    layout = Layout.from_choice(scenario.line, where)
    check_swarm(scenario, layout, where)  # before any process starts
    batch = partial(_batch, scenario, layout, capsules, tracking)
    spans = [(first, min(first + BATCH, replications)) for first in range(0, replications, BATCH)]
    whole, end_s = Campaign(asked=replications), time.monotonic() + limit_s
    with closing(_side_by_side(batch, spans, processes)) as parts:
        for part in parts:
            whole.add(part)
            progress("replications", whole.replications, replications)
            if time.monotonic() >= end_s:
                break
    return whole


def capsule_name(replication: int) -> str:
    """File name of a replication's capsule."""
    return f"replication-{replication:06d}.json"


def _side_by_side(
    batch: Callable[[tuple[int, int]], Campaign], spans: list[tuple[int, int]], processes: int
) -> Generator[Campaign]:
    if processes == 1:
        yield from map(batch, spans)
        return
    with side_by_side.processes(processes) as pool:
        try:
            for done in as_completed([pool.submit(batch, span) for span in spans]):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)  # those not begun, when time is up


def _batch(scenario: Scenario, layout: Layout, folder: str, tracking: Register, span: tuple[int, int]) -> Campaign:
    """Some replications in a row."""
    part = Campaign()
    for replication in range(*span):
        part.replications += 1
        chosen = plan(scenario, layout, replication=replication)
        repeat = f"python -m harness swarm --repeat {folder}/{capsule_name(replication)}"
        try:
            survived = run_plan(chosen, repeat=repeat, tracking=tracking)
        except InvariantBroken as error:
            part.broken += 1
            part.capsules.append(Capsule(chosen, str(error)))
            continue
        part.slots += survived.slots
        part.states.update(survived.states)
        part.recovered_after = max(part.recovered_after, survived.recovered_after)
        for fault in survived.faults:
            part.injected[fault.kind] += fault.injected
            part.noticed[fault.kind] += fault.noticed
    return part
