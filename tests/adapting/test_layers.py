"""A rate is a probability below 1, and a layer is named by its name or its type."""

from __future__ import annotations

import pytest

from alcore import adapting


@pytest.mark.parametrize("rate", [0, 0.3, 0.999])
def test_a_rate_is_a_probability_below_one(rate: float) -> None:
    assert adapting.as_rate(rate) == rate
    assert type(adapting.as_rate(rate)) is float


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, float("nan")])
def test_other_rates_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate: expected a probability of at least 0 and below 1, got"):
        adapting.as_rate(rate)


def test_a_layer_is_among_those_of_its_name_or_type() -> None:
    layer = 0.5
    assert adapting.is_among("head", layer, ["body", "head"])
    assert adapting.is_among("head", layer, [int, float])
    assert not adapting.is_among("head", layer, ["body", int])
    assert not adapting.is_among("head", layer, [])
