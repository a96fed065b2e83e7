"""Numbers, words, flags and seeds that a caller passes, many of them wrong in the ways in which callers are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

Value = TypeVar("Value")


@dataclass(frozen=True)
class Given:
    """An argument as it is passed.

    Attributes:
        value: what is passed.
        meaning: what it means, in float64 where it is an array; None where it means nothing.
        right: True where it has to be taken, False where it has to be refused, None where either is right.
        narrow: whether it is read in float32.
    """

    value: Any
    meaning: Any
    right: bool | None
    narrow: bool = False


def pick(rng: np.random.Generator, values: Sequence[Value]) -> Value:
    return values[int(rng.random() * len(values))]


def all_right(*arguments: Given) -> bool | None:
    """What is right of a call with these arguments."""
    rights = [one.right for one in arguments]
    return False if False in rights else None if None in rights else True


class Refusing:
    """An object whose every conversion fails."""

    def __index__(self) -> int:
        raise TypeError("no index\nof this one")

    def __float__(self) -> float:
        raise ValueError("no number\nof this one")

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise RuntimeError("no array\nof this one")

    def __repr__(self) -> str:
        return "two\nlines"


NO_NUMBERS: list[Any] = [None, "3", "nan", b"3", [3], (), {"k": 3}, {3}, object(), 2j, True, np.True_, len, range(3)]
NO_NUMBERS += [
    np.array([1, 2]),
    np.zeros((40, 40)),
    np.array("3"),
    np.ma.masked,
    np.datetime64("2026-01-01"),
    Refusing(),
]
NO_NUMBERS += [Decimal("0.5"), Fraction(1, 2), "x" * 5000, list(range(5000))]
NO_WORDS: list[Any] = [
    None,
    "",
    "prob",
    "PROBS",
    "pro\nbs",
    b"probs",
    3,
    True,
    ["probs"],
    {"probs"},
    np.array(["probs", "logits"]),
]
NO_WORDS += [np.array([]), np.array(0.5), object(), Refusing(), "x" * 5000]


def count(rng: np.random.Generator, most: int, *, least: int = 0) -> Given:
    """A whole number of at least ``least``, as k and samples are."""
    if rng.random() < 0.85:
        number = int(rng.integers(least, most + 1))
        return Given(pick(rng, (int, np.int64, np.uint16))(number), number, True)
    if rng.random() < 0.1:
        return Given(np.array(least + 1), least + 1, None)  # an index, as Python says
    wrong: list[Any] = [least - 1, -(10**30), 1.5, 2.0, np.nan, np.inf, np.float64(2), *NO_NUMBERS]
    return Given(pick(rng, wrong), None, False)


def real(rng: np.random.Generator, right: Sequence[float], wrong: Sequence[Any]) -> Given:
    """One of the right numbers as some kind of number, or something that is none."""
    if rng.random() < 0.85:
        number = pick(rng, right)
        value = pick(rng, (float, np.float64, np.float32))(number)
        return Given(int(number) if number == int(number) and rng.random() < 0.5 else value, float(value), True)
    return Given(pick(rng, [*wrong, np.nan, 10**400, -(10**400), *NO_NUMBERS]), None, False)


def seed(rng: np.random.Generator) -> Given:
    """What `rng` takes."""
    if rng.random() < 0.9:
        number = int(rng.integers(1000))
        kinds: list[Any] = [number, np.uint16(number), np.random.default_rng(number), 2**80 + number]
        return Given(pick(rng, kinds), None, True)
    wrong = [-1, 1.5, np.int64(-3), np.random.RandomState(0), np.random.SeedSequence(0), np.random, *NO_NUMBERS[1:]]
    return Given(pick(rng, wrong), None, False)


def flag(rng: np.random.Generator) -> Given:
    if rng.random() < 0.9:
        return Given(pick(rng, (True, False, np.True_, np.False_)), None, True)
    no_flags = [one for one in NO_NUMBERS if one is not True and one is not np.True_]
    return Given(pick(rng, [0, 1, np.array(True), np.array([True, False]), *no_flags]), None, False)


def word(rng: np.random.Generator, right: Sequence[str]) -> Given:
    """One of the words that an option has."""
    if rng.random() < 0.92:
        chosen = pick(rng, right)
        return Given(pick(rng, (str, np.str_))(chosen), chosen, True)
    return Given(pick(rng, [one for one in NO_WORDS if not isinstance(one, str) or one not in right]), None, False)
