"""Writes the strips of a scenario as a recording, so that a drawn kit can be taken to another machine as files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.progress import Progress, silent
from harness.qualification.setup import kit_of, renderer_of
from harness.result.folder import new_folder
from harness.scenario import Scenario
from harness.strips.recording import write_description, write_frames, write_register


def record_scenario(
    scenario: Scenario, *, where: Path, folder: Path, quick: bool = False, progress: Progress = silent
) -> None:
    """Draw every run of every product of a scenario's kit into a recording, with masks of the defects.

    Raises:
        InputError: The kit cannot be used, or the folder exists or cannot be written.
    """
    kit = kit_of(scenario, where, quick)
    renderer = renderer_of(scenario)
    geometry = renderer.geometry
    total = len(kit.strips) * scenario.kit.runs
    with new_folder(folder) as beside:
        for place, strip in enumerate(kit.strips):
            for run in range(1, scenario.kit.runs + 1):
                write_frames(beside / "frames", strip.product, run, geometry.frames, renderer.frames(strip, run))
                if strip.defect is not None:
                    masks = renderer.mask(strip, run).astype("uint8") * 255
                    write_frames(beside / "masks", strip.product, run, geometry.frames, masks)
                progress("frames", place * scenario.kit.runs + run, total)
        recorded = replace(kit, strips=tuple(replace(strip, seed=0, path=strip.product) for strip in kit.strips))
        write_register(beside, recorded)
        write_description(
            beside, geometry, runs=scenario.kit.runs, source=renderer.provenance, licence="this project's own"
        )
