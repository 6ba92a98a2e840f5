"""One optimiser step, compiled, for whichever backend Keras has: TensorFlow on a processor, JAX on an accelerator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

Loss = Callable[..., Any]
"""A call of what learns, and what was prepared for it, to a scalar."""


class Stepper:
    """Takes steps of a network by an optimiser.

    Args:
        network: What learns, of one input structure.
        optimizer: Its weights are made here.
        prepare: Arrays of a step to what `loss` takes; nothing in it learns.
        loss: Of `network`'s call and what was prepared.
        training: Whether layers run as in training.
    """

    def __init__(
        self, network: keras.Model, optimizer: Any, prepare: Callable[..., Any], loss: Loss, *, training: bool
    ) -> None:
        self._network, self._optimizer, self._training = network, optimizer, training
        self._prepare, self._loss = prepare, loss
        if not optimizer.built:
            optimizer.build(network.trainable_variables)
        self._state: Any = None
        self._step = self._on_jax() if keras.backend.backend() == "jax" else self._on_tf()

    def step(self, learning_rate: float, *arrays: Any) -> Any:
        """One step; the loss before it, a scalar that may still be on its way."""
        return self._step(learning_rate, *arrays)

    def write_back(self) -> None:
        """Put what was learnt into the network's own variables, where a backend keeps it elsewhere meanwhile."""
        if self._state is not None:
            for variables, values in zip(self._variables(), self._state, strict=True):
                for variable, value in zip(variables, values, strict=True):
                    variable.assign(value)
            self._state = None

    def _variables(self) -> tuple[list[Any], list[Any], list[Any]]:
        return self._network.trainable_variables, self._network.non_trainable_variables, self._optimizer.variables

    def _on_tf(self) -> Callable[..., Any]:
        import tensorflow as tf

        def call(given: Any) -> Any:
            return self._network(given, training=self._training)

        @tf.function
        def step(*arrays: Any) -> Any:
            prepared = self._prepare(*arrays)
            with tf.GradientTape() as tape:
                loss = self._loss(call, *prepared)
            variables = self._network.trainable_variables
            self._optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
            return loss

        def run(learning_rate: float, *arrays: Any) -> Any:
            self._optimizer.learning_rate.assign(learning_rate)
            return step(*map(tf.constant, arrays))

        return run

    def _on_jax(self) -> Callable[..., Any]:
        import jax

        rate = next(
            place
            for place, variable in enumerate(self._optimizer.variables)
            if variable is self._optimizer.learning_rate
        )

        def measured(trained: Any, other: Any, prepared: Any) -> tuple[Any, Any]:
            kept = [other]

            def call(given: Any) -> Any:
                out, kept[0] = self._network.stateless_call(trained, kept[0], given, training=self._training)
                return out

            return self._loss(call, *prepared), kept[0]

        def step(state: Any, learning_rate: Any, *arrays: Any) -> tuple[Any, Any]:
            trained, other, optimizer = state
            prepared = self._prepare(*arrays)
            (loss, other), gradients = jax.value_and_grad(measured, has_aux=True)(trained, other, prepared)
            optimizer = [*optimizer[:rate], learning_rate, *optimizer[rate + 1 :]]
            trained, optimizer = self._optimizer.stateless_apply(optimizer, gradients, trained)
            return (trained, other, optimizer), loss

        compiled = jax.jit(step, donate_argnums=0)

        def run(learning_rate: float, *arrays: Any) -> Any:
            if self._state is None:
                # copies: what a step is given it may overwrite
                self._state = tuple([variable.value.copy() for variable in part] for part in self._variables())
            self._state, loss = compiled(self._state, jax.numpy.float32(learning_rate), *arrays)
            return loss

        return run


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors whose networks no longer change, compiled."""
    if keras.backend.backend() == "jax":
        import jax

        jitted: Callable[..., Any] = jax.jit(function)
        return jitted
    import tensorflow as tf

    traced: Callable[..., Any] = tf.function(function)
    return traced


def compute_on_one_core() -> None:
    """Where processes work side by side, one for each core; before the first tensor, and with TensorFlow alone."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
