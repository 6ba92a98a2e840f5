"""The inspection computer: a bounded queue, workers, and the link that carries results to the gate's controller.

It also runs alone, with an unlimited queue, to be checked against queueing theory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import simpy

from harness.line.clock import Clock
from harness.line.faults import (
    CLOCK_SLOTS,
    CLOCK_STEP_SLOTS,
    CRASH_SLOTS,
    DEAF_SLOTS,
    STALL_SLOTS,
    THROTTLE_FACTOR,
    THROTTLE_SLOTS,
    Faults,
    with_scores_of,
)
from harness.line.flow import Fed, Inspect, Outcome
from harness.line.latency import Duration
from harness.line.layout import Layout
from harness.line.ledger import Ledger, TapeRecorder
from harness.line.processes import EndOf, Steps, start


@dataclass(frozen=True, slots=True)
class Job:
    """One acquisition to judge.

    Attributes:
        slot: Slot the strip was loaded in; names the job.
        fed: The strip.
        frames: Frames that arrived.
        cutoff_us: Last instant at which a result counts.
        early_us: When all frames but the last were there.
        spoilt: The check of frames finds them faulty, though all have come.
    """

    slot: int
    fed: Fed
    frames: int
    cutoff_us: int
    early_us: int
    spoilt: bool = False


class Receiver(Protocol):
    """Who waits for results: the gate's controller."""

    def result(self, job: Job, outcome: Outcome, stamped_us: int) -> None:
        """A result arrives; `stamped_us` is when it was sent, by the computer's own clock."""
        ...

    def failure(self, job: Job, cause: str) -> None:
        """No result will come, and why."""
        ...


class Link:
    """Carries results to the receiver; this is where they get lost, late, doubled or mixed up."""

    def __init__(self, env: simpy.Environment, receiver: Receiver, faults: Faults, slot_us: int) -> None:
        self._env = env
        self._slot_us = slot_us
        self._deaf_until_us = 0
        self._skewed_until_us, self._skew_us = 0, 0
        self._receiver = receiver
        self._faults = faults
        self._before: Outcome | None = None

    def send(self, job: Job, outcome: Outcome) -> None:
        """Sends a result; without a fault it arrives at once."""
        before, self._before = self._before, outcome
        now_us = int(self._env.now)
        slot = now_us // self._slot_us
        if self._faults.strikes("heartbeat_lost", slot, job.fed):
            self._deaf_until_us = now_us + DEAF_SLOTS * self._slot_us
        if self._faults.strikes("clock_step", slot, job.fed):
            self._skewed_until_us = now_us + CLOCK_SLOTS * self._slot_us
            self._skew_us = (CLOCK_STEP_SLOTS if slot % 2 else -CLOCK_STEP_SLOTS) * self._slot_us
        if now_us < self._deaf_until_us:  # the controller's watchdog says so, not the computer
            self._receiver.failure(job, "heartbeat_lost")
            return
        if self._strikes("result_lost", job):
            return
        if before is not None and self._strikes("result_stale", job):
            outcome = before
        if self._strikes("wrong_identity", job):
            outcome = replace(outcome, run=outcome.run + 1)
        if self._strikes("result_late", job):
            start(self._env, self._deliver_at(job.cutoff_us + 1, job, outcome, self._stamp_us()))
        elif self._strikes("result_delayed", job):
            start(self._env, self._deliver_at(job.cutoff_us, job, outcome, self._stamp_us()))
        else:
            self._deliver(job, outcome, self._stamp_us())

    def _stamp_us(self) -> int:
        """What the computer's clock shows."""
        now_us = int(self._env.now)
        return now_us + (self._skew_us if now_us < self._skewed_until_us else 0)

    def _deliver(self, job: Job, outcome: Outcome, stamped_us: int) -> None:
        self._receiver.result(job, outcome, stamped_us)
        if self._strikes("result_duplicate", job):
            self._receiver.result(job, outcome, stamped_us)

    def _deliver_at(self, at_us: int, job: Job, outcome: Outcome, stamped_us: int) -> Steps:
        yield self._env.timeout(max(0, at_us - int(self._env.now)))
        self._deliver(job, outcome, stamped_us)

    def _strikes(self, kind: str, job: Job) -> bool:
        return self._faults.strikes(kind, job.slot, job.fed)


class Computer:
    """Takes jobs in order; `workers` of them at a time.

    What an inspection needs no last frame for, a worker that is free does when the others have come, before the job is
    submitted; what it has not done by then it does first. Frames that come at the instant at which a worker ends find
    it still at work.

    Args:
        env: Simulated time.
        layout: Workers, queue limit, overrun policy, frames expected.
        clock: Says what an inspection takes.
        inspect: Judges a strip.
        recipe: Recipe that runs here.
        ledger: Times of each job go into its row.
        tape: What each inspection took.
        faults: Strike the detector.
        receiver: Gets the results.
        unlimited: True lets any number of jobs wait.
    """

    def __init__(
        self,
        env: simpy.Environment,
        layout: Layout,
        clock: Clock,
        inspect: Inspect,
        *,
        recipe: str,
        ledger: Ledger,
        tape: TapeRecorder,
        faults: Faults,
        receiver: Receiver,
        unlimited: bool = False,
    ) -> None:
        self._env = env
        self._layout = layout
        self._clock = clock
        self._inspect = inspect
        self._recipe = recipe
        self._ledger = ledger
        self._tape = tape
        self._faults = faults
        self._receiver = receiver
        self._unlimited = unlimited
        self._link = Link(env, receiver, faults, layout.slot_us)
        self._throttled_until_us = 0
        self._judged_before: Outcome | None = None
        self._waiting = simpy.Store(env)
        for _ in range(layout.workers):
            start(env, self._work())

    @property
    def queue(self) -> int:
        """Jobs that wait for a worker."""
        return len(self._waiting.items)

    @property
    def idle(self) -> int:
        """Workers that wait for a job."""
        return len(self._waiting.get_queue)

    @property
    def begins(self) -> bool:
        """It is to be told of acquisitions whose last frame has not come yet."""
        return self._clock.begins

    def begin(self, fed: Fed) -> None:
        """All frames of a strip but the last are there."""
        self._clock.begin(fed)

    def submit(self, job: Job) -> None:
        """Frames are ready. When the queue is full, the overrun policy says which job gets no result."""
        self._ledger.queue[job.slot] = self.queue
        if not self._unlimited and self.queue >= self._layout.queue_limit:
            if self._layout.overrun != "reject_oldest":
                self._receiver.failure(job, "overrun")
                return
            self._receiver.failure(self._waiting.items.pop(0), "overrun")
        self._waiting.put(job)

    def _work(self) -> Steps:
        """One worker."""
        while True:
            free_us = int(self._env.now)
            job: Job = yield self._waiting.get()
            if job.spoilt or job.frames != self._layout.exposures:
                self._link.send(
                    job, Outcome(job.fed.product, job.fed.run, self._recipe, reject=True, cause="frame_check")
                )
                continue
            self._ledger.inference_start_us[job.slot] = int(self._env.now)
            if self._faults.strikes("detector_crash", job.slot, job.fed):
                self._receiver.failure(job, "detector_crash")
                yield self._env.timeout(CRASH_SLOTS * self._layout.slot_us)
                continue
            if self._faults.strikes("out_of_memory", job.slot, job.fed):
                self._receiver.failure(job, "out_of_memory")
                continue
            yield from self._judge(job, max(free_us, job.early_us))

    def _judge(self, job: Job, ready_us: int) -> Steps:
        """Calls the detector, lets pass what that takes for a worker that began at `ready_us`, sends the result."""
        began_us = int(self._env.now)
        outcome, takes = yield from self._clock.service(self._env, job.fed, self._inspect)
        self._tape.write(job.slot, outcome, takes)
        service_us = self._left_of(takes, began_us - ready_us, job)
        yield EndOf(self._env, began_us + service_us - int(self._env.now))
        self._ledger.inference_end_us[job.slot] = int(self._env.now)
        if service_us > self._layout.slot_us:  # the computer's own watch
            self._faults.notice("slow", int(self._env.now) // self._layout.slot_us, job.fed)
        for kind, value in (("nan_score", math.nan), ("infinite_score", -math.inf)):
            if self._faults.strikes(kind, job.slot, job.fed):
                outcome = with_scores_of(value, outcome)
        outcome = self._unless_repeated(job, outcome)
        if self._faults.strikes("wrong_recipe", job.slot, job.fed):
            outcome = replace(outcome, recipe=f"not {self._recipe}")
        if self._faults.strikes("disk_full", job.slot, job.fed):
            self._receiver.failure(job, "disk_full")
            return
        self._link.send(job, outcome)

    def _unless_repeated(self, job: Job, outcome: Outcome) -> Outcome:
        """The outcome, a reject where its scores are those of the strip before to the bit: they are of no pictures."""
        if not outcome.scored:
            return outcome
        before, self._judged_before = self._judged_before, outcome
        if before is None:
            return outcome
        if self._faults.strikes("constant_output", job.slot, job.fed):
            outcome = replace(outcome, reject=before.reject, cause=before.cause, scored=before.scored)
            self._judged_before = outcome
        return outcome if outcome.scored != before.scored else replace(outcome, reject=True, cause="constant_output")

    def _left_of(self, takes: Duration, had_us: int, job: Job) -> int:
        """What an inspection still takes after `had_us` for what it does ahead; longer where a fault strikes."""
        service_us, ahead_us = takes
        if self._faults.strikes("throttling", job.slot, job.fed):
            self._throttled_until_us = int(self._env.now) + THROTTLE_SLOTS * self._layout.slot_us
        if self._env.now < self._throttled_until_us:
            service_us, ahead_us = service_us * THROTTLE_FACTOR, ahead_us * THROTTLE_FACTOR
        service_us -= min(ahead_us, had_us)
        if self._faults.strikes("stall", job.slot, job.fed):
            service_us += STALL_SLOTS * self._layout.slot_us
        return service_us
