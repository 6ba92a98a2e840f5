from __future__ import annotations

import pytest

from harness.acceptance.plan import LETTERS, TAKEN_FOR, blind_codes, look_lists
from harness.errors import BaselineError

PRODUCTS = [f"D{number:03d}" for number in range(30)] + [f"G{number:03d}" for number in range(20)]


def test_every_list_holds_every_product_once_and_no_two_are_alike() -> None:
    """Five inspectors, ten looks: fifty orders of the fifty products."""
    lists = look_lists(PRODUCTS, inspectors=["a", "b", "c", "d", "e"], looks=10, seed=7)
    orders = [tuple(rows["product"]) for _, rows in lists.groupby(["inspector", "look"])]
    assert len(set(orders)) == 50
    assert all(sorted(order) == PRODUCTS for order in orders)
    assert lists["place"].tolist() == list(range(1, 51)) * 50


def test_as_many_lists_as_there_are_orders_can_be_had_and_no_more() -> None:
    """Three products have six orders: all six come, a seventh is refused."""
    lists = look_lists(["A", "B", "C"], inspectors=["a", "b", "c"], looks=2, seed=7)
    assert len({tuple(rows["product"]) for _, rows in lists.groupby(["inspector", "look"])}) == 6
    with pytest.raises(BaselineError, match="plan: expected at most 6 lists, the orders of 3 products, got 8"):
        look_lists(["A", "B", "C"], inspectors=["a", "b", "c", "d"], looks=2, seed=7)


def test_breaks_come_after_every_block() -> None:
    """Fifty products in blocks of twenty: 20, 20 and 10."""
    lists = look_lists(PRODUCTS, inspectors=["a"], looks=2, seed=7, block=20)
    first = lists[lists["look"] == 1]
    assert first["block"].value_counts().sort_index().tolist() == [20, 20, 10]


def test_the_seed_makes_the_lists() -> None:
    """The same seed the same lists, whoever else looks; another seed others."""
    both = look_lists(PRODUCTS, inspectors=["a", "b"], looks=3, seed=7)
    alone = look_lists(PRODUCTS, inspectors=["b"], looks=3, seed=7)
    assert both[both["inspector"] == "b"]["product"].tolist() == alone["product"].tolist()
    assert alone["product"].tolist() != look_lists(PRODUCTS, inspectors=["b"], looks=3, seed=8)["product"].tolist()


def test_truths_are_mixed_in_every_list() -> None:
    """No list has its good products together: the longest stretch of one truth is far below their number."""
    lists = look_lists(PRODUCTS, inspectors=["a", "b"], looks=10, seed=7)
    good = lists["product"].str.startswith("G")
    changes = good.ne(good.shift()).groupby([lists["inspector"], lists["look"]]).sum()
    assert changes.min() > 10


def test_codes_tell_nothing() -> None:
    """One code a product, made of letters that are not taken for one another, in no order of the products."""
    codes = blind_codes(PRODUCTS, seed=7)
    assert sorted(codes) == PRODUCTS
    assert list(codes) != PRODUCTS
    assert len(set(codes.values())) == len(PRODUCTS)
    assert all(set(code) <= set(LETTERS) and len(code) == 4 for code in codes.values())
    assert list(codes.values()) == sorted(codes.values())
    assert blind_codes(PRODUCTS, seed=8) != codes


def test_a_spreadsheet_leaves_codes_as_they_are() -> None:
    """None looks like a number, a date or a truth: saved as such it would be in no key."""
    for text in ("49E7", "3MAR", "JUL4", "TRUE"):
        assert TAKEN_FOR.fullmatch(text)
    products = [f"D{number}" for number in range(261)]
    codes = [code for seed in range(40) for code in blind_codes(products, seed=seed).values()]
    assert not [code for code in codes if TAKEN_FOR.fullmatch(code)]


def test_every_problem_of_a_plan_is_listed() -> None:
    """Doubles, too few, and names that are no file names, all at once."""
    with pytest.raises(BaselineError) as caught:
        look_lists(["A", "A"], inspectors=["a/b"], looks=1, seed=-1, block=0)
    assert [str(problem) for problem in caught.value.problems] == [
        "plan: products: expected each once, got A 2 times",
        "plan: looks: expected a number >= 2, got 1",
        "plan: seed: expected a number >= 0, got -1",
        "plan: block: expected a number >= 1, got 0",
        "plan: inspectors: expected names of 1 to 60 letters, digits, - and _, so that they can name a file, got 'a/b'",
    ]
