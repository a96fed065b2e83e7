"""Single numbers, flags and generators, and arrays of numbers that are not predictions."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from alcore.door.arrays import Array, Float64s, as_plain, refuse_dtype_name
from alcore.door.wording import shown

Rng: TypeAlias = int | np.random.Generator | None


def as_real(value: Any, name: str) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: expected a number, got {shown(value)}.")
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(f"{name}: expected a number that fits into float64, got {shown(value)}.") from error


def as_finite(number: Any, name: str) -> float:
    value = as_real(number, name)
    if not np.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {number}.")
    return value


def as_whole(number: Any, name: str) -> int:
    if isinstance(number, bool | np.bool_):
        raise TypeError(f"{name}: expected a whole number, got {shown(number)}.")
    try:
        return operator.index(number)
    except TypeError as error:
        raise TypeError(f"{name}: expected a whole number, got {shown(number)}.") from error


def as_count(k: int, name: str = "k", *, least: int = 0) -> int:
    """A whole number of rows, at least 0 or ``least``."""
    count = as_whole(k, name)
    if count < least:
        raise ValueError(f"{name}: expected at least {least}, got {shown(count)}.")
    return count


def as_size(size: int, name: str) -> int:
    """A whole number of at least 1."""
    return as_count(size, name, least=1)


def as_flag(flag: bool, name: str) -> bool:
    if not isinstance(flag, bool | np.bool_):
        raise TypeError(f"{name}: expected True or False, got {shown(flag)}.")
    return bool(flag)


def as_rng(rng: Rng) -> np.random.Generator:
    """A generator from None (a fresh random state), from a seed, or the generator given. Never a global one."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        return np.random.default_rng()
    if isinstance(rng, bool | np.bool_) or not isinstance(rng, int | np.integer):
        raise TypeError(
            f"rng: expected None, an int or a numpy.random.Generator, got {type(rng).__name__}. "
            "Make one: numpy.random.default_rng(seed)."
        )
    if rng < 0:
        raise ValueError(f"rng: expected a seed of at least 0, got {shown(rng)}.")
    return np.random.default_rng(int(rng))


def as_optional_number(number: Any, name: str) -> float | None:
    """A number, which may be infinite, or None where there is none. NaN is refused: no threshold is above it."""
    if number is None:
        return None
    value = as_real(number, name)
    if np.isnan(value):
        raise ValueError(f"{name}: expected a number, or None where there is none, got nan.")
    return value


def as_metrics(metrics: Any) -> dict[str, float]:
    """Metrics by name. NaN is allowed, because a training run may end with it."""
    if not isinstance(metrics, Mapping):
        raise TypeError(
            f"metrics: expected a mapping of names to numbers, got {type(metrics).__name__}. Pass {{'accuracy': 0.9}}."
        )
    for name in metrics:
        if not isinstance(name, str):
            raise TypeError(f"metrics: expected names as strings, got {shown(name)}.")
    return {name: as_real(value, f"metrics[{shown(name)}]") for name, value in metrics.items()}


def as_numbers(value: npt.ArrayLike, name: str, kinds: str = "fiu", *, copy: bool = True) -> Float64s:
    """A float64 array from numbers (integers too). It is a copy, unless ``copy`` is False and the value is float64 already."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: expected an array without a mask, got a masked array. Fill the masked entries, x.filled(value), "
            "or remove them, x.compressed()."
        )
    refuse_dtype_name(getattr(value, "dtype", None), name)
    array = as_plain(value, name, "an array of numbers")
    if array.dtype.kind not in kinds:
        raise TypeError(
            f"{name}: expected an array of numbers, got {array.dtype}. Convert it first: np.asarray(x, float)."
        )
    return array.astype(np.float64, copy=copy)


MOST_PROBABLE = "Pass the most probable class of each row: probs.mean(axis=-1).argmax(axis=1)."


def as_classes(classes: npt.ArrayLike, name: str, *, remedy: str = MOST_PROBABLE, kinds: str = "iu") -> Array:
    """Class numbers (N, ...), at least one. ``kinds`` of dtypes may have booleans too."""
    if isinstance(classes, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected a plain array of classes, got a masked array. Pass {name}.compressed().")
    array = as_plain(classes, name, "an array of classes")
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"{name}: expected shape (N, ...) with at least one class, got {array.shape}.")
    if array.dtype.kind not in kinds:
        raise TypeError(f"{name}: expected classes as whole numbers, got {array.dtype}. {remedy}")
    return array
