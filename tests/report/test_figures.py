"""Figures: inline, described, and free of what would tie them to a moment or a file."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

from harness.acceptance.pod import fit_pod
from harness.report.figures import (
    Point,
    Scores,
    Series,
    detection_figure,
    latency_figure,
    plane_figure,
    scores_figure,
)

SIZES = [50.0, 100.0, 200.0, 400.0]


def series(hits: list[int]) -> Series:
    """Ten looks at each of four sizes."""
    return Series(SIZES, [hit / 10 for hit in hits], fit_pod(SIZES, hits, [10] * 4))


def all_figures() -> dict[str, str]:
    """One of each kind."""
    return {
        "plane": plane_figure([Point("machine", Fraction(1, 10), Fraction(9, 10), "machine")], assumed=True),
        "detection": detection_figure(
            "black spot",
            series([1, 4, 8, 10]),
            series([0, 0, 0, 0]),
            sizes_um=(50, 400),
            false_rejects=0.1,
            who="people",
        ),
        "latency": latency_figure(np.array([300.0, 310.0, 600.0]), deadline_ms=492, p50=310.0, p99=600.0),
        "scores": scores_figure(Scores("R0 flag", np.array([0.1, 0.2]), np.array([]), 0.15)),
    }


def test_figures_are_described_in_words() -> None:
    """Who does not see the figure hears its numbers."""
    described = {name: re.search(r'aria-label="([^"]+)"', figure) for name, figure in all_figures().items()}
    words = {name: found[1] for name, found in described.items() if found}
    assert ">R0 flag, threshold 0.1500<" in all_figures()["scores"]
    assert words["plane"] == "Plane of RZE against RAG: machine RZE 0.900, RAG 0.100."
    assert "people 0 of 40 looks rejected, no a50" in words["detection"]
    assert "1 above 492 ms" in words["latency"]
    assert "good 1 of 2 above the threshold 0.1500, with a defect here 0 of 0" in words["scores"]


@pytest.mark.parametrize("name", ["plane", "detection", "latency", "scores"])
def test_figures_are_the_same_every_time(name: str) -> None:
    """No date, no random name, no address; drawn twice, they are one."""
    first, second = all_figures()[name], all_figures()[name]
    assert first == second
    assert not re.search(r"http|metadata|<!--|DejaVu", first)
    used, ids = set(re.findall(r"(?:url\(|href=\")#([\w-]+)", first)), re.findall(r' id="([\w-]+)"', first)
    assert used <= set(ids)
    assert len(ids) == len(set(ids))


def test_a_plane_without_a_number_is_no_figure() -> None:
    """An empty zone leaves nothing to draw."""
    assert plane_figure([Point("machine", None, Fraction(1), "machine")], assumed=False) == ""


def test_one_size_alone_has_an_axis() -> None:
    """A kit of one size still has two marks on its axis."""
    one = Series([100.0], [1.0], fit_pod([100.0], [10], [10]))
    figure = detection_figure("x", one, one, sizes_um=(100.0, 100.0), false_rejects=None, who="people")
    assert figure.startswith("<svg")
