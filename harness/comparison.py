"""Scores and inspectors side by side on one development kit: the network's and others that a reader will ask for.

The others are PaDiM, both classical inspectors, and a plain autoencoder where one has been trained.

The development kit is drawn from seeds that neither training, calibration nor any standard kit uses; it is for
choosing, never for a verdict. Thresholds play no part: a score is judged by how it orders single runs of strips, its
regions made comparable on further good strips.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.difficulty import tuned_inspectors
from harness.geometry import PAPER
from harness.inspection.detector import Detector, Inspection
from harness.inspection.levels import auroc
from harness.inspection.network import NetworkDetector
from harness.inspection.padim import PadimDetector
from harness.progress import Progress, silent
from harness.strips.defects import CLASSES
from harness.strips.kit import DEVELOPMENT_SEED, Kit, Strip, development_kit, good_strips
from harness.strips.renderer import Renderer

REFERENCE_SEED = 78
REFERENCE_STRIPS = 40
"""Good strips by which each region's scores are brought to one scale; none of them is in the kit."""

FITTING_SEED = 79
FITTING_STRIPS = 100
"""Good strips that PaDiM is fitted to: 1,500 patches a region."""

REFERENCE_QUANTILE = 0.8
FALSE_REJECTS = (0.01, 0.05)
NETWORK_SCORES = ("ssim", "mse", "local", "persistent", "marked")
PLAIN_SCORES = ("ssim", "persistent")
"""Of a plain autoencoder: the paper's, and the best that looks at residuals alone."""
PARTICLE = "floating_particle"


@dataclass
class Compared:
    """One inspector's single runs.

    Attributes:
        name: Of the inspector or the network's score.
        milliseconds: One strip each, in turn with the others.
        reference: Largest score of each region, a row a reference strip.
        scores: The same, a row a run of the kit.
    """

    name: str
    milliseconds: list[float] = field(default_factory=list)
    reference: list[NDArray[np.float64]] = field(default_factory=list)
    scores: list[NDArray[np.float64]] = field(default_factory=list)

    def strip_scores(self) -> NDArray[np.float64]:
        """One number a run: the largest of its regions, each over its spread on good strips."""
        reference = np.stack(self.reference)
        middle = np.median(reference, axis=0)
        spread = np.maximum(np.quantile(reference, REFERENCE_QUANTILE, axis=0) - middle, 1e-9)
        scaled = (np.nan_to_num(np.stack(self.scores), nan=np.inf) - middle) / spread
        largest: NDArray[np.float64] = scaled.max(axis=1)
        return largest


@dataclass(frozen=True)
class Comparison:
    """What every inspector made of the same pictures.

    Attributes:
        kinds: Defect class of each run of the kit, or `good`.
        stuck: Bubbles and drops that do not move, in each run.
        compared: The inspectors.
    """

    kinds: NDArray[np.str_]
    stuck: NDArray[np.int64]
    compared: Sequence[Compared]

    def rows(self) -> list[dict[str, Any]]:
        """A row an inspector: AUROC, runs missed at 1 and 5 % false rejects, the hard ones apart, ms a strip."""
        good = self.kinds == "good"
        many = good & (self.stuck > np.median(self.stuck[good]))
        rows = []
        for inspector in self.compared:
            scores = inspector.strip_scores()
            row: dict[str, Any] = {
                "inspector": inspector.name,
                "auroc": auroc(scores[~good], scores[good]),
                "good_runs": int(good.sum()),
                "defective_runs": int((~good).sum()),
            }
            for rate in FALSE_REJECTS:
                bound = np.quantile(scores[good], 1 - rate, method="higher")
                row[f"missed_at_{rate:.0%}"] = int((scores[~good] <= bound).sum())
            row["auroc_floating_particles"] = auroc(scores[self.kinds == PARTICLE], scores[good])
            row["auroc_against_many_stuck"] = auroc(scores[~good], scores[many])
            row["auroc_against_few_stuck"] = auroc(scores[~good], scores[good & ~many])
            row["by_class"] = {kind: auroc(scores[self.kinds == kind], scores[good]) for kind in CLASSES}
            row["ms_a_strip"] = float(np.median(inspector.milliseconds))
            rows.append(row)
        return rows


def compare(
    bundle: str,
    *,
    kit: Kit | None = None,
    runs: int = 3,
    reference_strips: int = REFERENCE_STRIPS,
    others: bool = True,
    plain: str | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Let every inspector see the same runs, one after the other on each picture.

    Args:
        bundle: Whose scores are compared; `marked` among them if it has a marker.
        kit: The development kit, or a smaller one.
        runs: Runs of each product.
        reference_strips: Good strips that bring the regions to one scale.
        others: Fit PaDiM, tune the two classical inspectors and ask them too, which takes minutes.
        plain: Bundle of a plain autoencoder, which is asked too.
        progress: Told of every run.

    Raises:
        DetectorError: The bundle cannot be used.
    """
    kit = kit or development_kit()
    first = NetworkDetector(bundle, PAPER)
    names = [name for name in NETWORK_SCORES if name != "marked" or first.bundle.marker is not None]
    detectors: list[tuple[str, Detector]] = [(name, NetworkDetector(bundle, PAPER, score=name)) for name in names]
    if plain is not None:
        detectors += [
            (f"plain autoencoder, {name}", NetworkDetector(plain, PAPER, score=name)) for name in PLAIN_SCORES
        ]
    if others:
        tuned = tuned_inspectors(progress=progress)
        fitted = Renderer(seed=FITTING_SEED)
        good = (fitted.frames(strip, 1) for strip in good_strips("fitting", FITTING_STRIPS, seed=FITTING_SEED))
        detectors.append(("PaDiM", PadimDetector(bundle, PAPER, good)))
        detectors += [("blob analysis", tuned.blob.detector), ("Gaussian template", tuned.gaussian.detector)]
    compared = [Compared(name) for name, _ in detectors]
    reference = Renderer(seed=REFERENCE_SEED)
    for done, strip in enumerate(good_strips("reference", reference_strips, seed=REFERENCE_SEED), start=1):
        for inspector, worst in _asked(compared, detectors, reference.frames(strip, 1)):
            inspector.reference.append(worst)
        progress("reference strips", done, reference_strips)
    renderer = Renderer(seed=DEVELOPMENT_SEED)
    kinds, stuck = [], []
    todo: list[tuple[Strip, int]] = [(strip, run) for strip in kit.strips for run in range(1, runs + 1)]
    for done, (strip, run) in enumerate(todo, start=1):
        for inspector, worst in _asked(compared, detectors, renderer.frames(strip, run)):
            inspector.scores.append(worst)
        kinds.append("good" if strip.defect is None else strip.defect.kind)
        stuck.append(renderer.liquid_state(strip, run).stuck)
        progress("development kit", done, len(todo))
    return Comparison(np.array(kinds), np.array(stuck), compared)


def _asked(
    compared: list[Compared], detectors: list[tuple[str, Detector]], frames: NDArray[np.uint8]
) -> Iterator[tuple[Compared, NDArray[np.float64]]]:
    """Each inspector's largest score a region of one acquisition; its time is kept."""
    for inspector, (_, detector) in zip(compared, detectors, strict=True):
        began = time.perf_counter()
        scores = detector.score(Inspection.of_frames(PAPER, frames))
        inspector.milliseconds.append(1000 * (time.perf_counter() - began))
        yield inspector, scores.max(axis=(0, 1)).astype(np.float64)
