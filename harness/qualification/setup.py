"""What a scenario names, made ready: its kit, its pictures, its detector and thresholds, each checked before use."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import Problem, ScenarioError
from harness.geometry import Geometry
from harness.inspection.detector import Detector
from harness.inspection.drift import GoodScores
from harness.inspection.network import NetworkDetector
from harness.inspection.plugged import PluggedDetector, checked_thresholds, theirs
from harness.inspection.truth import TruthDetector
from harness.line.camera import hit_table
from harness.scenario import Scenario
from harness.strips.kit import Kit, load_register, refuse_overlap, refuse_undrawable, standard_kit
from harness.strips.liquid import LiquidScale
from harness.strips.recording import open_recording
from harness.strips.renderer import Renderer
from harness.strips.source import GENERATED, Source

Levels = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Setup:
    """Everything a line needs before its first strip.

    Attributes:
        kit: Products and truth.
        source: Their pictures.
        detector: Who is qualified.
        levels: Thresholds by level, float32 (region,) each.
        calibration_products: What they were tuned on; none is in the kit.
        calibration_runs: Runs of each.
        made_by: How the detector was made, as its bundle says.
        calibration_notes: What else the calibration wrote down, tables by name.
    """

    kit: Kit
    source: Source
    detector: Detector
    levels: Levels
    calibration_products: list[str]
    calibration_runs: int
    made_by: dict[str, Any]
    calibration_notes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def calibration(self) -> dict[str, Any]:
        """As it stands in the manifest; `good_scores` is None where the thresholds came without."""
        noted = {"good_scores": None, **self.calibration_notes}
        return {"products": self.calibration_products, "runs": self.calibration_runs, **noted}


def set_up(scenario: Scenario, *, where: Path, quick: bool, recording: Path | None) -> Setup:
    """Make ready what a scenario names.

    Raises:
        InputError: Something it names is missing or cannot be used.
    """
    if recording is not None and quick:
        raise ScenarioError("--quick", "drawn strips: a recording has a kit of its own", f"--recording {recording}")
    if recording is not None:
        recorded = open_recording(recording, runs=scenario.kit.runs)
        _refuse_faulty_pictures(scenario, recorded.provenance, str(where))
        return _with_detector(scenario, where, recorded.kit, recorded)
    drawn = renderer_of(scenario)
    return _with_detector(scenario, where, kit_of(scenario, where, quick), drawn)


def _refuse_faulty_pictures(scenario: Scenario, provenance: str, where: str) -> None:
    """Faults of the camera's pictures are noticed as often as those of drawn strips were, which says nothing of others.

    Raises:
        ScenarioError: The scenario has such faults, and its strips were photographed.
    """
    if provenance.startswith(GENERATED):
        return
    problems = [
        Problem(f"{where}: faults: {fault.kind}", "drawn strips, of which its rates were measured", "a recording")
        for fault in scenario.faults
        if fault.kind in hit_table()
    ]
    if problems:
        raise ScenarioError.listing(problems)


def renderer_of(scenario: Scenario) -> Renderer:
    """Draws a scenario's strips, with its seed and its liquid."""
    return Renderer(seed=scenario.seed, scale=LiquidScale(**scenario.liquid.model_dump()))


def kit_of(scenario: Scenario, where: Path, quick: bool) -> Kit:
    """The kit a scenario names; `quick` replaces it by the small one."""
    if quick:
        return standard_kit("quick")
    if scenario.kit.register_path is not None:
        path = where.parent / scenario.kit.register_path
        kit = load_register(path)
        refuse_undrawable(kit, str(path))
        return kit
    return standard_kit(scenario.kit.standard or "knapp")


def _with_detector(scenario: Scenario, where: Path, kit: Kit, source: Source) -> Setup:
    choice = scenario.detector
    if choice.factory is not None:
        detector, levels = _plugged_in(choice.factory, kit, scenario.kit.runs, source.geometry, str(where))
        _check_level(choice.level, levels, str(where))
        return Setup(kit, source, detector, levels, [], 0, {})
    bundle = choice.bundle or ""
    beside = where.parent / bundle
    place = str(beside.resolve()) if bundle and beside.is_dir() else bundle
    network = NetworkDetector(place, source.geometry, score=choice.score, backend=choice.backend)
    thresholds = network.thresholds()
    _check_level(choice.level, thresholds.levels, str(where))
    if (noted := thresholds.notes.get("good_scores")) is not None:
        file = f"{network.bundle.folder / 'thresholds.toml'}: {network.score_name}.good_scores"
        GoodScores.read(noted, regions=len(source.geometry.regions), where=file)
    refuse_overlap(kit, thresholds.products, "calibration")
    refuse_overlap(kit, network.bundle.made_by.get("products", ()), "training")
    return Setup(
        kit, source, network, dict(thresholds.levels), list(thresholds.products), thresholds.runs,
        network.made_by, thresholds.notes,
    )  # fmt: skip


def _check_level(level: str, levels: Mapping[str, NDArray[np.float32]], where: str) -> None:
    """The thresholds that a scenario lets reach the gate are there."""
    if level not in levels:
        raise ScenarioError(f"{where}: detector.level", f"one of {', '.join(levels)}, which its thresholds have", level)


def _plugged_in(factory: str, kit: Kit, runs: int, geometry: Geometry, where: str) -> tuple[Detector, Levels]:
    """A detector of somebody else: `module:factory`, called with the geometry, gives (detector, levels).

    `truth` is the bench's own detector that reads the truth, for trying out a scenario.
    """
    if factory == "truth":
        half = np.full(len(geometry.regions), 0.5, np.float32)
        defective = {strip.product: strip.defect is not None for strip in kit.strips}
        return TruthDetector(defective, runs), {"patch": half, "strip": half, "seven_of_ten": half}
    module, _, name = factory.partition(":")
    with theirs(f"{where}: detector.factory", "module:factory that can be imported", ScenarioError):
        make = getattr(importlib.import_module(module), name)
    with theirs(factory, "(detector, thresholds by level) of a geometry"):
        detector, levels = make(geometry)
        levels = dict(levels)
    return PluggedDetector(detector, factory), checked_thresholds(levels, len(geometry.regions), factory)
