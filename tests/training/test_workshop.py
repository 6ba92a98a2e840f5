from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import DetectorError, InputError, RecordingError
from harness.geometry import PAPER
from harness.inspection.detector import Inspection
from harness.inspection.network import NetworkDetector
from harness.strips.defects import Defect
from harness.strips.kit import Kit, Strip, standard_kit
from harness.strips.recording import write_description, write_frames, write_register
from harness.strips.renderer import Renderer
from harness.training.compared import drawn_places
from harness.training.comparer import train_comparer_of
from harness.training.folder import learnt_from
from harness.training.means import Means
from harness.training.workshop import (
    distil_generator,
    train_examiner_of,
    train_marker_of,
    train_network,
)
from model.bundle import find_bundle, load_bundle
from model.bundle_making import write_bundle
from model.config import PLAIN, PRESETS, TrainingConfig
from model.distiller import Distiller
from model.examiner_trainer import ExaminerTrainer
from model.marker_trainer import MarkerTrainer
from model.network import build_networks, build_rebuilder
from model.trainer import Trainer


def bundle_without_marker(folder: Path) -> Path:
    """Fresh weights of a narrow network."""
    config = PRESETS["compact"].narrowed(8)
    networks = build_networks(config, seed=0)
    folder.mkdir()
    build_rebuilder(networks.encoder, networks.decoder).save_weights(folder / "weights.weights.h5")
    write_bundle(folder, config, {"seed": 0})
    return folder


def marker_checkpoint(bundle: Path, folder: Path) -> None:
    """Of a fresh marker, said to have learnt for a step."""
    trainer = MarkerTrainer.begin(load_bundle(bundle, with_marker=False), len(PAPER.frames), folder, seed=1)
    trainer.step = 1
    trainer.save(folder)


@pytest.mark.slow
def test_a_marker_is_put_into_a_bundle(tmp_path: Path) -> None:
    """From its checkpoint it comes with its origin and a picture, and scores all frames of a vial alike."""
    folder = bundle_without_marker(tmp_path / "bundle")
    marker_checkpoint(folder, tmp_path / "training")
    train_marker_of(
        bundle=folder, minutes=0.0, folder=tmp_path / "training", seed=1, learning_rate=1e-3, settled=False, command="x"
    )
    bundle = load_bundle(folder)
    assert bundle.marker is not None
    assert (folder / "marks.png").exists()
    assert 'commands = ["x"]' in (folder / "bundle.toml").read_text(encoding="utf-8")
    detector = NetworkDetector(str(folder), PAPER, score=None)  # where nobody asks for a score, the marker's
    assert detector.score_name == bundle.main_score == "marked"
    assert detector.digest == bundle.marker.digest != bundle.digest
    frames = Renderer(seed=1).frames(standard_kit("quick").strips[0], 1)
    scores = detector.score(Inspection.of_frames(PAPER, frames))
    assert scores.shape == PAPER.shape
    assert (scores == scores[0]).all()
    explained = detector.explain(Inspection.of_frames(PAPER, frames))
    assert explained.marks is not None
    assert explained.marks.shape == explained.residual.shape
    assert explained.heat is explained.marks


@pytest.mark.slow
def test_an_examiner_is_put_behind_a_marker(tmp_path: Path) -> None:
    """Fresh it changes no score, but the digest; a bundle without a marker is refused."""
    folder = bundle_without_marker(tmp_path / "bundle")
    options = {"minutes": 0.0, "seed": 1, "learning_rate": 1e-3, "command": "x"}
    with pytest.raises(DetectorError, match="expected a bundle with a marker, got none"):
        train_examiner_of(bundle=folder, folder=tmp_path / "examiner", **{**options, "minutes": 1.0})
    marker_checkpoint(folder, tmp_path / "marker")
    train_marker_of(bundle=folder, folder=tmp_path / "marker", settled=False, **options)
    frames = Renderer(seed=1).frames(standard_kit("quick").strips[0], 1)
    before = NetworkDetector(str(folder), PAPER, score="marked")
    scores = before.score(Inspection.of_frames(PAPER, frames))
    trainer = ExaminerTrainer.begin(load_bundle(folder), len(PAPER.regions), tmp_path / "examiner", seed=1)
    trainer.step = 1
    trainer.save(tmp_path / "examiner")
    train_examiner_of(bundle=folder, folder=tmp_path / "examiner", **options)
    marker = load_bundle(folder).marker
    assert marker is not None
    assert (marker.regions, marker.proposing) == (len(PAPER.regions), before.digest)
    after = NetworkDetector(str(folder), PAPER, score="marked")
    assert after.digest == marker.digest != before.digest
    assert after.score(Inspection.of_frames(PAPER, frames)) == pytest.approx(scores, abs=1e-5)


@pytest.mark.slow
def test_a_comparer_is_put_beside_a_marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn, shown to the marker, learnt from, and put in; with no epochs, put in again."""
    monkeypatch.setattr("harness.training.compared.USUAL_STRIPS", 1)
    folder = bundle_without_marker(tmp_path / "bundle")
    options = {
        "strips": 4, "seed": 1, "learning_rate": 1e-3, "processes": 1, "folder": tmp_path / "comparer", "command": "x"
    }  # fmt: skip
    with pytest.raises(DetectorError, match="expected a bundle with a marker, got none"):
        train_comparer_of(bundle=folder, epochs=1, **options)
    marker_checkpoint(folder, tmp_path / "marker")
    train_marker_of(
        bundle=folder, folder=tmp_path / "marker", minutes=0.0, seed=1, learning_rate=1e-3, settled=False, command="x"
    )
    with pytest.raises(InputError, match="expected a checkpoint, where --epochs is 0, got none"):
        train_comparer_of(bundle=folder, epochs=0, **options)
    alone = NetworkDetector(str(folder), PAPER, score="marked")
    train_comparer_of(bundle=folder, epochs=1, **options)
    together = NetworkDetector(str(folder), PAPER, score="marked")
    assert together.digest != alone.digest
    train_comparer_of(bundle=folder, epochs=0, **options)
    assert 'commands = ["x", "x"]' in (folder / "bundle.toml").read_text(encoding="utf-8")
    train_comparer_of(bundle=folder, epochs=1, other=str(folder), skipped=4, **options | {"command": "on"})
    assert 'commands = ["x", "x", "on"]' in (folder / "bundle.toml").read_text(encoding="utf-8")
    with pytest.raises(DetectorError, match="expected a bundle with a comparer, got none"):
        train_comparer_of(bundle=folder, epochs=1, other="compact", **options)
    usual = np.load(folder / "usual.npy")
    both, (second,) = (
        drawn_places(folder, strips, usual, skipped=skipped, seed=1, count=1) for strips, skipped in ((2, 0), (1, 1))
    )
    np.testing.assert_array_equal(both[1].detail, second.detail)


def test_a_bundle_that_is_none(tmp_path: Path) -> None:
    """One sentence, and no training begins."""
    with pytest.raises(DetectorError, match=r"bundle\.toml: expected a file of a detector bundle, got no such file"):
        train_marker_of(
            bundle=tmp_path, minutes=1, folder=tmp_path / "t", seed=1, learning_rate=1e-3, settled=False, command="x"
        )
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    ("teacher", "preset", "sentence"),
    [
        ("compact", "tiny", "^--preset: expected one of paper, gpu, compact, lean, compact-dense, got tiny$"),
        ("none-such", "lean", r"^none-such/bundle\.toml: expected a file of a detector bundle, got no such file$"),
    ],
)
def test_a_teacher_or_a_network_that_is_none(tmp_path: Path, teacher: str, preset: str, sentence: str) -> None:
    """One sentence, and nothing is written."""
    with pytest.raises(InputError, match=sentence):
        distil_generator(
            teacher=teacher, preset=preset, bundle=tmp_path / "bundle", minutes=1, folder=tmp_path / "t", seed=1,
            learning_rate=1e-3, command="x",
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_teacher_is_not_written_over() -> None:
    """Its weights would be lost; said before anything is trained."""
    teacher = find_bundle("compact")
    with pytest.raises(InputError, match=r"^--bundle: expected another folder than the teacher's, got "):
        distil_generator(
            teacher="compact", preset="lean", bundle=teacher, minutes=1, folder=teacher / "t", seed=1,
            learning_rate=1e-3, command="x",
        )  # fmt: skip
    assert not (teacher / "t").exists()


@pytest.mark.slow
def test_a_bundle_is_distilled(tmp_path: Path) -> None:
    """From its checkpoint it is a bundle with its origin and a picture, and says whose twins it was to make."""
    teacher = bundle_without_marker(tmp_path / "teacher")
    distiller = Distiller.begin(load_bundle(teacher), PRESETS["lean"], tmp_path / "t", seed=1)
    distiller.step = 1
    distiller.save(tmp_path / "t")
    (tmp_path / "t" / "training.csv").write_text("step,seconds,learning_rate,loss,held_out\n", encoding="utf-8")
    distil_generator(
        teacher=str(teacher), preset="lean", bundle=tmp_path / "bundle", minutes=0, folder=tmp_path / "t", seed=1,
        learning_rate=1e-3, command="x",
    )  # fmt: skip
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.network == PRESETS["lean"]
    assert (bundle.made_by["commands"], bundle.made_by["teacher"]) == (["x"], load_bundle(teacher).digest)
    assert (bundle.folder / "reconstructions.png").exists()


@pytest.mark.parametrize("backend", ["torch", "none"])
def test_a_backend_that_is_not_there(tmp_path: Path, backend: str) -> None:
    """One sentence with those that are, and Keras's own choice stays."""
    before = os.environ.get("KERAS_BACKEND")
    with pytest.raises(InputError, match=f"^--backend: expected one of those installed: tensorflow.*, got {backend}$"):
        train_examiner_of(
            bundle=tmp_path, minutes=1, folder=tmp_path / "t", seed=1, learning_rate=1e-3, command="x",
            means=Means(backend),
        )  # fmt: skip
    assert os.environ.get("KERAS_BACKEND") == before


@pytest.mark.parametrize(
    ("preset", "settings", "sentence"),
    [
        ("compact-dense", PLAIN, "state.json: expected a checkpoint of compact-dense, got one of compact"),
        ("compact", {}, "state.json: expected a checkpoint of an adversarial training, got one of a plain autoencoder"),
    ],
)
def test_another_training_is_not_gone_on_with(
    tmp_path: Path, preset: str, settings: dict[str, Any], sentence: str
) -> None:
    """What lies in the folder was trained as a plain autoencoder of the preset `compact`."""
    Trainer.fresh(PRESETS["compact"], TrainingConfig(**PLAIN)).save(tmp_path)
    with pytest.raises(InputError, match=sentence):
        train_network(
            preset=preset, minutes=0, folder=tmp_path, bundle=None, recording=None, settings=settings, command=""
        )


def test_a_recording_without_good_products_teaches_nothing(tmp_path: Path) -> None:
    """Said at once; there is nothing that a batch could be drawn of."""
    folder, strip = tmp_path / "bad", Strip("B1", 0, Defect("scratch", 0, 1, 900.0, 0.3, "minor"), "B1")
    frames = np.zeros((len(PAPER.frames), *PAPER.frame_shape), np.uint8)
    write_frames(folder / "frames", strip.path, 1, PAPER.frames, frames)
    write_register(folder, Kit("bad", (strip,)))
    write_description(folder, PAPER, runs=1, source="a test", licence="none needed")
    with pytest.raises(RecordingError, match="at least one good product to learn from, got none"):
        train_network(
            preset="compact", minutes=1, folder=tmp_path / "t", bundle=None, recording=folder, settings={},
            command="",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("places", "minutes", "sentence"),
    [
        ({"folder": "empty"}, 0, "^--folder .*empty: expected a checkpoint, where --minutes is 0, got none$"),
        ({"folder": "file"}, 1, "^--folder .*file: expected a folder, or a place to make one, got .*file$"),
        ({"folder": "file/t"}, 1, "^--folder .*t: expected a folder, or a place to make one, got .*file$"),
        ({"bundle": "file"}, 1, "^--bundle .*file: expected a folder, or a place to make one, got .*file$"),
        ({"bundle": "t"}, 1, "^--bundle: expected another folder than that of the checkpoints, got .*t$"),
    ],
)
def test_places_are_looked_at_before_anything_is_trained(
    tmp_path: Path, places: dict[str, str], minutes: float, sentence: str
) -> None:
    """Above all, what has learnt nothing does not take the place of what has."""
    (tmp_path / "file").touch()
    given = {name: tmp_path / place for name, place in {"folder": "t", "bundle": "b", **places}.items()}
    with pytest.raises(InputError, match=sentence):
        train_network(
            preset="compact", minutes=minutes, recording=None, settings={}, command="", **given,
        )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_was_learnt_from_is_not_forgotten(tmp_path: Path) -> None:
    """By a training that goes on with other strips, or by none; a kit may hold no product of any of them."""
    first = learnt_from(tmp_path, "good products of a", ["A2", "A1"], anew=True)
    assert first == {"data": "good products of a", "products": ["A1", "A2"]}
    assert learnt_from(tmp_path, "drawn good strips", [], anew=False) == first
    both = learnt_from(tmp_path, "drawn good strips", [], anew=True)
    assert both == {"data": "good products of a; drawn good strips", "products": ["A1", "A2"]}
