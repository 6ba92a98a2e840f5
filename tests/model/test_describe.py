from __future__ import annotations

import json

import keras
import pytest

from model.comparer import build_comparer
from model.config import CELL_PX, PRESETS, NetworkConfig
from model.describe import (
    LayerCost,
    describe,
    describe_comparer,
    describe_examiner,
    describe_marker,
    layer_costs,
    sentences,
    table,
)
from model.examiner import build_examiner
from model.export import fold_generator
from model.marker import EACH, WIDTHS, build_marker, fold_marker
from model.network import build_decoder, build_encoder, build_networks

SMALL = NetworkConfig("small", 8, (2,), (4,), "dense", 3)


def test_a_small_network_by_hand() -> None:
    """Two operations a multiply-add, pixels x kernel x channels in x channels out, every one multiplied out here.

    A transposed convolution that doubles multiplies once for each pixel put in; the decoder's shortcut comes after its
    upsampling, the encoder's before its pooling. Batch norm has four numbers a channel, and folded a bias.
    """
    stem, head = 2 * 32 * 32 * 9 * 64 * 2, 2 * 32 * 32 * 9 * 4 * 64
    fine, coarse = 2 * 32 * 32, 2 * 16 * 16
    assert describe(SMALL).layers == (
        LayerCost("encoder", "stem", (32, 32, 2), stem, 9 * 64 * 2 + 2, 9 * 64 * 2 + 2),
        LayerCost("encoder", "stage0_A", (32, 32, 4), fine * (9 * (4 + 4 + 8) + 8), 152 + 4 * 12, 152 + 12),
        LayerCost("encoder", "stage0_B", (32, 32, 4), fine * 9 * (8 + 4 + 8), 180 + 4 * 8, 180 + 8),
        LayerCost(
            "encoder", "stage0_C", (16, 16, 4), fine * (9 * 8 + 16) + coarse * 9 * (4 + 8), 196 + 4 * 12, 196 + 12
        ),
        LayerCost("encoder", "code", (3,), 2 * 16 * 16 * 4 * 3, 3 * 1024 + 3, 3 * 1024 + 3),
        LayerCost("decoder", "uncode", (1024,), 2 * 3 * 1024, 3 * 1024 + 1024, 3 * 1024 + 1024),
        LayerCost("decoder", "stage0_A", (16, 16, 4), coarse * (9 * (8 + 4 + 8) + 16), 196 + 4 * 12, 196 + 12),
        LayerCost("decoder", "stage0_B", (16, 16, 4), coarse * 9 * (8 + 4 + 8), 180 + 4 * 8, 180 + 8),
        LayerCost(
            "decoder", "stage0_C", (32, 32, 4), coarse * 9 * (8 + 4) + fine * (9 * 8 + 16), 196 + 4 * 12, 196 + 12
        ),
        LayerCost("decoder", "head", (32, 32, 64), head, 9 * 4 * 64 + 64, 9 * 4 * 64 + 64),
    )


@pytest.mark.parametrize(
    "config", [PRESETS["gpu"], PRESETS["compact-dense"], PRESETS["paper"].narrowed(16)], ids=lambda c: c.name
)
def test_no_parameter_is_forgotten(config: NetworkConfig) -> None:
    """The sums are those that Keras counts, as trained and folded."""
    found = describe(config)
    networks = build_networks(config)
    assert found.parameters == networks.encoder.count_params() + networks.decoder.count_params()
    lean = fold_generator(config, networks.encoder, networks.decoder)
    assert found.folded == sum(model.count_params() for model in lean)
    assert found.training_only == {
        "second_encoder": networks.second_encoder.count_params(),
        "discriminator": networks.discriminator.count_params(),
    }


def test_folding_changes_no_operation() -> None:
    """A stride-1 transposed convolution and the plain one it becomes multiply as often."""
    for build in (
        lambda folded: build_encoder(SMALL, "encoder", folded=folded),
        lambda f: build_decoder(SMALL, folded=f),
    ):
        plain, folded = (layer_costs(build(flag)) for flag in (False, True))
        assert [cost.flops for cost in plain] == [cost.flops for cost in folded]
        assert [cost.folded for cost in plain] == [cost.parameters for cost in folded]


def test_a_layer_that_cannot_be_counted_is_refused() -> None:
    """Better no figure than one that leaves something out."""
    image = keras.Input((8, 8, 2))
    model = keras.Model(image, keras.layers.DepthwiseConv2D(3, name="depthwise")(image))
    with pytest.raises(TypeError, match="depthwise: expected a convolution or a dense layer, got DepthwiseConv2D"):
        layer_costs(model)


def test_figures_are_plain_values() -> None:
    """For `--json`: patch and strip, trained and folded, in operations, parameters and bytes."""
    found = describe(SMALL)
    told = json.loads(json.dumps(found.as_dict()))
    assert told["flops"] == {"patch": found.flops, "strip": 60 * found.flops, "strip_patches": 60}
    assert told["bytes"]["folded"] == 4 * found.folded
    assert told["layers"][0]["shape"] == [32, 32, 2]
    assert told["network"] == SMALL.as_dict()
    assert told["remarks"] == []


def test_table_has_a_row_a_layer() -> None:
    """Beneath a row for each network; what the table leaves out stands below it."""
    found = describe(SMALL)
    assert table(found).row_count == len(found.layers) + 2
    assert sentences(found)[0] == (
        f"As inspection runs it, batch norm folded: {found.folded:,} parameters, {4 * found.folded:,} bytes."
    )


def test_the_marker_is_counted_as_it_runs() -> None:
    """What sees each frame alone runs once a frame; all parameters are there, and batch norm is folded in."""
    found = describe_marker(3)
    trained = build_marker(3)
    lean = sum(part.count_params() for part in fold_marker(trained).parts)
    assert (found.parameters, found.folded) == (trained.count_params(), lean)
    assert {layer.network for layer in found.layers} == {"marker"}
    flops = {layer.layer: layer.flops for layer in found.layers}
    assert flops["each_1"] == 3 * 2 * 64 * 64 * 9 * (2 * CELL_PX**2) * EACH
    assert flops["fine_up_coarse"] == 2 * 32 * 32 * 16 * WIDTHS[1] * WIDTHS[0]
    assert flops["fine_up_fine"] == 2 * 64 * 64 * 9 * WIDTHS[0] * WIDTHS[0]
    assert flops["fine_before"] == 2 * flops["fine_last"] == 2 * 64 * 64 * 9 * (2 * EACH) * WIDTHS[0]
    assert found.flops == 20 * sum(flops.values())
    told = json.loads(json.dumps(found.as_dict()))
    assert told["bytes"] == {"trained": 4 * found.parameters, "folded": 4 * found.folded}
    assert found.sentence().startswith("The marker sees 3 frames together: ")


def test_the_examiner_is_counted_as_it_runs() -> None:
    """Twelve places of a strip, every layer once; it has no batch norm to fold."""
    found = describe_examiner(3, 4)
    examiner = build_examiner(3, 4, WIDTHS[0])
    assert found.parameters == found.folded == examiner.count_params()
    flops = {layer.layer: layer.flops for layer in found.layers}
    assert flops["detail_1"] == 2 * 32 * 32 * 9 * 24 * 32
    assert flops["change"] == 2 * 64
    assert found.flops == 12 * sum(flops.values())
    assert found.sentence().startswith("The examiner sees 12 places of a strip closely: ")


def test_the_comparer_is_counted_as_it_runs() -> None:
    """Twenty places of each of five vials, every layer once, batch norm as it stands."""
    found = describe_comparer(3, 4)
    assert found.parameters == build_comparer(3).count_params()
    flops = {layer.layer: layer.flops for layer in found.layers}
    assert flops["look_1"] == 2 * 40 * 40 * 9 * 7 * 16
    assert flops["look_1_norm"] == 2 * 40 * 40 * 16
    assert flops["say"] == 2 * 48
    assert found.flops == 5 * 20 * sum(flops.values())
    assert found.sentence().startswith("The comparer sees 20 places of each vial beside another's: ")
