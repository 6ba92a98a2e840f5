"""Batch norm's statistics taken anew, as inspection will use them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import keras
import numpy as np

from model.blocks import ResidualBlock

Shown = TypeVar("Shown")
"""A batch of one sort or another."""


def norms_of(*parts: keras.Model) -> list[Any]:
    """Batch norms of networks of residual blocks."""
    blocks = [layer for part in parts for layer in part.layers if isinstance(layer, ResidualBlock)]
    return [norm for block in blocks for norm in block.norms]


def settle(norms: Sequence[Any], batches: Iterable[Shown], see: Callable[[Shown], object]) -> None:
    """Fix statistics at their average over these batches.

    The running ones lag behind the weights by hundreds of steps: a network may do well in training and badly in
    inspection.

    Args:
        norms: Batch norms of a network.
        batches: To average over, one or more.
        see: Runs the network on one, as in training.

    Source:
        Wu & Johnson (2021), Rethinking "Batch" in BatchNorm, arXiv:2105.07576, section 3.
    """
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # each batch then leaves its own statistics
    means: list[list[Any]] = [[] for _ in norms]
    variances: list[list[Any]] = [[] for _ in norms]
    for batch in batches:
        see(batch)
        for place, norm in enumerate(norms):
            means[place].append(keras.ops.convert_to_numpy(norm.moving_mean))
            variances[place].append(keras.ops.convert_to_numpy(norm.moving_variance))
    for place, norm in enumerate(norms):
        norm.momentum = momenta[place]
        norm.moving_mean.assign(np.mean(means[place], axis=0))
        norm.moving_variance.assign(np.mean(variances[place], axis=0) + np.var(means[place], axis=0))
