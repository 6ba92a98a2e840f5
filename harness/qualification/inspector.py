"""The inspection computer's program: what is called when a worker takes up a strip, and what it leaves behind.

It stands between the line, which knows names and time, and the detector, which knows pixels and neither.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.inspection.detector import Detector, Inspection, Scores, inspection_key
from harness.inspection.verdict import decide
from harness.line import Fed, Outcome
from harness.strips.kit import Kit, Strip
from harness.strips.source import Source


class Inspector:
    """Draws frames before the clock starts, judges them while it runs, keeps the scores.

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
        self._ready: dict[tuple[str, int], Inspection] = {}

    def inspection(self, product: str, run: int) -> Inspection:
        """An acquisition as the detector sees it: lazy, its key opaque."""
        strip, source = self.strips[product], self.source
        return Inspection(inspection_key(product, run), source.geometry, lambda: source.frames(strip, run))

    def prepare(self, fed: Fed) -> None:
        """Draw or read the frames of a strip, outside of the timed call."""
        inspection = self.inspection(fed.product, fed.run)
        inspection.acquired()
        self._ready[fed.product, fed.run] = inspection

    def inspect(self, fed: Fed) -> Outcome:
        """Score and judge a strip; this is what is timed."""
        key = fed.product, fed.run
        inspection = self._ready.pop(key, None) or self.inspection(*key)
        scores = self.detector.score(inspection)
        stages = dict(self.detector.stages_us)
        began = time.perf_counter_ns()
        verdict = decide(scores, self.thresholds)
        stages["verdict"] = (time.perf_counter_ns() - began) // 1000
        self.scores[key] = scores
        return Outcome(fed.product, fed.run, self.recipe, verdict.reject, verdict.cause, stages)


def scores_table(scores: Mapping[tuple[str, int], Scores], frames: tuple[int, ...], *, joint: bool) -> pd.DataFrame:
    """`scores.parquet`: a row a patch, by product, run, frame, vial and region."""
    keys = sorted(scores)
    if not keys:
        return pd.DataFrame(columns=["product", "run", "frame", "vial", "region", "score", "joint"])
    stack = np.stack([scores[key] for key in keys])  # (acquisition, frame, vial, region)
    acquisition, frame, vial, region = (axis.ravel() for axis in np.indices(stack.shape))
    return pd.DataFrame(
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


def kit_scores(scores: Mapping[tuple[str, int], Scores], kit: Kit, runs: int) -> Scores | None:
    """float32 (product, run, frame, vial, region) in the kit's order; None where the line inspected fewer runs."""
    keys = [(strip.product, run) for strip in kit.strips for run in range(1, runs + 1)]
    if not all(key in scores for key in keys):
        return None
    stack = np.stack([scores[key] for key in keys])
    return stack.reshape(len(kit.strips), runs, *stack.shape[1:])
