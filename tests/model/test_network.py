from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from model.blocks import ResidualBlock
from model.config import PRESETS, NetworkConfig, TrainingConfig
from model.dataset import Batch
from model.describe import Description, layer_costs
from model.network import build_decoder, build_discriminator, build_encoder, build_networks, build_rebuilder
from model.trainer import TERMS, Trainer


@pytest.fixture(scope="module")
def paper() -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder at the paper's full width: a gigabyte, some seconds."""
    return build_encoder(PRESETS["paper"], "encoder"), build_decoder(PRESETS["paper"])


def shapes(model: keras.Model) -> dict[str, tuple[int, ...]]:
    """What each residual block of a model puts out."""
    return {layer.name: layer.output.shape[1:] for layer in model.layers if isinstance(layer, ResidualBlock)}


def test_paper_encoder_has_the_papers_shapes(paper: tuple[keras.Model, keras.Model]) -> None:
    """Four stages of A, B, C from 256 x 256 to 16 x 16 x 1024, then a dense code of 64 (section 7.2)."""
    encoder, _ = paper
    assert encoder.input_shape == (None, 256, 256, 1)
    assert list(shapes(encoder).items()) == [
        ("stage0_A", (256, 256, 128)), ("stage0_B", (256, 256, 128)), ("stage0_C", (128, 128, 128)),
        ("stage1_A", (128, 128, 256)), ("stage1_B", (128, 128, 256)), ("stage1_C", (64, 64, 256)),
        ("stage2_A", (64, 64, 512)), ("stage2_B", (64, 64, 512)), ("stage2_C", (32, 32, 512)),
        ("stage3_A", (32, 32, 1024)), ("stage3_B", (32, 32, 1024)), ("stage3_C", (16, 16, 1024)),
    ]  # fmt: skip
    assert encoder.get_layer("code").kernel.shape == (16 * 16 * 1024, 64)
    assert encoder.output_shape == (None, 64)


def test_paper_decoder_mirrors_the_encoder(paper: tuple[keras.Model, keras.Model]) -> None:
    """From 64 back through 16 x 16 x 1024 to 256 x 256 x 1 by transposed convolutions, a sigmoid at the end."""
    _, decoder = paper
    assert decoder.input_shape == (None, 64)
    assert decoder.get_layer("unflatten").output.shape == (None, 16, 16, 1024)
    assert list(shapes(decoder).items()) == [
        ("stage0_A", (16, 16, 1024)), ("stage0_B", (16, 16, 1024)), ("stage0_C", (32, 32, 1024)),
        ("stage1_A", (32, 32, 512)), ("stage1_B", (32, 32, 512)), ("stage1_C", (64, 64, 512)),
        ("stage2_A", (64, 64, 256)), ("stage2_B", (64, 64, 256)), ("stage2_C", (128, 128, 256)),
        ("stage3_A", (128, 128, 128)), ("stage3_B", (128, 128, 128)), ("stage3_C", (256, 256, 128)),
    ]  # fmt: skip
    assert all(
        isinstance(convolution, keras.layers.Conv2DTranspose)
        for layer in decoder.layers
        if isinstance(layer, ResidualBlock)
        for convolution in layer.convolutions
    )
    assert decoder.output_shape == (None, 256, 256, 1)
    assert decoder.layers[-1].activation is keras.activations.sigmoid


def test_papers_cost_is_said_to_fit_neither_of_its_timings(paper: tuple[keras.Model, keras.Model]) -> None:
    """Whoever reads what the preset `paper` costs is told that no machine of the paper could do it in its times."""
    layers = tuple(cost for part in paper for cost in layer_costs(part))
    (remark,) = Description(PRESETS["paper"], layers, {}).remarks
    assert remark.startswith("At full width a strip takes 48 TFLOP, which fits neither timing of the paper")
    assert Description(PRESETS["compact"], layers, {}).remarks == []


@pytest.mark.parametrize("preset", ["gpu", "compact", "compact-dense"])
def test_presets_end_where_they_began(preset: str) -> None:
    """Every preset takes a patch and gives a patch, through a code of its own."""
    config = PRESETS[preset]
    encoder, decoder = build_encoder(config, "encoder"), build_decoder(config)
    code = (config.code,) if config.bottleneck == "dense" else (16, 16, config.code)
    assert encoder.output_shape == decoder.input_shape == (None, *code)
    assert build_rebuilder(encoder, decoder).output_shape == (None, 256, 256, 1)


def test_discriminator_has_half_the_width_and_one_logit() -> None:
    """The encoder's architecture at half its outer widths; its last map comes out beside the logit."""
    discriminator = build_discriminator(PRESETS["paper"].narrowed(16))
    assert shapes(discriminator)["stage3_C"] == (16, 16, 32)
    assert discriminator.output_shape == [(None, 1), (None, 16, 16, 32)]


def test_same_seed_same_weights(tiny: NetworkConfig) -> None:
    """The four networks are a function of configuration and seed, and the two encoders differ."""
    one, same = (build_networks(tiny, seed=3) for _ in range(2))
    for part in ("encoder", "decoder", "second_encoder", "discriminator"):
        pairs = zip(getattr(one, part).get_weights(), getattr(same, part).get_weights(), strict=True)
        assert all((a == b).all() for a, b in pairs)
    kernel = one.encoder.get_layer("stem").get_weights()[0]
    keras.utils.set_random_seed(4)
    assert (kernel != build_encoder(tiny, "encoder").get_layer("stem").get_weights()[0]).any()
    assert (kernel != one.second_encoder.get_layer("stem").get_weights()[0]).any()


def test_rebuilt_patches_are_images(tiny: NetworkConfig, pictures: Callable[..., np.ndarray]) -> None:
    """Whatever goes in, what comes out lies between 0 and 1."""
    networks = build_networks(tiny, seed=0)
    images = pictures(2, seed=1)[..., None] / np.float32(255)
    rebuilt = np.asarray(build_rebuilder(networks.encoder, networks.decoder)(images))
    assert rebuilt.shape == (2, 256, 256, 1)
    assert 0 <= rebuilt.min() < rebuilt.max() <= 1


def one_step(config: NetworkConfig, batch: Batch) -> dict[str, float]:
    """The terms of one training step with the first patch of a batch, not compiled."""
    first = Batch(batch.image[:1], batch.perturbed[:1], batch.noise[:1])
    trainer = Trainer.fresh(config, TrainingConfig(batch=1))
    before = [variable.numpy().copy() for variable in trainer.generator_variables]
    tf.config.run_functions_eagerly(True)
    try:
        terms = trainer.train_step(first, 1e-4)
    finally:
        tf.config.run_functions_eagerly(False)
    moved = [(now.numpy() != was).any() for now, was in zip(trainer.generator_variables, before, strict=True)]
    assert np.mean(moved) > 0.9
    return terms


def test_papers_topology_takes_a_training_step(batch: Batch) -> None:
    """At a sixteenth of its width, all four networks and all terms."""
    terms = one_step(PRESETS["paper"].narrowed(16), batch)
    assert tuple(terms) == TERMS
    assert np.isfinite(list(terms.values())).all()


@pytest.mark.slow
def test_paper_takes_a_training_step_at_full_width(batch: Batch) -> None:
    """One patch through one step of the whole network of the paper, where there is memory for it."""
    if free_gib() < 28:
        # A step short of memory does not fail, it takes the machine down with it.
        pytest.skip(f"expected 28 GiB of free memory, got {free_gib():.0f}")  # weights, two moments and activations
    assert np.isfinite(list(one_step(PRESETS["paper"], batch).values())).all()


def free_gib() -> float:
    """Memory that is free now, 0 where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return int(dict(line.split(":") for line in lines)["MemAvailable"].split()[0]) / 2**20
