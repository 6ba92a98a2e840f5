"""The infeed: when strips arrive, and which one is next. The slot spaces them; what comes too early waits here.

Arrivals are computed ahead, since nothing on the line can change them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.line.flow import Fed

BURST = 8
"""Strips that arrive together under the feed `bursty`."""

BURST_SLOTS = 10
"""Slots from one burst to the next."""

POISSON_LOAD = 0.9
"""Mean strips a slot under the feed `poisson`."""

STRIPS_A_SLOT = {
    "constant": 1.0,
    "jittered": 1.0,
    "bursty": BURST / BURST_SLOTS,
    "starved": 0.75,
    "poisson": POISSON_LOAD,
}
"""What each feed brings in the long run."""


def arrivals_us(feed: str, count: int, slot_us: int, *, rng: np.random.Generator) -> list[int]:
    """When each strip reaches the infeed, in order.

    Args:
        feed: "constant" (one at every slot), "jittered" (up to half a slot early or late), "bursty" (`BURST` together,
            every `BURST_SLOTS` slots), "starved" (three in four slots) or "poisson" (`POISSON_LOAD` strips a slot).
        count: Strips, >= 0.
        slot_us: The period.
        rng: Draws the arrivals of "jittered" and "poisson".

    >>> arrivals_us("starved", 4, 300, rng=np.random.default_rng(0))
    [0, 400, 800, 1200]
    """
    place = np.arange(count, dtype=np.int64)
    if feed == "constant":
        return [int(at) for at in place * slot_us]
    if feed == "jittered":
        early_or_late = rng.integers(-(slot_us // 2), slot_us // 2, size=count)
        return [max(0, int(at)) for at in place * slot_us + early_or_late]
    if feed == "bursty":
        return [int(at) for at in place // BURST * (BURST_SLOTS * slot_us)]
    if feed == "starved":
        return [int(at) for at in place * slot_us * 4 // 3]
    if feed == "poisson":
        gaps = rng.exponential(slot_us / POISSON_LOAD, size=count)
        return [round(at) for at in gaps.cumsum()]
    raise ValueError(f"feed: expected a name from layout.FEED, got {feed!r}")


class Infeed:
    """Strips in the order they are fed, each not before it has arrived."""

    def __init__(self, feed: Sequence[Fed], arrivals: Sequence[int]) -> None:
        self._feed = feed
        self._arrivals_us = arrivals
        self._next = 0

    @property
    def exhausted(self) -> bool:
        """No strip will come any more."""
        return self._next == len(self._feed)

    def waiting(self, now_us: int) -> Fed | None:
        """The strip at the head of the queue, or None where none has arrived."""
        if self.exhausted or self._arrivals_us[self._next] > now_us:
            return None
        return self._feed[self._next]

    def take(self) -> Fed | None:
        """Grips the next strip, whether it has arrived or is drawn along; None where none is left."""
        if self.exhausted:
            return None
        fed = self._feed[self._next]
        self._next += 1
        return fed
