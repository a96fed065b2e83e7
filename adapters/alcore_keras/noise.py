"""Noise layers on and everything else in inference; and noise that every row of a draw shares.

For the length of a forward a noise layer's instance has a ``call`` of its own, which runs the layer's as in training; then it is
gone.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
from keras import layers as kl

NOISE = (kl.Dropout, kl.AlphaDropout, kl.GaussianDropout, kl.GaussianNoise, kl.Attention)
STATISTICS = (kl.BatchNormalization, kl.SpectralNormalization)
_MISSING = object()


class Stochastic(keras.Model):
    """A model in which noise is always on; see `stochastic`."""

    def __init__(self, model: keras.layers.Layer) -> None:
        super().__init__(name=f"stochastic_{model.name}")
        self.model = model
        self.built = model.built

    def call(self, inputs: Any) -> Any:
        with Noise().on(self.model):
            return self.model(inputs, training=False)


def stochastic(model: keras.layers.Layer) -> Stochastic:
    """The model with its noise on and normalisation and all else in inference; weights are shared, the original stays as it is.

    On are Dropout, SpatialDropout, AlphaDropout, GaussianDropout and GaussianNoise layers wherever they are in the model, also in
    parts that are called with ``training=False``, and the dropout arguments of attention and recurrent layers. Every row has
    noise of its own, from the layers' own seeds.

    >>> import alcore_keras, keras, numpy as np
    >>> model = keras.Sequential([keras.Input((100,)), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)])
    >>> noisy = alcore_keras.stochastic(model)
    >>> x = np.ones((1, 100), "float32")
    >>> bool(keras.ops.any(noisy(x) == 0)), bool(keras.ops.any(model(x) == 0))
    (True, False)
    """
    return Stochastic(model)


class Noise:
    """How noise layers run: each row has noise of its own, or with ``consistent`` all rows share it."""

    def __init__(self, consistent: bool = False) -> None:
        self._consistent = consistent
        self.active = False  # whether a layer was called that has noise
        self._shapes: dict[tuple[int, int], tuple[int, ...]] = {}
        self._calls: Counter[int] = Counter()

    @contextmanager
    def on(self, model: keras.layers.Layer) -> Iterator[None]:
        self._calls.clear()
        with ExitStack() as stack:
            for layer in model._flatten_layers():
                if "call" not in vars(layer):  # else it is on already
                    stack.enter_context(_replaced(layer, **self._changes(layer)))
                if hasattr(layer, "reset_recurrent_dropout_mask"):  # masks that a cell keeps
                    _reset(layer)
                    stack.callback(_reset, layer)
            yield

    def _changes(self, layer: Any) -> dict[str, Any]:
        if isinstance(layer, STATISTICS):
            return {"call": _as(layer, training=False)}
        if not _rate(layer):
            return {}
        if hasattr(layer, "_create_dropout_mask"):  # a recurrent cell
            shared = {"_create_dropout_mask": self._cell_masks(layer)} if self._consistent else {}
            return {"call": self._noisy(layer), **shared}
        if isinstance(layer, kl.RNN):  # fused kernels would leave the cell out
            return {"use_cudnn": False} if hasattr(layer, "use_cudnn") else {}
        if isinstance(layer, NOISE):
            return {"call": self._shared(layer) if self._consistent else self._noisy(layer)}
        return {}

    def _noisy(self, layer: Any) -> Callable[..., Any]:
        own = _as(layer, training=True)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.active = True
            return own(*args, **kwargs)

        return call

    # --- noise of one row, for all rows -------------------------------------------------------------------------------

    def _shared(self, layer: Any) -> Callable[..., Any]:
        noisy, own = self._noisy(layer), type(layer).call

        def call(inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(layer, kl.Attention):
                with _replaced(layer, _apply_scores=self._attention(layer)):
                    return noisy(inputs, *args, **kwargs)
            if own in (kl.GaussianNoise.call, kl.GaussianDropout.call):
                self._agree(layer, inputs.shape)
                one = keras.ops.zeros_like(inputs[:1])
                return inputs + noisy(one) if own is kl.GaussianNoise.call else inputs * noisy(one + 1)
            if not hasattr(layer, "noise_shape"):  # a subclass whose call is its own
                return noisy(inputs, *args, **kwargs)
            wanted = layer._get_noise_shape(inputs) if hasattr(layer, "_get_noise_shape") else layer.noise_shape
            pairs = zip(inputs.shape, wanted or [None] * len(inputs.shape), strict=True)
            shape = self._agree(layer, [size if want is None else want for size, want in pairs])
            with _replaced(layer, noise_shape=shape, _get_noise_shape=lambda _: shape):
                return noisy(inputs, *args, **kwargs)

        return call

    def _attention(self, layer: Any) -> Callable[..., Any]:
        def apply_scores(scores: Any, value: Any, scores_mask: Any = None, training: bool = False) -> Any:
            _, weights = type(layer)._apply_scores(layer, scores, value, scores_mask=scores_mask, training=False)
            shape = self._agree(layer, weights.shape)
            weights = keras.random.dropout(weights, layer.dropout, noise_shape=shape, seed=layer.seed_generator)
            return keras.ops.matmul(weights, value), weights

        return apply_scores

    def _cell_masks(self, cell: Any) -> Callable[..., Any]:
        def create(step_input: Any, rate: float) -> Any:
            self._agree(cell, step_input.shape)
            return type(cell)._create_dropout_mask(cell, step_input[:1], rate)

        return create

    def _agree(self, layer: Any, shape: Any) -> tuple[int, ...]:
        """The shape of noise for one row; in every block it must be the same, or the masks of a draw would not be."""
        shape = (1, *shape[1:])
        if None in shape:
            raise ValueError(f"{layer.name}: expected sizes that are known, got {shape}.")
        place = id(layer), self._calls[id(layer)]
        self._calls[id(layer)] += 1
        before = self._shapes.setdefault(place, shape)
        if before != shape:
            raise ValueError(
                f"consistent: layer {layer.name!r} had noise of shape {before[1:]}, and in this block {shape[1:]}, so a draw would "
                "not be one network. Pad the rows of all batches to one length, or consistent=False for row-wise heuristics."
            )
        return shape


def _rate(layer: Any) -> float:
    found = (getattr(layer, name, 0) for name in ("rate", "stddev", "dropout", "recurrent_dropout"))
    return max(float(rate) if isinstance(rate, int | float) else 0.0 for rate in found)


def _as(layer: Any, training: bool) -> Callable[..., Any]:
    """The layer's own call, in training or not whatever the model is in."""
    own = type(layer).call
    said = {"training": training} if "training" in inspect.signature(own).parameters else {}
    return lambda *args, **kwargs: own(layer, *args, **{**kwargs, **said})


def _reset(cell: Any) -> None:
    cell.reset_dropout_mask()
    cell.reset_recurrent_dropout_mask()


@contextmanager
def _replaced(layer: Any, **attributes: Any) -> Iterator[None]:
    """Attributes of this instance for a while, past what tracks them."""
    own = vars(layer)
    before = {name: own.get(name, _MISSING) for name in attributes}
    own.update(attributes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is _MISSING:
                del own[name]
            else:
                own[name] = value
