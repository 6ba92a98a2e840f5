"""What a training shows while it runs: curves and pictures as TensorBoard reads them, and a sheet an epoch.

Events are written with TensorFlow's own writer; TensorBoard need not be installed to write them, only to look.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image
from tensorflow.core.framework.summary_pb2 import Summary

SHOWN = 8
"""Patches on a sheet."""


class Watch:
    """Writes into `folder/tensorboard` and `folder/sheets`; a training that goes on adds to both.

    Args:
        folder: Of the training.
    """

    def __init__(self, folder: Path) -> None:
        self._sheets = folder / "sheets"
        self._sheets.mkdir(parents=True, exist_ok=True)
        self._events = tf.summary.create_file_writer(str(folder / "tensorboard"))

    def curve(self, step: int, values: Mapping[str, float]) -> None:
        """A point of each curve."""
        self._write(step, [Summary.Value(tag=name, simple_value=value) for name, value in values.items()])

    def sheet(self, step: int, epoch: int, perturbed: NDArray[np.float32], rebuilt: NDArray[np.float32]) -> None:
        """The reconstruction sheet of an epoch: what was perturbed, what was made of it, and their difference.

        Args:
            step: Optimiser steps so far.
            epoch: From 1.
            perturbed: float32 (n, 256, 256, 1) in [0, 1]; the first `SHOWN` are shown.
            rebuilt: Of the same shape.
        """
        image = reconstruction_rows(perturbed[:SHOWN, ..., 0], rebuilt[:SHOWN, ..., 0])
        file = io.BytesIO()
        Image.fromarray(image).save(file, format="PNG")
        (self._sheets / f"epoch-{epoch:04d}.png").write_bytes(file.getvalue())
        shown = Summary.Image(
            height=image.shape[0], width=image.shape[1], colorspace=1, encoded_image_string=file.getvalue()
        )
        self._write(step, [Summary.Value(tag="perturbed, rebuilt, difference", image=shown)])

    def close(self) -> None:
        """Nothing is held back."""
        self._events.close()

    def _write(self, step: int, values: list[Any]) -> None:
        with self._events.as_default():
            tf.summary.experimental.write_raw_pb(Summary(value=values).SerializeToString(), step=step)
        self._events.flush()


def reconstruction_rows(perturbed: NDArray[np.float32], rebuilt: NDArray[np.float32]) -> NDArray[np.uint8]:
    """uint8 (3 h, n w): two (n, h, w) in [0, 1] side by side in two rows, four times their difference in a third."""
    rows = [perturbed, rebuilt, np.clip(4 * np.abs(perturbed - rebuilt), 0, 1)]
    picture = np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)
    return np.asarray(np.rint(255 * np.clip(picture, 0, 1)), np.uint8)
