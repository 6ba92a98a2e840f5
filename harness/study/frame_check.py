"""How good the check of frames is: good strips' measures, false alarms on kits, and which faults it notices.

The strips that bounds were taken from, those of the kits, and those whose frames are bitten come from streams that
never meet. The table that this leaves is what a line without pixels may draw from.
"""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from harness.geometry import PAPER
from harness.inspection.frame_check import DRAWN, FrameCheck, likeness, sampled
from harness.inspection.frame_measures import measure
from harness.streams import stream
from harness.strips.kit import CALIBRATION_SEED, good_strips, standard_kit
from harness.strips.liquid import LiquidScale
from harness.strips.renderer import Renderer
from harness.study.frame_faults import FrameFault, Shot, catalogue
from harness.system import hardware

LIQUIDS = {
    "knapp": LiquidScale(),
    "liquid-storm": LiquidScale(slosh=2.0, bubbles=2.0, stick=0.4, drops=2.0),
    "upstream-agitation": LiquidScale(agitation=1.0),
}
"""Those of the scenarios with these names; a test holds them together."""

STREAM, GOOD_SEED, HIT_SEED = "frame check", 909, 910
"""Streams of strips that no kit and no training uses."""

SCENARIO_SEED = 7
KNAPP_RUNS, QUICK_RUNS, CALIBRATION_RUNS = 3, 5, 2

messages = Console(stderr=True, soft_wrap=True, highlight=False)


def frame_check_study(good: int, faults: int, *, kits: bool = True) -> dict[str, Any]:
    """All of it, as it is stored.

    Args:
        good: Good strips of each liquid.
        faults: Acquisitions that each fault strikes.
        kits: Count false alarms on the standard kits too.
    """
    return {
        "provenance": Renderer.provenance,
        "bounds": asdict(DRAWN),
        "good": good_ranges(good),
        "false_alarms": false_alarms() if kits else None,
        "faults": hit_table(faults),
        "check_ms": check_ms(),
        "hardware": hardware(),
    }


def good_ranges(count: int) -> dict[str, Any]:
    """Least and greatest of every measure over good strips, so many of each liquid, no strip twice."""
    seen: dict[str, list[float]] = {}
    for place, (name, scale) in enumerate(LIQUIDS.items()):
        renderer = Renderer(seed=GOOD_SEED, scale=scale)
        strips = list(good_strips(STREAM, count, seed=GOOD_SEED, start=place * count))
        for strip in track(strips, f"good strips, {name}", console=messages):
            for measured, values in _measured(renderer.frames(strip, 1)).items():
                seen.setdefault(measured, []).extend(values)
    ranges = {name: [round(min(values), 4), round(max(values), 4)] for name, values in seen.items()}
    return {"acquisitions": count * len(LIQUIDS), "liquids": list(LIQUIDS), "ranges": ranges}


def _measured(frames: NDArray[np.uint8]) -> dict[str, list[float]]:
    """Every quantity that has a bound, of one acquisition."""
    measures = asdict(measure(frames))
    pairs = [likeness(one, other) for one, other in combinations(sampled(frames), 2)]
    return {
        **{name: [float(value) for value in values] for name, values in measures.items()},
        **{f"{name}_steady": [float(np.ptp(measures[name]))] for name in ("light", "sharpness", "dx", "dy")},
        "same_rows": [float(same) for same, _ in pairs],
        "difference": [difference for _, difference in pairs],
    }


def false_alarms() -> dict[str, Any]:
    """Acquisitions of standard kits that the check would refuse, one after another as on a line."""
    found: list[str] = []
    rows: list[dict[str, Any]] = []
    for name, seed, runs, liquid in _kit_runs():
        renderer, check = Renderer(seed=seed, scale=LIQUIDS[liquid]), FrameCheck(PAPER, DRAWN)
        looks = [(strip, run) for run in range(1, runs + 1) for strip in standard_kit(name).strips]
        for strip, run in track(looks, f"{name} kit, {liquid}", console=messages):
            if (finding := check.find(renderer.frames(strip, run))) is not None:
                found.append(f"{strip.product}, run {run}: {finding.told}")
        counts = Counter(strip.truth for strip, _ in looks)
        rows.append({"kit": name, "liquid": liquid, "seed": seed, "runs": runs, **counts})
    return {"kits": rows, "acquisitions": sum(row["good"] + row["defective"] for row in rows), "found": found}


def _kit_runs() -> Iterator[tuple[str, int, int, str]]:
    """(kit, seed, runs, liquid)."""
    yield "knapp", SCENARIO_SEED, KNAPP_RUNS, "knapp"
    yield "calibration", CALIBRATION_SEED, CALIBRATION_RUNS, "knapp"
    for liquid in LIQUIDS:
        yield "quick", SCENARIO_SEED, QUICK_RUNS, liquid


def hit_table(count: int) -> list[dict[str, Any]]:
    """A row a fault, strength and reach: how often it was injected and noticed, and by which words."""
    faults = catalogue()
    words: list[Counter[str]] = [Counter() for _ in faults]
    for number, shot in enumerate(track(_shots(count), "faults", total=count, console=messages)):
        check = FrameCheck(PAPER, DRAWN)
        check.find(shot.long_before)
        check.find(shot.before)
        for place, fault in enumerate(faults):
            rng = stream("frame fault", fault.kind, fault.strength, fault.frames, number)
            finding = copy.copy(check).find(fault.bite(shot, rng))
            if finding is not None:
                words[place][finding.word] += 1
    return [_row(fault, count, found) for fault, found in zip(faults, words, strict=True)]


def _row(fault: FrameFault, injected: int, found: Counter[str]) -> dict[str, Any]:
    return {
        "kind": fault.kind, "strength": fault.strength, "frames": fault.frames, "injected": injected,
        "noticed": found.total(), "words": dict(sorted(found.items())),
    }  # fmt: skip


def _shots(count: int) -> Iterator[Shot]:
    """Acquisitions one after another, the liquids in turn."""
    renderers = [Renderer(seed=HIT_SEED, scale=scale) for scale in LIQUIDS.values()]
    beside = tuple(number + 1 if number < max(PAPER.frames) else number - 1 for number in PAPER.frames)
    past: list[NDArray[np.uint8]] = []
    for number, strip in enumerate(good_strips(STREAM, count + 2, seed=HIT_SEED)):
        frames = renderers[number % len(renderers)].frames(strip, 1, (*PAPER.frames, *beside))
        own, unseen = frames[: len(beside)], frames[len(beside) :]
        if len(past) == 2:
            yield Shot(own, unseen, before=past[1], long_before=past[0])
        past = [*past[-1:], own]


def check_ms(count: int = 40) -> dict[str, float]:
    """Processor time of one check, ms: median and longest of so many, the first left out."""
    renderer = Renderer(seed=GOOD_SEED)
    one, other = (renderer.frames(strip, 1) for strip in good_strips(STREAM, 2, seed=GOOD_SEED))
    check = FrameCheck(PAPER, DRAWN)
    check.find(other)
    took = []
    for number in range(count):
        began = time.process_time_ns()
        check.find(other if number % 2 else one)
        took.append((time.process_time_ns() - began) / 1e6)
    return {"median": round(float(np.median(took)), 2), "longest": round(max(took), 2)}
