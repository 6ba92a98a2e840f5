"""The carousel: one index a slot, loading at the camera, the acquisition of what was loaded.

Slot n starts at n * slot_us. A slot in which the machine stands still has a row too, and turns nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from harness.line.computer import Computer, Job
from harness.line.faults import BURST_SLOTS
from harness.line.flow import Fed
from harness.line.infeed import Infeed
from harness.line.machine import Machine
from harness.line.packml import State
from harness.line.processes import Steps, start
from harness.line.tracking import Track


class Camera:
    """Acquires the strip that stands before it. Exposures are at fixed times, so only their end is an event.

    A clock that has workers beside the line is told of the frames before the last one when they come.
    """

    def __init__(self, machine: Machine, computer: Computer) -> None:
        self._machine = machine
        self._computer = computer
        self._held_until_us = 0
        self.under_way = 0
        """Acquisitions whose frames are not yet at the computer."""

    def acquire(self, track: Track) -> Steps:
        """From the trigger until the frames are handed over."""
        machine, slot = self._machine, track.slot
        self.under_way += 1
        surplus = machine.faults.strikes("frame_surplus", slot, track.fed)
        dropped = machine.faults.strikes("frame_dropped", slot, track.fed)
        spoilt = machine.faults.spoil(slot, track.fed)
        if machine.faults.strikes("burst", slot, track.fed):
            self._held_until_us = machine.now_us + BURST_SLOTS * machine.layout.slot_us
        early_us = machine.now_us + machine.layout.early_us
        yield from self._frames_come(track.fed)
        if machine.now_us < self._held_until_us:
            early_us = max(early_us, self._held_until_us)
            yield machine.env.timeout(self._held_until_us - machine.now_us)
            machine.faults.notice("frames_late", machine.slot, track.fed)  # the computer knows when they were due
        self.under_way -= 1
        machine.ledger.frames_us[slot] = machine.now_us
        frames = machine.layout.exposures + (-1 if dropped else int(surplus))
        self._computer.submit(Job(slot, track.fed, frames, track.cutoff_us, early_us, spoilt))

    def _frames_come(self, fed: Fed) -> Steps:
        """Until the last frame is there, had nothing held them up."""
        env, layout = self._machine.env, self._machine.layout
        if not self._computer.begins:
            yield env.timeout(layout.frames_us)
            return
        yield env.timeout(layout.early_us)
        if env.now >= self._held_until_us:
            self._computer.begin(fed)
        yield env.timeout(layout.frames_us - layout.early_us)


class Carousel:
    """Turns one pocket a slot and loads what the infeed has.

    Args:
        machine: What the stations share.
        infeed: Strips to load.
        computer: Asked whether it has room, when the overrun policy is to hold.
        progress: Called with the number of strips loaded so far, after each one.
    """

    def __init__(
        self, machine: Machine, infeed: Infeed, computer: Computer, progress: Callable[[int], None] | None
    ) -> None:
        self._machine = machine
        self._infeed = infeed
        self._computer = computer
        self._camera = Camera(machine, computer)
        self._progress = progress
        self._expected_pocket = machine.pockets.camera
        self._drawn_along: Fed | None = None

    def turn(self) -> Steps:
        """The process: a row and an index a slot, until the last strip has left."""
        machine = self._machine
        for slot in count():
            yield machine.env.timeout(slot * machine.layout.slot_us - machine.now_us)
            if self._infeed.exhausted and machine.pockets.on_board == 0 and machine.tracking.empty:
                machine.finished = True
                return
            machine.ledger.packml[slot] = self._pass(slot)

    def _pass(self, slot: int) -> State:
        """What a slot begins with; the state that the machine spends it in."""
        machine = self._machine
        if slot < machine.producing_from:
            machine.audit.stands_still()
            self._open_row(slot, "stopped")
            return State.ABORTED
        producing = self._producing()
        if self._index(slot):
            waits = self._load(slot)
            return waits if waits is not None and producing is State.EXECUTE else producing
        return State.ABORTED if slot < machine.producing_from else producing

    def _producing(self) -> State:
        """The state of a machine that turns, from what there is to load."""
        if self._infeed.warming_up:
            return State.STARTING
        running_out = self._infeed.exhausted and self._drawn_along is None
        return State.COMPLETING if running_out else State.EXECUTE

    def _index(self, slot: int) -> bool:
        """One step on, metal and register alike; True when the pocket at the camera may be loaded."""
        machine = self._machine
        machine.audit.turns()
        waiting = self._infeed.waiting(machine.now_us)
        slips = machine.faults.strikes("slip", slot, waiting)
        machine.pockets.turn(2 if slips else 1)
        fallen = machine.tracking.index()
        if fallen is not None:
            machine.audit.broken(f"the strip of slot {fallen.slot} was carried past the gate")
        self._expected_pocket = (self._expected_pocket + 1) % machine.layout.pockets
        glitch = int(machine.faults.strikes("encoder_glitch", slot, waiting))
        if (machine.pockets.camera + glitch) % machine.layout.pockets != self._expected_pocket:  # the encoder's mark
            self._open_row(slot, "slip")
            machine.faults.notice("slip", slot, None)
            machine.quarantine("slip")
            machine.stop()
            self._expected_pocket = machine.pockets.camera
            return False
        self._take_out_by_hand()
        return self._open_row(slot, "")

    def _open_row(self, slot: int, cause: str) -> bool:
        """A row that is empty for a cause, or that of a strip drawn along with the one before; True when it is free."""
        machine, fed = self._machine, self._drawn_along
        machine.ledger.open(slot * machine.layout.slot_us, machine.pockets.camera)
        if fed is None:
            machine.ledger.settle(slot, "empty", cause)
            return True
        machine.ledger.load(slot, fed)
        machine.ledger.settle(slot, "", "")
        self._drawn_along = None
        return False

    def _load(self, slot: int) -> State | None:
        """Grips a strip, looks at what is in the pocket, triggers; the state of a machine that waits with its next."""
        machine = self._machine
        if machine.layout.overrun == "hold" and self._is_full():
            machine.ledger.settle(slot, "empty", "held")
            return State.HELD
        waiting = self._infeed.waiting(machine.now_us)
        if waiting is None:
            return State.SUSPENDED
        if not machine.faults.strikes("empty_pocket", slot, waiting):
            self._grip(slot, waiting)
        in_pocket = len(machine.pockets.at(machine.pockets.camera))  # the presence sensor
        if in_pocket == 0:
            machine.faults.notice("empty_pocket", slot, None)
            machine.ledger.settle(slot, "empty", "empty_pocket")
            return None
        track = Track(slot, waiting, slot * machine.layout.slot_us + machine.layout.cutoff_us)
        self._track(track)
        if in_pocket > 1:
            track.latch("double_load")
            machine.faults.notice("double_load", slot, waiting)
        else:
            start(machine.env, self._camera.acquire(track))
        if self._progress is not None:
            self._progress(machine.audit.fed)
        return None

    def _grip(self, slot: int, waiting: Fed) -> None:
        """The strip into the pocket; where the gripper fails, the next one with it."""
        machine = self._machine
        self._infeed.take()
        machine.pockets.place(slot)
        machine.audit.loaded(slot)
        if not self._infeed.exhausted and machine.faults.strikes("double_load", slot, waiting):
            self._drawn_along = self._infeed.take()
            machine.pockets.place(slot + 1)  # the row of the slot it was due for
            machine.audit.loaded(slot + 1)

    def _track(self, track: Track) -> None:
        """The register takes the strip in, the ledger says who it is."""
        machine = self._machine
        machine.tracking.load(track)
        machine.ledger.load(track.slot, track.fed)
        machine.ledger.settle(track.slot, "", "")
        machine.ledger.triggered_us[track.slot] = machine.now_us
        machine.ledger.cutoff_us[track.slot] = track.cutoff_us
        machine.audit.note(machine.now_us, "loaded", track.slot)

    def _take_out_by_hand(self) -> None:
        """The strip that was loaded a slot ago may be missing from now on."""
        machine = self._machine
        track = machine.tracking.at(1)
        pocket = machine.pockets.behind_camera(1)
        if track is None or len(machine.pockets.at(pocket)) != 1:
            return
        if machine.faults.strikes("taken_out", track.slot, track.fed):
            for row in machine.pockets.lift(pocket):
                machine.audit.left(row, "removed")

    def _is_full(self) -> bool:
        """Whether the computer could be overrun by one more acquisition; a free worker takes one of them."""
        room = self._machine.layout.queue_limit + self._computer.idle
        return self._computer.queue + self._camera.under_way >= room
