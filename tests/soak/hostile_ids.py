"""Ids of a ledger and labels of them, many of them wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.soak.hostile_numbers import Given, Refusing, pick

LABELS: list[Any] = [
    "cat",
    3,
    2.5,
    None,
    True,
    {"box": [1, 2.5]},
    [],
    "",
    "null",
    "ü 🐈",
    10**30,
    np.float32(0.5),
    np.array([1, 2]),
]
NO_LABELS: list[Any] = [
    np.nan,
    np.inf,
    {1: 2},
    object(),
    {3},
    "\ud800",
    b"cat",
    Refusing(),
    [np.nan],
    2j,
    {"a": object()},
    len,
]
NO_IDS: list[Any] = [
    None,
    1.5,
    np.nan,
    object(),
    Refusing(),
    len,
    True,
    2j,
    np.array(1.0),
    np.zeros((2, 2), int),
    [[1]],
    [None],
    [1.0],
]
NO_IDS += [
    ["1", 2],
    [True],
    {"a": 1},
    b"12",
    np.array([1.0]),
    np.array(["x"]),
    np.array([2**63], np.uint64),
    [10**30],
    [-1],
    [8],
    8,
    -1,
]
NO_IDS += [
    np.array(["1"], "datetime64[Y]"),
    [[1], [1, 2]],
    "no such",
    ["no such"],
    ["\ud800"],
    [""],
    [b"a"],
    [Refusing()],
    ["a\nb"],
    10**30,
]


def ids(rng: np.random.Generator, there: list[Any]) -> Given:
    """Some of the ids that are there, or something else."""
    chance = rng.random()
    if chance > 0.7:
        return Given(pick(rng, NO_IDS), None, False)
    size = int(rng.integers(0, min(len(there), 3) + 1))
    chosen = [there[row] for row in rng.permutation(len(there))[:size]]
    meaning = set(chosen)
    if chance > 0.65 and chosen:
        return Given([*chosen, chosen[0]], None, False)
    ways: list[Any] = [chosen, tuple(chosen), iter(chosen), dict.fromkeys(chosen)]
    if chosen and isinstance(chosen[0], int):
        ways += [np.array(chosen), np.array(chosen, np.uint8), np.array(chosen[::-1], ">i4")]
    if len(chosen) == 1:
        ways.append(chosen[0])
    return Given(pick(rng, ways), meaning, True)


def labels(rng: np.random.Generator, there: list[Any]) -> Given:
    """A label for some ids, as a mapping."""
    chance = rng.random()
    if chance > 0.9:
        return Given(pick(rng, [None, 3, "cat", object(), Refusing(), True, len, b"x", [["cat"]], 2.5]), None, False)
    size = int(rng.integers(0, min(len(there), 3) + 1))
    chosen = [there[row] for row in rng.permutation(len(there))[:size]]
    given = {one: pick(rng, LABELS) for one in chosen}
    if chance > 0.75:
        wrong = pick(rng, [one for one in NO_IDS if one.__hash__ is not None and not isinstance(one, bool)])
        return Given({**given, wrong: "cat"}, None, False)
    if chance > 0.6 and chosen:
        return Given({**given, chosen[0]: pick(rng, NO_LABELS)}, None, False)
    return Given(given, given, True)
