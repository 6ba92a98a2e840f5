from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from harness.geometry import Geometry
from harness.inspection.detector import Inspection
from harness.inspection.network import NetworkDetector
from model.bundle import BundleError, load_bundle

GEOMETRY = Geometry(
    frames=(1, 8), vials=2, regions=("top", "bottom"), frame_shape=(512, 512),
    boxes=((0, 0), (256, 0), (0, 256), (256, 256)), um_per_px=50.0,
)  # fmt: skip
SCORES = ("ssim", "marked")

ALONE = """
import sys
import numpy as np
import tensorflow as tf
patches, *folders = sys.argv[1:]
for folder in folders:
    infer = tf.saved_model.load(folder).signatures["serving_default"]
    answer = infer(patches=tf.constant(np.load(patches)))
    np.savez(f"{folder}.npz", **{name: value.numpy() for name, value in answer.items()})
assert not {"model", "harness"} & set(sys.modules)
"""


def make_bundle(folder: Path) -> Path:
    """A bundle of a narrow network, a marker, an examiner that changes its mind, and a comparer, with fresh weights."""
    import keras

    from model.bundle_making import add_comparer, add_examiner, add_marker, write_bundle
    from model.comparer import build_comparer
    from model.config import PRESETS
    from model.examiner import build_examiner
    from model.marker import WIDTHS, build_marker
    from model.network import build_networks, build_rebuilder

    config = PRESETS["compact"].narrowed(8)
    networks = build_networks(config, seed=0)
    (folder / "bundle").mkdir()
    build_rebuilder(networks.encoder, networks.decoder).save_weights(folder / "bundle" / "weights.weights.h5")
    write_bundle(folder / "bundle", config, {})
    keras.utils.set_random_seed(1)
    marker = build_marker(len(GEOMETRY.frames))
    marker.get_layer("logit").set_weights([marker.get_layer("logit").get_weights()[0], np.ones(1)])
    marker.save_weights(folder / "marker.weights.h5")
    (folder / "marker.csv").write_text("step,loss\n")
    add_marker(folder / "bundle", folder / "marker.weights.h5", [folder / "marker.csv"], len(GEOMETRY.frames), {})
    examiner = build_examiner(len(GEOMETRY.frames), len(GEOMETRY.regions), WIDTHS[0])
    kernel, bias = examiner.get_layer("change").get_weights()
    examiner.get_layer("change").set_weights([np.random.default_rng(2).normal(size=kernel.shape), bias])
    examiner.save_weights(folder / "examiner.weights.h5")
    add_examiner(folder / "bundle", folder / "examiner.weights.h5", (), len(GEOMETRY.regions), {})
    build_comparer(len(GEOMETRY.frames)).save_weights(folder / "comparer.weights.h5")
    np.save(folder / "usual.npy", np.zeros((64, 64), np.float32))
    beside = folder / "comparer.weights.h5", folder / "usual.npy"
    add_comparer(folder / "bundle", *beside, (), region=0, regions=len(GEOMETRY.regions), made_by={})
    return folder / "bundle"


def looked_at() -> Inspection:
    """An acquisition of frames with shades, grain, and a patch that is flat and bright."""
    rng = np.random.default_rng(3)
    shade = np.linspace(40, 200, 512)[:, None] + 30 * np.sin(np.linspace(0, 20, 512))
    frames = np.clip(shade + rng.normal(0, 15, (2, 512, 512)), 0, 255)
    frames[:, 256:, 256:] = 250
    return Inspection.of_frames(GEOMETRY, frames.astype(np.uint8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle, a SavedModel of each score, and the patches of an acquisition."""
    from model.saved_model import export_saved_model

    place: Path = tmp_path_factory.mktemp("saved")
    bundle = load_bundle(make_bundle(place))
    for score in SCORES:
        export_saved_model(bundle, place / score, score=score)
    np.save(place / "patches.npy", looked_at().patches.reshape(-1, 256, 256))
    return place


@pytest.fixture(scope="module")
def alone(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """What each SavedModel says in a process of its own, in an empty folder, without this project on its path."""
    empty = folder / "empty"
    empty.mkdir()
    places = [folder / score for score in SCORES]
    command = (sys.executable, "-I", "-c", ALONE, folder / "patches.npy", *places)
    answer = subprocess.run(command, cwd=empty, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return {score: dict(np.load(folder / f"{score}.npz")) for score in SCORES}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`runner.cpp`, compiled with what the installed TensorFlow ships; skipped where that cannot be."""
    import tensorflow as tf

    compiler, libraries = shutil.which("g++"), Path(tf.sysconfig.get_lib())
    shipped = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")
    if compiler is None:
        pytest.skip("no C++ compiler (g++) is installed")
    if not all((libraries / name).is_file() for name in shipped):
        pytest.skip("this TensorFlow ships no C++ library")
    program: Path = tmp_path_factory.mktemp("runner") / "runner"
    flags = ["-w", "-O1", *tf.sysconfig.get_compile_flags()]
    # The library's kernels register themselves: a linker that drops what is not called drops them all.
    links = [f"-L{libraries}", "-Wl,--no-as-needed", *(f"-l:{name}" for name in shipped), f"-Wl,-rpath,{libraries}"]
    command = [compiler, *flags, str(Path(__file__).with_name("runner.cpp")), "-o", str(program), *links]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return program


@pytest.mark.parametrize("score", SCORES)
def test_a_saved_model_needs_nothing_of_this_project(
    folder: Path, alone: dict[str, dict[str, np.ndarray]], score: str
) -> None:
    """Loaded by TensorFlow alone it gives the detector's scores to 1e-5, and the heatmaps of its explanation."""
    answer = alone[score]
    detector = NetworkDetector(str(folder / "bundle"), GEOMETRY, score=score)
    expected = detector.score(looked_at())
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(answer["scores"].reshape(GEOMETRY.shape), expected, atol=1e-5, rtol=0)
    heat = detector.explain(looked_at()).heat
    np.testing.assert_allclose(answer["heatmaps"].reshape(heat.shape), heat, atol=1e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("score", SCORES)
def test_a_program_in_cpp_gives_the_same_scores(folder: Path, runner: Path, score: str) -> None:
    """`runner.cpp`, which knows TensorFlow's C++ library alone, prints the detector's scores to 1e-5."""
    raw = folder / "patches.raw"
    raw.write_bytes(np.load(folder / "patches.npy").tobytes())
    answer = subprocess.run([runner, folder / score, raw], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    expected = NetworkDetector(str(folder / "bundle"), GEOMETRY, score=score).score(looked_at())
    scores = np.array(answer.stdout.split(), np.float32).reshape(GEOMETRY.shape)
    np.testing.assert_allclose(scores, expected, atol=1e-5, rtol=0)


def test_an_export_says_what_it_was_made_of(folder: Path) -> None:
    """Score, frames and digests stand beside the graph; nothing else is left in the folder around."""
    bundle = load_bundle(folder / "bundle")
    assert bundle.marker is not None
    plain, marked = (tomllib.loads((folder / score / "export.toml").read_text()) for score in SCORES)
    assert (plain["score"], plain["frames"], plain["digests"]) == ("ssim", 1, {"model": bundle.digest})
    assert (marked["score"], marked["frames"]) == ("marked", len(GEOMETRY.frames))
    assert (marked["regions"], marked["order"]) == (len(GEOMETRY.regions), "frame, vial, region")
    assert marked["digests"] == {"model": bundle.digest, "marker": bundle.marker.digest}
    assert not list(folder.glob(".*"))
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    shown = tomllib.loads(re.findall(r"`export\.toml`.*?```toml\n(.*?)```", page, flags=re.DOTALL)[0])
    assert (set(shown), set(shown["digests"])) == (set(marked), set(marked["digests"]))


def test_patches_of_half_an_acquisition_are_refused(folder: Path) -> None:
    """By the marker: it would take them for those of other regions."""
    import tensorflow as tf

    serve = tf.saved_model.load(str(folder / "marked")).signatures["serving_default"]
    expected = f"expected a multiple of {len(GEOMETRY.frames)} frames x {len(GEOMETRY.regions)} regions"
    with pytest.raises(tf.errors.InvalidArgumentError, match=expected):
        serve(patches=tf.zeros((len(GEOMETRY.frames), 256, 256), tf.uint8))


def test_export_is_a_command(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m model export` makes the folder, and refuses to make it again."""
    from model.__main__ import main

    words = ["model", "export", "--bundle", str(folder / "bundle"), "--to", str(tmp_path / "made")]
    monkeypatch.setattr(sys, "argv", words)
    main()
    assert (tmp_path / "made" / "saved_model.pb").is_file()
    with pytest.raises(SystemExit) as leave:
        main()
    assert leave.value.code == 2


def test_what_is_no_number_stays_none() -> None:
    """In the graph, too, a patch whose map holds NaN has no score."""
    import tensorflow as tf

    from model.saved_model import dissimilarity, mark_score

    logits = np.zeros((2, 64, 64), np.float32)
    logits[0, 5, 5] = np.nan
    assert np.isnan(mark_score(tf.constant(logits)).numpy()).tolist() == [True, False]
    images, rebuilt = np.full((2, 256, 256), 0.5, np.float32), np.full((2, 256, 256), 0.5, np.float32)
    rebuilt[1, 9, 9] = np.inf
    assert np.isnan(dissimilarity(tf.constant(images), tf.constant(rebuilt)).numpy()).tolist() == [False, True]


def test_what_cannot_be_exported_is_refused(folder: Path, tmp_path: Path) -> None:
    """A folder that is there, a score that is not; each in one sentence, and nothing is written."""
    from model.saved_model import export_saved_model

    bundle = load_bundle(folder / "bundle")
    with pytest.raises(BundleError, match="expected a folder that is not there yet, got one that is"):
        export_saved_model(bundle, folder / "ssim")
    with pytest.raises(BundleError, match=r"expected a place where a folder can be made, got .*patches\.npy"):
        export_saved_model(bundle, folder / "patches.npy" / "new")
    with pytest.raises(BundleError, match="--score: expected one of ssim, marked, got local"):
        export_saved_model(bundle, tmp_path / "new", score="local")
    with pytest.raises(BundleError, match="expected a bundle with a marker, got none"):
        export_saved_model(load_bundle(folder / "bundle", with_marker=False), tmp_path / "new", score="marked")
    assert list(tmp_path.iterdir()) == []
