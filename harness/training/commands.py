"""The commands that make a detector: `train` and its kin, `calibrate`, `prove`.

They are joined in `harness/cli.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import ScenarioError
from harness.terminal import bar, command_line, messages

TENSORFLOW = "tensorflow"

Backend = Annotated[
    str,
    typer.Option(
        help="Keras's: tensorflow, or jax where there is an accelerator; that writes the checkpoint alone, which "
        "--minutes 0 puts into the bundle."
    ),
]
Processes = Annotated[int, typer.Option(min=0, help="That draw what is learnt from; 0: a thread of this one.")]
Score = Annotated[str | None, typer.Option(help="Another than the marker's, or the paper's without one.")]
Minutes = Annotated[
    float,
    typer.Option(min=0, max=1e5, help="Stop after this long; the learning rate ends then. 0: put the checkpoint in."),
]
LearningRate = Annotated[float, typer.Option(min=1e-9, max=1.0, help="First maximum.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of weights, augmentation and perturbations.")]
Batch = Annotated[int | None, typer.Option(min=2, max=1024, help="Stacks a step; 16 where none are asked for.")]


def train(
    preset: Annotated[str, typer.Option(help="Network preset: see `python -m model describe`.")] = "compact",
    minutes: Minutes = 60.0,
    folder: Annotated[Path, typer.Option(help="Checkpoints and curve; resumed from when it holds one.")] = Path(
        "training/compact"
    ),
    bundle: Annotated[Path | None, typer.Option(help="Detector bundle to write at the end.")] = None,
    recording: Annotated[Path | None, typer.Option(help="Learn from a recording's good products.")] = None,
    seed: Seed = 1,
    learning_rate: LearningRate = 1e-3,
    rotation: Annotated[
        float, typer.Option(min=0, max=3.2, help="Augmentation turns by up to this many radians.")
    ] = 0.03,
    huber: Annotated[float, typer.Option(min=0, max=1e6, help="Weight of the Huber loss; the paper's is 2.")] = 2.0,
    plain: Annotated[
        bool, typer.Option("--plain", help="A plain autoencoder, for comparison: no adversary, nothing perturbed.")
    ] = False,
) -> None:
    """Train a network on good strips by the full adversarial procedure."""
    from harness.training.workshop import train_network

    command = command_line("train", preset=preset, minutes=minutes, folder=folder, bundle=bundle, recording=recording,
                       seed=seed, learning_rate=learning_rate, rotation=rotation, huber=huber, plain=plain)  # fmt: skip
    with bar() as progress:
        train_network(
            preset=preset, minutes=minutes, folder=folder, bundle=bundle, recording=recording, command=command,
            settings={"seed": seed, "learning_rate": learning_rate, "rotation_rad": rotation, "w_huber": huber},
            plain=plain,
            progress=progress,
        )  # fmt: skip
    typer.echo(bundle or folder)


def distil(
    bundle: Annotated[Path, typer.Option(help="Detector bundle to write.")],
    teacher: Annotated[str, typer.Option(help="Bundle whose generator is learnt from.")] = "compact",
    preset: Annotated[str, typer.Option(help="Network preset: see `python -m model describe`.")] = "lean",
    minutes: Minutes = 60.0,
    folder: Annotated[Path, typer.Option(help="Checkpoint and curve; resumed from when it holds one.")] = Path(
        "training/lean"
    ),
    seed: Seed = 1,
    learning_rate: LearningRate = 2e-3,
    backend: Backend = TENSORFLOW,
    processes: Processes = 0,
    batch: Batch = None,
) -> None:
    """Train a leaner generator to rebuild what a bundle's generator rebuilds."""
    from harness.training.means import Means
    from harness.training.workshop import distil_generator

    command = command_line("distil", teacher=teacher, preset=preset, bundle=bundle, minutes=minutes, folder=folder,
                       seed=seed, learning_rate=learning_rate, backend=None if backend == TENSORFLOW else backend,
                       processes=processes or None, batch=batch)  # fmt: skip
    with bar() as progress:
        distil_generator(
            teacher=teacher, preset=preset, bundle=bundle, minutes=minutes, folder=folder, seed=seed,
            learning_rate=learning_rate, command=command, means=Means(backend, processes, batch), progress=progress,
        )  # fmt: skip
    typer.echo(bundle)


def train_marker(
    bundle: Annotated[Path, typer.Option(help="Bundle whose marker is made; its generator stays.")],
    minutes: Minutes = 60.0,
    folder: Annotated[Path, typer.Option(help="Checkpoint and curve; resumed from when it holds one.")] = Path(
        "training/marker"
    ),
    seed: Seed = 1,
    learning_rate: LearningRate = 1e-3,
    settled: Annotated[
        bool,
        typer.Option(
            "--settled", help="Fix batch norm's statistics first, unless they are: for the last part of a training."
        ),
    ] = False,
    begin_with: Annotated[
        str | None, typer.Option(help="Bundle whose marker is gone on from, where there is no checkpoint.")
    ] = None,
    backend: Backend = TENSORFLOW,
    processes: Processes = 0,
    batch: Batch = None,
) -> None:
    """Train the second network, which marks what does not belong, behind a bundle's generator."""
    from harness.training.means import Means
    from harness.training.workshop import train_marker_of

    command = command_line("train-marker", bundle=bundle, minutes=minutes, folder=folder, seed=seed,
                       learning_rate=learning_rate, settled=settled, begin_with=begin_with,
                       backend=None if backend == TENSORFLOW else backend, processes=processes or None,
                       batch=batch)  # fmt: skip
    with bar() as progress:
        train_marker_of(
            bundle=bundle, minutes=minutes, folder=folder, seed=seed, learning_rate=learning_rate, settled=settled,
            command=command, other=begin_with, means=Means(backend, processes, batch), progress=progress,
        )  # fmt: skip
    typer.echo(bundle)


def train_examiner(
    bundle: Annotated[Path, typer.Option(help="Bundle whose examiner is made; generator and marker stay.")],
    minutes: Minutes = 60.0,
    folder: Annotated[Path, typer.Option(help="Checkpoint and curve; resumed from when it holds one.")] = Path(
        "training/examiner"
    ),
    seed: Seed = 1,
    learning_rate: LearningRate = 1e-3,
    begin_with: Annotated[
        str | None, typer.Option(help="Bundle whose examiner is gone on from, where there is no checkpoint.")
    ] = None,
    backend: Backend = TENSORFLOW,
    processes: Processes = 0,
    batch: Batch = None,
) -> None:
    """Train the third network, which looks closely where a bundle's marker is hottest, and decides."""
    from harness.training.means import Means
    from harness.training.workshop import train_examiner_of

    command = command_line("train-examiner", bundle=bundle, minutes=minutes, folder=folder, seed=seed,
                       learning_rate=learning_rate, begin_with=begin_with,
                       backend=None if backend == TENSORFLOW else backend, processes=processes or None,
                       batch=batch)  # fmt: skip
    with bar() as progress:
        train_examiner_of(
            bundle=bundle, minutes=minutes, folder=folder, seed=seed, learning_rate=learning_rate, command=command,
            other=begin_with, means=Means(backend, processes, batch), progress=progress,
        )  # fmt: skip
    typer.echo(bundle)


def train_comparer(
    bundle: Annotated[Path, typer.Option(help="Bundle whose comparer is made; generator and marker stay.")],
    strips: Annotated[int, typer.Option(min=20, help="Good strips that are drawn to learn from.")] = 3000,
    skip: Annotated[
        int, typer.Option(min=0, help="Training strips before them, that another training learnt from.")
    ] = 0,
    epochs: Annotated[
        int, typer.Option(min=0, help="Times each place of them is seen; 0: put in what was learnt.")
    ] = 4,
    folder: Annotated[Path, typer.Option(help="Weights and curve.")] = Path("training/comparer"),
    seed: Seed = 1,
    learning_rate: LearningRate = 2e-3,
    begin_with: Annotated[str | None, typer.Option(help="Bundle whose comparer is gone on from.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="That draw.")] = 2,
) -> None:
    """Train the network that looks where a vial is unlike all others of its strip, beside a bundle's marker."""
    from harness.training.comparer import train_comparer_of

    command = command_line("train-comparer", bundle=bundle, strips=strips, skip=skip or None, epochs=epochs,
                           folder=folder, seed=seed, learning_rate=learning_rate, begin_with=begin_with,
                           processes=processes)  # fmt: skip
    with bar() as progress:
        train_comparer_of(
            bundle=bundle, strips=strips, skipped=skip, epochs=epochs, folder=folder, seed=seed, processes=processes,
            command=command, learning_rate=learning_rate, other=begin_with, progress=progress,
        )  # fmt: skip
    typer.echo(bundle)


def calibrate(
    bundle: Annotated[str, typer.Option(help="Bundle whose thresholds are written.")] = "lean",
    score: Score = None,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="Runs of each calibration product.")] = 10,
    required: Annotated[int, typer.Option(min=1, help="Right runs that make a product right.")] = 7,
    recording: Annotated[Path | None, typer.Option(help="Labelled products of a recording.")] = None,
    alpha: Annotated[
        float | None, typer.Option(help="Of good products, the share that level good_only may reject; 0.05.")
    ] = None,
    times: Annotated[int, typer.Option(min=1, max=10, help="So many times the 60 + 60 drawn products.")] = 1,
) -> None:
    """Tune thresholds, a region each, on calibration products; none of them may be in a kit."""
    from harness.training.calibrating import calibrate_bundle

    with bar() as progress:
        path, promise = calibrate_bundle(
            bundle, score=score, runs=runs, required=required, recording=recording, alpha=alpha, times=times,
            progress=progress,
        )  # fmt: skip
    messages.print(promise, markup=False)
    typer.echo(path)


def prove(
    bundle: Annotated[str, typer.Option(help="Bundle that the proof is put into.")] = "lean",
    score: Score = None,
    backend: Annotated[str, typer.Option(help="openvino or openvino-bf16.")] = "openvino",
    kit: Annotated[str, typer.Option(help="Products that both judge: knapp or quick.")] = "knapp",
    runs: Annotated[int, typer.Option(min=1, max=1000, help="Runs of each product.")] = 1,
    bound: Annotated[float, typer.Option(min=0, help="Largest difference of two scores.")] = 1e-4,
) -> None:
    """Compare a backend with TensorFlow on a kit's products; if equal, put the proof into the bundle, else exit 1."""
    from harness.strips.kit import standard_kit
    from harness.training.proving import prove as proved

    if kit not in ("knapp", "quick"):
        raise ScenarioError("--kit", "knapp or quick", kit)
    with bar() as progress:
        found = proved(
            bundle, standard_kit(kit), score=score, backend=backend, runs=runs, bound=bound, progress=progress
        )
    typer.echo(found.in_words())
    raise typer.Exit(0 if found.equal else 1)
