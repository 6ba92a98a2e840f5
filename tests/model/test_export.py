from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from model.blocks import Fold, ResidualBlock
from model.config import PRESETS, NetworkConfig
from model.export import fold_generator
from model.network import build_networks, build_rebuilder


def parts_of(model: keras.Model) -> list[keras.layers.Layer]:
    """Every layer of a model, those within its blocks among them."""
    return [part for layer in model.layers for part in (layer._flatten_layers() if layer.weights else [layer])]


@pytest.mark.parametrize(
    "config",
    [PRESETS[name].narrowed(by) for name, by in (("compact", 4), ("compact-dense", 4), ("gpu", 8), ("paper", 32))],
    ids=lambda config: config.name,
)
def test_folded_generator_is_the_same_function(config: NetworkConfig, pictures: Callable[..., np.ndarray]) -> None:
    """Whatever batch norm's statistics, gains and shifts, what has none rebuilds the same to 1e-5, in cells too."""
    networks = build_networks(config, seed=1)
    rng = np.random.default_rng(2)
    for model in (networks.encoder, networks.decoder):
        for layer in model.layers:
            for norm in layer.norms if isinstance(layer, ResidualBlock) else []:
                gamma, beta, mean, variance = norm.get_weights()
                norm.set_weights(
                    [
                        rng.uniform(0.5, 1.5, gamma.shape), rng.normal(0, 0.3, beta.shape),
                        rng.normal(0, 0.3, mean.shape), rng.uniform(0.5, 2.0, variance.shape),
                    ]
                )  # fmt: skip
    lean_encoder, lean_decoder = fold_generator(config, networks.encoder, networks.decoder)
    by_cells = build_rebuilder(*fold_generator(config, networks.encoder, networks.decoder, rows=4))
    images = pictures(1, seed=0)[..., None] / np.float32(255)
    before = np.asarray(build_rebuilder(networks.encoder, networks.decoder)(images, training=False))
    after = np.asarray(build_rebuilder(lean_encoder, lean_decoder)(images, training=False))
    assert np.ptp(before) > 1e-3
    np.testing.assert_allclose(after, before, atol=1e-5)
    np.testing.assert_allclose(by_cells(Fold(4)(images), training=False), Fold(4)(after), atol=1e-6)
    np.testing.assert_allclose(
        lean_encoder(images, training=False), networks.encoder(images, training=False), rtol=1e-3, atol=1e-4
    )


def test_nothing_is_left_to_fold(tiny: NetworkConfig) -> None:
    """No batch norm anywhere, and transposed convolutions only where they double."""
    networks = build_networks(tiny, seed=1)
    for model in fold_generator(tiny, networks.encoder, networks.decoder):
        parts = parts_of(model)
        assert not [part for part in parts if isinstance(part, keras.layers.BatchNormalization)]
        transposed = [part for part in parts if isinstance(part, keras.layers.Conv2DTranspose)]
        assert all(part.strides == (2, 2) for part in transposed)
    assert len(transposed) == len(tiny.outer)  # of the decoder, one a stage


def test_folding_leaves_the_trained_networks_alone(tiny: NetworkConfig) -> None:
    """Export reads weights and writes none."""
    networks = build_networks(tiny, seed=1)
    before = [weight.copy() for weight in networks.encoder.get_weights()]
    fold_generator(tiny, networks.encoder, networks.decoder)
    assert all((now == was).all() for now, was in zip(networks.encoder.get_weights(), before, strict=True))
