"""Seeds, numbers and arrays of numbers: what is none is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import door


@pytest.mark.parametrize("rng", [1.5, "0", True, np.random.RandomState(0)])
def test_rng_is_none_an_int_or_a_generator(rng: Any) -> None:
    with pytest.raises(TypeError, match="rng: expected None, an int or a numpy.random.Generator"):
        alcore.power([1.0, 2.0], 1, rng=rng)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="rng: expected a seed of at least 0, got -1"):
        alcore.power([1.0, 2.0], 1, rng=-1)


@pytest.mark.parametrize("beta", [10**400, -(10**400)])
def test_a_number_that_float64_has_not_is_refused(beta: int) -> None:
    with pytest.raises(ValueError, match="beta: expected a number that fits into float64, got -?1000"):
        alcore.power([1.0, 2.0], 1, beta=beta)


class Unconvertible:
    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise RuntimeError("no array\nof this one")


@pytest.mark.parametrize(
    "read",
    [
        lambda value: door.as_numbers(value, "given"),
        lambda value: door.as_classes(value, "given"),
        lambda value: door.as_indices(value),
        lambda value: door.as_mask(value, (2,), 3),
        lambda value: door.as_picks([0.5, 0.6], 4, value),
    ],
)
def test_what_does_not_convert_to_an_array_is_refused_by_name(read: Callable[[Any], Any]) -> None:
    with pytest.raises(
        TypeError,
        match=r"^\w+: expected .*, got Unconvertible, which NumPy cannot convert \(no array\)\. Pass a list or a NumPy array\.$",
    ):
        read(Unconvertible())
