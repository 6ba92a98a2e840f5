from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.cli import main
from harness.errors import DetectorError
from harness.strips.kit import STANDARD_SEED, Kit, standard_kit
from harness.study.generality import USUAL, Asked, KitAsked, KitJudged, generality, shaken_against_calm


def judged(seed: int, agitation: float, rejects: list[int]) -> KitJudged:
    """Two defective products of two classes and two good ones, ten runs each, 7 of 10."""
    truth = np.array(["defective", "defective", "good", "good"])
    counts = np.array(rejects)
    right = np.where(truth == "defective", counts, 10 - counts) >= 7
    table = pd.DataFrame(
        {"product": list("abcd"), "truth": truth, "defect": ["burn", "bump", "", ""], "rejects": counts, "runs": 10,
         "right": right}
    )  # fmt: skip
    return KitJudged(seed, replace(USUAL, agitation=agitation), table)


def test_a_kit_is_told_in_counts() -> None:
    """Products right with their exact interval, single runs right, and the classes of those missed."""
    told = judged(11, 0.0, [7, 6, 3, 4]).as_dict()
    assert told["kit"] == "kit of seed 11"
    assert {key: told["defective"][key] for key in ("n", "right", "runs", "runs_right")} == {
        "n": 2, "right": 1, "runs": 20, "runs_right": 13
    }  # fmt: skip
    assert (told["good"]["right"], told["good"]["runs_right"]) == (1, 13)
    assert told["defective"]["low"] == pytest.approx(0.0126, abs=1e-4)  # Clopper-Pearson of 1 of 2
    assert told["missed"] == {"bump": 1}
    assert judged(11, 0.0, [7, 6, 3, 4]).in_words().startswith("kit of seed 11: right defective 1/2 [0.013, 0.987]")


def test_shaken_stands_against_calm() -> None:
    """Each shaken kit against the calm one with the same products; one without its twin against none."""
    calm, shaken = judged(STANDARD_SEED, 0.0, [8, 8, 0, 0]), judged(STANDARD_SEED, 1.0, [8, 5, 0, 5])
    ((name, (defective, good)),) = shaken_against_calm([calm, judged(12, 1.0, [1, 1, 1, 1]), shaken])
    assert name == "standard kit, agitation 1"
    assert (defective.difference, good.difference) == (-0.5, -0.5)
    assert (defective.runs_right, good.runs_right) == ((16, 13), (20, 15))


@pytest.mark.parametrize(
    ("seeds", "expected"), [("11,twelve", "whole numbers with commas between"), ("11,12,11", "each once")]
)
def test_seeds_that_are_none(seeds: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, exit 2."""
    with pytest.raises(SystemExit) as left:
        main(["generality", "--seeds", seeds])
    assert left.value.code == 2
    assert capsys.readouterr().err == f"--seeds: expected {expected}, got {seeds}\n"


@pytest.mark.parametrize("agitation", ["some", "0", "1,-2", "inf"])
def test_agitations_that_are_none(agitation: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, exit 2; 0 is the calm liquid that every shaken one stands beside."""
    with pytest.raises(SystemExit) as left:
        main(["generality", "--agitation", agitation])
    assert left.value.code == 2
    expected = f"--agitation: expected numbers > 0 with commas between, got {agitation}\n"
    assert capsys.readouterr().err == expected


def test_a_level_that_is_not_there() -> None:
    """Said before a kit is judged."""
    asked = Asked("compact", "marked", "best", runs=3, required=2, seed=7)
    with pytest.raises(DetectorError, match=r"--level: expected one of patch, strip, .* got best"):
        generality(asked, kits=[])


@pytest.mark.slow  # TensorFlow is loaded in two more processes
def test_the_shipped_detector_judges_in_processes() -> None:
    """A strip with a cut and a good one, three runs each: counted as the detector judges them."""
    kit = standard_kit("quick")
    cut = next(strip for strip in kit.strips if strip.defect is not None and strip.defect.kind == "laser_cut")
    two = (cut, next(strip for strip in kit.strips if strip.defect is None))
    (found,) = generality(
        Asked("compact", "marked", "seven_of_ten", runs=3, required=2, seed=7),
        kits=[KitAsked(Kit("two", two), 2024)],
    )
    assert found.table["product"].tolist() == [strip.product for strip in two]
    assert found.table["right"].all()
