"""How long an inspection takes on the virtual clock: profiles to draw from, and tapes of measured runs to replay.

Durations are integer microseconds. A draw belongs to a product and a run, never to the order of calls; a whole feed can
have measured durations in stretches, as they came one after another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from harness.errors import InputError, ScenarioError
from harness.line.flow import Fed
from harness.streams import stream

PROFILES = Path(__file__).parent / "profiles"
"""Folder of measured profiles that ship; a CSV or Parquet file each, with a column `service_us` and, where a detector
begins before the last frame, `ahead_us`.

Each is what 2,610 inspections of the standard kit took on the clock `measured` (`validate`, two cores, no warm-up), in
their order: `two-core-marked` the shipped detector's in `results/reference/knapp`, check of frames among it;
`two-core-avx2` those with an earlier comparer, on a processor without AVX-512; `two-core-busy` those
without a comparer, on the latter in an hour in which it lost moments to others; `two-core-reference` those of the
generator alone with the score `ssim`.
"""


STRETCH = 100
"""Durations of a stretch on average: longer than a backlog lasts, and a twenty-sixth of a profile that ships."""


class Duration(NamedTuple):
    """What an inspection takes.

    Attributes:
        service_us: All of it, >= 0.
        ahead_us: Of that, what needs no last frame: done before it comes, where a worker has the time. At most
            `service_us`.
    """

    service_us: int
    ahead_us: int = 0


class Latency(Protocol):
    """Anything that says how long the inspection of a strip takes."""

    def takes(self, fed: Fed) -> Duration:
        """The same for the same product and run."""
        ...


@dataclass(frozen=True)
class NormalLatency:
    """Constant, or normal about a mean and cut at 0.

    Attributes:
        name: As it stands in the result.
        mean_us: Mean duration, >= 0.
        spread: Standard deviation as a share of the mean, >= 0; 0 is constant.
        seed: Of the scenario.
        replication: Of the scenario.

    >>> NormalLatency("steady", 487_300).takes(Fed("D001", 1, "good")).service_us
    487300
    """

    name: str
    mean_us: int
    spread: float = 0.0
    seed: int = 7
    replication: int = 0

    def takes(self, fed: Fed) -> Duration:
        """The duration that belongs to this product and run; nothing of it is done ahead."""
        if self.spread == 0.0:
            return Duration(self.mean_us)
        rng = stream("latency", self.seed, self.replication, fed.product, fed.run)
        return Duration(max(0, round(self.mean_us * (1.0 + self.spread * rng.standard_normal()))))

    def of_feed(self, feed: Sequence[Fed]) -> Iterable[Duration]:
        """Those that belong to its strips."""
        return map(self.takes, feed)


@dataclass(frozen=True)
class EmpiricalLatency:
    """Drawn from `durations` that were measured, in their order, which are not empty."""

    name: str
    durations: tuple[Duration, ...]
    seed: int = 7
    replication: int = 0

    def takes(self, fed: Fed) -> Duration:
        """The duration that belongs to this product and run: any of them with equal chance, by itself."""
        rng = stream("latency", self.seed, self.replication, fed.product, fed.run)
        return self._by_length[int(rng.integers(len(self.durations)))]

    @cached_property
    def _by_length(self) -> list[Duration]:
        """So that a draw does not hang on the order in which they were measured."""
        return sorted(self.durations)

    def of_feed(self, feed: Sequence[Fed]) -> Iterable[Duration]:
        """In stretches, as they were measured one after another: a computer that is slow is so for a while.

        A stretch begins anywhere, is `STRETCH` long on average, and goes on with the first after the last.

        Source:
            Politis & Romano (1994), The stationary bootstrap, Journal of the American Statistical Association 89(428),
            1303-1313.
        """
        chance, where = stream("latency in stretches", self.seed, self.replication).random((len(feed), 2)).T
        place, measured = np.arange(len(feed)), len(self.durations)
        begun = np.maximum.accumulate(np.where(chance < 1 / STRETCH, place, 0))
        start = (where[begun] * measured).astype(np.int64)
        return map(self.durations.__getitem__, ((start + place - begun) % measured).tolist())


LatencyProfile = NormalLatency | EmpiricalLatency
"""What a scenario names under `line.profile`."""

_TABLE2_SPREADS = {"table2-as-seconds": 0.0, "table2-as-seconds-1": 0.01,
                   "table2-as-seconds-2": 0.02, "table2-as-seconds-5": 0.05}  # fmt: skip
TABLE2_US = 487_300
"""Table 2 of the paper gives 0.4873 without a unit; read as seconds it nearly fills the slot."""


def profile(name: str, *, seed: int = 7, replication: int = 0, where: str = "line.profile") -> LatencyProfile:
    """A profile that ships, by name.

    Raises:
        ScenarioError: No such profile; the legal names are listed.

    >>> profile("table2-as-seconds-2").spread
    0.02
    """
    if name in _TABLE2_SPREADS:
        return NormalLatency(name, TABLE2_US, _TABLE2_SPREADS[name], seed, replication)
    measured = _measured()
    if name not in measured:
        raise ScenarioError(where, f"one of {', '.join(profile_names())}", repr(name))
    return measured_profile(measured[name], seed=seed, replication=replication)


def profile_or_file(name: str, *, seed: int = 7, replication: int = 0, where: str = "line.profile") -> LatencyProfile:
    """A profile that ships, by name, or that of a file, by its path.

    Raises:
        ScenarioError: No such profile; the legal names are listed.
        InputError: A file that cannot be used.
    """
    if is_file(name):
        return measured_profile(Path(name), seed=seed, replication=replication)
    return profile(name, seed=seed, replication=replication, where=where)


def profile_names() -> tuple[str, ...]:
    """Every profile that ships.

    >>> profile_names()[:2]
    ('table2-as-seconds', 'table2-as-seconds-1')
    """
    return (*_TABLE2_SPREADS, *_measured())


def _measured() -> dict[str, Path]:
    return {path.stem: path for path in sorted(PROFILES.glob("*")) if path.suffix in (".csv", ".parquet")}


def is_file(name: str) -> bool:
    """A profile is named by its file, not one that ships.

    >>> is_file("table2-as-seconds"), is_file("our/latency.parquet")
    (False, True)
    """
    return name.endswith((".csv", ".parquet"))


def measured_profile(path: Path, *, seed: int = 7, replication: int = 0, detector: str = "") -> EmpiricalLatency:
    """A profile from a CSV or Parquet file with a column `service_us`, such as the tape of a measured run.

    Args:
        path: The file; a column `ahead_us` may stand beside the other. Rows of run 0, the warm-up, are left out where
            it has a column `run`.
        seed: Of the scenario.
        replication: Of the scenario.
        detector: Whose times are wanted; "" for those of any.

    Raises:
        InputError: No file, no such column, no row, a duration that is not a whole number >= 0, or times that were
            measured with another detector.
    """
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(str(path), "a CSV or Parquet file of durations", error) from None
    refuse_other_detector(table, detector, where=str(path))
    if "run" in table.columns:
        table = table[table["run"] != 0]
    return EmpiricalLatency(path.stem, tuple(_durations(table, str(path))), seed, replication)


def refuse_other_detector(table: pd.DataFrame, detector: str, *, where: str) -> None:
    """Times belong to the detector they were measured with. A table without a column `detector` does not say whose.

    Args:
        table: A tape or a profile.
        detector: Whose times are wanted, as `measured_with` names it; "" for those of any.
        where: Names the table in errors.

    Raises:
        InputError: Another detector's times.
    """
    if not detector or "detector" not in table.columns:
        return
    others = table.loc[table["detector"] != detector, "detector"]
    if len(others) > 0:
        raise InputError(f"{where}: detector", f"times measured with {detector}", f"times of {others.iloc[0]}")


def _durations(table: pd.DataFrame, where: str) -> list[Duration]:
    """A row each, from `service_us` and, where it is there, `ahead_us`."""
    if "service_us" not in table.columns or table.empty:
        raise InputError(where, "a column service_us with at least one row", f"columns {', '.join(table.columns)}")
    services = _whole_us(table["service_us"], f"{where}: service_us")
    if "ahead_us" not in table.columns:
        return [Duration(service_us) for service_us in services]
    aheads = _whole_us(table["ahead_us"], f"{where}: ahead_us")
    for service_us, ahead_us in zip(services, aheads, strict=True):
        if ahead_us > service_us:
            raise InputError(f"{where}: ahead_us", f"at most service_us, {service_us}", ahead_us)
    return list(map(Duration, services, aheads))


def _whole_us(column: pd.Series, where: str) -> list[int]:
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = column[~((numbers >= 0) & (numbers % 1 == 0)).fillna(False)]
    if len(wrong) > 0:
        got = wrong.iloc[0]
        raise InputError(where, "whole microseconds >= 0", repr(got) if isinstance(got, str) else got)
    return [int(number) for number in numbers]


class Tape:
    """What each inspection of a run took, exactly; replaying it gives the same ledger."""

    def __init__(self, durations: Mapping[tuple[str, int], Duration]) -> None:
        self._durations = dict(durations)

    @classmethod
    def from_frame(cls, tape: pd.DataFrame, *, detector: str = "", where: str = "latency tape") -> Tape:
        """From the table a simulation wrote (columns product, run, service_us; ahead_us where it has one).

        Args:
            tape: The table.
            detector: Whose times are wanted; "" for those of any.
            where: Names the table in errors.

        Raises:
            InputError: A column is missing, a duration is not a whole number >= 0, or another detector's times.
        """
        refuse_other_detector(tape, detector, where=where)
        for column in ("product", "run"):
            if column not in tape.columns:
                raise InputError(where, f"a column {column}", f"columns {', '.join(tape.columns)}")
        durations = _durations(tape, where) if len(tape) > 0 else []
        keys = zip(map(str, tape["product"]), map(int, tape["run"]), strict=True)
        return cls(dict(zip(keys, durations, strict=True)))

    def takes(self, fed: Fed) -> Duration:
        """What the inspection of this product took in this run.

        Raises:
            InputError: The tape has no entry for it.
        """
        try:
            return self._durations[fed.product, fed.run]
        except KeyError:
            raise InputError("latency tape", f"an entry for product {fed.product}, run {fed.run}", "none") from None
