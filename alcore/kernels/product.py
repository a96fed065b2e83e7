"""Matrix products in an order of additions that never changes, whatever the shapes around them and the number of threads.

A product of a few rows and many columns is computed tile by tile, with the sums of a tile in registers; each sum adds its draws one
after the other. A compiler does not keep sums in registers over a loop by itself, so the tile is written in its language.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba.core import config, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from alcore.kernels.jit import kernel

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]

COLUMNS = (
    64  # multiplied at a time: with 100 draws they stay in the L1 cache, 171 GFLOP/s where 192 columns reached 111
)
SHORT = 32  # bytes of a register; where registers are shorter the compiler takes several for one
NUMBER = 4  # bytes to which the shortest numbers are aligned
LINE = 64  # bytes of a line of the cache
LANES = 8  # columns are padded with zeros to a multiple of this, a short register of float32 and two of float64


def chunks_of(columns: int) -> tuple[int, int]:
    """How many chunks so many columns fill, and the width of one, zeros where padded."""
    return -(-columns // COLUMNS), min(COLUMNS, -(-columns // LANES) * LANES)


def aligned(shape: tuple[int, ...], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """An array to be written to whole, which begins where a line of the cache does.

    Registers that cross two lines are loaded twice: ten rows by 69 chunks took 68 µs instead of 58 (Emerald Rapids).
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    held = np.empty(size + LINE, np.uint8)
    start = -held.ctypes.data % LINE
    return held[start : start + size].view(dtype).reshape(shape)


def _register() -> int:
    """Bytes of the registers of the processor that numba compiles for: 64 with AVX-512. The bits of a product are the same."""
    features = config.CPU_FEATURES  # type: ignore[attr-defined]
    if features is None:
        named = config.CPU_NAME is not None  # type: ignore[attr-defined]
        features = "" if named else get_host_cpu_features().flatten()
    return 2 * SHORT if "+avx512f" in features.split(",") else SHORT


REGISTER = _register()


def _tile(rows: int, registers: int, register: int = REGISTER) -> Callable[..., None]:
    """``tile(a_ru, r, draws_u, b_tj, j, out_rj)``: so many rows from r on times so many registers of columns from j on.

    out_rj = sum_u a_ru b_[draws_u]j, over all draws in order where ``draws_u`` is None. The matrices are C-contiguous, of one
    type or ``b_tj`` of a shorter one; there is a draw at least, and nothing is checked.
    """
    if config.DISABLE_JIT:  # type: ignore[attr-defined]

        def interpreted(a_ru: Floats, r: int, draws_u: Ints | None, b_tj: Floats, j: int, out_rj: Floats) -> None:
            columns = slice(j, j + registers * (register // out_rj.itemsize))
            b_uj = (b_tj if draws_u is None else b_tj[draws_u])[:, columns]
            # One draw after the other, as the instructions do. The order of a matrix product in NumPy is that of its BLAS.
            out_rj[r : r + rows, columns] = (a_ru[r : r + rows, : len(b_uj), None] * b_uj).sum(axis=1)

        return interpreted

    def tile(typing: Any, a_ru: Any, r: Any, draws_u: Any, b_tj: Any, j: Any, out_rj: Any) -> Any:
        contiguous = all((array.ndim, array.layout) == (2, "C") for array in (a_ru, b_tj, out_rj))
        if not contiguous or a_ru.dtype != out_rj.dtype or b_tj.dtype.bitwidth > out_rj.dtype.bitwidth:
            raise TypingError(f"expected contiguous matrices of one type, got {a_ru}, {b_tj}, {out_rj}")
        return types.void(a_ru, types.intp, draws_u, b_tj, types.intp, out_rj), _Lowering(rows, registers, register)

    compiled: Callable[..., None] = intrinsic(tile)
    return compiled


class _Lowering:
    """The instructions of a tile."""

    def __init__(self, rows: int, registers: int, register: int) -> None:
        self._rows, self._registers, self._register_bytes = range(rows), range(registers), register

    def __call__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def array(place: int) -> Any:
            return context.make_array(signature.args[place])(context, builder, arguments[place])

        a_ru, b_tj, out_rj = array(0), array(3), array(5)
        row, column = arguments[1], arguments[4]
        dtype = signature.args[5].dtype
        self._index = context.get_value_type(types.intp)
        self._vector = ir.VectorType(context.get_data_type(dtype), self._register_bytes // (dtype.bitwidth // 8))
        self._narrow = ir.VectorType(context.get_data_type(signature.args[3].dtype), self._vector.count)
        self._builder = builder

        named = None if signature.args[2] == types.none else array(2)
        count = builder.extract_value((b_tj if named is None else named).shape, 0)
        rows = [builder.add(row, self._number(r)) for r in self._rows]
        starts = [builder.gep(a_ru.data, [builder.mul(r, builder.extract_value(a_ru.shape, 1))]) for r in rows]
        width = builder.extract_value(b_tj.shape, 1)
        sums = self._loop(starts, named, builder.gep(b_tj.data, [column]), width, count)
        for r, own in zip(rows, sums, strict=True):
            start = builder.gep(out_rj.data, [builder.add(builder.mul(r, width), column)])
            for place, total in enumerate(own):
                builder.store(total, self._register(start, self._vector, place), align=NUMBER)
        return context.get_dummy_value()

    def _loop(self, starts: list[Any], named: Any, b: Any, width: Any, count: Any) -> list[list[Any]]:
        """Over draws: one number of each row times each register of columns, added to its sum."""
        builder, zero = self._builder, ir.Constant(self._vector, [0.0] * self._vector.count)
        before, body = builder.block, builder.append_basic_block("draws")
        after = builder.append_basic_block("draws.end")
        builder.branch(body)
        builder.position_at_end(body)
        u = builder.phi(self._index)
        sums = [[builder.phi(self._vector) for _ in self._registers] for _ in self._rows]
        draw = u if named is None else builder.load(builder.gep(named.data, [u]))
        b_j = builder.gep(b, [builder.mul(draw, width)])
        columns = [self._columns(b_j, place) for place in self._registers]
        phis, following = [(u, self._number(0), builder.add(u, self._number(1)))], []
        for start, own in zip(starts, sums, strict=True):
            number = self._broadcast(builder.load(builder.gep(start, [u])))
            products = [builder.fmul(number, one, flags=("contract",)) for one in columns]
            more = [builder.fadd(*pair, flags=("contract",)) for pair in zip(own, products, strict=True)]
            phis += [(total, zero, new) for total, new in zip(own, more, strict=True)]
            following.append(more)
        for phi, first, then in phis:
            phi.add_incoming(first, before)
            phi.add_incoming(then, body)
        builder.cbranch(builder.icmp_signed("<", phis[0][2], count), body, after)
        builder.position_at_end(after)
        return following

    def _number(self, value: int) -> Any:
        return ir.Constant(self._index, value)

    def _register(self, start: Any, vector: Any, place: int) -> Any:
        """A pointer to so many registers' numbers further on."""
        there = self._builder.gep(start, [self._number(place * vector.count)])
        return self._builder.bitcast(there, vector.as_pointer())

    def _columns(self, b_j: Any, place: int) -> Any:
        narrow = self._builder.load(self._register(b_j, self._narrow, place), align=NUMBER)
        return narrow if self._narrow == self._vector else self._builder.fpext(narrow, self._vector)

    def _broadcast(self, number: Any) -> Any:
        none = ir.Constant(self._vector, ir.Undefined)
        first = self._builder.insert_element(none, number, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self._vector.count), [0] * self._vector.count)
        return self._builder.shuffle_vector(first, none, zeros)


# Sums in eight registers hide the four cycles that one takes: of 112 GFLOP/s (Zen 3) 4 x 2 reach 92 to 96, 2 x 4 66 to 75. The 32
# registers of AVX-512 hold 4 x 4: 171 GFLOP/s where OpenBLAS has 134 and 4 x 2 short ones 59 (Emerald Rapids, one thread).
WIDE = 4 if REGISTER > SHORT else 2  # registers of columns beside four rows
_4_by_wide, _4_by_1, _4_by_short = _tile(4, WIDE), _tile(4, 1), _tile(4, 1, SHORT)
_2_by_4, _2_by_1, _2_by_short = _tile(2, 4), _tile(2, 1), _tile(2, 1, SHORT)


@kernel()
def multiply(a_ru: Floats, draws_u: Ints | None, b_tj: Floats, out_rj: Floats) -> None:
    """An even number of rows times a chunk of columns, a multiple of LANES: sum_u a_ru b_[draws_u]j, or all draws for None."""
    rows, columns, lanes = out_rj.shape[0], out_rj.shape[1], REGISTER // out_rj.itemsize
    fours = rows - rows % 4
    for r in range(0, fours, 4):
        j = 0
        while j + WIDE * lanes <= columns:
            _4_by_wide(a_ru, r, draws_u, b_tj, j, out_rj)
            j += WIDE * lanes
        while j + lanes <= columns:
            _4_by_1(a_ru, r, draws_u, b_tj, j, out_rj)
            j += lanes
        if j < columns:
            _4_by_short(a_ru, r, draws_u, b_tj, j, out_rj)
    if fours < rows:
        j = 0
        while j + 4 * lanes <= columns:
            _2_by_4(a_ru, fours, draws_u, b_tj, j, out_rj)
            j += 4 * lanes
        while j + lanes <= columns:
            _2_by_1(a_ru, fours, draws_u, b_tj, j, out_rj)
            j += lanes
        if j < columns:
            _2_by_short(a_ru, fours, draws_u, b_tj, j, out_rj)
