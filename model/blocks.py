"""The residual blocks A, B and C of the paper's figures 6 and 8, for encoder and decoder.

A: three 3x3 convolutions beside a 1x1 convolution. B: three beside the identity. C: three of which the middle one
halves (encoder) or doubles (decoder) height and width, beside 1x1 and pooling, or bilinear upsampling and 1x1. After
each convolution batch norm and LeakyReLU(0.2); the last of a block is activated after the addition (`docs/paper.md`,
2 and 3).
"""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import layers

SLOPE = 0.2
"""Negative slope of every LeakyReLU."""


@keras.saving.register_keras_serializable("inspection")
class ResidualBlock(layers.Layer):
    """One block of a stage.

    Args:
        kind: `A`, `B` or `C`.
        inner: Channels of the first two convolutions.
        outer: Channels put out; a B block needs as many put in.
        decoder: Convolutions are transposed, and C doubles instead of halving.
        folded: No batch norm, biases instead, and stride-1 transposed convolutions as plain ones: what is exported.

    Shapes:
        (n, h, w, c) to (n, h', w', outer); h' is h, h / 2 (C in the encoder) or 2 h (C in the decoder).
    """

    def __init__(
        self,
        kind: Literal["A", "B", "C"],
        inner: int,
        outer: int,
        *,
        decoder: bool = False,
        folded: bool = False,
        **options: Any,
    ) -> None:
        if kind not in ("A", "B", "C"):
            raise ValueError(f"kind: expected A, B or C, got {kind!r}")
        super().__init__(**options)
        self.kind, self.inner, self.outer, self.decoder, self.folded = kind, inner, outer, decoder, folded
        stride = 2 if kind == "C" else 1
        self.convolutions = [
            self._convolution(inner, 3, 1), self._convolution(inner, 3, stride), self._convolution(outer, 3, 1)
        ]  # fmt: skip
        self.shortcut = None if kind == "B" else self._convolution(outer, 1, 1)
        count = 3 + (self.shortcut is not None)
        self.norms = [] if folded else [layers.BatchNormalization() for _ in range(count)]
        self.pool = layers.MaxPooling2D(2) if kind == "C" and not decoder else None
        self.grow = layers.UpSampling2D(2, interpolation="bilinear") if kind == "C" and decoder else None
        self.activate = layers.LeakyReLU(SLOPE)

    def _convolution(self, channels: int, size: int, stride: int) -> layers.Layer:
        transposed = self.decoder and not (self.folded and stride == 1)
        layer = layers.Conv2DTranspose if transposed else layers.Conv2D
        return layer(channels, size, strides=stride, padding="same", use_bias=self.folded)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build every part for its own input."""
        if self.kind == "B" and input_shape[-1] != self.outer:
            raise ValueError(f"a B block: expected {self.outer} channels, got {input_shape[-1]}")
        shape = tuple(input_shape)
        entry = shape
        for index, convolution in enumerate(self.convolutions):
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
            if self.norms:
                self.norms[index].build(shape)
        if self.shortcut is not None:
            grown = self.grow.compute_output_shape(entry) if self.grow is not None else entry
            self.shortcut.build(grown)
            if self.norms:
                self.norms[3].build(self.shortcut.compute_output_shape(grown))
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        """The block's output; `training` switches batch norm to the batch's own statistics."""
        path = x
        for index, convolution in enumerate(self.convolutions):
            path = convolution(path)
            if self.norms:
                path = self.norms[index](path, training=training)
            if index < 2:
                path = self.activate(path)
        side = x
        if self.grow is not None:
            side = self.grow(side)
        if self.shortcut is not None:
            side = self.shortcut(side)
            if self.norms:
                side = self.norms[3](side, training=training)
        if self.pool is not None:
            side = self.pool(side)
        return self.activate(path + side)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(n, h', w', outer)."""
        n, height, width, _ = input_shape
        if self.kind == "C" and height is not None and width is not None:
            height, width = (height * 2, width * 2) if self.decoder else (height // 2, width // 2)
        return n, height, width, self.outer

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "kind": self.kind, "inner": self.inner, "outer": self.outer,
            "decoder": self.decoder, "folded": self.folded,
        }  # fmt: skip


@keras.saving.register_keras_serializable("inspection")
class Fold(layers.Layer):
    """Fold space into channels by a factor, or unfold it (`factor` below -1). No weights, nothing lost.

    Args:
        factor: f, by which sides shrink; by as much as they grow where it is negative.
        rows: r, of what is folded: channels of a place that is a square of r x r others hold them row after row, and
            do so after it. Squares of 1 are pixels.

    Shapes:
        (n, h, w, c) to (n, h / f, w / f, c f^2), or back.
    """

    def __init__(self, factor: int, *, rows: int = 1, **options: Any) -> None:
        if abs(factor) < 2:
            raise ValueError(f"factor: expected 2 or more either way, got {factor}")
        super().__init__(**options)
        self.factor, self.rows = factor, rows

    def call(self, x: Any) -> Any:
        """Folded or unfolded."""
        ops = keras.ops
        _, height, width, channels = x.shape
        f, r = abs(self.factor), self.rows
        if self.factor > 0:
            x = ops.reshape(x, (-1, height // f, f, width // f, f, r, channels // r))
            x = ops.transpose(x, (0, 1, 3, 2, 5, 4, 6))
            return ops.reshape(x, (-1, height // f, width // f, f * f * channels))
        x = ops.reshape(x, (-1, height, width, f, r, f, channels // (f * f * r)))
        x = ops.transpose(x, (0, 1, 3, 2, 5, 4, 6))
        return ops.reshape(x, (-1, height * f, width * f, channels // (f * f)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(n, h / f, w / f, c f^2), or back."""
        n, height, width, channels = input_shape
        f = abs(self.factor)
        if height is None or width is None or channels is None:
            raise ValueError("Fold: expected a known height, width and number of channels")
        if self.factor > 0:
            return n, height // f, width // f, channels * f * f
        return n, height * f, width * f, channels // (f * f)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "factor": self.factor, "rows": self.rows}


def refolded(x: Any, rows: int, wanted: int, *, name: str) -> Any:
    """Squares of `rows` x `rows` pixels to a place, (n, h, w, rows^2), as squares of `wanted` x `wanted`."""
    if wanted == rows:
        return x
    if wanted > rows:
        return Fold(wanted // rows, rows=rows, name=name)(x)
    return Fold(-(rows // wanted), rows=wanted, name=name)(x)
