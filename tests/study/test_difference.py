"""Two results on the same products."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.acceptance.paired import Paired, mcnemar_exact, tango_interval
from harness.study.difference import difference, difference_of

Bench = Callable[..., tuple[int, str, str]]

REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "knapp"
FILES = ("manifest.json", "summary.json", "products.parquet")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The reference result as if three more defective products had been found, and one fewer; good ones as they are."""
    folder = tmp_path / "other"
    folder.mkdir()
    for name in FILES:
        shutil.copy(REFERENCE / name, folder / name)
    products = pd.read_parquet(folder / "products.parquet")
    defective = products["truth"] == "defective"
    missed = products.index[defective & ~products["right"].astype(bool)][:3]
    found = products.index[defective & (products["rejects"] == 10)][:1]
    products.loc[missed, ["rejects", "right"]] = [10, True]
    products.loc[found, ["rejects", "right"]] = [0, False]
    products.sample(frac=1.0, random_state=1).to_parquet(folder / "products.parquet")
    return folder


def test_each_product_stands_against_itself(other: Path) -> None:
    """Counts, difference, interval and P of the products that differ, whatever the order of the rows."""
    defective, good = difference(REFERENCE, other)
    products = pd.read_parquet(REFERENCE / "products.parquet")
    right = products.groupby("truth")["right"].sum()
    expected = Paired(int(right["defective"]) - 1, 1, 3, 141 - int(right["defective"]) - 3)
    assert (defective.counts, defective.p) == (expected, mcnemar_exact(expected))
    turned = tango_interval(Paired(expected.both, 3, 1, expected.neither))
    assert (defective.low, defective.high) == (turned.low, turned.high)
    assert defective.difference == pytest.approx(2 / 141)
    assert defective.low < 2 / 141 < defective.high
    assert (defective.runs_low < defective.runs_difference < defective.runs_high) == (defective.runs_difference != 0)
    assert good.difference == 0.0
    assert good.p == 1.0
    assert good.runs_right[0] == good.runs_right[1]
    assert good.low < 0 < good.high


def test_turned_round_the_difference_changes_its_sign(other: Path) -> None:
    """First and second have no other part in it."""
    there, back = difference(REFERENCE, other)[0], difference(other, REFERENCE)[0]
    assert there.difference == -back.difference
    assert there.low == pytest.approx(-back.high, abs=1e-9)
    assert np.isclose(there.runs_difference, -back.runs_difference)


def test_from_the_command_line(bench: Bench, other: Path) -> None:
    """In words with counts, and as JSON."""
    code, text, _ = bench("difference", REFERENCE, other)
    assert code == 0
    assert "only the first 1, only the second 3" in text
    code, text, _ = bench("difference", REFERENCE, other, "--json")
    assert [part["truth"] for part in json.loads(text)] == ["defective", "good"]


def test_other_products_are_bad_input(bench: Bench, other: Path) -> None:
    """One sentence."""
    products = pd.read_parquet(other / "products.parquet")
    products.iloc[1:].to_parquet(other / "products.parquet")
    code, _, said = bench("difference", REFERENCE, other)
    assert code == 2
    assert said.strip() == f"{other}: expected the products of {REFERENCE}, got other products"


def test_another_k_is_bad_input(bench: Bench, other: Path) -> None:
    """Rates of different rules are not compared."""
    summary = json.loads((other / "summary.json").read_text())
    (other / "summary.json").write_text(json.dumps(summary | {"required": 6}))
    code, _, said = bench("difference", REFERENCE, other)
    assert code == 2
    assert said.strip().endswith(f"required: expected 7, as in {REFERENCE}, got 6")


def test_few_products_that_differ_leave_room_for_others() -> None:
    """With one of ten changed the interval is not what resampling alone gives, and with none it is not nothing."""
    table = pd.DataFrame({"truth": "good", "right": True, "rejects": 0, "runs": 10}, index=range(10))
    (none,) = [found for found in difference_of(table, table) if found.truth == "good"]
    assert none.runs_difference == 0.0
    assert none.runs_high == -none.runs_low == pytest.approx(1 - 0.025**0.1)  # Clopper-Pearson, 0 of 10 products
    changed = table.assign(rejects=[5] + 9 * [0])
    (one,) = [found for found in difference_of(table, changed) if found.truth == "good"]
    assert one.runs_difference == pytest.approx(-0.05)
    assert one.runs_low < -0.1
    assert one.runs_high > 0.0


@pytest.mark.slow
def test_the_interval_holds_the_difference_as_often_as_it_says() -> None:
    """Where one product in ten, or in fifty, is rejected in half of its runs and all others never."""
    for products, susceptible in ((10, 0.1), (120, 0.02)):
        held = 0
        for study in range(300):
            rng = np.random.default_rng([products, study])
            rejects = rng.binomial(10, np.where(rng.random(products) < susceptible, 0.5, 0.0))
            before = pd.DataFrame({"truth": "good", "right": True, "rejects": 0, "runs": 10}, index=range(products))
            (found,) = [d for d in difference_of(before, before.assign(rejects=rejects)) if d.truth == "good"]
            held += found.runs_low <= -0.5 * susceptible <= found.runs_high
        assert held >= 0.94 * 300
