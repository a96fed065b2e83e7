"""Rows to choose from: the largest, the different, and the best of one pass over a source."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.batches.search import candidates
from alcore.batches.search.candidates import Candidates, Pool, rows_that_fit
from alcore.door import Reading
from tests.batches.oracle import small_buffer
from tests.cases import dirichlet

POOL = dirichlet(40, 3, 6, seed=61, alpha=0.5)


def made(bound: list[float], cells: np.ndarray | None = None, index: np.ndarray | None = None) -> Candidates:
    rows = len(bound)
    held = dirichlet(rows, 2, 3) if cells is None else cells
    return Candidates(held, np.arange(rows) if index is None else index, np.array(bound))


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=30), st.integers(1, 35))
def test_the_largest_come_first_and_the_lowest_row_of_equals(bound: list[float], count: int) -> None:
    index = np.random.default_rng(0).permutation(len(bound)) + 10
    own = made(bound, index=index)
    slots = np.arange(len(bound))[::2]
    first, rest = own.largest(slots, count)
    assert sorted([*first, *rest]) == slots.tolist()
    assert len(first) == min(count, len(slots))
    keys = [(-own.bound[slot], own.index[slot]) for slot in first]
    assert keys == sorted(keys)
    if len(rest):
        assert own.bound[rest].max() <= own.bound[first].min()


@pytest.mark.interpreted
def test_equal_rows_wait_until_the_one_before_is_taken() -> None:
    one, two, three = dirichlet(3, 3, 4, seed=1)
    cells = np.stack([one, two, one, three, two, one, one])
    own = made([1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 1.0], cells, index=np.array([5, 1, 2, 3, 0, 4, 6]))
    assert own.above(0.0).tolist() == [
        2,
        3,
        4,
        5,
    ]  # the lowest row of each; the last holds the same and is bounded lower
    own.bound[2], own.picks_seen[2] = 0.7, 3
    own.take(2)
    assert own.above(0.0).tolist() == [0, 3, 4, 5]
    assert (own.bound[0], own.picks_seen[0], own.bound[2]) == (0.7, 3, -np.inf)
    own.bound[6] = -np.inf  # let go
    own.take(0)
    assert own.above(0.0).tolist() == [3, 4, 5]
    assert own.above(0.5).tolist() == [3, 4]
    own.take(3)
    assert own.above(0.0).tolist() == [4, 5]
    assert made([1.0]).above(0.0).tolist() == [0]
    assert Candidates(cells[:0], np.arange(0), np.empty(0)).above(0.0).size == 0


@pytest.mark.interpreted
def test_rows_of_equal_bound_may_hold_different_numbers() -> None:
    cells = np.stack([np.roll(dirichlet(1, 3, 4, seed=1)[0], shift, axis=axis) for shift in (0, 1) for axis in (0, 1)])
    own = made([1.0] * 4, cells)
    assert own.above(0.0).tolist() == [0, 2, 3]


def test_arrays_in_memory_are_read_where_they_lie() -> None:
    pool = Pool(POOL, Reading(), 0)  # and take no memory
    assert np.shares_memory(pool.candidates.cells, POOL)
    assert not pool.candidates.cells.flags.writeable
    assert POOL.flags.writeable
    assert pool.candidates.largest_dropped == -np.inf
    assert not pool.can_reread
    assert pool.cell_shape == (3, 6)
    np.testing.assert_array_equal(pool.candidates.bound, alcore.bald(POOL))
    pool.candidates.bound[:] = 0  # bounds are written to, scores stay
    np.testing.assert_array_equal(pool.scores, alcore.bald(POOL))


@given(rows=st.integers(1, 45), cuts=st.lists(st.integers(0, 40), max_size=5), ties=st.booleans())
def test_one_pass_keeps_the_rows_of_largest_bald_however_it_is_cut(rows: int, cuts: list[int], ties: bool) -> None:
    pool = POOL[np.arange(40) % 7] if ties else POOL
    blocks = [pool[a:b] for a, b in itertools.pairwise([0, *sorted(cuts), 40])]
    scores = alcore.bald(pool)
    order = np.lexsort((np.arange(40), -scores))
    with pytest.MonkeyPatch.context() as patched:
        small_buffer(patched, rows)
        found = Pool(iter(blocks), Reading(), 0)
    own = found.candidates
    np.testing.assert_array_equal(found.scores, scores)
    assert sorted(own.index.tolist()) == sorted(order[:rows].tolist())
    np.testing.assert_array_equal(own.bound, scores[own.index])
    np.testing.assert_array_equal(own.cells, pool[own.index])
    assert own.largest_dropped == (scores[order[rows]] if rows < 40 else -np.inf)
    assert own.picks_seen.tolist() == [0] * min(rows, 40)


def test_what_can_be_read_again_says_so(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", POOL)
    sources = [POOL.astype(np.float16), [POOL], tmp_path / "p.npz", iter([POOL])]
    assert [Pool(source, Reading(), 400 << 20).can_reread for source in sources] == [True, True, True, False]


def test_weights_and_kind_go_with_the_predictions() -> None:
    weights = np.arange(6.0)
    pool = Pool([np.log(POOL[:9]), np.log(POOL[9:])], Reading("logits", weights), 400 << 20)
    np.testing.assert_allclose(pool.scores, alcore.bald(POOL, weights=weights), rtol=1e-9)
    np.testing.assert_allclose(pool.candidates.cells, POOL[pool.candidates.index], rtol=1e-12)


def test_a_buffer_takes_no_more_than_its_memory() -> None:
    for room, row_bytes in ((10_000, 100), (1 << 20, 8000)):
        assert (row_bytes * 9 // 8) * rows_that_fit(room, row_bytes) <= room
    memory = candidates.READING_BYTES + 5000 + (8 * POOL[0].size * candidates.LEAST_ROWS * 9) // 8
    assert len(Pool(iter([POOL]), Reading(), memory, lambda cell: 5000).candidates.index) == candidates.LEAST_ROWS
    for needed, remedy in (
        (lambda cell: 5000, r"Pass memory=\d+, or lower samples and exact\."),
        (None, r"Pass memory=\d+\."),
    ):
        with pytest.raises(ValueError, match=rf"memory: expected at least 128\.0 MiB, got 1\.0\. {remedy}"):
            Pool(iter([POOL]), Reading(), 1 << 20, needed)
