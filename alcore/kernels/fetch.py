"""Numbers that are asked for from memory before they are read, while the processor computes with others."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import config, types
from numba.extending import intrinsic

from alcore.kernels.jit import kernel

Numbers = npt.NDArray[np.generic]

LINE = 64  # bytes of a line of the cache
_READ, _KEEP, _DATA = 0, 3, 1  # the arguments of llvm.prefetch: to read, into the nearest cache, no instructions
_BYTE, _WORD = ir.IntType(8), ir.IntType(32)


@kernel()
def fetch(numbers_i: Numbers) -> None:
    """Ask for a contiguous array. This only takes time off what reads it later."""
    for i in range(0, numbers_i.size, LINE // numbers_i.itemsize):
        _fetch_at(numbers_i, i)


if config.DISABLE_JIT:  # type: ignore[attr-defined]

    def _fetch_at(numbers_i: Numbers, i: int) -> None:
        """Nothing: Python has no such instruction."""

    def fetch_number(numbers_ij: Numbers, i: int, j: int) -> None:
        """Nothing."""

else:

    @intrinsic
    def _fetch_at(typing: Any, numbers_i: Any, i: Any) -> Any:
        """Ask for the line of the cache in which a number of a contiguous array lies."""

        def instructions(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            return _ask(context, builder, builder.gep(array.data, [arguments[1]]))

        return types.void(numbers_i, types.intp), instructions

    @intrinsic
    def fetch_number(typing: Any, numbers_ij: Any, i: Any, j: Any) -> Any:
        """The same of a matrix that lies in any way."""

        def instructions(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            place = builder.bitcast(array.data, _BYTE.as_pointer())
            for axis, index in enumerate(arguments[1:]):
                place = builder.gep(place, [builder.mul(index, builder.extract_value(array.strides, axis))])
            return _ask(context, builder, place)

        return types.void(numbers_ij, types.intp, types.intp), instructions


def _ask(context: Any, builder: Any, place: Any) -> Any:
    place = builder.bitcast(place, _BYTE.as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [place.type, _WORD, _WORD, _WORD])
    ask = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
    builder.call(ask, [place, *(ir.Constant(_WORD, value) for value in (_READ, _KEEP, _DATA))])
    return context.get_dummy_value()
