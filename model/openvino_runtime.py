"""The same networks on OpenVINO: an optional backend, for inspection where it is proved equal (`model/proof.py`).

The graph that TensorFlow runs is frozen and handed over as it stands, normalising in it, so that uint8 patches go in.
The network reads them where they lie and writes into the arrays that are given out: nothing is copied on the way.

Patches that are judged each by itself go through one by one, a core for each: what a layer makes of one stays in that
core's cache for the next layer, and no core waits at every layer for another that is slower just then.
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
from model.runtime import SteppedMarking, as_cells, cells_of, check_patches, marking_steps

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
        self._network = Compiled(rebuilding(bundle), [patches_of(1)], backend, parts=batch)

    def rebuild(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 (n, 256, 256) in [0, 1]; n is the batch it was made for."""
        check_patches(patches, self.batch)
        (rebuilt,) = self._network.run(patches)
        return rebuilt


class OpenVINOMarkingRuntime(SteppedMarking):
    """Generator and marker, a compiled network for each step: of one place, or of all where an examiner sees all."""

    def __init__(self, bundle: Bundle, batch: int, *, frames: int, backend: str = "openvino") -> None:
        steps = marking_steps(bundle, frames=frames)
        super().__init__(batch, frames, lambda: OpenVINORuntime(bundle, batch, backend=backend).rebuild)
        self.name = backend
        places = batch - self.early
        self._parts = places if steps.apart else 1
        alone = places // self._parts
        self._ahead: Compiled | None = None
        inputs = [as_cells(alone, "last"), tf.TensorSpec((alone,), tf.int32, name="region")]
        if self.early:
            early = as_cells(self.early // self._parts, "early")
            self._ahead = Compiled(steps.begin, [early], backend, parts=self._parts)
            shapes = enumerate(self._ahead.shapes)
            inputs += [tf.TensorSpec(shape, tf.float32, name=f"begun_{place}") for place, shape in shapes]
        self._finish = Compiled(steps.finish, inputs, backend, parts=self._parts)
        self._region = steps.of_places(places)

        def compiled(function: Callable[..., Any], inputs: Mapping[str, tuple[tuple[int, ...], Any]]) -> Say:
            say = Compiled(function, [tf.TensorSpec(*of, name=name) for name, of in inputs.items()], backend)
            return lambda *given: say.run(*given)[0]

        self.comparing = comparing(bundle, places, compiled)

    def _begin(self, early: NDArray[np.uint8]) -> Sequence[NDArray[np.float32]]:
        if self._ahead is None:
            return []
        cells = cells_of(early)
        by_part = cells.reshape(-1, self._parts, len(self._region) // self._parts, *cells.shape[1:]).swapaxes(0, 1)
        return self._ahead.run(np.ascontiguousarray(by_part).reshape(cells.shape))

    def _conclude(self, begun: Sequence[NDArray[np.float32]], last: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._finish.run(cells_of(last), self._region, *begun)[0]


def patches_of(batch: int) -> tf.TensorSpec:
    """uint8 (batch, 256, 256), as a function takes them."""
    return tf.TensorSpec((batch, PATCH_PX, PATCH_PX), tf.uint8, name="patches")


class Compiled:
    """A function of tensors, compiled for this processor.

    Args:
        function: Of TensorFlow's operations.
        inputs: Shape, type and name of each of its arguments, of one part.
        backend: One of `PRECISIONS`.
        parts: Calls that a run is made of, side by side, a core each; one call has all cores.

    Attributes:
        shapes: Of the outputs, of one part.

    Raises:
        BundleError: A precision that this processor does not have.
        ImportError: OpenVINO is not installed.
    """

    def __init__(
        self, function: Callable[..., Any], inputs: Sequence[tf.TensorSpec], backend: str, *, parts: int = 1
    ) -> None:
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
            if parts > 1:
                _, cores = core.get_property("CPU", "RANGE_FOR_STREAMS")
                settings["NUM_STREAMS"] = str(min(parts, cores))
            compiled = core.compile_model(model, "CPU", settings)
        self._inputs = [compiled.input(name) for name in taken]
        self._outputs = [compiled.output(name) for name in outputs]
        self.shapes = [tuple(output.shape) for output in self._outputs]
        self._requests, self._tensor = [compiled.create_infer_request() for _ in range(parts)], openvino.Tensor

    def run(self, *given: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Every output of arguments that hold the parts after each other, in arrays that no later call writes to."""
        parts = len(self._requests)
        made = [np.empty((parts * rows, *shape), np.float32) for rows, *shape in self.shapes]
        ports, arrays = [*self._inputs, *self._outputs], [*given, *made]
        for part, request in enumerate(self._requests):
            for port, array in zip(ports, arrays, strict=True):
                rows = len(array) // parts
                request.set_tensor(port, self._tensor(array[part * rows : (part + 1) * rows], shared_memory=True))
            request.start_async()
        for request in self._requests:
            request.wait()
        return made


def _frozen(function: Callable[..., Any], inputs: Sequence[tf.TensorSpec]) -> tuple[Any, list[str], list[str]]:
    """(graph with its weights in it, names of its inputs and of its outputs, in their order)."""
    traced = tf.function(function, input_signature=list(inputs)).get_concrete_function()
    frozen = convert_variables_to_constants_v2(traced)
    return frozen.graph.as_graph_def(), [taken.name for taken in frozen.inputs], [made.name for made in frozen.outputs]
