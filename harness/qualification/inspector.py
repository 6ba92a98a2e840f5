"""The inspection computer's program: what is called when a worker takes up a strip, and what it leaves behind.

It stands between the line, which knows names and time, and the detector, which knows pixels and neither.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.inspection.detector import Detector, Inspection, Scores, inspection_key, is_graded
from harness.inspection.frame_check import DRAWN, FrameCheck
from harness.inspection.verdict import Verdict, decide
from harness.line import Fed, Outcome
from harness.qualification.shown import frames_digest
from harness.strips.kit import Kit, Strip
from harness.strips.renderer import Renderer
from harness.strips.source import Source


def frame_check_of(source: Source) -> FrameCheck:
    """The check of a source's frames: with bounds where it draws strips, since those have been measured."""
    return FrameCheck(source.geometry, DRAWN if isinstance(source, Renderer) else None)


@dataclass(frozen=True)
class Judged:
    """One acquisition, checked, scored and judged.

    Attributes:
        scores: As the detector gave them; all NaN where the frames were refused.
        verdict: By the thresholds that reach the gate.
        stages_us: Of the inspection; what the check of frames took is in `crop`.
        refused: What the check found, or "".
    """

    scores: Scores
    verdict: Verdict
    stages_us: dict[str, int]
    refused: str


def judge(
    inspection: Inspection, check: FrameCheck, detector: Detector, thresholds: NDArray[np.float32], *, known: bool
) -> Judged:
    """Check the frames, and only if nothing is wrong with them, score and judge; this is what is timed.

    Args:
        inspection: The acquisition.
        check: Of its source, with what it keeps of the acquisition before.
        detector: Who scores.
        thresholds: float32 (region,).
        known: See `FrameCheck.find`.
    """
    frames = inspection.acquired()
    began = time.perf_counter_ns()
    finding = check.find(frames, known=known)
    checked_us = (time.perf_counter_ns() - began) // 1000
    if finding is None:
        scores, stages = detector.score(inspection), dict(detector.stages_us)
    else:
        scores, stages = np.full(inspection.geometry.shape, np.nan, np.float32), {}
    stages["crop"] = stages.get("crop", 0) + checked_us
    began = time.perf_counter_ns()
    verdict = decide(scores, thresholds, refused=finding is not None)
    stages["verdict"] = (time.perf_counter_ns() - began) // 1000
    return Judged(scores, verdict, stages, "" if finding is None else finding.told)


class Inspector:
    """Draws frames before the clock starts, checks and judges them while it runs, keeps the scores.

    Args:
        detector: Who scores.
        source: Where frames come from.
        strips: By product, warm-up strips among them.
        thresholds: float32 (region,), those that reach the gate.
        recipe: Model and threshold digest, written into every outcome.
    """

    def __init__(
        self,
        detector: Detector,
        source: Source,
        strips: Mapping[str, Strip],
        thresholds: NDArray[np.float32],
        recipe: str,
    ) -> None:
        self.detector = detector
        self.source = source
        self.strips = strips
        self.thresholds = thresholds
        self.recipe = recipe
        self.scores: dict[tuple[str, int], Scores] = {}
        self.refused: dict[tuple[str, int], str] = {}
        """What was wrong with the frames of those that were not scored."""
        self.shown: dict[tuple[str, int], str] = {}
        """Digest of the frames of each acquisition that somebody looked at."""
        self._check = frame_check_of(source)
        self._ready: dict[tuple[str, int], Inspection] = {}

    def inspection(self, product: str, run: int) -> Inspection:
        """An acquisition as the detector sees it: lazy, its key opaque."""
        key = inspection_key(product, run)
        return Inspection(key, self.source.geometry, lambda: self.frames(product, run))

    def frames(self, product: str, run: int) -> NDArray[np.uint8]:
        """The frames of an acquisition, drawn or read; their digest is kept."""
        frames = self.source.frames(self.strips[product], run)
        self.shown[product, run] = frames_digest(frames)
        return frames

    def prepare(self, fed: Fed) -> None:
        """Draw or read the frames of a strip, outside of the timed call."""
        inspection = self.inspection(fed.product, fed.run)
        inspection.acquired()
        self._ready[fed.product, fed.run] = inspection

    def inspect(self, fed: Fed) -> Outcome:
        """Check, score and judge a strip; this is what is timed."""
        inspection = self._ready.pop((fed.product, fed.run), None) or self.inspection(fed.product, fed.run)
        return self.keep(fed, judge(inspection, self._check, self.detector, self.thresholds, known=fed.warm_up))

    def keep(self, fed: Fed, judged: Judged) -> Outcome:
        """Keep what a strip was judged by, here or in another process; the outcome that goes to the gate."""
        key = fed.product, fed.run
        self.scores[key] = judged.scores
        if judged.refused:
            self.refused[key] = judged.refused
        scored = scores_digest(judged.scores) if is_graded(self.detector) and not judged.refused else ""
        return Outcome(*key, self.recipe, judged.verdict.reject, judged.verdict.cause, judged.stages_us, scored)


def scores_digest(scores: Scores) -> str:
    """Short digest of scores, by which those that repeat to the bit are known.

    >>> scores_digest(np.zeros((3, 5, 4), np.float32)) == scores_digest(np.full((3, 5, 4), 1e-9, np.float32))
    False
    """
    return hashlib.sha256(np.ascontiguousarray(scores, np.float32).tobytes()).hexdigest()[:16]


def scores_table(
    scores: Mapping[tuple[str, int], Scores],
    frames: tuple[int, ...],
    *,
    joint: bool,
    refused: Mapping[tuple[str, int], str] | None = None,
) -> pd.DataFrame:
    """`scores.parquet`: a row a patch, by product, run, frame, vial and region.

    Args:
        scores: By product and run.
        frames: Exposures.
        joint: The frames of a vial share one score.
        refused: What was wrong with frames that were not scored, by product and run; where there are any, the table
            has a column `refused`, "" in the rows of all others.
    """
    keys = sorted(scores)
    if not keys:
        return pd.DataFrame(columns=["product", "run", "frame", "vial", "region", "score", "joint"])
    stack = np.stack([scores[key] for key in keys])  # (acquisition, frame, vial, region)
    acquisition, frame, vial, region = (axis.ravel() for axis in np.indices(stack.shape))
    table = pd.DataFrame(
        {
            "product": pd.array(np.array([key[0] for key in keys], object)[acquisition], dtype="str"),
            "run": np.array([key[1] for key in keys], np.int64)[acquisition],
            "frame": np.array(frames, np.int64)[frame],
            "vial": vial.astype(np.int64),
            "region": region.astype(np.int64),
            "score": stack.ravel(),
            "joint": np.full(stack.size, joint),
        }
    )
    if refused:
        why = np.array([refused.get(key, "") for key in keys], object)
        table["refused"] = pd.array(why[acquisition], dtype="str")
    return table


def liquid_table(source: Source, kit: Kit, runs: int) -> pd.DataFrame | None:
    """`liquid.parquet`: a row an acquisition, by product and run; None where nobody knows the state of the liquid."""
    rows = []
    for strip in kit.strips:
        for run in range(1, runs + 1):
            if (state := source.liquid_state(strip, run)) is None:
                return None
            rows.append({"product": strip.product, "run": run, **asdict(state)})
    return pd.DataFrame(rows)


def scores_from_table(table: pd.DataFrame, shape: tuple[int, int, int]) -> dict[tuple[str, int], Scores]:
    """The inverse of `scores_table`.

    Args:
        table: As written, rows in order.
        shape: (frames, vials, regions).
    """
    patches = int(np.prod(shape))
    values = table["score"].to_numpy(np.float32).reshape(-1, *shape)
    first = table.iloc[::patches]
    return {
        (str(product), int(run)): values[row]
        for row, (product, run) in enumerate(zip(first["product"], first["run"], strict=True))
    }


def refused_from_table(table: pd.DataFrame) -> dict[tuple[str, int], str]:
    """Why acquisitions were not scored, by product and run; none in a table from before the frames were checked."""
    if "refused" not in table:
        return {}
    rows = table[table["refused"] != ""].drop_duplicates(["product", "run"])
    return {
        (str(product), int(run)): str(why)
        for product, run, why in zip(rows["product"], rows["run"], rows["refused"], strict=True)
    }


def kit_scores(scores: Mapping[tuple[str, int], Scores], kit: Kit, runs: int) -> Scores | None:
    """float32 (product, run, frame, vial, region) in the kit's order; None where the line inspected fewer runs."""
    keys = [(strip.product, run) for strip in kit.strips for run in range(1, runs + 1)]
    if not all(key in scores for key in keys):
        return None
    stack = np.stack([scores[key] for key in keys])
    return stack.reshape(len(kit.strips), runs, *stack.shape[1:])
