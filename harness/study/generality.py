"""Does a detector do as well on kits that nobody tuned on, and with another liquid than it has learnt from?

The thresholds are the bundle's own. Only what the detector says of pictures is asked, not how fast: no line runs, and
no product is late. Products are judged side by side in processes of one thread each, so that two cores do the work of
two.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness import side_by_side
from harness.acceptance.intervals import exact_interval
from harness.acceptance.rule import look_counts, product_counts
from harness.errors import DetectorError
from harness.geometry import PAPER
from harness.inspection.detector import Inspection
from harness.inspection.network import NetworkDetector
from harness.inspection.verdict import decide
from harness.progress import Progress, silent
from harness.strips.kit import STANDARD_SEED, Kit, Strip, refuse_overlap
from harness.strips.liquid import LiquidScale
from harness.strips.renderer import Renderer
from harness.study.difference import Difference, difference_of

USUAL = LiquidScale()
"""The liquid that detectors learn from and are calibrated with."""

THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Asked:
    """What is judged, and by whom.

    Attributes:
        bundle: Name or path.
        score: Which score.
        level: Which thresholds.
        runs: Of each product.
        required: Right runs that make a product right.
        seed: Of the runs, as in a scenario.
    """

    bundle: str
    score: str
    level: str
    runs: int
    required: int
    seed: int


@dataclass(frozen=True)
class KitJudged:
    """What a detector made of one kit.

    Attributes:
        seed: Of the kit.
        scale: Of the liquid.
        table: A row a product: product, truth, defect, rejects, runs, right.
    """

    seed: int
    scale: LiquidScale
    table: pd.DataFrame

    @property
    def name(self) -> str:
        """How a reader calls it."""
        kind = "standard kit" if self.seed == STANDARD_SEED else f"kit of seed {self.seed}"
        return ", ".join([kind, *unusual(self.scale)])

    def as_dict(self) -> dict[str, Any]:
        """Counts with their exact 95 % intervals; missed products by class."""
        told: dict[str, Any] = {"kit": self.name, "seed": self.seed, "agitation": self.scale.agitation}
        looks = look_counts(self.table)
        for truth, (right, n) in product_counts(self.table).items():
            interval = exact_interval(right, n)
            told[truth] = {
                "n": n, "right": right, "low": interval.low, "high": interval.high,
                "runs": looks[truth].n, "runs_right": looks[truth].right,
            }  # fmt: skip
        missed = self.table[(self.table["truth"] == "defective") & ~self.table["right"]]
        told["missed"] = {str(kind): int(count) for kind, count in missed["defect"].value_counts().items()}
        return told

    def in_words(self) -> str:
        """One line."""
        told = self.as_dict()
        parts = [
            f"{truth} {told[truth]['right']}/{told[truth]['n']} [{told[truth]['low']:.3f}, {told[truth]['high']:.3f}]"
            f" (runs {told[truth]['runs_right']}/{told[truth]['runs']})"
            for truth in ("defective", "good")
        ]
        return f"{self.name}: right {', '.join(parts)}"


@dataclass(frozen=True)
class KitAsked:
    """A kit to judge.

    Attributes:
        kit: Its products.
        seed: That it was drawn from.
        scale: Of the liquid.
    """

    kit: Kit
    seed: int
    scale: LiquidScale = USUAL


def generality(
    asked: Asked,
    *,
    kits: Sequence[KitAsked],
    processes: int = 2,
    progress: Progress = silent,
) -> list[KitJudged]:
    """Judge whole kits, all their products in all their runs.

    Args:
        asked: By whom, and by which rule.
        kits: Whose products.
        processes: Side by side, one thread each.
        progress: Told of every product.

    Raises:
        DetectorError: The bundle cannot be used, or has no thresholds for this score or level.
        KitError: A kit shares a product with the calibration.
    """
    thresholds = NetworkDetector(asked.bundle, PAPER, score=asked.score, backend="tensorflow").thresholds()
    if asked.level not in thresholds.levels:
        raise DetectorError("--level", f"one of {', '.join(thresholds.levels)}, which its thresholds have", asked.level)
    level = thresholds.levels[asked.level]
    for one in kits:
        refuse_overlap(one.kit, thresholds.products, "calibration")
    judged = []
    with side_by_side.processes(processes, _begin, (asked, level)) as pool:
        for one in kits:
            rejects, strips = [], one.kit.strips
            stage = ", ".join([f"kit {one.seed}", *unusual(one.scale)])
            for done, count in enumerate(pool.map(_rejects, strips, [one.scale] * len(strips)), start=1):
                rejects.append(count)
                progress(stage, done, len(strips))
            judged.append(KitJudged(one.seed, one.scale, _table(one.kit, np.array(rejects), asked)))
    return judged


def shaken_against_calm(judged: Sequence[KitJudged]) -> list[tuple[str, list[Difference]]]:
    """For every kit that was judged calm and shaken: what shaking changed, product by product."""
    calm = {kit.seed: kit for kit in judged if kit.scale == USUAL}
    return [
        (kit.name, difference_of(calm[kit.seed].table, kit.table))
        for kit in judged
        if kit.scale != USUAL and kit.seed in calm
    ]


def unusual(scale: LiquidScale) -> list[str]:
    """What is not as usual of a liquid, in words.

    >>> unusual(LiquidScale(bubbles=2.0))
    ['bubbles 2']
    """
    usual = asdict(USUAL)
    return [f"{name} {value:g}" for name, value in asdict(scale).items() if value != usual[name]]


def _table(kit: Kit, rejects: NDArray[np.int64], asked: Asked) -> pd.DataFrame:
    defective = np.array([strip.defect is not None for strip in kit.strips])
    right = np.where(defective, rejects, asked.runs - rejects) >= asked.required
    return pd.DataFrame(
        {
            "product": [strip.product for strip in kit.strips],
            "truth": np.where(defective, "defective", "good"),
            "defect": ["" if strip.defect is None else strip.defect.kind for strip in kit.strips],
            "rejects": rejects,
            "runs": asked.runs,
            "right": right,
        }
    )


@dataclass(frozen=True)
class _Judge:
    """What a process keeps from product to product."""

    detector: NetworkDetector
    level: NDArray[np.float32]
    asked: Asked


_judges: list[_Judge] = []
"""Of this process, one once it has begun; a pool hands its initialiser's work on in no other way."""


def _begin(asked: Asked, level: NDArray[np.float32]) -> None:
    """In each process, before TensorFlow is there."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    detector = NetworkDetector(asked.bundle, PAPER, score=asked.score, backend="tensorflow")
    _judges.append(_Judge(detector, level, asked))


def _rejects(strip: Strip, scale: LiquidScale) -> int:
    """How many of a product's runs are rejected."""
    judge = _judges[0]
    renderer = Renderer(seed=judge.asked.seed, scale=scale)
    runs = range(1, judge.asked.runs + 1)
    scores = (judge.detector.score(Inspection.of_frames(PAPER, renderer.frames(strip, run))) for run in runs)
    return sum(decide(one, judge.level).reject for one in scores)
