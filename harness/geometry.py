"""Where things are in an acquisition: frames, vials, regions, crop boxes, and the patch numbers they give.

Geometry is data. `PAPER` is the strip of the paper; a recording brings its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PATCH_PX = 256
"""Height and width of a patch, the network's input (the paper, section 7)."""


@dataclass(frozen=True)
class Geometry:
    """Frames x vials x regions, and the box each patch is cropped from.

    Attributes:
        frames: Exposures that are inspected, numbered 1-16 in the order taken.
        vials: Vials side by side in one strip, >= 1.
        regions: Region names from top to bottom; region r is called `R<r>` in tables.
        frame_shape: (height, width) of a frame in px.
        boxes: (y, x) of the upper left corner of each crop, vial by vial, region by region.
        um_per_px: Scale of the picture.
    """

    frames: tuple[int, ...]
    vials: int
    regions: tuple[str, ...]
    frame_shape: tuple[int, int]
    boxes: tuple[tuple[int, int], ...]
    um_per_px: float

    def __post_init__(self) -> None:
        if len(self.boxes) != self.vials * len(self.regions):
            raise ValueError(
                f"boxes: expected {self.vials * len(self.regions)} (vials x regions), got {len(self.boxes)}"
            )
        height, width = self.frame_shape
        for y, x in self.boxes:
            if not (0 <= y <= height - PATCH_PX and 0 <= x <= width - PATCH_PX):
                raise ValueError(f"boxes: expected a {PATCH_PX} px box inside {self.frame_shape}, got {(y, x)}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, vials, regions), the shape of `Scores`."""
        return len(self.frames), self.vials, len(self.regions)

    @property
    def patches(self) -> int:
        """Patches of one acquisition; 60 for the paper's strip (its eq. 12)."""
        return len(self.frames) * len(self.boxes)

    @property
    def early_exposure(self) -> int:
        """The last but one of the exposures that are inspected; the only one where there is one.

        >>> PAPER.early_exposure
        8
        """
        return self.frames[max(0, len(self.frames) - 2)]

    def patch_index(self, frame: int, vial: int, region: int) -> int:
        """Running number of a patch; `frame` is a position, 0-based, not an exposure number.

        >>> PAPER.patch_index(2, 4, 3)
        59
        """
        return int(np.ravel_multi_index((frame, vial, region), self.shape))

    def patch_place(self, index: int) -> tuple[int, int, int]:
        """(frame position, vial, region) of a running patch number.

        >>> PAPER.patch_place(59)
        (2, 4, 3)
        """
        frame, vial, region = np.unravel_index(index, self.shape)
        return int(frame), int(vial), int(region)

    def box(self, vial: int, region: int) -> tuple[int, int]:
        """(y, x) of the crop of one vial and region."""
        return self.boxes[vial * len(self.regions) + region]

    def crop(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Patches of an acquisition.

        Args:
            frames: uint8 (n, height, width), all of an acquisition or some.

        Returns:
            uint8 (n, vials, regions, 256, 256).
        """
        patches = np.empty((len(frames), *self.shape[1:], PATCH_PX, PATCH_PX), np.uint8)
        for position, (y, x) in enumerate(self.boxes):
            vial, region = divmod(position, len(self.regions))
            patches[:, vial, region] = frames[:, y : y + PATCH_PX, x : x + PATCH_PX]
        return patches


PAPER = Geometry(
    frames=(1, 8, 16),
    vials=5,
    regions=("flag", "top body", "liquid body", "bottom"),
    frame_shape=(1024, 1280),
    boxes=tuple((256 * region, 20 + 246 * vial) for vial in range(5) for region in range(4)),
    um_per_px=50.0,
)
"""The paper's strip: 3 x 5 x 4 = 60 patches (eq. 12), at the scale of `docs/product.md`."""
