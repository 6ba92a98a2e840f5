"""How long a strip takes, stage by stage, for every runtime that is there; and how much of the machine that uses.

Frames are ready, uint8, as a camera gives them; drawing them and the line's clock are the bench's affair. Every call
runs the stages one by one, unless only whole strips are asked for, then the strip as inspection runs it: what needs no
last frame, then the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from rich import box
from rich.table import Table

from model.bundle import Bundle, BundleError
from model.config import MARKED
from model.describe import STRIP_PATCHES, describe, describe_behind
from model.runtime import SteppedMarking
from model.scoring import SCORES, mark_score
from model.stages import FRAME_SHAPE, RUNTIMES, MakeStages, Stages, boxes_of, crop, frames_of, rejects

STAGES = ("crop", "normalise", "network", "marker", "comparer", "score", "verdict")
"""One by one; `marker` and `comparer` where one takes part."""

STEPS = ("ahead", "response", "strip")
"""As inspection runs: before the last frame; from it to the verdict; both."""

PEAK_SIDE = 2048
PEAK_REPEATS = 8

Progress = Callable[[str, int, int], None]
"""Called with the runtime's name, calls done and calls in all."""


@dataclass(frozen=True)
class Timing:
    """Wall time of one stage over many calls, in ms; the first call stands apart, since it alone sets things up."""

    first_ms: float
    calls: int
    mean_ms: float
    p50_ms: float
    p99_ms: float
    p99_9_ms: float
    max_ms: float

    @classmethod
    def of(cls, times_ns: Sequence[int]) -> Timing:
        """From the times of all calls, two or more, in their order.

        >>> Timing.of([9_000_000, 1_000_000, 3_000_000]).p50_ms
        2.0
        """
        first, *others = (time_ns / 1e6 for time_ns in times_ns)
        p50, p99, p99_9 = np.quantile(others, [0.5, 0.99, 0.999])
        return cls(first, len(others), float(np.mean(others)), float(p50), float(p99), float(p99_9), max(others))


@dataclass(frozen=True)
class Speed:
    """Operations a second at the median, and as a share of the matrix product's."""

    flops_a_second: float
    of_peak: float


@dataclass(frozen=True)
class RuntimeReport:
    """One runtime.

    Attributes:
        runtime: Its name.
        load_ms: From the bundle on disk to the first call, everything compiled.
        stages: Those of `STAGES` that take part, each compiled by itself, then `STEPS`; with `whole` these alone.
        speeds: Of `network`, `marker` where it takes part, and `strip`; the other stages have few operations.
    """

    runtime: str
    load_ms: float
    stages: dict[str, Timing]
    speeds: dict[str, Speed]


@dataclass(frozen=True)
class Benchmark:
    """All runtimes of one bundle on one machine.

    Attributes:
        network: Name of the network.
        patches: Patches a call.
        frames: Of an acquisition.
        score: Name of the score.
        flops: Operations a call, by stage, and of the whole `strip`.
        peak_flops_a_second: Of a large float32 matrix product in the same process.
        runtimes: In the order measured.
        passed_over: Names of the others, and why.
    """

    network: str
    patches: int
    frames: int
    score: str
    flops: dict[str, int]
    peak_flops_a_second: float
    runtimes: tuple[RuntimeReport, ...]
    passed_over: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def benchmark(
    bundle: Bundle,
    *,
    patches: int = STRIP_PATCHES,
    calls: int = 1000,
    score: str | None = None,
    whole: bool = False,
    runtimes: Mapping[str, MakeStages] = RUNTIMES,
    progress: Progress = lambda runtime, done, total: None,
) -> Benchmark:
    """Measure every runtime in turn.

    Args:
        bundle: Its weights and sizes.
        patches: Patches a call, >= 1; a strip's by default.
        calls: Calls after the first, >= 1; p99.9 means little below a thousand.
        score: One of `SCORES`, or `MARKED`; by default the bundle's `main_score`.
        whole: Leave the stages one by one out, which doubles the strips that a time holds.
        runtimes: What makes the stages of a runtime, by name.
        progress: Told after each call.

    Raises:
        BundleError: Weights that cannot be used, no such score, or patches that the marker's frames do not divide.
        ValueError: Numbers outside their range.
    """
    if patches < 1 or calls < 1:
        raise ValueError(f"patches, calls: expected >= 1, got {patches} and {calls}")
    score = score or bundle.main_score
    if score not in (*SCORES, MARKED):
        raise BundleError("--score", f"one of {', '.join([*SCORES, MARKED])}", score)
    marked = None
    if score == MARKED:
        if bundle.marker is None:
            raise BundleError(str(bundle.folder), "a bundle with a marker", "none: `python -m harness train-marker`")
        marked = bundle.marker.frames
        if patches % marked:
            raise BundleError("--patches", f"a multiple of the marker's {marked} frames", patches)
    frames = marked or frames_of(patches)
    flops = {"network": patches * describe(bundle.network).flops}
    if marked is not None:
        behind = {network.name: network.flops for network in describe_behind(bundle)}
        comparer = behind.pop("comparer", None)
        flops["marker"] = patches * sum(behind.values()) // STRIP_PATCHES
        if comparer is not None:
            flops["comparer"] = patches * comparer // STRIP_PATCHES
    flops["strip"] = sum(flops.values())
    peak = matrix_product_peak(PEAK_SIDE)
    reports, passed_over = [], {}
    for name, make in runtimes.items():
        began = time.perf_counter_ns()
        try:
            stages = make(bundle, patches, marked)
        except ImportError:
            passed_over[name] = "not installed"
            continue
        except BundleError as error:
            if error.where != "backend":
                raise
            passed_over[name] = f"needs {error.expected}"
            continue
        load_ms = (time.perf_counter_ns() - began) / 1e6
        times = _measured(stages, patches, frames, score, calls, partial(progress, name), whole=whole)
        timings = {stage: Timing.of(taken) for stage, taken in times.items()}
        reached = {stage: count / (timings[stage].p50_ms / 1e3) for stage, count in flops.items() if stage in timings}
        speeds = {stage: Speed(speed, speed / peak) for stage, speed in reached.items()}
        reports.append(RuntimeReport(name, load_ms, timings, speeds))
    return Benchmark(bundle.network.name, patches, frames, score, flops, peak, tuple(reports), passed_over)


def _measured(
    stages: Stages,
    patches: int,
    frames: int,
    score: str,
    calls: int,
    told: Callable[[int, int], None],
    *,
    whole: bool,
) -> dict[str, list[int]]:
    """Nanoseconds of every call, the first among them, by stage."""
    pictures, boxes = _pictures(frames), boxes_of(patches, frames)
    thresholds = np.full(patches, 0.5, np.float32)
    asked = STEPS if whole else (*STAGES, *STEPS)
    comparing = stages.stepped.comparing if isinstance(stages.stepped, SteppedMarking) else None
    absent = {"marker": stages.marker is None, "comparer": comparing is None}
    times: dict[str, list[int]] = {name: [] for name in asked if not absent.get(name, False)}
    clock = time.perf_counter_ns

    def lap(name: str, since: int) -> int:
        now = clock()
        times[name].append(now - since)
        return clock()

    def scored(images: NDArray[np.uint8], made: NDArray[np.float32]) -> NDArray[np.float32]:
        if score == MARKED:
            return np.tile(mark_score(made), frames)
        return SCORES[score](images, made, frames)

    def one_by_one() -> None:
        since = clock()
        cropped = crop(pictures, boxes)
        since = lap("crop", since)
        images = stages.normalise(cropped)
        since = lap("normalise", since)
        rebuilt = stages.network(images)
        since = lap("network", since)
        if stages.marker is None:
            made = stages.fetch(rebuilt)[..., 0]
        else:
            made = stages.fetch(stages.marker(images, rebuilt))
            since = lap("marker", since)
        if comparing is not None:
            early, last = np.split(cropped, [stages.stepped.early])
            comparing.heard(comparing.ahead(early), early, last, made)
            since = lap("comparer", since)
        scores = scored(cropped, made)
        since = lap("score", since)
        rejects(scores, thresholds)
        lap("verdict", since)

    def strip() -> None:
        since = began = clock()
        early = crop(pictures[:-1], boxes)
        begun = stages.stepped.ahead(early)
        since = lap("ahead", since)
        last = crop(pictures[-1:], boxes)
        made = stages.stepped.finish(early, begun, last)
        rejects(scored(last if score == MARKED else np.concatenate([early, last]), made), thresholds)
        lap("response", since)
        lap("strip", began)

    for call in range(calls + 1):
        if not whole:
            one_by_one()
        strip()
        told(call + 1, calls + 1)
    return times


def _pictures(frames: int) -> NDArray[np.uint8]:
    """uint8 (frames, 1024, 1280) of a smooth grey with noise on it, always the same."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(40, 200, FRAME_SHAPE[0])[:, None] + np.zeros(FRAME_SHAPE[1])
    return np.clip(ramp + rng.normal(0, 8, (frames, *FRAME_SHAPE)), 0, 255).astype(np.uint8)


def matrix_product_peak(side: int, repeats: int = PEAK_REPEATS) -> float:
    """Operations a second of the fastest of several float32 products of two square matrices, on all cores."""
    rng = np.random.default_rng(0)
    one, other = (tf.constant(rng.random((side, side), np.float32)) for _ in range(2))
    tf.linalg.matmul(one, other).numpy()
    times = []
    for _ in range(repeats):
        began = time.perf_counter_ns()
        tf.linalg.matmul(one, other).numpy()
        times.append(time.perf_counter_ns() - began)
    return 2 * side**3 / (min(times) / 1e9)


def table(result: Benchmark) -> Table:
    """For the terminal: a row a runtime and stage."""
    calls = result.runtimes[0].stages["strip"].calls if result.runtimes else 0
    shown = Table(
        title=f"{result.network}: {result.patches} patches a call, score {result.score}, {calls:,} calls, ms",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name in ("runtime", "stage"):
        shown.add_column(name, no_wrap=True)
    for name in ("first", "mean", "p50", "p99", "p99.9", "max"):
        shown.add_column(name, justify="right")
    for report in result.runtimes:
        shown.add_section()
        for stage, timing in report.stages.items():
            values = (timing.first_ms, timing.mean_ms, timing.p50_ms, timing.p99_ms, timing.p99_9_ms, timing.max_ms)
            shown.add_row(report.runtime, stage, *(f"{value:.2f}" for value in values))
    return shown


def sentences(result: Benchmark) -> list[str]:
    """What stands below the table."""
    peak = result.peak_flops_a_second / 1e9
    told = [
        f"A matrix product reaches {peak:,.0f} GFLOP/s here; a call takes {result.flops['strip'] / 1e9:,.1f} GFLOP."
    ]
    for report in result.runtimes:
        speeds = ", ".join(
            f"{stage} {speed.flops_a_second / 1e9:,.0f} GFLOP/s ({speed.of_peak:.0%} of that)"
            for stage, speed in report.speeds.items()
        )
        told.append(f"{report.runtime}: {speeds}; loaded in {report.load_ms:,.0f} ms.")
    if any("network" in report.stages for report in result.runtimes):
        told.append("Stages are compiled one by one.")
    return [
        *told,
        *(f"{name}: passed over, {why}." for name, why in result.passed_over.items()),
        "As inspection runs: ahead, what needs no last frame; response, from it to the verdict; strip, both.",
    ]
