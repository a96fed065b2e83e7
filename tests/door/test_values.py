"""Values that are no probabilities, or no logits, are refused with their place and the remedy."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import alcore
from alcore import door
from tests.cases import Case, dirichlet, each_measure
from tests.door.broken_pool import POOL, broken

FLOATS = [np.float16, np.float32, np.float64]


@pytest.mark.interpreted
@each_measure
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("value", "said"), [(np.nan, "is nan"), (np.inf, "is inf"), (-np.inf, "is -inf")])
def test_what_is_not_finite_is_refused_with_its_place(case: Case, dtype: type, value: float, said: str) -> None:
    with pytest.raises(ValueError, match=r"probs\[17, 2, 3\]") as refusal:
        case.function(broken(value, dtype))
    assert said in str(refusal.value)


@pytest.mark.interpreted
@each_measure
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("total", [0.99, 1.01, 0.0, 2.0])
def test_a_row_that_does_not_sum_to_one_is_refused(case: Case, dtype: type, total: float) -> None:
    probs = POOL.astype(dtype)
    probs[17, :, 3] *= dtype(total)
    with pytest.raises(ValueError, match=r"probs\[17, :, 3\] sums to") as refusal:
        case.function(probs)
    assert "Normalise" in str(refusal.value) or "kind='logits'" in str(refusal.value)


@pytest.mark.interpreted
@each_measure
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_negative_number_is_refused_even_in_a_row_that_sums_to_one(case: Case, dtype: type) -> None:
    probs = POOL.astype(dtype)
    probs[17, :, 3] = [-0.25, 0.5, 0.5, 0.25]
    with pytest.raises(ValueError, match=r"probs\[17, 0, 3\] is -0.25. Clip and renormalise"):
        case.function(probs)


@each_measure
def test_the_least_negative_number_is_refused(case: Case) -> None:
    for dtype in (np.float32, np.float64):
        with pytest.raises(ValueError, match=r"probs\[17, 2, 3\] is -"):
            case.function(np.where(np.arange(30)[:, None, None] == 17, broken(-1e-30, dtype), POOL.astype(dtype)))


def test_the_first_invalid_row_is_named() -> None:
    probs = POOL.copy()
    probs[[5, 21, 29]] = np.nan
    with pytest.raises(ValueError, match=r"probs\[5, 0, 0\] is nan"):
        alcore.bald(probs)


@pytest.mark.parametrize("dtype", FLOATS)
def test_logits_are_not_taken_for_probabilities(dtype: type) -> None:
    logits = np.random.default_rng(0).normal(scale=4, size=(10, 3, 5)).astype(dtype)
    with pytest.raises(ValueError, match="These look like logits: pass kind='logits'"):
        alcore.bald(logits)
    positive = np.abs(logits) + dtype(1)
    with pytest.raises(ValueError, match="kind='logits'"):
        alcore.bald(positive)


def test_classes_on_the_last_axis_are_named() -> None:
    """Both readings of such an array are named, because the numbers do not tell draws from rows."""
    probs = dirichlet(10, 4, 7)
    for order, remedy in (((0, 2, 1), "axes='NTC'"), ((2, 0, 1), "axes='TNC'")):
        with pytest.raises(ValueError, match="the last axis sums to 1. The classes seem to be last") as refusal:
            alcore.bald(probs.transpose(order))
        assert remedy in str(refusal.value)
        letters = remedy.removeprefix("axes='").removesuffix("'")
        np.testing.assert_array_equal(alcore.bald(probs.transpose(order), axes=letters), alcore.bald(probs))
    maps = dirichlet(6, 4, 3 * 5).reshape(6, 4, 3, 5)
    with pytest.raises(ValueError, match="axes='NTHC'.*axes='TNHC'"):
        alcore.bald(maps.transpose(0, 3, 2, 1))
    np.testing.assert_array_equal(alcore.bald(maps.transpose(3, 0, 2, 1), axes="TNHC"), alcore.bald(maps))


def test_a_place_is_one_of_the_array_that_was_given() -> None:
    probs = np.ascontiguousarray(dirichlet(10, 4, 7).transpose(2, 0, 1))  # (T, N, C)
    probs[5, 3, 2] = np.nan
    with pytest.raises(ValueError, match=r"probs\[5, 3, 2\] is nan.*np.delete\(probs, 3, axis=1\)"):
        alcore.bald(probs, axes="TNC")
    alcore.bald(np.delete(probs, 3, axis=1), axes="TNC")
    probs[5, 3] = [0.5, 0.5, 0.5, 0.5]
    with pytest.raises(
        ValueError, match=r"over axis 2, but probs\[5, 3, :\] sums to 2.*probs.sum\(axis=2, keepdims=True\)"
    ):
        alcore.bald(probs, axes="TNC")
    alcore.bald(probs / probs.sum(axis=2, keepdims=True), axes="TNC")
    sampled = probs.reshape(7, 1, 10, 4)
    with pytest.raises(ValueError, match=r"probs at row 3, class :, draw 5 \(chains one after another\) sums to 2"):
        alcore.bald(sampled, axes="DSNC")
    with pytest.raises(ValueError, match="The letters 'TNC' do not fit the array"):
        alcore.bald(dirichlet(10, 4, 7).transpose(1, 0, 2), axes="TNC")


def test_the_place_names_event_axes() -> None:
    maps = np.full((3, 2, 4, 5, 6), 0.5, np.float32)
    maps[1, 0, 2, 3, 4] = np.nan
    with pytest.raises(ValueError, match=r"probs\[1, 0, 2, 3, 4\] is nan"):
        alcore.entropy(maps)


@pytest.mark.interpreted
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("value", "said"), [(np.nan, "is nan"), (np.inf, "is inf")])
def test_logits_that_are_not_finite_are_refused(dtype: type, value: float, said: str) -> None:
    with pytest.raises(ValueError, match=r"probs\[17, 2, 3\]") as refusal:
        alcore.bald(broken(value, dtype), kind="logits")
    assert said in str(refusal.value)


@pytest.mark.interpreted
def test_a_draw_that_rules_every_class_out_is_refused() -> None:
    logits = np.zeros((3, 2, 4))
    logits[1, :, 2] = -np.inf
    with pytest.raises(ValueError, match=r"probs\[1, :, 2\] is -inf for every class"):
        alcore.bald(logits, kind="logits")


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("classes", [2, 10, 1000, 20_000])
def test_rounding_to_any_stored_format_is_taken(dtype: type, classes: int) -> None:
    probs = dirichlet(2, classes, 3, alpha=0.3)
    for stored in (np.float16, ml_dtypes.bfloat16):
        rounded = probs.astype(stored).astype(np.float32).astype(dtype)
        assert np.isfinite(alcore.bald(rounded)).all()


def test_negative_zero_is_zero() -> None:
    probs = np.array([[[1.0, 0.5], [-0.0, 0.5]]])
    for dtype in FLOATS:
        assert alcore.bald(probs.astype(dtype)) >= 0


# --- arguments --------------------------------------------------------------------------------------------------------


def test_one_bad_row_in_a_million_is_named() -> None:
    rows = 1_000_000
    probs = np.full((rows, 2, 2), 0.5, np.float32)
    probs[rows - 3, 1, 1] = 0.49
    with pytest.raises(ValueError, match=rf"probs\[{rows - 3}, :, 1\] sums to 0.99"):
        alcore.bald(probs)


def test_the_tolerance_lets_rounding_in_and_keeps_99_percent_out() -> None:
    for classes in (2, 10, 1000, 50_000):
        assert 2**-9 + classes * 2**-26 < door.tolerance(classes) < 0.01
