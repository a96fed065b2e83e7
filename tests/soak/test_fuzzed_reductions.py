"""Whatever scores of cells and padding `reduce` is given, it refuses them or reduces each row as its definition does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import alcore
from tests.soak import definitions
from tests.soak.hostile_arrays import NARROW, listed, mask, no_array
from tests.soak.hostile_numbers import Given, all_right, pick, real, word
from tests.soak.laws import Counts, Trial, assert_close, each_part, hold, numbers

SHAPES = ((3, 4), (2, 2, 3), (1, 1), (0, 3), (2, 0), (4,), (3, 1, 2))
RULES = ("mean", "sum", "max", "top-mean")
OWN_RULES: dict[Callable[[np.ndarray], Any], bool] = {
    np.median: True,
    lambda row: float(row[0]): True,
    lambda row: np.float32(row.size): True,
    lambda row: row: False,
    lambda row: None: False,
    lambda row: "much": False,
    lambda row: np.nan: False,
    lambda row: [row[0], 1.0]: False,
    lambda row: [[]] * row.size: False,
    lambda row: 2j: False,
}


def cells(rng: np.random.Generator) -> Given:
    if rng.random() < 0.1:
        given = no_array(rng)
        cells_all_the_same = isinstance(given.value, np.ndarray) and given.value.dtype == np.float64
        return Given(np.array(0.5), None, False) if cells_all_the_same else given
    array = rng.normal(size=pick(rng, SHAPES)) * pick(rng, (1.0, 1e-30, 1e30))
    right = True
    if rng.random() < 0.3 and np.abs(array).max(initial=0) < 100:
        array = array.astype(pick(rng, (*NARROW, np.int8)))
    if rng.random() < 0.25 and array.size:
        array = array.astype(np.float64)
        array.flat[rng.integers(array.size)] = pick(rng, (np.nan, np.inf, -np.inf, -0.0, 5e-324))
        right = bool(np.isfinite(array).all())
    return Given(listed(rng, array, 0.2 if array.size else 0.0), array.astype(np.float64), True if right else None)


def reduce_trial(rng: np.random.Generator) -> Trial:
    given = cells(rng)
    shape = (3, 4) if given.meaning is None else given.meaning.shape
    padding, share = mask(rng, shape), real(rng, (0.1, 0.5, 1.0), (0.0, -0.1, 1.1, np.inf))
    how = word(rng, RULES)
    if rng.random() < 0.15:
        rule = pick(rng, list(OWN_RULES))
        how = Given(rule, rule, OWN_RULES[rule] if shape[0] else None)

    def compare(answer: Any) -> None:
        keep = np.ones(shape, bool) if padding.meaning is None else ~padding.meaning
        rows = [row[kept] for row, kept in zip(given.meaning, keep, strict=True)]
        assert all(row.size for row in rows)
        assert not any(np.isnan(row).any() for row in rows)
        assert how.meaning == "max" or callable(how.meaning) or not any(np.isinf(row).any() for row in rows)
        expected = [
            how.meaning(row) if callable(how.meaning) else definitions.reduced(row, how.meaning, share.meaning)
            for row in rows
        ]
        largest = max((float(np.abs(row).max()) for row in rows), default=0.0)
        assert_close(answer, np.array(expected, np.float64), 1e-9, 0.0 if np.isinf(largest) else 1e-13 * largest)

    right = all_right(given, padding, share, how)
    empty = not np.prod(shape[1:]) or (padding.meaning is not None and shape[0] == 0)
    arguments = {"scores": given.value, "how": how.value, "q": share.value, "mask": padding.value}
    return Trial(lambda: alcore.reduce(**arguments), arguments, compare, None if right and empty else right)


@each_part
def test_reduce_refuses_or_reduces_as_defined(part: int, counts: Counts) -> None:
    hold("reduce", reduce_trial, numbers(part), counts)
