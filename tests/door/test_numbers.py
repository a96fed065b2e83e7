"""Seeds and generators: what is none is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import alcore


@pytest.mark.parametrize("rng", [1.5, "0", True, np.random.RandomState(0)])
def test_rng_is_none_an_int_or_a_generator(rng: Any) -> None:
    with pytest.raises(TypeError, match="rng: expected None, an int or a numpy.random.Generator"):
        alcore.power([1.0, 2.0], 1, rng=rng)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="rng: expected a seed of at least 0, got -1"):
        alcore.power([1.0, 2.0], 1, rng=-1)


@pytest.mark.parametrize("beta", [10**400, -(10**400)])
def test_a_number_that_float64_has_not_is_refused(beta: int) -> None:
    with pytest.raises(ValueError, match="beta: expected a number that float64 has, got -?1000"):
        alcore.power([1.0, 2.0], 1, beta=beta)
