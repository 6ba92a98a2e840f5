from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from model import comparing_graph
from model.bundle import Bundle, BundleError, load_bundle
from model.bundle_making import add_comparer, remove_comparer
from model.comparer import (
    APART_CELLS,
    HOT_PLACES,
    RIM_CELLS,
    SIDE_PX,
    UNLIKE_PLACES,
    Looked,
    Places,
    build_comparer,
    hot_places,
    lightest,
    look,
    pieces,
    usual_of,
)
from model.comparer_trainer import Learnt, logits, marking_stacks, places_of_strip, train_comparer
from model.comparing import with_words
from model.loaded import known_regions, load_comparer
from model.runtime import MarkingRuntime
from model.scoring import hottest

FRAMES = 3
PATCHES = 8
USUAL = COLD = np.zeros((64, 64), np.float32)
Pictures = Callable[..., np.ndarray]
MakeBundle = Callable[..., Bundle]


def walls(vials: int = 5) -> np.ndarray:
    """uint8 (3, vials, 256, 256): a line down each, nowhere quite at the same column, under noise of its own."""
    rng = np.random.default_rng(1)
    pictures = np.full((FRAMES, vials, 256, 256), 180.0)
    for vial in range(vials):
        pictures[:, vial, :, 120 + vial % 3 : 127 + vial % 3] = 70
    return np.clip(pictures + rng.normal(0, 1.2, pictures.shape), 0, 255).astype(np.uint8)


def looked_at(pictures: np.ndarray, vial: int) -> tuple[Looked, np.ndarray]:
    """By the comparer, of one vial beside the others: where it is unlike them, and what is seen there."""
    shown = lightest(pictures)
    others = np.delete(shown, vial, axis=0)
    looked = look(shown[vial], others, USUAL)
    return looked, pieces(pictures[:, vial], others, looked.places)


def test_it_looks_where_a_vial_is_unlike_the_others() -> None:
    """First at what stays, not at what moved; with every frame and the likest piece of another vial beside."""
    pictures = walls()
    pictures[:, 2, 100:109, 119:128] = 40
    for frame, row in enumerate((30, 60, 90)):
        pictures[frame, 2, row : row + 14, 200:214] = 10
    looked, detail = looked_at(pictures, 2)
    assert (looked.places.rows[0], looked.places.columns[0]) == (26, 30)
    top, left = 4 * 26 + 2 - SIDE_PX // 2, 4 * 30 + 2 - SIDE_PX // 2
    for frame in range(FRAMES):
        expected = pictures[frame, 2, top : top + SIDE_PX, left : left + SIDE_PX]
        np.testing.assert_array_equal(detail[0, ..., frame], expected)
    beside = detail[0, ..., FRAMES].astype(int)
    assert beside.min() > 60
    spotless = pictures[0, 2].copy()
    spotless[100:109, 119:128] = spotless[90:99, 119:128]
    np.testing.assert_allclose(beside, spotless[top : top + SIDE_PX, left : left + SIDE_PX], atol=14)


def test_it_looks_where_the_marker_is_hottest() -> None:
    """At what lies open in the last frame alone, too, whatever the frames before showed."""
    pictures, logits = walls(), COLD.copy()
    pictures[-1, 2, 180:190, 60:70] = 40
    logits[45:48, 15:18] = 3.0
    shown = lightest(pictures)
    others = np.delete(shown, 2, axis=0)
    hot = hot_places(logits, shown[2], others)
    assert len(hot.rows) == HOT_PLACES
    assert (hot.rows[0], hot.columns[0]) == (46, 16)
    seen = pieces(pictures[:, 2], others, hot)[0].astype(int)
    assert seen[..., 2].min() == 40
    assert seen[..., [0, 1, 3]].min() > 150


def test_places_lie_apart_and_off_the_rim() -> None:
    """Always as many, each told where it is and how unlike."""
    looked, detail = looked_at(walls(), 0)
    rows, columns = looked.places.rows, looked.places.columns
    assert detail.shape == (UNLIKE_PLACES, SIDE_PX, SIDE_PX, FRAMES + 1)
    assert min(rows.min(), columns.min()) >= RIM_CELLS
    assert max(rows.max(), columns.max()) < 64 - RIM_CELLS
    away = np.maximum(np.abs(rows[:, None] - rows), np.abs(columns[:, None] - columns))
    assert away[~np.eye(UNLIKE_PLACES, dtype=bool)].min() > APART_CELLS
    where = looked.where(looked.places)
    np.testing.assert_allclose(where[:, 0], rows / 32 - 1, atol=1e-6)
    np.testing.assert_allclose(where[:, 2], looked.unlike[rows, columns] - 1)
    assert (np.diff(where[:, 3]) <= 0).all()


def test_what_is_usual_draws_no_look() -> None:
    """Where good vials are unlike each other too, it takes more."""
    unlike = np.zeros((40, 64, 64), np.float32)
    unlike[:, 40:] = np.linspace(0, 2, 40)[:, None, None]
    usual = usual_of(unlike)
    assert usual[:36].max() == 0
    assert usual[50, 30] == pytest.approx(1.9, abs=0.01)


@pytest.fixture
def compared_bundle(make_marked_bundle: MakeBundle, tmp_path: Path) -> Bundle:
    """A bundle with a comparer of fresh weights that looks at region 1 of 4."""
    bundle = make_marked_bundle(tmp_path, frames=FRAMES)
    put_beside(bundle.folder, tmp_path)
    return load_bundle(bundle.folder)


def put_beside(bundle: Path, folder: Path, **options: int) -> None:
    """Make a comparer and put it into a bundle."""
    keras.utils.set_random_seed(3)
    comparer = build_comparer(FRAMES)
    last = comparer.get_layer("say")
    last.set_weights([last.get_weights()[0], np.full(1, 2.0, np.float32)])
    comparer.save_weights(folder / "comparer.weights.h5")
    np.save(folder / "usual.npy", USUAL)
    add_comparer(
        bundle, folder / "comparer.weights.h5", folder / "usual.npy", [],
        **{"region": 1, "regions": 4, "made_by": {"seed": 3}, **options},
    )  # fmt: skip


def test_inspection_hears_the_comparer(compared_bundle: Bundle, pictures: Pictures) -> None:
    """In its region alone: of what it finds ahead, with the frame before in place of the last, and of hot places."""
    patches = pictures(FRAMES * PATCHES, seed=6)
    _, heard = MarkingRuntime(compared_bundle, len(patches), frames=FRAMES).whole(patches)
    comparer = load_comparer(compared_bundle)
    alone = MarkingRuntime(remove_comparer(compared_bundle.folder), len(patches), frames=FRAMES)
    _, marked = alone.whole(patches)
    region = patches.reshape(FRAMES, 2, 4, 256, 256)[:, :, 1]
    for vial in range(2):
        before = marked[4 * vial + 1]
        early, whole = lightest(region[:-1]), lightest(region)
        looked = look(early[vial], early[[1 - vial]], USUAL)
        hot = hot_places(before, whole[vial], whole[[1 - vial]])
        ahead = pieces(region[[0, 1, 1], vial], early[[1 - vial]], looked.places)
        after = pieces(region[:, vial], whole[[1 - vial]], hot)
        places = looked.places.with_others(hot)
        seen = [np.concatenate([ahead, after]), looked.where(places)]
        expected = with_words(before, places, np.asarray(comparer(seen, training=False)))
        np.testing.assert_allclose(heard[4 * vial + 1], expected, atol=1e-4)
        assert np.abs(expected - before).max() > 0.5
    others = [0, 2, 3, 4, 6, 7]
    np.testing.assert_array_equal(heard[others], marked[others])


def test_words_are_added_where_it_looked() -> None:
    """The hotter of two beside each other; and nowhere else is hotter than the hottest of them."""
    marked = np.zeros((64, 64), np.float32)
    marked[30:34, 30:34], marked[10:14, 50:54] = 6.0, 4.0
    rows, columns = np.array([31, 35, 50]), np.array([31, 31, 50])
    places = Places(rows, columns, np.zeros((3, 3), np.int64))
    found = with_words(marked, places, np.array([-5.0, -3.0, 1.5], np.float32))
    assert (found[29:33, 29:30] == -5).all()
    assert (found[30:33, 30:33] == 1).all()
    assert (found[33, 30:34] == 3).all()
    assert (found[36, 29:34] == -3).all()
    assert (found[48:53, 48:53] == 1.5).all()
    assert hottest(found[None])[0] == pytest.approx(found[10:14, 50:54].max()) == pytest.approx(2.0, abs=0.4)
    assert found[0, 0] == 0
    assert np.isnan(hottest(with_words(marked, places, np.array([np.nan, -3, 1.5], np.float32))[None]))


def test_one_vial_is_compared_with_none(compared_bundle: Bundle, pictures: Pictures) -> None:
    """And it says nothing."""
    patches = pictures(FRAMES * 4, seed=6)
    _, heard = MarkingRuntime(compared_bundle, len(patches), frames=FRAMES).whole(patches)
    _, marked = MarkingRuntime(remove_comparer(compared_bundle.folder), len(patches), frames=FRAMES).whole(patches)
    np.testing.assert_array_equal(heard, marked)


def test_another_backend_says_the_same(compared_bundle: Bundle, pictures: Pictures) -> None:
    """OpenVINO's comparer, to 1e-4 of a logit."""
    pytest.importorskip("openvino", reason="OpenVINO, an extra, is not installed")
    from model.openvino_runtime import OpenVINOMarkingRuntime

    patches = pictures(FRAMES * PATCHES, seed=6)
    _, expected = MarkingRuntime(compared_bundle, len(patches), frames=FRAMES).whole(patches)
    _, found = OpenVINOMarkingRuntime(compared_bundle, len(patches), frames=FRAMES).whole(patches)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_graph_looks_at_the_same_places() -> None:
    """For an export: how unlike, where that is most, which piece of which vial is likest, and what is told of it."""
    pictures = walls()
    pictures[:, 2, 100:109, 119:128] = 40
    shown = lightest(pictures)
    unlike = comparing_graph.unlike_others(shown)
    rows, columns = comparing_graph.hottest_cells(unlike, UNLIKE_PLACES)
    places = comparing_graph.Likest(shown, rows, columns)
    pieces_of_all, told_of_all = places.pieces(pictures, shown).numpy(), places.where(unlike, unlike).numpy()
    for vial in range(pictures.shape[1]):
        others = np.delete(shown, vial, axis=0)
        looked = look(shown[vial], others, USUAL)
        np.testing.assert_allclose(unlike[vial], looked.unlike, rtol=1e-6)
        np.testing.assert_array_equal((rows[vial], columns[vial]), (looked.places.rows, looked.places.columns))
        np.testing.assert_array_equal(pieces_of_all[vial], pieces(pictures[:, vial], others, looked.places))
        np.testing.assert_allclose(told_of_all[vial], looked.where(looked.places), atol=1e-6)


@pytest.mark.parametrize("vials", [1, 2, 3])
def test_the_graph_hears_the_same_words(compared_bundle: Bundle, pictures: Pictures, vials: int) -> None:
    """Of any number of vials what inspection hears; of one nothing."""
    patches = pictures(FRAMES * 4 * vials, seed=6)
    _, expected = MarkingRuntime(compared_bundle, len(patches), frames=FRAMES).whole(patches)
    hear = comparing_graph.hearing(compared_bundle)
    assert hear is not None
    _, marked = MarkingRuntime(remove_comparer(compared_bundle.folder), len(patches), frames=FRAMES).whole(patches)
    assert (np.abs(expected - marked).max() > 0.5) == (vials > 1)
    np.testing.assert_allclose(hear(patches, marked), expected, atol=1e-4)


def test_no_number_is_none_in_the_graph_either() -> None:
    """So that the vial has no score, and others keep theirs."""
    rows, words = ops.full((2, 1), 31, "int32"), ops.convert_to_tensor([[np.nan], [1.0]])
    found = comparing_graph.with_words(ops.zeros((2, 64, 64)), rows, rows, words)
    assert np.isnan(found[0]).all()
    assert float(comparing_graph.hottest(found)[1]) == pytest.approx(1)


def test_a_bundle_proves_its_comparer(compared_bundle: Bundle, tmp_path: Path) -> None:
    """Its digest is part of the marker's, an examiner's ground is not; what is usual must be an array."""
    marker, without = compared_bundle.marker, load_bundle(compared_bundle.folder, with_marker=False)
    assert marker is not None
    assert without.digest == compared_bundle.digest
    np.save(compared_bundle.folder / "usual.npy", USUAL + 1)
    with pytest.raises(BundleError, match="expected weights of marker"):
        load_bundle(compared_bundle.folder)
    np.save(compared_bundle.folder / "usual.npy", USUAL)
    plain = remove_comparer(compared_bundle.folder).marker
    assert plain is not None
    assert plain.digest == plain.proposing == marker.proposing != marker.digest
    with pytest.raises(BundleError, match="expected a bundle with a comparer, got none"):
        load_comparer(load_bundle(compared_bundle.folder))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"regions": 0}, r"marker.comparer.regions of 1 to 64, got 0$"),
        ({"region": 4}, r"marker.comparer.region of 0 to 3, got 4$"),
    ],
)
def test_where_it_looks_is_checked(
    make_marked_bundle: MakeBundle, tmp_path: Path, options: dict[str, int], said: str
) -> None:
    """A region that a vial has."""
    bundle = make_marked_bundle(tmp_path, frames=FRAMES)
    with pytest.raises(BundleError, match=said):
        put_beside(bundle.folder, tmp_path, **options)


def test_other_patches_than_it_knows(compared_bundle: Bundle) -> None:
    """Vials must be whole, of as many regions as it says."""
    assert known_regions(compared_bundle) == 4
    with pytest.raises(BundleError, match="expected patches of 4 regions, got 6 patches"):
        MarkingRuntime(compared_bundle, FRAMES * 6, frames=FRAMES)


def cold(stacks: np.ndarray) -> np.ndarray:
    """A marker that sees nothing."""
    return np.zeros((len(stacks), 64, 64), np.float32)


def test_places_are_learnt_from_a_good_strip() -> None:
    """Whole ones of its vials as they are, perturbed ones where they were perturbed; the same seed gives the same."""
    pictures = walls()
    one, two = (places_of_strip(pictures, USUAL, cold, np.random.default_rng(5)) for _ in range(2))
    for part in ("detail", "where", "label", "ahead"):
        np.testing.assert_array_equal(getattr(one, part), getattr(two, part))
    assert (one.label[:14] == 0).all()
    assert one.ahead[:10].all()
    assert not one.ahead[10:14].any()
    assert 0 < one.label[14:].sum() < len(one) / 2
    differs = np.abs(one.detail[..., 0].astype(int) - one.detail[..., FRAMES])[:, 14:26, 14:26].max((1, 2))
    assert differs[one.label > 0.5].mean() > differs[:14].mean() + 10


def test_places_looked_at_ahead_have_a_frame_twice() -> None:
    """As in inspection, the frame before the last; or, to learn from all of them, the last."""
    detail = np.broadcast_to(np.arange(FRAMES + 1, dtype=np.uint8), (3, SIDE_PX, SIDE_PX, FRAMES + 1)).copy()
    numbers = np.zeros(3, np.float32)
    places = Learnt(detail, np.zeros((3, 4), np.float32), numbers, np.array([True, True, False]))
    places.leave_out(np.array([False, True, True]))
    np.testing.assert_array_equal(places.detail[:, 0, 0], [[0, 1, 1, 3], [1, 2, 2, 3], [0, 1, 2, 3]])


def test_the_marker_is_shown_stacks(make_marked_bundle: MakeBundle, pictures: Pictures, tmp_path: Path) -> None:
    """Of one region: what it says of them in inspection."""
    bundle = make_marked_bundle(tmp_path, frames=FRAMES)
    patches = pictures(FRAMES * PATCHES, seed=6)
    _, expected = MarkingRuntime(bundle, len(patches), frames=FRAMES).whole(patches)
    stacks = np.ascontiguousarray(patches.reshape(FRAMES, PATCHES, 256, 256).swapaxes(0, 1))
    np.testing.assert_allclose(marking_stacks(bundle, 0)(stacks), expected, atol=1e-4)


def test_it_learns_and_repeats(tmp_path: Path) -> None:
    """Perturbed places become hotter than whole ones on strips held out; one seed, one comparer; a curve is kept."""
    strips = [places_of_strip(walls(), USUAL, cold, np.random.default_rng(number)) for number in range(3)]
    said = []
    for name in ("one", "two"):
        comparer = train_comparer(strips, tmp_path / name, epochs=6, seed=1, learning_rate=2e-3, batch=32)
        said.append(logits(comparer, Learnt.joined(strips)))
    np.testing.assert_allclose(said[0], said[1], atol=1e-3)
    label = Learnt.joined(strips).label > 0.5
    assert said[0][label].mean() > said[0][~label].mean()
    header, *rows = (tmp_path / "one" / "comparer.csv").read_text().splitlines()
    assert header == "step,epoch,loss,held_out,auroc"
    assert len(rows) == 6
    assert float(rows[-1].split(",")[2]) < float(rows[0].split(",")[2])


def test_it_goes_on_from_another(tmp_path: Path) -> None:
    """Its weights are begun with: a step of no length leaves them."""
    strips = [places_of_strip(walls(), USUAL, cold, np.random.default_rng(number)) for number in range(2)]
    other = build_comparer(FRAMES)
    after = train_comparer(strips, tmp_path, epochs=1, seed=1, learning_rate=1e-12, begun=other, batch=32)
    for one, two in zip(other.trainable_weights, after.trainable_weights, strict=True):
        np.testing.assert_allclose(two.numpy(), one.numpy(), atol=1e-6)
