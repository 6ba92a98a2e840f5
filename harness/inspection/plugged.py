"""A detector of somebody else, held to the seam: what it gives is checked, and what it raises becomes a sentence.

Scores are copied, since a detector may write all of them into the same array, and are float32 from here on, as they
are stored and judged again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import BenchError, DetectorError
from harness.geometry import PATCH_PX
from harness.inspection.detector import Explanation, Inspection, Scores, is_graded, look_ahead

NUMBERS = "fiub"
"""Kinds of arrays that scores may come in."""


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
        self._begun: tuple[Inspection, int] | None = None

    def ahead(self, inspection: Inspection) -> None:
        """What it can do before the last frame has come, if it can anything."""
        began = time.perf_counter_ns()
        try:
            look_ahead(self._detector, inspection)
        except Exception as error:  # whatever their code raises
            raise self._fault("ahead", "work that needs no last frame", error) from error
        self._begun = inspection, (time.perf_counter_ns() - began) // 1000

    def score(self, inspection: Inspection) -> Scores:
        """Its scores, copied, float32; what needs no last frame is done first where nobody asked for it."""
        begun, self._begun = self._begun, None
        if begun is None or begun[0] is not inspection:
            self.ahead(inspection)
            begun, self._begun = self._begun, None
        try:
            given = self._detector.score(inspection)
        except Exception as error:  # as above
            raise self._fault("score", "scores", error) from error
        scores = self._array("score", given, inspection.geometry.shape)
        stages = self._stages()
        if begun is not None and hasattr(self._detector, "ahead"):
            stages.setdefault("ahead", begun[1])
        self.stages_us = stages
        return scores

    def explain(self, inspection: Inspection) -> Explanation:
        """Its pictures, pixel by pixel of every patch."""
        shape = (*inspection.geometry.shape, PATCH_PX, PATCH_PX)
        try:
            told = self._detector.explain(inspection)
            residual, rebuilt, marks = told.residual, told.rebuilt, getattr(told, "marks", None)
        except Exception as error:  # as above
            raise self._fault("explain", "an Explanation", error) from error
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
        try:
            value = getattr(self._detector, name)
        except AttributeError:
            raise DetectorError(f"{self._factory}: {name}", expected, "no such attribute") from None
        except Exception as error:  # a property of theirs
            raise self._fault(name, expected, error) from error
        if not fits(value):
            raise DetectorError(f"{self._factory}: {name}", expected, repr(value)[:80])
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
        try:
            array = np.asarray(given)
        except ValueError:  # lists of several lengths
            array = np.empty(0, object)
        except Exception as error:  # an array of another library, on a device say
            raise self._fault(what, f"float32 {shape}", error) from error
        if array.shape != shape or array.dtype.kind not in NUMBERS:
            got = f"{array.dtype} {array.shape}" if array.dtype.kind in NUMBERS else type(given).__name__
            raise DetectorError(f"{self._factory}: {what}", f"float32 {shape}", got)
        with np.errstate(over="ignore"):
            return np.array(array, np.float32)

    def _fault(self, what: str, expected: str, error: Exception) -> BenchError:
        """What to raise for what their code raised; an error of the bench's own, as of frames that are gone, stays."""
        if isinstance(error, BenchError):
            raise error
        return DetectorError(f"{self._factory}: {what}", expected, f"{type(error).__name__}: {error}")


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
