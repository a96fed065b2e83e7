"""Attributes that are replaced for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras

_MISSING = object()


@contextmanager
def replace(owner: Any, **attributes: Any) -> Iterator[None]:
    """A context that replaces attributes of a layer, a module or a class. A layer does not track the new ones."""
    own = vars(owner)
    put = own.__setitem__ if isinstance(owner, keras.layers.Layer) else partial(setattr, owner)
    take = own.pop if isinstance(owner, keras.layers.Layer) else partial(delattr, owner)
    before = {name: own.get(name, _MISSING) for name in attributes}
    for name, value in attributes.items():
        put(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            _ = take(name) if value is _MISSING else put(name, value)
