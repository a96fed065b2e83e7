"""Draws that are all the same, or that are not one network for every row, are refused before any is returned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from alcore import adapting
from alcore.adapting import Request
from tests.adapting.numpy_model import ROWS, NumpyRun, halves, predictions


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


def test_draws_are_checked_again_where_the_number_of_rows_is_new() -> None:
    def mixes_rows_of_short_batches(x: Any, draw: int) -> np.ndarray:
        return halves(x.cumsum(axis=0) if len(x) < 4 else x, 0, draw)

    blocks = predictions(NumpyRun(Request(3), mixes_rows_of_short_batches))  # of 4, 4 and 2 rows
    assert [len(next(blocks)), len(next(blocks))] == [4, 4]
    with pytest.raises(ValueError, match="depends on its place"):
        next(blocks)


@pytest.mark.parametrize("together", [1, 2, 3, 5])
def test_draws_that_are_made_together_are_the_same_ones(together: int) -> None:
    class Several(NumpyRun):
        def several(self, given: Any, block: int, draws: range) -> Iterator[np.ndarray]:
            calls.append((block, draws[0]))
            return (self.probs(given, block, draw)[0] for draw in draws[:together])

    calls: list[tuple[int, int]] = []
    run = Several(Request(5), lambda x, draw: halves(x, 0, draw))
    found = np.concatenate(list(predictions(run, draws=5)))
    np.testing.assert_array_equal(found, np.concatenate(list(predictions(draws=5))))
    assert calls == [(block, draw) for block in range(3) for draw in range(0, 5, together)]


def test_the_draws_of_a_member_are_made_together_and_not_those_of_the_next() -> None:
    class Several(NumpyRun):
        def several(self, given: Any, block: int, draws: range) -> Iterator[np.ndarray]:
            ranges.append(draws)
            return (self.probs(given, block, draw)[0] for draw in draws)

    ranges: list[range] = []
    members = [Several(Request(3), lambda x, draw: halves(x, 0, draw)) for _ in range(2)]
    blocks = list(adapting.predict([ROWS], members, Request(3, members=2), rows=10))
    assert ranges == [range(3), range(3, 6)]
    np.testing.assert_array_equal(blocks[0], np.concatenate(list(predictions(draws=6))))
