"""The family of detection curves that `pod.py` fits: P = floor + (ceiling - floor) * F(eta)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from statsmodels.genmod.families import links

LinkName = Literal["logit", "probit"]

_EDGE = 1e-9  # keeps a rate at or outside floor and ceiling finite on the scale of eta while the fit is under way


@dataclass(frozen=True)
class Curve:
    """One family.

    Attributes:
        link: F is logistic ("logit") or normal ("probit").
        floor: Hit probability of nothing, in [0, 1).
        ceiling: Hit probability of the largest, in (floor, 1].

    Source:
        Abbott (1925), Journal of Economic Entomology 18(2), 265-267, for the floor; both ends are given, not fitted.
    """

    link: LinkName
    floor: float = 0.0
    ceiling: float = 1.0

    def chance(self, eta: ArrayLike) -> NDArray[np.float64]:
        """Hit probability at these values of eta.

        >>> Curve("logit", floor=0.2).chance(0.0).round(4).item()
        0.6
        """
        return np.asarray(self.floor + (self.ceiling - self.floor) * self._base().inverse(np.asarray(eta, dtype=float)))

    def eta(self, level: float) -> float:
        """The eta at which the hit probability is `level`, floor < level < ceiling."""
        return float(self._base()(np.array((level - self.floor) / (self.ceiling - self.floor))))

    def statsmodels_link(self) -> Any:
        """The link for a `statsmodels` GLM."""
        base = self._base()
        return base if (self.floor, self.ceiling) == (0.0, 1.0) else _Between(base, self.floor, self.ceiling)

    def _base(self) -> Any:
        return links.Logit() if self.link == "logit" else links.Probit()


class _Between(links.Link):  # type: ignore[misc]  # statsmodels ships no types
    """A link squeezed between a floor and a ceiling."""

    def __init__(self, base: Any, floor: float, ceiling: float) -> None:
        self.base, self.floor, self.span = base, floor, ceiling - floor

    def __call__(self, p: Any) -> Any:
        return self.base(self._share(p))

    def inverse(self, z: Any) -> Any:
        return self.floor + self.span * self.base.inverse(z)

    def deriv(self, p: Any) -> Any:
        return self.base.deriv(self._share(p)) / self.span

    def inverse_deriv(self, z: Any) -> Any:
        return self.span * self.base.inverse_deriv(z)

    def _share(self, p: Any) -> Any:
        return np.clip((p - self.floor) / self.span, _EDGE, 1 - _EDGE)
