"""What `predict` keeps of a model for its next call: which layers make noise, and the functions that were compiled.

Models are held weakly, and nothing that is kept holds them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from alcore import adapting
from alcore.adapting import Request, RowAxes
from alcore_keras.drawing import BACKEND, SEED, Drawing
from alcore_keras.dropconnect import DropConnect
from alcore_keras.finding import Found
from alcore_keras.layers import Layers
from alcore_keras.prefix import After, Before, FirstNoise, Made, UntilNoise
from alcore_keras.states import Same, state

MOST = 4  # how many sets of options are kept for one model
# How many draws of a loop TensorFlow may run at once: on two cores each takes 0.96 ms, and 1.3 ms one after the other.
AT_ONCE = 4
KEPT: weakref.WeakKeyDictionary[Any, list[Kept]] = weakref.WeakKeyDictionary()
_TENSOR = object()
OPS = adapting.Ops("keras.ops", ops.reshape, ops.moveaxis, ops.softmax, ops.sigmoid, ops.concatenate)


class Kept:
    """What is kept for one model and one set of options.

    Args:
        model: the model. It is held weakly.
        found: its noise layers.
        request: what is asked for. Only its kind and its axes matter here.
        output: which tensor of what the model returns.
        most: how many rows of a block the checks look at.
    """

    def __init__(self, model: Any, found: Found, request: Request, output: Any, most: float = 2) -> None:
        self._model, self.on, self.warning = weakref.ref(model), found.on, found.warning
        self._request, self._output, self.most = request, output, most
        self.dtype = "float64" if np.dtype(request.dtype) == np.float64 else "float32"
        self.observed: dict[Any, Any] = {}  # what is drawn, by the shapes of a block
        self.checked = False  # whether a run has come past its first block
        self.eager = BACKEND == "torch" or bool(getattr(inner(model), "run_eagerly", False))
        self.said: Any = None
        self._compiled: dict[Any, Callable[..., Any]] = {}

    def __call__(self, given: Any, seeds: adapting.Array, axes: RowAxes | None, layers: Layers) -> Any:
        """What the model with these layers returns in several draws, one after the other."""
        if not self.eager:
            try:
                return self._of(given, axes)(given, seeds)
            except adapting.UnknownRowsError:
                raise
            except Exception:  # what cannot be compiled runs as it is, and raises its own error if something is wrong
                made = self._one_by_one(given, seeds, axes, layers)
                self.eager = True
                return made
        return self._one_by_one(given, seeds, axes, layers)

    def _one_by_one(
        self, given: Any, seeds: adapting.Array, axes: RowAxes | None, layers: Layers
    ) -> list[adapting.Array]:
        return [as_numpy(self.forward([], given, seed, axes, layers)) for seed in seeds]

    def forward(
        self, values: list[Any], given: Any, seed: Any, axes: RowAxes | None, layers: Layers | None = None
    ) -> Any:
        """(n, C, ...) of one draw, with these values of the model's variables, or with their own values."""
        model, rows = self._model(), adapting.row_count(given)
        drawing = Drawing(inner(model).name, seed, axes, rows, seeded=BACKEND == "torch" and axes is None)
        layers = layers or Layers(inner(model), self.on)
        found, taken = adapting.picked(run(model, layers, drawing, given, values), self._output)
        if not keras.ops.is_tensor(found):
            raise TypeError(f"output: expected a tensor, got {type(found).__name__}. Name it: output='logits'.")
        if keras.backend.standardize_dtype(found.dtype) in ("float16", "bfloat16"):
            found = keras.ops.cast(found, "float32")
        first = adapting.rows_first(found, rows, self._request, OPS, taken)
        axis = adapting.class_axis_of(first, self._request, taken)
        return keras.ops.cast(adapting.arrange(found, rows, self._request, OPS, axis, taken), self.dtype)

    def before(self, values: list[Any], given: Any) -> list[Made]:
        """What layers return before the first noise."""
        model = self._model()
        layers = Before(inner(model), self.on)
        with suppress(FirstNoise):
            run(model, layers, UntilNoise(inner(model).name, SEED), given, values)
        return layers.kept()

    def after(self, made: list[Made]) -> Layers:
        """The layers of draws that begin with that."""
        return After(inner(self._model()), self.on, made)

    def _of(self, given: Any, axes: RowAxes | None) -> Callable[..., Any]:
        """A function of inputs and the seeds of draws."""
        key = axes, repr(adapting.map_leaves(given, _spec))
        if key not in self._compiled:
            self._compiled[key] = self._of_jax(axes) if BACKEND == "jax" else self._of_tensorflow(given, axes)
        return self._compiled[key]

    def _of_jax(self, axes: RowAxes | None) -> Callable[..., Any]:
        import jax

        paths: list[Any] = []

        def first(values: list[Any], given: Any) -> list[Any]:
            made = self.before(values, given)
            paths[:] = [replace(one, returned=None) for one in made]
            return [one.returned for one in made]

        def rest(values: list[Any], given: Any, seed: Any, returned: list[Any]) -> Any:
            made = [replace(one, returned=found) for one, found in zip(paths, returned, strict=True)]
            return self.forward(values, given, seed, axes, self.after(made))

        early, late = jax.jit(first), jax.jit(rest)

        def several(given: Any, seeds: adapting.Array) -> Any:
            values = [variable.value for variable in inner(self._model()).variables]
            returned = early(values, given)
            return [as_numpy(one) for one in [late(values, given, seed, returned) for seed in seeds]]

        return several

    def _of_tensorflow(self, given: Any, axes: RowAxes | None) -> Callable[..., Any]:
        import tensorflow as tf

        specs = [_spec(leaf) for leaf in adapting.leaves(given) if keras.ops.is_tensor(leaf)]
        rest = adapting.map_leaves(given, lambda leaf: _TENSOR if keras.ops.is_tensor(leaf) else leaf)

        @tf.function(input_signature=[*specs, tf.TensorSpec([None, 2], tf.int32)], autograph=False)
        def mapped(*tensors: Any) -> Any:
            parts = iter(tensors)
            whole = adapting.map_leaves(rest, lambda leaf: next(parts) if leaf is _TENSOR else leaf)
            made = self.before([], whole)
            of_draw = lambda seed: self.forward([], whole, seed, axes, self.after(made))  # noqa: E731
            return tf.map_fn(of_draw, tensors[-1], fn_output_signature=self.dtype, parallel_iterations=AT_ONCE)

        def several(given: Any, seeds: adapting.Array) -> Any:
            return as_numpy(mapped(*(leaf for leaf in adapting.leaves(given) if keras.ops.is_tensor(leaf)), seeds))

        return several


def run(model: Any, layers: Layers, drawing: Drawing, given: Any, values: list[Any]) -> Any:
    """What a model returns in a pass that changes nothing in it."""
    layers.begin(drawing)
    mapping = [*zip(inner(model).variables, values, strict=bool(values))]
    with layers.running(), keras.StatelessScope(mapping), drawing.on(), _errors_as_they_are():
        if isinstance(model, DropConnect):
            model.drop()
        return inner(model)(given, training=False)


@contextmanager
def _errors_as_they_are() -> Iterator[None]:
    """A context in which errors keep their text. Otherwise Keras adds the arguments of every layer to it."""
    filtered = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()
    try:
        yield
    finally:
        if filtered:
            keras.config.enable_traceback_filtering()


def kept(model: Any, options: tuple[Any, ...], make: Callable[[], Kept]) -> Kept:
    """What is kept for a model and these options, if the model has not changed since. Otherwise it is made anew."""
    ways = KEPT.setdefault(model, [])
    now = (options, of_layers(model))
    for way in ways:
        if way.said == now:
            return way
    made = make()
    made.said = (options, of_layers(model))  # its first pass may set attributes
    ways[:] = [*ways[-MOST + 1 :], made]
    return made


def of_layers(model: Any) -> Any:
    """What a compiled function of a model depends on, to compare: its layers, and their attributes without the weights."""
    own = [(model.rate, [Same(one) for one in model.kernels])] if isinstance(model, DropConnect) else []
    return own, [(Same(layer), state(dict(vars(layer)))) for layer in inner(model)._flatten_layers()]


def inner(model: Any) -> Any:
    """The model inside a `DropConnect`, or the model itself."""
    return model.model if isinstance(model, DropConnect) else model


def _spec(leaf: Any) -> Any:
    if not keras.ops.is_tensor(leaf) or BACKEND != "tensorflow":
        return getattr(leaf, "shape", None), getattr(leaf, "dtype", None) or leaf
    import tensorflow as tf

    return tf.type_spec_from_value(leaf)


def as_numpy(tensor: Any) -> adapting.Array:
    """A tensor of any backend as an array."""
    tensor = tensor.detach().cpu() if hasattr(tensor, "detach") else tensor
    return np.asarray(tensor.numpy() if hasattr(tensor, "numpy") else tensor)
