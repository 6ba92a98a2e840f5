"""Interesting states of a line, told from its ledger: what a campaign of faults must have seen to have tried anything.

A state never reached is a failure of the campaign, not a success of the machine.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from harness.line.layout import Layout

State = Callable[[pd.DataFrame, Layout], bool]
"""True when the ledger of a line with this layout shows the state."""


def _ended(fate: str, cause: str) -> State:
    """Some strip ended so."""
    return lambda ledger, layout: bool(((ledger["fate"] == fate) & (ledger["cause"] == cause)).any())


def _accept_undone(cause: str) -> State:
    """Some strip had an accepting verdict of its own and was rejected all the same."""

    def reached(ledger: pd.DataFrame, layout: Layout) -> bool:
        undone = (ledger["cause"] == cause) & (ledger["fate"] == "rejected") & (ledger["verdict"] == "accept")
        return bool(undone.any())

    return reached


def _accepted_after_a_stop(ledger: pd.DataFrame, layout: Layout) -> bool:
    """A strip was on board while the machine stood still, and kept its verdict."""
    delayed = ledger["gate_us"] - ledger["triggered_us"] > layout.gate_us
    return bool((delayed.fillna(False) & (ledger["fate"] == "accepted")).any())


def _accepted_at_cutoff(ledger: pd.DataFrame, layout: Layout) -> bool:
    """An accept came at the last instant that counts, and counted."""
    last = (ledger["verdict_us"] == ledger["cutoff_us"]).fillna(False)
    return bool((last & (ledger["fate"] == "accepted")).any())


def _two_of_a_pocket_quarantined(ledger: pd.DataFrame, layout: Layout) -> bool:
    """A quarantine took out a pocket with two strips: the second of them was never triggered."""
    second = ledger["product"].notna() & ledger["triggered_us"].isna()
    return bool((second & (ledger["cause"] == "slip")).any())


def _queue_full(ledger: pd.DataFrame, layout: Layout) -> bool:
    """A strip found as many waiting as may wait."""
    return bool((ledger["queue"] >= layout.queue_limit).fillna(False).any())


def _frames_together(ledger: pd.DataFrame, layout: Layout) -> bool:
    """The frames of two strips were at the computer at the same instant."""
    return bool(ledger["frames_us"].dropna().duplicated().any())


def _stopped_twice_running(ledger: pd.DataFrame, layout: Layout) -> bool:
    """The first slot after a stop stopped the machine again."""
    stopped = ledger["cause"] == "stopped"
    return bool(((ledger["cause"] == "slip") & stopped.shift(1, fill_value=False)).any())


STATES: dict[str, State] = {
    "accepted at the cut-off": _accepted_at_cutoff,
    "late result rejected": _ended("rejected", "late"),
    "late accept rejected": _accept_undone("late"),
    "missing result rejected": _ended("rejected", "missing"),
    "duplicate took an accept back": _accept_undone("duplicate"),
    "stale result rejected": _ended("rejected", "stale"),
    "wrong identity rejected": _ended("rejected", "wrong_identity"),
    "invalid score rejected": _ended("rejected", "invalid_score"),
    "incomplete frames rejected": _ended("rejected", "frame_check"),
    "repeated scores rejected": _ended("rejected", "constant_output"),
    "impossible time rejected": _ended("rejected", "clock_step"),
    "frames held back, then all at once": _frames_together,
    "crash of the detector rejected": _ended("rejected", "detector_crash"),
    "no memory, rejected": _ended("rejected", "out_of_memory"),
    "queue full": _queue_full,
    "overrun rejected": _ended("rejected", "overrun"),
    "computer full, pocket held empty": _ended("empty", "held"),
    "gripper missed, pocket empty": _ended("empty", "empty_pocket"),
    "double load removed": _ended("removed", "double_load"),
    "strip taken by hand noticed": _ended("removed", "taken_out"),
    "slip quarantined": _ended("removed", "slip"),
    "double load quarantined": _two_of_a_pocket_quarantined,
    "gate stuck open noticed": _ended("removed", "gate_stuck_open"),
    "gate stuck closed noticed": _ended("rejected", "gate_stuck_closed"),
    "wrong recipe rejected": _ended("rejected", "wrong_recipe"),
    "unrecorded verdict rejected": _ended("rejected", "disk_full"),
    "no heartbeat, rejected": _ended("rejected", "heartbeat_lost"),
    "dead sensor quarantined": _ended("removed", "sensor_dead"),
    "machine stood still": _ended("empty", "stopped"),
    "stopped again at the restart": _stopped_twice_running,
    "accepted after a stop": _accepted_after_a_stop,
}
"""Every interesting state, by the words a campaign reports it with."""


def reached(ledger: pd.DataFrame, layout: Layout) -> frozenset[str]:
    """Names of the states that a line has been in."""
    return frozenset(name for name, state in STATES.items() if state(ledger, layout))
