"""An inspection in pieces, for timing each by itself: crop, normalise, network, marker, score, verdict.

Inspection runs the middle three as one compiled function a step, before the last frame and after it (`runtime.py`,
`openvino_runtime.py`); here each is compiled alone, so that their sum is somewhat more than the whole. Cropping and the
verdict are the bench's, which this package does not know: what stands here is the same work on the same amount of data,
and a test holds it against the bench's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from model.bundle import Bundle
from model.config import PATCH_PX
from model.loaded import build_folded, marking_rebuilt, normalised
from model.openvino_runtime import Compiled, OpenVINOMarkingRuntime, OpenVINORuntime, patches_of
from model.runtime import MarkingRuntime, Rebuilding, Stepped, TensorFlowRuntime

FRAME_SHAPE = (1024, 1280)
STRIP_BOXES = tuple((256 * region, 20 + 246 * vial) for vial in range(5) for region in range(4))
"""(y, x) of the paper's 20 patches of a frame, a vial's regions after each other."""

FRAMES = 3
"""Of an acquisition whose bundle has no marker that says."""

Frames = NDArray[np.uint8]
Patches = NDArray[np.uint8]


@dataclass(frozen=True)
class Stages:
    """What a backend runs, each piece by itself, and the whole as inspection runs it.

    Attributes:
        normalise: uint8 (n, 256, 256) to float32 (n, 256, 256, 1), in whatever arrays the backend has.
        network: That to the rebuilt, of the same shape.
        marker: Images and rebuilt to logits (n / frames, 64, 64); None where no marker takes part.
        fetch: An array of the backend's to numpy.
        stepped: All three as inspection runs them, in two steps, each compiled as one.
    """

    normalise: Callable[[Patches], Any]
    network: Callable[[Any], Any]
    marker: Callable[[Any, Any], Any] | None
    fetch: Callable[[Any], NDArray[np.float32]]
    stepped: Stepped


MakeStages = Callable[[Bundle, int, int | None], Stages]
"""Of a bundle, a number of patches, and the frames of the marker, None where it takes no part."""


def tensorflow_stages(bundle: Bundle, batch: int, marked: int | None) -> Stages:
    """The reference backend, a compiled function each."""
    image = tf.TensorSpec((batch, PATCH_PX, PATCH_PX, 1), tf.float32)
    generator = build_folded(bundle)

    def compiled(function: Callable[..., Any], *signature: tf.TensorSpec) -> Callable[..., Any]:
        concrete: Callable[..., Any] = tf.function(function, input_signature=signature).get_concrete_function()
        return concrete

    normalise = compiled(normalised, patches_of(batch))
    marker = None if marked is None else compiled(marking_rebuilt(bundle).mark, image, image)
    return Stages(
        normalise=lambda patches: normalise(tf.constant(patches)),
        network=compiled(lambda images: generator(images, training=False), image),
        marker=marker,
        fetch=lambda tensor: np.asarray(tensor),
        stepped=Rebuilding(lambda count: TensorFlowRuntime(bundle, count).rebuild, batch, frames=frames_of(batch))
        if marked is None
        else MarkingRuntime(bundle, batch, frames=marked),
    )


def openvino_stages(bundle: Bundle, batch: int, marked: int | None, *, backend: str) -> Stages:
    """OpenVINO in one of its precisions.

    Raises:
        BundleError: A precision that this processor does not have.
        ImportError: OpenVINO is not installed.
    """
    one, other = (tf.TensorSpec((batch, PATCH_PX, PATCH_PX, 1), tf.float32, name=name) for name in ("one", "other"))
    generator = build_folded(bundle)
    normalise = Compiled(normalised, [patches_of(batch)], backend)
    network = Compiled(lambda images: generator(images, training=False), [one], backend)
    marker = None if marked is None else Compiled(marking_rebuilt(bundle).mark, [one, other], backend)
    return Stages(
        normalise=lambda patches: normalise.run(patches)[0],
        network=lambda images: network.run(images)[0],
        marker=None if marker is None else lambda images, rebuilt: marker.run(images, rebuilt)[0],
        fetch=lambda array: array,
        stepped=Rebuilding(
            lambda count: OpenVINORuntime(bundle, count, backend=backend).rebuild, batch, frames=frames_of(batch)
        )
        if marked is None
        else OpenVINOMarkingRuntime(bundle, batch, frames=marked, backend=backend),
    )


RUNTIMES: Mapping[str, MakeStages] = {
    "tensorflow": tensorflow_stages,
    "openvino": partial(openvino_stages, backend="openvino"),
    "openvino-bf16": partial(openvino_stages, backend="openvino-bf16"),
}
"""By name; one whose library is not installed raises `ImportError`."""


def frames_of(patches: int) -> int:
    """Of an acquisition that no marker asks about: three where they divide the patches, else one."""
    return FRAMES if patches % FRAMES == 0 else 1


def boxes_of(patches: int, frames: int) -> list[tuple[int, int]]:
    """(y, x) of a frame's patches: the paper's 20, again and again until there are `patches / frames`."""
    return [STRIP_BOXES[place % len(STRIP_BOXES)] for place in range(patches // frames)]


def crop(pictures: Frames, boxes: list[tuple[int, int]]) -> Patches:
    """uint8 (frames x boxes, 256, 256), frame after frame, of uint8 (frames, height, width)."""
    patches = np.empty((len(pictures), len(boxes), PATCH_PX, PATCH_PX), np.uint8)
    for place, (y, x) in enumerate(boxes):
        patches[:, place] = pictures[:, y : y + PATCH_PX, x : x + PATCH_PX]
    return patches.reshape(-1, PATCH_PX, PATCH_PX)


def rejects(scores: NDArray[np.float32], thresholds: NDArray[np.float32]) -> bool:
    """Whether any score is above its threshold, or no finite number; float32 (n,) both."""
    return bool((~(np.less_equal(scores, thresholds) & np.isfinite(scores))).any())
