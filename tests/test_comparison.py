from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.comparison import Compared, Comparison, compare
from harness.strips.kit import CALIBRATION_SEED, development_kit, standard_kit
from harness.strips.renderer import Renderer
from model.bundle_making import write_bundle
from model.config import PRESETS
from model.network import build_networks, build_rebuilder


def inspector(name: str, scores: list[float]) -> Compared:
    """One whose strips differ in one region alone."""
    reference = [np.array([0.0, float(value)]) for value in range(5)]
    return Compared(name, [3.0, 1.0, 2.0], reference, [np.array([-1.0, score]) for score in scores])


def test_rows_by_hand() -> None:
    """Two good runs, one with many stuck bubbles, and two defective ones: areas, misses and times as counted."""
    kinds = np.array(["good", "good", "floating_particle", "scratch"])
    comparison = Comparison(kinds, np.array([1, 9, 5, 5]), [inspector("one", [1.0, 3.0, 2.0, 4.0])])
    (row,) = comparison.rows()
    assert (row["inspector"], row["good_runs"], row["defective_runs"]) == ("one", 2, 2)
    assert row["auroc"] == 0.75
    assert row["missed_at_5%"] == 1
    assert row["auroc_floating_particles"] == 0.5
    assert row["auroc_against_many_stuck"] == 0.5
    assert row["auroc_against_few_stuck"] == 1.0
    assert row["by_class"]["scratch"] == 1.0
    assert row["by_class"]["burn"] is None
    assert row["ms_a_strip"] == 2.0


def test_regions_are_brought_to_one_scale() -> None:
    """A region whose good scores spread ten times as far counts a tenth."""
    reference = [np.array([value, 10.0 * value]) for value in range(5)]
    one = Compared("one", [], reference, [np.array([4.0, 0.0]), np.array([0.0, 40.0]), np.array([np.nan, 0.0])])
    scores = one.strip_scores()
    assert scores[0] == pytest.approx(scores[1])
    assert scores[2] == np.inf


def test_the_development_kit_is_nobodys() -> None:
    """It shares no look with standard, quick or calibration kits, and repeats."""
    kit = development_kit()
    assert kit == development_kit()
    seeds = {strip.seed for strip in kit.strips}
    for name in ("knapp", "quick", "calibration"):
        assert not seeds & {strip.seed for strip in standard_kit(name).strips}
    assert CALIBRATION_SEED not in (77, 78)


def test_stuck_bodies_are_counted() -> None:
    """A run has some that do not move, another run of the same strip another number now and then."""
    renderer = Renderer(seed=3)
    strip = development_kit(1, 1).strips[-1]
    counts = [renderer.liquid_state(strip, run).stuck for run in range(1, 9)]
    assert min(counts) > 3
    assert len(set(counts)) > 1


def test_a_bundle_is_compared(tmp_path: Path) -> None:
    """Untrained weights: every score of the rebuilt twin has a row, as has a plain one's; no marker, no row by it."""
    config = PRESETS["compact"].narrowed(8)
    networks = build_networks(config, seed=0)
    build_rebuilder(networks.encoder, networks.decoder).save_weights(tmp_path / "weights.weights.h5")
    write_bundle(tmp_path, config, {})
    comparison = compare(str(tmp_path), kit=development_kit(1, 2), runs=1, reference_strips=3, others=False,
                         plain=str(tmp_path))  # fmt: skip
    plain = [f"plain autoencoder, {name}" for name in ("ssim", "persistent")]
    assert [one.name for one in comparison.compared] == ["ssim", "mse", "local", "persistent", *plain]
    assert all(len(one.scores) == 12 for one in comparison.compared)
    assert all(row["good_runs"] == 2 and row["ms_a_strip"] > 0 for row in comparison.rows())
