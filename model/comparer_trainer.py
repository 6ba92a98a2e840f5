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

from model.bundle import Bundle
from model.checkpoint import check_finite, curve_rows
from model.comparer import PLACES, UNLIKE_PLACES, Places, build_comparer, hot_places, lightest, look, pieces
from model.disturbance import Kind, disturb
from model.loaded import beside_rebuilt, rebuilding, seeing
from model.marker_trainer import ordered, warm_cosine
from model.place_losses import pair_loss, place_loss
from model.stepping import Stepper, compiled

KINDS: dict[Kind, float] = {"relief": 0.42, "spot": 0.2, "raft": 0.22, "line": 0.06, "push": 0.06, "shadow": 0.04}
"""Share of perturbations of each kind: what is small and stays, on a wall above all, and foam."""

PERTURBED_TIMES = 3
"""Of a vial, beside once as it is."""

HOTTEST, OTHERS = 4, 6
"""Whole places that are learnt from of a vial as it is: the most unlike, and so many of the rest; and all places where
the marker is hottest."""

HOTTEST_MARKED = 2
"""Of the places where the marker is hottest, those that are learnt from where a perturbed vial is whole."""

HIT_CELLS = 2
"""Of the 3 x 3 about a place must be perturbed."""

BESIDE_CELLS = 2
"""Cells around a place that must be whole if it is to count as whole."""

BATCH = 128
WEIGHT_DECAY = 1e-3
RANKING_WEIGHT = 0.3
WARM_STEPS = 50
HELD_OUT = 0.05
"""Share of the strips whose places are not learnt from, the last of them."""

MIRRORED = 0.5

FIRST_LEFT_OUT = 0.35
"""Of the places looked at ahead, those of which not the last frame is left out but the first, so that all are learnt
from."""

Mark = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Stacks of one region, uint8 (m, n, 256, 256), to a marker's logits (m, 64, 64), less its allowance."""


@dataclass(frozen=True)
class Learnt:
    """Places to learn from, p.

    Attributes:
        detail: uint8 (p, 40, 40, n + 1), see `model.comparer.pieces`.
        where: float32 (p, 4).
        label: float32 (p,), 1 perturbed, 0 whole.
        ahead: bool (p,), in inspection looked at before the last frame has come.
    """

    detail: NDArray[np.uint8]
    where: NDArray[np.float32]
    label: NDArray[np.float32]
    ahead: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, chosen: Any) -> Learnt:
        return Learnt(*(getattr(self, part.name)[chosen] for part in fields(self)))

    def leave_out(self, first: NDArray[np.bool_]) -> None:
        """Of places looked at ahead, have a frame shown twice, as in inspection, and another not.

        Args:
            first: bool (p,), that it is the first frame; else it is the last.
        """
        frames = self.detail.shape[-1] - 1
        later = self.ahead & first
        self.detail[later, ..., : frames - 1] = self.detail[later, ..., 1:frames]
        self.detail[self.ahead, ..., frames - 1] = self.detail[self.ahead, ..., frames - 2]

    @classmethod
    def joined(cls, parts: Sequence[Learnt]) -> Learnt:
        """All of them, one after the other."""
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))


def marking_stacks(bundle: Bundle, region: int) -> Mark:
    """What a bundle's marker says of one region of vials, before anything beside it is heard.

    Raises:
        BundleError: The bundle has no marker.
    """
    sight, rebuild = seeing(bundle), rebuilding(bundle)

    @compiled
    def see(stacks: Any) -> Any:
        logits, _ = sight.see(
            *beside_rebuilt(stacks, rebuild), ops.full((ops.shape(stacks)[0],), region, dtype="int32")
        )
        return logits

    return lambda stacks: ops.convert_to_numpy(see(stacks))


def places_of_strip(
    frames: NDArray[np.uint8], usual: NDArray[np.float32], mark: Mark, rng: np.random.Generator
) -> Learnt:
    """Of the vials of a good strip, as they are and perturbed, the places from which is learnt.

    Args:
        frames: uint8 (n, vials, 256, 256), one region of them.
        usual: float32 (64, 64).
        mark: What a marker says.
        rng: Of this strip.
    """
    stacks, perturbed = list[NDArray[np.uint8]](), list[NDArray[np.bool_] | None]()
    for vial in range(frames.shape[1]):
        own = frames[:, vial]
        stacks.append(own)
        perturbed.append(None)
        for _ in range(PERTURBED_TIMES):
            out, marked = disturb(np.divide(own, 255, dtype=np.float32), own, rng=rng, kinds=KINDS)
            stacks.append(np.rint(out * 255).astype(np.uint8))
            perturbed.append(marked)
    early, whole = lightest(frames[:-1]), lightest(frames)
    found = []
    for number, (stack, cells, logits) in enumerate(zip(stacks, perturbed, mark(np.stack(stacks)), strict=True)):
        vial = number // (1 + PERTURBED_TIMES)
        others_early, others = np.delete(early, vial, axis=0), np.delete(whole, vial, axis=0)
        looked = look(lightest(stack[:-1]), others_early, usual)
        hot = hot_places(logits, lightest(stack), others)
        detail = np.concatenate([pieces(stack, others_early, looked.places), pieces(stack, others, hot)])
        places = looked.places.with_others(hot)
        chosen, label = _learnt_from(places, cells, rng)
        found.append(Learnt(detail[chosen], looked.where(places)[chosen], label, chosen < UNLIKE_PLACES))
    return Learnt.joined(found)


def _learnt_from(
    places: Places, marked: NDArray[np.bool_] | None, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Which places of a vial, perturbed in cells (64, 64) or not at all, and whether each is perturbed."""
    if marked is None:
        rest = rng.permutation(np.arange(HOTTEST, UNLIKE_PLACES))[:OTHERS]
        chosen = np.concatenate([np.arange(HOTTEST), rest, np.arange(UNLIKE_PLACES, PLACES)])
        return chosen, np.zeros(len(chosen), np.float32)
    share = uniform_filter(marked.astype(np.float32), 3, mode="constant")[places.rows, places.columns]
    hit = share * 9 > HIT_CELLS - 0.5
    near = maximum_filter(marked, 2 * BESIDE_CELLS + 1)[places.rows, places.columns]
    order = np.arange(PLACES)
    hot = (order < HOTTEST) | ((order >= UNLIKE_PLACES) & (order < UNLIKE_PLACES + HOTTEST_MARKED))
    chosen = np.nonzero(hit | (~near & hot))[0]
    return chosen, hit[chosen].astype(np.float32)


def train_comparer(
    strips: Sequence[Learnt],
    folder: Path,
    *,
    epochs: int,
    seed: int,
    learning_rate: float,
    begun: keras.Model | None = None,
    batch: int = BATCH,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> keras.Model:
    """Learn from the places of strips, the learning rate along one cosine; the curve and weights in `folder`.

    Args:
        strips: Places of each strip; the last `HELD_OUT` of the strips are watched, not learnt from.
        folder: Gets `comparer.csv` and `comparer.weights.h5`.
        epochs: Times that every place is seen.
        seed: Of weights, order, mirroring and what is left out. Where another is begun with, it is the next, lest
            an order is repeated.
        learning_rate: Maximum of the cosine.
        begun: Another comparer, whose weights are begun with.
        batch: Places a step.
        progress: Told of every step.

    Raises:
        BundleError: A loss is no number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    watched = max(1, round(HELD_OUT * len(strips)))
    learnt, kept = Learnt.joined(strips[:-watched]), Learnt.joined(strips[-watched:])
    seed += begun is not None
    keras.utils.set_random_seed(seed)
    comparer = build_comparer(learnt.detail.shape[-1] - 1)
    if begun is not None:
        comparer.set_weights(begun.get_weights())
    kept.leave_out(np.zeros(len(kept), bool))
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=WEIGHT_DECAY)
    stepper = Stepper(comparer, optimizer, _prepared, _loss, training=True)
    rng, total, step = np.random.default_rng(seed), epochs * (len(learnt) // batch), 0
    with curve_rows(folder / "comparer.csv", 0, ("step", "epoch", "loss", "held_out", "auroc")) as (note, _):
        for epoch in range(1, epochs + 1):
            losses = []
            for part in _batches(learnt, batch, rng):
                rate = warm_cosine(learning_rate, step, WARM_STEPS, step / total)
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


def _batches(learnt: Learnt, batch: int, rng: np.random.Generator) -> Iterator[Learnt]:
    """Every place once but for a rest, in another order each time, a frame of some left out, some mirrored."""
    order = rng.permutation(len(learnt))
    for at in range(0, len(order) - batch + 1, batch):
        part = learnt[order[at : at + batch]]  # a copy
        part.leave_out(rng.random(batch) < FIRST_LEFT_OUT)
        mirrored = rng.random(batch) < MIRRORED
        part.detail[mirrored] = part.detail[mirrored][:, :, ::-1]
        part.where[mirrored, 1] *= -1
        yield part


def _prepared(detail: Any, where: Any, label: Any) -> tuple[list[Any], Any]:
    return [ops.cast(detail, "float32"), where], label


def _loss(say: Callable[[Any], Any], given: list[Any], label: Any) -> Any:
    """Cross-entropy, and how often a whole place is hotter than a perturbed one: a strip is judged by its hottest."""
    said, hit = say(given), label > 0.5
    return place_loss(label, said) + RANKING_WEIGHT * pair_loss(said, ~hit, said, hit)
