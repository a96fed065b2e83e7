"""Arrays that are no predictions are refused, each with what to do about it."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import alcore
from tests.door.broken_pool import POOL


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
        (np.full((3, 2), 0.5), ValueError, r"axes='NC'.*\(N, T\), pass kind='binary'"),
        (np.ones((3, 1, 4)), ValueError, "pass kind='binary'"),
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


@pytest.mark.parametrize(
    ("shape", "said"),
    [(None, "known shape"), (3, "known shape"), (("3", 2, 4), "known shape"), ((-3, 2, 4), "sizes of at least 0")],
)
def test_lazy_arrays_without_a_shape_are_refused(shape: Any, said: str) -> None:
    class Lazy:
        dtype = np.dtype(np.float32)

        def __getitem__(self, rows: slice) -> np.ndarray:
            raise AssertionError("not asked for")

    lazy = Lazy()
    lazy.shape = shape  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=f"probs: expected a .*{said}"):
        alcore.bald(lazy)
