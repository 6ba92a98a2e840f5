from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from harness.acceptance.assumed import SizeModel
from harness.acceptance.criteria import CRITERIA
from harness.acceptance.design import oc_curve
from harness.acceptance.sizing import COLUMNS, Design, resized, study_rates, sweep

REPLICATIONS = 200


def rates(kit: pd.DataFrame, design: Design, replications: int = REPLICATIONS) -> pd.Series[float]:
    """Pass rates by criterion."""
    return study_rates(kit, design, seed=7, replications=replications).set_index("criterion")["rate"]


def test_a_sharper_machine_passes_more_often(kit: pd.DataFrame) -> None:
    """The criteria on defective products rise with the machine's quality, from hardly ever to nearly always."""
    found = [rates(kit, Design(sharpness=value)) for value in (0.5, 1.0, 2.0)]
    for name in ("defective_median_inspector", "defective_pooled_baseline", "knapp_rze_ratio", "mcnemar_defective"):
        blunt, equal, sharp = (rate[name] for rate in found)
        assert blunt <= equal <= sharp
        assert blunt < 0.2
        assert sharp > 0.9


def test_false_rejects_cost_the_criteria_on_good_products(kit: pd.DataFrame) -> None:
    """At 1 % a run good products pass by 7 of 10, at half they fail; the chance of all thirty is that of theory."""
    few, many = rates(kit, Design(false_reject=0.01)), rates(kit, Design(false_reject=0.5))
    assert few["good_median_inspector"] == 1.0
    assert many["good_median_inspector"] == 0.0
    some = rates(kit, Design(false_reject=0.2), 2000)["good_median_inspector"]
    assert some == pytest.approx(float(oc_curve(0.8)) ** 30, abs=0.015)


def test_detection_is_what_the_model_says() -> None:
    """At the a50 of its class and sharpness 1 a run detects halfway between guess and 1 - lapse; sharper is larger."""
    kit = pd.DataFrame({"product": ["D1"], "truth": "defective", "defect": "scratch", "size_um": 350.0,
                        "contrast": 0.3, "criticality": "major"})  # fmt: skip
    plain = Design(model=SizeModel(product_spread=0.0))
    table = study_rates(kit, plain, seed=7, replications=3)
    assert table["detection"].iloc[0] == pytest.approx(0.495)
    sharper = study_rates(kit, replace(plain, sharpness=2.0), seed=7, replications=3)
    twice = study_rates(kit.assign(size_um=700.0), plain, seed=7, replications=3)
    assert sharper["detection"].iloc[0] == pytest.approx(twice["detection"].iloc[0])


def test_correlated_runs_and_spread_change_the_answer(kit: pd.DataFrame) -> None:
    """Alike runs lose good products that independent ones keep; inspectors without spread are another study."""
    alone, alike = (rates(kit, Design(false_reject=0.1, correlation=value)) for value in (0.0, 0.5))
    assert alike["good_median_inspector"] < alone["good_median_inspector"]
    assert not rates(kit, Design(model=SizeModel(spread=0.0))).equals(rates(kit, Design()))


def test_every_criterion_of_counts_has_a_rate_and_nothing_is_nan(kit: pd.DataFrame) -> None:
    """A kit without good products, one without defective ones, one product: rates, and passes that are none."""
    for part in (kit, kit[kit["truth"] == "good"], kit[kit["truth"] == "defective"], kit.head(1)):
        table = study_rates(part, Design(), seed=7, replications=4)
        assert tuple(table["criterion"]) == tuple(name for name in CRITERIA if name != "no_late_run")
        assert not table.isna().any().any()
    assert rates(kit[kit["truth"] == "defective"], Design(), 4)["good_median_inspector"] == 0.0


def test_the_seed_makes_the_answer(kit: pd.DataFrame) -> None:
    """Twice the same, to the last digit."""
    first, again = (study_rates(kit, Design(), seed=3, replications=20) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


def test_a_kit_grows_and_shrinks_by_truth(kit: pd.DataFrame) -> None:
    """Forty and thirty become twenty and fifteen, or eighty and sixty, under names that are each there once."""
    for factor, counts in ((0.5, (20, 15)), (2.0, (80, 60)), (0.001, (1, 1))):
        part = resized(kit, factor)
        assert (part["truth"].eq("defective").sum(), part["truth"].eq("good").sum()) == counts
        assert part["product"].is_unique
    assert resized(kit, 1.0).equals(kit)
    with pytest.raises(ValueError, match="factor: expected a number > 0, got 0"):
        resized(kit, 0)


def test_a_sweep_moves_one_thing_at_a_time(kit: pd.DataFrame) -> None:
    """Every axis has its values, and what is not its own stays as in the design."""
    table = sweep(kit, Design(inspectors=3, looks=4), seed=7, replications=2)
    assert table.columns.tolist() == COLUMNS
    assert list(dict.fromkeys(table["axis"])) == ["sharpness", "false_reject", "products", "inspectors", "looks"]
    rows = table[table["axis"] == "looks"]
    assert (rows["looks"] == rows["value"]).all()
    assert set(rows["inspectors"]) == {3}
    sizes = table[table["axis"] == "products"]
    assert (sizes["value"] == sizes["defective"] + sizes["good"]).all()
