"""Where the machine believes its strips to be, and which of them are proven good.

Identity travels by shift register, one step an index, never by time. A pocket is latched REJECT when it is loaded; only
its own accepting verdict, once and before the cut-off, clears the latch.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from harness.line.flow import Fed, Outcome

REMEMBERED = 64
"""Strips whose identity is kept to tell a stale result from a wrong one."""


@dataclass(slots=True)
class Track:
    """A tracked strip between camera and gate.

    Attributes:
        slot: Slot it was loaded in; the number of its job.
        fed: Who it is.
        cutoff_us: Last instant at which its verdict counts.
        latched: True: will be rejected.
        cause: Why it is latched; "" once it is not.
        answered: A result for this job has come, good or not.
    """

    slot: int
    fed: Fed
    cutoff_us: int
    latched: bool = True
    cause: str = "missing"
    answered: bool = False

    def latch(self, cause: str) -> None:
        """Latches REJECT for a cause."""
        self.latched, self.cause = True, cause


class Tracking:
    """The shift register from camera to gate, with the rule that clears a latch.

    Args:
        pockets_to_gate: Indices from camera to gate.
        recipe: The only recipe whose verdicts count.

    >>> tracking = Tracking(1, "r")
    >>> tracking.load(Track(0, Fed("D001", 1, "good"), cutoff_us=900))
    >>> tracking.receive(0, Outcome("D001", 1, "r", reject=False), 500)
    ''
    >>> tracking.index()
    >>> tracking.take_at_gate().latched
    False
    """

    def __init__(self, pockets_to_gate: int, recipe: str) -> None:
        stages = pockets_to_gate + 1
        self._register: deque[Track | None] = deque([None] * stages, maxlen=stages)
        self._recent: deque[tuple[str, int]] = deque(maxlen=REMEMBERED)
        self._recipe = recipe

    def index(self) -> Track | None:
        """Everything moves one step on; returns what falls off the end, which must be nothing."""
        fallen = self._register[-1]
        self._register.appendleft(None)
        return fallen

    def load(self, track: Track) -> None:
        """A strip comes in at the camera, latched.

        Raises:
            ValueError: The stage at the camera is not free.
        """
        if self._register[0] is not None:
            raise ValueError(f"the stage at the camera: expected 0 strips, got slot {self._register[0].slot}")
        self._register[0] = track
        self._recent.append((track.fed.product, track.fed.run))

    def at(self, stage: int) -> Track | None:
        """The strip so many indices behind the camera."""
        return self._register[stage]

    @property
    def empty(self) -> bool:
        """No strip is tracked."""
        return all(track is None for track in self._register)

    def take_at_gate(self) -> Track | None:
        """The strip at the gate; from now on no result can change it."""
        track, self._register[-1] = self._register[-1], None
        return track

    def quarantine(self) -> list[Track]:
        """Everything that is tracked, which is then tracked no more."""
        tracks = [track for track in self._register if track is not None]
        self._register.extend([None] * len(self._register))
        return tracks

    def receive(self, slot: int, outcome: Outcome, now_us: int) -> str:
        """A result arrives for a job; returns what is wrong with it, "" for an accept that counts.

        A second result proves nothing, even where the first one accepted: the pocket is latched again.
        """
        track = self._of_job(slot)
        if track is None:
            return "late"
        fault = self._fault(track, outcome, now_us)
        if fault == "":
            track.latched, track.cause = False, ""
        elif not track.answered or (fault == "duplicate" and not track.latched):
            track.latch(fault)
        track.answered = True
        return fault

    def fail(self, slot: int, cause: str) -> None:
        """The computer says that no result will come for a job."""
        track = self._of_job(slot)
        if track is not None:
            track.latch(cause)
            track.answered = True

    def _of_job(self, slot: int) -> Track | None:
        for track in self._register:
            if track is not None and track.slot == slot:
                return track
        return None

    def _fault(self, track: Track, outcome: Outcome, now_us: int) -> str:
        """Why this result does not clear the latch of its job; "" when it does."""
        if now_us > track.cutoff_us:
            return "late"
        if track.answered:
            return "duplicate"
        if outcome.recipe != self._recipe:
            return "wrong_recipe"
        if not outcome.is_of(track.fed, self._recipe):
            seen_before = (outcome.product, outcome.run) in self._recent
            another = (outcome.product, outcome.run) != (track.fed.product, track.fed.run)
            return "stale" if seen_before and another else "wrong_identity"
        return (outcome.cause or "score") if outcome.reject else ""
