"""A detector as a TensorFlow SavedModel: patches in, scores and heatmaps out, for programs that know nothing of us.

Normalising, generator, marker, comparer and score are one graph with its weights frozen in it, for any number of
patches. The scores here are the twins of those in `scoring.py` and `ssim.py`, in TensorFlow's operations; a test holds
them to the same numbers. Beside the graph lies `export.toml`: which bundle it was made of, and what it expects.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from model.bundle import Bundle, BundleError, write_toml
from model.comparing_graph import hearing, hottest
from model.config import CELL_PX, MARKED, PATCH_PX
from model.loaded import known_regions, rebuilding, scaled
from model.losses import K1, K2, ssim_window
from model.runtime import marking

EXPORTED = ("ssim", MARKED)
"""Scores that can be exported: the paper's, and the marker's."""

SIGNATURE = "serving_default"
ORDER = "frame, vial, region"
"""Of patches, the last changing fastest."""

Judge = Callable[[Any], tuple[Any, Any]]
"""uint8 (n, 256, 256) to (scores (n,), heatmaps (n, 256, 256))."""


def export_saved_model(bundle: Bundle, folder: Path, *, score: str = "ssim") -> None:
    """Write a SavedModel that is whole by itself.

    Its signature `serving_default` takes `patches`, uint8 (n, 256, 256), and gives `scores`, float32 (n,), and
    `heatmaps`, float32 (n, 256, 256): what a detector of the bench says of the same patches. For `marked` the patches
    are those of an acquisition, frame after frame, in a frame vial after vial, in a vial region after region, by which
    the marker knows them apart; frames of one place share a score and a heatmap, repeated over them.

    Args:
        bundle: Whose weights.
        folder: To make; written beside and renamed into place when whole.
        score: One of `EXPORTED`.

    Raises:
        BundleError: The folder exists or cannot be made, or the bundle has no such score.
    """
    if score not in EXPORTED:
        raise BundleError("--score", f"one of {', '.join(EXPORTED)}", score)
    if folder.exists():
        raise BundleError(str(folder), "a folder that is not there yet", "one that is")
    ground = next(parent for parent in folder.absolute().parents if parent.exists())
    if not ground.is_dir() or not os.access(ground, os.W_OK):
        raise BundleError(str(folder), "a place where a folder can be made", str(ground))
    judge, frames = _judge(bundle, score)
    regions = known_regions(bundle) if score == MARKED else 1
    patches = tf.TensorSpec((None, PATCH_PX, PATCH_PX), tf.uint8, name="patches")
    frozen = convert_variables_to_constants_v2(tf.function(judge, input_signature=[patches]).get_concrete_function())

    @tf.function(input_signature=[patches])
    def serve(patches: Any) -> dict[str, Any]:
        whole = tf.debugging.assert_equal(
            tf.shape(patches)[0] % (frames * regions), 0,
            message=f"patches: expected a multiple of {frames} frames x {regions} regions",
        )  # fmt: skip
        with tf.control_dependencies([whole]):
            scores, heatmaps = frozen(tf.identity(patches))
        return {"scores": scores, "heatmaps": heatmaps}

    module = tf.Module()
    module.serve = serve
    beside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        tf.saved_model.save(module, str(beside), signatures={SIGNATURE: serve})
        write_toml(beside / "export.toml", _description(bundle, score, frames, regions))
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _description(bundle: Bundle, score: str, frames: int, regions: int) -> dict[str, Any]:
    digests = {"model": bundle.digest}
    if score == MARKED and bundle.marker is not None:
        digests["marker"] = bundle.marker.digest
    return {
        "network": bundle.network.name,
        "score": score,
        "signature": SIGNATURE,
        "frames": frames,
        "regions": regions,
        "order": ORDER,
        "patch_px": PATCH_PX,
        "digests": digests,
        "versions": {"tensorflow": tf.__version__, "keras": version("keras")},
    }


def _judge(bundle: Bundle, score: str) -> tuple[Judge, int]:
    """What scores patches and paints heatmaps, and how many frames of a place it must see together."""
    if score == MARKED:
        mark, frames = marking(bundle)
        hear = hearing(bundle)

        def judge_marks(patches: Any) -> tuple[Any, Any]:
            _, logits = mark(patches)
            if hear is not None:
                logits = hear(patches, logits)
            cells = tf.repeat(tf.repeat(tf.sigmoid(logits), CELL_PX, axis=1), CELL_PX, axis=2)
            return tf.tile(mark_score(logits), [frames]), tf.tile(cells, [frames, 1, 1])

        return judge_marks, frames
    rebuild = rebuilding(bundle)

    def judge_rebuilt(patches: Any) -> tuple[Any, Any]:
        rebuilt = rebuild(patches)
        images = scaled(patches)
        return dissimilarity(images, rebuilt), tf.abs(images - rebuilt)

    return judge_rebuilt, 1


def mark_score(logits: Any) -> Any:
    """`scoring.mark_score` in the graph: (m, 64, 64) to (m,); NaN where a logit is, which a maximum may pass over."""
    return _guarded(tf.nn.softplus(hottest(logits)), logits)


def dissimilarity(images: Any, rebuilt: Any) -> Any:
    """`ssim.dissimilarity` in the graph, by the same formula in sums and differences: two (n, 256, 256) to (n,).

    Images are float32 in [0, 1]. Means over windows are two products with a banded matrix.
    """
    total, difference = images + rebuilt, images - rebuilt
    level_s, level_d = (tf.reduce_mean(part, axis=(1, 2), keepdims=True) for part in (total, difference))
    s, d = total - level_s, difference - level_d
    mean_s, mean_d = _window_means(s), _window_means(d)
    var_s, var_d = (
        tf.maximum(_window_means(part * part) - mean * mean, 0.0) for part, mean in ((s, mean_s), (d, mean_d))
    )
    mean_s, mean_d = mean_s + level_s, mean_d + level_d
    luminance = 1.0 - mean_d * mean_d / (0.5 * (mean_s * mean_s + mean_d * mean_d) + K1 * K1)
    similarity = luminance * (1.0 - var_d / (0.5 * (var_s + var_d) + K2 * K2))
    return _guarded(1.0 - tf.reduce_mean(similarity, axis=(1, 2)), rebuilt)


def _window_means(image: Any) -> Any:
    """(n, 256, 256) to (n, 246, 246): Gaussian means over every valid window."""
    window = ssim_window()
    band = np.zeros((PATCH_PX - len(window) + 1, PATCH_PX), np.float32)
    for row in range(len(band)):
        band[row, row : row + len(window)] = window
    return tf.matmul(tf.matmul(band, image), band, transpose_b=True)


def _guarded(scores: Any, maps: Any) -> Any:
    """NaN where a map holds a number that is not finite."""
    finite = tf.reduce_all(tf.math.is_finite(maps), axis=(1, 2))
    return tf.where(finite, scores, np.float32(np.nan))
