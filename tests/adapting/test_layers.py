"""A rate is a probability below 1, and a layer is named by its name or its type."""

from __future__ import annotations

import warnings

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


def test_layers_are_said_by_types_names_and_predicates() -> None:
    """One or several; what fits no layer, and what is none of these, is refused."""
    own = [("", 1.0), ("first", 2), ("second", "three")]
    for said, expected in (
        (int, ["first"]),
        ("second", ["second"]),
        ((float, lambda name, layer: layer == 2), ["", "first"]),
    ):
        ways = adapting.as_layers(said)
        assert [name for name, layer in own if adapting.is_among(name, layer, ways)] == expected
        adapting.check_layers(ways, own)
    assert adapting.as_layers(None) == ()
    with pytest.raises(ValueError, match="noise: no layer of the model is 'third'. It has 'first', 'second'"):
        adapting.check_layers(("third",), own)
    with pytest.raises(TypeError, match="layers: expected types or names of layers, or functions .*, got int"):
        adapting.as_layers(3, "layers")  # type: ignore[arg-type]


def test_layers_that_stay_off_are_named_in_one_warning() -> None:
    """The first eight, and how many more; none where all are on."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adapting.warn_of_silent("Model", {})
    silent = {f"layer{place}": "it was switched off" for place in range(10)} | {"": "from NumPy"}
    with pytest.warns(
        adapting.SilentNoiseWarning, match=r"layer0 \(it was switched off\).*and 3 more\. .*noise=\('layer0',\)"
    ):
        adapting.warn_of_silent("Model", silent)
