from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from harness.difficulty import Difficulty, Zones, blob_inspector, difficulty, inspectors_zones
from harness.errors import DetectorError, KitError
from harness.geometry import PAPER
from harness.strips.defects import Defect
from harness.strips.kit import Kit, Strip, good_strips, standard_kit

INSIDE = Difficulty(
    kit="knapp",
    digest="0" * 64,
    seed=7,
    runs=2,
    detected=(200, 282),
    passed=(200, 240),
    blob_accuracy=0.77,
    blob_settings="blob settings",
    gaussian_auroc=0.9,
    gaussian_settings="gaussian settings",
    zones=Zones(reject=110, grey=21, accept=10),
)


def test_a_kit_inside_all_gates() -> None:
    """A kit as hard as it should be meets all three, and says so."""
    assert [gate.met for gate in INSIDE.gates] == [True, True, True]
    assert INSIDE.met
    assert INSIDE.in_words().splitlines()[0] == "kit knapp is as hard as it should be (seed 7, 2 runs)"


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"blob_accuracy": 0.8501}, "blob"),
        ({"gaussian_auroc": 0.9201}, "gaussian"),
        ({"zones": Zones(98, 30, 13)}, "inspectors"),
        ({"zones": Zones(127, 10, 4)}, "inspectors"),
        ({"zones": Zones(110, 0, 31)}, "inspectors"),
    ],
    ids=["too easy for blobs", "too easy for the template", "too few seen", "too many seen", "nothing grey"],
)
def test_each_gate_is_named_when_it_is_not_met(change: dict[str, object], gate: str) -> None:
    """Each bound is a gate of its own: a kit just beyond it is outside, and the line of that gate says so."""
    outside = replace(INSIDE, **change)  # type: ignore[arg-type]
    assert [found.name for found in outside.gates if not found.met] == [gate]
    assert not outside.met
    (line,) = [line for line in outside.in_words().splitlines() if "NOT MET" in line]
    assert gate in line


@pytest.mark.parametrize(
    "change",
    [
        {"blob_accuracy": 0.85},
        {"gaussian_auroc": 0.92},
        {"zones": Zones(70, 20, 10)},
        {"zones": Zones(90, 1, 9)},
    ],
)
def test_a_bound_itself_is_inside(change: dict[str, object]) -> None:
    """At most and at least include the bound."""
    assert replace(INSIDE, **change).met  # type: ignore[arg-type]


def test_figures_are_json() -> None:
    """What a person reads, a program can: numbers, settings, and each gate with what it asks."""
    values = json.loads(json.dumps(INSIDE.as_dict()))
    assert values["met"] is True
    assert [gate["name"] for gate in values["gates"]] == ["blob", "gaussian", "inspectors"]
    assert values["blob"]["defective"] == {"right": 200, "n": 282}
    assert values["inspectors"] == {"reject": 110, "grey": 21, "accept": 10, "reject_share": pytest.approx(110 / 141)}


def test_standard_kit_meets_the_inspectors_gate() -> None:
    """The assumed panel of the standard scenario puts 70-90 % of its defective strips in the reject zone, some grey."""
    zones = inspectors_zones(standard_kit("knapp"), seed=7)
    assert zones.defective == 141
    assert 0.70 <= zones.reject_share <= 0.90
    assert zones.grey > 0


def test_ten_other_kits_meet_the_inspectors_gate() -> None:
    """Nine of ten kits of other seeds do, before the same panel."""
    met = [
        0.70 <= zones.reject_share <= 0.90 and zones.grey > 0
        for seed in range(1, 11)
        for zones in [inspectors_zones(standard_kit("knapp", seed=seed), seed=7)]
    ]
    assert sum(met) >= 9


def test_large_dark_defects_are_rejected_by_everybody() -> None:
    """A kit that shouts has no grey zone; one of specks has no reject zone."""

    def zones(size_um: float, contrast: float) -> Zones:
        speck = Defect("black_spot", 1, 2, size_um, contrast, "major")
        return inspectors_zones(Kit("k", tuple(Strip(f"D{n}", n, speck) for n in range(10))), seed=7)

    assert zones(5000.0, 0.6) == Zones(reject=10, grey=0, accept=0)
    assert zones(50.0, 0.1) == Zones(reject=0, grey=0, accept=10)


def test_zones_depend_on_the_panel() -> None:
    """Another seed is another panel: the same kit, another share."""
    shares = [inspectors_zones(standard_kit("knapp"), seed=seed).reject_share for seed in range(4)]
    assert len(set(shares)) > 1
    assert np.ptp(shares) < 0.3


@pytest.mark.parametrize(
    ("kit", "sentence"),
    [
        (Kit("one", tuple(good_strips("training", 2))), "kit one: expected defective and good products, got only good"),
        (Kit("no", ()), "kit no: expected defective and good products, got only none"),
        (
            Kit("rec", tuple(replace(strip, path=strip.product) for strip in standard_kit("quick").strips)),
            "kit rec: expected drawn products: the inspectors learn from drawn strips, got recorded ones",
        ),
        (standard_kit("calibration"), "kit calibration: expected no product of the calibration, got 120 shared"),
    ],
    ids=["good alone", "empty", "recorded", "calibration itself"],
)
def test_kits_that_cannot_be_judged_are_refused(kit: Kit, sentence: str) -> None:
    """Before anything is drawn, a kit that these inspectors cannot be fair to is refused in one sentence."""
    with pytest.raises(KitError, match=sentence):
        difficulty(kit)


def test_plugged_in_inspectors_are_for_drawn_strips() -> None:
    """The factories for scenarios learn from drawn strips, so another geometry is refused at once."""
    with pytest.raises(DetectorError, match="expected the geometry of drawn strips"):
        blob_inspector(replace(PAPER, frames=(1, 2, 3)))


@pytest.mark.slow
def test_quick_kit_is_judged_whole() -> None:
    """The whole way on a small kit: template, tuning, kit; every strip is counted once a run."""
    stages: dict[str, int] = {}

    def progress(stage: str, done: int, total: int) -> None:
        stages[stage] = done
        assert done <= total

    kit = standard_kit("quick")
    found = difficulty(kit, runs=1, progress=progress)
    assert stages == {"template": 40, "calibration": 240, "kit": 22}
    assert found.detected[1] == 12
    assert found.passed[1] == 10
    assert 0.3 < found.blob_accuracy < 1.0
    assert 0.3 < found.gaussian_auroc < 1.0
