from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from model import dataset
from model.config import TrainingConfig
from model.dataset import Batch, Chunk, batches, drawn_ahead

PLAIN = TrainingConfig(batch=4, perturbed=0.0, rotation_rad=0.0, mirrored=0.0)


def numbered(count: int, *, first: int = 0) -> Chunk:
    """Flat patches, each of a shade of its own."""
    shades = np.arange(first, first + count, dtype=np.uint8)
    return Chunk(np.broadcast_to(shades[:, None, None], (count, 256, 256)).copy(), np.zeros(count, bool))


def shades(made: Iterator[Batch]) -> list[list[int]]:
    """The numbers of the patches in each batch."""
    return [np.rint(batch.image[:, 0, 0, 0] * 255).astype(int).tolist() for batch in made]


def test_same_seed_same_batches() -> None:
    """Order, augmentation and perturbation follow from the seed; another seed gives others."""
    config = TrainingConfig(batch=2)
    one, same, other = (list(batches([numbered(6)], config, seed=seed)) for seed in (1, 1, 2))
    for left, right in zip(one, same, strict=True):
        for part in ("image", "perturbed", "noise"):
            np.testing.assert_array_equal(getattr(left, part), getattr(right, part))
    assert any((left.perturbed != right.perturbed).any() for left, right in zip(one, other, strict=True))


def test_every_patch_comes_once_in_another_order() -> None:
    """Batches end with their chunks, what does not fill a batch is left over, and neighbours are torn apart."""
    made = shades(batches([numbered(10), numbered(9, first=10)], PLAIN, seed=0))
    seen = [shade for batch in made for shade in batch]
    assert [len(batch) for batch in made] == [4, 4, 4, 4]
    assert len(set(seen)) == 16
    assert set(seen) <= set(range(19))
    assert seen != sorted(seen)


def test_no_batch_without_a_batchful() -> None:
    """Fewer patches than a batch holds give none."""
    assert shades(batches([numbered(3)], PLAIN, seed=0)) == []
    assert shades(batches([], PLAIN, seed=0)) == []


def test_batches_begin_before_the_chunks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Endless chunks are drawn only as far as the pool needs them."""
    monkeypatch.setattr(dataset, "SHUFFLE_PATCHES", 12)
    drawn = []

    def endless() -> Iterator[Chunk]:
        while True:
            drawn.append(1)
            yield numbered(5)

    made = batches(endless(), PLAIN, seed=0)
    next(made)
    assert len(drawn) == 3


def test_shapes_and_range() -> None:
    """float32 (n, 256, 256, 1) in [0, 1], image, perturbed image and noise alike."""
    batch = next(batches([numbered(6)], TrainingConfig(batch=2, perturbed=1.0), seed=0))
    for part in (batch.image, batch.perturbed, batch.noise):
        assert part.shape == (2, 256, 256, 1)
        assert part.dtype == np.float32
        assert -1e-6 <= part.min() <= part.max() <= 1 + 1e-6


def test_three_quarters_are_perturbed() -> None:
    """q = .75: of 200 patches between 125 and 175 differ from their image, and the others have no noise."""
    config = TrainingConfig(batch=20, rotation_rad=0.0)
    count = 0
    for batch in batches([numbered(200)], config, seed=0):
        changed = np.abs(batch.perturbed - batch.image).max(axis=(1, 2, 3)) > 0
        assert not batch.noise[~changed].any()
        count += int(changed.sum())
    assert 125 <= count <= 175


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (1.0, 4)])
def test_none_or_all_are_perturbed(share: float, expected: int) -> None:
    """q = 0 leaves every patch, q = 1 none."""
    config = TrainingConfig(batch=4, perturbed=share, rotation_rad=0.0)
    batch = next(batches([numbered(4, first=100)], config, seed=0))
    assert ((batch.perturbed != batch.image).any(axis=(1, 2, 3))).sum() == expected


def test_noise_of_both_readings() -> None:
    """`residual` is abs(X* - X); `eq6` is the noise on black, from which X* follows by one share beta a patch."""
    chunk = Chunk(np.stack([np.full((256, 256), shade, np.uint8) for shade in range(10, 250, 30)]), np.zeros(8, bool))
    residual, eq6 = (
        next(batches([chunk], TrainingConfig(batch=8, perturbed=1.0, noise_loss=reading), seed=3))
        for reading in ("residual", "eq6")
    )
    np.testing.assert_array_equal(residual.perturbed, eq6.perturbed)
    np.testing.assert_array_equal(residual.noise, np.abs(residual.perturbed - residual.image))
    shares = []
    for image, perturbed, on_black in zip(eq6.image, eq6.perturbed, eq6.noise, strict=True):
        told = (on_black > 0) & (np.abs(on_black - image) > 0.05)  # else nothing can be said about the share
        shares.append((perturbed - image)[told] / (on_black - image)[told])
    shares = [share for share in shares if share.size]
    assert len(shares) >= 5
    assert all(np.ptp(share) < 1e-3 and 0.2 <= share.mean() <= 1 for share in shares)


def test_a_thread_keeps_the_order() -> None:
    """Drawn ahead, the batches are the same ones in the same order."""
    assert shades(drawn_ahead(batches([numbered(40)], PLAIN, seed=0))) == shades(batches([numbered(40)], PLAIN, seed=0))


def test_a_thread_raises_what_its_source_raised() -> None:
    """After the batches made before it, the producer's own error, in the consumer."""

    def failing() -> Iterator[Batch]:
        yield from batches([numbered(4)], PLAIN, seed=0)
        raise OSError("disk gone")

    ahead = drawn_ahead(failing())
    assert next(ahead).image.shape[0] == 4
    with pytest.raises(OSError, match="disk gone"):
        next(ahead)


@pytest.mark.parametrize("ending", ["endless", "just over", "failing"])
def test_a_thread_ends_when_nobody_listens(ending: str) -> None:
    """A consumer that stops early leaves no thread behind, whatever its source was about to do."""
    batch = next(batches([numbered(4)], PLAIN, seed=0))

    def source() -> Iterator[Batch]:
        for _ in range(10**6 if ending == "endless" else dataset.AHEAD + 1):
            yield batch
        if ending == "failing":
            raise OSError("nobody hears this")

    ahead = drawn_ahead(source())
    next(ahead)
    ahead.close()  # type: ignore[attr-defined]  # a generator
    for thread in threading.enumerate():
        if thread.name == "batches drawn ahead":
            thread.join(timeout=5)
            assert not thread.is_alive()
