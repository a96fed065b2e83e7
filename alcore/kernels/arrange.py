"""Cells whose draws lie far apart in memory, copied to where the kernels read them.

A tile of numbers goes through registers: so many draws of so many neighbours are loaded, turned, and stored. A compiler loads or
stores such numbers one by one, which takes 0.9 ns each at (T, N, C) in float32, and 0.4 ns by tiles. So a tile is written in the
compiler's language. Fetching ahead by instructions gained nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import config, types
from numba.extending import intrinsic

from alcore.kernels.jit import FORMULA, kernel

Numbers = npt.NDArray[np.generic]

RUN = 1 << 17  # numbers that are read draw by draw: what they fill stays in the L2 cache
_BYTE, _WORD = ir.IntType(8), ir.IntType(32)


def _tile(draws: int, numbers: int) -> Callable[..., None]:
    """``tile(values_ft, f, t, out_ft)``: so many draws from t on of so many neighbours from f on, copied.

    Draws are adjacent in ``out_ft``, and neighbours are in ``values_ft``. Nothing is checked.
    """
    if config.DISABLE_JIT:  # type: ignore[attr-defined]

        def interpreted(values_ft: Numbers, f: int, t: int, out_ft: Numbers) -> None:
            square = slice(f, f + numbers), slice(t, t + draws)
            out_ft[square] = values_ft[square]

        return interpreted

    def tile(typing: Any, values_ft: Any, f: Any, t: Any, out_ft: Any) -> Any:
        return types.void(values_ft, types.intp, types.intp, out_ft), _Lowering(draws, numbers)

    compiled: Callable[..., None] = intrinsic(tile)
    return compiled


class _Lowering:
    """The instructions of a tile."""

    def __init__(self, draws: int, numbers: int) -> None:
        self._draws, self._numbers = draws, numbers

    def __call__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def array(place: int) -> Any:
            return context.make_array(signature.args[place])(context, builder, arguments[place])

        self._builder, dtype = builder, signature.args[0].dtype
        size = dtype.bitwidth // 8
        vector = ir.VectorType(context.get_data_type(dtype), self._numbers)
        start, (_, apart) = self._start(array(0), arguments[1:3])
        loaded = []
        for _ in range(self._draws):
            loaded.append(builder.load(builder.bitcast(start, vector.as_pointer()), align=size))
            start = builder.gep(start, [apart])
        start, (apart, _) = self._start(array(3), arguments[1:3])
        vector = ir.VectorType(vector.element, self._draws)
        for stored in self._turned(loaded):
            builder.store(stored, builder.bitcast(start, vector.as_pointer()), align=size)
            start = builder.gep(start, [apart])
        return context.get_dummy_value()

    def _start(self, array: Any, place: list[Any]) -> tuple[Any, list[Any]]:
        """A pointer to a number of an array, and the bytes from one to the next on each axis."""
        builder = self._builder
        steps = [builder.extract_value(array.strides, axis) for axis in range(2)]
        start = builder.bitcast(array.data, _BYTE.as_pointer())
        for one, step in zip(place, steps, strict=True):
            start = builder.gep(start, [builder.mul(one, step)])
        return start, steps

    def _turned(self, rows: list[Any]) -> list[Any]:
        """Vectors of draws: the first number of each row, the second of each row, and so on."""
        streams = [[row] for row in rows]
        while len(streams) > 1:  # rows i and i + half are shuffled like the halves of a pack of cards
            half = len(streams) // 2
            streams = [self._interleaved(streams[i], streams[i + half]) for i in range(half)]
        return streams[0]

    def _interleaved(self, one: list[Any], other: list[Any]) -> list[Any]:
        """Two streams of numbers as one, taken from each in turn. Vectors have so many numbers at most as there are draws."""
        width = one[0].type.count
        order = [place for pair in zip(range(width), range(width, 2 * width), strict=True) for place in pair]
        parts = [order] if width < self._draws else [order[:width], order[width:]]
        masks = [ir.Constant(ir.VectorType(_WORD, len(part)), part) for part in parts]
        return [self._builder.shuffle_vector(x, y, mask) for x, y in zip(one, other, strict=True) for mask in masks]


_8_of_8, _8_of_4, _8_of_2, _8_of_1 = _tile(8, 8), _tile(8, 4), _tile(8, 2), _tile(8, 1)
_4_of_4, _4_of_1 = _tile(4, 4), _tile(4, 1)


def arrange(values_abft: Numbers, out_abft: Numbers) -> None:
    """Numbers whose draws lie apart -> draws adjacent. What is adjacent in ``values_abft`` is best on the axis before the draws."""
    draws = values_abft.shape[3]
    if draws >= 8:
        _eights(values_abft, out_abft)
    elif draws >= 4:
        _fours(values_abft, out_abft)
    else:
        out_abft[...] = values_abft


@kernel(FORMULA)
def _eights(values_abft: Numbers, out_abft: Numbers) -> None:
    """Eight draws at a time. The last eight may overlap those before them."""
    first, second, numbers, draws = values_abft.shape
    adjacent, run = values_abft.strides[2] == values_abft.itemsize, max(RUN // draws, 8)
    for a in range(first):
        for b in range(second):
            values_ft, out_ft = values_abft[a, b], out_abft[a, b]
            for start in range(0, numbers, run):
                stop = min(start + run, numbers)
                for eight in range(0, draws, 8):
                    t, f = min(eight, draws - 8), start
                    if adjacent:
                        while f + 8 <= stop:
                            _8_of_8(values_ft, f, t, out_ft)
                            f += 8
                        if f + 4 <= stop:
                            _8_of_4(values_ft, f, t, out_ft)
                            f += 4
                        if f + 2 <= stop:
                            _8_of_2(values_ft, f, t, out_ft)
                            f += 2
                    while f < stop:
                        _8_of_1(values_ft, f, t, out_ft)
                        f += 1


@kernel(FORMULA)
def _fours(values_abft: Numbers, out_abft: Numbers) -> None:
    """Four to seven draws, four at a time."""
    first, second, numbers, draws = values_abft.shape
    adjacent = values_abft.strides[2] == values_abft.itemsize
    for a in range(first):
        for b in range(second):
            values_ft, out_ft = values_abft[a, b], out_abft[a, b]
            for t in (0, draws - 4):
                f = 0
                if adjacent:
                    while f + 4 <= numbers:
                        _4_of_4(values_ft, f, t, out_ft)
                        f += 4
                while f < numbers:
                    _4_of_1(values_ft, f, t, out_ft)
                    f += 1
