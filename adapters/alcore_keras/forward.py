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

NEAR = {"float32": 1e-4, "float64": 1e-4}  # by which a row may differ where the rows before it do
NEAR_HALF = 2e-2


class Network:
    """A model whose noise is given by seeds: nothing that it draws or updates is kept.

    Every variable that is a seed generator's state has, for the length of a forward, a value made of the draw and of its place in
    the model, and goes on from there, call by call.
    """

    def __init__(
        self,
        model: keras.layers.Layer | DropConnect,
        request: Request,
        output: str | int | Callable[[Any], Any] | None,
        inputs: Callable[[Any], Any] | None,
    ) -> None:
        self._drop = model if isinstance(model, DropConnect) else None
        self._model = model.model if isinstance(model, DropConnect) else model
        self._request, self._output, self._inputs = request, output, inputs
        self._noise = Noise(request.consistent)
        self._active = self._drop is not None
        self._variables: list[Any] = []
        self._states: list[Any] = []
        self._ways: list[Callable[..., Any]] = []  # to run: compiled, and as it is
        self._rows: int | None = None
        self._last: tuple[Any, int, Any] | None = None  # a batch, its number, and what the model is called with for it

    def __call__(self, batch: Any, block: int, draw: int) -> adapting.Array:
        if self._last is None or self._last[0] is not batch or self._last[1] != block:
            given = keras.tree.map_structure(_as_tensor, adapting.first_of(batch, self._inputs))
            self._last = batch, block, given
            rows = next((len(leaf) for leaf in keras.tree.flatten(given) if keras.ops.is_tensor(leaf)), 0)
            if rows != self._rows:
                if not self._ways:
                    self._open(given)
                probs = self._check(given, rows, block, draw)
                self._rows = rows
                return probs
        return self._probs(self._last[2], block, draw)

    def _open(self, given: Any) -> None:
        if not all(layer.built for layer in self._model._flatten_layers()):
            self._model(given, training=False)
        self._variables = self._model.variables
        seeds = [variable for variable in self._variables if variable.name == "seed_generator_state"]
        self._states = [*seeds, *(self._drop.states if self._drop else [])]
        ways = _ways(self._run, self._variables)
        self._ways = ways[-1:] if getattr(self._model, "run_eagerly", False) else ways

    def _check(self, given: Any, rows: int, block: int, draw: int) -> adapting.Array:
        """Refuse draws that are all the same, and draws that are not one network for every row."""
        probs = self._probs(given, block, draw)
        if not self._active and self._request.draws > 1:
            raise ValueError(
                f"draws: no noise layer is active in {self._model.name}, so every draw would be the same. draws=1, "
                "DropConnect(model), or a list of models."
            )
        if self._request.consistent and rows > 1:
            turned = self._probs(keras.tree.map_structure(lambda leaf: _turn(leaf, rows), given), block, draw)
            near = NEAR.get(self._model.compute_dtype, NEAR_HALF)
            if not np.allclose(turned[::-1], probs, rtol=near, atol=near, equal_nan=True):
                raise ValueError(
                    f"consistent: what {self._model.name} says of a row depends on its place among the rows, so draws are not one "
                    "network for every row: usually a custom layer draws noise of its own. consistent=False serves row-wise "
                    "heuristics."
                )
        return probs

    def _probs(self, given: Any, block: int, draw: int) -> adapting.Array:
        mixed = np.array([self._request.seed_of(draw, block, place) for place in range(len(self._states))], np.int64)
        seeds = np.stack([mixed & 0x7FFFFFFF, mixed >> 31 & 0x3FFFFFFF], 1).astype(np.int32)
        while len(self._ways) > 1:
            try:
                return as_numpy(self._ways[0](given, seeds))
            except Exception:  # what cannot be traced runs as it is, and says what is wrong if something is
                del self._ways[0]
        return as_numpy(self._ways[0](given, seeds))

    def _run(self, values: list[Any], given: Any, seeds: Any) -> Any:
        mapping = [*zip(self._variables, values, strict=bool(values))]
        mapping += [(state, seeds[place]) for place, state in enumerate(self._states)]
        with self._noise.on(self._model), keras.StatelessScope(mapping) as scope:
            before = [scope.get_current_value(state) for state in self._states]
            if self._drop is not None:
                self._drop.drop()
            returned = self._model(given, training=False)
            now = (scope.get_current_value(state) for state in self._states)
            self._active |= any(one is not other for one, other in zip(before, now, strict=True))
        found = adapting.pick(returned, self._output)
        if not keras.ops.is_tensor(found):
            raise TypeError(f"output: expected a tensor, got {type(found).__name__}. Name it: output=...")
        if keras.backend.standardize_dtype(found.dtype) in ("float16", "bfloat16"):
            found = keras.ops.cast(found, "float32")
        axis, dims = self._request.class_axis, len(found.shape)
        return keras.ops.softmax(found, axis) if self._request.kind == "logits" and -dims <= axis < dims else found


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

        return [torch.no_grad()(eager)]
    return [eager]


def as_numpy(value: Any) -> adapting.Array:
    return np.asarray(keras.ops.convert_to_numpy(value) if keras.ops.is_tensor(value) else value)


def _as_tensor(value: Any) -> Any:
    if keras.ops.is_tensor(value) or not hasattr(value, "__array__"):
        return value
    return keras.ops.convert_to_tensor(np.asarray(value))


def _turn(value: Any, rows: int) -> Any:
    """The rows in the opposite order."""
    return keras.ops.flip(value, 0) if keras.ops.is_tensor(value) and value.shape[:1] == (rows,) else value
