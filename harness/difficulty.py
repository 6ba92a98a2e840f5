"""How hard a kit is: three gates, computed with two classical inspectors and the assumed manual ones.

A kit that a threshold can solve proves nothing. The first two gates speak of the pictures: both classical inspectors
learn from good training strips and are tuned on calibration products, none of them in the kit. The third speaks of
the sizes and contrasts in the register. The bounds are those of `docs/product.md`; a kit outside them is no standard
kit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.acceptance.assumed import assumed_looks
from harness.acceptance.knapp import ACCEPT, GREY, REJECT, zone
from harness.errors import DetectorError, KitError
from harness.geometry import PAPER, Geometry
from harness.inspection.classical import BlobDetector, GaussianDetector
from harness.inspection.detector import Detector, Inspection, Scores
from harness.inspection.levels import auroc, strip_margins
from harness.inspection.template import learn_template
from harness.inspection.tuning import (
    Tuned,
    balanced_accuracy,
    blob_areas,
    fit_blob,
    fit_gaussian,
    gaussian_peaks,
)
from harness.inspection.verdict import decide
from harness.progress import Progress, silent
from harness.strips.kit import CALIBRATION_SEED, Kit, Strip, good_strips, refuse_overlap, standard_kit
from harness.strips.renderer import Renderer

BLOB_ACCURACY = 0.85
GAUSSIAN_AUROC = 0.92
REJECT_SHARE = (0.70, 0.90)

TEMPLATE_STRIPS = 40
TEMPLATE_SEED = 404
CALIBRATION_RUNS = 2
INSPECTORS, LOOKS = 5, 10
"""The panel that a scenario assumes by default."""


@dataclass(frozen=True)
class Gate:
    """One of the three, with what was found.

    Attributes:
        name: `blob`, `gaussian` or `inspectors`.
        observed: What was found, in words.
        bound: What is asked for, in words.
        met: Whether it is.
    """

    name: str
    observed: str
    bound: str
    met: bool


@dataclass(frozen=True)
class Zones:
    """Defective strips by the zone that the assumed inspectors' looks put them in."""

    reject: int
    grey: int
    accept: int

    @property
    def defective(self) -> int:
        """All of them."""
        return self.reject + self.grey + self.accept

    @property
    def reject_share(self) -> float:
        """Share in the reject zone."""
        return self.reject / self.defective


@dataclass(frozen=True)
class ClassicalInspectors:
    """Both of them, learnt from good training strips and tuned on the calibration products."""

    blob: Tuned[BlobDetector]
    gaussian: Tuned[GaussianDetector]


@dataclass(frozen=True)
class Difficulty:
    """How hard a kit is.

    Attributes:
        kit: Its name.
        digest: SHA-256 of its register.
        seed: Of the runs' liquid, pose and noise, and of the panel of assumed inspectors.
        runs: Runs of each product that the classical inspectors saw.
        detected: (rejected, all) defective runs of the blob inspector.
        passed: (accepted, all) good runs of the blob inspector.
        blob_accuracy: Its balanced accuracy per strip and run.
        blob_settings: As calibration chose them.
        gaussian_auroc: AUROC of the Gaussian template per strip and run.
        gaussian_settings: As calibration chose them.
        zones: Of the assumed inspectors.
    """

    kit: str
    digest: str
    seed: int
    runs: int
    detected: tuple[int, int]
    passed: tuple[int, int]
    blob_accuracy: float
    blob_settings: str
    gaussian_auroc: float
    gaussian_settings: str
    zones: Zones

    @property
    def gates(self) -> tuple[Gate, Gate, Gate]:
        """All three, in the order of the specification."""
        zones, (low, high) = self.zones, REJECT_SHARE
        return (
            Gate(
                "blob",
                f"balanced accuracy {self.blob_accuracy:.3f} (detected {self.detected[0]}/{self.detected[1]}, "
                f"accepted {self.passed[0]}/{self.passed[1]})",
                f"at most {BLOB_ACCURACY}",
                self.blob_accuracy <= BLOB_ACCURACY,
            ),
            Gate(
                "gaussian",
                f"AUROC {self.gaussian_auroc:.3f}",
                f"at most {GAUSSIAN_AUROC}",
                self.gaussian_auroc <= GAUSSIAN_AUROC,
            ),
            Gate(
                "inspectors",
                f"{zones.reject}/{zones.defective} = {100 * zones.reject_share:.1f} % in the reject zone, "
                f"{zones.grey} grey, {zones.accept} accepted",
                f"{100 * low:.0f}-{100 * high:.0f} % in the reject zone, some grey",
                low <= zones.reject_share <= high and zones.grey > 0,
            ),
        )

    @property
    def met(self) -> bool:
        """Whether all gates are."""
        return all(gate.met for gate in self.gates)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "kit": self.kit,
            "digest": self.digest,
            "seed": self.seed,
            "runs": self.runs,
            "met": self.met,
            "gates": [vars(gate) for gate in self.gates],
            "blob": {
                "balanced_accuracy": self.blob_accuracy,
                "defective": {"right": self.detected[0], "n": self.detected[1]},
                "good": {"right": self.passed[0], "n": self.passed[1]},
                "settings": self.blob_settings,
            },
            "gaussian": {"auroc": self.gaussian_auroc, "settings": self.gaussian_settings},
            "inspectors": {**vars(self.zones), "reject_share": self.zones.reject_share},
        }

    def in_words(self) -> str:
        """As a person reads it."""
        lines = [
            f"kit {self.kit} is {'as hard as it should be' if self.met else 'outside the gates'} "
            f"(seed {self.seed}, {self.runs} runs)",
            *(
                f"  {'met    ' if gate.met else 'NOT MET'}  {gate.name}: {gate.observed}; {gate.bound}"
                for gate in self.gates
            ),
            f"  tuned on calibration products: {self.blob_settings}; {self.gaussian_settings}",
        ]
        return "\n".join(lines)


def difficulty(
    kit: Kit,
    *,
    seed: int = 7,
    runs: int = 2,
    inspectors: ClassicalInspectors | None = None,
    progress: Progress = silent,
) -> Difficulty:
    """Measure how hard a kit is, drawn with the default liquid.

    Args:
        kit: Drawn products, defective and good ones.
        seed: Of what changes between runs, and of the panel of assumed inspectors.
        runs: Runs of each product, >= 1.
        inspectors: Tuned ones, where several kits are measured; tuned first without.
        progress: Told of every strip.

    Raises:
        KitError: Products are recorded or stand among those the inspectors were tuned on, or one kind is missing.
    """
    _check(kit)
    inspectors = inspectors or tuned_inspectors(progress=progress)
    renderer = Renderer(seed=seed)
    defective, reject, margins = [], [], []
    acquisitions = _acquisitions(kit.strips, renderer, runs)
    total = len(kit.strips) * runs
    for done, (strip, frames) in enumerate(acquisitions, start=1):
        defective.append(strip.defect is not None)
        reject.append(decide(_scores(inspectors.blob, frames), inspectors.blob.thresholds).reject)
        margins.append(strip_margins(_scores(inspectors.gaussian, frames), inspectors.gaussian.thresholds))
        progress("kit", done, total)
    truth, rejected, margin = np.array(defective), np.array(reject), np.array(margins)
    return Difficulty(
        kit=kit.name,
        digest=kit.digest(),
        seed=seed,
        runs=runs,
        detected=(int(rejected[truth].sum()), int(truth.sum())),
        passed=(int((~rejected[~truth]).sum()), int((~truth).sum())),
        blob_accuracy=balanced_accuracy(rejected, truth),
        blob_settings=str(inspectors.blob.detector.settings),
        gaussian_auroc=auroc(margin[truth], margin[~truth]) or 0.0,
        gaussian_settings=str(inspectors.gaussian.detector.settings),
        zones=inspectors_zones(kit, seed=seed),
    )


def other_kits(count: int, *, runs: int = 1, progress: Progress = silent) -> Iterator[Difficulty]:
    """How hard kits of the standard kind are, of the seeds 1, 2, ... `count`; each seed draws products and runs alike.

    Args:
        count: How many.
        runs: Runs of each product.
        progress: Told of every strip of every kit.
    """
    inspectors = tuned_inspectors(progress=progress)
    for seed in range(1, count + 1):
        kit = standard_kit("knapp", seed=seed)
        yield difficulty(kit, seed=seed, runs=runs, inspectors=inspectors, progress=progress)


def inspectors_zones(kit: Kit, *, seed: int) -> Zones:
    """Where a panel of assumed inspectors puts the defective strips of a kit; asks the register alone.

    Args:
        kit: Its sizes and contrasts decide.
        seed: Of the panel, as a scenario's.
    """
    defects = [(strip.product, strip.defect) for strip in kit.strips if strip.defect is not None]
    products = pd.DataFrame(
        {
            "product": [product for product, _ in defects],
            "truth": "defective",
            "defect": [defect.kind for _, defect in defects],
            "size_um": [defect.size_um for _, defect in defects],
            "contrast": [defect.contrast for _, defect in defects],
        }
    )
    looks = assumed_looks(products, inspectors=INSPECTORS, looks=LOOKS, seed=seed)
    counted = looks.groupby("product")["reject"].agg(["sum", "count"])
    zones = zone(counted["sum"].to_numpy(), counted["count"].to_numpy())
    return Zones(*(int((zones == name).sum()) for name in (REJECT, GREY, ACCEPT)))


def tuned_inspectors(*, progress: Progress = silent) -> ClassicalInspectors:
    """Learn a template from good training strips, then tune both inspectors on the calibration products."""
    drawn = Renderer(seed=TEMPLATE_SEED)
    training = list(good_strips("training", TEMPLATE_STRIPS, seed=TEMPLATE_SEED))
    stack = []
    for done, (_, frames) in enumerate(_acquisitions(training, drawn, 1), start=1):
        stack.append(frames)
        progress("template", done, len(training))
    template = learn_template(stack, PAPER)
    strips = standard_kit("calibration").strips
    areas, peaks = [], []
    acquisitions = _acquisitions(strips, Renderer(seed=CALIBRATION_SEED), CALIBRATION_RUNS)
    for done, (_, frames) in enumerate(acquisitions, start=1):
        seen = template.compare(frames)
        areas.append(blob_areas(seen, PAPER))
        peaks.append(gaussian_peaks(seen, PAPER))
        progress("calibration", done, len(strips) * CALIBRATION_RUNS)
    defective = np.repeat([strip.defect is not None for strip in strips], CALIBRATION_RUNS)
    products = np.repeat(np.arange(len(strips)), CALIBRATION_RUNS)
    return ClassicalInspectors(
        blob=fit_blob(template, np.stack(areas), defective, products),
        gaussian=fit_gaussian(template, np.stack(peaks), defective),
    )


def blob_inspector(geometry: Geometry) -> tuple[Detector, dict[str, NDArray[np.float32]]]:
    """For a scenario: `factory = "harness.difficulty:blob_inspector"`; learns and tunes first, which takes minutes."""
    _check_geometry(geometry)
    return _plugged_in(tuned_inspectors().blob)


def gaussian_inspector(geometry: Geometry) -> tuple[Detector, dict[str, NDArray[np.float32]]]:
    """For a scenario: `factory = "harness.difficulty:gaussian_inspector"`; learns and tunes first."""
    _check_geometry(geometry)
    return _plugged_in(tuned_inspectors().gaussian)


def _plugged_in(
    tuned: Tuned[BlobDetector] | Tuned[GaussianDetector],
) -> tuple[Detector, dict[str, NDArray[np.float32]]]:
    """One set of thresholds for every level: classical inspectors were tuned on single runs of strips."""
    return tuned.detector, dict.fromkeys(("patch", "strip", "seven_of_ten"), tuned.thresholds)


def _check_geometry(geometry: Geometry) -> None:
    if geometry != PAPER:
        raise DetectorError("detector.factory", "the geometry of drawn strips, which it learns from", "another")


def _check(kit: Kit) -> None:
    truths = {strip.truth for strip in kit.strips}
    if len(truths) < 2:
        raise KitError(f"kit {kit.name}", "defective and good products", f"only {', '.join(truths) or 'none'}")
    if any(strip.path for strip in kit.strips):
        raise KitError(f"kit {kit.name}", "drawn products: the inspectors learn from drawn strips", "recorded ones")
    refuse_overlap(kit, standard_kit("calibration").products, "calibration")


def _acquisitions(
    strips: tuple[Strip, ...] | list[Strip], renderer: Renderer, runs: int
) -> Iterator[tuple[Strip, NDArray[np.uint8]]]:
    """Every run of every strip, drawn when asked for."""
    for strip in strips:
        for run in range(1, runs + 1):
            yield strip, renderer.frames(strip, run)


def _scores(tuned: Tuned[BlobDetector] | Tuned[GaussianDetector], frames: NDArray[np.uint8]) -> Scores:
    return tuned.detector.score(Inspection.of_frames(PAPER, frames))
