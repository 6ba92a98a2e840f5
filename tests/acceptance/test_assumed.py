from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.acceptance.assumed import A50_UM, MACKWORTH_FATIGUE, SizeModel, assumed_looks, assumed_probabilities
from harness.errors import BaselineError


def one_size(size_um: float, n: int = 4000, defect: str = "stuck_particle", contrast: float = 0.3) -> pd.DataFrame:
    """Many products of one class, size and contrast."""
    return pd.DataFrame(
        {"product": [f"D{i}" for i in range(n)], "truth": "defective", "defect": defect, "size_um": size_um,
         "contrast": contrast}
    )  # fmt: skip


@pytest.mark.parametrize("defect", sorted(A50_UM))
def test_half_are_seen_at_the_a50_of_the_class(defect: str) -> None:
    """At a50 and contrast 0.3, averaged over inspectors and products, P is halfway between guess and 1 - lapse."""
    found = assumed_probabilities(one_size(A50_UM[defect], 300, defect), inspectors=60, seed=1)
    assert found["probability"].mean() == pytest.approx((0.01 + 0.98) / 2, abs=0.03)


def test_the_mean_over_spreads_is_the_probit_with_a_wider_spread() -> None:
    """E Phi(x + s + v) = Phi(x / sqrt(1 + .4^2 + .3^2)): the model as written, on 400 um at contrast 0.2."""
    found = assumed_probabilities(one_size(400.0, 1500, contrast=0.2), inspectors=400, seed=3)
    probit = 2.6 * np.log(400 / 230) + 1.3 * np.log(0.2 / 0.3)
    expected = 0.01 + 0.97 * stats.norm.cdf(probit / np.sqrt(1 + 0.16 + 0.09))
    assert found["probability"].mean() == pytest.approx(expected, abs=0.02)


def test_scale_moves_a50_from_glass_to_plastic() -> None:
    """A particle in clear glass (scale 1) is seen at half the size, 115 um."""
    glass = assumed_probabilities(one_size(115.0, 50), inspectors=5, seed=1, model=SizeModel(scale=1.0))
    plastic = assumed_probabilities(one_size(230.0, 50), inspectors=5, seed=1)
    np.testing.assert_allclose(glass["probability"], plastic["probability"], rtol=1e-12)


def test_lapse_and_guess_bound_every_probability(kit: pd.DataFrame) -> None:
    """Nobody sees everything, and good products are rejected by guess alone."""
    huge = assumed_probabilities(one_size(1e6, 5), inspectors=3, seed=1)
    assert huge["probability"].tolist() == pytest.approx([0.98] * 15)
    tiny = assumed_probabilities(one_size(1e-3, 5), inspectors=3, seed=1)
    assert tiny["probability"].tolist() == pytest.approx([0.01] * 15)
    good = assumed_probabilities(kit, inspectors=3, seed=1)
    assert set(good.loc[good["product"].str.startswith("G"), "probability"]) == {0.01}


def test_looks_follow_the_probabilities() -> None:
    """The share of rejects is the mean probability."""
    products = one_size(260.0, 500)
    looks = assumed_looks(products, inspectors=4, looks=10, seed=5)
    assert looks["reject"].mean() == pytest.approx(
        assumed_probabilities(products, inspectors=4, seed=5)["probability"].mean(), abs=0.01
    )


def test_a_look_does_not_depend_on_what_else_is_drawn(kit: pd.DataFrame) -> None:
    """Fewer products, inspectors and looks, in another order: the looks that are left are the same."""
    full = assumed_looks(kit, inspectors=5, looks=10, seed=9)
    some = assumed_looks(kit.iloc[[20, 3, 50]], inspectors=2, looks=4, seed=9)
    keys = ["product", "inspector", "look"]
    both = some.merge(full, on=keys, suffixes=("_some", "_full"), validate="1:1")
    assert len(both) == len(some) == 3 * 2 * 4
    assert both["reject_some"].equals(both["reject_full"].rename("reject_some"))
    assert not assumed_looks(kit, inspectors=5, looks=10, seed=10)["reject"].equals(full["reject"])


def test_the_table_has_a_row_a_look(kit: pd.DataFrame) -> None:
    """Columns and counts; a kit without products has none."""
    looks = assumed_looks(kit, inspectors=3, looks=2, seed=1)
    assert looks.columns.tolist() == ["product", "inspector", "look", "reject"]
    assert len(looks) == len(kit) * 6
    assert looks["reject"].dtype == bool
    assert assumed_looks(kit.head(0), inspectors=3, looks=2, seed=1).empty


def test_every_unusable_product_is_listed() -> None:
    """Unknown class, size and contrast that are no numbers above zero."""
    kit = one_size(100.0, 3).assign(
        defect=["crack", "burn", "burn"], size_um=[1.0, 0.0, float("nan")], contrast=[0.3, None, -1.0]
    )
    with pytest.raises(BaselineError) as caught:
        assumed_looks(kit, inspectors=1, looks=1, seed=1)
    places = [problem.where for problem in caught.value.problems]
    assert places == ["product D0: defect", "product D1: size_um", "product D1: contrast", "product D2: size_um",
                      "product D2: contrast"]  # fmt: skip
    for change in ({"inspectors": 0}, {"looks": 0}):
        with pytest.raises(ValueError, match="expected"):
            assumed_looks(one_size(100.0, 1), **{"inspectors": 1, "looks": 1, "seed": 1, **change})  # type: ignore[arg-type]


def test_fatigue_only_ever_loses_detections() -> None:
    """The same looks made tired: no accept becomes a reject, detection falls as the probit says, then no more."""
    products = one_size(230.0, 1500)
    model = SizeModel(spread=0.0, product_spread=0.0, fatigue=MACKWORTH_FATIGUE)
    tables = [
        assumed_looks(products, inspectors=1, looks=4, seed=5, model=model, minutes=np.full((1500, 1, 4), minutes))
        for minutes in (0.0, 15.0, 30.0, 90.0)
    ]
    fresh, half, tired, after = (table["reject"].to_numpy() for table in tables)
    assert fresh.sum() > half.sum() > tired.sum()
    assert not (tired & ~fresh).any()
    assert (after == tired).all()
    assert tired.mean() == pytest.approx(0.01 + 0.97 * stats.norm.cdf(-0.36), abs=0.015)
    assert assumed_looks(products, inspectors=1, looks=4, seed=5, model=model).equals(tables[0])


def test_half_an_hour_costs_ten_points_at_84_percent() -> None:
    """What the constant of fatigue is: 84 % detected become 74 %."""
    assert stats.norm.cdf(stats.norm.ppf(0.843) - MACKWORTH_FATIGUE) == pytest.approx(0.742, abs=0.005)


def test_a_model_outside_its_range_names_every_value() -> None:
    """Spreads and fatigue below zero, a scale of zero, a guess and a lapse that leave no room."""
    with pytest.raises(BaselineError) as caught:
        SizeModel(spread=-1.0, fatigue=float("nan"), scale=0.0, lapse=0.99)
    assert [problem.where for problem in caught.value.problems] == [
        "size model: spread", "size model: fatigue", "size model: scale", "size model: lapse",
    ]  # fmt: skip
    with pytest.raises(BaselineError, match="size model: guess: expected a number in"):
        SizeModel(guess=1.0)


def test_without_spread_all_inspectors_are_one() -> None:
    """Between-inspector spread is what makes them differ."""
    found = assumed_probabilities(one_size(250.0, 20), inspectors=4, seed=1, model=SizeModel(spread=0.0))
    assert found.groupby("product")["probability"].nunique().eq(1).all()
