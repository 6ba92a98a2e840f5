"""The networks: encoder, decoder, the generator of both, the discriminator (the paper, sections 6.1.3 and 7.2)."""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers

from model.blocks import SLOPE, ResidualBlock, refolded
from model.config import PATCH_PX, NetworkConfig


@dataclass(frozen=True)
class Networks:
    """Everything that is trained.

    Attributes:
        encoder: (n, 256, 256, 1) in [0, 1] to the code z.
        decoder: z to (n, 256, 256, 1) in [0, 1].
        second_encoder: As the encoder, weights of its own; rebuilt image to its code.
        discriminator: (n, 256, 256, 1) to (logit (n, 1), last feature map F_C).
    """

    encoder: keras.Model
    decoder: keras.Model
    second_encoder: keras.Model
    discriminator: keras.Model


def build_networks(config: NetworkConfig, *, seed: int = 0) -> Networks:
    """All four networks with fresh weights; the same seed gives the same weights."""
    keras.utils.set_random_seed(seed)
    return Networks(
        encoder=build_encoder(config, "encoder"),
        decoder=build_decoder(config),
        second_encoder=build_encoder(config, "second_encoder"),
        discriminator=build_discriminator(config),
    )


def _image(rows: int) -> keras.KerasTensor:
    """In pixels, or in squares of `rows` x `rows` of them."""
    return keras.Input((PATCH_PX // rows, PATCH_PX // rows, rows * rows), name="image")


def _stem(config: NetworkConfig, image: keras.KerasTensor, channels: int, *, rows: int = 1) -> keras.KerasTensor:
    """Fold space into channels and mix; nothing is mixed where the network has no stem."""
    x = refolded(image, rows, config.stem, name="fold")  # (n, 256 / s, 256 / s, s^2)
    if config.stem == 1:
        return x
    return layers.LeakyReLU(SLOPE, name="stem_act")(layers.Conv2D(channels, 3, padding="same", name="stem")(x))


def _stages(
    x: keras.KerasTensor, inner: tuple[int, ...], outer: tuple[int, ...], *, decoder: bool, folded: bool
) -> keras.KerasTensor:
    for stage, (narrow, wide) in enumerate(zip(inner, outer, strict=True)):
        for kind in ("A", "B", "C"):
            x = ResidualBlock(kind, narrow, wide, decoder=decoder, folded=folded, name=f"stage{stage}_{kind}")(x)
    return x


def build_encoder(config: NetworkConfig, name: str, *, folded: bool = False, rows: int = 1) -> keras.Model:
    """G_E: stages of A, B, C, then the bottleneck's first half.

    Args:
        config: Sizes.
        name: Of the model.
        folded: No batch norm; see `model.blocks.ResidualBlock`.
        rows: r; above 1 an image comes in squares of r x r pixels, (n, 256 / r, 256 / r, r^2).

    Returns:
        (n, 256, 256, 1) to (n, 64) for the paper's dense bottleneck, or (n, 16, 16, code) for a convolutional one.
    """
    image = _image(rows)
    x = _stem(config, image, config.inner[0], rows=rows)
    x = _stages(x, config.inner, config.outer, decoder=False, folded=folded)  # (n, 16, 16, 1024) for `paper`
    if config.bottleneck == "dense":
        code = layers.Dense(config.code, name="code")(layers.Flatten(name="flatten")(x))
    else:
        code = layers.Conv2D(config.code, 1, name="code")(x)
    return keras.Model(image, code, name=name)


def build_decoder(config: NetworkConfig, *, folded: bool = False, rows: int = 1) -> keras.Model:
    """G_D: the bottleneck's second half, then the stages mirrored, a sigmoid at the end; see `build_encoder`."""
    side, wide = config.code_px, config.outer[-1]
    if config.bottleneck == "dense":
        code = keras.Input((config.code,), name="code")
        x = layers.Dense(side * side * wide, name="uncode")(code)
        x = layers.Reshape((side, side, wide), name="unflatten")(x)
    else:
        code = keras.Input((side, side, config.code), name="code")
        x = layers.Conv2D(wide, 1, name="uncode")(code)
    x = _stages(x, config.inner[::-1], config.outer[::-1], decoder=True, folded=folded)
    x = layers.Conv2D(config.stem**2, 3, padding="same", name="head")(x)
    x = refolded(x, config.stem, rows, name="unfold")
    return keras.Model(code, layers.Activation("sigmoid", name="image")(x), name="decoder")


def build_discriminator(config: NetworkConfig) -> keras.Model:
    """C: the encoder's architecture at half the outer widths, and a dense head on its last map."""
    half = tuple(max(width // 2, 1) for width in config.outer)
    inner = tuple(min(narrow, wide) for narrow, wide in zip(config.inner, half, strict=True))
    image = _image(1)
    features = _stages(_stem(config, image, inner[0]), inner, half, decoder=False, folded=False)
    logit = layers.Dense(1, name="logit")(layers.Flatten(name="flatten")(features))
    return keras.Model(image, [logit, features], name="discriminator")


def build_rebuilder(encoder: keras.Model, decoder: keras.Model) -> keras.Model:
    """G: image to rebuilt image, what inspection runs."""
    image = keras.Input(encoder.input.shape[1:], name="image")
    return keras.Model(image, decoder(encoder(image)), name="generator")
