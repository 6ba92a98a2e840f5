"""Assumed inspectors: looks drawn from a model of what people see, until real looks are recorded.

Reports that use them say "assumed inspectors", never "human". The numbers are engineering values of this project,
set from one published curve for single particles in clear glass (50 % at 115 um, 90 % at 187 um).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from harness.errors import BaselineError, Problem

A50_UM = {
    "stuck_particle": 230.0,
    "floating_particle": 260.0,
    "black_spot": 230.0,
    "burn": 400.0,
    "scratch": 350.0,
    "bump": 500.0,
    "contamination_foam": 900.0,
    "laser_cut": 300.0,
    "body_deformation": 250.0,
    "neck_deformation": 300.0,
}
"""Size in um that is seen half of the time at contrast 0.3 in BFS plastic (at `scale` 2); displacement for outlines."""

SLOPE = 2.6
CONTRAST_SLOPE = 1.3
REFERENCE_CONTRAST = 0.3
GLASS_TO_PLASTIC = 2.0
TIRED_AFTER_MINUTES = 30.0
MACKWORTH_FATIGUE = 0.36
"""Probits lost within half an hour on task: 84 % detection become 74 %. An engineering value of the size that Mackworth
(1948), Quarterly Journal of Experimental Psychology 1(1), 6-21, saw between the first half-hour of watching and the
second; his task was another (rare double steps of a clock's hand, no breaks)."""


@dataclass(frozen=True)
class SizeModel:
    """What assumed inspectors see; engineering values of this project where no source is named.

    Attributes:
        spread: Standard deviation between inspectors, in probits, >= 0.
        product_spread: The same between products of equal size and contrast.
        guess: Chance of rejecting what is not seen, in [0, 1).
        lapse: Chance of not rejecting what cannot be missed, in [0, 1 - guess).
        fatigue: Probits of detection lost after `TIRED_AFTER_MINUTES` on task since the last break, >= 0; in
            proportion before, no more after. A break restores all of it. 0 is without fatigue, `MACKWORTH_FATIGUE`
            the size that has been seen.
        scale: How much larger than in clear glass a defect must be to be seen as often; > 0.
    """

    spread: float = 0.4
    product_spread: float = 0.3
    guess: float = 0.01
    lapse: float = 0.02
    fatigue: float = 0.0
    scale: float = GLASS_TO_PLASTIC

    def __post_init__(self) -> None:
        problems = [
            Problem(f"size model: {name}", "a number >= 0", str(value))
            for name in ("spread", "product_spread", "fatigue")
            if not 0 <= (value := getattr(self, name)) < np.inf
        ]
        if not 0 < self.scale < np.inf:
            problems.append(Problem("size model: scale", "a number > 0", str(self.scale)))
        if not 0 <= self.guess < 1:
            problems.append(Problem("size model: guess", "a number in [0, 1)", str(self.guess)))
        elif not 0 <= self.lapse < 1 - self.guess:
            problems.append(Problem("size model: lapse", f"a number in [0, {1 - self.guess:g})", str(self.lapse)))
        if problems:
            raise BaselineError.listing(problems)


def assumed_looks(
    products: pd.DataFrame,
    *,
    inspectors: int,
    looks: int,
    seed: int,
    model: SizeModel = SizeModel(),
    minutes: ArrayLike | None = None,
) -> pd.DataFrame:
    """Draw the looks of assumed inspectors.

    Every draw has a stream of its own, keyed by the seed, the product, the inspector and the purpose: the looks of a
    product stay as they are when other products, inspectors or looks are added, or the rows come in another order.

    Args:
        products: Columns product, truth, and for defective ones defect (a class of `A50_UM`), size_um, contrast.
        inspectors: How many, >= 1; named I1, I2, ...
        looks: Looks of each inspector at each product, >= 1; numbered from 1.
        seed: Of the study, >= 0.
        model: What they see.
        minutes: float (product, inspector, look), on task since the last break; fresh for every look when absent.

    Returns:
        Columns product, inspector, look, reject (bool), a row a look.

    Raises:
        BaselineError: An unknown defect class, or a size or contrast that is no number > 0; every problem is listed.
        ValueError: Another argument lies outside its range.

    >>> kit = pd.DataFrame({"product": ["D1", "G1"], "truth": ["defective", "good"], "defect": ["scratch", ""],
    ...                     "size_um": [2000.0, None], "contrast": [0.5, None]})
    >>> drawn = assumed_looks(kit, inspectors=2, looks=10, seed=7)
    >>> drawn.groupby("product")["reject"].sum().to_dict()
    {'D1': 20, 'G1': 0}
    """
    if looks < 1:
        raise ValueError(f"looks: expected a number >= 1, got {looks}")
    on_task = np.zeros(looks) if minutes is None else np.asarray(minutes, dtype=np.float64)
    tired = model.fatigue * np.clip(on_task / TIRED_AFTER_MINUTES, 0, 1)
    names = inspector_names(inspectors)
    probits = _probits(products, names, seed, model)[:, :, None] - tired  # (product, inspector, look)
    chances = _chances(probits, products["truth"].eq("defective").to_numpy(), model)
    table = pd.MultiIndex.from_product(
        [products["product"].to_numpy(dtype=object), names, range(1, looks + 1)], names=["product", "inspector", "look"]
    ).to_frame(index=False)
    columns = [
        _stream(seed, "look", product, name).random(looks) < chances[place, number]
        for place, product in enumerate(products["product"])
        for number, name in enumerate(names)
    ]
    table["reject"] = np.concatenate(columns) if columns else np.zeros(0, dtype=bool)
    return table


def assumed_probabilities(
    products: pd.DataFrame,
    *,
    inspectors: int,
    seed: int,
    model: SizeModel = SizeModel(),
) -> pd.DataFrame:
    """Reject probability of each product for each assumed inspector, fresh: what `assumed_looks` draws from.

    P = g + (1 - g - l) * Phi(b1 ln(size / a50) + b2 ln(contrast / 0.3) + s_inspector + v_product) for a defective
    product, with guess g, lapse l, s ~ N(0, 0.4), v ~ N(0, 0.3) (standard deviations), unless `model` says otherwise.
    A good product has no size to enter the curve and is rejected by guess alone, P = g. So assumed inspectors do not
    mistake bubbles, nearly all of their good products are right by 7 of 10, and the rule on good products asks more
    of the machine than people do.

    Returns:
        Columns product, inspector, probability (in [g, 1 - l]).
    """
    names = inspector_names(inspectors)
    chance = _chances(_probits(products, names, seed, model), products["truth"].eq("defective").to_numpy(), model)
    return pd.DataFrame(
        {
            "product": np.repeat(products["product"].to_numpy(dtype=object), inspectors),
            "inspector": np.tile(np.array(names, dtype=object), len(products)),
            "probability": chance.reshape(-1),
        }
    )


def inspector_names(inspectors: int) -> list[str]:
    """I1, I2, ...: what assumed inspectors are called."""
    if inspectors < 1:
        raise ValueError(f"inspectors: expected a number >= 1, got {inspectors}")
    return [f"I{number}" for number in range(1, inspectors + 1)]


def _probits(products: pd.DataFrame, names: list[str], seed: int, model: SizeModel) -> NDArray[np.float64]:
    """How well each inspector sees each product, float (product, inspector); of good products it means nothing."""
    skill = np.array([_stream(seed, "inspector", name).normal(0, model.spread) for name in names])
    defective = products["truth"].eq("defective").to_numpy()
    seen = np.zeros(len(products))
    seen[defective] = visibility(products[defective], model.scale)
    seen += [_stream(seed, "product", name).normal(0, model.product_spread) for name in products["product"]]
    return np.asarray(seen[:, None] + skill[None, :], dtype=np.float64)


def _chances(probits: NDArray[np.float64], defective: NDArray[np.bool_], model: SizeModel) -> NDArray[np.float64]:
    """Reject probabilities of the same shape, the product first."""
    seen = model.guess + (1 - model.guess - model.lapse) * stats.norm.cdf(probits)
    mask = defective.reshape(-1, *[1] * (probits.ndim - 1))
    return np.asarray(np.where(mask, seen, model.guess), dtype=np.float64)


def visibility(products: pd.DataFrame, scale: float) -> NDArray[np.float64]:
    """Probits, float (product,), of the mean inspector at the mean product; 0 at the class's a50 and contrast 0.3."""
    problems = []
    for row in products.itertuples():
        if row.defect not in A50_UM:
            problems.append(Problem(f"product {row.product}: defect", f"one of {', '.join(A50_UM)}", str(row.defect)))
        for name, value in (("size_um", row.size_um), ("contrast", row.contrast)):
            if not (isinstance(value, int | float) and 0 < value < np.inf):
                problems.append(Problem(f"product {row.product}: {name}", "a number > 0", str(value)))
    if problems:
        raise BaselineError.listing(problems)
    a50_um = products["defect"].map(A50_UM).to_numpy(dtype=float) * scale / GLASS_TO_PLASTIC
    sizes_um, contrast = products["size_um"].to_numpy(dtype=float), products["contrast"].to_numpy(dtype=float)
    probits: NDArray[np.float64] = SLOPE * np.log(sizes_um / a50_um)
    return probits + CONTRAST_SLOPE * np.log(contrast / REFERENCE_CONTRAST)


def _stream(seed: int, purpose: str, *names: str) -> np.random.Generator:
    """A generator of its own for each purpose and names, whatever else is drawn."""
    digest = hashlib.sha256("\x00".join((purpose, *map(str, names))).encode()).digest()
    key = tuple(int.from_bytes(digest[start : start + 4], "big") for start in (0, 4, 8, 12))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
