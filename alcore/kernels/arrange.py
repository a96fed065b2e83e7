"""Cells whose draws lie far apart in memory, copied to where the kernels read them.

A tile of numbers goes through registers: so many draws of so many neighbours are loaded, turned, and stored. A compiler loads or
stores such numbers one by one, which takes 0.9 ns each at (T, N, C) in float32, and 0.4 ns by tiles. So a tile is written in the
compiler's language. What comes next is fetched meanwhile: BALD of (N, T, C) took 21 ms instead of 29, of (T, N, C) 26 instead of
30, of (T, C, N) 25 instead of 30 (Zen 5, one thread).

float16 becomes float32 on the way, as by `widen`. A second kernel took the interpreter's lock once more for each chunk, and threads
waited for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import config, types
from numba.extending import intrinsic

from alcore.kernels.fetch import LINE, fetch_number
from alcore.kernels.jit import FORMULA, kernel
from alcore.kernels.widen import INFINITY, MAGNITUDE, REBIAS, SIGN, SMALLEST_NORMAL, SUBNORMAL_UNIT, TO_FLOAT32

Numbers = npt.NDArray[np.generic]

AHEAD = 64  # neighbours whose next draws are fetched. The draws of fewer are too near: the next neighbours are fetched
RUN = 1 << 17  # numbers that are read draw by draw: what they fill stays in the L2 cache
_BYTE, _WORD = ir.IntType(8), ir.IntType(32)


def _tile(draws: int, numbers: int) -> Callable[..., None]:
    """``tile(values_ft, f, t, out_ft)``: so many draws from t on of so many neighbours from f on, copied.

    Draws are adjacent in ``out_ft``, and neighbours are in ``values_ft``. Or the draws of one number, adjacent in both, where
    ``numbers`` is 0. Nothing is checked.
    """
    if config.DISABLE_JIT:  # type: ignore[attr-defined]

        def interpreted(values_ft: Numbers, f: int, t: int, out_ft: Numbers) -> None:
            square = slice(f, f + max(numbers, 1)), slice(t, t + draws)
            _copy(values_ft[square], out_ft[square])

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

        self._builder, dtype, wide = builder, signature.args[0].dtype, signature.args[3].dtype
        size, rows = dtype.bitwidth // 8, self._draws if self._numbers else 1
        vector = ir.VectorType(context.get_data_type(dtype), self._numbers or self._draws)
        start, (_, apart) = self._start(array(0), arguments[1:3])
        loaded = []
        for _ in range(rows):
            loaded.append(builder.load(builder.bitcast(start, vector.as_pointer()), align=size))
            start = builder.gep(start, [apart])
        start, (apart, _) = self._start(array(3), arguments[1:3])
        for turned in self._turned(loaded):
            stored = turned if wide == dtype else self._widened(turned)
            builder.store(stored, builder.bitcast(start, stored.type.as_pointer()), align=wide.bitwidth // 8)
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

    def _widened(self, halves: Any) -> Any:
        """The bits of float32 for those of float16, as `widen` makes them."""
        builder, words = self._builder, ir.VectorType(_WORD, self._draws)
        floats = ir.VectorType(ir.FloatType(), self._draws)

        def number(value: int | np.int32) -> Any:
            return ir.Constant(words, [int(value)] * self._draws)

        bits = builder.zext(halves, words)
        magnitude = builder.and_(bits, number(MAGNITUDE))
        normal = builder.add(builder.shl(magnitude, number(TO_FLOAT32)), number(REBIAS))
        endless = builder.icmp_signed(">=", magnitude, number(INFINITY))
        normal = builder.select(endless, builder.add(normal, number(REBIAS)), normal)
        unit = ir.Constant(floats, [float(SUBNORMAL_UNIT)] * self._draws)
        small = builder.bitcast(builder.fmul(builder.sitofp(magnitude, floats), unit), words)
        found = builder.select(builder.icmp_signed("<", magnitude, number(SMALLEST_NORMAL)), small, normal)
        sign = builder.shl(builder.and_(bits, number(SIGN)), number(16))
        return builder.or_(found, sign)

    def _interleaved(self, one: list[Any], other: list[Any]) -> list[Any]:
        """Two streams of numbers as one, taken from each in turn. Vectors have so many numbers at most as there are draws."""
        width = one[0].type.count
        order = [place for pair in zip(range(width), range(width, 2 * width), strict=True) for place in pair]
        parts = [order] if width < self._draws else [order[:width], order[width:]]
        masks = [ir.Constant(ir.VectorType(_WORD, len(part)), part) for part in parts]
        return [self._builder.shuffle_vector(x, y, mask) for x, y in zip(one, other, strict=True) for mask in masks]


_8_of_8, _8_of_4, _8_of_2, _8_of_1 = _tile(8, 8), _tile(8, 4), _tile(8, 2), _tile(8, 1)
_4_of_4, _4_of_1 = _tile(4, 4), _tile(4, 1)
_16_in_line, _8_in_line = _tile(16, 0), _tile(8, 0)


def arrange(values_abft: Numbers, out_abft: Numbers) -> None:
    """Numbers whose draws lie apart -> draws adjacent. What is adjacent in ``values_abft`` is best on the axis before the draws.

    They are the bits of any numbers, or those of float16, where ``out_abft`` has room for the bits of float32.
    """
    draws = values_abft.shape[3]
    if draws >= 8 and values_abft.strides[3] == values_abft.itemsize < out_abft.itemsize:
        _rows(values_abft, out_abft)
    elif draws >= 4:
        (_eights if draws >= 8 else _fours)(values_abft, out_abft)
    else:
        _copy(values_abft, out_abft)


def _copy(values: Numbers, out: Numbers) -> None:
    if values.itemsize < out.itemsize:
        values, out = values.view(np.float16), out.view(np.float32)
    out[...] = values


@kernel(FORMULA)
def _eights(values_abft: Numbers, out_abft: Numbers) -> None:
    """Eight draws at a time. The last eight may overlap those before them."""
    first, second, numbers, draws = values_abft.shape
    adjacent, run = values_abft.strides[2] == values_abft.itemsize, max(RUN // draws, 8)
    for a in range(first):
        for b in range(second):
            values_ft, out_ft, next_ft = values_abft[a, b], out_abft[a, b], values_abft[a, min(b + 1, second - 1)]
            for start in range(0, numbers, run):
                stop = min(start + run, numbers)
                for eight in range(0, draws, 8):
                    t, f = min(eight, draws - 8), start
                    if adjacent:
                        if stop - start >= AHEAD:
                            f = _squares(values_ft, start, stop, t, out_ft)
                        else:
                            for number in range(start, stop, LINE // values_abft.itemsize):
                                for draw in range(t, t + 8):
                                    fetch_number(next_ft, number, draw)
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
def _squares(values_ft: Numbers, start: int, stop: int, t: int, out_ft: Numbers) -> int:
    """Eight draws of as many eights of neighbours as fill lines of the cache. Returns where it ends.

    The next eight draws are fetched meanwhile, or the first ones of the next run. After the last run these are of other cells or of
    nothing, which does no harm.
    """
    f, line, draws = start, LINE // values_ft.itemsize, values_ft.shape[1]
    ahead, then = (0, min(t + 8, draws - 8)) if t + 8 < draws else (stop - start, 0)
    while f + line <= stop:
        for draw in range(then, then + 8):
            fetch_number(values_ft, f + ahead, draw)
        for eight in range(f, f + line, 8):
            _8_of_8(values_ft, eight, t, out_ft)
        f += line
    return f


@kernel(FORMULA)
def _rows(values_abft: Numbers, out_abft: Numbers) -> None:
    """Adjacent draws of float16, sixteen at a time, or eight."""
    first, second, numbers, draws = values_abft.shape
    for a in range(first):
        for b in range(second):
            values_ft, out_ft = values_abft[a, b], out_abft[a, b]
            for f in range(numbers):
                if draws >= 16:
                    for t in range(0, draws, 16):
                        _16_in_line(values_ft, f, min(t, draws - 16), out_ft)
                else:
                    for t in (0, draws - 8):
                        _8_in_line(values_ft, f, t, out_ft)


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
