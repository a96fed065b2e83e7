"""Arrays of numbers beside predictions: weights, masks, scores, probabilities of picks and row numbers, many of them wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from tests.soak.hostile_numbers import Given, Refusing, pick

NARROW = (np.float16, np.float32)
OTHER_NUMBERS = (np.int8, np.uint64, np.int64)
NO_ARRAYS: list[Any] = [
    b"12",
    "12",
    {"a": 1.0},
    {0.5},
    object(),
    0.5,
    len,
    Refusing(),
    [[1.0], [1.0, 2.0]],
    [None],
    ["1", "2"],
]
NO_ARRAYS += [np.array(["0.5", "0.5"]), np.array([0.5, 0.5], object), np.array([1j, 2j]), np.array([True, False])]
NO_ARRAYS += [np.ma.masked_array([0.5, 0.5], [True, False]), np.ones(2, "datetime64[s]"), np.ones(2, [("a", float)])]
NO_ARRAYS += [
    np.ones(2, ml_dtypes.bfloat16),
    np.ones(2, ml_dtypes.float8_e4m3),
    np.array(0.5),
    np.ones((2, 2, 2)),
    iter([0.5, 0.5]),
]
NO_ARRAYS += [
    np.zeros(0, object),
    np.ones(3, np.complex64)[::-1],
    [[]],
    [0.5, "a"],
    np.ones((2, 0)),
    range,
    np.array(None),
]


def laid_out(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """The same numbers in another layout, perhaps read-only."""
    how = int(rng.random() * 8)
    if array.dtype.kind not in "fiub" or how < 2:
        return array
    if how == 2:
        return np.asfortranarray(array)
    if how == 3:
        wide = np.zeros(tuple(2 * n for n in array.shape), array.dtype)
        part = wide[tuple(slice(None, None, 2) for _ in array.shape)]
        part[...] = array
        return part
    if how == 4:
        turned = tuple(slice(None, None, -1) for _ in array.shape)
        return np.ascontiguousarray(array[turned])[turned]
    if how == 5:
        return array.astype(array.dtype.newbyteorder())
    if how == 6:
        shifted = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
        shifted[...] = array
        return shifted
    array = array.copy()
    array.flags.writeable = False
    return array


def listed(rng: np.random.Generator, array: np.ndarray, share: float = 0.3) -> Any:
    """The array, or the same numbers as a list or a tuple."""
    if rng.random() > share:
        return laid_out(rng, array)
    return pick(rng, (list, tuple))(array.tolist())


def no_array(rng: np.random.Generator) -> Given:
    """Something else."""
    value = pick(rng, NO_ARRAYS)
    return Given(iter([0.5, 0.5]) if hasattr(value, "__next__") else value, None, False)


def weights(rng: np.random.Generator, size: int) -> Given:
    """Weights over ``size`` draws; None where there are none."""
    chance = rng.random()
    if chance < 0.4 or not size:
        return Given(None, None, True)
    if chance < 0.5:
        return no_array(rng)
    array = rng.integers(0, 4, size) * pick(rng, (1.0, 1.0, 0.3, 1e-300, 1e300, 5e-324))
    array[rng.integers(size)] += 1.0 if array.max() < 10 else array.max()
    if rng.random() < 0.3:
        array = array.astype(pick(rng, (*NARROW, *OTHER_NUMBERS)), casting="unsafe") if array.max() < 100 else array
    wide, right = array.astype(np.float64), True
    if chance > 0.85:
        wrong = rng.integers(size)
        spoil: Callable[[], Any] = pick(
            rng,
            (
                lambda: wide.__setitem__(wrong, -1.0),
                lambda: wide.__setitem__(wrong, np.nan),
                lambda: wide.__setitem__(wrong, np.inf),
                lambda: wide.fill(0.0),
            ),
        )
        spoil()
        array, right = wide, False
    if chance > 0.95:
        array, right = pick(rng, (np.append(array, 1), array[:-1], array[None], np.stack([array, array], 1))), False
    if not right:
        return Given(listed(rng, array), None, False)
    scaled = wide / wide.max()
    return Given(listed(rng, array), scaled / scaled.sum(), True)


def mask(rng: np.random.Generator, shape: tuple[int, ...]) -> Given:
    """Padding of cells (N, ...), True where a cell is padding; every row keeps a cell where the mask is right."""
    chance = rng.random()
    if chance < 0.3:
        return Given(None, None, True)
    if chance < 0.38:
        return no_array(rng)
    array = rng.random(shape) < 0.4
    if array.ndim > 1 and array.size:
        array.reshape(len(array), -1)[:, 0] = False
    if chance < 0.9:
        return Given(listed(rng, array, 0.3 if array.size else 0.0), array, len(shape) > 1)
    other = pick(
        rng, (array.astype(int), array.astype(float), array[:-1], array[..., None], np.append(array, array, 0), array.T)
    )
    same = other.shape == array.shape and other.dtype == np.bool_
    return Given(other, other if same else None, None if same else False)


def scores(rng: np.random.Generator, *, finite: bool) -> Given:
    """Scores (N,), with ties; infinite ones are wrong where they have to be finite."""
    chance = rng.random()
    if chance < 0.12:
        return no_array(rng)
    size = int(rng.integers(0, 9))
    array = pick(rng, (rng.normal(size=size), rng.integers(0, 3, size) / 2, rng.gamma(0.01, size=size), np.zeros(size)))
    array = array * pick(rng, (1.0, 1.0, 1e-30, 1e30))
    if rng.random() < 0.3 and np.abs(array).max(initial=0) < 100:
        array = array.astype(pick(rng, (*NARROW, np.int8, np.int64)))
    right = True
    if chance > 0.7 and size and array.dtype.kind == "f":
        spoiled = pick(rng, (np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e308, -1e308))
        array = array.astype(np.float64)
        array[rng.integers(size)] = spoiled
        right = not (np.isnan(spoiled) or (finite and np.isinf(spoiled)))
    if chance > 0.95:
        return Given(pick(rng, (array[None], array[:, None], np.array(0.5))), None, False)
    value: Any = listed(rng, array)
    if not size and isinstance(value, list | tuple):
        value = array
    return Given(value, array.astype(np.float64) if right else None, right)


def row_numbers(rng: np.random.Generator, rows: int) -> Given:
    """Different row numbers of predictions with so many rows."""
    if rng.random() < 0.1:
        given = no_array(rng)
        empty = isinstance(given.value, np.ndarray) and given.value.shape == (0,)
        return Given(given.value, np.zeros(0, np.int64), None) if empty else given
    size = int(rng.integers(0, min(rows, 4) + 1))
    array = rng.permutation(rows)[:size].astype(pick(rng, (np.int64, np.uint8, np.int32, np.uint64)))
    if rng.random() < 0.85:
        return Given(listed(rng, array), array.astype(np.int64), True)
    wide = array.astype(np.int64)
    first = wide[:1] if size else np.zeros(1, np.int64)
    wrong = [
        np.append(wide, first) if size else -1 - first,
        wide.astype(float) + 0.5 if size else first + rows,
        np.append(wide, -1),
    ]
    wrong += [
        np.append(wide, rows),
        np.append(wide, 2**62),
        first[None],
        np.append(wide, np.uint64(2**63)),
        wide.astype(str) if size else "a",
    ]
    wrong += [wide.astype(object) if size else None, wide > 0 if size else 0.5, np.ma.masked_array(first)]
    return Given(pick(rng, wrong), None, False)
