from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.benchmark import RUNTIMES, Benchmark, Timing, benchmark, matrix_product_peak, sentences, table
from model.bundle import Bundle
from model.describe import describe
from model.runtime import TensorFlowRuntime

PATCHES, CALLS = 2, 3


class Copying:
    """A runtime that rebuilds everything perfectly."""

    name = "copying"

    def __init__(self, bundle: Bundle, batch: int) -> None:
        self.batch = batch

    def rebuild(self, patches: np.ndarray) -> np.ndarray:
        """The patches themselves."""
        return patches.astype(np.float32) / np.float32(255)


def missing(bundle: Bundle, batch: int) -> TensorFlowRuntime:
    """A runtime whose library is not installed."""
    raise ImportError("no such library")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, make_bundle: Callable[..., Bundle]) -> Bundle:
    """A tiny bundle with fresh weights."""
    folder: Path = tmp_path_factory.mktemp("bundle")
    return make_bundle(folder)


@pytest.fixture(scope="module")
def measured(bundle: Bundle) -> tuple[Benchmark, list[tuple[str, int, int]]]:
    """A short measurement of three runtimes, one of them not installed, and the progress it told."""
    told: list[tuple[str, int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.benchmark.PEAK_SIDE", 256)
        result = benchmark(
            bundle,
            patches=PATCHES,
            calls=CALLS,
            runtimes={**RUNTIMES, "missing": missing, "copying": Copying},
            progress=lambda *step: told.append(step),
        )
    return result, told


def test_first_call_stands_apart() -> None:
    """Quantiles, mean and maximum are those of the calls after it."""
    found = Timing.of([50_000_000, *range(1_000_000, 101_000_000, 1_000_000)])
    assert (found.first_ms, found.calls) == (50.0, 100)
    assert (found.mean_ms, found.p50_ms, found.max_ms) == (50.5, 50.5, 100.0)
    assert found.p99_ms == pytest.approx(99.01)
    assert found.p99_9_ms == pytest.approx(99.901)


def test_every_runtime_that_is_there_is_measured(measured: tuple[Benchmark, list]) -> None:
    """One that is not installed is passed over; every stage has its calls, and progress was told after each."""
    result, told = measured
    assert [report.runtime for report in result.runtimes] == ["tensorflow", "copying"]
    for report in result.runtimes:
        assert list(report.stages) == ["network", "score", "strip"]
        assert all(timing.calls == CALLS for timing in report.stages.values())
        strip, network = report.stages["strip"], report.stages["network"]
        assert 0 < network.p50_ms <= strip.p50_ms <= strip.max_ms
        assert report.load_ms > 0
    assert told == [(name, call, CALLS + 1) for name in ("tensorflow", "copying") for call in range(1, CALLS + 2)]


def test_speed_is_operations_over_time(bundle: Bundle, measured: tuple[Benchmark, list]) -> None:
    """Operations of a call over the network's median, and that over a matrix product's."""
    result, _ = measured
    assert result.flops == PATCHES * describe(bundle.network).flops
    for report in result.runtimes:
        reached = result.flops / (report.stages["network"].p50_ms / 1e3)
        assert report.flops_a_second == pytest.approx(reached)
        assert report.of_peak == pytest.approx(reached / result.peak_flops_a_second)


def test_a_matrix_product_has_a_speed() -> None:
    """Between a hundred million and a quadrillion operations a second, on any machine that runs this."""
    assert 1e8 < matrix_product_peak(side=256, repeats=2) < 1e15


def test_figures_can_be_shown(measured: tuple[Benchmark, list]) -> None:
    """As JSON, as a table with a row a runtime and stage, and as sentences."""
    result, _ = measured
    told = json.loads(json.dumps(result.as_dict()))
    assert told["runtimes"][0]["stages"]["strip"]["calls"] == CALLS
    assert table(result).row_count == 6
    assert sentences(result)[1].startswith("tensorflow: ")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"patches": 0}, "patches, calls: expected >= 1, got 0 and 1000"),
        ({"calls": 0}, "patches, calls: expected >= 1, got 60 and 0"),
        ({"score": "none"}, "score: expected one of ssim, mse, local, persistent, got none"),
    ],
)
def test_choices_that_measure_nothing_are_refused(choice: dict, message: str, bundle: Bundle) -> None:
    """Before anything is loaded."""
    with pytest.raises(ValueError, match=f"^{message}"):
        benchmark(bundle, **choice)
