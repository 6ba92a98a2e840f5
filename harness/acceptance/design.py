"""Before the first look: what a rule of k of n lets through, and how many products a claim needs.

How often a machine of given quality passes each criterion is simulated in `power.py`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats


def oc_curve(right: ArrayLike, *, required: int = 7, runs: int = 10) -> NDArray[np.float64]:
    """Probability that a product is right, against the probability that one of its runs is.

    Args:
        right: Probability that a run is right, in [0, 1]; any shape.
        required: Right runs that make a product right, 1 <= required <= runs.
        runs: Independent runs.

    Source:
        Binomial tail; operating characteristic of an attribute plan.

    >>> oc_curve([0.5, 0.9]).round(4).tolist()
    [0.1719, 0.9872]
    """
    _check_rule(required, runs)
    return np.asarray(stats.binom.sf(required - 1, runs, _probability(right)))


def oc_curve_correlated(
    right: ArrayLike, correlation: float, *, required: int = 7, runs: int = 10
) -> NDArray[np.float64]:
    """The same where the runs of a product are alike: its own probability is drawn from a beta distribution.

    Args:
        right: Mean probability that a run is right, in [0, 1]; any shape.
        correlation: Between two runs of one product, in [0, 1].
        required: Right runs that make a product right, 1 <= required <= runs.
        runs: Runs.

    Source:
        Beta-binomial: a = mean (1 - rho) / rho, b = (1 - mean) (1 - rho) / rho.

    >>> round(float(oc_curve_correlated(0.9, 0.1)), 4)
    0.9424
    """
    _check_rule(required, runs)
    if not 0 <= correlation <= 1:
        raise ValueError(f"correlation: expected a number in [0, 1], got {correlation}")
    mean = _probability(right)
    if correlation == 0:
        return oc_curve(mean, required=required, runs=runs)
    if correlation == 1:
        return mean  # all runs of a product are one
    inner = (mean > 0) & (mean < 1)  # at 0 and 1 there is nothing to draw
    weight = (1 - correlation) / correlation
    safe = np.where(inner, mean, 0.5)
    tail = stats.betabinom.sf(required - 1, runs, safe * weight, (1 - safe) * weight)
    return np.asarray(np.where(inner, tail, mean))


def run_quality_to_pass(chance: float, *, required: int = 7, runs: int = 10) -> float:
    """Probability that a run is right at which a product is right with this chance.

    Source:
        Binomial tail as an incomplete beta: P(X >= k of n) = I_p(k, n - k + 1).

    >>> [round(run_quality_to_pass(chance), 4) for chance in (0.5, 0.9, 0.95)]
    [0.6449, 0.8124, 0.85]
    """
    _check_rule(required, runs)
    if not 0 < chance < 1:
        raise ValueError(f"chance: expected a number in (0, 1), got {chance}")
    return float(stats.beta.ppf(chance, required, runs - required + 1))


def products_without_failure(reliability: float = 0.9, *, confidence: float = 0.95) -> int:
    """Products that, all right, show this reliability with this one-sided confidence.

    Source:
        Success-run theorem: the smallest n with reliability ** n <= 1 - confidence.

    >>> products_without_failure(0.9), products_without_failure(0.95), products_without_failure(0.99)
    (29, 59, 299)
    """
    for name, value in (("reliability", reliability), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ValueError(f"{name}: expected a number in (0, 1), got {value}")
    return math.ceil(math.log(1 - confidence) / math.log(reliability) - 1e-12)


def products_for_margin(margin: float, *, confidence: float = 0.95) -> int | None:
    """Fewest products that can show non-inferiority with this margin, when no product is discordant.

    Returns:
        The number, or None for no margin: without a discordant product no number shows a strict advantage.

    Source:
        Tango (1998): with b = c = 0 the lower bound is -z^2 / (n + z^2).

    >>> products_for_margin(0.05), products_for_margin(0.1), products_for_margin(0.0)
    (73, 35, None)
    """
    if not 0 <= margin < 1:
        raise ValueError(f"margin: expected a number in [0, 1), got {margin}")
    if margin == 0:
        return None
    z2 = float(stats.norm.isf((1 - confidence) / 2)) ** 2
    return math.floor(z2 * (1 - margin) / margin) + 1


def _check_rule(required: int, runs: int) -> None:
    if not 1 <= required <= runs:
        raise ValueError(f"required: expected 1 to {runs} (runs), got {required}")


def _probability(values: ArrayLike) -> NDArray[np.float64]:
    chances = np.asarray(values, dtype=np.float64)
    if not ((chances >= 0) & (chances <= 1)).all():
        raise ValueError(f"expected probabilities in [0, 1], got {chances[~((chances >= 0) & (chances <= 1))][0]}")
    return chances
