"""Curves and pictures of a training, read back from TensorBoard's event files by TensorFlow's own reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow.core.util.event_pb2 import Event

from model.watch import SHOWN, Watch, reconstruction_rows


def events(folder: Path) -> list[Event]:
    """All events of a training, without the writer's own."""
    files = [str(path) for path in sorted((folder / "tensorboard").iterdir())]
    found = [Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(files)]
    return [event for event in found if event.summary.value]


def test_curves_and_sheets_are_there_for_whoever_looks(tmp_path: Path) -> None:
    """Each value at its step, the picture as a file and as an event, and a second training adds to the first's."""
    images = np.random.default_rng(1).random((SHOWN + 2, 256, 256, 1), np.float32)
    for step in (20, 40):
        watch = Watch(tmp_path)
        watch.curve(step, {"generator": 0.5 * step, "learning_rate": 1e-4})
        watch.sheet(step, step // 20, images, np.zeros_like(images))
        watch.close()
    found = events(tmp_path)
    curve = {event.step: event.summary.value[0].simple_value for event in found if len(event.summary.value) == 2}
    assert curve == {20: 10.0, 40: 20.0}
    pictures = [event.summary.value[0].image for event in found if len(event.summary.value) == 1]
    assert [(picture.height, picture.width) for picture in pictures] == [(3 * 256, SHOWN * 256)] * 2
    assert pictures[0].encoded_image_string == (tmp_path / "sheets" / "epoch-0001.png").read_bytes()
    with Image.open(tmp_path / "sheets" / "epoch-0002.png") as sheet:
        assert sheet.size == (SHOWN * 256, 3 * 256)


def test_the_difference_is_enlarged_and_cut() -> None:
    """Four times as large, white from a quarter on."""
    perturbed, rebuilt = np.full((1, 2, 2), 0.5, np.float32), np.array([[[0.5, 0.45], [0.2, 1.0]]], np.float32)
    rows = reconstruction_rows(perturbed, rebuilt)
    assert rows[4:].tolist() == [[0, 51], [255, 255]]
    assert rows.shape == (6, 2)
