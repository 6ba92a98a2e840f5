"""On what marker and examiner are trained, and from which strips: each network's own, none of them held out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.training.data import UNUSUAL_SHARE, drawn_stacks
from harness.training.drawers import drawn_by_processes

if TYPE_CHECKING:
    from model.disturbance import Kind
    from model.marked_batches import MarkedBatch

BACKENDS = ("tensorflow", "jax")

DISTILLED_START = 15_000
"""First training strip of a generator that learns from another."""

MARKER_START = 20_000
"""First training strip of the marker: none that its generator learnt from, on which the rebuilt would be too good."""

EXAMINER_START = 50_000
"""First training strip of the examiner: none that its marker learnt from, which would know its bubbles too well."""

HELD_OUT_START = 90_000
"""First strip of those by which the training of marker and examiner is watched."""

MANY_STRIPS = 1000
"""Times as far apart as those above lie the first strips that are learnt from, so that no training comes to another's,
nor to the ones held out."""

STRIPS_A_STEP = 20
"""More than a step learns from, so that a training that goes on meets others."""


@dataclass(frozen=True)
class Means:
    """On what marker and examiner are trained.

    Attributes:
        backend: Keras's: `tensorflow` on a processor, `jax` on an accelerator.
        processes: That draw what is learnt from; 0: a thread of this one.
        batch: Stacks a step; the networks' own where None.
    """

    backend: str = "tensorflow"
    processes: int = 0
    batch: int | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether what is trained cannot be put into a bundle here, which TensorFlow does."""
        return self.backend != "tensorflow"

    def begin(self) -> None:
        """Choose the backend; Keras must not have been imported.

        Raises:
            InputError: Unknown, or not installed.
        """
        if self.backend not in BACKENDS or find_spec(self.backend) is None:
            installed = [name for name in BACKENDS if find_spec(name) is not None]
            raise InputError("--backend", f"one of those installed: {', '.join(installed)}", self.backend)
        os.environ["KERAS_BACKEND"] = self.backend

    def batches(
        self, start: int, steps: int, *, seed: int, batch: int, perturbed: float, kinds: Mapping[Kind, float]
    ) -> Iterator[MarkedBatch]:
        """Without end, of other strips than the steps before saw.

        Args:
            start: First strip of this network's.
            steps: Done already.
            seed: Of perturbations.
            batch: Stacks in each.
            perturbed: Share of them that are.
            kinds: Of perturbations.
        """
        first = MANY_STRIPS * start
        if self.processes:
            first += STRIPS_A_STEP * steps
            return drawn_by_processes(
                self.processes, batch=batch, seed=seed, start=first, perturbed=perturbed, kinds=kinds
            )
        from model.marked_batches import marked_batches

        stacks = drawn_stacks(start=first + steps, unusual=UNUSUAL_SHARE)
        return marked_batches(stacks, batch=batch, seed=seed + steps, perturbed=perturbed, kinds=kinds)


HERE = Means()
