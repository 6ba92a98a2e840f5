"""The gate, which springs to reject without power, and the sensor that sees what really became of a strip.

A strip between gate and sensor is still on board. When the sensor and the command disagree, the machine stops at once;
a strip that was let through against the command is quarantined.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from harness.line.machine import Machine
from harness.line.processes import Steps
from harness.line.tracking import Track


@dataclass(frozen=True, slots=True)
class Passage:
    """A strip between gate and sensor: what was commanded, and which way it really goes."""

    track: Track
    accept_commanded: bool
    accept_side: bool


class Gate:
    """Acts once a slot, on the pocket that stands before it.

    Args:
        machine: What the stations share.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._stuck = ""

    def work(self) -> Steps:
        """The process: act at the gate's time of each slot, verify a stroke later."""
        machine, layout = self._machine, self._machine.layout
        for slot in count():
            act_us = slot * layout.slot_us + layout.last_exposure_us
            yield machine.env.timeout(act_us - machine.now_us)
            if machine.finished:
                return
            if slot < machine.producing_from:
                continue
            passage = self._act(slot)
            if passage is not None:
                yield machine.env.timeout(layout.gate_lead_us)
                self._verify(passage)

    def _act(self, slot: int) -> Passage | None:
        """Moves for the strip at the gate; None when none stands there. From now on no result changes its fate."""
        machine = self._machine
        rows = machine.pockets.at(machine.pockets.gate)
        track = machine.tracking.take_at_gate()
        machine.audit.at_gate(None if track is None else track.slot, rows)
        if track is None:
            return None
        if not rows:
            machine.miss(track)
            return None
        for kind in ("gate_stuck_open", "gate_stuck_closed"):
            if not self._stuck and machine.faults.strikes(kind, slot, track.fed):
                self._stuck = kind
        if track.cause == "missing":
            machine.faults.notice("missing", slot, track.fed)
        for row in rows:
            machine.ledger.gate_us[row] = machine.now_us
            machine.ledger.cause[row] = track.cause  # "missing" may still become "late", see machine.py
        accept_commanded = not track.latched
        return Passage(track, accept_commanded, self._opens(accept_commanded))

    def _opens(self, accept_commanded: bool) -> bool:
        """Which way the metal goes."""
        return self._stuck == "gate_stuck_open" or (accept_commanded and self._stuck == "")

    def _verify(self, passage: Passage) -> None:
        """The sensor sees the strip; it leaves the carousel."""
        machine, track = self._machine, passage.track
        blind = machine.faults.strikes("sensor_dead", machine.slot, track.fed)
        fate, cause = ("removed", "sensor_dead") if blind else self._fate(passage)
        for row in machine.pockets.lift(machine.pockets.gate):
            machine.ledger.verified_us[row] = machine.now_us
            machine.leave(row, fate, cause)
        if fate == "accepted":
            machine.faults.accepted(track.fed)
        if blind or passage.accept_side != passage.accept_commanded:
            machine.faults.notice(cause, machine.slot, track.fed)
            machine.stop()
            self._stuck = ""  # the stop frees it
        elif fate == "rejected" and machine.faults.strikes("bin_full", machine.slot, track.fed):
            machine.faults.notice("bin_full", machine.slot, None)
            machine.stop()

    def _fate(self, passage: Passage) -> tuple[str, str]:
        """Fate and cause, from the command and from what the sensor saw."""
        if passage.accept_side and not passage.accept_commanded:
            return "removed", "gate_stuck_open"
        if passage.accept_commanded and not passage.accept_side:
            return "rejected", "gate_stuck_closed"
        if passage.track.cause == "double_load":
            return "removed", "double_load"
        if passage.accept_commanded:
            return "accepted", ""
        return "rejected", self._machine.ledger.cause[passage.track.slot]
