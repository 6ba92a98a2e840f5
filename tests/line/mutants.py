"""Registers that are wrong on purpose."""

from __future__ import annotations

from collections import deque

from harness.line.flow import Outcome
from harness.line.tracking import Track, Tracking


class LateForNext(Tracking):
    """Gives a result that comes too late to the strip that stands at the camera now."""

    def receive(self, slot: int, outcome: Outcome, now_us: int) -> str:
        """The wrong rule."""
        finding = super().receive(slot, outcome, now_us)
        track = self.at(0)
        if finding == "late" and track is not None and not outcome.reject:
            track.latched, track.cause = False, ""
        return finding


class ClearsOnStale(Tracking):
    """Looks at the verdict and not at whose it is."""

    def receive(self, slot: int, outcome: Outcome, now_us: int) -> str:
        """The wrong rule."""
        finding = super().receive(slot, outcome, now_us)
        for track in self._register:
            if track is not None and track.slot == slot and not outcome.reject:
                track.latched, track.cause = False, ""
        return finding


class LatchesOpen(Tracking):
    """Accepts unless proven bad."""

    def take_at_gate(self) -> Track | None:
        """The wrong rule."""
        track = super().take_at_gate()
        if track is not None and track.cause == "missing":
            track.latched = False
        return track


class OffByOneAfterRestart(Tracking):
    """Comes back from a quarantine one stage longer than the way to the gate."""

    def quarantine(self) -> list[Track]:
        """The wrong rule."""
        tracks = super().quarantine()
        stages = len(self._register) + 1
        self._register = deque([None] * stages, maxlen=stages)
        return tracks
