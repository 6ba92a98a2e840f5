"""Inference with a fixed signature: uint8 patches in, rebuilt patches out. No `predict`, no loop over patches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from model.allowance import load_allowance
from model.bundle import Bundle, BundleError
from model.config import PATCH_PX
from model.examiner import build_examiner, examined
from model.export import fold_generator
from model.marker import WIDTHS as MARKER_WIDTHS
from model.marker import build_marker, fold_marker
from model.network import build_decoder, build_encoder, build_rebuilder


def load_generator(bundle: Bundle) -> tuple[Any, Any]:
    """Encoder and decoder of a bundle, as trained.

    Raises:
        BundleError: Weights that are truncated, or of another network.
    """
    encoder, decoder = build_encoder(bundle.network, "encoder"), build_decoder(bundle.network)
    generator = build_rebuilder(encoder, decoder)
    _fill(generator, bundle.weights, bundle.network.name)
    return encoder, decoder


def _fill(network: Any, path: Path, name: str) -> None:
    """Load weights into a network, all of them and no others."""
    try:
        # Keras passes over arrays that it does not look for, so every array is accounted for first.
        stored, expected = _stored_shapes(path), Counter(tuple(weight.shape) for weight in network.weights)
        if stored != expected:
            others = (stored - expected).total()
            raise ValueError(
                f"{stored.total()} arrays in place of {expected.total()}, {others} of them of other shapes"
            )
        network.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0][:120]
        raise BundleError(str(path), f"whole weights of {name}", reason) from None


def _stored_shapes(path: Path) -> Counter[tuple[int, ...]]:
    """How many arrays of each shape lie in a file of weights."""
    shapes: Counter[tuple[int, ...]] = Counter()

    def note(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            shapes[item.shape] += 1

    with h5py.File(path) as file:
        file.visititems(note)
    return shapes


def load_marker(bundle: Bundle) -> Any:
    """Marker of a bundle that has one.

    Raises:
        BundleError: No marker, or weights of another one.
    """
    if bundle.marker is None:
        raise BundleError(str(bundle.folder), "a bundle with a marker", "none: `python -m harness train-marker`")
    marker = build_marker(bundle.marker.frames)
    _fill(marker, bundle.marker.weights, "a marker")
    return marker


def load_examiner(bundle: Bundle) -> Any:
    """Examiner of a bundle that has one.

    Raises:
        BundleError: None, or weights of another one.
    """
    if bundle.marker is None or bundle.marker.examiner is None:
        raise BundleError(str(bundle.folder), "a bundle with an examiner", "none: `python -m harness train-examiner`")
    examiner = build_examiner(bundle.marker.frames, bundle.marker.regions, MARKER_WIDTHS[0])
    _fill(examiner, bundle.marker.examiner, "an examiner")
    return examiner


def build_folded(bundle: Bundle) -> Any:
    """Generator of a bundle with everything folded, (n, 256, 256, 1) to itself rebuilt."""
    return build_rebuilder(*fold_generator(bundle.network, *load_generator(bundle)))


def normalised(patches: Any) -> Any:
    """float32 (n, 256, 256, 1) in [0, 1] of uint8 (n, 256, 256), as tensors."""
    return tf.cast(patches, tf.float32)[..., None] / 255.0


def rebuilding(bundle: Bundle) -> Callable[[Any], Any]:
    """What rebuilds: a tensor of uint8 patches (n, 256, 256) to float32 of the same shape."""
    generator = build_folded(bundle)

    def rebuild(patches: Any) -> Any:
        return generator(normalised(patches), training=False)[..., 0]

    return rebuild


def seeing(bundle: Bundle) -> tuple[Callable[[Any, Any, Any], tuple[Any, Any]], int]:
    """A bundle's marker, folded, with what it makes of a picture before it marks, and the frames it knows.

    Returns:
        ((frames m, 256, 256, 1) images in [0, 1], frame after frame, their rebuilt twins, and their regions, int32
        (m,), to logits (m, 64, 64) less the bundle's allowance there and features (m, 64, 64, c); number of frames).

    Raises:
        BundleError: The bundle has no marker.
    """
    marker = load_marker(bundle)
    lean = fold_marker(marker)
    file = bundle.marker.allowance if bundle.marker is not None else None
    allowance = None if file is None else tf.constant(load_allowance(file))

    def see(images: Any, rebuilt: Any, region: Any) -> tuple[Any, Any]:
        logits, features = lean([images, rebuilt], training=False)
        return logits if allowance is None else logits - tf.gather(allowance, region), features

    return see, int(marker.inputs[0].shape[-1])


def marking_rebuilt(bundle: Bundle) -> tuple[Callable[[Any, Any], Any], int]:
    """What marks images and their rebuilt twins, and the frames of the acquisitions it knows.

    Returns:
        (float32 (n, 256, 256, 1) twice, frame after frame and in each vial after vial, to logits (n / frames, 64, 64)
        less the bundle's allowance; number of frames).

    Raises:
        BundleError: The bundle has no marker.
    """
    see, frames = seeing(bundle)
    regions = _known_regions(bundle)
    examiner = load_examiner(bundle) if bundle.marker is not None and bundle.marker.examiner is not None else None

    def mark(images: Any, rebuilt: Any) -> Any:
        region = tf.range(tf.shape(images)[0] // frames) % regions
        logits, features = see(images, rebuilt, region)
        if examiner is None:
            return logits
        return examined(examiner, logits, images, rebuilt, features, region, frames=frames, regions=regions)

    return mark, frames


def _known_regions(bundle: Bundle) -> int:
    """Regions of a vial by which a bundle's marker tells patches apart; 1 where it does not."""
    marker = bundle.marker
    if marker is not None and marker.examiner is not None:
        return marker.regions
    return 1 if marker is None or marker.allowance is None else len(load_allowance(marker.allowance))


def marking(bundle: Bundle) -> tuple[Callable[[Any], tuple[Any, Any]], int]:
    """What rebuilds and marks, and the frames of the acquisitions it knows.

    Returns:
        (patches, frame after frame, to rebuilt ones and logits (n / frames, 64, 64); number of frames).

    Raises:
        BundleError: The bundle has no marker.
    """
    generator = build_folded(bundle)
    mark_rebuilt, frames = marking_rebuilt(bundle)

    def mark(patches: Any) -> tuple[Any, Any]:
        images = normalised(patches)
        rebuilt = generator(images, training=False)
        return rebuilt[..., 0], mark_rebuilt(images, rebuilt)

    return mark, frames


def marking_steps(bundle: Bundle, *, frames: int) -> tuple[Callable[[Any], Any], Callable[[Any, Any, Any], Any]]:
    """`marking` in two steps: what does not need the last frame, and the rest.

    Returns:
        (patches of all frames but the last to these rebuilt; those patches, these, and the patches of the last frame
        to all rebuilt ones and logits).

    Raises:
        BundleError: The bundle has no marker, or one for another number of frames.
    """
    generator = build_folded(bundle)
    mark_rebuilt, known = marking_rebuilt(bundle)
    if frames != known:
        raise BundleError(str(bundle.folder), f"acquisitions of the marker's {known} frames", f"{frames} frames")

    def rebuild(patches: Any) -> Any:
        return generator(normalised(patches), training=False)[..., 0]

    def finish(early: Any, rebuilt: Any, last: Any) -> tuple[Any, Any]:
        images = normalised(tf.concat([early, last], axis=0))
        whole = tf.concat([rebuilt[..., None], generator(normalised(last), training=False)], axis=0)
        return whole[..., 0], mark_rebuilt(images, whole)

    return rebuild, finish


def check_patches(patches: NDArray[np.uint8], batch: int) -> None:
    """Hold patches against what a runtime was compiled for; `ValueError` otherwise."""
    expected = (batch, PATCH_PX, PATCH_PX)
    if patches.shape != expected or patches.dtype != np.uint8:
        raise ValueError(f"patches: expected uint8 {expected}, got {patches.dtype} {patches.shape}")


class TensorFlowRuntime:
    """The reference backend: folded weights, one compiled function, a fixed batch."""

    name = "tensorflow"

    def __init__(self, bundle: Bundle, batch: int) -> None:
        signature = [tf.TensorSpec((batch, PATCH_PX, PATCH_PX), tf.uint8)]
        self._rebuild = tf.function(rebuilding(bundle), input_signature=signature).get_concrete_function()
        self.batch = batch

    def rebuild(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 (n, 256, 256) in [0, 1]; n is the batch it was made for.

        Raises:
            ValueError: Another shape or type.
        """
        check_patches(patches, self.batch)
        rebuilt: NDArray[np.float32] = self._rebuild(tf.constant(patches)).numpy()
        return rebuilt


class Stepped(ABC):
    """Inspects acquisitions of a fixed number of patches in two steps.

    What can be done before the last frame has come is done by `ahead`: the generator rebuilds each frame by itself.
    A marker wants all of them.

    Args:
        batch: Patches of an acquisition, frame after frame.
        frames: Its frames.
    """

    def __init__(self, batch: int, frames: int) -> None:
        self.batch, self.early = batch, batch - batch // frames

    @abstractmethod
    def ahead(self, early: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Rebuilt float32 (n, 256, 256) of the patches of all frames but the last, uint8 (n, 256, 256).

        Raises:
            ValueError: Another shape or type.
        """

    @abstractmethod
    def finish(
        self, early: NDArray[np.uint8], rebuilt: NDArray[np.float32], last: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Everything else.

        Args:
            early: As `ahead` was given them.
            rebuilt: What it made of them.
            last: uint8 (m, 256, 256), patches of the last frame.

        Returns:
            (rebuilt (n + m, 256, 256), logits (m, 64, 64) or None where there is no marker).

        Raises:
            ValueError: Another shape or type.
        """

    def whole(self, patches: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """(rebuilt (n, 256, 256), logits) of all patches, uint8 (n, 256, 256): one step after the other.

        Raises:
            ValueError: Another shape or type.
        """
        check_patches(patches, self.batch)
        early, last = patches[: self.early], patches[self.early :]
        return self.finish(early, self.ahead(early), last)


class Rebuilding(Stepped):
    """A generator alone.

    Args:
        make: What rebuilds a fixed number of patches.
    """

    def __init__(
        self, make: Callable[[int], Callable[[NDArray[np.uint8]], NDArray[np.float32]]], batch: int, *, frames: int
    ) -> None:
        super().__init__(batch, frames)
        self._early, self._last = make(self.early) if self.early else None, make(batch - self.early)

    def ahead(self, early: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Stepped`."""
        return np.empty(early.shape, np.float32) if self._early is None else self._early(early)

    def finish(
        self, early: NDArray[np.uint8], rebuilt: NDArray[np.float32], last: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], None]:
        """See `Stepped`."""
        return np.concatenate([rebuilt, self._last(last)]), None


class MarkingRuntime(Stepped):
    """Generator and marker, each step one compiled function."""

    name = "tensorflow"

    def __init__(self, bundle: Bundle, batch: int, *, frames: int) -> None:
        rebuild, finish = marking_steps(bundle, frames=frames)
        super().__init__(batch, frames)
        self._ahead = tf.function(rebuild, input_signature=[_patches(self.early)]).get_concrete_function()
        signature = [_patches(self.early), _rebuilt(self.early), _patches(batch - self.early)]
        self._finish = tf.function(finish, input_signature=signature).get_concrete_function()

    def ahead(self, early: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Stepped`."""
        check_patches(early, self.early)
        if not self.early:
            return np.empty(early.shape, np.float32)
        rebuilt: NDArray[np.float32] = self._ahead(tf.constant(early)).numpy()
        return rebuilt

    def finish(
        self, early: NDArray[np.uint8], rebuilt: NDArray[np.float32], last: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See `Stepped`."""
        check_patches(last, self.batch - self.early)
        whole, logits = self._finish(tf.constant(early), tf.constant(rebuilt), tf.constant(last))
        return whole.numpy(), logits.numpy()


def _patches(count: int) -> tf.TensorSpec:
    return tf.TensorSpec((count, PATCH_PX, PATCH_PX), tf.uint8)


def _rebuilt(count: int) -> tf.TensorSpec:
    return tf.TensorSpec((count, PATCH_PX, PATCH_PX), tf.float32)
