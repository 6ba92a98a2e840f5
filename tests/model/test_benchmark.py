from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.geometry import PAPER
from harness.inspection.verdict import decide
from model.benchmark import STEPS, Benchmark, Timing, benchmark, matrix_product_peak, sentences, table
from model.bundle import Bundle, BundleError
from model.describe import STRIP_PATCHES, describe, describe_marker
from model.runtime import Stepped
from model.stages import RUNTIMES, Stages, boxes_of, crop, frames_of, rejects

Pictures = Callable[..., np.ndarray]
PATCHES, FRAMES, CALLS = 4, 2, 3
STAGES = ["crop", "normalise", "network", "marker", "score", "verdict", "ahead", "response", "strip"]


def copying(bundle: Bundle, batch: int, marked: int | None) -> Stages:
    """A runtime that rebuilds everything perfectly, and marks nothing."""
    logits = np.zeros((batch // (marked or 1), 64, 64), np.float32)
    return Stages(
        normalise=lambda patches: (patches / np.float32(255))[..., None],
        network=lambda images: images,
        marker=None if marked is None else lambda images, rebuilt: logits,
        fetch=lambda array: array,
        stepped=Copying(batch, marked or frames_of(batch), None if marked is None else logits),
    )


class Copying(Stepped):
    """The same in two steps."""

    def __init__(self, batch: int, frames: int, logits: np.ndarray | None) -> None:
        super().__init__(batch, frames)
        self._logits = logits

    def ahead(self, early: np.ndarray) -> np.ndarray:
        """See `Stepped`."""
        return early / np.float32(255)

    def finish(self, early: np.ndarray, rebuilt: np.ndarray, last: np.ndarray) -> np.ndarray:
        """See `Stepped`."""
        return np.concatenate([rebuilt, last / np.float32(255)]) if self._logits is None else self._logits

    def whole(self, patches: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """See `Stepped`."""
        return patches / np.float32(255), self._logits


def missing(bundle: Bundle, batch: int, marked: int | None) -> Stages:
    """A runtime whose library is not installed."""
    raise ImportError("no such library")


def unfit(bundle: Bundle, batch: int, marked: int | None) -> Stages:
    """A runtime that this processor is not made for."""
    raise BundleError("backend", "a processor that computes in bf16", "one without")


def broken(bundle: Bundle, batch: int, marked: int | None) -> Stages:
    """A runtime whose weights are none."""
    raise BundleError("weights", "whole weights", "others")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, make_marked_bundle: Callable[..., Bundle]) -> Bundle:
    """A tiny bundle with fresh weights and a marker of two frames."""
    folder: Path = tmp_path_factory.mktemp("bundle")
    return make_marked_bundle(folder, frames=FRAMES)


@pytest.fixture(scope="module")
def measured(bundle: Bundle) -> tuple[Benchmark, list[tuple[str, int, int]]]:
    """A short measurement of some runtimes, two of them not to be had, and the progress it told."""
    told: list[tuple[str, int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.benchmark.PEAK_SIDE", 256)
        result = benchmark(
            bundle,
            patches=PATCHES,
            calls=CALLS,
            runtimes={"tensorflow": RUNTIMES["tensorflow"], "missing": missing, "unfit": unfit, "copying": copying},
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
    """Others are passed over with a reason; every stage has its calls, and progress was told after each."""
    result, told = measured
    assert (result.score, result.frames) == ("marked", FRAMES)
    assert [report.runtime for report in result.runtimes] == ["tensorflow", "copying"]
    assert result.passed_over == {"missing": "not installed", "unfit": "needs a processor that computes in bf16"}
    for report in result.runtimes:
        assert list(report.stages) == STAGES
        assert all(timing.calls == CALLS for timing in report.stages.values())
        ahead, response, strip = (report.stages[step] for step in STEPS)
        assert 0 < ahead.p50_ms < strip.p50_ms
        assert 0 < response.p50_ms < strip.p50_ms <= strip.max_ms
        assert report.load_ms > 0
    assert told == [(name, call, CALLS + 1) for name in ("tensorflow", "copying") for call in range(1, CALLS + 2)]


def test_speed_is_operations_over_time(bundle: Bundle, measured: tuple[Benchmark, list]) -> None:
    """Operations of a call over a stage's median, and that over a matrix product's."""
    result, _ = measured
    assert result.flops["network"] == PATCHES * describe(bundle.network).flops
    assert result.flops["marker"] == PATCHES * describe_marker(FRAMES).flops // STRIP_PATCHES
    assert result.flops["strip"] == result.flops["network"] + result.flops["marker"]
    for report in result.runtimes:
        assert set(report.speeds) == {"network", "marker", "strip"}
        for stage, speed in report.speeds.items():
            reached = result.flops[stage] / (report.stages[stage].p50_ms / 1e3)
            assert speed.flops_a_second == pytest.approx(reached)
            assert speed.of_peak == pytest.approx(reached / result.peak_flops_a_second)


def test_the_papers_score_needs_no_marker(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there is no such stage, and one frame where three do not divide the patches."""
    monkeypatch.setattr("model.benchmark.PEAK_SIDE", 64)
    for patches, frames in ((1, 1), (3, 3)):
        result = benchmark(bundle, patches=patches, calls=1, score="ssim", runtimes={"copying": copying})
        assert list(result.runtimes[0].stages) == [stage for stage in STAGES if stage != "marker"]
        assert set(result.flops) == {"network", "strip"}
        assert result.frames == frames


def test_whole_strips_alone(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is run stage by stage, and only what was run has a speed; operations are those of all stages."""
    monkeypatch.setattr("model.benchmark.PEAK_SIDE", 64)
    result = benchmark(bundle, patches=PATCHES, calls=CALLS, whole=True, runtimes={"copying": copying})
    (report,) = result.runtimes
    assert list(report.stages) == list(STEPS)
    assert set(report.speeds) == {"strip"}
    assert set(result.flops) == {"network", "marker", "strip"}
    assert not any("one by one" in sentence for sentence in sentences(result))


@pytest.mark.parametrize("name", RUNTIMES)
@pytest.mark.parametrize("marked", [FRAMES, None])
def test_pieces_make_the_whole(name: str, marked: int | None, bundle: Bundle, pictures: Pictures) -> None:
    """What is timed stage by stage is what inspection runs as one: the same rebuilt patches and logits."""
    try:
        stages = RUNTIMES[name](bundle, PATCHES, marked)
    except ImportError:
        pytest.skip("its library, an extra, is not installed")
    except BundleError as error:
        pytest.skip(str(error))  # a precision that this processor does not have
    patches = pictures(PATCHES, seed=3)
    rebuilt, logits = stages.stepped.whole(patches)
    images = stages.normalise(patches)
    near = 0.05 if name.endswith("bf16") else 1e-4
    rebuilt_alone = stages.network(images)
    np.testing.assert_allclose(stages.fetch(rebuilt_alone)[..., 0], rebuilt, atol=near)
    assert (stages.marker is None) == (logits is None) == (marked is None)
    if stages.marker is not None:
        np.testing.assert_allclose(stages.fetch(stages.marker(images, rebuilt_alone)), logits, atol=10 * near)


def test_crop_and_verdict_are_those_of_the_bench() -> None:
    """What stands in for the bench's own crop and verdict does the same work, to the patch and to the decision."""
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 256, (3, *PAPER.frame_shape), dtype=np.uint8)
    assert np.array_equal(crop(frames, boxes_of(60, 3)), PAPER.crop(frames).reshape(-1, 256, 256))
    thresholds = np.full(4, 0.5, np.float32)
    for spoilt in (0.4, 0.5, 0.6, np.nan, np.inf):
        scores = rng.uniform(0, 0.5, PAPER.shape).astype(np.float32)
        scores[1, 2, 3] = spoilt
        assert rejects(scores.ravel(), np.tile(thresholds, 15)) == decide(scores, thresholds).reject


def test_weights_that_are_none_are_not_passed_over(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a library or a processor that is not there is."""
    monkeypatch.setattr("model.benchmark.PEAK_SIDE", 64)
    with pytest.raises(BundleError, match=r"^weights: expected whole weights, got others$"):
        benchmark(bundle, patches=PATCHES, calls=1, runtimes={"broken": broken})


def test_a_matrix_product_has_a_speed() -> None:
    """Between a hundred million and a quadrillion operations a second, on any machine that runs this."""
    assert 1e8 < matrix_product_peak(side=256, repeats=2) < 1e15


def test_figures_can_be_shown(measured: tuple[Benchmark, list]) -> None:
    """As JSON, as a table with a row a runtime and stage, and as sentences."""
    result, _ = measured
    told = json.loads(json.dumps(result.as_dict()))
    assert told["runtimes"][0]["stages"]["strip"]["calls"] == CALLS
    assert table(result).row_count == 2 * len(STAGES)
    said = sentences(result)
    assert re.match(r"tensorflow: network [\d,]+ GFLOP/s \(\d+% of that\), marker ", said[1])
    assert "unfit: passed over, needs a processor that computes in bf16." in said


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"patches": 0}, "patches, calls: expected >= 1, got 0 and 1000"),
        ({"calls": 0}, "patches, calls: expected >= 1, got 60 and 0"),
        ({"score": "none"}, "--score: expected one of ssim, mse, local, persistent, marked, got none"),
        ({"patches": 3}, "--patches: expected a multiple of the marker's 2 frames, got 3"),
    ],
)
def test_choices_that_measure_nothing_are_refused(choice: dict, message: str, bundle: Bundle) -> None:
    """Before anything is loaded."""
    with pytest.raises(ValueError, match=f"^{message}"):
        benchmark(bundle, **choice)
