"""What a network is made of and what it costs: shapes, arithmetic, parameters and bytes, counted from its own layers.

The networks are built and walked, so that what is described is what runs (`paper` takes a gigabyte for some seconds).
Convolutions and dense layers are counted, two operations a multiply-add; the rest is about a percent of them. How long
it takes is not said here: `benchmark.py` measures that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import keras
from keras import layers
from rich import box
from rich.table import Table

from model.blocks import ResidualBlock
from model.bundle import Bundle
from model.comparer import PLACES, build_comparer
from model.config import PATCH_PX, NetworkConfig
from model.examiner import EXAMINED, build_examiner
from model.marker import WIDTHS, build_marker, fold_marker
from model.network import build_decoder, build_discriminator, build_encoder

STRIP_PATCHES = 60
"""Patches of one strip: 3 frames, 5 vials, 4 regions (the paper's eq. 12)."""

BYTES_A_PARAMETER = 4
PAPER_TIMES_S = {"Table 1 (0.1689 ms a patch)": 60 * 0.1689e-3, "Table 2 (0.4873, read as seconds)": 0.4873}
A4500_PEAK_TFLOPS = 23.7
"""Float32 peak of the paper's RTX A4500, as its maker states it."""

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class LayerCost:
    """One layer with weights, or one residual block.

    Attributes:
        network: `encoder`, `decoder`, `discriminator`, `marker`, `examiner` or `comparer`.
        layer: Its name; a block's is `stage<number>_<kind>`.
        shape: What it puts out for one patch.
        flops: Operations a patch, two a multiply-add.
        parameters: As trained, statistics of batch norm among them.
        folded: As inspection runs it, batch norm taken into the convolutions.
    """

    network: str
    layer: str
    shape: tuple[int, ...]
    flops: int
    parameters: int
    folded: int


@dataclass(frozen=True)
class Description:
    """A generator layer by layer, and what only its training needs.

    Attributes:
        network: Its sizes.
        layers: Of encoder and decoder, in the order they run.
        training_only: Parameters of the second encoder and of the discriminator.
    """

    network: NetworkConfig
    layers: tuple[LayerCost, ...]
    training_only: dict[str, int]

    @property
    def flops(self) -> int:
        """Operations a patch."""
        return sum(layer.flops for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Of encoder and decoder, as trained."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def folded(self) -> int:
        """Of encoder and decoder, as inspection runs them."""
        return sum(layer.folded for layer in self.layers)

    @property
    def remarks(self) -> list[str]:
        """What a reader of these figures must be told."""
        if self.network.name != "paper":
            return []
        strip = STRIP_PATCHES * self.flops / 1e12
        needs = " and ".join(f"{strip / time:,.0f} TFLOP/s for {where}" for where, time in PAPER_TIMES_S.items())
        return [
            f"At full width a strip takes {strip:.0f} TFLOP, which fits neither timing of the paper: "
            f"it would need {needs}; the paper's RTX A4500 reaches at most {A4500_PEAK_TFLOPS:g} in float32."
        ]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "network": self.network.as_dict(),
            "layers": [{**asdict(layer), "shape": list(layer.shape)} for layer in self.layers],
            "flops": {"patch": self.flops, "strip": STRIP_PATCHES * self.flops, "strip_patches": STRIP_PATCHES},
            "parameters": {"trained": self.parameters, "folded": self.folded, **self.training_only},
            "bytes": {
                "trained": BYTES_A_PARAMETER * self.parameters,
                "folded": BYTES_A_PARAMETER * self.folded,
                **{name: BYTES_A_PARAMETER * count for name, count in self.training_only.items()},
            },
            "remarks": self.remarks,
        }


@dataclass(frozen=True)
class BehindDescription:
    """A network behind the generator, layer by layer.

    Attributes:
        name: `marker`, `examiner` or `comparer`.
        sees: What it sees in one call, in words.
        frames: Of an acquisition.
        calls: A strip.
        layers: As inspection runs them and in that order; operations are a call's.
        parameters: As trained.
    """

    name: str
    sees: str
    frames: int
    calls: int
    layers: tuple[LayerCost, ...]
    parameters: int

    @property
    def flops(self) -> int:
        """Operations a strip."""
        return self.calls * sum(layer.flops for layer in self.layers)

    @property
    def folded(self) -> int:
        """As inspection runs it."""
        return sum(layer.folded for layer in self.layers)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "frames": self.frames,
            "layers": [{**asdict(layer), "shape": list(layer.shape)} for layer in self.layers],
            "flops": {"strip": self.flops, "strip_patches": STRIP_PATCHES},
            "parameters": {"trained": self.parameters, "folded": self.folded},
            "bytes": {"trained": BYTES_A_PARAMETER * self.parameters, "folded": BYTES_A_PARAMETER * self.folded},
        }

    def sentence(self) -> str:
        """What stands below the generator's table."""
        told = (
            f"The {self.name} sees {self.sees}: {self.flops / 1e9:,.2f} GFLOP a strip, "
            f"{self.parameters:,} parameters, {BYTES_A_PARAMETER * self.parameters:,} bytes"
        )
        if self.folded == self.parameters:
            return f"{told}."
        return f"{told}; batch norm folded {self.folded:,} and {BYTES_A_PARAMETER * self.folded:,}."


def describe_marker(frames: int) -> BehindDescription:
    """Build the marker, count it as it runs, and let it go."""
    marker = build_marker(frames)
    folded = fold_marker(marker)
    costs = tuple(
        replace(layer, network="marker", flops=layer.flops * (frames if part is folded.alone else 1))
        for part in folded.parts
        for layer in layer_costs(part)
    )
    sees, calls = f"{frames} frames together", STRIP_PATCHES // frames
    return BehindDescription("marker", sees, frames, calls, costs, marker.count_params())


def describe_examiner(frames: int, regions: int) -> BehindDescription:
    """Build the examiner, count it, and let it go."""
    examiner = build_examiner(frames, regions, WIDTHS[0])
    sees, costs = f"{EXAMINED} places of a strip closely", tuple(layer_costs(examiner))
    return BehindDescription("examiner", sees, frames, EXAMINED, costs, examiner.count_params())


def describe_comparer(frames: int, regions: int) -> BehindDescription:
    """Build the comparer, count it, and let it go."""
    comparer = build_comparer(frames)
    sees, costs = f"{PLACES} places of each vial beside another's", tuple(layer_costs(comparer))
    calls = PLACES * (STRIP_PATCHES // frames // regions)
    return BehindDescription("comparer", sees, frames, calls, costs, comparer.count_params())


def describe_behind(bundle: Bundle) -> list[BehindDescription]:
    """What a bundle has behind its generator."""
    marker = bundle.marker
    if marker is None:
        return []
    examiner = [] if marker.examiner is None else [describe_examiner(marker.frames, marker.regions)]
    comparer = [] if marker.comparer is None else [describe_comparer(marker.frames, marker.comparer.regions)]
    return [describe_marker(marker.frames), *examiner, *comparer]


def describe(config: NetworkConfig) -> Description:
    """Build a network, count it, and let it go."""
    encoder = layer_costs(build_encoder(config, "encoder"))
    decoder = layer_costs(build_decoder(config))
    training_only = {
        "second_encoder": sum(layer.parameters for layer in encoder),  # the same architecture, weights of its own
        "discriminator": build_discriminator(config).count_params(),
    }
    return Description(config, (*encoder, *decoder), training_only)


def layer_costs(model: keras.Model) -> list[LayerCost]:
    """Every block and every layer with weights of a model whose input shape is known."""
    costs = []
    for layer in model.layers:
        if not layer.weights:
            continue
        parts = list(_parts(layer, tuple(layer.input.shape)))
        flops = sum(_flops(part, shape) for part, shape in parts)
        normed = sum(part.filters for part, _ in parts) if getattr(layer, "norms", None) else 0
        # Batch norm has four numbers a channel; folded, a bias is left.
        parameters = layer.count_params()
        shape = tuple(int(side) for side in layer.output.shape[1:])
        costs.append(LayerCost(model.name, layer.name, shape, flops, parameters, parameters - 3 * normed))
    return costs


def _parts(layer: keras.layers.Layer, shape: Shape) -> Iterator[tuple[Any, Shape]]:
    """Convolutions and dense layers within a layer, each with the shape put in."""
    if not isinstance(layer, ResidualBlock):
        yield layer, shape
        return
    entry = shape
    for convolution in layer.convolutions:
        yield convolution, shape
        shape = convolution.compute_output_shape(shape)
    if layer.shortcut is not None:
        yield layer.shortcut, entry if layer.grow is None else layer.grow.compute_output_shape(entry)


def _flops(layer: Any, shape: Shape) -> int:
    """Operations a patch of one layer; a transposed convolution multiplies once for each pixel put in, not out."""
    if isinstance(layer, layers.Dense):
        return 2 * int(shape[-1] or 0) * int(layer.units)
    if isinstance(layer, layers.BatchNormalization):
        return 2 * int(math.prod(side or 1 for side in shape[1:]))
    if not isinstance(layer, layers.Conv2D | layers.Conv2DTranspose):
        raise TypeError(f"{layer.name}: expected a convolution or a dense layer, got {type(layer).__name__}")
    pixels = shape if isinstance(layer, layers.Conv2DTranspose) else layer.compute_output_shape(shape)
    return 2 * int(math.prod((*pixels[1:3], *layer.kernel_size, shape[-1], layer.filters)))


def table(description: Description) -> Table:
    """For the terminal: layers by stage, the sums at the end."""
    shown = Table(
        title=f"{description.network.name}: a patch is {PATCH_PX} x {PATCH_PX} x 1, a strip {STRIP_PATCHES} of them",
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_footer=True,
    )  # fmt: skip
    flops, parameters = description.flops, description.parameters
    shown.add_column("layer", footer="generator", no_wrap=True)
    for name, footer in (
        ("puts out", ""),
        ("GFLOP\na patch", f"{flops / 1e9:,.4f}"),
        ("GFLOP\na strip", f"{STRIP_PATCHES * flops / 1e9:,.2f}"),
        ("parameters", f"{parameters:,}"),
        ("bytes", f"{BYTES_A_PARAMETER * parameters:,}"),
    ):
        shown.add_column(name, footer=footer, justify="right", no_wrap=True)
    network = ""
    for layer in description.layers:
        if layer.network != network:
            network = layer.network
            shown.add_section()
            shown.add_row(network)
        shown.add_row(
            f"  {layer.layer}",
            " x ".join(map(str, layer.shape)),
            f"{layer.flops / 1e9:,.4f}",
            f"{STRIP_PATCHES * layer.flops / 1e9:,.2f}",
            f"{layer.parameters:,}",
            f"{BYTES_A_PARAMETER * layer.parameters:,}",
        )
    return shown


def sentences(description: Description) -> list[str]:
    """What stands below the table."""
    only = description.training_only
    return [
        f"As inspection runs it, batch norm folded: {description.folded:,} parameters, "
        f"{BYTES_A_PARAMETER * description.folded:,} bytes.",
        f"For training alone: second encoder {only['second_encoder']:,} parameters, "
        f"discriminator {only['discriminator']:,}.",
        *description.remarks,
    ]
