"""What can go wrong, as types. The exit code of a command follows from the type alone.

BenchError
 ├── InputError             what a person gave us is not usable              exit 2
 │    ├── ScenarioError     a scenario file or a choice on the command line
 │    ├── KitError          a kit register, or a kit that overlaps others
 │    ├── RecordingError    a recorded set of frames
 │    ├── DetectorError     weights, thresholds, or a detector plugged in
 │    ├── BaselineError     inspectors' looks
 │    └── ResultError       a result folder to write, or one to read
 └── InvariantBroken        the simulated machine broke one of its own rules  exit 70
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Problem:
    """One sentence about one thing: `where: expected rule, got value`."""

    where: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, got {self.got}"


class BenchError(Exception):
    """Every error this package raises on purpose."""

    exit_code = 70


class InputError(BenchError):
    """Input that cannot be used. Says where, what was expected and what was there.

    >>> print(InputError("fast.toml: line.slot_ms", "a number > 0", "-0.5"))
    fast.toml: line.slot_ms: expected a number > 0, got -0.5
    """

    exit_code = 2

    def __init__(self, where: str, expected: str, got: object) -> None:
        self.problems: tuple[Problem, ...] = (Problem(where, expected, str(got)),)
        super().__init__(str(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """So that one raised in another process arrives whole."""
        return _listed, (type(self), self.problems)

    @classmethod
    def listing(cls, problems: Sequence[Problem]) -> Self:
        """One error that names every problem, a line each; `problems` is not empty."""
        error = cls(problems[0].where, problems[0].expected, problems[0].got)
        error.problems = tuple(problems)
        return error

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def _listed(kind: type[InputError], problems: Sequence[Problem]) -> InputError:
    return kind.listing(problems)


class ScenarioError(InputError):
    """A scenario file, or a choice made on the command line."""


class KitError(InputError):
    """A kit register, or products shared between kit, calibration and training."""


class RecordingError(InputError):
    """A folder of recorded frames."""


class DetectorError(InputError):
    """Weights, thresholds, or a detector plugged in by a scenario."""


class BaselineError(InputError):
    """Looks of the manual inspectors."""


class ResultError(InputError):
    """A result folder that cannot be written, or one that cannot be read."""


class InvariantBroken(BenchError):
    """The simulated machine broke a rule that never bends (`harness/line/audit.py`)."""

    exit_code = 70
