"""Sizes of a network and settings of its training, as data; the presets have names."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

PATCH_PX = 256
CELL_PX = 4
"""Side of the cells that the marker marks."""

CELLS = PATCH_PX // CELL_PX
"""Along a side of a patch."""

MARKED = "marked"
"""Name of the score of all frames of a patch by the marker's cells, `model.scoring.mark_score`."""


@dataclass(frozen=True)
class NetworkConfig:
    """One parameterised network; the paper's is the preset `paper`.

    Attributes:
        name: As in `bundle.toml`.
        stem: Factor by which space is folded into channels before the first stage; 1 is the paper's (none).
        inner: Channels of the first two convolutions of each block, a stage each.
        outer: Channels that a stage puts out, a stage each.
        bottleneck: `dense` (DRAE) or `convolutional` (CRAE).
        code: Features of the dense bottleneck, or channels of the convolutional one.
    """

    name: str
    stem: int
    inner: tuple[int, ...]
    outer: tuple[int, ...]
    bottleneck: Literal["dense", "convolutional"]
    code: int

    def __post_init__(self) -> None:
        if self.stem not in (1, 2, 4, 8):
            raise ValueError(f"stem: expected 1, 2, 4 or 8, got {self.stem}")
        if len(self.inner) != len(self.outer) or not self.outer:
            raise ValueError(f"inner, outer: expected one width a stage, got {self.inner} and {self.outer}")
        if min(*self.inner, *self.outer) < 1:
            raise ValueError(f"inner, outer: expected widths >= 1, got {self.inner} and {self.outer}")
        if self.code_px < 1:
            raise ValueError(f"outer: expected stages that leave a pixel of {PATCH_PX}, got {len(self.outer)} of them")
        if self.bottleneck not in ("dense", "convolutional"):
            raise ValueError(f"bottleneck: expected dense or convolutional, got {self.bottleneck!r}")
        if self.code < 1:
            raise ValueError(f"code: expected >= 1, got {self.code}")

    @property
    def code_px(self) -> int:
        """Height and width of the last stage's map; 16 for the paper's."""
        side: int = PATCH_PX // self.stem // 2 ** len(self.outer)
        return side

    def narrowed(self, divisor: int) -> NetworkConfig:
        """The same topology with every width divided, for tests."""
        return NetworkConfig(
            f"{self.name}/{divisor}",
            self.stem,
            tuple(width // divisor for width in self.inner),
            tuple(width // divisor for width in self.outer),
            self.bottleneck,
            self.code,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for `bundle.toml`."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NetworkConfig:
        """The inverse of `as_dict`; `TypeError` or `ValueError` on anything else."""
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**plain)


PRESETS = {
    "paper": NetworkConfig("paper", 1, (128, 256, 512, 1024), (128, 256, 512, 1024), "dense", 64),
    "gpu": NetworkConfig("gpu", 2, (32, 64, 128), (64, 128, 256), "convolutional", 64),
    "compact": NetworkConfig("compact", 8, (32,), (64,), "convolutional", 48),
    "lean": NetworkConfig("lean", 8, (16,), (32,), "convolutional", 48),
    "compact-dense": NetworkConfig("compact-dense", 8, (32,), (64,), "dense", 64),
}
"""`paper` after the paper's section 7.2; `compact` fits two cores, its finer code keeps bubbles (`docs/paper.md`);
`lean` learns from it, for a third of the operations (`model/distiller.py`)."""


PLAIN: dict[str, Any] = {"perturbed": 0.0, "w_adversarial": 0.0, "w_encoder": 0.0, "w_noise": 0.0}
"""Of `TrainingConfig`: a plain autoencoder, which learns to rebuild what it sees and nothing else; for comparison."""


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained. Defaults are the paper's, as read in `docs/paper.md`.

    What a loss of weight 0 alone would need is neither computed nor trained.

    Attributes:
        batch: Patches a step.
        steps: Optimiser steps in all.
        epoch_steps: Steps called an epoch, since strips are streamed and never end.
        learning_rate: First maximum of the cosine decay.
        beta_1: Adam.
        beta_2: Adam.
        restart_factor: Share of the last maximum that a restart begins at.
        perturbed: q, the share of patches that are perturbed.
        rotation_rad: Augmentation turns by up to this much either way.
        mirrored: Share of patches mirrored left and right, where their region allows it.
        noise_loss: `residual` (zero at perfect reconstruction) or `eq6` (as printed).
        w_huber: w_a of eq. 7.
        w_ssim: w_b of eq. 7.
        w_adversarial: w_1 of eq. 5.
        w_contextual: w_2 of eq. 5.
        w_encoder: w_3 of eq. 5.
        w_noise: w_4 of eq. 6.
        seed: Of weights, augmentation and perturbation.
    """

    batch: int = 32
    steps: int = 100_000
    epoch_steps: int = 500
    learning_rate: float = 1.5e-4
    beta_1: float = 0.5
    beta_2: float = 0.999
    restart_factor: float = 1 / 3
    perturbed: float = 0.75
    rotation_rad: float = math.pi / 8
    mirrored: float = 0.5
    noise_loss: Literal["residual", "eq6"] = "residual"
    w_huber: float = 2.0
    w_ssim: float = 1.0
    w_adversarial: float = 1.0
    w_contextual: float = 50.0
    w_encoder: float = 1.0
    w_noise: float = 3.0
    seed: int = 1

    @property
    def plain(self) -> bool:
        """Whether this is a plain autoencoder's training; see `PLAIN`."""
        return all(getattr(self, name) == value for name, value in PLAIN.items())
