"""Look lists for a study with real inspectors: who looks at what in which order, under codes that tell nothing.

What comes back from such a study is read in `recorded.py`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.errors import BaselineError, Problem
from harness.streams import stream

COLUMNS = ("inspector", "look", "place", "block", "code", "verdict", "seconds")
"""Of a list that goes to the inspector; verdict and seconds are filled in there."""

BLOCK = 80
"""Products before a break, an engineering value: some 20 minutes at 15 s a product."""

LETTERS = "ACDEFHJKLMNPRTUVWXY3479"  # none that is taken for another when written by hand
CODE_LENGTH = 4
_MONTH = "(JAN|FEV|MAR|MRT|APR|MAY|JUN|JUL|DEC|ENE)"
TAKEN_FOR = re.compile(rf"\d+E\d+|\d{_MONTH}|{_MONTH}\d|TRUE|WAHR")
"""Codes that a spreadsheet would take for a number, a date or a truth, and change; digits alone it leaves alone."""

LONGEST_NAME = 60
"""Of an inspector; a list is a file of that name."""


def blind_codes(products: Sequence[str], *, seed: int) -> dict[str, str]:
    """A code for each product, to be put on it in place of a name that may tell its truth.

    Args:
        products: Identifiers, each once.
        seed: Of the study, >= 0; who knows it can make the key again, so it stays with the key.

    Returns:
        Code by product, in the order of the codes, which is not that of the products.

    >>> codes = blind_codes(["D1", "G1"], seed=7)
    >>> sorted(codes), len(set(codes.values()))
    (['D1', 'G1'], 2)
    """
    used: set[str] = set()
    codes = {}
    for product in products:
        rng = stream("blind code", seed, product)
        while (code := "".join(rng.choice(list(LETTERS), CODE_LENGTH))) in used or TAKEN_FOR.fullmatch(code):
            pass
        used.add(code)
        codes[product] = code
    return dict(sorted(codes.items(), key=lambda pair: pair[1]))


def look_lists(
    products: Sequence[str], *, inspectors: Sequence[str], looks: int, seed: int, block: int = BLOCK
) -> pd.DataFrame:
    """A list for each look of each inspector: every product once, in an order that no other list has.

    Args:
        products: Identifiers, each once, at least one.
        inspectors: Their names, each once, at least one.
        looks: Lists of each inspector, >= 2: one look says nothing of how sure an inspector is.
        seed: Of the study, >= 0.
        block: Products between two breaks, >= 1.

    Returns:
        Columns inspector, look (from 1), place (from 1), block (from 1), product; a row a look, in the order of work.

    Raises:
        BaselineError: An argument lies outside its range, or there are fewer orders than lists; all are listed.

    >>> lists = look_lists(["A", "B", "C"], inspectors=["ann", "ben"], looks=2, seed=7, block=2)
    >>> lists.groupby(["inspector", "look"]).size().tolist(), lists["block"].tolist()[:3]
    ([3, 3, 3, 3], [1, 1, 2])
    """
    _check(products, inspectors, looks, seed, block)
    taken: set[tuple[str, ...]] = set()
    rows = []
    for inspector in inspectors:
        for look in range(1, looks + 1):
            order = _new_order(products, taken, seed, inspector, look)
            taken.add(order)
            rows += [
                (inspector, look, place, (place - 1) // block + 1, product)
                for place, product in enumerate(order, start=1)
            ]
    return pd.DataFrame(rows, columns=["inspector", "look", "place", "block", "product"])


def minutes_on_task(lists: pd.DataFrame, products: Sequence[str], *, seconds: float) -> NDArray[np.float64]:
    """How long an inspector has been at it since the last break when a product comes.

    Args:
        lists: From `look_lists`.
        products: Identifiers, in the order wanted.
        seconds: A product takes, > 0.

    Returns:
        float (product, inspector, look), minutes; inspectors in the order of the lists.

    >>> lists = look_lists(["A", "B"], inspectors=["ann"], looks=2, seed=7)
    >>> minutes_on_task(lists, ["A", "B"], seconds=15).sum(axis=0).tolist()
    [[0.25, 0.25]]
    """
    names, looks = list(dict.fromkeys(lists["inspector"])), int(lists["look"].max())
    in_block = lists.groupby(["inspector", "look", "block"]).cumcount()
    minutes = np.zeros((len(products), len(names), looks))
    places = (
        pd.Index(products).get_indexer(pd.Index(lists["product"])),
        pd.Index(names).get_indexer(pd.Index(lists["inspector"])),
        lists["look"].to_numpy() - 1,
    )
    minutes[places] = in_block.to_numpy() * seconds / 60
    return minutes


def _new_order(
    products: Sequence[str], taken: set[tuple[str, ...]], seed: int, inspector: str, look: int
) -> tuple[str, ...]:
    rng = stream("look list", seed, inspector, look)
    while True:
        order = tuple(products[place] for place in rng.permutation(len(products)))
        if order not in taken:
            return order


def _check(products: Sequence[str], inspectors: Sequence[str], looks: int, seed: int, block: int) -> None:
    problems = [
        Problem(f"plan: {name}", "each once", f"{value} {count} times")
        for name, values in (("products", products), ("inspectors", inspectors))
        for value, count in Counter(values).items()
        if count > 1
    ]
    for name, value, least in (
        ("products", len(products), 1),
        ("inspectors", len(inspectors), 1),
        ("looks", looks, 2),
        ("seed", seed, 0),
        ("block", block, 1),
    ):
        if value < least:
            problems.append(Problem(f"plan: {name}", f"a number >= {least}", str(value)))
    problems += [
        Problem(
            "plan: inspectors",
            f"names of 1 to {LONGEST_NAME} letters, digits, - and _, so that they can name a file",
            repr(name[:80]),
        )
        for name in inspectors
        if not name.replace("-", "").replace("_", "").isalnum() or len(name) > LONGEST_NAME
    ]
    lists = len(inspectors) * looks
    if not problems and len(products) < 13 and math.factorial(len(products)) < lists:
        most = math.factorial(len(products))
        problems = [Problem("plan", f"at most {most} lists, the orders of {len(products)} products", f"{lists}")]
    if problems:
        raise BaselineError.listing(problems)
