"""The part of a batch that goes into the model is the first, all of it, or what the user's function gives."""

from __future__ import annotations

import pytest

from alcore import adapting
from tests.adapting.numpy_model import ROWS


def test_the_part_of_a_batch_that_goes_in() -> None:
    assert adapting.first_of((1, 2)) == 1
    assert adapting.first_of([1, 2]) == 1
    assert adapting.first_of({"x": 1}) == {"x": 1}
    assert adapting.first_of((1, 2), lambda batch: batch[1]) == 2
    with pytest.raises(ValueError, match="empty"):
        adapting.first_of(())
    assert adapting.call(lambda *args, **kwargs: (args, kwargs), {"a": 1}) == ((), {"a": 1})
    assert adapting.call(lambda *args, **kwargs: (args, kwargs), (1, 2)) == ((1, 2), {})
    assert adapting.row_count({"flag": True, "x": [ROWS]}) == 10
