"""The same networks on OpenVINO: an optional backend, for inspection where it is proved equal (`model/proof.py`).

The graph that TensorFlow runs is frozen and handed over as it stands, normalising in it, so that uint8 patches go in.
The network reads them where they lie and writes into the arrays that are given out: nothing is copied on the way.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from model.bundle import Bundle, BundleError
from model.comparing import Say, comparing
from model.config import PATCH_PX
from model.loaded import rebuilding
from model.runtime import SteppedMarking, begun_shapes, check_patches, marking_steps

PRECISIONS = {"openvino": "f32", "openvino-bf16": "bf16"}
"""Of the arithmetic, by the backend's name. Eight-bit integers are not offered: so quantised the scores move further
than a verdict bears (`docs/detector.md`)."""


class OpenVINORuntime:
    """Rebuilds a fixed number of patches.

    Args:
        bundle: Its weights.
        batch: Patches a call.
        backend: One of `PRECISIONS`.

    Raises:
        BundleError: Weights that cannot be used, or a precision that this processor does not have.
        ImportError: OpenVINO is not installed.
    """

    def __init__(self, bundle: Bundle, batch: int, *, backend: str = "openvino") -> None:
        self.name, self.batch = backend, batch
        self._network = Compiled(rebuilding(bundle), [patches_of(batch)], backend)

    def rebuild(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 (n, 256, 256) in [0, 1]; n is the batch it was made for."""
        check_patches(patches, self.batch)
        (rebuilt,) = self._network.run(patches)
        return rebuilt


class OpenVINOMarkingRuntime(SteppedMarking):
    """Generator and marker, a compiled network for each step."""

    def __init__(self, bundle: Bundle, batch: int, *, frames: int, backend: str = "openvino") -> None:
        begin, finish = marking_steps(bundle, frames=frames)
        super().__init__(batch, frames)
        self.name = backend
        self._ahead = Compiled(begin, [patches_of(self.early)], backend) if self.early else None
        shapes = begun_shapes(self.early, batch - self.early)
        self._nothing = [np.zeros(shape, np.float32) for shape in shapes]
        named = zip(shapes, ("rebuilt", "before"), strict=True)
        begun = (tf.TensorSpec(shape, tf.float32, name=name) for shape, name in named)

        def compiled(function: Callable[..., Any], inputs: Mapping[str, tuple[tuple[int, ...], Any]]) -> Say:
            say = Compiled(function, [tf.TensorSpec(*of, name=name) for name, of in inputs.items()], backend)
            return lambda *given: say.run(*given)[0]

        self.comparing = comparing(bundle, batch - self.early, compiled)
        inputs = [patches_of(self.early, "early"), *begun, patches_of(batch - self.early, "last")]
        self._finish = Compiled(finish, inputs, backend)

    def _begin(self, early: NDArray[np.uint8]) -> Sequence[NDArray[np.float32]]:
        return self._nothing if self._ahead is None else self._ahead.run(early)

    def _conclude(
        self, early: NDArray[np.uint8], begun: Sequence[NDArray[np.float32]], last: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        whole, logits = self._finish.run(early, *begun, last)
        return whole, logits


def patches_of(batch: int, name: str = "patches") -> tf.TensorSpec:
    """uint8 (batch, 256, 256), as a function takes them."""
    return tf.TensorSpec((batch, PATCH_PX, PATCH_PX), tf.uint8, name=name)


class Compiled:
    """A function of tensors, compiled for this processor.

    Args:
        function: Of TensorFlow's operations.
        inputs: Shape, type and name of each of its arguments.
        backend: One of `PRECISIONS`.

    Raises:
        BundleError: A precision that this processor does not have.
        ImportError: OpenVINO is not installed.
    """

    def __init__(self, function: Callable[..., Any], inputs: Sequence[tf.TensorSpec], backend: str) -> None:
        import openvino  # lazily: an extra of this package

        core, precision = openvino.Core(), PRECISIONS[backend]
        known = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and "BF16" not in known:
            raise BundleError("backend", "a processor that computes in bf16", f"one with {', '.join(known)}")
        graph, taken, outputs = _frozen(function, inputs)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.pb"
            path.write_bytes(graph.SerializeToString())
            # Read as a file: the converter in Python would also do, but reports its use to its maker.
            model = core.read_model(path)
            settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
            compiled = core.compile_model(model, "CPU", settings)
        self._inputs = [compiled.input(name) for name in taken]
        self._outputs = [(compiled.output(name), tuple(compiled.output(name).shape)) for name in outputs]
        self._request, self._tensor = compiled.create_infer_request(), openvino.Tensor

    def run(self, *given: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Every output, in arrays of their own that no later call writes to."""
        for taken, array in zip(self._inputs, given, strict=True):
            self._request.set_tensor(taken, self._tensor(array, shared_memory=True))
        arrays = []
        for output, shape in self._outputs:
            arrays.append(np.empty(shape, np.float32))
            self._request.set_tensor(output, self._tensor(arrays[-1], shared_memory=True))
        self._request.infer()
        return arrays


def _frozen(function: Callable[..., Any], inputs: Sequence[tf.TensorSpec]) -> tuple[Any, list[str], list[str]]:
    """(graph with its weights in it, names of its inputs and of its outputs, in their order)."""
    traced = tf.function(function, input_signature=list(inputs)).get_concrete_function()
    frozen = convert_variables_to_constants_v2(traced)
    return frozen.graph.as_graph_def(), [taken.name for taken in frozen.inputs], [made.name for made in frozen.outputs]
