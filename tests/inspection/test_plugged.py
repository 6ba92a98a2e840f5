"""What a detector of somebody else may be and give; everything else is one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.errors import DetectorError
from harness.geometry import Geometry
from harness.inspection.detector import Explanation, Inspection
from harness.inspection.plugged import PluggedDetector, checked_thresholds

SMALL = Geometry(
    frames=(1, 16), vials=1, regions=("top", "bottom"), frame_shape=(512, 256), boxes=((0, 0), (256, 0)), um_per_px=50.0
)
SHAPE = (2, 1, 2)
PIXELS = (*SHAPE, 256, 256)


class Theirs:
    """Darkest pixel of each patch."""

    name = "theirs"
    digest = "0123456789abcdef"
    joint = False

    def __init__(self) -> None:
        self.stages_us: Any = {}

    def score(self, inspection: Inspection) -> Any:
        """Scores, 0-255."""
        return 255.0 - inspection.patches.min(axis=(-1, -2))

    def explain(self, inspection: Inspection) -> Any:
        """Nothing."""
        return Explanation(np.zeros(PIXELS, np.float32), None)


def shown(level: int) -> Inspection:
    """An even picture."""
    return Inspection.of_frames(SMALL, np.full((2, 512, 256), level, np.uint8))


def test_scores_are_copied() -> None:
    """A detector that writes every strip's scores into one array does not change those of the strip before."""
    buffer = np.empty(SHAPE, np.float32)
    theirs = Theirs()
    theirs.score = lambda inspection: np.copyto(buffer, inspection.patches.max()) or buffer  # type: ignore[method-assign]
    plugged = PluggedDetector(theirs, "mine:make")
    first = plugged.score(shown(10))
    plugged.score(shown(20))
    assert (first == 10).all()


def test_scores_are_float32() -> None:
    """As they are stored, so that a verdict is the same when it is made again; beyond that type is infinite."""
    theirs = Theirs()
    theirs.score = lambda inspection: np.full(SHAPE, 0.1 + 1e-10)  # type: ignore[method-assign]
    scores = PluggedDetector(theirs, "mine:make").score(shown(10))
    assert scores.dtype == np.float32
    assert (scores <= np.float32(0.1)).all()
    theirs.score = lambda inspection: np.full(SHAPE, 1e300)  # type: ignore[method-assign]
    assert np.isinf(PluggedDetector(theirs, "mine:make").score(shown(10))).all()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("name", "", "mine:make: name: expected a name, got ''"),
        ("digest", 7, "mine:make: digest: expected a hex digest of what decides a score, 16 digits or more, got 7"),
        ("joint", None, "mine:make: joint: expected True or False, got None"),
        ("explain", 3, "mine:make: explain: expected a method, got 3"),
        ("stages_us", None, "mine:make: stages_us: expected microseconds by stage, whole numbers >= 0, {} for none"),
        ("stages_us", {"ahead": 120.5}, "got 'ahead': 120.5"),
        ("stages_us", {"ahead": float("nan")}, "got 'ahead': nan"),
    ],
)
def test_attributes(name: str, value: Any, sentence: str) -> None:
    """What every detector has is asked for before the first strip."""
    theirs = Theirs()
    setattr(theirs, name, value)
    with pytest.raises(DetectorError) as caught:
        PluggedDetector(theirs, "mine:make")
    assert sentence in str(caught.value)


def raising(inspection: Inspection) -> Any:
    """Out of memory."""
    raise RuntimeError("out of memory")


@pytest.mark.parametrize(
    ("method", "answer", "sentence"),
    [
        ("score", lambda _: np.zeros((1, 1, 2)), "score: expected float32 (2, 1, 2), got float64 (1, 1, 2)"),
        ("score", lambda _: np.zeros(4, np.float32), "score: expected float32 (2, 1, 2), got float32 (4,)"),
        ("score", lambda _: None, "score: expected float32 (2, 1, 2), got NoneType"),
        ("score", lambda _: [["a"], ["b", "c"]], "score: expected float32 (2, 1, 2), got list"),
        ("score", raising, "score: expected scores, got RuntimeError: out of memory"),
        ("explain", lambda _: None, "explain: expected an Explanation, got AttributeError"),
        ("explain", raising, "explain: expected an Explanation, got RuntimeError: out of memory"),
        (
            "explain",
            lambda _: Explanation(np.zeros(SHAPE, np.float32), None),
            "explain: residual: expected float32 (2, 1, 2, 256, 256), got float32 (2, 1, 2)",
        ),
        (
            "explain",
            lambda _: Explanation(np.zeros(PIXELS, np.float32), np.zeros(SHAPE, np.float32)),
            "explain: rebuilt: expected float32 (2, 1, 2, 256, 256)",
        ),
    ],
)
def test_answers(method: str, answer: Callable[[Inspection], Any], sentence: str) -> None:
    """What it gives is looked at, and what it raises said, as soon as it is tried on a strip."""
    theirs = Theirs()
    setattr(theirs, method, answer)
    with pytest.raises(DetectorError) as caught:
        PluggedDetector(theirs, "mine:make").try_on(shown(10))
    assert f"mine:make: {sentence}" in str(caught.value)


class OnDevice:
    """An array of another library that NumPy cannot reach."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """As a tensor that wants its gradient says it."""
        raise RuntimeError("can't call numpy() on a tensor that requires grad")


def test_what_numpy_cannot_read_is_said() -> None:
    """And what a property raises, too."""
    theirs = Theirs()
    theirs.score = lambda inspection: OnDevice()  # type: ignore[method-assign]
    with pytest.raises(DetectorError, match=r"score: expected float32 \(2, 1, 2\), got RuntimeError: can't call numpy"):
        PluggedDetector(theirs, "mine:make").score(shown(10))

    class Broken(Theirs):
        @property
        def joint(self) -> bool:  # type: ignore[override]
            """Not to be had."""
            raise OSError("no licence")

    with pytest.raises(DetectorError, match="mine:make: joint: expected True or False, got OSError: no licence"):
        PluggedDetector(Broken(), "mine:make")


class Early(Theirs):
    """Does its work ahead, and relies on having been asked to."""

    asked = 0

    def ahead(self, inspection: Inspection) -> None:
        """Keeps the darkest pixels."""
        self.asked += 1
        self.kept = inspection.patches.min(axis=(-1, -2))

    def score(self, inspection: Inspection) -> Any:
        """Of what was kept."""
        return 255.0 - self.kept


def test_ahead_is_asked_for_once_before_every_score() -> None:
    """By the line where it can, else as the score is asked for; the time it took is a stage."""
    theirs = Early()
    plugged = PluggedDetector(theirs, "mine:make")
    one, other = shown(10), shown(20)
    assert (plugged.score(one) == 245).all()
    assert theirs.asked == 1
    assert plugged.stages_us["ahead"] > 0
    plugged.ahead(other)
    assert (plugged.score(other) == 235).all()
    assert theirs.asked == 2
    assert "ahead" not in PluggedDetector(Theirs(), "mine:make").stages_us


@pytest.mark.parametrize("wrong", [[0.5, 0.0], [0.5, -3.0], [0.5, np.nan], [np.inf, 0.5], ["a", "b"], [0.5], None])
def test_thresholds(wrong: Any) -> None:
    """Finite and above zero, as many as there are regions: margins are scores over thresholds."""
    half = [0.5, 0.5]
    assert set(checked_thresholds(dict.fromkeys(("patch", "strip", "seven_of_ten"), half), 2, "mine:make")) == {
        "patch",
        "strip",
        "seven_of_ten",
    }
    with pytest.raises(DetectorError, match="mine:make: strip: expected 2 thresholds, finite and above 0, got"):
        checked_thresholds({"patch": half, "strip": wrong, "seven_of_ten": half}, 2, "mine:make")
