"""Draws that are all the same, or that are not one network for every row, are refused before any is returned."""

from __future__ import annotations

import pytest

from alcore.adapting import Request
from tests.adapting.numpy_model import NumpyRun, halves, predictions


def test_draws_that_are_the_same_or_depend_on_the_place_are_refused() -> None:
    request = Request(3)
    with pytest.raises(ValueError, match="all 3 draws would be the same.*DropConnect"):
        next(predictions(NumpyRun(request, lambda x, draw: halves(x, 0, 0))))
    assert len(list(predictions(NumpyRun(Request(1), lambda x, draw: halves(x, 0, 0)), draws=1))) == 3
    assert len(list(predictions(NumpyRun(request, lambda x, draw: halves(x, 0, draw))))) == 3
    with pytest.raises(ValueError, match="Model says of a row depends on its place.*consistent=False"):
        next(predictions(NumpyRun(request, lambda x, draw: halves(x.cumsum(axis=0), 0, draw))))
    plain = Request(3, consistent=False)
    assert (
        len(list(predictions(NumpyRun(plain, lambda x, draw: halves(x.cumsum(axis=0), 0, draw)), consistent=False)))
        == 3
    )
