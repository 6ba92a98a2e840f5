"""How much of its planned time the machine turned into right results, in the words of ISO 22400-2. Reads the ledger.

What the machine makes is a sorted strip. It is good when it left on its own side: a good one accepted, a defective one
rejected. Warm-up (Starting) and the last strips' way to the gate (Completing) are planned and in no figure.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from harness.line.layout import Layout
from harness.line.packml import State

BUSY = (State.EXECUTE, State.SUSPENDED, State.HELD, State.ABORTED)
"""Planned busy time is spent in these."""


@dataclass(frozen=True)
class Oee:
    """The counts and times, and the four figures made of them.

    Attributes:
        busy_us: PBT, planned busy time: slots after the warm-up, up to the last strip, in which one could be loaded.
        production_us: APT, actual production time: those of them spent in Execute.
        run_time_us: PRI, planned run time per item: one slot.
        produced: PQ, produced quantity: strips of the kit that came through the gate, accepted or rejected.
        good: GQ, good quantity: those of them on their own side.
        lost_us: What kept busy time from being production time, by state.
    """

    busy_us: int
    production_us: int
    run_time_us: int
    produced: int
    good: int
    lost_us: dict[str, int]

    @property
    def availability(self) -> float | None:
        """APT / PBT; None without busy time.

        Source:
            ISO 22400-2:2014, Availability; the same formula in OPC 40501-1, C.2.4.
        """
        return self.production_us / self.busy_us if self.busy_us else None

    @property
    def effectiveness(self) -> float | None:
        """PRI x PQ / APT, called performance elsewhere; None without production time.

        Source:
            ISO 22400-2:2014, Effectiveness; the same formula in OPC 40501-1, C.2.4.
        """
        return self.run_time_us * self.produced / self.production_us if self.production_us else None

    @property
    def quality(self) -> float | None:
        """GQ / PQ; None where nothing was produced.

        Source:
            ISO 22400-2:2014, Quality ratio; the same formula in OPC 40501-1, C.2.4.
        """
        return self.good / self.produced if self.produced else None

    @property
    def index(self) -> float | None:
        """Availability x effectiveness x quality ratio; None where one of them is.

        Source:
            ISO 22400-2:2014, Overall equipment effectiveness index; the same formula in OPC 40501-1, C.2.4.

        >>> round(Oee(400, 300, 100, 2, 1, {}).index, 9)  # one right strip where four could have been
        0.25
        """
        if self.availability is None or self.effectiveness is None or self.quality is None:
            return None
        return self.availability * self.effectiveness * self.quality

    @property
    def why(self) -> str:
        """Why there is no index; "" where there is one."""
        if not self.busy_us:
            return "no slot was planned for the kit"
        if not self.production_us:
            return "no slot was spent in Execute"
        return "" if self.produced else "no strip of the kit came through the gate"

    def as_dict(self) -> dict[str, Any]:
        """Plain values: counts and times, the figures (null where undefined), and why."""
        figures = {name: getattr(self, name) for name in ("availability", "effectiveness", "quality", "index", "why")}
        return {**asdict(self), **figures}


def oee(ledger: pd.DataFrame, layout: Layout) -> Oee:
    """The figures of one replication.

    Args:
        ledger: As written by `simulate`.
        layout: It was written for; gives the slot.
    """
    states = ledger["packml"]
    starting = ledger.loc[states == State.STARTING, "slot"]
    of_kit = ledger["product"].notna() & ~ledger["warm_up"]
    loaded = ledger.loc[of_kit, "slot"]
    planned = ledger["slot"].between(
        starting.max() if len(starting) else -1, loaded.max() if len(loaded) else -1, inclusive="right"
    )
    slots = states[planned].value_counts()
    spent_us = {state: int(slots.get(int(state), 0)) * layout.slot_us for state in BUSY}
    through = ledger[of_kit & ledger["fate"].isin(["accepted", "rejected"])]
    return Oee(
        busy_us=sum(spent_us.values()),
        production_us=spent_us[State.EXECUTE],
        run_time_us=layout.slot_us,
        produced=len(through),
        good=int(((through["fate"] == "accepted") == (through["truth"] == "good")).sum()),
        lost_us={state.word: time_us for state, time_us in spent_us.items() if state is not State.EXECUTE},
    )
