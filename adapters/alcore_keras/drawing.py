"""The random numbers of one forward pass. The draw and the place in the pass decide each number, and rows may share it.

All of Keras draws through the functions of one module, and TensorFlow's own functions draw through another. During a pass, these
functions are replaced, so it does not matter which layer draws, or with which seed. Seeds and keys that code fixes as integers stay
as they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src import backend

from alcore import adapting
from alcore.adapting import RowAxes, RowAxis
from alcore_keras.replacing import replace

SeedGenerator, BACKEND = keras.random.SeedGenerator, keras.backend.backend()
SEED = np.array(
    [1, 2], {"jax": "uint32", "tensorflow": "int32"}.get(BACKEND, "int64")
)  # as seeds are given; of passes that are only looked at
SHAPED = ("normal", "uniform", "truncated_normal", "randint", "gamma", "binomial", "beta")
# Numbers whose location and scale may be tensors of many rows: standard numbers are drawn, then shifted and scaled.
SCALED: dict[str, tuple[tuple[str, float], tuple[str, float]]] = {
    "normal": (("mean", 0.0), ("stddev", 1.0)),
    "truncated_normal": (("mean", 0.0), ("stddev", 1.0)),
    "uniform": (("minval", 0.0), ("maxval", 1.0)),
}
SPREAD = 0x9E3779B1  # odd, so that the seeds of two places of one draw never meet


@dataclass(frozen=True)
class Drawn(adapting.Noise):
    """Numbers that were drawn.

    Args:
        function: the name of the function that drew them.
        parameters: the shapes of the tensors that they depend on.
        path: the places of the layers that were running, the innermost last.
    """

    function: str = ""
    parameters: tuple[tuple[int, ...], ...] = ()
    path: tuple[int, ...] = ()


class _Place(SeedGenerator):
    """The seed for one place in a pass, in the form that the functions of Keras take."""

    def __init__(self, seed: Any, place: int) -> None:
        self._seed, self._place, self._initial_seed = seed, place, 0

    def next(self, ordered: bool = True) -> Any:
        return self._seed + np.array(
            [self._place * SPREAD & 0x7FFFFFFF, 0], keras.backend.standardize_dtype(self._seed.dtype)
        )


class Drawing:
    """What a forward pass draws, in order.

    Args:
        name: the name of the model.
        seed: two integers, an array or a tensor.
        axes: where rows are in the noise that they share. None where each row has its own.
        rows: how many rows the block has.
        seeded: whether PyTorch's generator is set for this pass.
    """

    def __init__(
        self, name: str, seed: Any, axes: RowAxes | None = None, rows: int = -1, *, seeded: bool = False
    ) -> None:
        self.name, self.seed, self.axes, self.rows, self.seeded = name, seed, axes, rows, seeded
        self.drawn: list[Drawn] = []
        self.path: list[int] = []  # the places of the layers whose call is running
        self.names: Sequence[str] = ()  # of all layers, by place

    @contextmanager
    def on(self) -> Iterator[None]:
        """A context in which Keras draws the random numbers of this pass."""
        replaced = {name: partial(self._draw, name, getattr(backend.random, name)) for name in SHAPED}
        for name in ("dropout", "categorical", "shuffle"):
            replaced[name] = partial(self._draw, name, getattr(backend.random, name))
        self._trace = trace()
        with ExitStack() as stack:
            stack.enter_context(replace(backend.random, **replaced))
            stack.enter_context(replace(SeedGenerator, next=lambda _, ordered=True: self._key()))
            if BACKEND == "tensorflow":
                from alcore_keras import tensorflow_functions

                stack.enter_context(tensorflow_functions.replaced(self))
            yield
        if self.axes is not None and len(self.drawn) < len(self.axes.ones):
            missing, expected = self.axes.ones[len(self.drawn)], len(self.axes.ones)
            counts = f"numbers are drawn {expected} times in the first block and {len(self.drawn)} times in this pass"
            adapting.refuse_unknown_rows(self.name, missing.layer, counts)

    @property
    def paths(self) -> list[tuple[int, ...]]:
        """For each number that a layer drew, the layers that were running."""
        return [one.path for one in self.drawn if one.path]

    @property
    def layer(self) -> str:
        return self.names[self.path[-1]] if self.path else ""

    # --- in place of what draws ---------------------------------------------------------------------------------------

    def _draw(self, name: str, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        given = dict(_signature(original).bind(*args, **kwargs).arguments)
        seed = given.pop("seed", None)
        if isinstance(seed, _Place) or not (seed is None or isinstance(seed, SeedGenerator)):
            return original(*args, **kwargs)
        if name == "dropout":
            return self._dropout(original, **given)
        if name in SHAPED:
            return self.shaped(name, original, **given)
        own = given["logits" if name == "categorical" else "x"].shape
        shape = (*own[:1], given["num_samples"]) if name == "categorical" else own[: given.get("axis", 0) + 1 or None]
        return original(**given, seed=self._next(name, sizes(shape), shared=False)[1])

    def shaped(self, name: str, original: Callable[..., Any], shape: Any, **given: Any) -> Any:
        """Numbers of a shape."""
        self._refuse_inner_program()
        shape, scales = sizes(shape), {}
        if any(_shape_of(value) for value in given.values()):
            scales = {key: given.pop(key, default) for key, default in SCALED.get(name, ())}
        axis, seed = self._next(name, shape, tuple(filter(None, map(_shape_of, given.values()))))
        made = original(shape=axis.of_one_row(shape), **given, seed=seed)
        if axis.axis is not None:
            index = axis.index(shape)
            made = ops.broadcast_to(made, shape) if index is None else ops.take(made, index, axis.axis)
        if not scales:
            return made
        low, high = (ops.cast(one, made.dtype) for one in scales.values())
        return made * (high - low) + low if name == "uniform" else made * high + low

    def _dropout(self, original: Callable[..., Any], inputs: Any, rate: Any, noise_shape: Any = None) -> Any:
        if isinstance(rate, int | float) and rate in (0, 1):
            return original(inputs, rate)
        self._refuse_inner_program()
        wanted = noise_shape or [None] * len(inputs.shape)
        shape = sizes([size if want is None else want for size, want in zip(inputs.shape, wanted, strict=True)])
        axis, seed = self._next("dropout", shape)
        if axis.axis is None:
            # PyTorch's own dropout, of the generator that is set for each pass, takes a third of the time of a mask with a seed.
            fast = self.seeded and noise_shape is None
            return original(inputs, rate, noise_shape, seed=None if fast else seed)
        index, one = axis.index(shape), axis.of_one_row(shape)
        if index is None:
            return original(inputs, rate, one, seed=seed)
        return inputs * ops.take(original(ops.ones(one, inputs.dtype), rate, seed=seed), index, axis.axis)

    def _key(self) -> Any:
        """The key that a layer takes from a generator itself. What the layer makes of it is not known."""
        return self._next("SeedGenerator.next", ())[1].next()

    def _next(
        self, function: str, shape: tuple[int, ...], parameters: tuple[Any, ...] = (), *, shared: bool = True
    ) -> tuple[RowAxis, _Place]:
        self._refuse_inner_program()
        place = len(self.drawn)
        whole = "" if shared else function
        self.drawn.append(Drawn(shape, self.layer, whole, function, parameters, tuple(self.path)))
        axis = RowAxis(None) if self.axes is None else self.axes.at(place, shape, self.rows, self.layer)
        return axis, _Place(self.seed, place)

    def _refuse_inner_program(self) -> None:
        """Refuse numbers in a loop or a function that is compiled by itself. Its shapes may not be known, so this comes first."""
        if trace() != self._trace:
            raise ValueError(
                f"model: layer {self.layer!r} of {self.name} draws random numbers inside a loop or a function that is compiled by "
                "itself, so every step would get the same numbers. Build a recurrent layer with unroll=True, so that it runs step "
                "by step. In a layer of your own, leave out jax.jit and tf.function: the whole model is compiled."
            )


def sizes(shape: Any) -> tuple[int, ...]:
    """A shape as integers, also where it comes as a tensor of TensorFlow.

    Raises:
        TypeError: where it depends on values in a compiled model. The model then runs as it is (`compiled`), with values.
    """
    if BACKEND == "tensorflow":
        from tensorflow.python.framework import tensor_util
        from tensorflow.python.ops import shape_util

        shape = tensor_util.constant_value_as_shape(shape_util.shape_tensor(shape))
    return tuple(map(int, shape))


def _shape_of(value: Any) -> tuple[int, ...]:
    return tuple(getattr(value, "shape", ()))


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def trace() -> Any:
    """What is being compiled. The body of a loop differs from what is around it."""
    if BACKEND == "tensorflow":
        import tensorflow

        return None if tensorflow.executing_eagerly() else tensorflow.compat.v1.get_default_graph()
    if BACKEND == "jax":
        from jax.extend.core import get_opaque_trace_state

        return get_opaque_trace_state(convention="flax")
    return None
