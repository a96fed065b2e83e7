"""Pools that are read again: what is known of each row is what a search of the same pool in memory knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alcore.batches.batchbald import JointInformation
from alcore.batches.search.candidates import Candidates, Pool
from alcore.batches.search.configurations import Configurations
from alcore.batches.search.greedy import choose
from alcore.batches.search.rereading import Rereading, found_by
from alcore.door import Reading
from tests.batches.oracle import small_buffer
from tests.cases import dirichlet


class Known:
    """What is known of all rows at the end of a choice."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.again: list[Rereading] = []
        self.held: list[Candidates] = []
        own, hold = self, Rereading._hold

        def note(self: Rereading, *arguments: Any) -> Candidates:
            own.again.append(self)
            own.held.append(hold(self, *arguments))
            return own.held[-1]

        monkeypatch.setattr(Rereading, "_hold", note)

    def bounds(self) -> np.ndarray:
        again = self.again[-1]
        again._put_back(self.held[-1])
        return again._bound


@pytest.mark.parametrize("exact", [0, 10_000])
@pytest.mark.parametrize("rows", [3, 70])
def test_bounds_are_those_of_a_search_in_memory(monkeypatch: pytest.MonkeyPatch, exact: int, rows: int) -> None:
    pool = dirichlet(300, 4, 30, seed=5, alpha=0.6).astype(np.float32)
    known, whole = Known(monkeypatch), Pool(pool, Reading(), 400 << 20)

    def choice(source: Pool) -> Any:
        prior, rng = np.full(30, 1 / 30), np.random.default_rng(1)
        return choose(JointInformation(Configurations(prior, 300, exact, rng)), source, 8)

    expected = choice(whole)
    small_buffer(monkeypatch, rows)
    found = choice(Pool([pool[:90], pool[90:]], Reading(), 400 << 20))
    assert found.indices.tolist() == expected.indices.tolist()
    assert len(known.again) > 1
    np.testing.assert_array_equal(known.bounds(), whole.candidates.bound)
    assert (whole.candidates.bound < whole.scores).sum() > 50


def test_a_row_is_known_by_the_steps_that_look_at_it() -> None:
    bound = np.array([5.0, 4.0, 3.0])
    steps = [np.array([4.5, 2.0, 2.5]), np.array([1.0, 2.2])]  # the second step looks at rows 0 and 2
    np.testing.assert_array_equal(found_by(steps, bound, 2.4), [1.0, 2.0, 2.2])
    # A search that stops at 4 looks at row 0 only, twice.
    np.testing.assert_array_equal(found_by(steps, bound, 2.4, 4.0), [1.0, 4.0, 3.0])
    # One that stops at 4.6 looks at it once.
    np.testing.assert_array_equal(found_by(steps, bound, 2.4, 4.6), [4.5, 4.0, 3.0])
