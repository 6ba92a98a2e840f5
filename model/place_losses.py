"""Losses of places, perturbed ones and whole ones: a strip is judged by its hottest place, not by a mean over cells."""

from __future__ import annotations

from typing import Any

from keras import ops

STRIP_PLACES = 40
"""Places of a strip, the hottest of which decides it."""

NEITHER = -1.0
"""Label of a place beside a perturbation."""


def place_loss(label: Any, said: Any) -> Any:
    """Mean cross-entropy of places, those beside a perturbation left out.

    Args:
        label: (p,), 1 perturbed, 0 whole, `NEITHER`.
        said: Logits (p,).
    """
    counted = ops.cast(label > NEITHER, said.dtype)
    entropy = ops.softplus(ops.where(label > 0.5, -said, said))
    return ops.sum(counted * entropy) / ops.maximum(ops.sum(counted), 1.0)


def strip_loss(label: Any, said: Any) -> Any:
    """How often, softly, the hottest whole place of a strip is hotter than a perturbed one.

    A strip is judged by the hottest of its `STRIP_PLACES` places. That maximum is taken softly over the whole places
    of the batch, as if there were so many.

    Args:
        label: (p,), 1 perturbed, 0 whole, `NEITHER`.
        said: Logits (p,).

    Returns:
        Mean over perturbed places i of softplus(log(40 mean over whole places j of exp(said_j)) - said_i); 0 where
        the batch has only one kind.
    """
    hit, whole = ops.cast(label > 0.5, said.dtype), ops.cast(ops.abs(label) < 0.5, said.dtype)
    hits, wholes = ops.sum(hit), ops.sum(whole)
    hottest = ops.logsumexp(ops.where(whole > 0.5, said, -1e4)) + ops.log(STRIP_PLACES / ops.maximum(wholes, 1.0))
    missed = ops.sum(hit * ops.softplus(hottest - said)) / ops.maximum(hits, 1.0)
    return ops.where((hits > 0.5) & (wholes > 0.5), missed, 0.0)


def pair_loss(clean: Any, is_clean: Any, marked: Any, is_marked: Any) -> Any:
    """Mean of softplus(clean_i - marked_j) over all pairs that count; 0 without one.

    Args:
        clean: Logits (n,).
        is_clean: bool (n,), which of them count.
        marked: Logits (m,).
        is_marked: bool (m,).
    """
    pairs = ops.softplus(clean[:, None] - marked[None, :])
    counted = ops.cast(is_clean[:, None] & is_marked[None, :], pairs.dtype)
    return ops.sum(counted * pairs) / ops.maximum(ops.sum(counted), 1.0)
