"""Fetching asks for memory and changes nothing."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from numba.core import config

from alcore.kernels.fetch import LINE, fetch, fetch_number


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, 15, 64, 1000])
def test_numbers_stay_as_they_are(dtype: type[np.generic], size: int) -> None:
    numbers = np.arange(size).astype(dtype)
    numbers.flags.writeable = False
    fetch(numbers)
    assert numbers.tolist() == list(range(size))


@pytest.mark.skipif(config.DISABLE_JIT, reason="Python has no instruction to fetch with")  # type: ignore[attr-defined]
def test_the_processor_is_asked() -> None:
    @numba.njit
    def fetched(numbers_ij: np.ndarray) -> None:
        fetch(numbers_ij[0])
        fetch_number(numbers_ij, 1, LINE)

    fetched(np.zeros((2, 100), np.float32))
    (code,) = fetched.inspect_llvm().values()
    assert code.count("call void @llvm.prefetch") >= 2
