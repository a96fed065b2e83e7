"""The layers of a model during a pass: which of them run as in training, and which one is running.

During the pass, the instance of each layer has a ``call`` of its own. It is removed afterwards.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from alcore_keras.drawing import Drawing
from alcore_keras.replacing import replace

MASKS = ("get_dropout_mask", "get_recurrent_dropout_mask")  # a recurrent cell keeps them for all steps


class Layers:
    """The layers of a model, by their place.

    Args:
        model: the model that has the layers.
        on: the places of the layers that run as in training.
    """

    def __init__(self, model: keras.layers.Layer, on: Collection[int]) -> None:
        self.all = model._flatten_layers()
        self.names = [layer.name for layer in self.all]
        self.path: list[int] = []
        self._on, self._changes = on, [self._change(place, layer) for place, layer in enumerate(self.all)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """A context in which the chosen layers run as in training. Layers of another such context stay as they are there."""
        with ExitStack() as stack:
            for layer, changes in zip(self.all, self._changes, strict=True):
                if is_on(layer):
                    continue
                stack.enter_context(replace(layer, **changes))
                if hasattr(layer, "reset_recurrent_dropout_mask"):
                    _reset(layer)
                    stack.callback(_reset, layer)
            yield

    def begin(self, drawing: Drawing) -> None:
        """Tell what a pass draws which layers are running."""
        drawing.path, drawing.names = self.path, self.names

    def clear(self) -> None:
        """Forget a pass that failed."""
        self.path.clear()

    def called(self, place: int, own: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a layer's own call."""
        return own(*args, **kwargs)

    def _change(self, place: int, layer: Any) -> dict[str, Any]:
        changes: dict[str, Any] = {"call": _Call(self, place, layer.call)}
        for name in MASKS:
            if hasattr(layer, name):
                changes[name] = self._mask(place, getattr(layer, name))
        if hasattr(layer, "use_cudnn") and getattr(layer, "dropout", 0):
            changes["use_cudnn"] = False  # fused kernels would not call the cell
        return changes

    def _mask(self, place: int, own: Callable[..., Any]) -> Callable[..., Any]:
        """Count a mask as noise of the cell, although the layer around the cell makes it."""

        def get(step_input: Any) -> Any:
            self.path.append(place)
            try:
                return own(step_input)
            finally:
                self.path.pop()

        return get


class _Call:
    """The call of a layer, in training or in inference, whichever its model is in."""

    def __init__(self, layers: Layers, place: int, own: Callable[..., Any]) -> None:
        self._layers, self._place, self._own = layers, place, own
        names = [*inspect.signature(own).parameters]
        self._at = names.index("training") if "training" in names else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._at is not None:
            on = self._place in self._layers._on
            if len(args) > self._at:
                args = (*args[: self._at], on, *args[self._at + 1 :])
            else:
                kwargs["training"] = on
        self._layers.path.append(self._place)
        try:
            return self._layers.called(self._place, self._own, args, kwargs)
        finally:
            self._layers.path.pop()


def is_on(layer: keras.layers.Layer) -> bool:
    """Whether a layer is in a context of `Layers.running` now."""
    return isinstance(vars(layer).get("call"), _Call)


def _reset(cell: Any) -> None:
    cell.reset_dropout_mask()
    cell.reset_recurrent_dropout_mask()
