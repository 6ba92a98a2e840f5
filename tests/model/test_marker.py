from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from model.blocks import Fold
from model.bundle import Bundle, BundleError, load_bundle
from model.bundle_making import add_marker
from model.config import CELL_PX
from model.loaded import load_marker
from model.marked_batches import MarkedBatch, StackChunk
from model.marker import build_marker, focal_loss, fold_marker, ranking_loss
from model.marker_trainer import MarkerTrainer, marker_batches, train_marker
from model.runtime import MarkingRuntime, TensorFlowRuntime
from model.scoring import mark_score

FRAMES = 2
Pictures = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, make_bundle: Callable[..., Bundle], pictures: Pictures) -> Path:
    """A folder with a bundle, and the checkpoint of a marker that took three steps behind its generator."""
    folder: Path = tmp_path_factory.mktemp("marker")
    bundle = make_bundle(folder / "bundle")
    trainer = MarkerTrainer(bundle, FRAMES, batch=2)
    seconds = itertools.count()
    train_marker(
        trainer, without_end(pictures), folder / "training",
        learning_rate=1e-3, seconds=4.0, clock=lambda: float(next(seconds)),
    )  # fmt: skip
    assert trainer.step == 3
    training = folder / "training"
    add_marker(bundle.folder, training / "marker.weights.h5", (training / "marker.csv",), FRAMES,
               {"steps": trainer.step, "stacks": trainer.stacks})  # fmt: skip
    return folder


def chunk(pictures: Pictures) -> StackChunk:
    """Patches of two frames each, the odd ones with text on them."""
    stacks = np.stack([pictures(500, seed=1, size=256)[:420], pictures(500, seed=2, size=256)[:420]], axis=1)
    return StackChunk(stacks, np.arange(420) % 2 == 0, np.arange(420) % 4)


def without_end(pictures: Pictures) -> Iterator[MarkedBatch]:
    """Two stacks a step."""
    return marker_batches(itertools.repeat(chunk(pictures)), batch=2, seed=1)


def test_marker_gives_a_logit_a_cell() -> None:
    """Images and rebuilt images of n frames to 64 x 64 logits; untrained it marks nearly nothing."""
    keras.utils.set_random_seed(0)
    marker = build_marker(3)
    logits = np.asarray(marker([np.full((2, 256, 256, 3), 0.5), np.full((2, 256, 256, 3), 0.5)]))
    assert logits.shape == (2, 64, 64)
    assert (logits < 0).all()


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_folding_the_marker_is_exact(frames: int) -> None:
    """With any statistics of batch norm, the folded marker gives the same logits of pictures laid frame after frame."""
    rng = np.random.default_rng(0)
    marker = build_marker(frames)
    for layer in marker.layers:
        if layer.name.endswith("_norm"):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    images, rebuilt = (rng.random((2, 256, 256, frames), np.float32) for _ in range(2))
    expected = np.asarray(marker([images, rebuilt], training=False))
    logits, features = inspected(marker, images, rebuilt)
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert features.shape == (2, 64, 64, 40)


def inspected(marker: keras.Model, images: np.ndarray, rebuilt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits and features by the folded marker, of stacks (m, 256, 256, n)."""
    folded = fold_marker(marker)
    each = folded.alone([laid(images), laid(rebuilt)])
    early = len(each) - len(images)
    seen = folded.last(each[early:])
    if folded.before is not None:
        seen = seen + folded.before(each[:early])
    logits, features = folded.together(seen)
    return np.asarray(logits), np.asarray(features)


def laid(stacks: np.ndarray) -> np.ndarray:
    """(m, 256, 256, n) to (n m, 64, 64, 16), frame after frame and cell beside cell."""
    return np.asarray(Fold(CELL_PX)(stacks.transpose(3, 0, 1, 2).reshape(-1, 256, 256, 1)))


def test_focal_loss_by_hand() -> None:
    """-w (1 - p)^2 log p with p = 1/2 at logit 0 and p = 3/4 at log 3; marked cells weigh four times."""
    marked = np.array([[[1.0, 0.0]]], np.float32)
    logits = np.array([[[0.0, -math.log(3)]]], np.float32)
    expected = (4 * 0.25 * math.log(2) + 0.0625 * math.log(4 / 3)) / 2
    assert float(focal_loss(marked, logits)) == pytest.approx(expected, rel=1e-5)


def test_ranking_loss_by_hand() -> None:
    """Hottest clean places 1 and 2 against the one marked place at 3; what lies beside the mark counts for neither."""
    logits = np.full((2, 64, 64), -4.0, np.float32)
    marked = np.zeros((2, 64, 64), np.float32)
    logits[0, 40:42, 40:42], logits[1, 50:52, 5:7] = 1.0, 2.0
    marked[0, 10:12, 10:12], logits[0, 10:12, 10:12] = 1.0, 3.0
    logits[0, 8:10, 10:12] = 9.0
    expected = (math.log1p(math.exp(1 - 3)) + math.log1p(math.exp(2 - 3))) / 2
    assert float(ranking_loss(marked, logits)) == pytest.approx(expected, rel=1e-5)


def test_ranking_loss_needs_a_mark() -> None:
    """Nothing marked: 0, and no gradient to follow."""
    logits = np.zeros((2, 64, 64), np.float32)
    assert float(ranking_loss(np.zeros_like(logits), logits)) == 0.0


@pytest.mark.slow
def test_a_settled_marker_trains_as_it_inspects(
    make_bundle: Callable[..., Bundle], pictures: Pictures, tmp_path: Path
) -> None:
    """Its statistics are the batches' averages, a step leaves them alone, and the loss still falls."""
    trainer = MarkerTrainer(make_bundle(tmp_path / "bundle"), FRAMES, batch=2)
    batch = next(marker_batches([chunk(pictures)], batch=2, seed=3))
    trainer.settle([batch, batch])
    norm = trainer.marker.get_layer("each_1_norm")
    before = np.asarray(norm.moving_variance)
    assert (before != 1.0).all()
    losses = [trainer.train_step(batch, 2e-3) for _ in range(25)]
    assert losses[-1] < 0.7 * losses[0]
    np.testing.assert_array_equal(np.asarray(norm.moving_variance), before)
    images, rebuilt = (np.random.default_rng(0).random((2, 256, 256, FRAMES), np.float32) for _ in range(2))
    expected = np.asarray(trainer.marker([images, rebuilt], training=False))
    logits, _ = inspected(trainer.marker, images, rebuilt)
    np.testing.assert_allclose(logits, expected, atol=1e-3)


def test_training_is_watched_on_strips_held_out(
    make_bundle: Callable[..., Bundle], pictures: Pictures, tmp_path: Path
) -> None:
    """The last step writes a row: both losses, and how well perturbed stacks are told from whole ones."""
    trainer = MarkerTrainer(make_bundle(tmp_path / "bundle"), FRAMES, batch=2)
    seconds = itertools.count()
    train_marker(
        trainer, without_end(pictures), tmp_path / "training", held_out=[chunk(pictures)],
        learning_rate=1e-3, seconds=2.0, clock=lambda: float(next(seconds)),
    )  # fmt: skip
    header, row = (tmp_path / "training" / "held_out.csv").read_text().splitlines()
    assert header == "step,focal,ranking,auroc"
    step, focal, ranking, auroc = map(float, row.split(","))
    assert (step, 0 <= auroc <= 1, focal > 0, ranking > 0) == (1.0, True, True, True)


def test_batches_are_perturbed_and_repeat(pictures: Pictures) -> None:
    """The same seed gives the same batch; about three in four stacks have marks, and text is never mirrored.

    Most that have none are as they were; a few were perturbed where nothing can be seen of it.
    """
    stacks = chunk(pictures)
    one, two = (next(marker_batches([stacks], batch=64, seed=7)) for _ in range(2))
    np.testing.assert_array_equal(one.stacks, two.stacks)
    np.testing.assert_array_equal(one.marked, two.marked)
    assert 0.6 < (one.marked.max((1, 2)) > 0).mean() < 0.9
    clean = one.stacks[one.marked.max((1, 2)) == 0]
    known = {stack.tobytes() for stack in stacks.stacks} | {
        np.ascontiguousarray(stack[..., ::-1]).tobytes() for stack in stacks.stacks[stacks.mirrorable]
    }
    assert np.mean([stack.tobytes() in known for stack in clean]) > 0.7


def test_a_marker_learns(make_bundle: Callable[..., Bundle], pictures: Pictures, tmp_path: Path) -> None:
    """On one batch again and again the loss falls; the generator in front does not move."""
    bundle = make_bundle(tmp_path / "bundle")
    trainer = MarkerTrainer(bundle, FRAMES, batch=2)
    batch = next(marker_batches([chunk(pictures)], batch=2, seed=3))
    before = bundle.weights.read_bytes()
    losses = [trainer.train_step(batch, 2e-3) for _ in range(25)]
    assert losses[-1] < 0.7 * losses[0]
    assert bundle.weights.read_bytes() == before


def test_training_goes_on_from_its_checkpoint(trained: Path) -> None:
    """Step and weights come back."""
    trainer = MarkerTrainer.begin(load_bundle(trained / "bundle"), FRAMES, trained / "training", seed=5)
    assert trainer.step == json.loads((trained / "training" / "marker.json").read_text())["step"] == 3
    fresh = MarkerTrainer(load_bundle(trained / "bundle"), FRAMES, seed=1)
    pairs = zip(trainer.marker.get_weights(), fresh.marker.get_weights(), strict=True)
    assert any((one != two).any() for one, two in pairs)


def test_training_begins_with_the_marker_of_another_bundle(
    trained: Path, make_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    """Weights and steps come along, settled as they inspect; frames must be as many, and there must be a marker."""
    other = load_bundle(trained / "bundle")
    bundle = make_bundle(tmp_path / "bundle", seed=5)
    trainer = MarkerTrainer.begin(bundle, FRAMES, tmp_path / "training", seed=1, other=other)
    for one, two in zip(trainer.marker.get_weights(), load_marker(other).get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert (trainer.step, trainer.stacks, trainer.settled) == (3, 6, True)
    with pytest.raises(BundleError, match=r"expected a marker for 3 frames, got 2$"):
        MarkerTrainer.begin(bundle, 3, tmp_path / "training", seed=1, other=other)
    with pytest.raises(BundleError, match="expected a bundle with a marker, got none"):
        MarkerTrainer.begin(bundle, FRAMES, tmp_path / "training", seed=1, other=bundle)


def test_one_call_rebuilds_and_marks(trained: Path, pictures: Pictures) -> None:
    """What the marking runtime rebuilds is what the plain one rebuilds; its logits are the marker's on both."""
    bundle = load_bundle(trained / "bundle")
    patches = pictures(8, seed=6)
    rebuilt, logits = MarkingRuntime(bundle, 8, frames=FRAMES).whole(patches)
    np.testing.assert_allclose(rebuilt, TensorFlowRuntime(bundle, 8).rebuild(patches), atol=1e-6)
    marker = MarkerTrainer.begin(bundle, FRAMES, trained / "training", seed=1).marker
    first, second = patches[:4].astype(np.float32) / 255, patches[4:].astype(np.float32) / 255
    expected = marker([np.stack([first, second], -1), np.stack([rebuilt[:4], rebuilt[4:]], -1)])
    np.testing.assert_allclose(logits, np.asarray(expected), atol=1e-4)


def test_a_marker_of_one_frame_has_nothing_to_wait_for(
    make_marked_bundle: Callable[..., Bundle], pictures: Pictures, tmp_path: Path
) -> None:
    """Nothing is done ahead, and the logits are the marker's."""
    bundle = make_marked_bundle(tmp_path, frames=1)
    patches = pictures(4, seed=6)
    rebuilt, logits = MarkingRuntime(bundle, 4, frames=1).whole(patches)
    expected = load_marker(bundle)([(patches / np.float32(255))[..., None], rebuilt[..., None]], training=False)
    np.testing.assert_allclose(logits, np.asarray(expected), atol=1e-4)


def test_a_bundle_proves_its_marker(trained: Path, tmp_path: Path) -> None:
    """A changed marker file, a missing one, other frames than it knows: each is named; its digest is its own."""
    bundle = load_bundle(trained / "bundle")
    assert bundle.marker is not None
    assert bundle.marker.digest != bundle.digest
    with pytest.raises(BundleError, match="acquisitions of the marker's 2 frames, got 4 frames"):
        MarkingRuntime(bundle, 8, frames=4)
    copy = tmp_path / "bundle"
    copy.mkdir()
    for file in (trained / "bundle").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    weights = copy / "marker.weights.h5"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x07")
    with pytest.raises(BundleError, match="weights of marker"):
        load_bundle(copy)
    weights.unlink()
    with pytest.raises(BundleError, match="no such file"):
        load_bundle(copy)


def test_a_bundle_without_a_marker_cannot_mark(make_bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    """It says what is missing and how it is made."""
    with pytest.raises(BundleError, match="expected a bundle with a marker, got none"):
        MarkingRuntime(make_bundle(tmp_path / "bundle"), 8, frames=FRAMES)


def test_mark_score_is_the_hottest_window() -> None:
    """log(1 + e^x) of the largest mean of 3 x 3 cells: a lone cell counts a ninth of itself."""
    logits = np.full((2, 64, 64), -4.0, np.float32)
    logits[0, 10, 10] = 5.0
    logits[1, 20:23, 30:33] = np.arange(9).reshape(3, 3)
    assert mark_score(logits) == pytest.approx([math.log1p(math.exp(-3.0)), math.log1p(math.exp(4.0))])
