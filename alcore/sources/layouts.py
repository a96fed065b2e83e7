"""Cells in any layout -> as the kernels read them: C-contiguous (..., C, T) in float32 or float64."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from alcore.door import Array, Kind
from alcore.sources.spaces import Space, fresh

_BITS = {2: np.uint16, 4: np.uint32, 8: np.uint64}  # numbers are moved as they are, and numba has no float16


def lies_ready(array: Array, kind: Kind) -> bool:
    """Whether the kernels can read an array where it lies."""
    plain = array.dtype.isnative and array.dtype.itemsize >= 4 and kind == "probs"
    return plain and array.flags.c_contiguous and array.flags.aligned


def lay_out(chunk: Array, space: Space = fresh) -> Array:
    """C-contiguous, aligned, in the machine's byte order, float32 or float64. A copy only where it has to be, in ``space``."""
    native = chunk
    if not (chunk.dtype.isnative and chunk.flags.aligned):
        native = np.require(chunk, chunk.dtype.newbyteorder("="), ["C", "A"])
    if not native.flags.c_contiguous:
        adjacent = native.strides[-1] == native.itemsize > 2
        out = space("laid out", native.shape, native.dtype if native.itemsize > 2 else np.float32)
        if adjacent:
            out[...] = native
        else:
            arrange_into(native, out)
        native = out
    if native.itemsize > 2:
        return native
    from alcore.kernels.widen import widen

    wide = space("laid out", native.shape, np.float32)
    widen(native.reshape(-1).view(np.uint16), wide.reshape(-1))
    return wide


def arrange_into(chunk: Array, out: Array) -> None:
    """Write cells (n, cells, C, T) whose draws lie apart, or of float16, to where their draws are adjacent."""
    from alcore.kernels.arrange import arrange

    if out.size:
        shape, run = _run_before_draws(chunk.shape, chunk.strides, chunk.itemsize)
        values = chunk.view(_BITS[chunk.itemsize]).reshape(shape).swapaxes(run, 2)
        values.flags.writeable = False  # one compiled kernel for writable and read-only input
        arrange(values, out.view(_BITS[out.itemsize]).reshape(shape).swapaxes(run, 2))


@lru_cache(maxsize=64)
def _run_before_draws(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> tuple[tuple[int, ...], int]:
    """Four axes, of which the last is the draws, and which of the others has its numbers adjacent, or nearest to each other.

    Axes that follow each other in memory as well are one, which makes that axis long.
    """
    axes = list(zip(shape, strides, strict=True))
    for axis in (1, 0):
        (outer, far), (inner, near) = axes[axis : axis + 2]
        if inner == 1 or outer == 1 or far == inner * near:
            axes[axis : axis + 2] = [(outer * inner, far if inner == 1 else near)]
    axes = [(1, 0)] * (4 - len(axes)) + axes
    steps = {axis: abs(step) for axis, (size, step) in enumerate(axes[:3]) if size > 1}
    run = min(steps, key=lambda axis: (steps[axis] != itemsize, steps[axis]), default=2)
    return tuple(size for size, _ in axes), run
