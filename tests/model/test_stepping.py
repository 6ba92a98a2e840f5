from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from model.bundle import Bundle, load_bundle
from model.marked_batches import MarkedBatch, StackChunk
from model.marker_trainer import MarkerTrainer, marker_batches
from model.stepping import Stepper

FRAMES = 2
Pictures = Callable[..., np.ndarray]


def line(slope: float) -> keras.Model:
    """y = slope x, of one number."""
    given = keras.Input((1,))
    network = keras.Model(given, keras.layers.Dense(1, use_bias=False)(given))
    network.set_weights([np.array([[slope]], np.float32)])
    return network


def test_a_step_by_hand() -> None:
    """Doubled by `prepare`, x = 2 at slope 3 is 6; towards 4 the loss is 4, its gradient 8, and a tenth of that .8."""
    network = line(3.0)
    stepper = Stepper(
        network, keras.optimizers.SGD(), lambda x, y: (2 * x, y), lambda call, x, y: ops.mean((call(x) - y) ** 2),
        training=True,
    )  # fmt: skip
    loss = stepper.step(0.1, np.array([[1.0]], np.float32), np.array([[4.0]], np.float32))
    stepper.write_back()
    assert float(loss) == pytest.approx(4.0)
    assert network.get_weights()[0].item() == pytest.approx(3.0 - 0.8)


ON_JAX = """
import json, sys
from pathlib import Path
import keras, numpy as np
from model.bundle import load_bundle
from model.marked_batches import MarkedBatch
from model.marker_trainer import MarkerTrainer
assert keras.backend.backend() == "jax"
folder = Path(sys.argv[1])
given = np.load(folder / "batch.npz")
batch = MarkedBatch(given["stacks"], given["marked"], given["regions"])
trainer = MarkerTrainer.begin(load_bundle(folder / "bundle"), 2, folder, seed=1, batch=2)
losses = [float(trainer.train_step(batch, 1e-4)) for _ in range(3)]
print(json.dumps([losses, trainer.held_out([batch])[:2]]))
"""


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX, an extra, is not installed")
@pytest.mark.parametrize("settled", [False, True])
def test_both_backends_learn_alike(
    make_bundle: Callable[..., Bundle], pictures: Pictures, tmp_path: Path, settled: bool
) -> None:
    """From one checkpoint and batch, three steps have the same losses, and leave a marker that marks alike."""
    bundle = make_bundle(tmp_path / "bundle")
    batch = a_batch(pictures)
    first = MarkerTrainer(bundle, FRAMES, batch=2)
    if settled:
        first.settle([batch])
    first.save(tmp_path)
    np.savez(tmp_path / "batch.npz", stacks=batch.stacks, marked=batch.marked, regions=batch.regions)
    trainer = MarkerTrainer.begin(load_bundle(bundle.folder), FRAMES, tmp_path, seed=1, batch=2)
    assert trainer.settled == settled
    losses = [float(trainer.train_step(batch, 1e-4)) for _ in range(3)]
    expected = losses, trainer.held_out([batch])[:2]
    done = subprocess.run(
        [sys.executable, "-c", ON_JAX, str(tmp_path)], env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(got[0], expected[0], rtol=2e-3)
    np.testing.assert_allclose(got[1], expected[1], rtol=2e-2)


def a_batch(pictures: Pictures) -> MarkedBatch:
    """Two stacks, as a marker learns from them."""
    stacks = np.stack([pictures(420, seed=seed, size=256) for seed in (1, 2)], axis=1)
    chunk = StackChunk(stacks, np.zeros(len(stacks), bool), np.arange(len(stacks)) % 4)
    return next(marker_batches([chunk], batch=2, seed=3))
