"""What flows through the line: strips that are fed, and what the inspection computer hands to the gate.

Nothing here knows pixels, scores or time on the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fed:
    """A strip as the infeed offers it: one product in one run.

    Attributes:
        product: Name of the product.
        run: Run it is fed in, from 1; 0 is free for warm-up strips.
        truth: "defective" or "good"; the line only writes it into the ledger.
        warm_up: True for strips that come first, are not of the kit and stay out of every count.
    """

    product: str
    run: int
    truth: str
    warm_up: bool = False


@dataclass(frozen=True)
class Outcome:
    """The verdict on a strip, with the identity it belongs to.

    Attributes:
        product: Product that was inspected.
        run: Run that was inspected.
        recipe: Model and threshold digest that judged it.
        reject: True unless the strip is proven good.
        cause: "" for an accept; for a reject "score", "invalid_score", "frame_check" or another word for why.
        stages_us: Microseconds of `ahead`, `crop`, `network`, `score` and `verdict`; goes to the tape, decides nothing.
        scored: Digest of the scores of a detector that never gives the same twice; "" of one that may.
    """

    product: str
    run: int
    recipe: str
    reject: bool
    cause: str = ""
    stages_us: Mapping[str, int] = field(default_factory=dict)
    scored: str = ""

    def is_of(self, fed: Fed, recipe: str) -> bool:
        """True when product, run and recipe are those of the strip that was fed."""
        return self.product == fed.product and self.run == fed.run and self.recipe == recipe


Inspect = Callable[[Fed], Outcome]
"""Judges one strip. Called once a strip, when a worker of the inspection computer takes it up."""
