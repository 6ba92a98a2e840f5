"""Thresholds of a bundle, tuned on products that are in no kit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import DetectorError, InputError
from harness.geometry import PAPER
from harness.inspection.bundle_errors import told
from harness.inspection.detector import Inspection
from harness.inspection.network import NetworkDetector
from harness.progress import Progress, silent
from harness.strips.kit import CALIBRATION_SEED, Kit, calibration_kit
from harness.strips.recording import open_recording
from harness.strips.renderer import Renderer
from harness.strips.source import Source

if TYPE_CHECKING:
    from model.thresholds import Thresholds


def calibrate_bundle(
    bundle: str,
    *,
    score: str | None,
    runs: int,
    required: int,
    recording: Path | None,
    alpha: float | None = None,
    times: int = 1,
    progress: Progress = silent,
) -> tuple[Path, str]:
    """Tune and write a bundle's thresholds.

    Args:
        bundle: Name or path.
        score: Which score; None takes the bundle's `main_score`.
        runs: Runs of each product.
        required: k of `seven_of_ten`.
        recording: Labelled calibration products; the standard ones, drawn, without.
        alpha: Share of good products that the level `good_only` may reject in any of their runs. By default
            `model.conformal.ALPHA`, and the level is left out where there are too few good products for that.
        times: As many of the drawn products as the standard ones, so many times.
        progress: Told of every product.

    Returns:
        The file, and a sentence on what the level `good_only` promises, or why it is not there.

    Raises:
        InputError: The bundle or the recording cannot be used, it holds only one kind of product, or fewer good ones
            than the `alpha` that was asked for needs; nothing is scored then.
    """
    from model.conformal import ALPHA, good_products_needed
    from model.thresholds import other_thresholds, write_thresholds

    if required > runs:
        raise InputError("--required", f"at most the {runs} runs", required)
    if alpha is not None and not 0 < alpha < 1:
        raise InputError("--alpha", "a number > 0 and < 1", alpha)
    if recording is not None and times > 1:
        raise InputError("--times", "1 where a recording brings its own products", times)
    if recording is not None:
        recorded = open_recording(recording, runs=runs)
        kit, geometry = recorded.kit, recorded.geometry
    else:
        recorded, kit, geometry = None, calibration_kit(times), PAPER
    truths = {strip.truth for strip in kit.strips}
    if len(truths) < 2:
        raise DetectorError(f"calibration products {kit.name}", "defective and good ones", f"only {truths.pop()} ones")
    wanted = ALPHA if alpha is None else alpha
    good, needed = sum(strip.defect is None for strip in kit.strips), good_products_needed(wanted)
    if good < needed and alpha is not None:
        raise InputError("--alpha", f"{needed} or more good calibration products for {alpha:g}", good)
    detector = NetworkDetector(bundle, geometry, score=score)
    with told():
        other_thresholds(detector.bundle.folder)
    source = recorded if recorded is not None else Renderer(seed=CALIBRATION_SEED)
    thresholds = calibrate(
        detector, kit, source, runs=runs, required=required, alpha=wanted if good >= needed else None,
        progress=lambda done, total: progress("calibration products", done, total),
    )  # fmt: skip
    write_thresholds(detector.bundle.folder, thresholds)
    promise = (
        f"good_only: a good product is rejected in any of {runs} runs with probability {wanted:g} at most, "
        "averaged over calibrations"
        if good >= needed
        else f"good_only: left out, {needed} or more good products are needed for alpha {wanted:g}, not {good}"
    )
    return detector.bundle.folder / "thresholds.toml", promise


def calibrate(
    detector: NetworkDetector,
    kit: Kit,
    source: Source,
    *,
    runs: int,
    required: int,
    alpha: float | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Thresholds:
    """Thresholds of all levels from labelled calibration products, written nowhere yet.

    Args:
        detector: Its network and score.
        kit: Calibration products; whoever qualifies with these thresholds must use others.
        source: Their pictures.
        runs: Runs of each.
        required: k of the level `seven_of_ten`.
        alpha: Of the level `good_only`, which is left out without.
        progress: Called with products done and products in all.

    Raises:
        DetectorError: Too few good products for `alpha`, or too many without a finite score.
    """
    from harness.inspection.drift import GoodScores
    from model.calibration import k_of_n_thresholds, patch_thresholds, strip_thresholds
    from model.conformal import GoodProductsError, good_only_thresholds
    from model.thresholds import Thresholds

    shape = (len(kit.strips), runs, *source.geometry.shape)
    scores, truth = np.zeros(shape, np.float32), np.zeros(shape, bool)
    for place, strip in enumerate(kit.strips):
        for run in range(1, runs + 1):
            frames = source.frames(strip, run)
            scores[place, run - 1] = detector.score(Inspection.of_frames(source.geometry, frames))
            truth[place, run - 1] = source.defective_patches(strip, run)
        progress(place + 1, len(kit.strips))
    defective = np.array([strip.defect is not None for strip in kit.strips])
    levels = {
        "patch": patch_thresholds(scores, truth),
        "strip": strip_thresholds(scores, defective),
        "seven_of_ten": k_of_n_thresholds(scores, defective, required=required),
    }
    notes: dict[str, dict[str, Any]] = {}
    if not defective.all():
        notes["good_scores"] = GoodScores.of(scores[~defective]).as_dict()
    if alpha is not None:
        try:
            good_only = good_only_thresholds(scores[~defective], alpha=alpha)
        except GoodProductsError as error:
            raise DetectorError(f"calibration: {error.where}", error.expected, error.got) from None
        levels["good_only"] = good_only.thresholds
        notes["good_only_from"] = {"alpha": alpha, "products": good_only.products, "rank": good_only.rank}
    products = tuple(strip.product for strip in kit.strips)
    return Thresholds(levels, detector.digest, detector.score_name, products, runs, notes)
