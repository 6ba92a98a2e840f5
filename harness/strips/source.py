"""Where acquisitions come from: strips that are drawn, or a recording. One of the two feeds a qualification."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.geometry import Geometry
from harness.strips.defects import Mask
from harness.strips.kit import Strip
from harness.strips.liquid import LiquidState

GENERATED = "generated strips"
"""How the provenance of strips that a bench drew begins, in files too."""


class Source(Protocol):
    """Gives the frames of a strip in a run, and the truth about its patches."""

    @property
    def geometry(self) -> Geometry:
        """Of every acquisition."""
        ...

    @property
    def provenance(self) -> str:
        """What the pictures are, in a sentence the report prints; generated ones say so."""
        ...

    def frames(self, strip: Strip, run: int) -> NDArray[np.uint8]:
        """uint8 (frames, height, width)."""
        ...

    def defective_patches(self, strip: Strip, run: int) -> Mask:
        """bool (frame, vial, region)."""
        ...

    def defect_boxes(self, strip: Strip, run: int) -> list[tuple[int, int, int, int] | None]:
        """(top, left, bottom, right) in px of the defect on each frame; None where there is none."""
        ...

    def liquid_state(self, strip: Strip, run: int) -> LiquidState | None:
        """How the liquid of an acquisition is; None where nobody knows."""
        ...
