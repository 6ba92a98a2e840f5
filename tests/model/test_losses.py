from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from model.config import NetworkConfig, TrainingConfig
from model.dataset import Batch
from model.losses import (
    adversarial_loss,
    contextual_loss,
    discriminator_loss,
    encoder_loss,
    huber_loss,
    noise_loss,
    ssim_loss,
    ssim_window,
)
from model.trainer import Trainer


def maps(*values: float) -> tf.Tensor:
    """float32 (1, 1, n, 1)."""
    return tf.constant(values, tf.float32)[None, None, :, None]


def flat(value: float) -> tf.Tensor:
    """A flat image, float32 (1, 16, 16, 1)."""
    return tf.fill((1, 16, 16, 1), tf.constant(value, tf.float32))


def test_adversarial_loss_by_hand() -> None:
    """Eq. 2: the mean of (1 - 3)^2 and (2 - 2)^2 is 2."""
    assert float(adversarial_loss(maps(1, 2), maps(3, 2))) == 2.0


def test_huber_loss_by_hand() -> None:
    """Errors of 1/2 and 2 give 1/8 and 2 - 1/2; their mean is 0.8125."""
    assert float(huber_loss(maps(0, 0), maps(0.5, -2))) == 0.8125


def test_ssim_loss_of_flat_images_by_hand() -> None:
    """Flat images differ in luminance alone: (2 a b + c1) / (a^2 + b^2 + c1); float32 holds four digits of it here."""
    expected = 1 - (2 * 0.5 * 0.25 + 1e-4) / (0.5**2 + 0.25**2 + 1e-4)
    assert float(ssim_loss(flat(0.5), flat(0.25))) == pytest.approx(expected, abs=1e-4)
    assert float(ssim_loss(flat(0.5), flat(0.5))) == pytest.approx(0, abs=1e-6)


def test_ssim_loss_is_tensorflows(pictures: Callable[..., np.ndarray]) -> None:
    """On textured images the loss is 1 - `tf.image.ssim` to 1e-5."""
    image = pictures(4, seed=1)[..., None] / np.float32(255)
    rebuilt = np.clip(image + np.random.default_rng(0).normal(0, 0.05, image.shape), 0, 1).astype(np.float32)
    reference = 1 - float(tf.reduce_mean(tf.image.ssim(image, rebuilt, 1.0)))
    assert float(ssim_loss(tf.constant(image), tf.constant(rebuilt))) == pytest.approx(reference, abs=1e-5)


def test_window_is_a_normalised_gaussian() -> None:
    """Eleven weights that sum to one and fall by exp(-1 / (2 sigma^2)) beside the middle."""
    window = ssim_window()
    assert window.shape == (11,)
    assert window.sum() == pytest.approx(1, abs=1e-6)
    assert window[4] / window[5] == pytest.approx(math.exp(-0.5 / 1.5**2), rel=1e-6)


def test_contextual_loss_weighs_its_parts() -> None:
    """Eq. 7 with w_a = 2 and w_b = 1, on flat images half and quarter bright."""
    ssim = 1 - (2 * 0.5 * 0.25 + 1e-4) / (0.5**2 + 0.25**2 + 1e-4)
    found = contextual_loss(flat(0.5), flat(0.25), w_huber=2.0, w_ssim=1.0)
    assert float(found) == pytest.approx(2 * 0.5 * 0.25**2 + ssim, abs=1e-4)


def test_encoder_loss_by_hand() -> None:
    """Eq. 4: the mean of |1 - 4| and |2 - 1| is 2."""
    assert float(encoder_loss(tf.constant([[1.0, 2.0]]), tf.constant([[4.0, 1.0]]))) == 2.0


def test_noise_loss_by_hand() -> None:
    """Eq. 6: ||.9 - .4| - .2| is .3, ||.5 - .5| - 0| is 0; their mean is .15."""
    assert float(noise_loss(maps(0.9, 0.5), maps(0.4, 0.5), maps(0.2, 0.0))) == pytest.approx(0.15)


def test_noise_loss_vanishes_at_perfect_reconstruction_in_one_reading_only() -> None:
    """A pixel of .2 blended half and half with noise of .8: `residual` is 0 there, eq. 6 as printed is |.3 - .8|."""
    image, noise = 0.2, 0.8
    perturbed = 0.5 * image + 0.5 * noise
    assert float(noise_loss(maps(perturbed), maps(image), maps(abs(perturbed - image)))) == pytest.approx(0, abs=1e-7)
    assert float(noise_loss(maps(perturbed), maps(image), maps(noise))) == pytest.approx(0.5)


def test_discriminator_loss_by_hand() -> None:
    """A real logit of ln 3 costs ln(4/3), a rebuilt one of 0 costs ln 2; the loss is their mean."""
    found = discriminator_loss(tf.constant([[math.log(3)]]), tf.constant([[0.0]]))
    assert float(found) == pytest.approx(0.5 * (math.log(4 / 3) + math.log(2)))


PARTS = ("encoder", "decoder", "second_encoder")
Gradients = dict[str, list[tf.Tensor | None]]
"""With respect to the weights of each part of the generator."""


@pytest.fixture(scope="module")
def gradients(tiny: NetworkConfig, batch: Batch) -> dict[str, Gradients]:
    """Of each term, and of the discriminator's cross-entropy, with respect to every weight of the generator."""
    trainer = Trainer.fresh(tiny, TrainingConfig(batch=2))
    image, perturbed, noise = (tf.constant(part) for part in (batch.image, batch.perturbed, batch.noise))
    weights = [variable.value for variable in trainer.generator_variables]
    with tf.GradientTape(persistent=True) as tape:
        code, rebuilt = trainer.generate(perturbed)
        terms = trainer.generator_losses(image, perturbed, noise, code, rebuilt)
        cross_entropy = trainer.discriminator_step(image, rebuilt)
    named = dict(zip(("total", "adversarial", "contextual", "encoder", "noise"), terms, strict=True))
    ends = np.cumsum([len(getattr(trainer.networks, part).trainable_variables) for part in PARTS])
    found = {}
    for name, loss in {**named, "cross-entropy": cross_entropy}.items():
        of_weights = tape.gradient(loss, weights)
        found[name] = dict(
            zip(PARTS, (of_weights[start:end] for start, end in itertools.pairwise([0, *ends])), strict=True)
        )
    return found


@pytest.mark.parametrize("term", ["total", "adversarial", "contextual", "encoder", "noise"])
def test_each_term_reaches_the_generator(term: str, gradients: dict[str, Gradients]) -> None:
    """Encoder and decoder are moved by every term of eq. 5, the adversarial one among them."""
    for part in ("encoder", "decoder"):
        assert all(gradient is not None for gradient in gradients[term][part])
        assert sum(float(tf.reduce_sum(tf.abs(gradient))) for gradient in gradients[term][part]) > 0


def test_second_encoder_learns_from_its_own_term_alone(gradients: dict[str, Gradients]) -> None:
    """Only eq. 4 knows the second encoder."""
    for term in ("adversarial", "contextual", "noise"):
        assert all(gradient is None for gradient in gradients[term]["second_encoder"])
    assert all(gradient is not None for gradient in gradients["encoder"]["second_encoder"])


def test_no_cross_entropy_reaches_the_generator(gradients: dict[str, Gradients]) -> None:
    """The discriminator judges a detached image: no weight of the generator knows its loss."""
    assert all(gradient is None for part in PARTS for gradient in gradients["cross-entropy"][part])
