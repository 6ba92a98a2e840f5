"""A bundle's networks with its weights in them, joined as inspection runs them, for whichever backend Keras has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
from keras import ops

from model.allowance import load_allowance
from model.blocks import refolded
from model.bundle import Bundle, BundleError
from model.comparer import build_comparer
from model.config import CELL_PX
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


def load_comparer(bundle: Bundle) -> Any:
    """Comparer of a bundle that has one.

    Raises:
        BundleError: None, or weights of another one.
    """
    if bundle.marker is None or bundle.marker.comparer is None:
        raise BundleError(str(bundle.folder), "a bundle with a comparer", "none: `python -m harness train-comparer`")
    comparer = build_comparer(bundle.marker.frames)
    _fill(comparer, bundle.marker.comparer.weights, "a comparer")
    return comparer


def build_folded(bundle: Bundle, *, rows: int = 1) -> Any:
    """Generator of a bundle with everything folded, (n, 256, 256, 1) to itself rebuilt.

    Args:
        bundle: Its weights.
        rows: r; above 1 images come and go in squares of r x r pixels, (n, 256 / r, 256 / r, r^2).
    """
    return build_rebuilder(*fold_generator(bundle.network, *load_generator(bundle), rows=rows))


def scaled(levels: Any) -> Any:
    """float32 in [0, 1] of uint8, as a tensor of the same shape."""
    return ops.cast(levels, "float32") / 255.0


def normalised(patches: Any) -> Any:
    """float32 (n, 256, 256, 1) in [0, 1] of uint8 (n, 256, 256), as tensors."""
    return scaled(patches)[..., None]


def beside_rebuilt(stacks: Any, rebuild: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Images and rebuilt twins of stacks, (n m, 256, 256, 1) both, frame after frame, as a marker sees them.

    Args:
        stacks: uint8 (m, n, 256, 256), the frames of each.
        rebuild: See `rebuilding`.
    """
    pictures = ops.reshape(ops.transpose(stacks, (1, 0, 2, 3)), (-1, *stacks.shape[2:]))
    return normalised(pictures), rebuild(pictures)[..., None]


def rebuilding(bundle: Bundle) -> Callable[[Any], Any]:
    """What rebuilds: a tensor of uint8 patches (n, 256, 256) to float32 of the same shape."""
    generator = build_folded(bundle)

    def rebuild(patches: Any) -> Any:
        return generator(normalised(patches), training=False)[..., 0]

    return rebuild


@dataclass(frozen=True)
class Sight:
    """A bundle's marker, folded, in parts (`model.marker.FoldedMarker`).

    Attributes:
        before: Images (p, 64, 64, 16) in [0, 1] of all frames but the last, in cells, frame after frame, and their
            rebuilt twins to their share of what is seen of all, (m, 64, 64, 40); not to be called where there is one
            frame.
        last: Those of the last frame to its own share.
        together: The sum of both and the regions, int32 (m,), to logits (m, 64, 64) less the bundle's allowance there
            and features (m, 64, 64, c).
        frames: Of the acquisitions it knows, n.
    """

    before: Callable[[Any, Any], Any]
    last: Callable[[Any, Any], Any]
    together: Callable[[Any, Any], tuple[Any, Any]]
    frames: int

    def seen(self, images: Any, rebuilt: Any) -> Any:
        """Images (p, 256, 256, 1) and rebuilt twins of all frames, frame after frame, to what `together` takes."""
        early = ops.shape(images)[0] // self.frames * (self.frames - 1)
        images, rebuilt = (refolded(part, 1, CELL_PX, name="fold") for part in (images, rebuilt))
        seen = self.last(images[early:], rebuilt[early:])
        return seen if self.frames == 1 else self.before(images[:early], rebuilt[:early]) + seen

    def see(self, images: Any, rebuilt: Any, region: Any) -> tuple[Any, Any]:
        """All parts: images and rebuilt twins of all frames, frame after frame, to logits and features."""
        return self.together(self.seen(images, rebuilt), region)


def seeing(bundle: Bundle) -> Sight:
    """A bundle's marker as inspection runs it.

    Raises:
        BundleError: The bundle has no marker.
    """
    marker = load_marker(bundle)
    folded = fold_marker(marker)
    file = bundle.marker.allowance if bundle.marker is not None else None
    allowance = None if file is None else ops.convert_to_tensor(load_allowance(file))

    def share(part: Any) -> Callable[[Any, Any], Any]:
        return lambda images, rebuilt: part(folded.alone([images, rebuilt], training=False), training=False)

    def together(seen: Any, region: Any) -> tuple[Any, Any]:
        logits, features = folded.together(seen, training=False)
        return logits if allowance is None else logits - ops.take(allowance, region, axis=0), features

    return Sight(share(folded.before), share(folded.last), together, int(marker.inputs[0].shape[-1]))


@dataclass(frozen=True)
class Marking:
    """What judges an acquisition behind its generator.

    Attributes:
        sight: The marker.
        regions: Of a vial, by which it tells patches apart.
        examines: Whether an examiner looks at images and rebuilt once more, at the hottest places of a whole strip.
        conclude: What was seen of all frames, the regions, int32 (m,), and, of which a marker alone needs nothing,
            images (n m, 256, 256, 1) in [0, 1], frame after frame and in each vial after vial, and their rebuilt twins,
            to logits (m, 64, 64): the marker's, less the bundle's allowance, with the examiner's word where there is
            one.
    """

    sight: Sight
    regions: int
    examines: bool
    conclude: Callable[[Any, Any, Any, Any], Any]

    def mark(self, images: Any, rebuilt: Any) -> Any:
        """All parts: images and rebuilt twins of all frames to logits."""
        region = ops.arange(ops.shape(images)[0] // self.sight.frames, dtype="int32") % self.regions
        return self.conclude(self.sight.seen(images, rebuilt), region, images, rebuilt)


def marking_rebuilt(bundle: Bundle) -> Marking:
    """What marks images and their rebuilt twins.

    Raises:
        BundleError: The bundle has no marker.
    """
    sight = seeing(bundle)
    frames, regions = sight.frames, known_regions(bundle)
    examiner = load_examiner(bundle) if bundle.marker is not None and bundle.marker.examiner is not None else None

    def conclude(seen: Any, region: Any, images: Any, rebuilt: Any) -> Any:
        logits, features = sight.together(seen, region)
        if examiner is None:
            return logits
        return examined(examiner, logits, images, rebuilt, features, region, frames=frames, regions=regions)

    return Marking(sight, regions, examiner is not None, conclude)


def known_regions(bundle: Bundle) -> int:
    """Regions of a vial by which a marker, or what stands beside it, tells patches apart; 1 where none does."""
    marker = bundle.marker
    if marker is None:
        return 1
    if marker.examiner is not None:
        return marker.regions
    if marker.allowance is not None:
        return len(load_allowance(marker.allowance))
    return 1 if marker.comparer is None else marker.comparer.regions
