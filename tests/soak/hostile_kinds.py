"""Predictions of every kind but classes as callers pass them, with the letters of their axes and the variances of means."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np

from alcore import door
from tests.soak.hostile_arrays import laid_out, no_array
from tests.soak.hostile_numbers import NO_WORDS, Given, Refusing, pick
from tests.soak.hostile_predictions import FLOATS

YES_KINDS = ("binary", "binary_logits", "multilabel", "multilabel_logits")
NO_FLOATS: list[Any] = [object, np.complex64, "U8", "S8", np.int64, np.uint8, np.bool_, np.longdouble]
NO_FLOATS += [ml_dtypes.bfloat16, "datetime64[s]", [("a", float)]]
NO_SOURCES: list[Any] = [
    None,
    "no such file.npy",
    b"bytes",
    {"pool": np.full((2, 2, 2), 0.5)},
    {0.5},
    object(),
    3,
    0.5,
    2j,
]
NO_SOURCES += [True, [], (), [None], np.float64(0.5), range(3), "", len, Refusing(), [Refusing()], "nul\0.npy"]
NO_SOURCES += [
    [np.full((1, 1, 1), 0.5), None],
    [np.full((1, 1, 1), 0.5), "x"],
    [np.full((1, 1, 1), 1)],
    np.dtype(float),
]
NO_SOURCES += [[np.full((1, 1, 1), 0.5), np.full((1, 1, 2), 0.5)], np.ma.masked_array(np.full((2, 1, 2), 0.5), True)]
WRONG_LETTERS = ("NNT", "nct", "", "N C T", "N1T", "TC", "CCNT", "NCHTH", "NCST", "SN", "XYZ", "NCTÄ", "NCHWDEFT")


@dataclass(frozen=True)
class Lying:
    """Predictions as they lie, and what they are.

    Attributes:
        given: the value, its meaning (N, L, ..., T) and whether it is right.
        axes: what is said of it.
        order: the letters of the axes as they lie, NCT with event letters; of `variances`.
    """

    given: Given
    axes: Given
    order: str | None = None


# --- axes -------------------------------------------------------------------------------------------------------------


def arranged(array: np.ndarray, axes: Any, *, classes_required: bool) -> np.ndarray | None:
    """The array as (N, C, ..., T) by what is said of its axes, None where that says nothing."""
    if axes is None:
        if array.ndim == 2 and not classes_required:
            return array[:, None]
        return array if array.ndim >= 3 else None
    parts = parts_of(axes, classes_required)
    if parts is None or array.ndim != len(axes):
        return None
    classes, events, draws = parts
    moved = array.transpose([axes.index(letter) for letter in ("N", *classes, *events, *draws)])
    if not classes:
        moved = moved[:, None]
    kept = moved.shape[: moved.ndim - len(draws)]
    return moved.reshape(*kept, int(np.prod(moved.shape[len(kept) :])))


def parts_of(axes: Any, classes_required: bool) -> tuple[str, str, str] | None:
    """The letters of classes, events and draws; None where the string is none."""
    if not isinstance(axes, str) or set(axes) - set(string.ascii_uppercase) or len(set(axes)) != len(axes):
        return None
    if "N" not in axes or (classes_required and "C" not in axes):
        return None
    draws = "SD" if "S" in axes else "T" if "T" in axes else ""
    if "S" in axes and ("D" not in axes or "T" in axes):
        return None
    events = "".join(letter for letter in axes if letter not in f"NC{draws}")
    return None if events and not draws else ("C" if "C" in axes else "", events, draws)


def letters_for(rng: np.random.Generator, shape: tuple[int, ...]) -> str:
    """An order of the axes of (N, C, ..., T), with the draws as one axis."""
    letters = list("NC" + "HWEFG"[: len(shape) - 3] + "T")
    events = [letter for letter in letters if letter not in "NCT"]
    rng.shuffle(letters)
    kept = iter(events)  # event axes stay in their order
    return "".join(next(kept) if letter in events else letter for letter in letters)


def lying(
    rng: np.random.Generator,
    array: np.ndarray,
    mean_of: Callable[[np.ndarray], tuple[Any, bool | None]],
    required: bool,
) -> Lying:
    """The array (N, C, ..., T) in some order, and what is said of it: nothing, the right letters, or others."""
    order, said = "NC" + "HWEFG"[: array.ndim - 3] + "T", Given(None, None, True)
    chance = rng.random()
    if chance > 0.5 and array.ndim > 2:
        order = letters_for(rng, array.shape)
        plain = "NC" + "HWEFG"[: array.ndim - 3] + "T"
        array = np.ascontiguousarray(array.transpose([plain.index(letter) for letter in order]))
        said = Given(order, order, True)
        if chance > 0.9:
            said = Given(pick(rng, [*NO_WORDS[1:], *WRONG_LETTERS, letters_for(rng, array.shape)]), None, None)
            said = Given(letters_for(rng, array.shape), None, None) if rng.random() < 0.3 else said
    if not required and array.ndim == 3 and said.value is None and array.shape[1] == 1 and rng.random() < 0.5:
        array, order = array[:, 0], "NT"
    read = arranged(array, said.value, classes_required=required)
    meaning, right = (None, False) if read is None else mean_of(read)
    named = isinstance(said.value, str) and "T" in said.value
    value = source_of(rng, array, order.index("N"), blocks=said.value is None or (named and said.value == order))
    understood = read is not None and isinstance(said.value, str)
    given = Given(value, meaning, right, array.dtype != np.float64)
    return Lying(given, Given(said.value, None, None), said.value if understood else order)


def as_plain(
    rng: np.random.Generator,
    array: np.ndarray,
    mean_of: Callable[[np.ndarray], tuple[Any, bool | None]],
    required: bool,
) -> Lying:
    """The array as it is, of which nothing is said."""
    read = arranged(array, None, classes_required=required)
    meaning, right = (None, False) if read is None else mean_of(read)
    given = Given(source_of(rng, array, 0, blocks=True), meaning, right, array.dtype != np.float64)
    order = "NT" if array.ndim == 2 else "NC" + "HWEFG"[: array.ndim - 3] + "T" if array.ndim > 2 else None
    return Lying(given, Given(None, None, True), order)


def source_of(rng: np.random.Generator, array: np.ndarray, rows: int, *, blocks: bool) -> Any:
    """An array in some layout, or blocks of its rows. Two arrays in a tuple may be means and variances, so there is no tuple."""
    if not blocks or rng.random() < 0.75:
        return laid_out(rng, array)
    cuts = sorted(rng.integers(0, array.shape[rows] + 1, size=2).tolist())
    return pick(rng, (list, iter))([laid_out(rng, part) for part in np.split(array, cuts, axis=rows)])


# --- one yes or no, several labels ------------------------------------------------------------------------------------


def shape_of(rng: np.random.Generator, kind: Any, events: bool = True) -> tuple[int, ...]:
    between = pick(rng, ((), (), (), (2,), (2, 1), (0,))) if events else ()
    labels = 1 if str(kind).startswith("binary") else int(rng.integers(1, 4))
    rows, draws = (0, 3) if rng.random() < 0.05 else (int(rng.integers(1, 5)), int(rng.integers(1, 7)))
    return (rows, labels, *between, draws)


def yes_or_no(
    rng: np.random.Generator, kind: Any, shape: tuple[int, ...], *, wrong: float = 0.3, axes: bool = True
) -> Lying:
    """Predictions of a kind of yes or no, wrong in some way in about a share ``wrong`` of the inputs."""
    chance = rng.random() / wrong if wrong else 1.0
    if chance < 0.2:
        return Lying(Given(pick(rng, NO_SOURCES), None, False), Given(None, None, True))
    array = numbers_of(rng, kind, shape)
    if chance < 0.4:
        return Lying(Given(as_no_floats(rng, array), None, False), Given(None, None, True))
    with np.errstate(all="ignore"):
        stored = array.astype(pick(rng, FLOATS), copy=True)
    if chance < 1.0 and stored.size:
        stored = spoiled(rng, stored)

    def mean_of(read: np.ndarray) -> tuple[Any, bool | None]:
        return yes_of(read, kind)

    required = not str(kind).startswith("binary")
    if not axes:
        return as_plain(rng, stored, mean_of, required)
    return lying(rng, stored, mean_of, required=required)


def numbers_of(rng: np.random.Generator, kind: Any, shape: tuple[int, ...]) -> np.ndarray:
    if str(kind).endswith("logits"):
        array = rng.normal(size=shape) * pick(rng, (0.1, 1.0, 5.0))
        return (
            np.where(rng.random(shape) < 0.1, pick(rng, (np.inf, -np.inf, 30.0)), array)
            if rng.random() < 0.1
            else array
        )
    how = int(rng.random() * 4)
    if how == 0:
        return rng.integers(0, 2, shape).astype(float)
    array = rng.beta(*pick(rng, ((1.0, 1.0), (0.1, 0.1), (0.02, 3.0))), shape)
    if how == 1 and array.size:
        array[...] = array[..., :1]
    return array


def as_no_floats(rng: np.random.Generator, array: np.ndarray) -> Any:
    with np.errstate(all="ignore"):
        wrong = np.nan_to_num(array, posinf=1.0, neginf=0.0)
        return wrong.astype(pick(rng, NO_FLOATS)) if array.size else wrong.astype(int)


def spoiled(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """The array with a number changed, all of it, or its axes."""
    array, place = array.copy(), tuple(int(rng.integers(n)) for n in array.shape)
    how = int(rng.random() * 8)
    if how < 4:
        values = (np.nan, np.inf, -np.inf, -0.25, -1e-30, -0.0, 5e-324, 1e-40, 1.5, 1.001, 1.02, 1e5, 1e308)
        with np.errstate(over="ignore"):
            array[place] = pick(rng, values)
    elif how == 4:
        with np.errstate(over="ignore"):
            array *= array.dtype.type(pick(rng, (-1.0, 0.5, 1.001, 100.0)))
    elif how == 5:
        array = array[:, :0] if rng.random() < 0.5 else array[..., :0]
    elif how == 6:
        array = np.concatenate([array, array], axis=1)
    else:
        array = array.reshape(-1)
    return array


def yes_of(array: np.ndarray, kind: Any) -> tuple[np.ndarray | None, bool | None]:
    """The probabilities of yes (N, L, ..., T) that stored numbers are, and whether they have to be taken or refused."""
    if kind not in YES_KINDS or not array.shape[1] or not array.shape[-1]:
        return None, False
    if kind.startswith("binary") and array.shape[1] != 1:
        return None, False
    with np.errstate(invalid="ignore"):
        wide = array.astype(np.float64)
    if np.isnan(wide).any():
        return None, False
    if kind.endswith("logits"):
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-wide)), True
    most, largest = door.tolerance(2), wide.max(initial=0.0) - 1
    if (wide < 0).any() or largest > most + 1e-5:
        return None, False
    return np.minimum(wide, 1.0), True if largest < most - 1e-5 else None


# --- means and their variances ----------------------------------------------------------------------------------------

TOO_LARGE = 1e100  # whose squares, over draws that may have small weights, may leave float64


def means(rng: np.random.Generator, shape: tuple[int, ...], *, wrong: float = 0.25, axes: bool = True) -> Lying:
    """Means of numbers, wrong in some way in about a share ``wrong`` of the inputs."""
    chance = rng.random() / wrong if wrong else 1.0
    if chance < 0.2:
        return Lying(Given(pick(rng, NO_SOURCES), None, False), Given(None, None, True))
    array = rng.normal(pick(rng, (0.0, 10.0, -1e3)), pick(rng, (1.0, 1e-3, 50.0)), shape)
    if chance < 0.4:
        return Lying(Given(as_no_floats(rng, array), None, False), Given(None, None, True))
    with np.errstate(all="ignore"):
        stored = array.astype(pick(rng, FLOATS), copy=True)
    if chance < 1.0 and stored.size:
        stored = spoiled(rng, stored)
    if not axes:
        return as_plain(rng, stored, means_of, False)
    return lying(rng, stored, means_of, required=False)


def made_of(
    rng: np.random.Generator, kind: Any, shape: tuple[int, ...], *, wrong: float = 0.2, axes: bool = True
) -> Lying:
    """Predictions of any of these kinds."""
    make = means if kind == "mean" else partial(yes_or_no, kind=kind)
    return make(rng, shape=shape, wrong=wrong, axes=axes)


def means_of(array: np.ndarray) -> tuple[np.ndarray | None, bool | None]:
    if not array.shape[1] or not array.shape[-1]:
        return None, False
    wide = array.astype(np.float64)
    if not np.isfinite(wide).all():
        return None, False
    return wide, True if np.abs(wide).max(initial=0.0) < TOO_LARGE else None


def variances(rng: np.random.Generator, made: Lying) -> Given:
    """Variances for means: their meaning is (N, D, ..., T)."""
    chance, cells = rng.random(), made.given.meaning
    if chance < 0.12:
        return Given(None, None, None)
    if chance < 0.2 or cells is None or made.order is None:
        value = no_array(rng).value
        is_half = value is not None and (type(value) is float or (type(value) is np.ndarray and not value.ndim))
        if is_half and np.asarray(value).dtype == np.float64:
            return Given(value, None if cells is None else np.full(cells.shape, 0.5), True)
        return Given(value, None, None if cells is None else False)
    if chance < 0.5:
        return _constant(rng, cells, made.order)
    full = rng.gamma(2.0, 0.5, cells.shape) + 0.05
    with_draws = rng.random() < 0.5
    stored = full.astype(pick(rng, FLOATS)) if with_draws else full[..., 0].astype(pick(rng, FLOATS))
    if rng.random() < 0.25 and stored.size:
        place = tuple(int(rng.integers(n)) for n in stored.shape)
        with np.errstate(over="ignore", under="ignore"):
            stored[place] = pick(rng, (np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 5e-324, 1e-40, 1e308, -1e-30))
    wide = stored.astype(np.float64)
    right: bool | None = bool(((wide > 0) & (wide < np.inf)).all())
    plain = "NC" + "HWEFG"[: cells.ndim - 3] + ("T" if with_draws else "")
    order = "".join(letter for letter in made.order if letter in plain)
    if "C" not in order:
        stored, plain = stored[:, 0], plain.replace("C", "")
    value = np.ascontiguousarray(stored.transpose([plain.index(letter) for letter in order]))
    if right and (wide.max(initial=0.0) > TOO_LARGE or wide.min(initial=1.0) < 1 / TOO_LARGE):
        right = None  # the squares of the one or the other may leave float64
    meaning = wide if with_draws else np.broadcast_to(wide[..., None], cells.shape)
    chance = rng.random()
    if chance < 0.03 and order == plain and not with_draws:  # one for all draws may keep their axis
        value = value[..., None]
    elif chance < 0.15 and value.size:
        fewer = np.delete(value, 0, axis=order.index("N"))
        others = fewer, value[..., :0], np.concatenate([value, value]), value.astype("U8"), value[None, None, None]
        return Given(pick(rng, others), None, None if len(order) < 3 else False)
    return Given(laid_out(rng, value), meaning if right is not False else None, right)


def _constant(rng: np.random.Generator, cells: np.ndarray, order: str) -> Given:
    """One number, one an output, or another number of them."""
    outputs = cells.shape[1]
    number = pick(rng, (1.0, 0.25, 3, 1e-6, 1e6))
    if rng.random() < 0.2:
        number = pick(rng, (0.0, -1.0, np.nan, np.inf, -np.inf, -0.0, 0))
    right = bool(0 < number < np.inf)
    if rng.random() < 0.5:
        value = pick(rng, (float, np.float64, np.float32, np.array))(number)
        return Given(value, np.full(cells.shape, float(value)), right)
    each = rng.gamma(2.0, 0.5, outputs) + 0.05
    each[0] = number
    if "C" not in order:  # one number a row and one an output look alike
        return Given(each, np.full(cells.shape, each[0]), None)
    if rng.random() < 0.2:
        return Given(np.append(each, 1.0), None, False)
    wide = np.broadcast_to(each.reshape(1, outputs, *[1] * (cells.ndim - 2)), cells.shape)
    return Given(each.tolist() if rng.random() < 0.3 else each, wide, right)


def factors(rng: np.random.Generator, outputs: int) -> Given:
    """Weights of outputs."""
    chance = rng.random()
    if chance < 0.6:
        return Given(None, np.ones(outputs), True)
    array = rng.integers(0, 3, outputs).astype(float)
    array[0] += 1
    if chance < 0.85:
        return Given(array.tolist() if chance < 0.7 else array, array, True)
    wrong = [
        np.zeros(outputs),
        -array,
        np.full(outputs, np.nan),
        np.full(outputs, np.inf),
        np.append(array, 1),
        array[None],
        no_array(rng).value,
    ]
    return Given(pick(rng, wrong), None, None if outputs in (1, 2) else False)
