"""Training of the comparer: which places of good vials, where they are unlike all others, were perturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, uniform_filter

from model.checkpoint import check_finite, curve_rows
from model.comparer import LAST, build_comparer, look_at
from model.disturbance import Kind, disturb
from model.marker_trainer import ordered, warm_cosine
from model.place_losses import pair_loss, place_loss
from model.stepping import Stepper

KINDS: dict[Kind, float] = {"relief": 0.48, "spot": 0.22, "raft": 0.14, "line": 0.06, "push": 0.06, "shadow": 0.04}
"""Share of perturbations of each kind: what is small and stays, on a wall above all, and foam."""

PERTURBED_TIMES = 3
"""Of a vial, beside once as it is."""

HOTTEST, OTHERS = 4, 6
"""Whole places that are learnt from of a vial as it is: the most unlike, and so many of the rest."""

HIT_CELLS = 2
"""Of the 3 x 3 about a place must be perturbed."""

BESIDE_CELLS = 2
"""Cells around a place that must be whole if it is to count as whole."""

BATCH = 128
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-3
RANKING_WEIGHT = 0.3
WARM_STEPS = 50
HELD_OUT = 0.05
"""Share of the strips whose places are not learnt from, the last of them."""

MIRRORED = 0.5

WEIGHT = 0.7
"""Of a trained comparer's logit beside the marker's, with which it is added."""


@dataclass(frozen=True)
class Learnt:
    """Places to learn from, p.

    Attributes:
        detail: uint8 (p, 40, 40, n + 1), see `model.comparer.Places`.
        where: float32 (p, 4).
        label: float32 (p,), 1 perturbed, 0 whole.
    """

    detail: NDArray[np.uint8]
    where: NDArray[np.float32]
    label: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, chosen: Any) -> Learnt:
        return Learnt(*(getattr(self, part.name)[chosen] for part in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Learnt]) -> Learnt:
        """All of them, one after the other."""
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))


def places_of_vial(
    frames: NDArray[np.uint8], others: NDArray[np.uint8], usual: NDArray[np.float32], rng: np.random.Generator
) -> Learnt:
    """Of a good vial, as it is and perturbed, the places from which is learnt.

    Args:
        frames: uint8 (n, 256, 256), one region of it.
        others: uint8 (k, 256, 256), `lightest` of the same region of the other vials.
        usual: float32 (64, 64).
        rng: Of this vial.
    """
    places = look_at(frames, others, usual)
    rest = rng.permutation(np.arange(HOTTEST, len(places.rows)))[:OTHERS]
    chosen = np.concatenate([np.arange(HOTTEST), rest])
    found = [Learnt(places.detail[chosen], places.where[chosen], np.zeros(len(chosen), np.float32))]
    for _ in range(PERTURBED_TIMES):
        out, marked = disturb(np.divide(frames, 255, dtype=np.float32), frames, rng=rng, kinds=KINDS)
        places = look_at(np.rint(out * 255).astype(np.uint8), others, usual)
        share = uniform_filter(marked.astype(np.float32), 3, mode="constant")[places.rows, places.columns]
        hit = share * 9 > HIT_CELLS - 0.5
        near = maximum_filter(marked, 2 * BESIDE_CELLS + 1)[places.rows, places.columns]
        kept = hit | (~near & (np.arange(len(hit)) < HOTTEST))
        found.append(Learnt(places.detail[kept], places.where[kept], hit[kept].astype(np.float32)))
    return Learnt.joined(found)


def train_comparer(
    strips: Sequence[Learnt],
    folder: Path,
    *,
    epochs: int,
    seed: int,
    batch: int = BATCH,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> keras.Model:
    """Learn from the places of strips, the learning rate along one cosine; the curve and weights in `folder`.

    Args:
        strips: Places of each strip; the last `HELD_OUT` of the strips are watched, not learnt from.
        folder: Gets `comparer.csv` and `comparer.weights.h5`.
        epochs: Times that every place is seen.
        seed: Of weights, order and mirroring.
        batch: Places a step.
        progress: Told of every step.

    Raises:
        BundleError: A loss is no number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    watched = max(1, round(HELD_OUT * len(strips)))
    learnt, kept = Learnt.joined(strips[:-watched]), Learnt.joined(strips[-watched:])
    keras.utils.set_random_seed(seed)
    comparer = build_comparer(learnt.detail.shape[-1] - 1)
    optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    stepper = Stepper(comparer, optimizer, _prepared, _loss, training=True)
    rng, total, step = np.random.default_rng(seed), epochs * (len(learnt) // batch), 0
    with curve_rows(folder / "comparer.csv", 0, ("step", "epoch", "loss", "held_out", "auroc")) as (note, _):
        for epoch in range(1, epochs + 1):
            losses = []
            for part in _batches(learnt, batch, rng):
                rate = warm_cosine(LEARNING_RATE, step, WARM_STEPS, step / total)
                losses.append(stepper.step(rate, part.detail, part.where, part.label))
                step += 1
                progress(step, total)
            check_finite(losses)
            stepper.write_back()
            said = logits(comparer, kept)
            entropy = float(place_loss(kept.label, said))
            auroc = ordered(said[kept.label > 0.5], said[kept.label < 0.5])
            note([step, epoch, f"{np.mean([float(loss) for loss in losses]):.5f}", f"{entropy:.5f}", f"{auroc:.5f}"])
            comparer.save_weights(folder / "comparer.new.weights.h5")
            (folder / "comparer.new.weights.h5").replace(folder / "comparer.weights.h5")
    return comparer


def logits(comparer: keras.Model, places: Learnt, at_once: int = 512) -> NDArray[np.float32]:
    """What a comparer says of places, float32 (p,)."""
    said = [
        ops.convert_to_numpy(
            comparer([places.detail[at : at + at_once], places.where[at : at + at_once]], training=False)
        )
        for at in range(0, len(places), at_once)
    ]
    return np.concatenate(said) if said else np.empty(0, np.float32)


def weigh(comparer: keras.Model, weight: float = 1.0, shift: float = 0.0) -> None:
    """Multiply whatever a comparer says, then add to it."""
    last = comparer.get_layer(LAST)
    kernel, bias = (np.float32(weight) * part for part in last.get_weights())
    last.set_weights([kernel, bias + np.float32(shift)])


def _batches(learnt: Learnt, batch: int, rng: np.random.Generator) -> Iterator[Learnt]:
    """Every place once but for a rest, in another order each time, some mirrored."""
    order = rng.permutation(len(learnt))
    for at in range(0, len(order) - batch + 1, batch):
        part = learnt[order[at : at + batch]]
        mirrored = rng.random(batch) < MIRRORED
        part.detail[mirrored] = part.detail[mirrored][:, :, ::-1]  # picked out of `learnt`, not part of it
        part.where[mirrored, 1] *= -1
        yield part


def _prepared(detail: Any, where: Any, label: Any) -> tuple[list[Any], Any]:
    return [ops.cast(detail, "float32"), where], label


def _loss(say: Callable[[Any], Any], given: list[Any], label: Any) -> Any:
    """Cross-entropy, and how often a whole place is hotter than a perturbed one: a strip is judged by its hottest."""
    said, hit = say(given), label > 0.5
    return place_loss(label, said) + RANKING_WEIGHT * pair_loss(said, ~hit, said, hit)
