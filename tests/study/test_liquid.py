"""Rejects against the liquid: counted, held against the usual liquid, drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.cli import main
from harness.report.liquid import liquid_figure
from harness.strips.kit import development_kit
from harness.strips.liquid import LiquidScale
from harness.study.generality import USUAL, KitJudged
from harness.study.liquid import SWEPT, in_words, liquids, rows


def judged(scale: LiquidScale, rejects: list[int]) -> KitJudged:
    """Two defective products and two good ones, two runs each."""
    truth = np.array(["defective", "defective", "good", "good"])
    right = np.where(truth == "defective", rejects, 2 - np.array(rejects)) == 2
    table = pd.DataFrame({"product": list("abcd"), "truth": truth, "rejects": rejects, "runs": 2, "right": right})
    return KitJudged(77, scale, table)


@pytest.fixture
def sticky() -> list[KitJudged]:
    """Bubbles that stick more often: a defect is missed once, and three good runs are rejected where none was."""
    others = [judged(replace(USUAL, stick=value), [2, 2, 0, 0]) for value in (0.0, 0.6)]
    return [judged(USUAL, [2, 2, 0, 0]), judged(replace(USUAL, stick=0.4), [2, 1, 1, 2]), *others]


def test_each_scale_is_changed_by_itself() -> None:
    """The usual liquid once, then every value of every scale, all on the same products."""
    kits = liquids(development_kit(1, 1), 77, list(SWEPT))
    assert kits[0].scale == USUAL
    assert len({kit.scale for kit in kits}) == len(kits) == 1 + sum(map(len, SWEPT.values()))
    assert len({kit.kit for kit in kits}) == 1
    usual = vars(USUAL)
    assert all(sum(vars(kit.scale)[name] != usual[name] for name in usual) == 1 for kit in kits[1:])


def test_rejects_stand_beside_those_of_the_usual_liquid(sticky: list[KitJudged]) -> None:
    """Values in order, the usual one among them; rejected runs, their share and how far it is from the usual."""
    found = rows(sticky, ["stick"])
    assert [(row["value"], row["usual"]) for row in found] == [(0.0, False), (0.2, True), (0.4, False), (0.6, False)]
    more = found[2]
    assert (more["good"]["rejects"], more["good"]["runs"], more["good"]["difference"]) == (3, 4, 0.75)
    assert (more["defective"]["rejects"], more["defective"]["difference"]) == (3, -0.25)
    for truth in ("good", "defective"):
        assert more[truth]["low"] <= more[truth]["share"] <= more[truth]["high"]
        assert more[truth]["difference_low"] <= more[truth]["difference"] <= more[truth]["difference_high"]
    assert found[1]["good"]["difference"] == found[0]["good"]["difference"] == 0.0


def test_words_name_what_is_changed(sticky: list[KitJudged]) -> None:
    """The usual liquid first, with its interval; the others with their difference."""
    usual, *others = in_words(rows(sticky, ["stick"])).splitlines()
    assert usual.startswith("usual liquid    good rejected    0/4   0.0 % [0.0, ")
    assert [line.partition("good")[0].strip() for line in others] == ["stick 0", "stick 0.4", "stick 0.6"]
    assert "good rejected    3/4  75.0 % (+75.0 [" in others[1]


def test_the_figure_tells_its_numbers(sticky: list[KitJudged]) -> None:
    """For those who do not see it: every value with both shares."""
    figure = str(liquid_figure(rows(sticky, ["stick"])))
    assert "stick 0.4: 75.0 % of good runs rejected, 25.0 % of defective ones accepted" in figure
    assert "share of bubbles that stick" in figure


@pytest.mark.parametrize(("scales", "got"), [("slosh,foam", "'foam'"), ("", "''")])
def test_a_scale_that_is_none(scales: str, got: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, exit 2."""
    with pytest.raises(SystemExit) as left:
        main(["liquid", "--scales", scales])
    assert left.value.code == 2
    expected = f"--scales: expected some of slosh, bubbles, stick, drops, viscosity, agitation, got {got}\n"
    assert capsys.readouterr().err == expected


def test_a_file_that_is_there_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Said before anything is judged."""
    there = tmp_path / "liquid.svg"
    there.write_text("mine")
    with pytest.raises(SystemExit) as left:
        main(["liquid", "--figure", str(there)])
    assert left.value.code == 2
    assert str(there) in capsys.readouterr().err
    assert there.read_text() == "mine"
