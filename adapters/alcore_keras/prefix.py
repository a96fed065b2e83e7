"""What a model computes before its first noise is the same in every draw. A pass that ends there keeps it for the draws of a block.

Layers are immutable functions of tensors on TensorFlow and JAX, so a layer that has returned may be left out of the draws. Some
run in each draw: layers that keep something for later, that write to a variable, or whose result carries a mask of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NoReturn

import keras
from keras.src.backend import get_stateless_scope
from keras.src.backend.common.masking import get_keras_mask

from alcore_keras.drawing import Drawing, trace
from alcore_keras.layers import Layers
from alcore_keras.states import Same, state

KEPT = 1 << 26  # bytes to keep of what layers returned, with 4 a number; above it, the first layers run again


class FirstNoise(BaseException):
    """Ends a pass where it draws its first number. No ``except Exception`` of a layer holds it."""


class UntilNoise(Drawing):
    """What a forward pass draws: nothing, because the pass ends there."""

    def _next(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse_inner_program()
        raise FirstNoise


@dataclass(frozen=True)
class Made:
    """What a layer returned: the places of the layers around it and its own, the result, and its version in PyTorch.

    The result is None where the layer runs in each draw.
    """

    path: tuple[int, ...]
    returned: Any = None
    versions: tuple[int, ...] = ()


class Before(Layers):
    """Layers that record what was called, in order, and what the outermost layers that ended have returned."""

    def __init__(self, model: keras.layers.Layer, on: Collection[int]) -> None:
        super().__init__(model, on)
        self.made: list[Made] = []
        self._trace = trace()

    def called(self, place: int, own: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        number, path = len(self.made), tuple(self.path)
        self.made.append(Made(path))
        before = self._held(place, (args, kwargs))
        returned = super().called(place, own, args, kwargs)
        found, versions = _tensors(returned), _versions(returned)
        plain = found and min(versions) >= 0 and not any(get_keras_mask(one) is not None for one in found)
        if plain and trace() == self._trace and before == self._held(place, (args, kwargs)):
            self.made[number:] = [Made(path, returned, versions)]
        return returned

    def kept(self) -> list[Made]:
        """What was called, with the last results that fit into memory."""
        left, made = KEPT, list[Made]()
        for one in self.made[::-1]:
            left -= 0 if one.returned is None else _size(one.returned)
            made.append(one if left >= 0 else Made(one.path))
        return made[::-1]

    def _held(self, place: int, given: Any) -> Any:
        """What a layer and those in it hold, what has been written to variables, and the versions of the arguments."""
        inner = [state(dict(vars(one))) for one in self.all[place]._flatten_layers()]
        return inner, [Same(one) for one in get_stateless_scope().state_mapping.values()], _versions(given)


class After(Layers):
    """Layers that return what they have returned before, as long as nothing has been drawn.

    A pass calls its layers in the same order each time, up to the first noise.
    """

    def __init__(self, model: keras.layers.Layer, on: Collection[int], made: list[Made]) -> None:
        super().__init__(model, on)
        self._made = made

    def begin(self, drawing: Drawing) -> None:
        super().begin(drawing)
        self._left, self._drawing = [*self._made], drawing

    def called(self, place: int, own: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._left and not self._drawing.drawn:
            made = self._left.pop(0)
            if made.path != tuple(self.path):
                self._left = []
            elif made.returned is not None and _versions(made.returned) == made.versions:
                return made.returned
        return super().called(place, own, args, kwargs)


def _tensors(given: Any) -> list[Any]:
    """The tensors of a result. None where something else is in it."""
    found = keras.tree.flatten(given)
    return found if all(map(keras.ops.is_tensor, found)) else []


def _versions(given: Any) -> tuple[int, ...]:
    """Numbers that change when tensors are written to, which PyTorch allows. -1 where that would not show."""
    found = [one for one in keras.tree.flatten(given) if keras.ops.is_tensor(one)]
    return tuple(-1 if _is_inference(one) else getattr(one, "_version", 0) for one in found)


def _is_inference(tensor: Any) -> bool:
    return hasattr(tensor, "is_inference") and bool(tensor.is_inference())


def _size(returned: Any) -> int:
    return sum(4 * math.prod(size or 1 for size in one.shape) for one in _tensors(returned))
