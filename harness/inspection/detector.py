"""The seam: what a detector is given and what it gives back. Any inspector can be qualified behind it.

The detectors that stand here cost no pixels and serve the tests and the replays; the trained network is in
`network.py` beside this file, classical inspectors in `classical.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.geometry import Geometry

Patches = NDArray[np.uint8]
"""uint8 (frame, vial, region, 256, 256)."""

Scores = NDArray[np.float32]
"""float32 (frame, vial, region); higher is worse; NaN is a failure and rejects."""


def inspection_key(product: str, run: int) -> str:
    """Name of an acquisition that tells a detector nothing of the truth.

    >>> inspection_key("D001", 3) == inspection_key("D001", 3) != inspection_key("D001", 4)
    True
    """
    return hashlib.sha256(f"{product}\x00{run}".encode()).hexdigest()[:16]


def measured_with(name: str, digest: str) -> str:
    """A detector by name (which says its score and backend) and digest, as a tape of times carries it.

    >>> measured_with("compact (tensorflow, ssim)", "61e3ac1a0954a160c1006d4e")
    'compact (tensorflow, ssim) 61e3ac1a0954a160'
    """
    return f"{name} {digest[:16]}"


class Inspection:
    """One acquisition as a detector sees it. Frames are drawn or read only when looked at."""

    def __init__(self, key: str, geometry: Geometry, draw: Callable[[], NDArray[np.uint8]]) -> None:
        self.key = key
        self.geometry = geometry
        self._draw = draw

    @cached_property
    def frames(self) -> NDArray[np.uint8]:
        """uint8 (frames, height, width)."""
        return self._draw()

    @classmethod
    def of_frames(cls, geometry: Geometry, frames: NDArray[np.uint8]) -> Inspection:
        """An acquisition that has been drawn or read already, without a key."""
        return cls("", geometry, lambda: frames)

    def acquired(self) -> NDArray[np.uint8]:
        """The frames, drawn or read now if they were not before."""
        return self.frames

    @cached_property
    def patches(self) -> Patches:
        """uint8 (frame, vial, region, 256, 256)."""
        return self.geometry.crop(self.frames)


@dataclass(frozen=True)
class Explanation:
    """Why a detector scored as it did.

    Attributes:
        residual: float32 (frame, vial, region, 256, 256), 0 where the image is as expected.
        rebuilt: float32 of the same shape in [0, 1], or None where the detector rebuilds nothing.
        marks: float32 of the same shape, how sure the detector is that a pixel is not product, 0-1, or None where it
            judges by the residual alone.
    """

    residual: NDArray[np.float32]
    rebuilt: NDArray[np.float32] | None
    marks: NDArray[np.float32] | None = None

    @property
    def heat(self) -> NDArray[np.float32]:
        """What the score was taken from: marks where there are any, else the residual."""
        return self.residual if self.marks is None else self.marks


class Detector(Protocol):
    """An inspector under qualification.

    Attributes:
        name: As it stands in the report.
        digest: Hex SHA-256 of everything that decides a score; 16 digits of it are kept everywhere.
        joint: True when the frames of a vial share one score (it is then repeated over the frames).
        stages_us: Microseconds of the stages of the last inspection (`ahead`, what needs no last frame; `crop`,
            `network`, `score`); may be empty.
    """

    name: str
    digest: str
    joint: bool
    stages_us: Mapping[str, int]

    def score(self, inspection: Inspection) -> Scores:
        """Scores of one acquisition, in the shape `inspection.geometry.shape`."""
        ...

    def explain(self, inspection: Inspection) -> Explanation:
        """Residual pictures of one acquisition."""
        ...


def look_ahead(detector: Detector, inspection: Inspection) -> None:
    """Let a detector do what it can before the last frame has come; `score` of the same inspection does the rest.

    A detector that can has a method `ahead(inspection)`, which looks at no last frame, and says as the stage `ahead`
    what it took; where nobody asked it to, `score` does that first. Others are asked nothing.
    """
    ahead = getattr(detector, "ahead", None)
    if ahead is not None:
        ahead(inspection)


def is_graded(detector: Detector) -> bool:
    """Whether a detector says of itself, `graded = True`, that no two acquisitions get the same scores to the bit.

    The bench then takes scores that repeat for what they are: those of a detector that is stuck.
    """
    return bool(getattr(detector, "graded", False))
