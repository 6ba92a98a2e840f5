from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.acceptance.knapp import knapp, split_half, split_half_weights, zone


def table(rejects: list[int], runs: int) -> pd.DataFrame:
    """Products P0, P1, ... with these rejects."""
    return pd.DataFrame({"product": [f"P{i}" for i in range(len(rejects))], "rejects": rejects, "runs": runs})


def test_jambon(jambon: pd.DataFrame, reference: dict[str, Any]) -> None:
    """The published counts give the published efficiencies, and the machine fails."""
    machine = jambon.rename(columns={"machine_rejects": "rejects", "machine_looks": "runs"})
    baseline = jambon.rename(columns={"baseline_rejects": "rejects", "baseline_looks": "runs"})
    found, golden = knapp(machine, baseline), reference["jambon"]
    assert found.rze_machine == Fraction(*golden["rze_machine"])
    assert found.rag_machine == Fraction(*golden["rag_machine"])
    assert found.rze_baseline == 1
    assert found.ratio is not None
    assert float(found.ratio) == pytest.approx(golden["ratio"], abs=5e-5)
    assert found.ratio < 1


def test_quality_factors_are_not_rounded() -> None:
    """33 and 34 of 50 are grey; rounded to a quality factor of 7 all three would be in the reject zone."""
    assert zone([33, 34, 35], 50).tolist() == ["grey", "grey", "reject"]
    assert [round(10 * rejects / 50) for rejects in (33, 34, 35)] == [7, 7, 7]


def test_the_side_of_a_tie_is_a_setting() -> None:
    """p = 0.3 is grey by default; 0.7 always belongs to the reject zone."""
    assert zone([3, 15, 30], [10, 50, 100]).tolist() == ["grey"] * 3
    assert zone([3, 15, 30], [10, 50, 100], tie="accept").tolist() == ["accept"] * 3
    assert zone([7, 21], [10, 30]).tolist() == ["reject"] * 2  # 0.7 is no binary fraction; integers do not care


def test_efficiencies_are_means_of_probabilities() -> None:
    """RZE over the baseline's reject zone, RAG over the rest, exact; products with unequal looks weigh the same."""
    machine = pd.DataFrame({"product": list("ABCD"), "rejects": [5, 2, 3, 1], "runs": [5, 10, 10, 10]})
    baseline = pd.DataFrame({"product": list("DCBA"), "rejects": [0, 30, 40, 50], "runs": 50})
    found = knapp(machine, baseline)
    assert dict(zip(found.zones["product"], found.zones["zone"], strict=True)) == {
        "A": "reject", "B": "reject", "C": "grey", "D": "accept",
    }  # fmt: skip
    assert (found.rze_machine, found.rze_baseline) == (Fraction(6, 10), Fraction(9, 10))
    assert (found.rag_machine, found.rag_baseline) == (Fraction(2, 10), Fraction(3, 10))
    assert found.ratio == Fraction(2, 3)


def test_empty_zones_have_no_number() -> None:
    """No reject zone: no RZE and no ratio. Nothing but a reject zone: no RAG."""
    nothing = knapp(table([1, 2], 10), table([0, 0], 10))
    assert (nothing.rze_machine, nothing.rze_baseline, nothing.ratio) == (None, None, None)
    everything = knapp(table([1, 2], 10), table([9, 10], 10))
    assert (everything.rag_machine, everything.rag_baseline) == (None, None)
    assert split_half(table([1, 2], 10), table([0, 0], 10)).ratio is None
    assert split_half(table([1, 0], 1), table([1, 1], 1)).rze_baseline is None  # one look has no halves


def test_other_products_are_refused() -> None:
    """Machine and baseline look at the same kit."""
    with pytest.raises(ValueError, match="same products"):
        knapp(table([1], 10), table([1, 2], 10))


def test_split_half_weights_by_hand() -> None:
    """Four looks, two chosen: with 3 rejects both are rejects half of the time, and then one of the others is."""
    weight, other = split_half_weights(4)
    assert weight.tolist() == pytest.approx([0, 0, 1 / 6, 1 / 2, 1])
    assert other.tolist() == pytest.approx([0, 0, 0, 1 / 4, 1])


def test_split_half_equals_the_mean_over_random_halves() -> None:
    """The exact sum agrees with halving the looks many times."""
    rng = np.random.default_rng(5)
    rejects, runs = [7, 6, 9, 3], 10
    sums = np.zeros(2)
    for _ in range(20000):
        for count in rejects:
            order = rng.permutation(np.arange(runs) < count)
            if zone([order[:5].sum()], 5)[0] == "reject":
                sums += (order[5:].mean(), 1)
    found = split_half(table(rejects, runs), table(rejects, runs))
    assert found.rze_baseline == pytest.approx(sums[0] / sums[1], abs=0.004)
    assert found.expected_products == pytest.approx(sums[1] / 20000, abs=0.02)


def test_split_half_takes_back_what_choosing_gave() -> None:
    """Zones chosen by the looks they score flatter the baseline; the other half does not."""
    rng = np.random.default_rng(6)
    chances = rng.uniform(0.5, 0.9, size=2000)
    baseline = table([int(x) for x in rng.binomial(10, chances)], 10)
    machine = table([int(x) for x in rng.binomial(10, chances)], 10)
    plain, halves = knapp(machine, baseline), split_half(machine, baseline)
    assert plain.ratio is not None
    assert halves.ratio is not None
    assert float(plain.ratio) < 0.95 < 0.98 < halves.ratio < 1.02
