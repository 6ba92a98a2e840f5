"""A detector of somebody else, held to the seam: what it gives is checked, and what it raises becomes a sentence.

Scores are copied, since a detector may write all of them into the same array, and are float32 from here on, as they
are stored and judged again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import BenchError, DetectorError, InputError
from harness.geometry import PATCH_PX
from harness.inspection.detector import Explanation, Inspection, Scores, is_graded, look_ahead

MISSING = object()
"""Stands for an attribute that is not there."""

NUMBERS = "fiub"
"""Kinds of arrays that scores may come in."""


@contextmanager
def theirs(where: str, expected: str, kind: type[InputError] = DetectorError) -> Iterator[None]:
    """Code that is not ours: whatever it raises becomes a sentence; an error of the bench's own stays."""
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        raise kind(where, expected, " ".join(f"{type(error).__name__}: {error}".split())) from error


class PluggedDetector:
    """Somebody's detector behind the checks; see `Detector`.

    Args:
        detector: As their factory made it.
        factory: Named in errors.

    Raises:
        DetectorError: It lacks something that a detector has.
    """

    def __init__(self, detector: Any, factory: str) -> None:
        self._detector, self._factory = detector, factory
        self.name = self._attribute("name", "a name", lambda value: isinstance(value, str) and value.strip() != "")
        self.digest = self._attribute(
            "digest", "a hex digest of what decides a score, 16 digits or more",
            lambda value: isinstance(value, str) and re.fullmatch("[0-9a-fA-F]{16,}", value) is not None,
        )  # fmt: skip
        self.joint = self._attribute("joint", "True or False", lambda value: isinstance(value, bool))
        for method in ("score", "explain"):
            self._attribute(method, "a method", callable)
        self.graded = is_graded(detector)
        self.stages_us: Mapping[str, int] = self._stages()
        self._begun: Inspection | None = None
        self._ahead_us = 0

    def ahead(self, inspection: Inspection) -> None:
        """What it can do before the last frame has come, if it can anything."""
        began = time.perf_counter_ns()
        with self._theirs("ahead", "work that needs no last frame"):
            look_ahead(self._detector, inspection)
        self._begun, self._ahead_us = inspection, (time.perf_counter_ns() - began) // 1000

    def score(self, inspection: Inspection) -> Scores:
        """Its scores, copied, float32; what needs no last frame is done first where nobody asked for it."""
        if self._begun is not inspection:
            self.ahead(inspection)
        self._begun = None
        with self._theirs("score", "scores"):
            given = self._detector.score(inspection)
        scores = self._array("score", given, inspection.geometry.shape)
        stages = self._stages()
        if hasattr(self._detector, "ahead"):
            stages.setdefault("ahead", self._ahead_us)
        self.stages_us = stages
        return scores

    def explain(self, inspection: Inspection) -> Explanation:
        """Its pictures, pixel by pixel of every patch."""
        shape = (*inspection.geometry.shape, PATCH_PX, PATCH_PX)
        with self._theirs("explain", "an Explanation"):
            told = self._detector.explain(inspection)
            residual, rebuilt, marks = told.residual, told.rebuilt, getattr(told, "marks", None)
        return Explanation(
            self._array("explain: residual", residual, shape),
            None if rebuilt is None else self._array("explain: rebuilt", rebuilt, shape),
            None if marks is None else self._array("explain: marks", marks, shape),
        )

    def try_on(self, inspection: Inspection) -> None:
        """Ask for everything that is asked for in a qualification, so that nothing is missing at its end.

        Raises:
            DetectorError: It gave something else.
        """
        self.score(inspection)
        self.explain(inspection)

    def _attribute(self, name: str, expected: str, fits: Any) -> Any:
        with self._theirs(name, expected):  # it may be a property
            value = getattr(self._detector, name, MISSING)
        if not fits(value):
            got = "no such attribute" if value is MISSING else repr(value)[:80]
            raise DetectorError(f"{self._factory}: {name}", expected, got)
        return value

    def _stages(self) -> dict[str, int]:
        """Stages of the last inspection, whole microseconds."""
        expected = "microseconds by stage, whole numbers >= 0, {} for none"
        stages = self._attribute("stages_us", expected, lambda value: isinstance(value, Mapping))
        for name, value in stages.items():
            whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
            if not isinstance(name, str) or not whole or value < 0:
                raise DetectorError(f"{self._factory}: stages_us", expected, f"{name!r}: {value!r}")
        return {name: int(value) for name, value in stages.items()}

    def _array(self, what: str, given: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """A copy, float32; beyond its range is infinite."""
        with self._theirs(what, f"float32 {shape}"):  # it may be an array of another library, on a device say
            try:
                array = np.asarray(given)
            except ValueError:  # lists of several lengths
                array = np.empty(0, object)
        if array.shape != shape or array.dtype.kind not in NUMBERS:
            got = f"{array.dtype} {array.shape}" if array.dtype.kind in NUMBERS else type(given).__name__
            raise DetectorError(f"{self._factory}: {what}", f"float32 {shape}", got)
        with np.errstate(over="ignore"):
            return np.array(array, np.float32)

    def _theirs(self, what: str, expected: str) -> AbstractContextManager[None]:
        return theirs(f"{self._factory}: {what}", expected)


def checked_thresholds(levels: Any, regions: int, factory: str) -> dict[str, NDArray[np.float32]]:
    """Thresholds of somebody's factory: by level, of every region one.

    Scores are compared across regions by how many times their threshold they are, so that thresholds are above zero.

    Raises:
        DetectorError: A level is missing, or holds something else.
    """
    found = {}
    for level in dict.fromkeys(("patch", "strip", "seven_of_ten", *levels)):
        given = levels.get(level)
        try:
            values = np.asarray(given, np.float32)
        except (TypeError, ValueError, OverflowError):
            values = np.empty(0, np.float32)
        if values.shape != (regions,) or not (np.isfinite(values) & (values > 0)).all():
            raise DetectorError(f"{factory}: {level}", f"{regions} thresholds, finite and above 0", given)
        found[str(level)] = values
    return found
