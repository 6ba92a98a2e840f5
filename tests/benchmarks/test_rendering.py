"""How long strips take to draw: at most 80 ms for the three inspected frames, 350 ms for all 16, on one core."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest

from harness.geometry import PAPER
from harness.inspection.detector import Inspection
from harness.inspection.network import NetworkDetector
from harness.strips.kit import Strip
from harness.strips.liquid import EXPOSURES
from harness.strips.product import draw_plastic
from harness.strips.renderer import Renderer

Timed = Any

STRIP = Strip("G001", 1)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """Has drawn a strip before: kernels are compiled, the product's plastic is kept, as between the runs of a kit."""
    renderer = Renderer(seed=7)
    renderer.frames(STRIP, 1, range(1, EXPOSURES + 1))
    return renderer


def test_three_frames(benchmark: Timed, renderer: Renderer) -> None:
    """One acquisition as the line inspects it: exposures 1, 8 and 16 of a strip that was seen before."""
    assert benchmark(renderer.frames, STRIP, 2).shape == (3, 1024, 1280)


def test_sixteen_frames(benchmark: Timed, renderer: Renderer) -> None:
    """One acquisition as training uses it: all exposures."""
    assert benchmark(renderer.frames, STRIP, 2, range(1, EXPOSURES + 1)).shape == (16, 1024, 1280)


def test_plastic_of_a_product(benchmark: Timed, renderer: Renderer) -> None:
    """What a new product costs once, before any of its runs."""
    assert benchmark(draw_plastic, 2).body.shape == (1024, 1280)


def test_a_product_never_seen(benchmark: Timed, renderer: Renderer) -> None:
    """Three frames of a strip with its plastic: what a kit of single runs, or a training set, pays a strip."""
    strips = iter(range(100, 100_000))
    assert benchmark(lambda: renderer.frames(Strip("G", next(strips)), 1)).shape == (3, 1024, 1280)


def test_drawing_beside_inspecting(benchmark: Timed, renderer: Renderer, capsys: pytest.CaptureFixture[str]) -> None:
    """Three frames drawn and inspected by the shipped network, in turn: their ratio holds on other machines too."""
    detector = NetworkDetector("compact", PAPER)
    spent = {"draw": 0.0, "inspect": 0.0}

    def draw_and_inspect() -> None:
        began = time.perf_counter()
        frames = renderer.frames(STRIP, 2)
        drawn = time.perf_counter()
        detector.score(Inspection.of_frames(PAPER, frames))
        spent["draw"] += drawn - began
        spent["inspect"] += time.perf_counter() - drawn

    draw_and_inspect()
    spent.update(draw=0.0, inspect=0.0)
    benchmark(draw_and_inspect)
    ratio = spent["draw"] / spent["inspect"]
    benchmark.extra_info["drawing_to_inspecting"] = round(ratio, 3)
    with capsys.disabled():
        sys.stdout.write(f"\ndrawing three frames takes {ratio:.2f} of the time their inspection takes\n")
