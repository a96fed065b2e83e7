"""How predictions are read is declared once, and everything that reads them shows it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import alcore
import alcore.bench
from alcore.door import MaskedReadingOptions, Reading, ReadingOptions
from tests.cases import CASES, Case, dirichlet, each_measure

PROBS = dirichlet(6, 3, 4)
FUNCTIONS: list[Callable[..., Any]] = [
    *(case.function for case in CASES),
    alcore.epig,
    alcore.batchbald,
    alcore.two_bald,
    alcore.batch_epig,
    alcore.ical,
    alcore.joint_entropy,
    alcore.batch_information,
    alcore.expected_loss,
]
METHODS: list[Callable[..., Any]] = [
    alcore.Heuristic.score,
    alcore.Heuristic.select,
    alcore.Ledger.ask,
    alcore.bench.compare,
]


@pytest.mark.parametrize("function", [*FUNCTIONS, *METHODS], ids=lambda one: one.__qualname__)
def test_a_signature_names_every_option_with_its_default(function: Callable[..., Any]) -> None:
    taken = MaskedReadingOptions if function in METHODS else ReadingOptions
    shown = inspect.signature(function).parameters
    assert {name: shown[name].default for name in taken.__annotations__} == {
        name: getattr(Reading(), name) for name in taken.__annotations__
    }
    assert not any(one.kind is one.VAR_KEYWORD for one in shown.values())


@pytest.mark.parametrize("function", [case.function for case in CASES], ids=lambda one: one.__name__)
def test_an_option_that_a_function_has_not_is_refused_with_those_it_has(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="^mask: expected one of the options kind, axes, over_labels, weights"):
        function(PROBS, mask=np.zeros(6, bool))
    with pytest.raises(TypeError, match="^king: expected one of the options kind, axes, over_labels, weights"):
        function(PROBS, king="logits")


def test_a_heuristic_takes_a_mask_too() -> None:
    with pytest.raises(
        TypeError,
        match="^king: expected one of the options kind, axes, over_labels, weights, variance, output_weights, mask",
    ):
        alcore.BALD().score(PROBS, king="logits")
    assert Reading.of({"mask": [True]}).mask == [True]


def test_options_of_a_reading_read_the_same_way_again() -> None:
    reading = Reading("logits", [1.0, 2.0], [False], "TNC")
    again = Reading.of(reading.options)
    assert (again.kind, again.axes, again.weights, again.mask) == ("logits", "TNC", [1.0, 2.0], [False])
    with pytest.raises(ValueError, match="kind: expected one of 'probs', 'logits', 'binary', .*got 'odds'"):
        Reading.of({"kind": "odds"})


@each_measure
def test_kind_is_said_and_spelled(case: Case) -> None:
    for kind in ("prob", "log", None, 3):
        with pytest.raises(ValueError, match="kind: expected one of 'probs', 'logits', 'binary'"):
            case.function(PROBS, kind=kind)
