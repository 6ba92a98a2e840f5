"""Inference with a fixed signature: uint8 patches in, rebuilt patches out. No `predict`, no loop over patches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from model.marker import CELLS, EACH, build_marker, fold_marker
from model.marker import WIDTHS as MARKER_WIDTHS
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


@dataclass(frozen=True)
class Sight:
    """A bundle's marker, folded, in two parts.

    Attributes:
        alone: (p, 256, 256, 1) images in [0, 1] and their rebuilt twins to what is seen of each, (p, 64, 64, 24).
        together: That of all frames, frame after frame, (n m, 64, 64, 24), and the regions, int32 (m,), to logits
            (m, 64, 64) less the bundle's allowance there and features (m, 64, 64, c).
        frames: Of the acquisitions it knows, n.
    """

    alone: Callable[[Any, Any], Any]
    together: Callable[[Any, Any], tuple[Any, Any]]
    frames: int

    def see(self, images: Any, rebuilt: Any, region: Any) -> tuple[Any, Any]:
        """Both parts: images and rebuilt twins of all frames, frame after frame, to logits and features."""
        return self.together(self.alone(images, rebuilt), region)


def seeing(bundle: Bundle) -> Sight:
    """A bundle's marker as inspection runs it.

    Raises:
        BundleError: The bundle has no marker.
    """
    marker = load_marker(bundle)
    alone, lean = fold_marker(marker)
    file = bundle.marker.allowance if bundle.marker is not None else None
    allowance = None if file is None else tf.constant(load_allowance(file))

    def together(each: Any, region: Any) -> tuple[Any, Any]:
        logits, features = lean(each, training=False)
        return logits if allowance is None else logits - tf.gather(allowance, region), features

    return Sight(
        lambda images, rebuilt: alone([images, rebuilt], training=False), together, int(marker.inputs[0].shape[-1])
    )


@dataclass(frozen=True)
class Marking:
    """What judges an acquisition behind its generator, in two parts.

    Attributes:
        alone: Of `Sight`.
        conclude: Images (n m, 256, 256, 1) in [0, 1], frame after frame and in each vial after vial, their rebuilt
            twins, and what was seen of each, to logits (m, 64, 64): the marker's, less the bundle's allowance, with the
            examiner's word where there is one.
        frames: Of the acquisitions it knows, n.
    """

    alone: Callable[[Any, Any], Any]
    conclude: Callable[[Any, Any, Any], Any]
    frames: int

    def mark(self, images: Any, rebuilt: Any) -> Any:
        """Both parts: images and rebuilt twins of all frames to logits."""
        return self.conclude(images, rebuilt, self.alone(images, rebuilt))


def marking_rebuilt(bundle: Bundle) -> Marking:
    """What marks images and their rebuilt twins.

    Raises:
        BundleError: The bundle has no marker.
    """
    sight = seeing(bundle)
    frames, regions = sight.frames, _known_regions(bundle)
    examiner = load_examiner(bundle) if bundle.marker is not None and bundle.marker.examiner is not None else None

    def conclude(images: Any, rebuilt: Any, each: Any) -> Any:
        region = tf.range(tf.shape(images)[0] // frames) % regions
        logits, features = sight.together(each, region)
        if examiner is None:
            return logits
        return examined(examiner, logits, images, rebuilt, features, region, frames=frames, regions=regions)

    return Marking(sight.alone, conclude, frames)


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
    marks = marking_rebuilt(bundle)

    def mark(patches: Any) -> tuple[Any, Any]:
        images = normalised(patches)
        rebuilt = generator(images, training=False)
        return rebuilt[..., 0], marks.mark(images, rebuilt)

    return mark, marks.frames


def marking_steps(
    bundle: Bundle, *, frames: int
) -> tuple[Callable[[Any], tuple[Any, Any]], Callable[[Any, Any, Any, Any], tuple[Any, Any]]]:
    """`marking` in two steps: what does not need the last frame, and the rest.

    Returns:
        (patches of all frames but the last to these rebuilt and what the marker sees of each; those patches, these two,
        and the patches of the last frame to all rebuilt ones and logits).

    Raises:
        BundleError: The bundle has no marker, or one for another number of frames.
    """
    generator = build_folded(bundle)
    marks = marking_rebuilt(bundle)
    if frames != marks.frames:
        expected = f"acquisitions of the marker's {marks.frames} frames"
        raise BundleError(str(bundle.folder), expected, f"{frames} frames")

    def begin(patches: Any) -> tuple[Any, Any]:
        images = normalised(patches)
        rebuilt = generator(images, training=False)
        return rebuilt, marks.alone(images, rebuilt)

    def finish(early: Any, rebuilt: Any, each: Any, last: Any) -> tuple[Any, Any]:
        rebuilt_last, each_last = begin(last)
        images = normalised(tf.concat([early, last], axis=0))
        whole = tf.concat([rebuilt, rebuilt_last], axis=0)
        return whole[..., 0], marks.conclude(images, whole, tf.concat([each, each_last], axis=0))

    return begin, finish


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

    What can be done before the last frame has come is done by `ahead`: the generator rebuilds each frame by itself, and
    the first layers of a marker see each by itself.

    Args:
        batch: Patches of an acquisition, frame after frame.
        frames: Its frames.
    """

    def __init__(self, batch: int, frames: int) -> None:
        self.batch, self.early = batch, batch - batch // frames

    @abstractmethod
    def ahead(self, early: NDArray[np.uint8]) -> Any:
        """What `finish` needs of the patches of all frames but the last, uint8 (n, 256, 256).

        Raises:
            ValueError: Another shape or type.
        """

    @abstractmethod
    def finish(
        self, early: NDArray[np.uint8], begun: Any, last: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Everything else.

        Args:
            early: As `ahead` was given them.
            begun: What it made of them.
            last: uint8 (m, 256, 256), patches of the last frame.

        Returns:
            (all patches rebuilt, float32 (n + m, 256, 256); logits (m, 64, 64), or None where there is no marker).

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
        self, early: NDArray[np.uint8], begun: NDArray[np.float32], last: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], None]:
        """See `Stepped`."""
        return np.concatenate([begun, self._last(last)]), None


class MarkingRuntime(Stepped):
    """Generator and marker, each step one compiled function."""

    name = "tensorflow"

    def __init__(self, bundle: Bundle, batch: int, *, frames: int) -> None:
        begin, finish = marking_steps(bundle, frames=frames)
        super().__init__(batch, frames)
        early, last = (
            tf.TensorSpec((count, PATCH_PX, PATCH_PX), tf.uint8) for count in (self.early, batch - self.early)
        )
        shapes = begun_shapes(self.early)
        self._ahead = tf.function(begin, input_signature=[early]).get_concrete_function() if self.early else None
        self._nothing = [tf.zeros(shape) for shape in shapes]
        signature = [early, *(tf.TensorSpec(shape, tf.float32) for shape in shapes), last]
        self._finish = tf.function(finish, input_signature=signature).get_concrete_function()

    def ahead(self, early: NDArray[np.uint8]) -> Sequence[tf.Tensor]:
        """See `Stepped`."""
        check_patches(early, self.early)
        begun: Sequence[tf.Tensor] = self._nothing if self._ahead is None else self._ahead(tf.constant(early))
        return begun

    def finish(
        self, early: NDArray[np.uint8], begun: Sequence[tf.Tensor], last: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See `Stepped`."""
        check_patches(last, self.batch - self.early)
        whole, logits = self._finish(tf.constant(early), *begun, tf.constant(last))
        return whole.numpy(), logits.numpy()


def begun_shapes(count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of what the first of `marking_steps` makes of so many patches."""
    return (count, PATCH_PX, PATCH_PX, 1), (count, CELLS, CELLS, EACH)
