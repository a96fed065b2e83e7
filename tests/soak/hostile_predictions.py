"""Predictions (N, C, ..., T) as callers pass them: of every shape, dtype, layout and source, with numbers that are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from alcore import door
from tests.soak.hostile_arrays import laid_out
from tests.soak.hostile_numbers import Given, Refusing, pick
from tests.sources.every_source import ArrayProtocol, DLPackOnly

FLOATS = (np.float64, np.float32, np.float16)
NO_FLOATS: list[Any] = [object, np.complex64, np.complex128, "U8", "S8", np.int64, np.uint8, np.bool_, np.longdouble]
NO_FLOATS += [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3, "datetime64[s]", [("a", float)]]
NO_SOURCES: list[Any] = [
    None,
    "no such file.npy",
    "0.5",
    b"bytes",
    {"pool": np.full((2, 2, 2), 0.5)},
    {0.5},
    object(),
    3,
    0.5,
    2j,
    True,
]
NO_SOURCES += [
    [],
    (),
    [None],
    [[0.5, 0.5]],
    [[[0.5], [0.5]]],
    np.float64(0.5),
    range(3),
    "",
    len,
    np.random,
    Refusing(),
    [Refusing()],
]
NO_SOURCES += [
    "x" * 300,
    "nul\0.npy",
    [np.full((1, 2, 1), 0.5), None],
    [np.full((1, 2, 1), 0.5), np.full((1, 2, 2), 0.5)],
]
NO_SOURCES += [
    [np.full((2, 2), 0.5)],
    [np.full((1, 2, 1), 1)],
    [np.full((1, 2, 1), 0.5), "x"],
    bytearray(b"x"),
    memoryview(b"x"),
    np.dtype(float),
]
MARGIN = 1e-5  # by which rounding may move a sum


@dataclass
class Lazy:
    """What a lazy array looks like; the shape that it says may be another than it has."""

    held: np.ndarray
    shape: Any
    dtype: Any

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self.held[rows]


def predictions(
    rng: np.random.Generator,
    kind: Any = "probs",
    *,
    shape: tuple[int, ...] | None = None,
    events: bool = True,
    wrong: float = 0.4,
    once: bool = True,
) -> Given:
    """Predictions, wrong in some way in about a share ``wrong`` of the inputs; ``once`` lets sources be read once only."""
    chance = rng.random() / wrong if wrong else 1.0
    if chance < 0.15:
        source = pick(rng, NO_SOURCES)
        return Given(source, None, False)
    array = (
        distributions(rng, shape or right_shape(rng, events))
        if kind != "logits"
        else logits(rng, shape or right_shape(rng, events))
    )
    if chance < 0.25:
        return Given(_reshaped(rng, array), None, False)
    if chance < 0.4:
        with np.errstate(all="ignore"):
            return Given(array.astype(pick(rng, NO_FLOATS)) if array.size else array.astype(int), None, False)
    if chance < 0.5 and len(array):
        return _lying(rng, array)
    with np.errstate(all="ignore"):
        stored = array.astype(pick(rng, FLOATS), copy=True)
        if chance < 1.0 and stored.size:
            stored = spoiled(rng, stored)
    meaning, right = meaning_of(stored, kind)
    return Given(as_source(rng, stored, once), meaning, right, stored.dtype != np.float64)


def right_shape(rng: np.random.Generator, events: bool = True) -> tuple[int, ...]:
    between = pick(rng, ((), (), (), (2,), (2, 1), (0,), (1, 2, 2))) if events else ()
    rows, classes, draws = rng.integers(1, 5), rng.integers(2, 6), rng.integers(1, 7)
    if rng.random() < 0.1:
        rows, classes, draws = pick(rng, ((0, 2, 3), (1, 40, 2), (2, 2, 70), (30, 3, 2)))
    return (int(rows), int(classes), *between, int(draws))


def distributions(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Distributions over axis 1 in float64: even, sure, certain, alike, or multiples of 1/256."""
    how = int(rng.random() * 6)
    if how == 0:
        labels = rng.integers(shape[1], size=(shape[0], *shape[2:]))
        return np.moveaxis(np.eye(shape[1])[labels], -1, 1)
    if how == 1:
        array = 1.0 + 1e-3 * rng.random(shape)
    else:
        array = rng.standard_gamma(pick(rng, (1.0, 0.3, 0.05)), shape) + 1e-300
    array /= array.sum(axis=1, keepdims=True)
    if how == 2:
        array[...] = array[..., :1]
    if how == 3:
        array = np.floor(array * 256) / 256
        array[:, 0] += 1 - array.sum(axis=1)
    return array


def logits(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    array = rng.normal(size=shape) * pick(rng, (0.1, 1.0, 5.0))
    if rng.random() < 0.2 and array.size:
        array[:, 0] = pick(rng, (-np.inf, 3e4, -3e4))
    return array


def spoiled(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """The array with a number, a draw or all of it changed; what that does to its meaning is found by `meaning_of`."""
    array = array.copy()
    place = tuple(int(rng.integers(n)) for n in array.shape)
    how = int(rng.random() * 8)
    if how < 3:
        array[place] = pick(rng, (np.nan, np.inf, -np.inf, -0.25, -1e-30, -0.0, 5e-324, 1e-40, 1.5, 1e308, 1e5))
    elif how == 3:
        array[place[0], :, *place[2:]] *= array.dtype.type(pick(rng, (1.001, 0.999, 1.02, 0.98, 0.0, 10.0, -1.0)))
    elif how == 4:
        array *= array.dtype.type(pick(rng, (1.001, 0.999, 1.01, 0.5, 100.0)))
    elif how == 5:
        array = np.ascontiguousarray(np.moveaxis(array, 1, -1))
    elif how == 6:
        array = np.log(np.abs(array))
    else:
        array = rng.integers(0, 5, array.shape).astype(array.dtype)
    return array


def meaning_of(array: np.ndarray, kind: Any) -> tuple[np.ndarray | None, bool | None]:
    """The probabilities that stored numbers are, in float64, and whether they have to be taken or refused.

    ``kind`` "stored" is for what does not look at numbers: they then mean what they are.
    """
    if array.ndim < 3 or array.shape[1] < 2 or not array.shape[-1]:
        return None, False
    if kind == "stored":
        return array, True
    with np.errstate(invalid="ignore"):  # NaN that signals
        wide = array.astype(np.float64)
    if kind == "logits":
        if np.isnan(wide).any() or (wide == np.inf).any() or (wide == -np.inf).all(axis=1).any():
            return None, False
        with np.errstate(over="ignore"):
            powers = np.exp(wide - wide.max(axis=1, keepdims=True)) if wide.size else wide
        return powers / powers.sum(axis=1, keepdims=True), True
    if not np.isfinite(wide).all() or (wide < 0).any():
        return None, False
    with np.errstate(over="ignore"):
        off = np.abs(wide.sum(axis=1) - 1).max(initial=0.0)
    most = door.tolerance(array.shape[1])
    if off > most + MARGIN:
        return None, False
    return wide, True if off < most - MARGIN else None


def as_source(rng: np.random.Generator, array: np.ndarray, once: bool) -> Any:
    """An array in some layout, or a source that gives the same rows."""
    how = int(rng.random() * 14)
    if how == 0:
        return Lazy(array, array.shape, array.dtype)
    if how == 1:
        return ArrayProtocol(laid_out(rng, array))
    if how == 2:
        return DLPackOnly(np.array(array, order="C"))
    if how in (3, 4):
        cuts = sorted(rng.integers(0, len(array) + 1, size=2).tolist())
        blocks = [laid_out(rng, part) for part in (array[: cuts[0]], array[cuts[0] : cuts[1]], array[cuts[1] :])]
        return pick(rng, (list, tuple, iter) if once else (list, tuple))(blocks)
    return laid_out(rng, array)


def _reshaped(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """An array with too few axes, one class, no class or no draw."""
    wrong: list[Callable[[], np.ndarray]] = [
        lambda: array[:, :1],
        lambda: array[:, :0],
        lambda: array[..., :0],
        lambda: array[:, :, ..., 0] if array.ndim == 3 else array[:, :1],
        lambda: array.reshape(-1),
        lambda: np.array(0.5),
        lambda: np.zeros((0, 0, 0)),
    ]
    return pick(rng, wrong)()


def _lying(rng: np.random.Generator, array: np.ndarray) -> Given:
    """A lazy array or a stream that does not hold what it says."""
    rows, rest = array.shape[0], array.shape[1:]
    shapes: list[Any] = [
        (rows + 1, *rest),
        (10**9, *rest),
        (10**15, *rest),
        (rows, *rest[:-1], rest[-1] + 1),
        (rows, *rest, 1),
    ]
    shapes += [
        (np.nan, *rest),
        (None, *rest),
        (-3, *rest),
        (rows, 2**62, rest[-1]),
        (),
        3,
        None,
        ("3", *rest),
        [rows, *rest[:-1]],
    ]
    lazy = Lazy(array, pick(rng, shapes), array.dtype)
    return Given(pick(rng, (lazy, lazy, _Unreadable(array), _stream(array))), None, False)


@dataclass
class _Unreadable:
    """A lazy array whose rows cannot be read as an array."""

    held: np.ndarray

    def __post_init__(self) -> None:
        self.shape, self.dtype = self.held.shape, self.held.dtype

    def __getitem__(self, rows: slice) -> Any:
        return Refusing()


def _stream(array: np.ndarray) -> Iterator[Any]:
    yield array
    yield array[..., None]
