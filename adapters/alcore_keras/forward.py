"""One model, run for one draw on one batch; compiled where the backend compiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from alcore import adapting
from alcore.adapting import Request
from alcore_keras.dropconnect import DropConnect
from alcore_keras.noise import Noise


class Network(adapting.Run):
    """A model whose noise is given by seeds: nothing that it draws or updates is kept.

    Every variable that is a seed generator's state has, for the length of a forward, a value made of the draw and of its place in
    the model, and goes on from there, call by call.
    """

    def __init__(self, model: keras.layers.Layer | DropConnect, *options: Any) -> None:
        self._drop = model if isinstance(model, DropConnect) else None
        self._model = model.model if isinstance(model, DropConnect) else model
        self._variables: list[Any] = []
        self._states: list[Any] = []
        super().__init__(self._model.name, *options)

    def begin(self, request: Request) -> None:
        super().begin(request)
        self._noise, self._noisy = Noise(request.consistent), False
        self._ways: list[Callable[..., Any]] = []  # to run: compiled, and as it is

    def as_tensor(self, leaf: Any) -> Any:
        if keras.ops.is_tensor(leaf) or not hasattr(leaf, "__array__"):
            return leaf
        return keras.ops.convert_to_tensor(np.asarray(leaf))

    def turn(self, tensor: Any) -> Any:
        return keras.ops.flip(tensor, 0)

    def probs(self, given: Any, block: int, draw: int) -> tuple[adapting.Array, bool]:
        if not self._ways:
            self._open(given)
        mixed = np.array([self.request.seed_of(draw, block, place) for place in range(len(self._states) + 1)], np.int64)
        seeds = np.stack([mixed & 0x7FFFFFFF, mixed >> 31 & 0x3FFFFFFF], 1).astype(np.int32)
        while len(self._ways) > 1:
            try:
                return as_numpy(self._ways[0](given, seeds)), self._noisy
            except Exception:  # what cannot be traced runs as it is, and says what is wrong if something is
                del self._ways[0]
        return as_numpy(self._ways[0](given, seeds)), self._noisy

    def _open(self, given: Any) -> None:
        if not all(layer.built for layer in self._model._flatten_layers()):
            self._model(given, training=False)
        self._variables = self._model.variables
        seeds = [variable for variable in self._variables if variable.name == "seed_generator_state"]
        self._states = [*seeds, *(self._drop.states if self._drop else [])]
        ways = _ways(self._run, self._variables)
        self._ways = ways[-1:] if getattr(self._model, "run_eagerly", False) else ways

    def _run(self, values: list[Any], given: Any, seeds: Any) -> Any:
        mapping = [*zip(self._variables, values, strict=bool(values))]
        mapping += [(state, seeds[place]) for place, state in enumerate(self._states)]
        with self._noise.on(self._model), keras.StatelessScope(mapping) as scope:
            before = [scope.get_current_value(state) for state in self._states]
            if self._drop is not None:
                self._drop.drop()
            returned = self._model(given, training=False)
            now = (scope.get_current_value(state) for state in self._states)
            self._noisy |= self._noise.active or any(one is not other for one, other in zip(before, now, strict=True))
        found = adapting.pick(returned, self.output)
        if not keras.ops.is_tensor(found):
            raise TypeError(f"output: expected a tensor, got {type(found).__name__}. Name it: output=...")
        if keras.backend.standardize_dtype(found.dtype) in ("float16", "bfloat16"):
            found = keras.ops.cast(found, "float32")
        axis, dims = self.request.class_axis, len(found.shape)
        return keras.ops.softmax(found, axis) if self.request.kind == "logits" and -dims <= axis < dims else found


def _ways(run: Callable[..., Any], variables: list[Any]) -> list[Callable[..., Any]]:
    """Functions of inputs and seeds: compiled, traced once for each shape and not for each draw; and as it is."""

    def eager(given: Any, seeds: Any) -> Any:
        return run([], given, seeds)

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow

        return [tensorflow.function(eager, autograph=False), eager]
    if backend == "jax":
        import jax

        jitted = jax.jit(run)
        return [lambda given, seeds: jitted([variable.value for variable in variables], given, seeds), eager]
    if backend == "torch":
        import torch

        def seeded(given: Any, seeds: Any) -> Any:
            devices = list(range(torch.cuda.device_count()))
            with torch.no_grad(), torch.random.fork_rng(devices):  # what has no seed draws from the global generator
                torch.manual_seed(int(seeds[-1, 0]) << 30 | int(seeds[-1, 1]))
                return run([], given, seeds)

        return [seeded]
    return [eager]


def as_numpy(value: Any) -> adapting.Array:
    """A tensor of any backend, or a Keras variable, as an array."""
    value = value.value if isinstance(value, keras.Variable) else value
    value = value.detach().cpu() if hasattr(value, "detach") else value
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)
