"""What the stations share: time, layout, register, metal, ledger, audit; and what only all of them together can do.

The gate's controller lives here: it receives results and stops the machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import simpy

from harness.line.audit import Audit
from harness.line.computer import Job
from harness.line.faults import RESTART_SLOTS, Faults
from harness.line.flow import Outcome
from harness.line.layout import Layout
from harness.line.ledger import Ledger
from harness.line.pockets import Pockets
from harness.line.tracking import Track, Tracking


@dataclass
class Machine:
    """The carousel's shared state.

    Attributes:
        env: Simulated time.
        layout: Timing.
        recipe: The only recipe whose verdicts count.
        tracking: What the machine believes.
        pockets: What is.
        ledger: What is written down.
        audit: Who checks the rules.
        faults: What goes wrong.
        producing_from: First slot that is not part of a stop.
        finished: True when the last strip has left.
    """

    env: simpy.Environment
    layout: Layout
    recipe: str
    tracking: Tracking
    pockets: Pockets
    ledger: Ledger
    audit: Audit
    faults: Faults
    producing_from: int = field(default=0, init=False)
    finished: bool = field(default=False, init=False)

    @property
    def now_us(self) -> int:
        """Simulated time; whole microseconds, since every delay is."""
        return int(self.env.now)

    @property
    def slot(self) -> int:
        """The slot that is running."""
        return self.now_us // self.layout.slot_us

    def result(self, job: Job, outcome: Outcome, stamped_us: int) -> None:
        """A result arrives: the register judges it, the ledger keeps it whatever it is worth."""
        now_us = self.now_us
        if not job.cutoff_us - self.layout.cutoff_us <= stamped_us <= now_us:  # before its strip was there, or to come
            self.failure(job, "clock_step")
            return
        own = outcome.is_of(job.fed, self.recipe)
        self.audit.note(now_us, "result", job.slot)
        if now_us <= job.cutoff_us:
            proves_good = own and not outcome.reject and job.frames == self.layout.exposures
            self.audit.delivered(job.slot, proves_good=proves_good)
        finding = self.tracking.receive(job.slot, outcome, now_us)
        if self.ledger.verdict_us[job.slot] < 0:
            self.ledger.verdict_us[job.slot] = now_us
            if own:
                self.ledger.verdict[job.slot] = "reject" if outcome.reject else "accept"
        if finding == "late" and self.ledger.cause[job.slot] == "missing":
            self.ledger.cause[job.slot] = "late"  # the fate stands; only now it is known that a result was on its way
        self.faults.notice(finding, self.slot, job.fed)
        if now_us == job.cutoff_us:
            self.faults.notice("at_cutoff", self.slot, job.fed)

    def failure(self, job: Job, cause: str) -> None:
        """No result will come for a job."""
        self.audit.note(self.now_us, cause, job.slot)
        self.tracking.fail(job.slot, cause)
        if self.ledger.cause[job.slot] == "missing":
            self.ledger.cause[job.slot] = cause
        self.faults.notice(cause, self.slot, job.fed)

    def leave(self, row: int, fate: str, cause: str) -> None:
        """A strip leaves the carousel: its fate is counted and written."""
        self.audit.left(row, fate)
        self.audit.note(self.now_us, f"{fate} {cause}".strip(), row)
        self.ledger.settle(row, fate, cause)

    def miss(self, track: Track) -> None:
        """A strip that is tracked is not there: a hand has taken it, and it was counted as removed then."""
        self.faults.notice("taken_out", self.slot, track.fed)
        self.ledger.settle(track.slot, "removed", "taken_out")

    def quarantine(self, cause: str) -> None:
        """Everything between camera and gate is removed, tracked or not."""
        rows = self.pockets.clear()
        for track in self.tracking.quarantine():
            if track.slot not in rows:
                self.miss(track)
        for row in rows:
            self.leave(row, "removed", cause)

    def stop(self) -> None:
        """Stops at once; producing again after `RESTART_SLOTS` whole slots."""
        self.audit.note(self.now_us, "stop", self.slot)
        self.producing_from = self.slot + 1 + RESTART_SLOTS
