"""The adversarial training: one discriminator step on a detached rebuilt image, then one generator step.

Loss of the generator, the paper's eq. 5 with eq. 6 as read in `docs/paper.md`:
w_1 L_adv + w_2 L_con + w_3 L_enc + w_4 L_nse. No cross-entropy reaches the generator.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from model.bundle import BundleError, file_digest
from model.checkpoint import check_finite, curve_rows, whole_checkpoint, write_state
from model.config import NetworkConfig, TrainingConfig
from model.dataset import Batch, Chunk, batches, drawn_ahead
from model.losses import (
    adversarial_loss,
    contextual_loss,
    discriminator_loss,
    encoder_loss,
    noise_loss,
)
from model.network import Networks, build_networks
from model.watch import Watch

TERMS = ("generator", "adversarial", "contextual", "encoder", "noise", "discriminator")
CURVE_EVERY = 20


WARM_STEPS = 100
"""Steps of a run over which its learning rate is raised: the optimiser starts fresh."""


def checkpoint_of(folder: Path) -> tuple[NetworkConfig, TrainingConfig]:
    """Which network the checkpoint in a folder is of, and how it was last trained.

    Raises:
        BundleError: No whole checkpoint.
    """
    with whole_checkpoint(folder):
        state = json.loads((folder / "state.json").read_text())
        return NetworkConfig.from_dict(state["network"]), TrainingConfig(**state["training"])


def restart_schedule(config: TrainingConfig) -> Callable[[int], float]:
    """Learning rate by step: cosine decay, restarted after epochs 1, 3, 7, ..., each at a third of the last maximum.

    Source:
        The paper's section 7.3 as read in `docs/paper.md`; Loshchilov & Hutter (2017), ICLR, eq. 5, for the decay.
    """

    def rate(step: int) -> float:
        peak, start, period = config.learning_rate, 0, config.epoch_steps
        while step >= start + period:
            start, period, peak = start + period, 2 * period, peak * config.restart_factor
        return peak * 0.5 * (1 + math.cos(math.pi * (step - start) / period))

    return rate


def cosine_schedule(config: TrainingConfig) -> Callable[[int], float]:
    """Learning rate by step: one cosine from the maximum to a hundredth of it over all steps."""

    def rate(step: int) -> float:
        share = min(step / max(config.steps, 1), 1.0)
        return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))

    return rate


@dataclass
class Trainer:
    """Networks, optimisers and the step that moves them.

    Attributes:
        network: Which network.
        config: How it is trained.
        networks: The weights.
        step: Optimiser steps done.
    """

    network: NetworkConfig
    config: TrainingConfig
    networks: Networks
    step: int = 0

    def __post_init__(self) -> None:
        parts = [self.networks.encoder, self.networks.decoder]
        if self.config.w_encoder:
            parts.append(self.networks.second_encoder)
        self.generator_variables = [variable for part in parts for variable in part.trainable_variables]
        self.generator_optimizer = self._optimizer(self.generator_variables)
        self.discriminator_optimizer = self._optimizer(self.networks.discriminator.trainable_variables)
        self._compiled = tf.function(self._step)

    @classmethod
    def fresh(cls, network: NetworkConfig, config: TrainingConfig) -> Trainer:
        """Weights from the configuration's seed."""
        return cls(network, config, build_networks(network, seed=config.seed))

    def _optimizer(self, variables: list[Any]) -> keras.optimizers.Optimizer:
        optimizer = keras.optimizers.Adam(
            self.config.learning_rate, beta_1=self.config.beta_1, beta_2=self.config.beta_2
        )
        optimizer.build(variables)
        return optimizer

    def train_step(self, batch: Batch, learning_rate: float) -> dict[str, float]:
        """One discriminator step and one generator step; the loss terms before them."""
        self.generator_optimizer.learning_rate.assign(learning_rate)
        self.discriminator_optimizer.learning_rate.assign(learning_rate)
        terms = self._compiled(*(ops.convert_to_tensor(part) for part in (batch.image, batch.perturbed, batch.noise)))
        self.step += 1
        return dict(zip(TERMS, (float(term) for term in terms), strict=True))

    def generate(self, perturbed: Any) -> tuple[Any, Any]:
        """(z, X^) of perturbed images, batch statistics in use."""
        code = self.networks.encoder(perturbed, training=True)
        return code, self.networks.decoder(code, training=True)

    def rebuilt(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Images rebuilt as inspection does it, by the running statistics; both float32 (n, 256, 256, 1)."""
        code = self.networks.encoder(ops.convert_to_tensor(images), training=False)
        return np.asarray(self.networks.decoder(code, training=False))

    def generator_losses(self, image: Any, perturbed: Any, noise: Any, code: Any, rebuilt: Any) -> tuple[Any, ...]:
        """(total, adversarial, contextual, encoder, noise) of what `generate` gave; each reaches the generator.

        Terms that weigh nothing are 0.
        """
        nets, config = self.networks, self.config
        adversarial = encoder = residual = ops.zeros(())
        if config.w_adversarial:
            _, features_real = nets.discriminator(image, training=True)
            _, features_rebuilt = nets.discriminator(rebuilt, training=True)
            adversarial = adversarial_loss(ops.stop_gradient(features_real), features_rebuilt)
        contextual = contextual_loss(image, rebuilt, w_huber=config.w_huber, w_ssim=config.w_ssim)
        if config.w_encoder:
            encoder = encoder_loss(code, nets.second_encoder(rebuilt, training=True))
        if config.w_noise:
            residual = noise_loss(perturbed, rebuilt, noise)
        total = (
            config.w_adversarial * adversarial
            + config.w_contextual * contextual
            + config.w_encoder * encoder
            + config.w_noise * residual
        )
        return total, adversarial, contextual, encoder, residual

    def discriminator_step(self, image: Any, rebuilt: Any) -> Any:
        """Move the discriminator once; its loss before. No gradient passes `rebuilt`."""
        discriminator = self.networks.discriminator
        variables = discriminator.trainable_variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in variables])
            logit_real, _ = discriminator(image, training=True)
            logit_rebuilt, _ = discriminator(ops.stop_gradient(rebuilt), training=True)
            loss = discriminator_loss(logit_real, logit_rebuilt)
        self.discriminator_optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        return loss

    def _step(self, image: Any, perturbed: Any, noise: Any) -> tuple[Any, ...]:
        weights = [variable.value for variable in self.generator_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            code, rebuilt = self.generate(perturbed)
            with tape.stop_recording():
                critic = self.discriminator_step(image, rebuilt) if self.config.w_adversarial else ops.zeros(())
            terms = self.generator_losses(image, perturbed, noise, code, rebuilt)
        self.generator_optimizer.apply(tape.gradient(terms[0], weights), self.generator_variables)
        return *terms, critic

    def save(self, folder: Path) -> None:
        """Write a checkpoint beside the last one and put it in its place."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for name, part in vars(self.networks).items():
            files[name] = folder / f"{name}.new.weights.h5"
            part.save_weights(files[name])
        state = {
            "step": self.step, "network": self.network.as_dict(), "training": asdict(self.config),
            "digests": {name: file_digest(file) for name, file in files.items()},
        }  # fmt: skip
        for name, file in files.items():
            file.replace(folder / f"{name}.weights.h5")
        write_state(folder / "state.json", state)

    @classmethod
    def resume(cls, folder: Path, config: TrainingConfig) -> Trainer:
        """Weights and step of a checkpoint; the optimiser starts fresh.

        Raises:
            BundleError: A file of it is missing, damaged, or of another step than the others.
        """
        with whole_checkpoint(folder):
            state = json.loads((folder / "state.json").read_text())
            trainer = cls.fresh(NetworkConfig.from_dict(state["network"]), config)
            digests = state.get("digests", {})  # none in checkpoints from before there were any
            for name, part in vars(trainer.networks).items():
                file = folder / f"{name}.weights.h5"
                if digests and file_digest(file) != digests.get(name):
                    raise BundleError(str(file), f"weights of step {state['step']}", "others")
                part.load_weights(file)
            trainer.step = int(state["step"])
            return trainer


def train(
    trainer: Trainer,
    chunks: Iterable[Chunk],
    folder: Path,
    *,
    schedule: Callable[[int], float],
    seconds: float = math.inf,
    progress: Callable[[float, dict[str, float]], None] = lambda elapsed, terms: None,
    warm_steps: int = 0,
    save_every: int = 200,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Train until the steps or the seconds are used up; curve and checkpoints in `folder`.

    Args:
        trainer: Fresh or resumed.
        chunks: Good patches, as many as it takes.
        folder: Gets `curve.csv` and the same as TensorBoard's events, a reconstruction sheet an epoch, and a checkpoint
            every `save_every` steps and at the end.
        schedule: Learning rate by step. With a bound on seconds, time stretches it: see `seconds`.
        seconds: Stop after this long. The schedule is read at the larger of the shares of steps and of seconds used.
        progress: Called after each step with the seconds so far and its loss terms.
        warm_steps: Of this call, over which the learning rate is raised evenly to the schedule's.
        save_every: Steps between checkpoints.
        clock: Seconds; looked at as training begins and once a step.

    Raises:
        BundleError: A loss is no number; the last checkpoint stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first, columns = trainer.step, ("step", "seconds", "learning_rate", *TERMS)
    began = clock()
    with curve_rows(folder / "curve.csv", first, columns) as (note, before), closing(Watch(folder)) as watch:
        for batch in drawn_ahead(batches(chunks, trainer.config, seed=trainer.config.seed + trainer.step)):
            elapsed = clock() - began
            if trainer.step >= trainer.config.steps or elapsed >= seconds:
                break
            place = max(trainer.step, int(trainer.config.steps * elapsed / seconds) if seconds < math.inf else 0)
            rate = schedule(place) * min(1.0, (trainer.step - first + 1) / max(warm_steps, 1))
            terms = trainer.train_step(batch, rate)
            check_finite([sum(terms.values())])
            if trainer.step % CURVE_EVERY == 0:
                losses = (f"{terms[term]:.5f}" for term in TERMS)
                note([trainer.step, round(before + elapsed, 1), f"{rate:.3e}", *losses])
                watch.curve(trainer.step, {"learning_rate": rate, **terms})
            if trainer.step % trainer.config.epoch_steps == 0:
                epoch = trainer.step // trainer.config.epoch_steps
                watch.sheet(trainer.step, epoch, batch.perturbed, trainer.rebuilt(batch.perturbed))
            if trainer.step % save_every == 0:
                trainer.save(folder)
            progress(elapsed, terms)
    trainer.save(folder)
