"""What is refused and how: every refusal says what, where, expected, got and the remedy."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import alcore
from alcore import door
from tests.cases import CASES, Case, dirichlet
from tests.conftest import INTERPRETED

each_measure = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
FLOATS = [np.float16, np.float32, np.float64]
POOL = dirichlet(30, 4, 5)


def broken(value: float, dtype: type = np.float64, row: int = 17, c: int = 2, t: int = 3) -> np.ndarray:
    probs = POOL.astype(dtype)
    probs[row, c, t] = value
    return probs


@each_measure
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("value", "said"), [(np.nan, "is nan"), (np.inf, "is inf"), (-np.inf, "is -inf")])
def test_what_is_not_finite_is_refused_with_its_place(case: Case, dtype: type, value: float, said: str) -> None:
    with pytest.raises(ValueError, match=r"probs\[17, 2, 3\]") as refusal:
        case.function(broken(value, dtype))
    assert said in str(refusal.value)


@each_measure
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("total", [0.99, 1.01, 0.0, 2.0])
def test_a_row_that_does_not_sum_to_one_is_refused(case: Case, dtype: type, total: float) -> None:
    probs = POOL.astype(dtype)
    probs[17, :, 3] *= dtype(total)
    with pytest.raises(ValueError, match=r"probs\[17, :, 3\] sums to") as refusal:
        case.function(probs)
    assert "Normalise" in str(refusal.value) or "kind='logits'" in str(refusal.value)


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
    probs = dirichlet(10, 4, 7).transpose(0, 2, 1)
    with pytest.raises(ValueError, match=r"the last axis sums to 1: classes seem to be last. Pass np.moveaxis"):
        alcore.bald(probs)


def test_the_place_names_event_axes() -> None:
    maps = np.full((3, 2, 4, 5, 6), 0.5, np.float32)
    maps[1, 0, 2, 3, 4] = np.nan
    with pytest.raises(ValueError, match=r"probs\[1, 0, 2, 3, 4\] is nan"):
        alcore.entropy(maps)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("value", "said"), [(np.nan, "is nan"), (np.inf, "is inf")])
def test_logits_that_are_not_finite_are_refused(dtype: type, value: float, said: str) -> None:
    with pytest.raises(ValueError, match=r"probs\[17, 2, 3\]") as refusal:
        alcore.bald(broken(value, dtype), kind="logits")
    assert said in str(refusal.value)


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


# --- kinds of array ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "error", "said"),
    [
        (np.ones((3, 2, 4), int), TypeError, "one-hot votes, pass probs.astype"),
        (np.ones((3, 2, 4), bool), TypeError, "got bool"),
        (np.ones((3, 2, 4), object), TypeError, "got object"),
        (np.ones((3, 2, 4), complex), TypeError, "got complex128"),
        (np.ones((3, 2, 4), np.longdouble), TypeError, "pass|Pass"),
        (np.ones((3, 2, 4), "U3"), TypeError, "got <U3"),
        (np.ones((3, 2, 4), "datetime64[s]"), TypeError, "got datetime64"),
        (np.ones((3, 2, 4), [("a", float)]), TypeError, "expected float16, float32 or float64"),
        (np.full((3, 2, 4), 0.5).astype(ml_dtypes.bfloat16), TypeError, r"bfloat16.*x\.float\(\)"),
        (np.full((3, 2, 4), 0.5).astype(ml_dtypes.float8_e4m3), TypeError, "float8"),
        (np.ma.masked_array(np.full((3, 2, 4), 0.5)), TypeError, "without a mask, got a masked array"),
        (np.float64(0.5), ValueError, r"got shape \(\)"),
        (np.full(3, 0.5), ValueError, r"got shape \(3,\)"),
        (np.full((3, 2), 0.5), ValueError, r"add the axis of draws: probs\[..., None\]"),
        (np.ones((3, 1, 4)), ValueError, r"np.concatenate\(\[1 - p, p\], axis=1\)"),
        (np.ones((3, 0, 4)), ValueError, "no classes"),
        (np.ones((3, 2, 0)), ValueError, "no draws"),
    ],
)
def test_arrays_that_are_not_predictions_are_refused(array: Any, error: type[Exception], said: str) -> None:
    for function in (alcore.bald, alcore.BALD().score, lambda a: alcore.BALD().select(a, 1)):
        with pytest.raises(error, match=said) as refusal:
            function(array)
        assert "probs: " in str(refusal.value)


@pytest.mark.parametrize("value", [None, 3, 0.5, object(), b"bytes", {"pool": POOL}])
def test_what_is_no_source_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="probs: expected (an|one) array"):
        alcore.bald(value)


class Bfloat16Tensor:
    """What a PyTorch tensor of bfloat16 looks like from outside."""

    dtype, shape = "torch.bfloat16", (3, 2, 4)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError("Got unsupported ScalarType BFloat16")

    def __dlpack__(self, **_: Any) -> None:
        raise AssertionError("not asked for")


class OtherDeviceTensor:
    dtype, shape = "torch.float32", (3, 2, 4)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu()\nmore")

    def __dlpack__(self, **_: Any) -> None:
        raise AssertionError("not asked for")


def test_tensors_that_do_not_convert_are_refused_with_the_remedy() -> None:
    with pytest.raises(TypeError, match=r"got torch.bfloat16.*x\.float\(\) in PyTorch"):
        alcore.bald(Bfloat16Tensor())
    with pytest.raises(TypeError, match=r"x\.detach\(\)\.cpu\(\)") as refusal:
        alcore.bald(OtherDeviceTensor())
    assert "\n" not in str(refusal.value)


# --- arguments --------------------------------------------------------------------------------------------------------


@each_measure
def test_kind_is_said_and_spelled(case: Case) -> None:
    for kind in ("prob", "log", None, 3):
        with pytest.raises(ValueError, match="kind: expected 'probs' or 'logits'"):
            case.function(POOL, kind=kind)


@pytest.mark.parametrize(
    ("weights", "error", "said"),
    [
        ([1, 2], ValueError, r"expected shape \(5,\), one weight a draw .* got \(2,\)"),
        (np.ones((5, 1)), ValueError, r"got \(5, 1\)"),
        ([1, 2, -1, 1, 1], ValueError, r"weights\[2\] is -1"),
        ([1, 2, np.nan, 1, 1], ValueError, r"weights\[2\] is nan"),
        ([1, 2, np.inf, 1, 1], ValueError, r"weights\[2\] is inf"),
        ([0, 0, 0, 0, 0], ValueError, "only zeros"),
        (["a"] * 5, TypeError, "array of numbers"),
        ([True] * 5, TypeError, "got bool"),
        (np.ma.ones(5), TypeError, "masked"),
    ],
)
def test_weights_that_are_none_are_refused(weights: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        alcore.bald(POOL, weights=weights)


def test_weights_are_scaled_without_overflow_and_not_written_to() -> None:
    weights = np.array([1e308, 1e308, 0, 1e308, 1e308])
    before = weights.copy()
    np.testing.assert_allclose(alcore.bald(POOL, weights=weights), alcore.bald(POOL[..., [0, 1, 3, 4]]), rtol=1e-12)
    np.testing.assert_array_equal(weights, before)
    tiny = alcore.bald(POOL, weights=[1e-320, 0, 1e-320, 0, 0])
    np.testing.assert_allclose(tiny, alcore.bald(POOL[..., [0, 2]]), rtol=1e-3)


def test_a_draw_without_weight_is_checked_all_the_same() -> None:
    with pytest.raises(ValueError, match="nan"):
        alcore.bald(broken(np.nan), weights=[1, 1, 1, 0, 1])


@pytest.mark.parametrize("rng", [1.5, "0", True, np.random.RandomState(0)])
def test_rng_is_none_an_int_or_a_generator(rng: Any) -> None:
    with pytest.raises(TypeError, match="rng: expected None, an int or a numpy.random.Generator"):
        alcore.power([1.0, 2.0], 1, rng=rng)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="rng: expected a seed of at least 0, got -1"):
        alcore.power([1.0, 2.0], 1, rng=-1)


def test_one_bad_row_in_a_million_is_named() -> None:
    rows = 20_000 if INTERPRETED else 1_000_000
    probs = np.full((rows, 2, 2), 0.5, np.float32)
    probs[rows - 3, 1, 1] = 0.49
    with pytest.raises(ValueError, match=rf"probs\[{rows - 3}, :, 1\] sums to 0.99"):
        alcore.bald(probs)


def test_the_tolerance_lets_rounding_in_and_keeps_99_percent_out() -> None:
    for classes in (2, 10, 1000, 50_000):
        assert 2**-9 + classes * 2**-26 < door.tolerance(classes) < 0.01
