"""Which layers of a model make noise: those that draw random numbers in their call when the model runs as in training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

import keras
from keras import layers as kl
from keras.src.layers.preprocessing.data_layer import DataLayer

from alcore import adapting
from alcore_keras.drawing import SEED, Drawing
from alcore_keras.layers import MASKS, Layers

STATISTICS = (kl.BatchNormalization, kl.SpectralNormalization)
NOISE = (kl.Dropout, kl.AlphaDropout, kl.GaussianDropout, kl.GaussianNoise, kl.Attention)

Pass = Callable[[Layers, Drawing], object]  # runs the model


class Watched(Layers):
    """Layers that record what they return, and which of them write to their variables."""

    def __init__(self, model: keras.layers.Layer, on: Collection[int]) -> None:
        super().__init__(model, on)
        self.clear()

    def clear(self) -> None:
        super().clear()
        self.returned: dict[tuple[tuple[int, ...], int], tuple[Any, Any]] = {}  # by path and number of the call
        self.wrote: set[int] = set()
        self._calls: Counter[tuple[int, ...]] = Counter()

    def called(self, place: int, own: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        path = tuple(self.path)
        number, self._calls[path] = self._calls[path], self._calls[path] + 1
        layer, scope = self.all[place], keras.src.backend.get_stateless_scope()
        variables = [*layer._trainable_variables, *layer._non_trainable_variables]
        before = [scope.get_current_value(one) for one in variables]
        returned = super().called(place, own, args, kwargs)
        self.returned[path, number] = _shapes((args, kwargs)), _shapes(returned)
        if any(scope.get_current_value(one) is not was for one, was in zip(variables, before, strict=True)):
            self.wrote.add(place)
        return returned

    @property
    def ran(self) -> set[int]:
        return {path[-1] for path in self._calls}

    def unlike(self, before: Watched) -> set[int]:
        """The innermost layers that return other shapes than before, for inputs of the same shapes."""
        other = {
            path
            for (path, number), (given, made) in self.returned.items()
            if (was := before.returned.get((path, number))) is not None and was[0] == given and was[1] != made
        }
        return {path[-1] for path in other if not any(one != path and one[: len(path)] == path for one in other)}


class Found:
    """The layers of a model that make noise, and a warning about layers that may.

    Args:
        model: a model that is built.
        run: a function that runs it with some of its layers as in training.
        noise: further layers that the user named.
    """

    def __init__(self, model: keras.layers.Layer, run: Pass, noise: adapting.Layers | None) -> None:
        self._model, self._run = model, run
        self._layers = model._flatten_layers()
        self._off = {place for place, one in enumerate(self._layers) if isinstance(one, (*STATISTICS, DataLayer))}
        self._named = as_places(model, self._layers, noise)
        self.on, quiet, why = frozenset[int](), set[int](), ""
        self._called: set[int] = set()
        plain = Watched(model, self._named)
        run(plain, Drawing(model.name, SEED))
        try:
            paths, quiet = self._drawn(plain)
            self.on = self._reached(paths)
        except Exception as error:
            self.on = self._named | {place for place, one in enumerate(self._layers) if _known(one)}
            why = f" Others are not known, because the model fails with all layers in training: {one_line(error)}"
        self._called |= plain.ran
        self.warning = self._said(quiet, why)

    def _drawn(self, plain: Watched) -> tuple[list[tuple[int, ...]], set[int]]:
        """The paths of all layers that draw in training, and the layers that draw and cannot run as in training."""
        quiet: set[int] = set()
        while True:
            watched, failed = Watched(self._model, {*range(len(self._layers))} - self._off | self._named), None
            drawing = Drawing(self._model.name, SEED)
            try:
                self._run(watched, drawing)
            except Exception as error:
                failed = error
            self._called |= watched.ran
            bad = (watched.wrote | watched.unlike(plain)) - self._off - self._named
            if not bad and failed is not None:
                raise failed
            if not bad:
                return drawing.paths, quiet
            quiet |= bad & {path[-1] for path in drawing.paths}
            self._off |= bad

    def _reached(self, paths: list[tuple[int, ...]]) -> frozenset[int]:
        """The innermost layers of these paths, and those around them without which they are not called."""
        on = self._named | {path[-1] for path in paths}
        while True:
            drawing = Drawing(self._model.name, SEED)
            self._run(Layers(self._model, on), drawing)
            missing = Counter(path[-1] for path in paths) - Counter(path[-1] for path in drawing.paths)
            around = {self._nearest(path, on) for path in paths if path[-1] in missing} - {None}
            if not around:
                return frozenset(on)
            on = on | around

    def _nearest(self, path: tuple[int, ...], on: Collection[int]) -> int | None:
        return next((place for place in path[::-1] if place not in on and place not in self._off), None)

    def _said(self, quiet: set[int], why: str) -> str:
        """The warning about layers that look noisy and stay off. Empty where there are none."""
        on = {id(self._layers[place]) for place in self.on}
        for place in self._called - self.on:
            layer = self._layers[place]
            noisy = _holds_rate(layer) or (isinstance(layer, DataLayer) and layer._seed_generators)
            if noisy and not any(id(one) in on for one in layer._flatten_layers()):
                quiet = quiet | {place}
        if not quiet and not why:
            return ""
        names = ", ".join(repr(self._layers[place].name) for place in sorted(quiet - self.on))
        off = f" These look noisy and stay off: {names}. Pass noise=({names},) to switch them on." if names else ""
        return f"noise: layers of {self._model.name} that make noise are on.{off}{why}"


def as_places(model: keras.layers.Layer, layers: list[Any], noise: adapting.Layers | None) -> frozenset[int]:
    """The places of the layers that a user named, by type, name, path or a function."""
    found: set[int] = set()
    for way in adapting.as_layers(noise):
        own = {place for place, layer in enumerate(layers) if _is(way, layer)}
        if not own:
            names = ", ".join(repr(layer.name) for layer in layers[1:])
            raise ValueError(f"noise: {way!r} is no layer of {model.name}, which has {names}. Name one of these.")
        found |= own
    return frozenset(found)


def _is(way: Any, layer: Any) -> bool:
    return way == layer.path or adapting.is_among(layer.name, layer, (way,))


def _known(layer: Any) -> bool:
    return (isinstance(layer, NOISE) or hasattr(layer, MASKS[0])) and _holds_rate(layer)


def _holds_rate(layer: Any) -> bool:
    """Whether an attribute whose name says dropout rate or width of noise is above 0."""
    return any(
        isinstance(value, int | float)
        and (0 < value < 1 if "drop" in name else name in ("rate", "stddev") and value > 0)
        for name, value in vars(layer).items()
    )


def _shapes(given: Any) -> Any:
    """The structure, with the shapes of tensors."""
    return adapting.map_leaves(given, lambda leaf: tuple(leaf.shape) if hasattr(leaf, "shape") else type(leaf))


def one_line(error: Exception) -> str:
    """The text of an error in one line, as part of a sentence."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
