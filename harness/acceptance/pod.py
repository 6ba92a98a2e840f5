"""Probability of detection against size from hits and misses: one curve, or why there is none."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats
from statsmodels.tools.sm_exceptions import ConvergenceWarning, DomainWarning, PerfectSeparationWarning

from harness.acceptance.curve import Curve, LinkName
from harness.acceptance.rule import ENOUGH_FOR_90_95

BoundMethod = Literal["likelihood_ratio", "wald"]
FEWEST_SIZES = 3
"""A line needs two sizes; a third tells whether it is one."""

Z95 = 1.6448536269514722  # one-sided 95 % point of the normal distribution


@dataclass(frozen=True)
class Pod:
    """A detection curve P(hit) = floor + (ceiling - floor) * F(intercept + slope * ln size), and what it says.

    Attributes:
        curve: The family: link, floor, ceiling.
        products, looks, hits: What it was fitted to.
        smallest_um, largest_um: Range of sizes; 0.0 for no products. A size outside it is not given.
        method: How the curve and the bound were made.
        why: Empty, or a sentence for what is not given.
        intercept, slope: Of ln size in um; None where there is no curve.
        a50_um, a90_um: Sizes detected half and nine tenths of the time; None where there is no number.
        a90_95_um: Upper 95 % confidence bound of a90, one-sided; None where there is no number.
        dispersion: Variance of hits about the curve over that of looks at random, 1 or more.
    """

    curve: Curve
    products: int
    looks: int
    hits: int
    smallest_um: float
    largest_um: float
    method: str
    why: str = ""
    intercept: float | None = None
    slope: float | None = None
    a50_um: float | None = None
    a90_um: float | None = None
    a90_95_um: float | None = None
    dispersion: float = 1.0

    def detection(self, sizes_um: ArrayLike) -> NDArray[np.float64] | None:
        """Fitted hit probability at these sizes, for drawing; None where there is no curve."""
        if self.intercept is None or self.slope is None:
            return None
        return self.curve.chance(self.intercept + self.slope * np.log(np.asarray(sizes_um, dtype=np.float64)))


class _Hits(NamedTuple):
    sizes: NDArray[np.float64]
    hits: NDArray[np.int64]
    looks: NDArray[np.int64]


def fit_pod(
    sizes_um: ArrayLike,
    hits: ArrayLike,
    looks: ArrayLike,
    *,
    link: LinkName = "logit",
    bound: BoundMethod = "likelihood_ratio",
    floor: float = 0.0,
    ceiling: float = 1.0,
    enough: int = ENOUGH_FOR_90_95,
) -> Pod:
    """Fit hits against ln size by maximum likelihood.

    The looks of one product go together: some products are hard for more than their size. Hits then scatter about the
    curve by more than looks at random would, and the bound is as much wider as that says (`_dispersion`), Student's t
    in the place of the normal quantile. By simulation .95 of the bounds hold where products differ by their size alone,
    .90 to .92 where they differ by a half to one logit besides: that scatter is not the same all along the curve, and
    one number for it says a little too little where it matters.

    Args:
        sizes_um: Float (product,), > 0.
        hits: Int (product,), 0 <= hits <= looks.
        looks: Int (product,), >= 1.
        link: "logit" or "probit".
        bound: How a90/95 is found: the profile of the likelihood, or the normal approximation of ln a90.
        floor: Hit probability of nothing, such as a known false reject rate, in [0, 1).
        ceiling: Hit probability of the largest, such as 1 - lapse, in (floor, 1].
        enough: Fewer products than this have no a90/95.

    Raises:
        ValueError: An argument lies outside its range, or the shapes differ.

    Source:
        MIL-HDBK-1823A (2009), appendix G: hit/miss by a generalised linear model on ln size, and a90/95 from the
        likelihood ratio. McCullagh & Nelder (1989), Generalized linear models, 4.5: dispersion of binomial counts.

    >>> fit = fit_pod([50, 75, 100, 125, 150, 175, 200, 250, 300, 400], [0, 2, 4, 5, 7, 8, 9, 10, 10, 10], [10] * 10)
    >>> round(fit.a50_um, 3), round(fit.a90_um, 3), fit.why
    (116.967, 196.665, 'a90/95: insufficient n (10 products, 29 needed)')
    """
    if not 0 <= floor < ceiling <= 1:
        raise ValueError(f"expected 0 <= floor < ceiling <= 1, got {floor} and {ceiling}")
    data, curve = _columns(sizes_um, hits, looks), Curve(link, floor, ceiling)
    smallest, largest = (float(data.sizes.min()), float(data.sizes.max())) if len(data.sizes) else (0.0, 0.0)
    method = (
        f"binomial GLM, {link} of ln size, maximum likelihood; a90/95 by {bound.replace('_', ' ')}, "
        "wider by the dispersion of products about the curve"
    )
    pod = Pod(curve, len(data.sizes), int(data.looks.sum()), int(data.hits.sum()), smallest, largest, method)
    why = _why_no_curve(data)
    fit = None if why else _fit(data, curve)
    if fit is None:
        return replace(pod, why=why or "the fit does not converge")
    intercept, slope = (float(value) for value in fit.params)
    if slope <= 0:
        return replace(pod, why="detection does not rise with size")
    pod = replace(pod, intercept=intercept, slope=slope, dispersion=_dispersion(fit, data))
    reasons: list[str] = []
    a50, a90 = _size_at(pod, 0.5, reasons), _size_at(pod, 0.9, reasons)
    a90_95 = None
    if a90 is not None and pod.products < enough:
        reasons.append(f"a90/95: insufficient n ({pod.products} products, {enough} needed)")
    elif a90 is not None:
        quantile = Z95 if pod.dispersion == 1.0 else float(stats.t.ppf(0.95, len(data.sizes) - 2))
        z = quantile * pod.dispersion**0.5
        a90_95 = _likelihood_bound(fit, data, curve, z) if bound == "likelihood_ratio" else _wald_bound(fit, curve, z)
        if a90_95 is None:
            reasons.append("a90/95: the data set no upper bound")
        elif a90_95 > largest:
            reasons.append(f"a90/95: above the largest size ({largest:g} um)")
            a90_95 = None
    return replace(pod, a50_um=a50, a90_um=a90, a90_95_um=a90_95, why="; ".join(reasons))


def _why_no_curve(data: _Hits) -> str:
    """Why maximum likelihood has no finite answer here, or an empty text.

    Source:
        Albert & Anderson (1984), Biometrika 71(1), 1-10: separated data have no finite estimate.
    """
    distinct = len(np.unique(data.sizes))
    if distinct < FEWEST_SIZES:
        return f"insufficient n: {distinct} different sizes, {FEWEST_SIZES} needed"
    missed, hit = data.sizes[data.hits < data.looks], data.sizes[data.hits > 0]
    if len(missed) == 0:
        return f"every look is a hit: a50 and a90 lie below the smallest size ({data.sizes.min():g} um) or nowhere"
    if len(hit) == 0:
        return f"no look is a hit: a50 and a90 lie above the largest size ({data.sizes.max():g} um) or nowhere"
    if missed.max() <= hit.min():
        return f"separated: every miss is at or below {missed.max():g} um, every hit at or above {hit.min():g} um"
    if hit.max() <= missed.min():
        return "detection does not rise with size"
    return ""


def _fit(data: _Hits, curve: Curve) -> Any:
    """The statsmodels result, or None where it does not converge."""
    counts = np.column_stack([data.hits, data.looks - data.hits])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DomainWarning)  # our own link is none that statsmodels knows
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.simplefilter("error", PerfectSeparationWarning)
        try:
            family = sm.families.Binomial(curve.statsmodels_link(), check_link=False)
            model = sm.GLM(counts, sm.add_constant(np.log(data.sizes)), family)
            fit = model.fit(maxiter=200, tol=1e-12, tol_criterion="params")
        except (ConvergenceWarning, PerfectSeparationWarning, np.linalg.LinAlgError, ValueError):  # weights not finite
            return None
    return fit if np.isfinite(fit.params).all() and np.isfinite(fit.bse).all() else None


def _size_at(pod: Pod, level: float, reasons: list[str]) -> float | None:
    """The size detected with this probability, where it lies within the sizes looked at."""
    name = f"a{100 * level:.0f}"
    if pod.intercept is None or pod.slope is None or not pod.curve.floor < level < pod.curve.ceiling:
        reasons.append(f"{name}: not between floor and ceiling")
        return None
    size = float(np.exp(min((pod.curve.eta(level) - pod.intercept) / pod.slope, 700.0)))
    if size > pod.largest_um:
        reasons.append(f"{name}: above the largest size ({pod.largest_um:g} um)")
        return None
    if size < pod.smallest_um:
        reasons.append(f"{name}: below the smallest size ({pod.smallest_um:g} um)")
        return None
    return size


def _dispersion(fit: Any, data: _Hits) -> float:
    """Pearson's chi squared over its degrees of freedom, or 1 where that is less: bounds never become narrower."""
    chance = np.clip(fit.predict(), 1e-12, 1 - 1e-12)
    off = data.hits - data.looks * chance
    return max(1.0, float(np.sum(off**2 / (data.looks * chance * (1 - chance))) / (len(data.sizes) - 2)))


def _wald_bound(fit: Any, curve: Curve, z: float) -> float:
    """exp(ln a90 + z standard errors), by the delta method."""
    intercept, slope = fit.params
    at = (curve.eta(0.9) - intercept) / slope
    gradient = np.array([-1 / slope, -at / slope])
    return float(np.exp(at + z * np.sqrt(gradient @ fit.cov_params() @ gradient)))


def _likelihood_bound(fit: Any, data: _Hits, curve: Curve, z: float) -> float | None:
    """The a90 above the estimate at which twice the log-likelihood has dropped by z ** 2; None if it never does."""
    eta, logs = curve.eta(0.9), np.log(data.sizes)
    at, steepness = (eta - fit.params[0]) / fit.params[1], float(np.log(fit.params[1]))

    def loss(log_slope: float, where: float) -> float:
        chance = np.clip(curve.chance(eta + np.exp(log_slope) * (logs - where)), 1e-300, 1 - 1e-16)
        return -float(np.sum(stats.binom.logpmf(data.hits, data.looks, chance)))

    def drop(where: float) -> float:
        bounds = (steepness - 7, steepness + 4)
        found = optimize.minimize_scalar(loss, bounds=bounds, args=(where,), method="bounded", options={"xatol": 1e-10})
        return 2 * (float(found.fun) - best) - z**2

    best = loss(steepness, at)
    for step in (0.25, 0.5, 1.0, 2.0, 4.0):  # in ln size: up to 55 times the estimate
        if drop(at + step) > 0:
            return float(np.exp(optimize.brentq(drop, at, at + step, xtol=1e-10)))
    return None


def _columns(sizes_um: ArrayLike, hits: ArrayLike, looks: ArrayLike) -> _Hits:
    """Checked columns, ordered, so that the order of products changes no digit."""
    sizes = np.asarray(sizes_um, dtype=np.float64)
    seen, tried = np.asarray(hits, dtype=np.int64), np.asarray(looks, dtype=np.int64)
    if sizes.ndim != 1 or not sizes.shape == seen.shape == tried.shape:
        raise ValueError(f"expected three columns of one length, got {sizes.shape}, {seen.shape} and {tried.shape}")
    if not ((sizes > 0) & np.isfinite(sizes)).all():
        raise ValueError("sizes_um: expected numbers > 0, got another")
    if not ((seen >= 0) & (seen <= tried) & (tried >= 1)).all():
        raise ValueError("hits: expected 0 to looks with looks >= 1, got another")
    order = np.lexsort((tried, seen, sizes))
    return _Hits(sizes[order], seen[order], tried[order])
