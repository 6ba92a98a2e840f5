"""One whole qualification: scenario to strips to line to verdict, and the folder that proves it."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.acceptance.baseline import assumed_looks, looks_source, recorded_looks
from harness.acceptance.policy import check_deciding
from harness.errors import BaselineError, RecordingError, ScenarioError
from harness.inspection.detector import Inspection, is_graded, measured_with
from harness.inspection.levels import Acquisitions
from harness.inspection.plugged import PluggedDetector
from harness.line import (
    Clock,
    Fed,
    Layout,
    LineRecord,
    Tape,
    VirtualClock,
    WallClock,
    clock_from_choice,
    cost_us,
    simulate,
    with_lags,
)
from harness.progress import Progress, silent
from harness.qualification.evidence import collect_evidence
from harness.qualification.inspector import Inspector, frame_check_of, kit_scores, liquid_table, scores_table
from harness.qualification.junit import junit_xml
from harness.qualification.setup import Setup, set_up
from harness.qualification.shown import frames_table
from harness.qualification.summary import products_frame, products_table, summarise
from harness.qualification.workers import wall_clock
from harness.report import write_report
from harness.result.folder import check_new, file_digests, new_folder, parquet_bytes, write_json
from harness.result.record import add_entry
from harness.result.stored import machine_looks
from harness.scenario import Scenario
from harness.streams import stream
from harness.strips.kit import Kit, Strip, good_strips, register_text
from harness.system import hardware, versions

WARM_UP_RUN = 0
COST_SLOTS = 300
"""Slots by which the bench's own cost is measured, after the line has ended."""


@dataclass(frozen=True)
class Qualification:
    """A result that has been written.

    Attributes:
        folder: Where it lies.
        summary: As in `summary.json`.
        head: Of its record.
        refused: Of the acquisitions whose frames were not fit to be scored how many, and the first; "" for none.
    """

    folder: Path
    summary: dict[str, Any]
    head: str
    refused: str = ""


def qualify(
    scenario: Scenario,
    *,
    where: Path,
    out: Path | None,
    quick: bool = False,
    recording: Path | None = None,
    command: str = "",
    by: str = "",
    progress: Progress = silent,
) -> Qualification:
    """Run a qualification and write its result folder.

    Args:
        scenario: The question.
        where: Its file; paths in it are relative to its folder.
        out: Result folder to make; by default `results/<scenario>/<run id>`.
        quick: A small kit of its own, and no timing claim: shows that the bench works, qualifies nothing.
        recording: A recorded set in place of drawn strips.
        command: As it was typed, for the report.
        by: Who runs it, as they call themselves, for the record.
        progress: Told of every strip.

    Raises:
        InputError: Something given is not usable; nothing has been written then.
    """
    check_deciding(scenario.acceptance.deciding)
    if "knapp_rag_ceiling" in scenario.acceptance.deciding and scenario.acceptance.rag_ceiling is None:
        raise ScenarioError(f"{where}: acceptance.rag_ceiling", "a ceiling, where knapp_rag_ceiling decides", "none")
    run_id = _run_id(scenario)
    folder = out or Path("results") / scenario.name / run_id
    check_new(folder)
    layout = Layout.from_choice(scenario.line, str(where))
    setup = set_up(scenario, where=where, quick=quick, recording=recording)
    layout = replace(layout, early_exposure=setup.source.geometry.early_exposure)
    if layout.exposures < (last := max(setup.source.geometry.frames)):
        raise ScenarioError(f"{where}: line.exposures", f"{last} or more: frame {last} is inspected", layout.exposures)
    looks = baseline_looks(scenario, where, setup.kit)
    feed = feed_of(setup.kit, scenario)
    inspector = inspector_of(setup, scenario)
    if isinstance(setup.detector, PluggedDetector):
        _try_on(setup.detector, inspector, feed[0])
    again = partial(set_up, scenario, where=where, quick=quick, recording=recording)
    # The folder stands from the first strip on, so that a run that is killed is found by the next.
    with new_folder(folder) as beside, clock_of(scenario, where, setup, inspector, feed, again, progress) as clock:
        record = run_line(inspector, layout, feed, clock, scenario, progress)
        ran = Ran(scenario, where, setup, layout, record, inspector, looks, run_id, quick, recording, command)
        summary = _fill(beside, ran, progress)
        head = add_entry(beside, did="validate", outcome=summary["verdict"], digests=summary["digests"], by=by)
    return Qualification(folder, summary, head, _refused_words(inspector))


def _try_on(detector: PluggedDetector, inspector: Inspector, first: Fed) -> None:
    """Show a detector of somebody else a strip before the line starts, under no name; not one that it would not see."""
    inspection = Inspection.of_frames(inspector.source.geometry, inspector.frames(first.product, first.run))
    if frame_check_of(inspector.source).find(inspection.acquired(), known=True) is None:
        detector.try_on(inspection)


def _refused_words(inspector: Inspector) -> str:
    if not inspector.refused:
        return ""
    (product, run), why = min(inspector.refused.items())
    shown, refused = len(inspector.scores), len(inspector.refused)
    return f"frames of {refused} of {shown} acquisitions were refused and not scored; {product} run {run}: {why}"


def feed_of(kit: Kit, scenario: Scenario) -> list[Fed]:
    """Warm-up strips, then every run of the kit in an order of its own."""
    feed = [
        Fed(strip.product, WARM_UP_RUN, strip.truth, warm_up=True)
        for strip in warm_up_strips(kit, scenario.line.warm_up_strips)
    ]
    for run in range(1, scenario.kit.runs + 1):
        order = stream("order", scenario.seed, run).permutation(len(kit.strips))
        feed += [Fed(kit.strips[place].product, run, kit.strips[place].truth) for place in order]
    return feed


def warm_up_strips(kit: Kit, count: int) -> list[Strip]:
    """Good strips that are of no kit; for a recording, its own good strips under other names.

    They are called W001, W002 ..., but for what a product of the kit is called.

    Raises:
        RecordingError: A recording has no good strip to warm up with.
    """
    if count and all(strip.path and strip.defect is not None for strip in kit.strips):
        expected = "a good product, with which the machine warms up, or line.warm_up_strips = 0"
        raise RecordingError(f"recording {kit.name}: kit.csv", expected, "none")
    names = (name for number in itertools.count(1) if (name := f"W{number:03d}") not in kit.products)
    recorded = [strip for strip in kit.strips if strip.path and strip.defect is None]
    strips = itertools.cycle(recorded) if recorded else good_strips("warm-up", count)
    return [replace(strip, product=name) for strip, name in zip(itertools.islice(strips, count), names, strict=False)]


def baseline_looks(scenario: Scenario, where: Path, kit: Kit) -> pd.DataFrame:
    """The inspectors' looks at the kit: read, or drawn from the assumed model."""
    products = products_frame(kit)
    choice = scenario.baseline
    if choice.looks_path is not None:
        looks = recorded_looks(where.parent / choice.looks_path, products)
        if looks_source(looks) != choice.source:
            raise BaselineError(f"{where}: baseline.source", f"{looks_source(looks)}, as the looks say", choice.source)
        return looks
    return assumed_looks(products, inspectors=choice.inspectors, looks=choice.looks, seed=scenario.seed)


def inspector_of(setup: Setup, scenario: Scenario) -> Inspector:
    """The inspection computer's program for this qualification."""
    strips = {strip.product: strip for strip in setup.kit.strips}
    strips |= {strip.product: strip for strip in warm_up_strips(setup.kit, scenario.line.warm_up_strips)}
    recipe = recipe_text(setup.detector.digest, thresholds_digest(setup.levels))
    return Inspector(setup.detector, setup.source, strips, setup.levels[scenario.detector.level], recipe)


def recipe_text(model: str, thresholds: str) -> str:
    """Model and thresholds by their digests: the identity every verdict carries."""
    return f"{model[:16]}-{thresholds[:16]}"


def thresholds_digest(levels: dict[str, NDArray[np.float32]]) -> str:
    """Hex SHA-256 of the numbers."""
    values = {name: [f"{value:.9g}" for value in numbers] for name, numbers in sorted(levels.items())}
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


@contextmanager
def clock_of(
    scenario: Scenario,
    where: Path,
    setup: Setup,
    inspector: Inspector,
    feed: list[Fed],
    again: Callable[[], Setup],
    progress: Progress,
) -> Iterator[Clock]:
    """The scenario's clock; the wall's comes with workers that set up the detector `again` in their own processes."""
    if scenario.line.clock == "wall":
        with wall_clock(
            again, setup.levels[scenario.detector.level], feed, inspector, workers=scenario.line.workers,
            progress=lambda drawn: progress("drawing", drawn, len(feed)),
        ) as clock:  # fmt: skip
            yield clock
    else:
        detector = measured_with(setup.detector.name, setup.detector.digest)
        yield clock_from_choice(
            scenario.line, str(where), seed=scenario.seed, prepare=inspector.prepare, detector=detector
        )


def run_line(
    inspector: Inspector, layout: Layout, feed: list[Fed], clock: Clock, scenario: Scenario, progress: Progress
) -> LineRecord:
    """All strips through the line."""
    record = simulate(
        layout,
        feed,
        inspector.inspect,
        clock,
        recipe=inspector.recipe,
        faults=scenario.faults,
        seed=scenario.seed,
        progress=lambda loaded: progress("inspecting", loaded, len(feed)),
    )
    if not isinstance(clock, WallClock):
        return record
    lags = clock.lags()
    return replace(record, ledger=with_lags(record.ledger, lags), tape=with_lags(record.tape, lags))


def replay_line(
    inspect: Callable[[Fed], Any],
    layout: Layout,
    feed: list[Fed],
    tape: Tape,
    scenario: Scenario,
    recipe: str,
    *,
    lags: pd.DataFrame,
) -> LineRecord:
    """The line again, with the times of a tape, and the lags that it may carry."""
    clock = VirtualClock(tape)
    record = simulate(layout, feed, inspect, clock, recipe=recipe, faults=scenario.faults, seed=scenario.seed)
    return replace(record, ledger=with_lags(record.ledger, lags))


def _run_id(scenario: Scenario) -> str:
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%SZ}-{scenario.digest()[:8]}"


def run_id_fits(run_id: str, scenario: Scenario) -> bool:
    """The run id carries the digest of the scenario."""
    return run_id.endswith(f"-{scenario.digest()[:8]}")


@dataclass(frozen=True)
class Ran:
    """A line that has ended, with all it was started with."""

    scenario: Scenario
    where: Path
    setup: Setup
    layout: Layout
    record: LineRecord
    inspector: Inspector
    looks: pd.DataFrame
    run_id: str
    quick: bool
    recording: Path | None
    command: str


def _fill(folder: Path, ran: Ran, progress: Progress) -> dict[str, Any]:
    """Write every file of a result; the manifest last."""
    scenario, setup, record, inspector = ran.scenario, ran.setup, ran.record, ran.inspector
    digests = {
        "scenario": scenario.digest(),
        "kit": setup.kit.digest(),
        "model": setup.detector.digest,
        "thresholds": thresholds_digest(setup.levels),
    }
    frames = frames_table(inspector.shown)
    summary = summarise(
        scenario=scenario,
        run_id=ran.run_id,
        seed=scenario.seed,
        kit=setup.kit,
        layout=ran.layout,
        ledger=record.ledger,
        conservation=record.conservation,
        faults=[asdict(fault) for fault in record.faults],
        looks=ran.looks,
        acquisitions=_acquisitions(setup, inspector, scenario.kit.runs, progress),
        levels=setup.levels,
        calibration=setup.calibration,
        digests=digests,
        quantile=None if ran.quick else scenario.acceptance.quantile,
        provenance=setup.source.provenance,
        frames=frames,
    )
    scores = scores_table(
        inspector.scores, setup.source.geometry.frames, joint=setup.detector.joint, refused=inspector.refused
    )
    products = products_table(setup.kit, machine_looks(record.ledger), scenario.kit.required)
    tape = record.tape.assign(detector=measured_with(setup.detector.name, setup.detector.digest))
    tables = {"ledger": record.ledger, "scores": scores, "products": products, "latency": tape}
    if (liquid := liquid_table(setup.source, setup.kit, scenario.kit.runs)) is not None:
        tables["liquid"] = liquid
    if frames is not None:
        tables["frames"] = frames
    for name, table in tables.items():
        (folder / f"{name}.parquet").write_bytes(parquet_bytes(table))
    (folder / "kit.csv").write_text(register_text(setup.kit), encoding="utf-8")
    _looks_csv(ran.looks, scenario.baseline.source).to_csv(folder / "looks.csv", index=False, lineterminator="\n")
    write_json(folder / "summary.json", summary)
    write_json(folder / "trace.json", {"traceEvents": record.events})
    (folder / "junit.xml").write_text(junit_xml(summary), encoding="utf-8")
    failing = int((~products["right"].astype(bool)).sum())
    collect_evidence(folder, inspector, products, progress=lambda done: progress("evidence", done, failing))
    manifest = {
        "scenario": scenario.model_dump(mode="json", by_alias=True, exclude_none=True),
        "scenario_file": str(ran.where),
        "run_id": ran.run_id,
        "command": ran.command,
        "quick": ran.quick,
        "recording": str(ran.recording) if ran.recording is not None else None,
        "detector": setup.detector.name,
        "detector_graded": is_graded(setup.detector),
        "detector_made_by": setup.made_by,
        "geometry": asdict(setup.source.geometry),
        "thresholds": {name: [float(value) for value in numbers] for name, numbers in setup.levels.items()},
        "calibration": setup.calibration,
        "provenance": setup.source.provenance,
        "hardware": hardware(),
        "versions": versions(),
        "bench_us_a_slot": round(cost_us(COST_SLOTS, ran.layout), 1),
        "digests": digests,
    }
    write_json(folder / "manifest.json", manifest)
    write_report(folder)
    write_json(folder / "manifest.json", {**manifest, "files": file_digests(folder)})
    return summary


def _looks_csv(looks: pd.DataFrame, source: str) -> pd.DataFrame:
    table = looks[["product", "inspector", "look"]].copy()
    table["verdict"] = np.where(looks["reject"], "reject", "accept")
    return table.assign(source=source)


def _acquisitions(setup: Setup, inspector: Inspector, runs: int, progress: Progress) -> Acquisitions | None:
    """Scores and truth of all runs in the kit's order; None where the line inspected fewer (a fault, a full queue)."""
    scores = kit_scores(inspector.scores, setup.kit, runs)
    if scores is None:
        return None
    truth = np.zeros(scores.shape, bool)
    for place, strip in enumerate(setup.kit.strips):
        if strip.defect is not None:
            for run in range(1, runs + 1):
                truth[place, run - 1] = setup.source.defective_patches(strip, run)
        progress("truth of patches", place + 1, len(setup.kit.strips))
    defective = np.array([strip.defect is not None for strip in setup.kit.strips])
    return Acquisitions(scores, truth, defective, setup.detector.joint)
