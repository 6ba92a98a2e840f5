from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label, uniform_filter

from harness.geometry import Geometry
from harness.inspection import template as templates
from harness.inspection.classical import (
    BLOB_CHOICES,
    GAUSSIAN_CHOICES,
    BlobDetector,
    BlobSettings,
    GaussianDetector,
    GaussianSettings,
    areas_by_level,
)
from harness.inspection.detector import Inspection
from harness.inspection.template import Pose, Template, learn_template
from harness.inspection.tuning import (
    balanced_accuracy,
    balanced_thresholds,
    blob_areas,
    fit_blob,
    fit_gaussian,
    gaussian_peaks,
)

Frames = NDArray[np.uint8]

GEOMETRY = Geometry((1, 8), 2, ("top", "bottom"), (512, 520), ((0, 0), (256, 0), (0, 264), (256, 264)), 50.0)
PLAIN = BlobSettings(background_px=0, persistent=False, deviations=0.0, level=20)


def card() -> templates.Picture:
    """A light field with a grid of dark bars: something to register by."""
    picture = np.full(GEOMETRY.frame_shape, 200.0, np.float32)
    for row, column in product((60, 250, 430), (50, 200, 330, 470)):
        picture[row : row + 14, :] = 120
        picture[:, column : column + 10] = 90
    return gaussian_filter(picture, 1.0)


CARD = card()


def acquisition(seed: int, *, pose: Pose | None = None, spots: tuple[tuple[int, int, int, int], ...] = ()) -> Frames:
    """Two frames of the card in some pose, with noise; spots are (frame or -1 for both, row, column, half side)."""
    rng = np.random.default_rng(seed)
    if pose is None:
        pose = Pose(rng.uniform(-0.008, 0.008), rng.uniform(-2, 2), rng.uniform(-2, 2), rng.uniform(0.98, 1.02))
    frames = []
    for number in range(2):
        picture = CARD.copy()
        for frame, row, column, half in spots:
            if frame in (-1, number):
                picture[row - half : row + half + 1, column - half : column + half + 1] *= 0.6
        frames.append(templates._laid(picture, pose) + rng.normal(0, 1.2, CARD.shape))
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def inspection(frames: Frames) -> Inspection:
    """As a detector is given it."""
    return Inspection("key", GEOMETRY, lambda: frames)


@pytest.fixture(scope="module")
def template() -> Template:
    """Learnt from a dozen good acquisitions."""
    return learn_template([acquisition(seed) for seed in range(12)], GEOMETRY)


@pytest.mark.parametrize(
    "pose", [Pose(0.0, 2.0, -2.0, 1.0), Pose(0.0087, -1.0, 0.5, 1.02), Pose(-0.006, 0.0, 2.0, 0.98)]
)
def test_registration_finds_the_pose(pose: Pose, template: Template) -> None:
    """Turn to 0.0006 rad, shift to 0.3 px, brightness to half a per cent, spots or not."""
    spots = ((-1, 150, 120, 12), (0, 380, 400, 15))
    straight, found = template.pose(acquisition(99, pose=Pose())), template.pose(acquisition(5, pose=pose, spots=spots))
    assert found.angle - straight.angle == pytest.approx(pose.angle, abs=6e-4)
    assert found.right_px - straight.right_px == pytest.approx(pose.right_px, abs=0.3)
    assert found.down_px - straight.down_px == pytest.approx(pose.down_px, abs=0.3)
    assert found.gain / straight.gain == pytest.approx(pose.gain, rel=0.005)


def test_inverse_pose_undoes_a_pose() -> None:
    """A picture posed and posed back is the picture, away from its edges."""
    pose = Pose(0.008, 1.5, -2.0, 1.02)
    back = templates._laid(templates._laid(CARD, pose), pose.inverse())
    assert np.abs(back - CARD)[20:-20, 20:-20].mean() < 1.0


def test_template_is_the_card(template: Template) -> None:
    """Registered before they are averaged, poses do not blur it: median and mean are the card, the spread is noise."""
    middle = np.s_[30:-30, 30:-30]
    for picture in (template.median, template.mean):
        difference = (picture - CARD)[middle]
        assert abs(np.median(difference)) < 4  # the mean brightness of its acquisitions
        assert np.abs(difference - np.median(difference)).mean() < 1.0
    assert np.median(template.deviation) < 1.6
    assert template.deviation.min() >= 1.0


def test_template_needs_an_acquisition() -> None:
    """Nothing to learn from is said, not divided by."""
    with pytest.raises(ValueError, match="acquisitions: expected at least one, got none"):
        learn_template([], GEOMETRY)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_areas_are_those_of_labelled_parts(seed: int) -> None:
    """At every level the largest area is that of the largest eight-connected part at or above it."""
    rng = np.random.default_rng(seed)
    patch = (255 * gaussian_filter(rng.random((24, 20)), rng.uniform(0.3, 2)) ** 2).astype(np.uint8)
    areas = areas_by_level(patch, 3)
    for level in range(3, 256, 11):
        parts, count = label(patch >= level, np.ones((3, 3)))
        largest = np.bincount(parts.ravel())[1:].max() if count else 0
        assert areas[level] == largest
    assert not areas[:3].any()


@pytest.mark.parametrize("side", [3, 9, 49])
def test_box_mean(side: int) -> None:
    """The running mean is `scipy`'s uniform filter inside, and the mean of what there is at the edges."""
    picture = np.random.default_rng(1).random((90, 70)).astype(np.float32)
    half = side // 2
    found = templates._box_mean(picture, side)
    inside = np.s_[half : 90 - half, half : 70 - half]
    assert found[inside] == pytest.approx(uniform_filter(picture, side)[inside], abs=1e-5)
    assert found[0, 0] == pytest.approx(picture[: half + 1, : half + 1].mean(), abs=1e-5)


def test_median_by_counting() -> None:
    """Counting grey levels gives numpy's median of an odd number of frames."""
    stack = np.random.default_rng(2).integers(0, 256, (7, 9, 11), dtype=np.uint8)
    assert np.array_equal(templates._median(stack), np.median(stack, axis=0))


def test_a_blob_scores_its_area(template: Template) -> None:
    """A spot of 11 x 11 px scores about 121 in its own patch and frame, and nothing elsewhere."""
    detector = BlobDetector(template, PLAIN)
    clean = detector.score(inspection(acquisition(50)))
    scores = detector.score(inspection(acquisition(50, spots=((1, 350, 120, 5),))))
    assert clean.shape == scores.shape == (2, 2, 2)
    assert clean.max() < 40
    assert scores[1, 0, 1] == pytest.approx(121, abs=14)
    assert np.delete(scores.ravel(), 5).max() < 40
    assert not detector.joint


def test_only_what_persists_counts_if_asked(template: Template) -> None:
    """With `persistent` a spot in one frame is a bubble; one in both is not, and its score is said for both frames."""
    detector = BlobDetector(template, BlobSettings(0, True, 1.5, 20))
    moving = detector.score(inspection(acquisition(51, spots=((0, 350, 120, 5), (1, 380, 120, 5)))))
    still = detector.score(inspection(acquisition(51, spots=((-1, 350, 120, 5),))))
    assert detector.joint
    assert moving.max() < 20
    assert still[0, 0, 1] == pytest.approx(121, abs=14)
    assert np.array_equal(still[0], still[1])


def test_gaussian_scores_deviations(template: Template) -> None:
    """A dark spot stands out by many standard deviations where a good strip has few."""
    detector = GaussianDetector(template, GaussianSettings(persistent=False, pooled_px=5))
    clean = detector.score(inspection(acquisition(52)))
    scores = detector.score(inspection(acquisition(52, spots=((1, 350, 120, 5),))))
    assert clean.max() < 12
    assert scores[1, 0, 1] > 20
    assert scores[0] == pytest.approx(clean[0], rel=0.2)


@pytest.mark.parametrize("persistent", [False, True])
def test_explanations_have_the_shape_of_patches(persistent: bool, template: Template) -> None:
    """Both explain with a residual and an expected picture in [0, 1], a patch each, hottest at the spot."""
    seen = inspection(acquisition(53, spots=((-1, 350, 120, 5),)))
    for detector in (
        BlobDetector(template, BlobSettings(0, persistent, 1.5, 20)),
        GaussianDetector(template, GaussianSettings(persistent, 5)),
    ):
        explained = detector.explain(seen)
        assert explained.rebuilt is not None
        assert explained.residual.shape == explained.rebuilt.shape == (2, 2, 2, 256, 256)
        assert 0 <= explained.residual.min() <= explained.residual.max() <= 1
        assert 0 <= explained.rebuilt.min() <= explained.rebuilt.max() <= 1
        row, column = np.unravel_index(explained.residual[1, 0, 1].argmax(), (256, 256))
        assert np.hypot(row - 94, column - 120) < 14


def test_digest_follows_settings_and_template(template: Template) -> None:
    """The digest is that of everything that decides a score."""
    digests = {
        BlobDetector(template, PLAIN).digest,
        BlobDetector(template, BlobSettings(0, True, 0.0, 20)).digest,
        GaussianDetector(template, GaussianSettings(False, 5)).digest,
        BlobDetector(learn_template([acquisition(1)], GEOMETRY), PLAIN).digest,
    }
    assert len(digests) == 4
    assert BlobDetector(template, PLAIN).digest in digests


def test_fitting_learns_to_ignore_what_moves(template: Template) -> None:
    """Good strips with large moving spots, defective ones with a small still spot: both choose to ask what persists."""
    areas, peaks, defective, products = [], [], [], []
    for number in range(14):
        bad, rng = number % 2 == 0, np.random.default_rng(number)
        spots = [(frame, int(rng.integers(330, 400)), int(rng.integers(100, 170)), 9) for frame in (0, 1)]
        spots += [(-1, 150, 420, 4)] if bad else []
        seen = template.compare(acquisition(1000 + number, spots=tuple(spots)))
        areas.append(blob_areas(seen, GEOMETRY))
        peaks.append(gaussian_peaks(seen, GEOMETRY))
        defective.append(bad)
        products.append(number)
    truth = np.array(defective)
    blob = fit_blob(template, np.stack(areas), truth, np.array(products))
    gaussian = fit_gaussian(template, np.stack(peaks), truth)
    assert blob.figure > 0.9
    assert gaussian.figure > 0.9
    assert blob.thresholds.shape == gaussian.thresholds.shape == (2,)
    bad = inspection(acquisition(7, spots=((-1, 150, 420, 4),)))
    good = inspection(acquisition(8, spots=((0, 350, 120, 9),)))
    for tuned in (blob, gaussian):
        assert (tuned.detector.score(bad) > tuned.thresholds).any()
        assert not (tuned.detector.score(good) > tuned.thresholds).any()


def test_a_choice_has_a_row(template: Template) -> None:
    """What is learnt from an acquisition is a row a choice and a column a region, and agrees with the detectors."""
    frames = acquisition(60, spots=((-1, 350, 120, 6),))
    areas, peaks = (measure(template.compare(frames), GEOMETRY) for measure in (blob_areas, gaussian_peaks))
    assert areas.shape == (len(BLOB_CHOICES), 2)
    assert peaks.shape == (len(GAUSSIAN_CHOICES), 2)
    for place in (0, 9, 20, 40):
        scores = BlobDetector(template, BLOB_CHOICES[place]).score(inspection(frames))
        assert np.array_equal(areas[place], scores.max(axis=(0, 1)))
    for place in (0, 7):
        scores = GaussianDetector(template, GAUSSIAN_CHOICES[place]).score(inspection(frames))
        assert np.array_equal(peaks[place], scores.max(axis=(0, 1)))


@given(st.integers(0, 2**32 - 1))
def test_thresholds_of_one_region_are_the_best_there_are(seed: int) -> None:
    """For one region no threshold has a better balanced accuracy, by trying all."""
    rng = np.random.default_rng(seed)
    defective = np.arange(20) < rng.integers(1, 19)
    values = rng.normal(defective * rng.uniform(0, 2)).astype(np.float32)[:, None]

    def accuracy(threshold: float) -> float:
        return balanced_accuracy((values > threshold).any(axis=1), defective)

    found = accuracy(float(balanced_thresholds(values, defective)[0]))
    assert found == pytest.approx(max(accuracy(t) for t in [*values[:, 0], values.min() - 1]), abs=1e-6)


def test_thresholds_of_regions_are_tuned_together() -> None:
    """Defects that show in either of two regions are all found, with thresholds between the kinds."""
    values = np.array([[9, 1], [8, 1], [1, 9], [1, 8], [2, 2], [1, 2], [2, 1], [1, 1]], np.float32)
    defective = np.array([True] * 4 + [False] * 4)
    thresholds = balanced_thresholds(values, defective)
    assert ((values > thresholds).any(axis=1) == defective).all()
    assert ((thresholds > 2) & (thresholds < 8)).all()
