"""What a marker is allowed where good strips make it hot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.allowance import SHARE, allowance_of, load_allowance
from model.bundle import Bundle, BundleError, load_bundle
from model.bundle_making import add_allowance, add_marker
from model.runtime import MarkingRuntime

MakeMarked = Callable[..., Bundle]


def logits_hot_at(row: int, column: int, *, seed: int = 3) -> np.ndarray:
    """(200, 2, 64, 64): noise, and in the second region a place of 20 x 20 cells that is hot in every strip."""
    logits = np.random.default_rng(seed).normal(-5.0, 1.0, (200, 2, 64, 64)).astype(np.float32)
    logits[:, 1, row - 10 : row + 10, column - 10 : column + 10] += 4.0
    return logits


def test_half_of_what_good_strips_reach_above_the_rest_of_the_region() -> None:
    """Nothing in an even region; half of the four logits where it is hot; no region's mean moves."""
    allowance = allowance_of(logits_hot_at(30, 20))
    assert allowance.shape == (2, 64, 64)
    assert np.abs(allowance[0]).max() < 0.2
    assert allowance[1, 30, 20] - allowance[1, 60, 60] == pytest.approx(SHARE * 4.0, abs=0.2)
    assert allowance.mean(axis=(1, 2)) == pytest.approx([0.0, 0.0], abs=1e-5)


def test_the_runtime_takes_it_off_region_by_region(make_marked_bundle: MakeMarked, tmp_path: Path) -> None:
    """Logits less the allowance, vial after vial; the digest is another one, and so old thresholds are refused."""
    bundle = make_marked_bundle(tmp_path, frames=2)
    patches = np.random.default_rng(4).integers(0, 256, (8, 256, 256), np.uint8)  # 2 frames of 2 vials of 2 regions
    _, plain = MarkingRuntime(bundle, 8, frames=2).whole(patches)
    allowance = allowance_of(logits_hot_at(30, 20))
    allowed = add_allowance(bundle.folder, allowance, {"vials": 200})
    assert bundle.marker is not None
    assert allowed.marker is not None
    assert allowed.marker.digest != bundle.marker.digest
    _, less = MarkingRuntime(allowed, 8, frames=2).whole(patches)
    np.testing.assert_allclose(less, plain - allowance[[0, 1, 0, 1]], atol=1e-4)
    again = load_bundle(bundle.folder)
    assert again.marker is not None
    assert again.marker.allowance is not None
    assert (load_allowance(again.marker.allowance) == allowance).all()


def test_a_new_marker_comes_without_the_old_ones_allowance(make_marked_bundle: MakeMarked, tmp_path: Path) -> None:
    """It was made of what the old one marked."""
    bundle = make_marked_bundle(tmp_path, frames=2)
    add_allowance(bundle.folder, allowance_of(logits_hot_at(30, 20)), {})
    new = add_marker(bundle.folder, tmp_path / "marker.weights.h5", [], 2, {})
    assert new.marker is not None
    assert new.marker.allowance is None


def test_another_allowance_is_refused(make_marked_bundle: MakeMarked, tmp_path: Path) -> None:
    """By the digest; and what is no array of that kind, by name."""
    bundle = make_marked_bundle(tmp_path, frames=2)
    bundle = add_allowance(bundle.folder, allowance_of(logits_hot_at(30, 20)), {})
    assert bundle.marker is not None
    path = bundle.marker.allowance
    assert path is not None
    np.save(path, np.zeros((2, 64, 64), np.float32))
    with pytest.raises(BundleError, match="weights of marker"):
        load_bundle(bundle.folder)
    path.write_bytes(b"nothing")
    with pytest.raises(BundleError, match=r"allowance\.npy: expected an array of a bundle"):
        load_allowance(path)
    np.save(path, np.full((2, 64, 64), np.nan, np.float32))
    with pytest.raises(BundleError, match=r"expected finite float32 \(region, 64, 64\)"):
        load_allowance(path)
