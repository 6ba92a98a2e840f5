"""The ledger: one row a slot, the only output of the simulator; and the tape of what each inspection took.

Rows are written column by column into plain arrays; tables are made once, at the end. A ledger with a sink hands its
rows on as tables in between and holds only the last ones, so that a run of any length stays small.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from harness.line.flow import Fed, Outcome
from harness.line.latency import Duration
from harness.line.window import Window

NO_TIME = -1
"""Stands in the arrays for a time that did not come to pass; null in the table."""

UNDEFINED = 0
"""Stands for the state of the machine until the slot has begun; PackML's own number for it."""

HELD = 1024
"""Rows that a ledger with a sink holds at least. No result may come later than so many slots after its strip."""

STAGES = ("crop", "network", "score", "verdict")
"""Stages of an inspection, as the tape names them, after what was done ahead of the last frame."""

_TEXT = pd.StringDtype(na_value=np.nan)  # what pandas 3 infers for text, said aloud so that pandas 2 agrees


Sink = Callable[[pd.DataFrame], None]
"""Takes over the oldest rows of a ledger, some thousands at a time."""

Numbers: TypeAlias = "array[int] | Window[int]"
Words = list[str] | Window[str]
MaybeWords = list[str | None] | Window[str | None]


class Ledger:
    """Rows that grow with the slots; row number and slot number are the same.

    Args:
        replication: Written into every row.
        sink: Gets the rows in order, the last ones at `close`; without one, all are kept for `frame`.
    """

    def __init__(self, replication: int, sink: Sink | None = None) -> None:
        def numbers(size: str = "q") -> Numbers:
            return array(size) if sink is None else Window(array(size))

        def words() -> Any:
            return [] if sink is None else Window([])

        self._replication = replication
        self._sink = sink
        self.pocket = numbers()
        self.packml = numbers("b")
        self.product: MaybeWords = words()
        self.run = numbers()
        self.warm_up: list[bool] | Window[bool] = words()
        self.scheduled_us = numbers()
        self.triggered_us = numbers()
        self.frames_us = numbers()
        self.inference_start_us = numbers()
        self.inference_end_us = numbers()
        self.verdict_us = numbers()
        self.cutoff_us = numbers()
        self.gate_us = numbers()
        self.verified_us = numbers()
        self.queue = numbers()
        self.verdict: MaybeWords = words()
        self.fate: Words = words()
        self.cause: Words = words()
        self.truth: MaybeWords = words()
        self._nullable = {
            name: getattr(self, name)
            for name in ("run", "triggered_us", "frames_us", "inference_start_us", "inference_end_us", "verdict_us",
                         "cutoff_us", "gate_us", "verified_us", "queue")
        }  # fmt: skip

    def __len__(self) -> int:
        return len(self.fate)

    def open(self, scheduled_us: int, pocket: int) -> None:
        """A slot begins: a new row with nothing in it."""
        if self._sink is not None:
            self._hand_on(self._sink, HELD)
        self.scheduled_us.append(scheduled_us)
        self.pocket.append(pocket)
        self.packml.append(UNDEFINED)
        for column in self._nullable.values():
            column.append(NO_TIME)
        self.product.append(None)
        self.warm_up.append(False)
        self.verdict.append(None)
        self.fate.append("")
        self.cause.append("")
        self.truth.append(None)

    def load(self, slot: int, fed: Fed) -> None:
        """Says which strip this slot is about."""
        self.product[slot] = fed.product
        self.run[slot] = fed.run
        self.warm_up[slot] = fed.warm_up
        self.truth[slot] = fed.truth

    def settle(self, slot: int, fate: str, cause: str) -> None:
        """Gives a row its fate: "accepted", "rejected", "removed" or "empty", and why."""
        self.fate[slot] = fate
        self.cause[slot] = cause

    def first_without_fate(self) -> int | None:
        """The first row that no fate has been given to; None where all have one. Such a row is never handed on."""
        fates = _cells(self.fate)
        return len(self) - len(fates) + fates.index("") if "" in fates else None

    def close(self) -> None:
        """The run has ended: a sink gets the rows that are left."""
        if self._sink is not None:
            self._hand_on(self._sink, 0)

    def frame(self) -> pd.DataFrame:
        """The table `ledger.parquet`: times are Int64 with nulls, text is null where there is no strip.

        Of a ledger with a sink, the rows that it still holds.
        """
        rows = len(_cells(self.fate))
        columns = {
            "replication": np.full(rows, self._replication, np.int64),
            "slot": np.arange(len(self) - rows, len(self), dtype=np.int64),
            "pocket": np.array(_cells(self.pocket), np.int64),
            "packml": np.array(_cells(self.packml), np.int8),
            "product": pd.array(_cells(self.product), dtype=_TEXT),
            "run": _nulls(self.run),
            "warm_up": np.array(_cells(self.warm_up), np.bool_),
            "scheduled_us": np.array(_cells(self.scheduled_us), np.int64),
        }
        columns |= {name: _nulls(column) for name, column in self._nullable.items() if name != "run"}
        columns |= {
            name: pd.array(_cells(getattr(self, name)), dtype=_TEXT) for name in ("verdict", "fate", "cause", "truth")
        }
        return pd.DataFrame(columns)

    def _hand_on(self, sink: Sink, held: int) -> None:
        """The rows but the last `held` to the sink, when they are as many again."""
        rows = len(_cells(self.fate)) - held
        if rows < max(held, 1) or "" in _cells(self.fate)[:rows]:
            return
        sink(self.frame().iloc[:rows])
        for column in vars(self).values():
            if isinstance(column, Window):
                column.hand_on(rows)


class TapeRecorder:
    """What each inspection took, in the order the workers took them up; nothing where it is not `kept`."""

    def __init__(self, *, kept: bool = True) -> None:
        self._kept = kept
        self._slot = array("q")
        self._service_us, self._ahead_us = array("q"), array("q")
        self._stages_us = {stage: array("q") for stage in STAGES}

    def write(self, slot: int, outcome: Outcome, takes: Duration) -> None:
        """One inspection, and what it takes on the clock, without what a fault adds."""
        if not self._kept:
            return
        self._slot.append(slot)
        self._service_us.append(takes.service_us)
        self._ahead_us.append(takes.ahead_us)
        for stage, column in self._stages_us.items():
            column.append(outcome.stages_us.get(stage, NO_TIME))

    def frame(self, ledger: Ledger, last_exposure_us: int) -> pd.DataFrame:
        """The table `latency.parquet`; `response_us` counts from the scheduled last exposure, null without verdict."""
        slots = np.array(self._slot, np.int64)
        verdict_us = np.array(_cells(ledger.verdict_us), np.int64)[slots]
        due_us = np.array(_cells(ledger.scheduled_us), np.int64)[slots] + last_exposure_us
        columns = {
            "product": pd.array([ledger.product[slot] for slot in self._slot], dtype=_TEXT),
            "run": np.array(_cells(ledger.run), np.int64)[slots],
            "response_us": pd.arrays.IntegerArray(
                np.where(verdict_us < 0, 0, verdict_us - due_us), mask=verdict_us == NO_TIME
            ),
        }
        columns |= {f"{stage}_us": _nulls(column) for stage, column in self._stages_us.items()}
        columns["service_us"] = np.array(self._service_us, np.int64)
        columns["ahead_us"] = np.array(self._ahead_us, np.int64)
        return pd.DataFrame(columns)


def _cells(column: Any) -> Sequence[Any]:
    """The rows of a column that are held."""
    cells: Sequence[Any] = column.cells if isinstance(column, Window) else column
    return cells


def _nulls(column: Numbers) -> pd.arrays.IntegerArray:
    """Int64 with null for `NO_TIME`."""
    numbers = np.array(_cells(column), np.int64)
    missing = numbers == NO_TIME
    return pd.arrays.IntegerArray(np.where(missing, 0, numbers), mask=missing)
