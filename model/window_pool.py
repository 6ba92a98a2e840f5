"""What an examiner learns from: places of stacks, kept in a pool.

To draw a place costs more than to learn from it, since the generator and the marker must run for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Windows:
    """Places of stacks, as the examiner sees them.

    Attributes:
        detail: float16 (p, 64, 64, 2 frames).
        around: float16 (p, 16, 16, c).
        where: float32 (p, regions + 2).
        value: float32 (p,), the marker's logit there.
        label: float32 (p,), 1 perturbed, 0 whole, `model.place_losses.NEITHER`.
    """

    detail: NDArray[np.float16]
    around: NDArray[np.float16]
    where: NDArray[np.float32]
    value: NDArray[np.float32]
    label: NDArray[np.float32]

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All of them, in their order."""
        return self.detail, self.around, self.where, self.value, self.label


@dataclass
class Pool:
    """Windows to learn from; once full, new ones take the places of random others.

    Attributes:
        size: At most so many.
        kept: How many there are.
    """

    size: int
    kept: int = 0
    _arrays: list[NDArray[Any]] = field(default_factory=list)

    def add(self, new: Windows, rng: np.random.Generator) -> None:
        """Take windows in."""
        arrays = new.arrays()
        if not self._arrays:
            self._arrays = [np.empty((self.size, *part.shape[1:]), part.dtype) for part in arrays]
        free = min(len(new.label), self.size - self.kept)
        places = np.concatenate(
            [np.arange(self.kept, self.kept + free), rng.integers(0, self.size, len(new.label) - free)]
        )
        self.kept += free
        for mine, part in zip(self._arrays, arrays, strict=True):
            mine[places] = part

    def draw(self, count: int, rng: np.random.Generator) -> Windows:
        """So many windows at random."""
        places = rng.integers(0, self.kept, count)
        return Windows(*(part[places] for part in self._arrays))
