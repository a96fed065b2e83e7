"""float16 to float32 is exact."""

from __future__ import annotations

import numpy as np
import pytest

from alcore.kernels.widen import widen


@pytest.mark.interpreted
def test_widen_is_exact_for_every_float16() -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    out = np.empty(bits.size, np.float32)
    widen(bits, out)
    expected = bits.view(np.float16).astype(np.float32)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(np.signbit(out), np.signbit(expected))
