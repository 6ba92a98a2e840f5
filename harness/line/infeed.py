"""The infeed: when strips arrive, and which one is next. The slot spaces them; what comes too early waits here.

Arrivals are computed ahead, since nothing on the line can change them.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

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

DRAWN_FEEDS = ("jittered", "poisson")
"""Feeds whose arrivals are drawn; the others are the same in every replication."""


def arrivals_us(feed: str, count: int, slot_us: int, *, rng: np.random.Generator) -> array[int]:
    """When each strip reaches the infeed, in order.

    Args:
        feed: "constant" (one at every slot), "jittered" (up to half a slot early or late), "bursty" (`BURST` together,
            every `BURST_SLOTS` slots), "starved" (three in four slots) or "poisson" (`POISSON_LOAD` strips a slot).
        count: Strips, >= 0.
        slot_us: The period.
        rng: Draws the arrivals of "jittered" and "poisson".

    Returns:
        Microseconds, 8 bytes a strip.

    >>> arrivals_us("starved", 4, 300, rng=np.random.default_rng(0)).tolist()
    [0, 400, 800, 1200]
    """
    place = np.arange(count, dtype=np.int64)
    if feed == "constant":
        return _whole(place * slot_us)
    if feed == "jittered":
        early_or_late = rng.integers(-(slot_us // 2), slot_us // 2, size=count)
        return _whole(np.maximum(0, place * slot_us + early_or_late))
    if feed == "bursty":
        return _whole(place // BURST * (BURST_SLOTS * slot_us))
    if feed == "starved":
        return _whole(place * slot_us * 4 // 3)
    if feed == "poisson":
        return _whole(rng.exponential(slot_us / POISSON_LOAD, size=count).cumsum().round())
    raise ValueError(f"feed: expected a name from layout.FEED, got {feed!r}")


def _whole(times_us: NDArray[Any]) -> array[int]:
    """The times as plain numbers: reading one makes a Python integer, and no array of them is ever kept."""
    return array("q", times_us.astype(np.int64).tobytes())


class Numbered(Sequence[Fed]):
    """Strips S0, S1, ... of run 1, every second one good, each made when it is asked for: a feed of any length.

    >>> feed = Numbered(1_000_000)
    >>> feed[0].product, feed[999_999].truth
    ('S0', 'defective')
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Fed: ...

    @overload
    def __getitem__(self, place: slice) -> list[Fed]: ...

    def __getitem__(self, place: int | slice) -> Fed | list[Fed]:
        """One strip, or some.

        Raises:
            IndexError: No strip has this number.
        """
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(self._count))]
        number = range(self._count)[place]
        return Fed(f"S{number}", 1, "defective" if number % 2 else "good")


class Infeed:
    """Strips in the order they are fed, each not before it has arrived."""

    def __init__(self, feed: Sequence[Fed], arrivals: Sequence[int]) -> None:
        self._feed = feed
        self._arrivals_us = arrivals
        self._count = len(feed)
        self._next = 0
        self._head = feed[0] if self._count else None
        self.warming_up = self._head is not None and self._head.warm_up
        """Nothing but warm-up strips has come to the head of the queue so far."""

    @property
    def exhausted(self) -> bool:
        """No strip will come any more."""
        return self._head is None

    def waiting(self, now_us: int) -> Fed | None:
        """The strip at the head of the queue, or None where none has arrived."""
        if self._head is None or self._arrivals_us[self._next] > now_us:
            return None
        return self._head

    def take(self) -> Fed | None:
        """Grips the next strip, whether it has arrived or is drawn along; None where none is left."""
        fed = self._head
        if fed is not None:
            self._next += 1
            self._head = self._feed[self._next] if self._next < self._count else None
            if self.warming_up:
                self.warming_up = self._head is not None and self._head.warm_up
        return fed
