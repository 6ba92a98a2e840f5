"""One replication of a fault swarm: a random subset of faults strikes together, then they stop, and the line recovers.

What is drawn is a `Plan`, written out to the slot, so that the same replication can be run again from it alone.

Source of the idea: Groce, Zhang, Eide, Chen & Regehr (2012), "Swarm testing", ISSTA: leaving features out at random
reaches states that having all of them on hides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from harness.errors import InvariantBroken, ScenarioError
from harness.line.clock import VirtualClock
from harness.line.faults import (
    BURST_SLOTS,
    CRASH_SLOTS,
    KINDS,
    RESTART_SLOTS,
    STALL_SLOTS,
    THROTTLE_SLOTS,
    FaultSummary,
)
from harness.line.flow import Fed, Outcome
from harness.line.latency import profile
from harness.line.layout import OVERRUN, Layout
from harness.line.simulation import LineRecord, simulate
from harness.line.states import reached
from harness.line.tracking import Tracking
from harness.scenario import FaultChoice, Scenario
from harness.streams import stream

STRIPS = 200
"""Fed in each replication; every third is defective."""

FAULTY_SLOTS = 120
"""Faults strike in these; in later slots none does."""

RECOVERY_SLOTS = THROTTLE_SLOTS + STALL_SLOTS + CRASH_SLOTS + BURST_SLOTS + 2 * RESTART_SLOTS + 9
"""From the last faulty slot until every strip ends as it should, 35: held frames come, the computer cools down and
works off its queue, a stuck gate waits for the next reject to be noticed, the machine stands still, at worst twice."""

FEEDS = ("constant", "jittered", "bursty", "starved")
"""Poisson is left out: its gaps have no bound, so a stuck gate could stay unnoticed for as long."""

NOT_SURVIVED = (("gate_stuck_open", "verification sensor that confirms what it does not see"),)
"""Combinations that no machine survives, in no swarm and not covered; a sensor that sees nothing is survived."""

RECIPE = "swarm"


@dataclass(frozen=True)
class Plan:
    """A replication, drawn.

    Attributes:
        seed: Of the scenario.
        replication: From 0.
        profile: Latency profile.
        layout: The machine.
        faults: What strikes, at which slots.
    """

    seed: int
    replication: int
    profile: str
    layout: Layout
    faults: tuple[FaultChoice, ...]


@dataclass(frozen=True)
class Survived:
    """A replication that broke no rule.

    Attributes:
        replication: Its number.
        states: Interesting states it reached.
        faults: The account of its faults.
        recovered_after: Slots from the end of the faults until all went as it should; 0 where nothing was spoilt then.
        slots: Rows of its ledger.
    """

    replication: int
    states: frozenset[str]
    faults: tuple[FaultSummary, ...]
    recovered_after: int
    slots: int


def check_swarm(scenario: Scenario, layout: Layout, where: str) -> None:
    """Everything that any replication of a swarm could stumble over, told before the first one.

    Raises:
        ScenarioError: A layout that would be drawn cannot be built, no profile or an unknown one, or a fault that is
            unknown or has no rate.
    """
    for pockets in _pockets_to_gate(layout):
        spot = f"{where}: a swarm also draws pockets_to_gate = {pockets}: line"
        replace(layout, pockets_to_gate=pockets, where=spot)
    plan(scenario, layout, replication=0, where=where)
    profile(scenario.line.profile or "", where=f"{where}: line.profile")


def _pockets_to_gate(layout: Layout) -> range:
    """What a swarm draws from."""
    return range(1, min(4, layout.pockets))


def plan(scenario: Scenario, layout: Layout, *, replication: int, where: str = "scenario") -> Plan:
    """Draws a replication: each fault of the scenario is on or off, and strikes at its rate; the layout varies too.

    Pockets to the gate, workers, overrun policy and feed are drawn; all else is the scenario's.

    Raises:
        ScenarioError: A fault that is unknown or has no rate, or no profile.
    """
    if scenario.line.profile is None:
        raise ScenarioError(f"{where}: line.profile", "the name of a latency profile", "none")
    rng = stream("swarm", scenario.seed, replication)
    drawn = replace(
        layout,
        pockets_to_gate=int(rng.integers(1, _pockets_to_gate(layout).stop)),
        workers=int(rng.integers(1, 3)),
        overrun=OVERRUN[int(rng.integers(len(OVERRUN)))],
        feed=FEEDS[int(rng.integers(len(FEEDS)))],
    )
    faults = []
    for place, choice in enumerate(scenario.faults):
        if choice.kind not in KINDS:
            raise ScenarioError(f"{where}: faults[{place}].kind", f"one of {', '.join(KINDS)}", repr(choice.kind))
        if choice.rate is None:
            raise ScenarioError(f"{where}: faults[{place}]", "a rate: a swarm draws the slots itself", choice.kind)
        on = bool(rng.random() < 0.5)
        struck = np.flatnonzero(rng.random(FAULTY_SLOTS) < choice.rate)
        if on and len(struck) > 0:
            faults.append(FaultChoice(kind=choice.kind, at_slot=tuple(int(slot) for slot in struck)))
    return Plan(scenario.seed, replication, scenario.line.profile, drawn, tuple(faults))


def run_plan(chosen: Plan, *, repeat: str = "", tracking: Callable[[int, str], Tracking] = Tracking) -> Survived:
    """Runs a replication with every rule watched: those of `audit.py`, and here escapes, losses and recovery.

    Args:
        chosen: The replication.
        repeat: Command that runs it again, for the message of a broken rule.
        tracking: Makes the register; another than the machine's own is one that the rules must catch.

    Raises:
        InvariantBroken: A rule was broken.
    """
    layout = chosen.layout
    feed = [Fed(f"P{number:03d}", 1, "good" if number % 3 else "defective") for number in range(STRIPS)]
    record = simulate(
        layout, feed, _judge_truly,
        VirtualClock(profile(chosen.profile, seed=chosen.seed, replication=chosen.replication)),
        recipe=RECIPE, faults=chosen.faults, seed=chosen.seed, replication=chosen.replication,
        tracking=tracking(layout.pockets_to_gate, RECIPE), repeat=repeat,
    )  # fmt: skip
    recovered_after = _recovered_after(record.ledger)
    for rule in _broken(record, feed, recovered_after):
        raise InvariantBroken(f"{rule} (seed {chosen.seed}, replication {chosen.replication})\nrepeat with: {repeat}")
    return Survived(
        chosen.replication, reached(record.ledger, layout), record.faults, recovered_after, len(record.ledger)
    )


def _judge_truly(fed: Fed) -> Outcome:
    reject = fed.truth == "defective"
    return Outcome(fed.product, fed.run, RECIPE, reject, "score" if reject else "", scored=fed.product)


def _broken(record: LineRecord, feed: list[Fed], recovered_after: int) -> list[str]:
    """What the finished ledger says against the machine, looked at without the audit's help."""
    ledger, rules = record.ledger, []
    accepted = ledger[ledger["fate"] == "accepted"]
    own = (accepted["verdict"] == "accept") & (accepted["verdict_us"] <= accepted["cutoff_us"]).fillna(False)
    if not own.all():
        rules.append(f"no escape: let through without its own verdict, slots {accepted.loc[~own, 'slot'].tolist()}")
    if sorted(ledger["product"].dropna()) != [fed.product for fed in feed]:
        rules.append("nothing is lost: expected each strip in one row of the ledger, got another set")
    if recovered_after > RECOVERY_SLOTS:
        rules.append(f"recovered after {RECOVERY_SLOTS} slots without faults: took {recovered_after}")
    return rules


def _recovered_after(ledger: pd.DataFrame) -> int:
    """Slots after the faults until the last one that did not end as it should."""
    defective, good = ledger["truth"] == "defective", ledger["truth"] == "good"
    fate, cause = ledger["fate"], ledger["cause"]
    right = (
        (good & (fate == "accepted"))
        | (defective & (fate == "rejected") & (cause == "score"))
        | (ledger["product"].isna() & (cause == ""))
    )
    wrong = ledger.loc[~right, "slot"]
    return max(0, int(wrong.max()) + 1 - FAULTY_SLOTS) if len(wrong) else 0
