"""Inference with a fixed signature: uint8 patches in, rebuilt patches out. No `predict`, no loop over patches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from model.blocks import refolded
from model.bundle import Bundle, BundleError
from model.comparing import Begun, Comparing, Say, comparing
from model.config import CELL_PX, CELLS, PATCH_PX
from model.loaded import build_folded, marking_rebuilt, normalised, rebuilding, scaled


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


@dataclass(frozen=True)
class MarkingSteps:
    """`marking` in two steps, of tensors: what does not need the last frame, and the rest.

    Attributes:
        begin: Patches of all frames but the last, in cells (`cells_of`), frame after frame, to what is kept of them.
        finish: Patches of the last frame, in cells (m, 64, 64, 16), their regions, int32 (m,), and what is kept of the
            others, nothing where there is one frame, to logits (m, 64, 64).
        regions: Of a vial.
        apart: Whether each place of a strip is judged by itself, so that it may be given alone.
    """

    begin: Callable[[Any], tuple[Any, ...]]
    finish: Callable[..., Any]
    regions: int
    apart: bool

    def of_places(self, places: int) -> NDArray[np.int32]:
        """Regions of the places of a strip, vial after vial."""
        return np.arange(places, dtype=np.int32) % self.regions


def marking_steps(bundle: Bundle, *, frames: int) -> MarkingSteps:
    """Both steps of a bundle.

    Raises:
        BundleError: The bundle has no marker, or one for another number of frames.
    """
    generator = build_folded(bundle, rows=CELL_PX)
    marks = marking_rebuilt(bundle)
    sight = marks.sight
    if frames != sight.frames:
        expected = f"acquisitions of the marker's {sight.frames} frames"
        raise BundleError(str(bundle.folder), expected, f"{frames} frames")

    def rebuild(cells: Any) -> tuple[Any, Any]:
        images = scaled(cells)
        return images, generator(images, training=False)

    def begin(cells: Any) -> tuple[Any, ...]:
        pair = rebuild(cells)
        before = sight.before(*pair)
        return (before, *pair) if marks.examines else (before,)

    def finish(cells: Any, region: Any, *begun: Any) -> Any:
        pair = rebuild(cells)
        seen = sight.last(*pair)
        if begun:
            seen = begun[0] + seen
        if begun[1:]:
            pair = tuple(tf.concat(parts, axis=0) for parts in zip(begun[1:], pair, strict=True))
        return marks.conclude(seen, region, *(refolded(part, CELL_PX, 1, name="unfold") for part in pair))

    return MarkingSteps(begin, finish, marks.regions, apart=not marks.examines)


def check_patches(patches: NDArray[np.uint8], batch: int) -> None:
    """Hold patches against what a runtime was compiled for; `ValueError` otherwise."""
    expected = (batch, PATCH_PX, PATCH_PX)
    if patches.shape != expected or patches.dtype != np.uint8:
        raise ValueError(f"patches: expected uint8 {expected}, got {patches.dtype} {patches.shape}")


def cells_of(patches: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (n, 256, 256) to (n, 64, 64, 16), cell beside cell, the four pixels of a row moved as one number."""
    rows = np.ascontiguousarray(patches).view(np.uint32).reshape(-1, CELLS, CELL_PX, CELLS)
    return np.ascontiguousarray(rows.swapaxes(2, 3)).view(np.uint8).reshape(-1, CELLS, CELLS, CELL_PX**2)


def as_cells(count: int, name: str) -> tf.TensorSpec:
    """Of `cells_of` so many patches, as a function takes them."""
    return tf.TensorSpec((count, CELLS, CELLS, CELL_PX**2), tf.uint8, name=name)


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
    def finish(self, early: NDArray[np.uint8], begun: Any, last: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Everything else.

        Args:
            early: As `ahead` was given them.
            begun: What it made of them.
            last: uint8 (m, 256, 256), patches of the last frame.

        Returns:
            What a score is made of: where there is a marker its logits, float32 (m, 64, 64), else all patches rebuilt,
            float32 (n + m, 256, 256).

        Raises:
            ValueError: Another shape or type.
        """

    def at_once(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Both steps, one after the other, of all patches, uint8 (n, 256, 256).

        Raises:
            ValueError: Another shape or type.
        """
        check_patches(patches, self.batch)
        early, last = patches[: self.early], patches[self.early :]
        return self.finish(early, self.ahead(early), last)

    @abstractmethod
    def whole(self, patches: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """(rebuilt (n, 256, 256), logits or None) of all patches, uint8 (n, 256, 256): for those who want to see both.

        Raises:
            ValueError: Another shape or type.
        """


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
    ) -> NDArray[np.float32]:
        """See `Stepped`."""
        return np.concatenate([begun, self._last(last)])

    def whole(self, patches: NDArray[np.uint8]) -> tuple[NDArray[np.float32], None]:
        """See `Stepped`."""
        return self.at_once(patches), None


class SteppedMarking(Stepped):
    """Generator, marker, and beside it a comparer where a bundle has one, by whatever compiles them.

    What is rebuilt goes no further than the marker: `whole` rebuilds once more, by what is compiled when first asked.

    Args:
        batch: Patches of an acquisition, frame after frame.
        frames: Its frames.
        rebuilding: Makes what rebuilds all of them.

    Attributes:
        comparing: The comparer, or None.
    """

    comparing: Comparing | None = None

    def __init__(
        self, batch: int, frames: int, rebuilding: Callable[[], Callable[[NDArray[np.uint8]], NDArray[np.float32]]]
    ) -> None:
        super().__init__(batch, frames)
        self._rebuilding = cache(rebuilding)

    @abstractmethod
    def _begin(self, early: NDArray[np.uint8]) -> Sequence[Any]:
        """The first of `marking_steps`, of patches; nothing where there is one frame."""

    @abstractmethod
    def _conclude(self, begun: Sequence[Any], last: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The second."""

    def ahead(self, early: NDArray[np.uint8]) -> tuple[Sequence[Any], Sequence[Begun]]:
        """See `Stepped`."""
        check_patches(early, self.early)
        said = [] if self.comparing is None else self.comparing.ahead(early)
        return self._begin(early), said

    def finish(
        self, early: NDArray[np.uint8], begun: tuple[Sequence[Any], Sequence[Begun]], last: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """See `Stepped`; the logits with the comparer's word, see `Comparing.heard`."""
        check_patches(last, self.batch - self.early)
        made, said = begun
        logits = self._conclude(made, last)
        if self.comparing is not None:
            logits = self.comparing.heard(said, early, last, logits)
        return logits

    def whole(self, patches: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See `Stepped`."""
        logits = self.at_once(patches)
        return self._rebuilding()(patches), logits


class MarkingRuntime(SteppedMarking):
    """Generator and marker, each step one compiled function."""

    name = "tensorflow"

    def __init__(self, bundle: Bundle, batch: int, *, frames: int) -> None:
        steps = marking_steps(bundle, frames=frames)
        super().__init__(batch, frames, lambda: TensorFlowRuntime(bundle, batch).rebuild)
        self.comparing = comparing(bundle, batch - self.early, _say)
        early, last = as_cells(self.early, "early"), as_cells(batch - self.early, "last")
        self._ahead = tf.function(steps.begin, input_signature=[early]).get_concrete_function() if self.early else None
        begun = [] if self._ahead is None else [tf.TensorSpec(made.shape, made.dtype) for made in self._ahead.outputs]
        self._region = tf.constant(steps.of_places(batch - self.early))
        signature = [last, tf.TensorSpec(self._region.shape, tf.int32), *begun]
        self._finish = tf.function(steps.finish, input_signature=signature).get_concrete_function()

    def _begin(self, early: NDArray[np.uint8]) -> Sequence[tf.Tensor]:
        return [] if self._ahead is None else list(self._ahead(tf.constant(cells_of(early))))

    def _conclude(self, begun: Sequence[tf.Tensor], last: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self._finish(tf.constant(cells_of(last)), self._region, *begun).numpy()
        return logits


def _say(function: Callable[..., Any], inputs: Mapping[str, tuple[tuple[int, ...], Any]]) -> Say:
    signature = [tf.TensorSpec(*of, name=name) for name, of in inputs.items()]
    say = tf.function(function, input_signature=signature).get_concrete_function()
    return lambda *given: say(*map(tf.constant, given)).numpy()
