from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from model.blocks import Fold, ResidualBlock, refolded

EVERY_BLOCK = [(kind, decoder, folded) for kind in "ABC" for decoder in (False, True) for folded in (False, True)]
INPUT = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype(np.float32)


def model_of(kind: str, *, decoder: bool, folded: bool, seed: int) -> keras.Model:
    """A model that is one block, 4 channels to 4."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((8, 8, 4))
    return keras.Model(image, ResidualBlock(kind, 3, 4, decoder=decoder, folded=folded, name="block")(image))


@pytest.mark.parametrize(("kind", "decoder", "folded"), EVERY_BLOCK)
def test_shapes_said_are_shapes_made(kind: str, decoder: bool, folded: bool) -> None:
    """A and B keep height and width, C halves them in an encoder, doubles them in a decoder; as computed before."""
    model = model_of(kind, decoder=decoder, folded=folded, seed=0)
    side = {"C": 16 if decoder else 4}.get(kind, 8)
    assert model(INPUT).shape == (2, side, side, 4)
    assert model.layers[1].compute_output_shape((2, 8, 8, 4)) == (2, side, side, 4)


@pytest.mark.parametrize(("kind", "decoder", "folded"), EVERY_BLOCK)
def test_weights_come_back(kind: str, decoder: bool, folded: bool, tmp_path: Path) -> None:
    """Weights written by one block make another one with other weights compute the same."""
    one, other = (model_of(kind, decoder=decoder, folded=folded, seed=seed) for seed in (1, 2))
    for variable in one.non_trainable_variables:  # statistics of batch norm that are not those of a fresh one
        variable.assign(np.random.default_rng(3).uniform(0.5, 2, variable.shape))
    assert np.abs(one(INPUT) - other(INPUT)).max() > 0
    one.save_weights(tmp_path / "block.weights.h5")
    other.load_weights(tmp_path / "block.weights.h5")
    np.testing.assert_array_equal(one(INPUT), other(INPUT))


@pytest.mark.parametrize(("kind", "decoder", "folded"), EVERY_BLOCK)
def test_a_block_is_rebuilt_from_its_configuration(kind: str, decoder: bool, folded: bool) -> None:
    """Keras' own serialisation gives a block with the same constructor arguments."""
    block = ResidualBlock(kind, 3, 4, decoder=decoder, folded=folded, name="block")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(block))
    assert isinstance(again, ResidualBlock)
    assert again.get_config() == block.get_config()
    assert (again.kind, again.inner, again.outer, again.decoder, again.folded) == (kind, 3, 4, decoder, folded)


def test_a_whole_model_is_rebuilt_from_its_configuration() -> None:
    """A model of blocks and folds, from its configuration and its weights, computes the same."""
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, Fold(-2)(ResidualBlock("A", 3, 4)(Fold(2)(image))))
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(model(INPUT[..., :1]), again(INPUT[..., :1]))


@pytest.mark.parametrize("decoder", [False, True])
def test_b_adds_to_the_identity(decoder: bool) -> None:
    """With its convolutions at zero, B passes its input on through the last activation alone."""
    model = model_of("B", decoder=decoder, folded=True, seed=0)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    np.testing.assert_allclose(model(INPUT), np.where(INPUT > 0, INPUT, np.float32(0.2) * INPUT), rtol=1e-6)


@pytest.mark.parametrize("decoder", [False, True])
def test_a_adds_to_a_convolution_of_its_input(decoder: bool) -> None:
    """With its path at zero, A is the 1x1 convolution beside it, activated."""
    model = model_of("A", decoder=decoder, folded=True, seed=0)
    block = model.layers[1]
    for convolution in block.convolutions:
        convolution.set_weights([np.zeros_like(weight) for weight in convolution.get_weights()])
    kernel = block.shortcut.get_weights()[0][0, 0]
    side = INPUT @ kernel
    np.testing.assert_allclose(model(INPUT), np.where(side > 0, side, 0.2 * side), rtol=1e-5, atol=1e-6)


def test_c_pools_after_its_shortcut() -> None:
    """With its path at zero, an encoder's C is the 1x1 convolution, then the largest of each 2 x 2, activated."""
    model = model_of("C", decoder=False, folded=True, seed=0)
    block = model.layers[1]
    for convolution in block.convolutions:
        convolution.set_weights([np.zeros_like(weight) for weight in convolution.get_weights()])
    side = (INPUT @ block.shortcut.get_weights()[0][0, 0]).reshape(2, 4, 2, 4, 2, 4).max(axis=(2, 4))
    np.testing.assert_allclose(model(INPUT), np.where(side > 0, side, 0.2 * side), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("decoder", [False, True])
def test_b_refuses_other_channels(decoder: bool) -> None:
    """An identity needs as many channels in as out."""
    with pytest.raises(ValueError, match="a B block: expected 5 channels, got 4"):
        ResidualBlock("B", 3, 5, decoder=decoder).build((None, 8, 8, 4))


def test_there_are_three_kinds() -> None:
    """Another letter is no block."""
    with pytest.raises(ValueError, match="kind: expected A, B or C, got 'D'"):
        ResidualBlock("D", 3, 4)  # type: ignore[arg-type]


def test_statistics_move_in_training_alone() -> None:
    """Batch norm takes the batch's own statistics when told to, and remembers them."""
    model = model_of("A", decoder=False, folded=False, seed=0)
    before = [variable.numpy().copy() for variable in model.non_trainable_variables]
    model(INPUT, training=False)
    assert all((now.numpy() == was).all() for now, was in zip(model.non_trainable_variables, before, strict=True))
    model(INPUT, training=True)
    assert any((now.numpy() != was).any() for now, was in zip(model.non_trainable_variables, before, strict=True))


def test_folding_is_exact() -> None:
    """Space folded into channels holds each square of pixels in order, and unfolds to the same picture."""
    picture = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    folded = np.asarray(Fold(2)(picture))
    assert folded[0, 0, 0].tolist() == [0, 1, 4, 5]
    assert folded[0, 1, 1].tolist() == [10, 11, 14, 15]
    np.testing.assert_array_equal(Fold(-2)(folded), picture)
    assert Fold(2).compute_output_shape((None, 4, 4, 1)) == (None, 2, 2, 4)
    assert Fold(-2).compute_output_shape((None, 2, 2, 4)) == (None, 4, 4, 1)


@pytest.mark.parametrize(("rows", "wanted"), [(1, 8), (8, 1), (4, 8), (8, 4), (4, 2), (2, 4), (4, 4), (1, 1)])
def test_squares_of_one_size_become_squares_of_another(rows: int, wanted: int) -> None:
    """By whichever way they came: from squares to pixels and to other squares, or straight."""
    picture = np.random.default_rng(2).random((2, 16, 16, 1), np.float32)
    squares, others = (np.asarray(refolded(picture, 1, side, name="fold")) for side in (rows, wanted))
    np.testing.assert_array_equal(np.asarray(refolded(squares, rows, wanted, name="again")), others)
    assert others.shape == (2, 16 // wanted, 16 // wanted, wanted**2)


def test_folding_by_one_is_refused() -> None:
    """It would do nothing."""
    with pytest.raises(ValueError, match="factor: expected 2 or more either way, got 1"):
        Fold(1)
    with pytest.raises(ValueError, match="Fold: expected a known height"):
        Fold(2).compute_output_shape((None, None, 4, 1))
