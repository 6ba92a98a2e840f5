"""The ledger: one row a slot, the only output of the simulator; and the tape of what each inspection took.

Rows are written column by column into plain arrays, so that a million slots stay small; tables are made once, at the
end.
"""

from __future__ import annotations

from array import array

import numpy as np
import pandas as pd

from harness.line.flow import Fed, Outcome

NO_TIME = -1
"""Stands in the arrays for a time that did not come to pass; null in the table."""

STAGES = ("crop", "network", "score", "verdict")
"""Stages of an inspection, as the tape names them."""

_TEXT = pd.StringDtype(na_value=np.nan)  # what pandas 3 infers for text, said aloud so that pandas 2 agrees


def _numbers() -> array[int]:
    return array("q")


class Ledger:
    """Rows that grow with the slots; row number and slot number are the same.

    Args:
        replication: Written into every row.
    """

    def __init__(self, replication: int) -> None:
        self._replication = replication
        self.pocket = _numbers()
        self.product: list[str | None] = []
        self.run = _numbers()
        self.warm_up: list[bool] = []
        self.scheduled_us = _numbers()
        self.triggered_us = _numbers()
        self.frames_us = _numbers()
        self.inference_start_us = _numbers()
        self.inference_end_us = _numbers()
        self.verdict_us = _numbers()
        self.cutoff_us = _numbers()
        self.gate_us = _numbers()
        self.verified_us = _numbers()
        self.queue = _numbers()
        self.verdict: list[str | None] = []
        self.fate: list[str] = []
        self.cause: list[str] = []
        self.truth: list[str | None] = []
        self._nullable = {
            name: getattr(self, name)
            for name in ("run", "triggered_us", "frames_us", "inference_start_us", "inference_end_us", "verdict_us",
                         "cutoff_us", "gate_us", "verified_us", "queue")
        }  # fmt: skip

    def __len__(self) -> int:
        return len(self.fate)

    def open(self, scheduled_us: int, pocket: int) -> None:
        """A slot begins: a new row with nothing in it."""
        self.scheduled_us.append(scheduled_us)
        self.pocket.append(pocket)
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

    def frame(self) -> pd.DataFrame:
        """The table `ledger.parquet`: times are Int64 with nulls, text is null where there is no strip."""
        rows = len(self)
        columns = {
            "replication": np.full(rows, self._replication, np.int64),
            "slot": np.arange(rows, dtype=np.int64),
            "pocket": np.array(self.pocket, np.int64),
            "product": pd.array(self.product, dtype=_TEXT),
            "run": _nulls(self.run),
            "warm_up": np.array(self.warm_up, np.bool_),
            "scheduled_us": np.array(self.scheduled_us, np.int64),
        }
        columns |= {name: _nulls(column) for name, column in self._nullable.items() if name != "run"}
        columns |= {name: pd.array(getattr(self, name), dtype=_TEXT) for name in ("verdict", "fate", "cause", "truth")}
        return pd.DataFrame(columns)


class TapeRecorder:
    """What each inspection took, in the order the workers took them up."""

    def __init__(self) -> None:
        self._slot = _numbers()
        self._service_us = _numbers()
        self._stages_us = {stage: _numbers() for stage in STAGES}

    def write(self, slot: int, outcome: Outcome, service_us: int) -> None:
        """One inspection; `service_us` is what passes on the clock, without what a fault adds."""
        self._slot.append(slot)
        self._service_us.append(service_us)
        for stage, column in self._stages_us.items():
            column.append(outcome.stages_us.get(stage, NO_TIME))

    def frame(self, ledger: Ledger, last_exposure_us: int) -> pd.DataFrame:
        """The table `latency.parquet`; `response_us` counts from the scheduled last exposure, null without verdict."""
        slots = np.array(self._slot, np.int64)
        verdict_us = np.array(ledger.verdict_us, np.int64)[slots]
        due_us = np.array(ledger.scheduled_us, np.int64)[slots] + last_exposure_us
        columns = {
            "product": pd.array([ledger.product[slot] for slot in self._slot], dtype=_TEXT),
            "run": np.array(ledger.run, np.int64)[slots],
            "response_us": pd.arrays.IntegerArray(
                np.where(verdict_us < 0, 0, verdict_us - due_us), mask=verdict_us == NO_TIME
            ),
        }
        columns |= {f"{stage}_us": _nulls(column) for stage, column in self._stages_us.items()}
        columns["service_us"] = np.array(self._service_us, np.int64)
        return pd.DataFrame(columns)


def _nulls(column: array[int]) -> pd.arrays.IntegerArray:
    """Int64 with null for `NO_TIME`."""
    numbers = np.array(column, np.int64)
    missing = numbers == NO_TIME
    return pd.arrays.IntegerArray(np.where(missing, 0, numbers), mask=missing)
