from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from harness.training import drawers
from model.marker_trainer import KINDS


def test_what_is_drawn_does_not_hang_on_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes give the batches of one; half of the stacks are perturbed, few are there twice."""
    monkeypatch.setattr(drawers, "MIXED_LOTS", 2)
    one, two = (
        list(islice(drawers.drawn_by_processes(count, batch=40, seed=3, start=7000, perturbed=0.5, kinds=KINDS), 3))
        for count in (1, 2)
    )
    for batch, same in zip(one, two, strict=True):
        np.testing.assert_array_equal(batch.stacks, same.stacks)
        np.testing.assert_array_equal(batch.marked, same.marked)
        np.testing.assert_array_equal(batch.regions, same.regions)
    assert one[0].stacks.shape == (40, 3, 256, 256)
    marked = np.concatenate([batch.marked.any(axis=(1, 2)) for batch in one])
    assert 0.3 < marked.mean() < 0.7
    assert len({stack.tobytes() for batch in one for stack in batch.stacks}) > 108  # a region is drawn twice
