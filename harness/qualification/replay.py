"""The line again from a stored result: stored scores, stored times, the same ledger to the byte."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import ResultError
from harness.geometry import Geometry
from harness.inspection.detector import measured_with
from harness.inspection.verdict import decide
from harness.line import Fed, Layout, LineRecord, Outcome, Tape
from harness.progress import Progress, silent
from harness.qualification.inspector import refused_from_table, scores_digest, scores_from_table
from harness.qualification.run import feed_of, inspector_of, recipe_text, replay_line
from harness.qualification.setup import set_up
from harness.result.compare import table_differences
from harness.result.folder import parquet_bytes
from harness.result.stored import Stored
from harness.strips.kit import Kit, load_register


@dataclass(frozen=True)
class Replay:
    """What a replay found.

    Attributes:
        same: The ledger is the stored one, to the byte.
        slots: Rows of the ledger.
        first_difference: Slot and column where it first differs, or "".
        largest_score_difference: Of `rescore`; None where nothing was scored again.
        other_pictures: Acquisitions whose frames, drawn or read again, are not the stored ones to the byte; None where
            nothing was drawn again, or no digests are stored.
    """

    same: bool
    slots: int
    first_difference: str
    largest_score_difference: float | None
    other_pictures: int | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def in_words(self) -> str:
        """One line, or two."""
        words = f"same ledger, {self.slots} slots, to the byte" if self.same else f"differs: {self.first_difference}"
        if self.largest_score_difference is None:
            return words
        words += f"\nlargest difference of a score drawn and scored again: {self.largest_score_difference:.3g}"
        if self.other_pictures is None:
            return words
        return f"{words}\nacquisitions whose pictures are other ones, drawn again: {self.other_pictures}"


def replay_result(folder: Path, *, rescore: bool = False, progress: Progress = silent) -> Replay:
    """Run the line of a result again.

    Args:
        folder: The result.
        rescore: Also draw and score every acquisition again with the detector the scenario names, but for those whose
            frames were refused.
        progress: Told of every strip.

    Raises:
        InputError: The folder is no whole result, or its detector is not there any more.
    """
    result = Stored(folder)
    record = line_again(result)
    same = parquet_bytes(record.ledger) == (folder / "ledger.parquet").read_bytes()
    # Another version of the writer gives other bytes for the same table.
    problems = [] if same else table_differences(result.ledger, record.ledger, row="slot")
    largest, others = _rescored(result, progress) if rescore else (None, None)
    return Replay(not problems, len(record.ledger), str(problems[0]) if problems else "", largest, others)


def line_again(result: Stored) -> LineRecord:
    """The line of a result, run again with its scores and its times.

    Raises:
        ResultError: An acquisition has no scores.
        InputError: The tape is none, or another detector's.
    """
    scenario, manifest = result.scenario, result.manifest
    scores = scores_from_table(result.scores, _geometry(manifest["geometry"]).shape)
    refused = refused_from_table(result.scores)
    thresholds = np.asarray(manifest["thresholds"][scenario.detector.level], np.float32)
    recipe = recipe_text(manifest["digests"]["model"], manifest["digests"]["thresholds"])
    graded = bool(manifest.get("detector_graded", False))  # results from before scores were held against the last ones

    def inspect(fed: Fed) -> Outcome:
        try:
            stored = scores[fed.product, fed.run]
        except KeyError:
            raise ResultError(
                str(result.folder / "scores.parquet"), f"scores of {fed.product}, run {fed.run}", "none"
            ) from None
        unseen = (fed.product, fed.run) in refused
        verdict = decide(stored, thresholds, refused=unseen)
        scored = scores_digest(stored) if graded and not unseen else ""
        return Outcome(fed.product, fed.run, recipe, verdict.reject, verdict.cause, scored=scored)

    layout = layout_again(result)
    feed = feed_of(kit_again(result), scenario)
    detector = measured_with(manifest["detector"], manifest["digests"]["model"])
    where = str(result.folder / "latency.parquet")
    times = result.table("latency")
    tape = Tape.from_frame(times, detector=detector, where=where)
    return replay_line(inspect, layout, feed, tape, scenario, recipe, lags=times)


def kit_again(result: Stored) -> Kit:
    """Products and truth of a result.

    Raises:
        KitError: Its register is missing, or was changed into none.
    """
    geometry = _geometry(result.manifest["geometry"])
    return load_register(result.folder / "kit.csv", vials=geometry.vials, regions=len(geometry.regions))


def layout_again(result: Stored) -> Layout:
    """The machine of a result."""
    early = _geometry(result.manifest["geometry"]).early_exposure
    return Layout.from_choice(result.scenario.line, str(result.folder), early_exposure=early)


def _geometry(values: dict[str, Any]) -> Geometry:
    return Geometry(
        frames=tuple(values["frames"]),
        vials=values["vials"],
        regions=tuple(values["regions"]),
        frame_shape=tuple(values["frame_shape"]),
        boxes=tuple((y, x) for y, x in values["boxes"]),
        um_per_px=values["um_per_px"],
    )


def _rescored(result: Stored, progress: Progress) -> tuple[float, int | None]:
    """(largest difference between stored scores and those of a fresh drawing and scoring, other pictures)."""
    scenario = result.scenario
    scores = scores_from_table(result.scores, _geometry(result.manifest["geometry"]).shape)
    quick = bool(result.manifest.get("quick"))
    recording = result.manifest.get("recording")
    setup = set_up(
        scenario, where=Path(result.manifest["scenario_file"]), quick=quick,
        recording=Path(recording) if recording else None,
    )  # fmt: skip
    inspector = inspector_of(setup, scenario)
    largest = 0.0
    refused = refused_from_table(result.scores)
    for done, (product, run) in enumerate(sorted(scores), start=1):
        if (product, run) in refused:
            continue
        difference = np.abs(setup.detector.score(inspector.inspection(product, run)) - scores[product, run])
        largest = max(largest, float(np.nan_to_num(difference, nan=np.inf).max()))
        progress("scoring again", done, len(scores))
    if result.frames is None:
        return largest, None
    stored = result.frames.set_index(["product", "run"])["digest"]
    return largest, sum(stored.get(key) != digest for key, digest in inspector.shown.items())
