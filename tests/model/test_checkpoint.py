"""What lies in a training's folder when it was interrupted, and what is made of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.bundle import BundleError
from model.checkpoint import check_finite, go_on
from model.config import PRESETS, TrainingConfig
from model.trainer import Trainer


def test_rows_beyond_the_checkpoint_are_dropped(tmp_path: Path) -> None:
    """They are of steps that are done again, and the time before them counts; a row cut off is one of them."""
    curve = tmp_path / "curve.csv"
    curve.write_text("step,seconds,loss\n20,4.0,1\n40,8.0,2\n60,12.0,3\n80,1", encoding="utf-8")
    assert go_on(curve, 40) == 8.0
    assert curve.read_text(encoding="utf-8") == "step,seconds,loss\n20,4.0,1\n40,8.0,2\n"
    assert go_on(curve, 0) == 0.0
    assert not curve.exists()
    assert go_on(curve, 40) == 0.0


def test_a_loss_that_is_no_number_ends_a_training() -> None:
    """Before anything is saved."""
    check_finite([])
    check_finite([1.0, 2.0])
    with pytest.raises(BundleError, match=r"training: expected a finite loss; .*, got nan"):
        check_finite([1.0, float("nan")])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a narrow network."""
    folder = tmp_path_factory.mktemp("saved")
    Trainer.fresh(PRESETS["compact"].narrowed(8), TrainingConfig()).save(folder)
    return folder


@pytest.mark.parametrize("harm", ["missing", "cut short", "of another step", "no state"])
def test_a_checkpoint_is_whole_or_refused(saved: Path, tmp_path: Path, harm: str) -> None:
    """A file of it that is missing, damaged or of another step; never a mixture of two networks."""
    for file in saved.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    decoder, state = tmp_path / "decoder.weights.h5", tmp_path / "state.json"
    Trainer.resume(tmp_path, TrainingConfig())
    if harm == "missing":
        decoder.unlink()
    elif harm == "cut short":
        decoder.write_bytes(decoder.read_bytes()[:1000])
    elif harm == "of another step":
        other = Trainer.fresh(PRESETS["compact"].narrowed(8), TrainingConfig(seed=2))
        other.networks.decoder.save_weights(decoder)
    else:
        state.write_text(state.read_text(encoding="utf-8")[:100], encoding="utf-8")
    with pytest.raises(BundleError, match=r"expected (a whole checkpoint|weights of step 0), got "):
        Trainer.resume(tmp_path, TrainingConfig())


def test_checkpoints_from_before_digests_are_read(saved: Path, tmp_path: Path) -> None:
    """They say nothing of their files."""
    for file in saved.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    state = json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))
    del state["digests"]
    (tmp_path / "state.json").write_text(json.dumps(state), encoding="utf-8")
    assert Trainer.resume(tmp_path, TrainingConfig()).step == 0
