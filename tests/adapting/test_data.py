"""Arrays are cut into batches of rows in their order, batches pass as they are, and what is neither is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore import adapting
from tests.adapting.numpy_model import ROWS


@given(st.integers(0, 20), st.integers(1, 25))
def test_cuts_put_together_are_the_array(rows: int, batch_size: int) -> None:
    array = np.arange(rows * 2).reshape(rows, 2)
    batches = list(adapting.cut(array, batch_size))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert all(0 < len(batch) <= batch_size for batch in batches)
    np.testing.assert_array_equal(np.concatenate([array[:0], *batches]), array)


def test_arrays_of_a_dictionary_are_cut_side_by_side() -> None:
    batches = list(adapting.as_batches({"x": ROWS, "mask": np.arange(10)}, 4))
    assert [batch["mask"].tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    np.testing.assert_array_equal(batches[1]["x"], ROWS[4:8])
    assert adapting.known_rows({"x": ROWS, "mask": np.arange(10)}) == 10
    with pytest.raises(ValueError, match="the same number of rows, got {'x': 10, 'y': 3}"):
        adapting.known_rows({"x": ROWS, "y": ROWS[:3]})


def test_batches_pass_as_they_are() -> None:
    batches = [ROWS[:3], ROWS[3:]]
    assert adapting.as_batches(batches, 4) is batches
    assert adapting.known_rows(batches) is None
    assert [len(batch) for batch in adapting.as_batches(ROWS, 4)] == [4, 4, 2]
    assert adapting.known_rows(ROWS) == 10
    with pytest.raises(
        TypeError, match=r"data: expected rows on axis 0, got an array of shape \(\)\. For one row, pass data\[None\]"
    ):
        adapting.known_rows(ROWS[0, 0])
    assert adapting.known_rows(ROWS[0, 0][None]) == 1


@pytest.mark.parametrize("data", [3, None, "rows", b"rows"])
def test_what_has_no_batches_is_refused(data: Any) -> None:
    with pytest.raises(TypeError, match="data: expected arrays or batches, got"):
        adapting.as_batches(data, 4, "arrays or batches")


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_a_batch_has_a_row_at_least(size: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="batch_size: expected"):
        adapting.cut(ROWS, size)


def test_a_mask_is_a_function_or_a_key_of_what_goes_in() -> None:
    by_key = adapting.as_mask("attention")
    assert by_key is not None
    batch = {"attention": np.array([[1, 0]])}
    assert by_key(batch).tolist() == [[False, True]]
    assert by_key((batch, "labels")).tolist() == [[False, True]]
    assert adapting.as_mask(len) is len
