"""Lays a defect on recorded good frames: the painter's light, blurred as the camera blurs, multiplied into the pixels.

Noise is already in a recorded frame, so it is dimmed together with the light under the defect; where a pixel is
saturated, the true light is unknown and the defect looks weaker than its contrast. Outline classes would have to move
what the camera never saw, and are refused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from harness.errors import RecordingError
from harness.strips.defects import CLASSES, Defect, Mask, paint
from harness.strips.optics import Map

BLUR_REACH = 4.0
"""Standard deviations after which the point spread is cut off."""


def inject(
    frames: NDArray[np.uint8],
    defect: Defect,
    *,
    um_per_px: float,
    centre: ArrayLike,
    point_spread_px: float,
    rng: np.random.Generator,
    drift: ArrayLike | None = None,
) -> tuple[NDArray[np.uint8], Mask]:
    """Put one defect on the frames of one acquisition.

    The same `rng` state paints the same defect, so the runs of a product share it by sharing the stream.

    Args:
        frames: uint8 (n, height, width), in the order taken; left as they are.
        defect: What to lay on; its vial and region are not looked at, `centre` says where.
        um_per_px: Scale of the frames, > 0.
        centre: (y, x) px in the container, the same on all frames, or (n, 2), a place for each frame. A class that is
            `still` has one place; one that `sinks` needs its path, downwards.
        point_spread_px: Standard deviation of the camera's blur, >= 0; 0 leaves the painter's own soft edge.
        rng: The product's own stream for its defect.
        drift: (n, 2) px, how far the container itself lies (down, right) of where `centre` is counted from, frame by
            frame; None where it is held still.

    Returns:
        uint8 (n, height, width) and the truth, bool of the same shape: the painter's mask before the blur.

    Raises:
        RecordingError: An outline class, a motion that the class does not have, or a defect out of sight on all frames.
        ValueError: Another argument lies outside its range.

    >>> grey = np.full((2, 64, 64), 200, np.uint8)
    >>> speck = Defect("stuck_particle", 0, 0, size_um=400.0, contrast=0.5, criticality="critical")
    >>> frames, masks = inject(grey, speck, um_per_px=50.0, centre=(30, 40), point_spread_px=0.8,
    ...                        rng=np.random.default_rng(7))
    >>> int(grey[0, 30, 40]) > int(frames[0, 30, 40]), bool((masks[0] == masks[1]).all())
    (True, True)
    """
    if frames.ndim != 3 or frames.dtype != np.uint8:
        raise ValueError(f"frames: expected uint8 (n, height, width), got {frames.dtype} {frames.shape}")
    if um_per_px <= 0 or point_spread_px < 0:
        raise ValueError(f"expected um_per_px > 0 and point_spread_px >= 0, got {um_per_px} and {point_spread_px}")
    if CLASSES[defect.kind].outline:
        raise RecordingError(
            f"defect {defect.kind}", "a class that absorbs light", "an outline class, which recorded frames cannot take"
        )
    places = _path(centre, len(frames), defect.kind) + _drift(drift, len(frames))
    painted = paint(defect, um_per_px, rng)
    light = _blurred(painted.transmission, point_spread_px)

    dimmed, masks = frames.copy(), np.zeros(frames.shape, np.bool_)
    for frame, mask, (y, x) in zip(dimmed, masks, places, strict=True):
        seen, part = _overlap(light.shape, frame.shape, y, x)
        frame[seen] = np.rint(frame[seen] * light[part]).clip(0, 255).astype(np.uint8)
        seen, part = _overlap(painted.mask.shape, frame.shape, y, x)
        mask[seen] = painted.mask[part]
    if not masks.any():
        raise RecordingError(f"defect {defect.kind}: centre", "a place on the frames", f"{places[0].tolist()} px")
    return dimmed, masks


def _path(centre: ArrayLike, frames: int, kind: str) -> NDArray[np.float64]:
    """(y, x) for each frame, checked against how the class moves."""
    given = np.asarray(centre, float)
    if given.shape not in ((2,), (frames, 2)) or not np.isfinite(given).all():
        raise ValueError(f"centre: expected (y, x) or {frames} of them, got {given.tolist()}")
    path = np.broadcast_to(given, (frames, 2)).copy()
    motion, steps = CLASSES[kind].motion, np.diff(path, axis=0)
    if motion == "still" and steps.any():
        raise RecordingError(f"defect {kind}: centre", "one place for a class that stays", "a path")
    if motion == "sinks" and frames > 1 and not (steps[:, 0] > 0).all():
        raise RecordingError(f"defect {kind}: centre", "a path that sinks from frame to frame", path.tolist())
    return path


def _drift(drift: ArrayLike | None, frames: int) -> NDArray[np.float64]:
    if drift is None:
        return np.zeros((frames, 2))
    given = np.asarray(drift, float)
    if given.shape != (frames, 2) or not np.isfinite(given).all():
        raise ValueError(f"drift: expected (down, right) for each of {frames} frames, got {given.tolist()}")
    return given


def _blurred(transmission: Map, point_spread_px: float) -> Map:
    """The map as the camera sees it, wider by the reach of the blur; outside it is 1."""
    if point_spread_px == 0:
        return transmission
    reach = int(np.ceil(BLUR_REACH * point_spread_px))
    wider = np.pad(transmission, reach, constant_values=1.0)
    blurred: Map = gaussian_filter(wider, point_spread_px, mode="constant", cval=1.0, truncate=BLUR_REACH)
    return blurred


def _overlap(
    window: tuple[int, ...], frame: tuple[int, ...], y: float, x: float
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a window centred on the pixel nearest to (y, x) lies in a frame, and which part of the window that is."""
    seen, part = [], []
    for size, room, at in zip(window, frame, (y, x), strict=True):
        first = round(float(at)) - size // 2
        low, high = min(max(first, 0), room), max(min(first + size, room), 0)
        high = max(high, low)
        seen.append(slice(low, high))
        part.append(slice(low - first, high - first))
    return (seen[0], seen[1]), (part[0], part[1])
