"""Making a comparer: draw what it learns from, train it, and write down how it was done."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from harness.geometry import PAPER
from harness.inspection.bundle_errors import told
from harness.progress import Progress, silent
from harness.training.compared import drawn_places, usual_unlikeness
from harness.training.data import DRAWN, HARD_REGION
from harness.training.folder import check_ready, commands_typed, made_on, origin_of
from harness.training.pictures import show


def train_comparer_of(
    *,
    bundle: Path,
    strips: int,
    skipped: int = 0,
    epochs: int,
    folder: Path,
    seed: int,
    processes: int,
    learning_rate: float,
    command: str,
    other: str | None = None,
    progress: Progress = silent,
) -> None:
    """Train a bundle's comparer on drawn good strips and put it in; with no epochs, put in what lies in `folder`.

    Args:
        bundle: Whose marker it stands beside; a comparer that it had is replaced.
        strips: That are drawn to learn from.
        skipped: Training strips before them, that another training learnt from.
        epochs: Times that every place of them is seen.
        folder: Weights, curve, and how unlike good vials usually are.
        seed: Of weights and perturbations.
        processes: That draw.
        learning_rate: Maximum of its one cosine.
        command: What was typed, for `bundle.toml`.
        other: Bundle whose comparer is begun with; a fresh one without.
        progress: Told of every strip and step.

    Raises:
        DetectorError: The bundle cannot be used, or has no marker; or the other no comparer.
        InputError: No epochs, and nothing in the folder.
    """
    from model.bundle import find_bundle, load_bundle
    from model.bundle_making import add_comparer
    from model.comparer_trainer import train_comparer
    from model.loaded import load_comparer, load_marker
    from model.staging import beside

    check_ready(folder, "comparer.weights.h5", epochs, bundle, lasting="--epochs")
    with told():
        load_marker(load_bundle(bundle))
        begun = None if other is None else load_bundle(find_bundle(other))
        comparer = None if begun is None else load_comparer(begun)
    if epochs:  # it begins anew
        for name in ("commands.txt", "comparer.weights.h5"):
            (folder / name).unlink(missing_ok=True)
    commands = commands_typed(folder, command, origin_of(begun, "comparer"))
    if epochs:
        usual = usual_unlikeness(progress)
        np.save(folder / "usual.npy", usual)
        drawn = drawn_places(bundle, strips, usual, skipped=skipped, seed=seed, count=processes, progress=progress)
        with told():
            train_comparer(
                drawn, folder, epochs=epochs, seed=seed, learning_rate=learning_rate, begun=comparer,
                progress=partial(progress, "steps"),
            )  # fmt: skip
    made_by = {"commands": commands, "data": DRAWN, "seed": seed, **made_on()}
    with beside(bundle) as copy, told():
        add_comparer(
            copy, folder / "comparer.weights.h5", folder / "usual.npy", [folder / "comparer.csv"],
            region=HARD_REGION, regions=len(PAPER.regions), made_by=made_by,
        )  # fmt: skip
        show(copy, "marks.png", score="marked")
