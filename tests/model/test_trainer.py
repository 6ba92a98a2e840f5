from __future__ import annotations

import csv
import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from model import trainer as trainer_module
from model.config import PLAIN, NetworkConfig, TrainingConfig
from model.dataset import Batch, Chunk
from model.trainer import TERMS, Trainer, cosine_schedule, restart_schedule, train

STEPS = 30


def snapshot(variables: list[Any]) -> list[np.ndarray]:
    """Copies of weights."""
    return [variable.numpy().copy() for variable in variables]


def moved(variables: list[Any], before: list[np.ndarray]) -> bool:
    """Whether any of them is no longer what it was."""
    return any((now.numpy() != was).any() for now, was in zip(variables, before, strict=True))


@pytest.fixture(scope="module")
def trainer(tiny: NetworkConfig) -> Trainer:
    """A tiny network; the tests below share it, since a step is compiled once."""
    return Trainer.fresh(tiny, TrainingConfig(batch=2, seed=4))


def tensors(batch: Batch) -> list[tf.Tensor]:
    """What a step takes."""
    return [tf.constant(part) for part in (batch.image, batch.perturbed, batch.noise)]


def test_thirty_steps_learn_a_batch(trainer: Trainer, batch: Batch) -> None:
    """Shown the same two patches thirty times, the network rebuilds them better than at first."""
    start = trainer.step
    terms = [trainer.train_step(batch, 1e-3) for _ in range(STEPS)]
    assert trainer.step == start + STEPS
    assert tuple(terms[0]) == TERMS
    assert terms[-1]["contextual"] < 0.8 * terms[0]["contextual"]


def test_total_is_the_weighted_sum(trainer: Trainer, batch: Batch) -> None:
    """Eq. 5 with w_1 = 1, w_2 = 50, w_3 = 1 and w_4 = 3, each weight once."""
    terms = trainer.train_step(batch, 1e-4)
    total = terms["adversarial"] + 50 * terms["contextual"] + terms["encoder"] + 3 * terms["noise"]
    assert terms["generator"] == pytest.approx(total, rel=1e-5)


def test_one_step_moves_both_once(trainer: Trainer, batch: Batch) -> None:
    """Generator and discriminator alternate: each optimiser has done as many steps as the other."""
    counts = [int(o.iterations.numpy()) for o in (trainer.generator_optimizer, trainer.discriminator_optimizer)]
    generator, critic = trainer.generator_variables, trainer.networks.discriminator.trainable_variables
    before = snapshot(generator), snapshot(critic)
    trainer.train_step(batch, 1e-4)
    assert moved(generator, before[0])
    assert moved(critic, before[1])
    after = [int(o.iterations.numpy()) for o in (trainer.generator_optimizer, trainer.discriminator_optimizer)]
    assert after == [count + 1 for count in counts]


@pytest.mark.parametrize("frozen", ["generator", "discriminator"])
def test_each_moves_by_its_own_optimiser_alone(frozen: str, trainer: Trainer, batch: Batch) -> None:
    """With one optimiser at rate zero its network stands still while the other's moves."""
    optimisers = {"generator": trainer.generator_optimizer, "discriminator": trainer.discriminator_optimizer}
    variables = {
        "generator": trainer.generator_variables,
        "discriminator": trainer.networks.discriminator.trainable_variables,
    }
    before = {name: snapshot(part) for name, part in variables.items()}
    for name, optimiser in optimisers.items():
        optimiser.learning_rate.assign(0.0 if name == frozen else 1e-3)
    trainer._compiled(*tensors(batch))
    assert {name for name, part in variables.items() if moved(part, before[name])} == set(variables) - {frozen}


def test_a_plain_autoencoder_only_rebuilds(tiny: NetworkConfig, batch: Batch) -> None:
    """Its loss is eq. 7 with its weight alone, and neither discriminator nor second encoder is trained."""
    trainer = Trainer.fresh(tiny, TrainingConfig(batch=2, **PLAIN))
    nets = trainer.networks
    still = [*nets.discriminator.variables, *nets.second_encoder.variables]
    before = snapshot(still), snapshot(trainer.generator_variables)
    terms = trainer.train_step(batch, 1e-3)
    assert terms["generator"] == pytest.approx(50 * terms["contextual"], rel=1e-6)
    assert [terms[name] for name in ("adversarial", "encoder", "noise", "discriminator")] == [0.0] * 4
    assert not moved(still, before[0])
    assert moved(trainer.generator_variables, before[1])


def test_discriminator_step_leaves_the_generator_alone(trainer: Trainer, batch: Batch) -> None:
    """It moves the discriminator towards telling real from rebuilt, and nothing else."""
    image, perturbed, _ = tensors(batch)
    _, rebuilt = trainer.generate(perturbed)
    before = snapshot(trainer.generator_variables)
    trainer.discriminator_optimizer.learning_rate.assign(1e-3)
    losses = [float(trainer.discriminator_step(image, rebuilt)) for _ in range(6)]
    assert losses[-1] < losses[0]
    assert not moved(trainer.generator_variables, before)


def test_restarts_after_epochs_one_three_and_seven() -> None:
    """Golden values: each restart begins at a third of the last maximum and its period is twice the last one's."""
    rate = restart_schedule(TrainingConfig(learning_rate=9e-4, epoch_steps=100))
    assert rate(0) == pytest.approx(9e-4)
    assert rate(50) == pytest.approx(4.5e-4)  # half-way down the first cosine
    assert rate(99) == pytest.approx(4.5e-4 * (1 + math.cos(0.99 * math.pi)))
    assert rate(100) == pytest.approx(3e-4)
    assert rate(200) == pytest.approx(1.5e-4)  # the second lasts two epochs
    assert rate(300) == pytest.approx(1e-4)
    assert rate(500) == pytest.approx(5e-5)  # the third lasts four
    assert rate(700) == pytest.approx(1e-4 / 3)
    assert rate(1500) == pytest.approx(1e-4 / 9)


def test_one_cosine_over_all_steps() -> None:
    """Golden values: half-way in the middle, a hundredth at the end and after."""
    rate = cosine_schedule(TrainingConfig(learning_rate=1e-3, steps=10_000))
    assert rate(0) == pytest.approx(1e-3)
    assert rate(5000) == pytest.approx(1e-3 * (0.01 + 0.99 / 2))
    assert rate(10_000) == rate(20_000) == pytest.approx(1e-5)


def test_a_checkpoint_is_gone_on_from(trainer: Trainer, batch: Batch, tmp_path: Path) -> None:
    """Resumed, all four networks are as they were, the count goes on, the optimiser starts fresh."""
    trainer.save(tmp_path)
    again = Trainer.resume(tmp_path, trainer.config)
    assert again.network == trainer.network
    assert again.step == trainer.step > 0
    for name, part in vars(trainer.networks).items():
        pairs = zip(part.get_weights(), getattr(again.networks, name).get_weights(), strict=True)
        assert all((one == other).all() for one, other in pairs)
    assert int(again.generator_optimizer.iterations.numpy()) == 0
    assert not list(tmp_path.glob("*.new.*"))


def step_written(folder: Path) -> int:
    """The step of the checkpoint in a folder, all of whose weights are there."""
    assert len(list(folder.glob("*.weights.h5"))) == 4
    return int(json.loads((folder / "state.json").read_text())["step"])


def chunk(count: int, pictures: Any) -> Chunk:
    """Good patches."""
    return Chunk(pictures(count, seed=7), np.ones(count, bool))


def test_training_writes_its_curve_and_its_checkpoint(
    trainer: Trainer, tmp_path: Path, pictures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every so many steps a row with all terms, a checkpoint at the end; a second call goes on in both."""
    monkeypatch.setattr(trainer_module, "CURVE_EVERY", 2)
    seen: list[int] = []
    trainer.step = 0
    for count in (3, 2):
        train(
            trainer,
            [chunk(2 * count, pictures)],
            tmp_path,
            schedule=lambda step: 1e-4,
            progress=lambda elapsed, terms: seen.append(trainer.step),
        )
    with (tmp_path / "curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "seconds", "learning_rate", *TERMS]
    assert [row["step"] for row in rows] == ["2", "4"]
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())
    assert seen == [1, 2, 3, 4, 5]
    assert step_written(tmp_path) == 5


def test_training_stops_at_its_last_step(trainer: Trainer, tmp_path: Path, pictures: Any) -> None:
    """However many chunks there are."""
    trainer.step = 0
    config, trainer.config = trainer.config, replace(trainer.config, steps=2)
    try:
        train(trainer, [chunk(8, pictures)], tmp_path, schedule=lambda step: 1e-4)
    finally:
        trainer.config = config
    assert trainer.step == 2


def test_an_epoch_leaves_a_sheet(trainer: Trainer, tmp_path: Path, pictures: Any) -> None:
    """One after every `epoch_steps`, and events for TensorBoard; looking at it moves no weight and no statistic."""
    trainer.step = 0
    config, trainer.config = trainer.config, replace(trainer.config, steps=2, epoch_steps=1)
    try:
        train(trainer, [chunk(8, pictures)], tmp_path, schedule=lambda step: 1e-4)
    finally:
        trainer.config = config
    assert [path.name for path in sorted((tmp_path / "sheets").iterdir())] == ["epoch-0001.png", "epoch-0002.png"]
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1
    before = [np.array(weight) for weight in trainer.networks.encoder.get_weights()]
    trainer.rebuilt(np.zeros((2, 256, 256, 1), np.float32))
    assert all((one == other).all() for one, other in zip(before, trainer.networks.encoder.get_weights(), strict=True))


def test_training_stops_when_its_seconds_are_used_up(trainer: Trainer, tmp_path: Path, pictures: Any) -> None:
    """With none left, no step is taken, and the checkpoint is written all the same."""
    trainer.step = 5
    before = snapshot(trainer.generator_variables)
    train(trainer, [chunk(8, pictures)], tmp_path, schedule=lambda step: 1e-4, seconds=0.0)
    assert trainer.step == 5
    assert not moved(trainer.generator_variables, before)
    assert step_written(tmp_path) == 5


def test_seconds_stretch_the_schedule(trainer: Trainer, tmp_path: Path, pictures: Any) -> None:
    """With a bound on seconds the schedule is read at the share of time that is used up, never behind the steps."""
    asked: list[int] = []

    def schedule(step: int) -> float:
        asked.append(step)
        return 1e-4

    hundredths = itertools.count(0.0, 36.0)
    trainer.step = 0
    train(
        trainer, [chunk(6, pictures)], tmp_path, schedule=schedule, seconds=3600.0, clock=lambda: next(hundredths)
    )  # fmt: skip
    assert asked == [int(trainer.config.steps * share) for share in (0.01, 0.02, 0.03)]
