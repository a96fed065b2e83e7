"""Digests of the fitted state of a model. Models with equal digests are the same, whatever seeds they were fitted with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any

import numpy as np

from alcore.door import Array

# Attributes that say how a fit drew, not what was fitted. scikit-learn and libraries of boosted trees give seeds these names.
SEED = re.compile("random_state|seed|rng")
GENERATORS = (np.random.RandomState, np.random.Generator, np.random.BitGenerator)
PLAIN = (type(None), bool, int, float, complex, str)


def fitted_state(model: Any, inside: Callable[[Any], Any | None]) -> tuple[bytes, bytes]:
    """Two digests of a model: of its fitted parameters, and of parts that may not matter, such as settings and unreadable parts.

    Two models are the same where both digests are equal. They differ where the first digests differ. Otherwise it is not known.

    Args:
        model: a fitted model. What its ``get_params`` names are its settings.
        inside: a function that gives the model inside a wrapper, and None for a model that is no wrapper.

    Returns:
        The two digests, of the fitted parameters and of the other parts.
    """
    walk = _Walk(inside)
    walk.see(model, walk.fitted)
    return walk.fitted.digest(), walk.doubtful.digest()


class _Walk:
    """Reads everything that an object holds, in the way that a copy is made."""

    def __init__(self, inside: Callable[[Any], Any | None]) -> None:
        self.fitted, self.doubtful = blake2b(), blake2b()
        self._inside = inside
        self._above: list[int] = []  # the objects that hold what is looked at

    def see(self, thing: Any, into: blake2b) -> None:
        if isinstance(thing, type):
            into.update(f"{thing.__module__}.{thing.__qualname__}".encode())
        elif isinstance(thing, PLAIN):
            into.update(f"{type(thing).__name__} {thing!r};".encode())
        elif isinstance(thing, bytes | bytearray):  # a model as another library keeps it, seeds and settings in it
            self.doubtful.update(thing)
        elif id(thing) in self._above:
            into.update(b"itself;")
        elif not isinstance(thing, GENERATORS):
            self._above.append(id(thing))
            self._see_parts(thing, into)
            self._above.pop()

    def _see_parts(self, thing: Any, into: blake2b) -> None:
        if isinstance(thing, np.ndarray | np.generic):
            self._see_array(np.asarray(thing), into)
        elif isinstance(thing, dict):
            into.update(f"{len(thing)} pairs;".encode())
            self._see_all([part for pair in thing.items() for part in pair], into)
        elif isinstance(thing, list | tuple | set | frozenset):
            into.update(f"{type(thing).__name__} of {len(thing)};".encode())
            self._see_all(sorted(thing, key=repr) if isinstance(thing, set | frozenset) else thing, into)
        else:
            self._see_object(thing, into)

    def _see_all(self, parts: Iterable[Any], into: blake2b) -> None:
        for part in parts:
            self.see(part, into)

    def _see_array(self, array: Array, into: blake2b) -> None:
        into.update(f"{array.dtype} {array.shape};".encode())
        if array.dtype.names:  # field by field: the bytes between fields are of no meaning
            self._see_all([array[name] for name in array.dtype.names], into)
        elif array.dtype.hasobject:
            self._see_all(array.ravel().tolist(), into)
        else:
            into.update(np.ascontiguousarray(array).ravel().view(np.uint8).data)

    def _see_object(self, thing: Any, into: blake2b) -> None:
        held = self._inside(thing)
        if held is not None:
            return self.see(held, into)
        try:
            state = _state_of(thing)
        except Exception:  # another library may raise anything; then its object cannot be read and equals itself alone
            return self.doubtful.update(f"{type(thing).__name__} at {id(thing)};".encode())
        if isinstance(state, bytearray):  # of trees, without settings
            return into.update(state)
        attributes = next((part for part in state if isinstance(part, dict)), None)
        if attributes is None or not hasattr(thing, "get_params"):
            return self._see_all(state, into)
        settings = thing.get_params(deep=False)
        for name, value in attributes.items():
            if not _is_seed(name, value):
                self._see_all((name, value), self.doubtful if name in settings else self.fitted)
        return self._see_all([part for part in state if part is not attributes], into)


def _state_of(thing: Any) -> Any:
    """The state of an object: the trees of a booster of XGBoost or LightGBM, and for any other object what a copy is made from."""
    if hasattr(thing, "save_raw"):
        return bytearray(thing.save_raw())
    if hasattr(thing, "dump_model"):
        return [thing.dump_model()]
    state = thing.__reduce_ex__(2)
    if isinstance(state, str):
        return [state]
    maker, *parts = state  # parts: arguments, attributes, and iterators of what it is filled with
    return [maker.__qualname__, *(list(part) if hasattr(part, "__next__") else part for part in parts)]


def _is_seed(name: str, value: Any) -> bool:
    if not SEED.search(name):
        return False
    return value is None or isinstance(value, GENERATORS) or np.asarray(value).dtype.kind in "iu"
