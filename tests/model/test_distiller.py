from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from model.bundle import Bundle, BundleError, load_bundle
from model.config import PRESETS
from model.distiller import Distiller, distil, ship_distilled
from model.loaded import build_folded, normalised, rebuilding
from model.marked_batches import MarkedBatch, StackChunk
from model.marker_trainer import marker_batches

LEAN = PRESETS["lean"].narrowed(4)
Pictures = Callable[..., np.ndarray]


def without_end(pictures: Pictures) -> Iterator[MarkedBatch]:
    """Two stacks of two frames a step."""
    stacks = pictures(840, seed=1, size=256).reshape(420, 2, 256, 256)
    chunk = StackChunk(stacks, np.ones(420, bool), np.arange(420) % 4)
    return marker_batches(itertools.repeat(chunk), batch=2, seed=1)


def test_it_learns_what_the_teacher_rebuilds(
    make_bundle: Callable[..., Bundle], pictures: Pictures, tmp_path: Path
) -> None:
    """On one batch again and again the difference falls, settled too, and is the one measured."""
    teacher = make_bundle(tmp_path / "teacher", seed=3)
    before = teacher.weights.read_bytes()
    distiller = Distiller(teacher, LEAN)
    batch = next(without_end(pictures))
    losses = [float(distiller.train_step(batch, 3e-3)) for _ in range(20)]
    assert losses[-1] < 0.2 * losses[0]
    running = distiller.off_by([batch])
    distiller.settle([batch])
    settled = distiller.off_by([batch])
    assert settled < 0.2 * running  # which lags behind so few steps by far
    for _ in range(20):
        distiller.train_step(batch, 1e-3)
    assert distiller.off_by([batch]) < 0.5 * settled
    patches = batch.stacks.reshape(-1, 256, 256)
    taught = np.asarray(rebuilding(teacher)(patches))
    rebuilt = np.asarray(distiller.generator(normalised(patches), training=False))[..., 0]
    assert distiller.off_by([batch]) == pytest.approx(255 * np.abs(rebuilt - taught).mean(), rel=1e-3)
    assert teacher.weights.read_bytes() == before


@pytest.mark.slow
def test_a_distilled_generator_becomes_a_bundle(
    make_bundle: Callable[..., Bundle], pictures: Pictures, tmp_path: Path
) -> None:
    """Settled by half its time; what is shipped rebuilds as it does, says who taught it, and is gone on from."""
    teacher, bundle = make_bundle(tmp_path / "teacher", seed=3), make_bundle(tmp_path / "bundle").folder
    seconds = itertools.count()
    distiller = Distiller.begin(teacher, LEAN, tmp_path / "training", seed=1)
    held_out = [next(without_end(pictures))]
    distil(
        distiller, without_end(pictures), tmp_path / "training", held_out=held_out,
        learning_rate=1e-3, seconds=6.0, clock=lambda: float(next(seconds)),
    )  # fmt: skip
    assert (distiller.step, distiller.patches, distiller.settled) == (5, 20, True)
    header, last = (tmp_path / "training" / "training.csv").read_text().splitlines()
    assert header == "step,seconds,learning_rate,loss,held_out"
    assert float(last.split(",")[-1]) == pytest.approx(distiller.off_by(held_out), abs=1e-3)
    shipped = ship_distilled(distiller, tmp_path / "training", bundle, {"seed": 1})
    assert shipped.made_by == {"seed": 1, "teacher": teacher.digest, "steps": 5, "patches": 20}
    assert not (bundle / "thresholds.toml").exists()
    images = normalised(pictures(2, seed=9))
    expected = np.asarray(distiller.generator(images, training=False))
    np.testing.assert_allclose(np.asarray(build_folded(load_bundle(bundle))(images)), expected, atol=1e-4)
    again = Distiller.begin(teacher, LEAN, tmp_path / "training", seed=2)
    assert (again.step, again.settled) == (5, True)
    np.testing.assert_array_equal(np.asarray(again.generator(images, training=False)), expected)
    with pytest.raises(BundleError, match="expected a checkpoint of lean behind"):
        Distiller.begin(make_bundle(tmp_path / "other", seed=4), PRESETS["lean"], tmp_path / "training", seed=1)
