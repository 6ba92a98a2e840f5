"""Making a detector: train its networks, and write down how it was done."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import InputError, RecordingError
from harness.geometry import PAPER
from harness.inspection.bundle_errors import told
from harness.inspection.network import NetworkDetector
from harness.progress import Progress, silent
from harness.strips.recording import open_recording
from harness.training.data import (
    ALLOWANCE_START,
    DRAWN,
    drawn_chunks,
    drawn_stacks,
    marks_on_good,
    recorded_chunks,
)
from harness.training.folder import check_learnt, check_ready, commands_typed, learnt_from, made_on, origin_of
from harness.training.means import DISTILLED_START, EXAMINER_START, HELD_OUT_START, HERE, MARKER_START, Means
from harness.training.pictures import show, training_curve

if TYPE_CHECKING:
    from model.config import NetworkConfig, TrainingConfig


def train_network(
    *,
    preset: str,
    minutes: float,
    folder: Path,
    bundle: Path | None,
    recording: Path | None,
    settings: dict[str, Any],
    command: str,
    plain: bool = False,
    progress: Progress = silent,
) -> None:
    """Train from scratch, or go on from the checkpoint that lies in `folder`; with no minutes, only write its bundle.

    Args:
        preset: Which network.
        minutes: Stop after this long.
        folder: Checkpoints and curve.
        bundle: Where the detector bundle goes; none is written without.
        recording: Its good products are learnt from in place of drawn ones.
        settings: Fields of `model.config.TrainingConfig` that differ from the paper's; `bundle.toml` lists them.
        command: What was typed, for `bundle.toml`.
        plain: A plain autoencoder in place of the adversarial procedure, for comparison.
        progress: Told of every step.

    Raises:
        InputError: No such preset, a recording that cannot be used, or a checkpoint of another training.
    """
    from model.config import PLAIN, PRESETS, TrainingConfig
    from model.shipping import ship
    from model.staging import beside
    from model.trainer import WARM_STEPS, Trainer, cosine_schedule, train

    if preset not in PRESETS:
        raise InputError("--preset", f"one of {', '.join(PRESETS)}", preset)
    check_ready(folder, "state.json", minutes, bundle)
    settings = settings | (PLAIN if plain else {})
    config = TrainingConfig(steps=10**6, **settings)
    recorded = open_recording(recording) if recording is not None else None
    if recorded is not None and all(strip.defect is not None for strip in recorded.kit.strips):
        raise RecordingError(f"{recording}: kit.csv", "at least one good product to learn from", "none")
    if (folder / "state.json").exists():
        with told():
            _check_checkpoint(folder, PRESETS[preset], config)
            trainer = Trainer.resume(folder, config)
    else:
        trainer = Trainer.fresh(PRESETS[preset], config)
    commands = commands_typed(folder, command, {})
    origin = learnt_from(
        folder,
        DRAWN if recorded is None else f"good products of {recorded.kit.name}",
        [] if recorded is None else sorted(recorded.kit.products),
        anew=minutes > 0,
    )
    chunks = partial(drawn_chunks, start=trainer.step) if recorded is None else partial(recorded_chunks, recorded)
    seconds = 60.0 * minutes
    with told():
        train(
            trainer, chunks(), folder, schedule=cosine_schedule(config), seconds=seconds, warm_steps=WARM_STEPS,
            progress=lambda elapsed, terms: progress("training (s)", int(elapsed), int(seconds)),
        )  # fmt: skip
    if bundle is not None:
        check_learnt(trainer.step, minutes)
        made_by = {"commands": commands, "patches": trainer.step * config.batch, **settings, **origin, **made_on()}
        with beside(bundle) as copy:
            ship(folder, copy, made_by, chunks=chunks())
            training_curve(copy / "training.csv", copy / "training.svg")
            if recorded is None:
                show(copy, "reconstructions.png")


def _check_checkpoint(folder: Path, network: NetworkConfig, config: TrainingConfig) -> None:
    """What lies in the folder is of the network asked for, and learnt what is asked for.

    Raises:
        InputError: It is of another network, or a plain autoencoder where none is asked for, or the other way round.
    """
    from model.trainer import checkpoint_of

    stored, before = checkpoint_of(folder)
    if stored != network:
        raise InputError(f"{folder}/state.json", f"a checkpoint of {network.name}", f"one of {stored.name}")
    was, now = before.plain, config.plain
    if was != now:
        kinds = {True: "a plain autoencoder", False: "an adversarial training"}
        raise InputError(f"{folder}/state.json", f"a checkpoint of {kinds[now]}", f"one of {kinds[was]}")


def distil_generator(
    *,
    teacher: str,
    preset: str,
    bundle: Path,
    minutes: float,
    folder: Path,
    seed: int,
    learning_rate: float,
    command: str,
    means: Means = HERE,
    progress: Progress = silent,
) -> None:
    """Train a generator to rebuild what a bundle's generator rebuilds, or go on from `folder`, and make its bundle.

    Args:
        teacher: Bundle whose generator is learnt from.
        preset: Which network learns.
        bundle: Folder to write.
        minutes: Stop after this long.
        folder: Checkpoint and curve.
        seed: Of weights and perturbations.
        learning_rate: Maximum of its one cosine.
        command: What was typed, for `bundle.toml`.
        means: On what it is trained.
        progress: Told of every step.

    Raises:
        InputError: No such preset, or the bundle is the teacher's.
        DetectorError: The teacher or the checkpoint cannot be used.
    """
    means.begin()
    from model.bundle import find_bundle, load_bundle
    from model.config import PRESETS
    from model.distiller import Distiller, distil, ship_distilled
    from model.marker_trainer import BATCH, HELD_OUT_BATCHES, KINDS, PERTURBED, marker_batches
    from model.staging import beside

    if preset not in PRESETS:
        raise InputError("--preset", f"one of {', '.join(PRESETS)}", preset)
    check_ready(folder, "generator.json", minutes, bundle)
    batch = means.batch or BATCH
    with told():
        whole = load_bundle(find_bundle(teacher), with_marker=False)
        if bundle.resolve() == whole.folder.resolve():
            raise InputError("--bundle", "another folder than the teacher's", bundle)
        distiller = Distiller.begin(whole, PRESETS[preset], folder, seed=seed)
    commands = commands_typed(folder, command, {})
    seconds = 60.0 * minutes
    held_out = islice(marker_batches(drawn_stacks(start=HELD_OUT_START), batch=BATCH, seed=0), HELD_OUT_BATCHES)
    with told():
        distil(
            distiller, means.batches(DISTILLED_START, distiller.step, seed=seed, batch=batch, perturbed=PERTURBED,
                                     kinds=KINDS),
            folder, held_out=list(held_out) if minutes else [], learning_rate=learning_rate, seconds=seconds,
            progress=lambda elapsed: progress("training (s)", int(elapsed), int(seconds)),
        )  # fmt: skip
    check_learnt(distiller.step, minutes)
    made_by = {
        "commands": commands, "data": DRAWN, "seed": seed,
        "learning_rate": learning_rate, "products": list(whole.made_by.get("products", ())), **made_on(),
    }  # fmt: skip
    with beside(bundle) as copy:
        ship_distilled(distiller, folder, copy, made_by)
        if not means.elsewhere:
            show(copy, "reconstructions.png")


def train_marker_of(
    *,
    bundle: Path,
    minutes: float,
    folder: Path,
    seed: int,
    learning_rate: float,
    settled: bool,
    command: str,
    other: str | None = None,
    means: Means = HERE,
    progress: Progress = silent,
) -> None:
    """Train a bundle's marker on drawn good strips, or go on from the checkpoint in `folder`, and put it in.

    Args:
        bundle: Whose generator rebuilds; a marker that it had is replaced.
        minutes: Stop after this long.
        folder: Checkpoint and curve.
        seed: Of weights and perturbations.
        learning_rate: Maximum of its one cosine.
        settled: Fix batch norm's statistics first, unless they are; for the last part of a training.
        command: What was typed, for `bundle.toml`.
        other: Bundle whose marker is begun with where there is no checkpoint; a fresh one without.
        means: On what it is trained; on another backend than TensorFlow only the checkpoint is written.
        progress: Told of every step.

    Raises:
        DetectorError: The bundle cannot be used.
    """
    means.begin()
    from model.allowance import allowance_of
    from model.bundle import find_bundle, load_bundle
    from model.bundle_making import add_allowance, add_marker
    from model.marker_trainer import BATCH, KINDS, PERTURBED, MarkerTrainer, train_marker
    from model.staging import beside

    batch = means.batch or BATCH
    check_ready(folder, "marker.json", minutes, bundle)
    with told():
        whole = load_bundle(bundle, with_marker=False)
        begun = None if other is None else load_bundle(find_bundle(other))
        trainer = MarkerTrainer.begin(whole, len(PAPER.frames), folder, seed=seed, batch=batch, other=begun)
    commands = commands_typed(folder, command, origin_of(begun))
    seconds = 60.0 * minutes
    with told():
        train_marker(
            trainer,
            means.batches(MARKER_START, trainer.step, seed=seed, batch=batch, perturbed=PERTURBED, kinds=KINDS),
            folder, held_out=drawn_stacks(start=HELD_OUT_START),
            settled=settled, learning_rate=learning_rate, seconds=seconds,
            progress=lambda elapsed: progress("training (s)", int(elapsed), int(seconds)),
        )  # fmt: skip
    if means.elsewhere:
        return
    check_learnt(trainer.step, minutes)
    made_by = {
        "commands": commands, "data": DRAWN, "steps": trainer.step,
        "stacks": trainer.stacks, "seed": seed, "learning_rate": learning_rate, **made_on(),
    }  # fmt: skip
    with beside(bundle) as copy:
        curves = folder / "marker.csv", folder / "held_out.csv"
        add_marker(copy, folder / "marker.weights.h5", curves, len(PAPER.frames), made_by)
        detector = NetworkDetector(str(copy), PAPER, score="marked", backend="tensorflow")
        marks = marks_on_good(detector, partial(progress, "good strips"))
        origin = {"data": DRAWN, "first_strip": ALLOWANCE_START, "vials": len(marks)}
        add_allowance(copy, allowance_of(marks), origin)
        show(copy, "marks.png", score="marked")


def train_examiner_of(
    *,
    bundle: Path,
    minutes: float,
    folder: Path,
    seed: int,
    learning_rate: float,
    command: str,
    other: str | None = None,
    means: Means = HERE,
    progress: Progress = silent,
) -> None:
    """Train a bundle's examiner on drawn good strips, or go on from the checkpoint in `folder`, and put it in.

    Args:
        bundle: Whose generator and marker propose; an examiner that it had is replaced.
        minutes: Stop after this long.
        folder: Checkpoint and curve.
        seed: Of weights and perturbations.
        learning_rate: Maximum of its one cosine.
        command: What was typed, for `bundle.toml`.
        other: Bundle whose examiner is begun with where there is no checkpoint; a fresh one without.
        means: On what it is trained; on another backend than TensorFlow only the checkpoint is written.
        progress: Told of every step.

    Raises:
        DetectorError: The bundle cannot be used, or has no marker.
    """
    means.begin()
    from model.bundle import find_bundle, load_bundle
    from model.bundle_making import add_examiner
    from model.examiner_trainer import BATCH, KINDS, PERTURBED, STACKS, ExaminerTrainer, train_examiner
    from model.staging import beside

    regions = len(PAPER.regions)
    batch = means.batch or STACKS
    check_ready(folder, "examiner.json", minutes, bundle)
    with told():
        begun = None if other is None else load_bundle(find_bundle(other))
        trainer = ExaminerTrainer.begin(
            load_bundle(bundle), regions, folder, seed=seed, batch=BATCH * batch // STACKS, other=begun
        )
    commands = commands_typed(folder, command, origin_of(begun, "examiner"))
    seconds = 60.0 * minutes
    with told():
        train_examiner(
            trainer,
            means.batches(EXAMINER_START, trainer.step, seed=seed, batch=batch, perturbed=PERTURBED, kinds=KINDS),
            folder, held_out=drawn_stacks(start=HELD_OUT_START), learning_rate=learning_rate, seconds=seconds,
            progress=lambda elapsed: progress("training (s)", int(elapsed), int(seconds)),
        )  # fmt: skip
    if means.elsewhere:
        return
    check_learnt(trainer.step, minutes)
    made_by = {
        "commands": commands, "data": DRAWN, "steps": trainer.step,
        "windows": trainer.seen, "seed": seed, "learning_rate": learning_rate, **made_on(),
    }  # fmt: skip
    with beside(bundle) as copy:
        add_examiner(copy, folder / "examiner.weights.h5", (folder / "examiner.csv",), regions, made_by)
        show(copy, "marks.png", score="marked")
