from __future__ import annotations

from typing import Any

import pytest

from model.config import PRESETS, NetworkConfig

SMALL: dict[str, Any] = {
    "name": "small", "stem": 8, "inner": (2,), "outer": (4,), "bottleneck": "dense", "code": 3
}  # fmt: skip


@pytest.mark.parametrize("config", [*PRESETS.values(), PRESETS["paper"].narrowed(16)], ids=lambda config: config.name)
def test_a_configuration_survives_being_written_down(config: NetworkConfig) -> None:
    """Plain values out and back in give the same configuration."""
    assert NetworkConfig.from_dict(config.as_dict()) == config


def test_narrowing_keeps_the_topology() -> None:
    """Every width is divided; stages, stem and bottleneck stay."""
    assert PRESETS["paper"].narrowed(16) == NetworkConfig("paper/16", 1, (8, 16, 32, 64), (8, 16, 32, 64), "dense", 64)


@pytest.mark.parametrize(("preset", "side"), [("paper", 16), ("gpu", 16), ("compact", 16), ("compact-dense", 16)])
def test_code_is_as_fine_as_the_papers(preset: str, side: int) -> None:
    """The last stage of every preset puts out a 16 x 16 map."""
    assert PRESETS[preset].code_px == side


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stem": 3}, "stem: expected 1, 2, 4 or 8, got 3"),
        ({"inner": (2, 2)}, r"inner, outer: expected one width a stage, got \(2, 2\) and \(4,\)"),
        ({"inner": (), "outer": ()}, r"inner, outer: expected one width a stage, got \(\) and \(\)"),
        ({"outer": (0,)}, r"inner, outer: expected widths >= 1, got \(2,\) and \(0,\)"),
        ({"inner": (2,) * 6, "outer": (4,) * 6}, "outer: expected stages that leave a pixel of 256, got 6 of them"),
        ({"bottleneck": "wide"}, "bottleneck: expected dense or convolutional, got 'wide'"),
        ({"code": 0}, "code: expected >= 1, got 0"),
    ],
)
def test_sizes_that_make_no_network_are_refused(change: dict[str, Any], message: str) -> None:
    """One sentence with the rule and the value, before anything is built."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        NetworkConfig(**{**SMALL, **change})


def test_a_key_that_no_network_has_is_refused() -> None:
    """What stands in a file must be a configuration and nothing else."""
    with pytest.raises(TypeError, match="depth"):
        NetworkConfig.from_dict({**SMALL, "depth": 4})
