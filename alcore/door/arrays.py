"""Arrays: any object that holds numbers -> a NumPy array of floats with known axes, or a refusal."""

from __future__ import annotations

import operator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from alcore.door.wording import first_line, shown

Array: TypeAlias = npt.NDArray[Any]


Float64s: TypeAlias = npt.NDArray[np.float64]


Bools: TypeAlias = npt.NDArray[np.bool_]


AXES = "(N, C, ..., T): rows, classes, any event axes, draws"


_FLOAT_SIZES = (2, 4, 8)


def as_array(value: Any, name: str) -> Array:
    """An in-memory array of floats from anything with ``__array__`` or DLPack, without a copy where possible."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: expected an array without a mask, got a masked array. The masked entries would be ranked too. "
            "Fill them first: x.filled(value). If they are padding, reduce without them: Reduce(heuristic).score(x, mask=mask)."
        )
    if not (hasattr(value, "__array__") or hasattr(value, "__dlpack__")):
        raise TypeError(
            f"{name}: expected an array, got {type(value).__name__}. Convert nested lists first: np.asarray(x)."
        )
    refuse_dtype_name(getattr(value, "dtype", None), name)
    try:
        if isinstance(value, np.ndarray) or hasattr(value, "__array__"):
            array = np.asarray(value)
        else:
            array = np.from_dlpack(value)
    except (TypeError, RuntimeError, BufferError, ValueError) as error:
        raise TypeError(
            f"{name}: expected an array that NumPy can convert, got {type(value).__name__} ({first_line(error)}). "
            "Move it to the CPU and detach it from its graph first. In PyTorch: x.detach().cpu()."
        ) from error
    check_dtype(array.dtype, name)
    return array


def as_plain(value: Any, name: str, expected: str) -> Array:
    """A NumPy array of anything that NumPy converts. A masked array loses its mask here, so callers refuse masked arrays."""
    try:
        return np.asarray(value)
    except (TypeError, RuntimeError, ValueError) as error:
        got = f"{type(value).__name__}, which NumPy cannot convert ({first_line(error)})"
        raise TypeError(f"{name}: expected {expected}, got {got}. Pass a list or a NumPy array.") from error


def refuse_dtype_name(dtype: Any, name: str) -> None:
    """Refuse the formats that NumPy cannot compute with, whichever library's dtype it is."""
    text = str(dtype)
    if "bfloat16" in text or "float8" in text:
        raise TypeError(
            f"{name}: expected float16, float32 or float64, got {text}, which NumPy does not have. "
            "Convert it first: x.float() in PyTorch, x.astype('float32') in JAX, tf.cast(x, 'float32') in TensorFlow."
        )


def check_dtype(dtype: Any, name: str) -> None:
    """float16, float32 or float64 in any byte order."""
    refuse_dtype_name(dtype, name)
    if dtype.kind == "f" and dtype.itemsize in _FLOAT_SIZES:
        return
    got, remedy = "", "Pass an array of numbers."
    if dtype.kind in "iub":
        remedy = f"If these are one-hot votes, pass {name}.astype(np.float32). If these are labels, pass predictions instead."
    elif dtype.kind == "f":
        remedy = f"Pass {name}.astype(np.float64)."
    elif dtype.kind == "V" and dtype.names is None and dtype.itemsize <= 2:
        format_of = "bfloat16" if dtype.itemsize == 2 else "float8_e4m3fn"
        got, more = (
            (" (bfloat16?)", "") if dtype.itemsize == 2 else (" (float8?)", ", or with the float8 that you saved")
        )
        remedy = (
            f"NumPy saves {'bfloat16' if dtype.itemsize == 2 else 'float8'} without its name. Widen it before you save it: "
            f"x.astype(np.float32). A file that you have: np.load(path).view(ml_dtypes.{format_of}).astype(np.float32){more}."
        )
    elif dtype.kind == "O":
        remedy = (
            "Rows of different shapes make an object array. Pad the rows to one shape, and pass the padding to a reduction: "
            "Reduce(heuristic).score(x, mask=mask)."
        )
    raise TypeError(f"{name}: expected float16, float32 or float64, got {dtype}{got}. {remedy}")


def as_shape(shape: Any, name: str) -> tuple[int, ...]:
    """A shape of whole numbers. A dask array has NaN for chunks that it has not computed."""
    try:
        sizes = tuple(map(operator.index, shape))
    except TypeError as error:
        raise ValueError(
            f"{name}: expected a known shape {AXES}, got {shown(shape)}. Compute it first (dask: x.compute_chunk_sizes())."
        ) from error
    if min(sizes, default=0) < 0:
        raise ValueError(f"{name}: expected a shape of sizes of at least 0, got {sizes}.")
    return sizes
