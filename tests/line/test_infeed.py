from __future__ import annotations

import numpy as np
import pytest

from harness.line.flow import Fed
from harness.line.infeed import Infeed, Numbered, arrivals_us
from harness.line.layout import FEED
from harness.streams import stream


def test_patterns_without_chance() -> None:
    """Constant, bursty and starved feeds are the literal times."""
    rng = stream("feed", 7)
    assert arrivals_us("constant", 3, 100, rng=rng).tolist() == [0, 100, 200]
    assert arrivals_us("bursty", 10, 100, rng=rng).tolist() == [0] * 8 + [1000, 1000]
    assert arrivals_us("starved", 5, 300, rng=rng).tolist() == [0, 400, 800, 1200, 1600]


@pytest.mark.parametrize("feed", FEED)
def test_arrivals_are_in_order_and_repeat(feed: str) -> None:
    """Every pattern gives times that never go back, the same for the same stream; none for no strips."""
    once = arrivals_us(feed, 500, 1000, rng=stream("feed", 7))
    assert once.tolist() == sorted(once)
    assert once == arrivals_us(feed, 500, 1000, rng=stream("feed", 7))
    assert once[0] >= 0
    assert arrivals_us(feed, 0, 1000, rng=stream("feed", 7)).tolist() == []


def test_poisson_gaps_are_exponential() -> None:
    """Mean and standard deviation of the gaps agree with the load to 3 %."""
    gaps = np.diff(arrivals_us("poisson", 20_000, 900_000, rng=stream("feed", 7)))
    assert gaps.mean() == pytest.approx(1_000_000, rel=0.03)
    assert gaps.std() == pytest.approx(1_000_000, rel=0.03)


def test_numbered_strips_are_made_when_asked_for() -> None:
    """A feed of any length: each strip is its number, every second one good; there is none behind the last."""
    feed = Numbered(10**9)
    assert (feed[0], feed[-1].product) == (Fed("S0", 1, "good"), "S999999999")
    assert [fed.truth for fed in feed[1:3]] == ["defective", "good"]
    with pytest.raises(IndexError):
        feed[10**9]


def test_a_strip_waits_from_its_arrival_on() -> None:
    """Nothing waits before it has arrived; what is taken is gone; a strip can be drawn along early."""
    first, second = Fed("A", 1, "good"), Fed("B", 1, "good")
    infeed = Infeed([first, second], [0, 400])
    assert infeed.waiting(0) == infeed.take() == first
    assert infeed.waiting(399) is None
    assert infeed.waiting(400) == second
    assert infeed.take() == second
    assert infeed.exhausted
    assert infeed.take() is None
    assert infeed.waiting(1000) is None
