"""Memory that is used again: fresh pages cost more than what is written to them.

Where the C library gives memory back to the system after each use, and takes it anew, 150 000 numbers cost 160 page faults each
time: BALD of (50 000, 10, 100) in another order took 62 ms instead of 14.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from alcore.door import Array

Space: TypeAlias = Callable[
    [str, tuple[int, ...], npt.DTypeLike], Array
]  # a name, shape and dtype -> an array to be written to

MOST = 8 << 20  # bytes that a thread keeps between passes

_thread = threading.local()


def fresh(_name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Memory of its own, for what is kept."""
    return np.empty(shape, dtype)


class Spaces:
    """Arrays to be written to whole, by name. The next one of a name takes the memory of the one before."""

    def __init__(self) -> None:
        self._held: dict[str, Array] = {}

    def __call__(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        from alcore.kernels.product import aligned

        size = math.prod(shape) * np.dtype(dtype).itemsize
        if name not in self._held or self._held[name].size < size:
            self._held[name] = aligned((size,), np.uint8)
        return self._held[name][:size].view(dtype).reshape(shape)

    @property
    def held(self) -> list[Array]:
        """The memory, as bytes."""
        return list(self._held.values())


@contextmanager
def spaces_of_thread() -> Iterator[Spaces]:
    """Those that this thread keeps, for one pass. A pass within the pass has others."""
    spaces, _thread.spaces = getattr(_thread, "spaces", None) or Spaces(), None
    try:
        yield spaces
    finally:
        _thread.spaces = spaces if sum(held.size for held in spaces.held) <= MOST else None
