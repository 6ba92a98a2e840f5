"""The rules that never bend, checked after every event by one who sees the metal as well as the machine's beliefs.

The checks are counters and set look-ups, so that they can stay on in every simulation.
"""

from __future__ import annotations

from collections import deque
from typing import NoReturn

from harness.errors import InvariantBroken
from harness.line.faults import RESTART_SLOTS

EVENTS_KEPT = 20
"""Last events that stand in the message of a broken rule."""


class Audit:
    """Counts what was fed and where it went, and knows which strips are truly proven good.

    Args:
        seed: Of the scenario, to repeat a violation.
        replication: As above.
        recipe: As above.
        repeat: Command that does the same again; by default that of a qualification.
    """

    def __init__(self, *, seed: int, replication: int, recipe: str, repeat: str = "") -> None:
        self._origin = f"seed {seed}, replication {replication}, recipe {recipe}"
        self._repeat = repeat or f"python -m harness validate SCENARIO --seed {seed}"
        self._events: deque[tuple[int, str, int]] = deque(maxlen=EVENTS_KEPT)
        self._now_us = 0
        self._standing = 0
        self._broken: InvariantBroken | None = None
        self._aboard: set[int] = set()
        self._proven: set[int] = set()
        self._answered: set[int] = set()
        self.fed = 0
        self.accepted = 0
        self.rejected = 0
        self.removed = 0

    def check(self, now_us: int, on_board: int) -> None:
        """After every event: time has not gone back and nothing is lost. `on_board` is counted on the carousel."""
        if self._broken is not None:
            raise self._broken  # SimPy hands on an error of a process one event later; the first one tells the story
        if now_us < self._now_us:
            self.broken(f"simulated time never goes back: {now_us} us after {self._now_us} us")
        if self.fed != self.accepted + self.rejected + self.removed + on_board:
            self.broken(
                f"fed = accepted + rejected + removed + on board: {self.fed} is not"
                f" {self.accepted} + {self.rejected} + {self.removed} + {on_board}"
            )
        self._now_us = now_us

    def note(self, now_us: int, what: str, slot: int) -> None:
        """Keeps an event for the message of a broken rule."""
        self._events.append((now_us, what, slot))

    def stands_still(self) -> None:
        """A slot passes without an index; a stop ends after `RESTART_SLOTS` of them."""
        self._standing += 1
        if self._standing > RESTART_SLOTS:
            self.broken(f"producing again after {RESTART_SLOTS} slots: standing still for {self._standing}")

    def turns(self) -> None:
        """The carousel indexes."""
        self._standing = 0

    def loaded(self, row: int) -> None:
        """A strip came onto the carousel."""
        self.fed += 1
        self._aboard.add(row)

    def delivered(self, row: int, *, proves_good: bool) -> None:
        """A result reached the gate's controller in time; `proves_good` when it is the strip's own and accepts.

        Of two results neither proves anything.
        """
        if row not in self._aboard:
            return
        if row in self._answered or not proves_good:
            self._proven.discard(row)
        else:
            self._proven.add(row)
        self._answered.add(row)

    def left(self, row: int, fate: str) -> None:
        """A strip left the carousel, once and for good."""
        if row not in self._aboard:
            self.broken(f"no product has two fates: the strip of slot {row} is {fate} but has left before")
        if fate == "accepted":
            if row not in self._proven:
                self.broken(
                    f"rejected unless proven good: the strip of slot {row} was let through without its own verdict"
                )
            self.accepted += 1
        elif fate == "rejected":
            self.rejected += 1
        else:
            self.removed += 1
        for rows in (self._aboard, self._proven, self._answered):
            rows.discard(row)

    def at_gate(self, tracked: int | None, rows: tuple[int, ...]) -> None:
        """What the register believes to stand at the gate is what stands there, if anything does."""
        if rows and tracked not in rows:
            self.broken(
                f"identity travels by shift register: tracked slot {tracked} at the gate, the metal holds {rows}"
            )

    def broken(self, rule: str) -> NoReturn:
        """Stops the simulation.

        Raises:
            InvariantBroken: Always; with seed, replication, recipe, the last events and how to repeat it.
        """
        events = "".join(f"\n  {now_us} us: slot {slot}: {what}" for now_us, what, slot in self._events)
        self._broken = InvariantBroken(f"{rule} ({self._origin})\nlast events:{events}\nrepeat with: {self._repeat}")
        raise self._broken

    def conservation(self, on_board: int) -> dict[str, int]:
        """Counts over all strips, warm-up included: fed = accepted + rejected + removed + on_board."""
        return {
            "fed": self.fed,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "removed": self.removed,
            "on_board": on_board,
        }
