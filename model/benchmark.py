"""How long a strip takes, stage by stage, for every runtime that is there; and how much of the machine that uses.

Cropping and the line's clock are the bench's affair; here the patches are ready, uint8, as a detector is given them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from rich import box
from rich.table import Table

from model.bundle import Bundle
from model.describe import STRIP_PATCHES, describe
from model.runtime import Runtime, TensorFlowRuntime
from model.scoring import SCORES

RUNTIMES: Mapping[str, Callable[[Bundle, int], Runtime]] = {"tensorflow": TensorFlowRuntime}
"""By name; one whose library is not installed raises `ImportError` and is passed over."""

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
class RuntimeReport:
    """One runtime.

    Attributes:
        runtime: Its name.
        load_ms: From the bundle on disk to the first call.
        stages: `network` (normalise and rebuild), `score`, and `strip`, both together.
        flops_a_second: Reached at the median of `network`.
        of_peak: That, as a share of the matrix product's.
    """

    runtime: str
    load_ms: float
    stages: dict[str, Timing]
    flops_a_second: float
    of_peak: float


@dataclass(frozen=True)
class Benchmark:
    """All runtimes of one bundle on one machine.

    Attributes:
        network: Name of the network.
        patches: Patches a call.
        score: Name of the score.
        flops: Operations a call.
        peak_flops_a_second: Of a large float32 matrix product in the same process.
        runtimes: In the order measured.
    """

    network: str
    patches: int
    score: str
    flops: int
    peak_flops_a_second: float
    runtimes: tuple[RuntimeReport, ...]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def benchmark(
    bundle: Bundle,
    *,
    patches: int = STRIP_PATCHES,
    calls: int = 1000,
    score: str = "ssim",
    runtimes: Mapping[str, Callable[[Bundle, int], Runtime]] = RUNTIMES,
    progress: Progress = lambda runtime, done, total: None,
) -> Benchmark:
    """Measure every runtime in turn.

    Args:
        bundle: Its weights and sizes.
        patches: Patches a call, >= 1; a strip's by default.
        calls: Calls after the first, >= 1; p99.9 means little below a thousand.
        score: One of `SCORES`.
        runtimes: What makes a runtime of a bundle and a number of patches, by name.
        progress: Told after each call.

    Raises:
        BundleError: Weights that cannot be used.
        ValueError: Numbers outside their range, or no such score.
    """
    if patches < 1 or calls < 1:
        raise ValueError(f"patches, calls: expected >= 1, got {patches} and {calls}")
    if score not in SCORES:
        raise ValueError(f"score: expected one of {', '.join(SCORES)}, got {score}")
    flops = patches * describe(bundle.network).flops
    images = _images(patches)
    peak = matrix_product_peak(PEAK_SIDE)
    reports = []
    for name, make in runtimes.items():
        began = time.perf_counter_ns()
        try:
            runtime = make(bundle, patches)
        except ImportError:
            continue
        load_ms = (time.perf_counter_ns() - began) / 1e6
        stages: dict[str, list[int]] = {"network": [], "score": [], "strip": []}
        for call in range(calls + 1):
            began = time.perf_counter_ns()
            rebuilt = runtime.rebuild(images)
            ran = time.perf_counter_ns()
            SCORES[score](images, rebuilt, 1)
            done = time.perf_counter_ns()
            for stage, time_ns in zip(stages, (ran - began, done - ran, done - began), strict=True):
                stages[stage].append(time_ns)
            progress(name, call + 1, calls + 1)
        timings = {stage: Timing.of(times) for stage, times in stages.items()}
        reached = flops / (timings["network"].p50_ms / 1e3)
        reports.append(RuntimeReport(name, load_ms, timings, reached, reached / peak))
    return Benchmark(bundle.network.name, patches, score, flops, peak, tuple(reports))


def _images(patches: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Patches of a smooth grey with noise on it, always the same."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(40, 200, 256)[:, None] + np.zeros(256)
    return np.clip(ramp + rng.normal(0, 8, (patches, 256, 256)), 0, 255).astype(np.uint8)


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
    return [f"A matrix product reaches {peak:,.0f} GFLOP/s here; a call takes {result.flops / 1e9:,.1f} GFLOP."] + [
        f"{report.runtime}: {report.flops_a_second / 1e9:,.0f} GFLOP/s in the network, {report.of_peak:.0%} of that; "
        f"loaded in {report.load_ms:,.0f} ms."
        for report in result.runtimes
    ]
