from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from model.bundle import Bundle, BundleError, load_bundle
from model.bundle_making import add_examiner, add_marker
from model.config import PATCH_PX
from model.examiner import (
    APART_CELLS,
    EXAMINED,
    PLACES,
    WINDOW_CELLS,
    WINDOW_PX,
    build_examiner,
    examined,
    hottest_places,
    whereabouts,
    windows,
)
from model.examiner_trainer import (
    STACKS,
    ExaminerTrainer,
    examiner_batches,
    labels,
    train_examiner,
)
from model.loaded import seeing
from model.marked_batches import StackChunk
from model.marker_trainer import MarkerTrainer, marker_batches
from model.place_losses import NEITHER, STRIP_PLACES, place_loss, strip_loss
from model.runtime import MarkingRuntime
from model.scoring import mark_score
from model.window_pool import Pool, Windows

FRAMES, REGIONS = 2, 4
Pictures = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_bundle: Callable[..., Bundle]) -> Path:
    """A bundle with an untrained marker."""
    folder: Path = tmp_path_factory.mktemp("examiner")
    bundle = make_bundle(folder / "bundle")
    MarkerTrainer(bundle, FRAMES, batch=2).save(folder / "marker")
    add_marker(bundle.folder, folder / "marker" / "marker.weights.h5", (), FRAMES, {})
    return folder / "bundle"


def chunk(pictures: Pictures) -> StackChunk:
    """Patches of two frames each, regions in turn."""
    stacks = np.stack([pictures(440, seed=1, size=256), pictures(440, seed=2, size=256)], axis=1)
    return StackChunk(stacks, np.zeros(440, bool), np.arange(440) % REGIONS)


def test_untrained_it_leaves_the_marker_alone() -> None:
    """The logit that comes out is the one that went in."""
    rng = np.random.default_rng(0)
    examiner = build_examiner(FRAMES, REGIONS, 5)
    value = rng.normal(size=(3, 1)).astype(np.float32)
    seen = [rng.random((3, *taken.shape[1:]), np.float32) for taken in examiner.inputs[:3]]
    np.testing.assert_array_equal(np.asarray(examiner([*seen, value])), value)


def test_the_hottest_places() -> None:
    """In order, and never two within `APART_CELLS` of each other; a lone hot cell counts a ninth of itself."""
    logits = np.zeros((1, 64, 64), np.float32)
    logits[0, 10:13, 20:23] = 3.0
    logits[0, 13:16, 22:25] = 2.9  # too near to the first
    logits[0, 40:43, 0:3] = 2.0
    rows, columns, values = map(np.asarray, hottest_places(logits, 2))
    assert (rows.tolist(), columns.tolist()) == ([[11, 41]], [[21, 1]])
    assert values[0] == pytest.approx([3.0, 2.0])
    assert APART_CELLS > 2


def test_windows_are_cut_where_they_should_be() -> None:
    """A window's middle is its cell's; beyond the patch the edge is repeated."""
    along = np.arange(64, dtype=np.float32)
    cells = np.stack(np.broadcast_arrays(along[:, None], along[None]), -1)[None]
    patch, row, column = (np.array(part, np.int32) for part in ([0, 0], [30, 0], [20, 63]))
    cut = np.asarray(windows(cells, patch, row, column))
    assert cut.shape == (2, WINDOW_CELLS, WINDOW_CELLS, 2)
    half = WINDOW_CELLS // 2
    assert cut[0, half, half].tolist() == [30, 20]
    assert cut[0, 0, 0].tolist() == [30 - half, 20 - half]
    assert cut[1, half, half].tolist() == [0, 63]
    assert cut[1, 0, -1].tolist() == [0, 63]
    fine = cells.repeat(4, axis=1).repeat(4, axis=2)
    cut = np.asarray(windows(fine, patch, row, column, px=4))
    assert cut.shape == (2, WINDOW_PX, WINDOW_PX, 2)
    np.testing.assert_array_equal(cut[:, ::4, ::4], np.asarray(windows(cells, patch, row, column)))
    both = np.asarray(windows(np.concatenate([fine, -fine]), patch, row, column, px=4, frames=2))
    np.testing.assert_array_equal(both, np.concatenate([cut, -cut], axis=-1))
    second = np.asarray(windows(np.concatenate([0 * cells, cells]), patch + 1, row, column))
    np.testing.assert_array_equal(second, np.asarray(windows(cells, patch, row, column)))


def test_where_a_place_lies() -> None:
    """Its region, and -1 to 1 across the patch, place after place."""
    row, column, region = (np.array(part, np.int32) for part in ([0, 32], [32, 48], [2, 2]))
    where = whereabouts(row, column, region, REGIONS)
    assert np.asarray(where).tolist() == [[0, 0, 1, 0, -1, 0], [0, 0, 1, 0, 0, 0.5]]


def test_what_is_examined_decides() -> None:
    """A score is the hottest of the examiner's words; no cell is hotter than the place nearest to it."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(3, 64, 64)).astype(np.float32)
    pictures = rng.random((2, FRAMES * 3, 256, 256, 1), np.float32)
    features = rng.random((3, 64, 64, 5), np.float32)
    region = np.array([0, 1, 3], np.int32)
    rows, columns, values = map(np.asarray, hottest_places(logits, PLACES))

    def swapping(given: list[np.ndarray], training: bool) -> np.ndarray:
        assert not training
        value = np.asarray(given[3])
        assert value[:, 0] == pytest.approx(np.sort(values.ravel())[::-1])
        return value - 10.0 * np.isin(value, values[:, 0])  # the hottest of each was only a bubble

    out = np.asarray(examined(swapping, logits, *pictures, features, region, frames=FRAMES, regions=REGIONS))
    assert mark_score(out) == pytest.approx(np.logaddexp(0, values[:, 1]))
    assert out[0, rows[0, 0], columns[0, 0]] == pytest.approx(values[0, 0] - 10)
    assert out[0].max() == pytest.approx(values[0, 1])
    around = out[0, max(rows[0, 0] - 1, 0) : rows[0, 0] + 2, max(columns[0, 0] - 2, 0) : columns[0, 0] + 3]
    assert around.max() == pytest.approx(values[0, 0] - 10)


def test_the_hottest_places_of_a_strip_are_examined() -> None:
    """`EXAMINED` of them, in whichever patch; no other may be hotter than the coolest of these is found to be."""
    rng, patches = np.random.default_rng(2), 20
    logits = (rng.normal(size=(patches, 64, 64)) + np.linspace(0, 5, patches)[:, None, None]).astype(np.float32)
    pictures = rng.random((2, FRAMES * patches, 256, 256, 1), np.float32)
    features = rng.random((patches, 64, 64, 5), np.float32)
    region = np.arange(patches, dtype=np.int32) % REGIONS
    _, _, values = map(np.asarray, hottest_places(logits, PLACES))
    hottest = np.sort(values.ravel())[::-1][:EXAMINED]

    def cooling(given: list[np.ndarray], training: bool) -> np.ndarray:
        assert not training
        value = np.asarray(given[3])
        assert value[:, 0] == pytest.approx(hottest)
        return value - 4.0

    out = np.asarray(examined(cooling, logits, *pictures, features, region, frames=FRAMES, regions=REGIONS))
    word = np.where(values >= hottest[-1], values - 4.0, np.minimum(values, hottest[-1] - 4.0))
    assert mark_score(out) == pytest.approx(np.logaddexp(0, word.max(axis=1)), rel=1e-5)


def test_labels_of_places() -> None:
    """Perturbed, whole, and beside a perturbation, which is neither."""
    marked = np.zeros((1, 64, 64), np.float32)
    marked[0, 10, 10] = 1.0
    rows, columns = np.array([[11, 13, 20]], np.int32), np.array([[9, 10, 10]], np.int32)
    assert np.asarray(labels(marked, rows, columns)).tolist() == [[1.0, NEITHER, 0.0]]


def test_place_loss_by_hand() -> None:
    """Cross-entropy of logits 0 and log 3; what lies beside a perturbation is left out."""
    label = np.array([1.0, 0.0, NEITHER], np.float32)
    said = np.array([0.0, math.log(3), 50.0], np.float32)
    assert float(place_loss(label, said)) == pytest.approx((math.log(2) + math.log(4)) / 2, rel=1e-5)


def test_strip_loss_by_hand() -> None:
    """Two whole places at 0 and log 2 stand for forty of mean 1.5; one perturbed at log 60 is as hot as their sum."""
    label = np.array([0.0, 0.0, 1.0, NEITHER], np.float32)
    said = np.array([0.0, math.log(2), math.log(1.5 * STRIP_PLACES), 99.0], np.float32)
    assert float(strip_loss(label, said)) == pytest.approx(math.log(2), rel=1e-5)


def test_strip_loss_needs_both_kinds() -> None:
    """Only whole or only perturbed places: 0, whatever they are."""
    for label in (0.0, 1.0):
        assert float(strip_loss(np.full(3, label, np.float32), np.ones(3, np.float32))) == 0.0


def some(first: int, count: int) -> Windows:
    """Windows told apart by their value."""
    value = np.arange(first, first + count, dtype=np.float32)
    empty = np.zeros((count, 1), np.float16)
    return Windows(empty, empty, value[:, None], value, np.zeros(count, np.float32))


def test_a_pool_stays_as_large_as_it_is() -> None:
    """It fills first; then new windows take the places of others, and what is drawn hangs together."""
    rng, pool = np.random.default_rng(0), Pool(10)
    pool.add(some(0, 8), rng)
    assert pool.kept == 8
    pool.add(some(8, 6), rng)
    assert pool.kept == 10
    drawn = pool.draw(200, rng)
    assert len(set(drawn.value.tolist())) == 10
    assert 13.0 in drawn.value  # the last of those for which there was no place
    np.testing.assert_array_equal(drawn.where[:, 0], drawn.value)


def test_it_learns_and_nothing_else_does(folder: Path, pictures: Pictures) -> None:
    """On the same windows again and again the loss falls; generator and marker stay as they are."""
    trainer = ExaminerTrainer(load_bundle(folder), REGIONS, seed=1, batch=8)
    before = [weight.copy() for weight in trainer_marker_weights(trainer)]
    proposed = trainer.windows(next(marker_batches([chunk(pictures)], batch=STACKS, seed=3)), PLACES)
    assert len(proposed.label) == STACKS * PLACES
    assert set(np.unique(proposed.label)) >= {0.0, 1.0}
    losses = [trainer.train_step(proposed, 1e-3) for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]
    for one, two in zip(before, trainer_marker_weights(trainer), strict=True):
        np.testing.assert_array_equal(one, two)


def trainer_marker_weights(trainer: ExaminerTrainer) -> list[np.ndarray]:
    """What the marker in front of an examiner makes of a fixed picture: changes if a weight of it does."""
    rng = np.random.default_rng(0)
    see = seeing(trainer.bundle).see
    pictures = rng.random((2, FRAMES, PATCH_PX, PATCH_PX, 1), np.float32)
    return [np.asarray(part) for part in see(*pictures, ops.zeros(1, "int32"))]


def test_training_watches_itself_and_goes_on(folder: Path, pictures: Pictures, tmp_path: Path) -> None:
    """The curve ends with what it is worth on stacks held out; the checkpoint brings step and weights back."""
    trainer = ExaminerTrainer(load_bundle(folder), REGIONS, seed=1, batch=8)
    seconds = itertools.count()
    train_examiner(
        trainer, examiner_batches(itertools.repeat(chunk(pictures)), batch=STACKS, seed=1), tmp_path,
        held_out=[chunk(pictures)], pool_windows=48,
        learning_rate=1e-3, seconds=4.0, clock=lambda: float(next(seconds)),
    )  # fmt: skip
    header, *rows = (tmp_path / "examiner.csv").read_text().splitlines()
    assert header == "step,seconds,learning_rate,loss,held_out,auroc_marker,auroc"
    step, *_, loss, marker, auroc = map(float, rows[-1].split(","))
    assert step == trainer.step == 3
    assert loss > 0
    assert all(math.isnan(value) or 0 <= value <= 1 for value in (marker, auroc))  # an untrained marker may hit nothing
    again = ExaminerTrainer.begin(load_bundle(folder), REGIONS, tmp_path, seed=9)
    assert again.step == json.loads((tmp_path / "examiner.json").read_text())["step"] == 3
    for one, two in zip(again.examiner.get_weights(), trainer.examiner.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    with pytest.raises(BundleError, match=r"an examiner behind marker \w+ for 3 regions, got one behind marker"):
        ExaminerTrainer.begin(load_bundle(folder), 3, tmp_path, seed=1)


def test_a_bundle_proves_its_examiner(folder: Path, pictures: Pictures, tmp_path: Path) -> None:
    """It changes digest and logits, a changed file of it is named, and a new marker ends it."""
    trainer = ExaminerTrainer(load_bundle(folder), REGIONS, seed=1, batch=8)
    proposed = trainer.windows(next(marker_batches([chunk(pictures)], batch=STACKS, seed=3)), PLACES)
    for _ in range(5):
        trainer.train_step(proposed, 1e-2)
    trainer.save(tmp_path)
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for file in folder.iterdir():
        (bundle / file.name).write_bytes(file.read_bytes())
    before, patches = load_bundle(bundle), pictures(2 * REGIONS, seed=6)
    alone = MarkingRuntime(before, len(patches), frames=FRAMES).whole(patches)[1]
    after = add_examiner(bundle, tmp_path / "examiner.weights.h5", (), REGIONS, {"seed": 1})
    assert before.marker is not None
    assert after.marker is not None
    assert (after.marker.regions, after.marker.proposing) == (REGIONS, before.marker.digest)
    assert after.marker.digest != before.marker.digest
    together = MarkingRuntime(after, len(patches), frames=FRAMES).whole(patches)[1]
    assert np.abs(mark_score(together) - mark_score(alone)).max() > 1e-3
    weights = bundle / "examiner.weights.h5"
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    with pytest.raises(BundleError, match="weights of marker"):
        load_bundle(bundle)
    weights.write_bytes(kept)
    add_marker(bundle, folder.parent / "marker" / "marker.weights.h5", (), FRAMES, {})
    assert not weights.exists()
