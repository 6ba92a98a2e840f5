"""Inference with a fixed signature: uint8 patches in, rebuilt patches out. No `predict`, no loop over patches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from model.bundle import Bundle, BundleError
from model.comparing import Begun, Comparing, Say, comparing
from model.config import CELLS, PATCH_PX
from model.loaded import build_folded, marking_rebuilt, normalised, rebuilding
from model.marker import WIDTHS


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

    return mark, marks.sight.frames


def marking_steps(
    bundle: Bundle, *, frames: int
) -> tuple[Callable[[Any], tuple[Any, Any]], Callable[..., tuple[Any, Any]]]:
    """`marking` in two steps: what does not need the last frame, and the rest.

    Returns:
        (patches of all frames but the last to these rebuilt and their share of what the marker sees; those patches,
        these two, and the patches of the last frame to all rebuilt ones and logits).

    Raises:
        BundleError: The bundle has no marker, or one for another number of frames.
    """
    generator = build_folded(bundle)
    marks = marking_rebuilt(bundle)
    sight = marks.sight
    if frames != sight.frames:
        expected = f"acquisitions of the marker's {sight.frames} frames"
        raise BundleError(str(bundle.folder), expected, f"{frames} frames")

    def rebuild(patches: Any) -> tuple[Any, Any]:
        images = normalised(patches)
        return images, generator(images, training=False)

    def begin(patches: Any) -> tuple[Any, Any]:
        images, rebuilt = rebuild(patches)
        return rebuilt, sight.before(images, rebuilt)

    def finish(early: Any, rebuilt: Any, before: Any, last: Any) -> tuple[Any, Any]:
        images_last, rebuilt_last = rebuild(last)
        seen = before + sight.last(images_last, rebuilt_last)
        images = tf.concat([normalised(early), images_last], axis=0)
        whole = tf.concat([rebuilt, rebuilt_last], axis=0)
        return whole[..., 0], marks.conclude(images, whole, seen)

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


class SteppedMarking(Stepped):
    """Generator, marker, and beside it a comparer where a bundle has one, by whatever compiles them.

    Attributes:
        comparing: The comparer, or None.
    """

    comparing: Comparing | None = None

    @abstractmethod
    def _begin(self, early: NDArray[np.uint8]) -> Sequence[Any]:
        """The first of `marking_steps`."""

    @abstractmethod
    def _conclude(
        self, early: NDArray[np.uint8], begun: Sequence[Any], last: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The second."""

    def ahead(self, early: NDArray[np.uint8]) -> tuple[Sequence[Any], Sequence[Begun]]:
        """See `Stepped`."""
        check_patches(early, self.early)
        said = [] if self.comparing is None else self.comparing.ahead(early)
        return self._begin(early), said

    def finish(
        self, early: NDArray[np.uint8], begun: tuple[Sequence[Any], Sequence[Begun]], last: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See `Stepped`; the logits with the comparer's word, see `Comparing.heard`."""
        check_patches(last, self.batch - self.early)
        made, said = begun
        rebuilt, logits = self._conclude(early, made, last)
        if self.comparing is not None:
            logits = self.comparing.heard(said, np.concatenate([early, last]), logits)
        return rebuilt, logits


class MarkingRuntime(SteppedMarking):
    """Generator and marker, each step one compiled function."""

    name = "tensorflow"

    def __init__(self, bundle: Bundle, batch: int, *, frames: int) -> None:
        begin, finish = marking_steps(bundle, frames=frames)
        super().__init__(batch, frames)
        early, last = (
            tf.TensorSpec((count, PATCH_PX, PATCH_PX), tf.uint8) for count in (self.early, batch - self.early)
        )
        shapes = begun_shapes(self.early, batch - self.early)
        self.comparing = comparing(bundle, batch - self.early, _say)
        self._ahead = tf.function(begin, input_signature=[early]).get_concrete_function() if self.early else None
        self._nothing = [tf.zeros(shape) for shape in shapes]
        signature = [early, *(tf.TensorSpec(shape, tf.float32) for shape in shapes), last]
        self._finish = tf.function(finish, input_signature=signature).get_concrete_function()

    def _begin(self, early: NDArray[np.uint8]) -> Sequence[tf.Tensor]:
        made: Sequence[tf.Tensor] = self._nothing if self._ahead is None else self._ahead(tf.constant(early))
        return made

    def _conclude(
        self, early: NDArray[np.uint8], begun: Sequence[tf.Tensor], last: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        whole, logits = self._finish(tf.constant(early), *begun, tf.constant(last))
        return whole.numpy(), logits.numpy()


def _say(function: Callable[..., Any], inputs: Mapping[str, tuple[tuple[int, ...], Any]]) -> Say:
    signature = [tf.TensorSpec(*of, name=name) for name, of in inputs.items()]
    say = tf.function(function, input_signature=signature).get_concrete_function()
    return lambda *given: say(*map(tf.constant, given)).numpy()


def begun_shapes(early: int, last: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of what the first of `marking_steps` makes of so many patches, as many of the last frame to come."""
    return (early, PATCH_PX, PATCH_PX, 1), (last, CELLS, CELLS, WIDTHS[0])
