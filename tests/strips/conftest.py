"""A few strips that every test of this room may look at; each is drawn once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.streams import stream
from harness.strips.kit import Strip
from harness.strips.liquid import EXPOSURES, Liquid, LiquidScale, draw_liquid
from harness.strips.product import Plastic, draw_plastic
from harness.strips.renderer import Renderer

SEED = 7
DRY = LiquidScale(slosh=0.0, bubbles=0.0, drops=0.0)


@pytest.fixture(scope="session")
def plastic() -> Plastic:
    """The plastic of product 1."""
    return draw_plastic(1)


@pytest.fixture(scope="session")
def good() -> Strip:
    """Product 1, good."""
    return Strip("G001", 1)


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    """Draws with the standard liquid."""
    return Renderer(seed=SEED)


@pytest.fixture(scope="session")
def dry() -> Renderer:
    """Draws the same strips with a level surface, without bubbles and drops."""
    return Renderer(seed=SEED, scale=DRY)


@pytest.fixture(scope="session")
def sixteen(renderer: Renderer, good: Strip) -> NDArray[np.uint8]:
    """All exposures of run 3 of product 1."""
    return renderer.frames(good, 3, range(1, EXPOSURES + 1))


@pytest.fixture(scope="session")
def liquid_of(plastic: Plastic) -> Callable[..., Liquid]:
    """The liquid of one run of product 1, by scale: `liquid_of(run, slosh=0.5)`."""

    @cache
    def draw(run: int = 1, **scale: float) -> Liquid:
        return draw_liquid(plastic, LiquidScale(**scale), lambda purpose: stream(purpose, SEED, 1, run))

    return draw
