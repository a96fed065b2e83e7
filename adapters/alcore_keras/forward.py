"""One model, run for one draw on one batch, or for several in one compiled loop where the backend compiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np

from alcore import adapting
from alcore.adapting import Request
from alcore_keras.dropconnect import DropConnect
from alcore_keras.noise import Noise

LARGEST = 1 << 26  # bytes of what a compiled loop returns
# Draws of a loop that TensorFlow may run side by side: on two cores 0.96 ms each, and 1.3 one after the other.
AT_ONCE = 4


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
        self._one: Callable[..., Any] | None = None
        self._loop: Callable[..., Any] | None = None

    def as_tensor(self, leaf: Any) -> Any:
        if keras.ops.is_tensor(leaf) or not hasattr(leaf, "__array__"):
            return leaf
        return keras.ops.convert_to_tensor(np.asarray(leaf))

    def turn(self, tensor: Any) -> Any:
        return keras.ops.flip(tensor, 0)

    def probs(self, given: Any, block: int, draw: int) -> tuple[adapting.Array, bool]:
        if self._one is None:
            self._open(given)
        assert self._one is not None
        found = as_numpy(self._one(given, self._seeds(draw, block)))
        self._dtype, self._bytes = found.dtype, found.nbytes
        return found, self._noisy

    def several(self, given: Any, block: int, draws: range) -> Sequence[adapting.Array]:
        if self._loop is not None:
            seeds = np.stack([self._seeds(draw, block) for draw in draws[: max(1, LARGEST // self._bytes)]])
            return as_numpy(self._loop(given, seeds, self._dtype))
        return super().several(given, block, draws)

    def _seeds(self, draw: int, block: int) -> adapting.Array:
        mixed = np.array([self.request.seed_of(draw, block, place) for place in range(len(self._states) + 1)], np.int64)
        return np.stack([mixed & 0x7FFFFFFF, mixed >> 31 & 0x3FFFFFFF], 1).astype(np.int32)

    def _open(self, given: Any) -> None:
        if not all(layer.built for layer in self._model._flatten_layers()):
            self._model(given, training=False)
        self._variables = self._model.variables
        seeds = [variable for variable in self._variables if variable.name == "seed_generator_state"]
        self._states = [*seeds, *(self._drop.states if self._drop else [])]
        eager = getattr(self._model, "run_eagerly", False)
        self._one, self._loop = _one(self._run, self._variables, eager), _loop(self._run, eager)

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


def _one(run: Callable[..., Any], variables: list[Any], eager: bool) -> Callable[..., Any]:
    """A function of inputs and the seeds of a draw, compiled where operations one by one are slow and a call is cheap."""
    plain, backend = partial(run, []), keras.backend.backend()
    if backend == "torch":
        return partial(_seeded, plain)
    if backend != "jax" or eager:
        return plain
    import jax

    jitted = jax.jit(run)
    return _unless_untraceable(lambda *given: jitted([variable.value for variable in variables], *given), plain)


def _seeded(run: Callable[..., Any], given: Any, seeds: Any) -> Any:
    """What has no seed draws from the global generator, which stays as it was."""
    import torch

    with torch.no_grad(), torch.random.fork_rng(list(range(torch.cuda.device_count()))):
        torch.manual_seed(int(seeds[-1, 0]) << 30 | int(seeds[-1, 1]))
        return run(given, seeds)


def _loop(run: Callable[..., Any], eager: bool) -> Callable[..., Any] | None:
    """A function of inputs, the seeds of several draws, and the type of what a draw returns, where a call is dear."""
    if keras.backend.backend() != "tensorflow" or eager:
        return None
    import tensorflow

    @tensorflow.function(autograph=False)
    def mapped(given: Any, seeds: Any, dtype: Any) -> Any:
        of_draw = partial(run, [], given)
        return tensorflow.map_fn(of_draw, seeds, fn_output_signature=dtype, parallel_iterations=AT_ONCE)

    return _unless_untraceable(
        lambda given, seeds, dtype: mapped(given, seeds, tensorflow.as_dtype(dtype)),
        lambda given, seeds, dtype: np.stack([as_numpy(run([], given, own)) for own in seeds]),
    )


def _unless_untraceable(compiled: Callable[..., Any], eager: Callable[..., Any]) -> Callable[..., Any]:
    """What cannot be traced runs as it is, and says what is wrong if something is."""
    ways = [compiled, eager]

    def run(*given: Any) -> Any:
        while len(ways) > 1:
            try:
                return ways[0](*given)
            except Exception:
                del ways[0]
        return ways[0](*given)

    return run


def as_numpy(tensor: Any) -> adapting.Array:
    """Of any backend."""
    tensor = tensor.detach().cpu() if hasattr(tensor, "detach") else tensor
    return np.asarray(tensor.numpy() if hasattr(tensor, "numpy") else tensor)
