"""Kernels compile wherever they are installed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from alcore.kernels import jit


@pytest.mark.interpreted
def test_kernels_compile_where_no_cache_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = jit.numba.njit

    def read_only(*, cache: bool = False, **options: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return compiler(**options)

    monkeypatch.setattr(jit, "numba", SimpleNamespace(njit=read_only))
    assert jit.kernel()(lambda x: x + 1)(1) == 2
