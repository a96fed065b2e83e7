"""Laws that every joint batch of every kind obeys, over the table of kinds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alcore
from tests.cases_of_kinds import (
    CHOSEN,
    FLOATS,
    LAYOUTS,
    ORDERS,
    Chosen,
    Pool,
    each_chosen,
    in_order,
)
from tests.conftest import soak

pytestmark = pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")

ROWS = 14
COUNTS = np.array([3, 1, 0, 2, 1, 5])
EXACT = [
    case for case in CHOSEN if case.name != "ical"
]  # ICAL draws the labels of a row from its number and its draws' own
each_exact = pytest.mark.parametrize("case", EXACT, ids=lambda case: f"{case.kind.name}-{case.name}")


def pool_of(case: Chosen, dtype: type = np.float64, rows: int = ROWS) -> Pool:
    return case.kind.pool(rows, seed=8).changed(lambda one: one.astype(dtype))


def assert_same(found: alcore.Batch, expected: alcore.Batch, said: str = "") -> None:
    np.testing.assert_array_equal(found.indices, expected.indices, err_msg=said)
    np.testing.assert_array_equal(found.scores, expected.scores, err_msg=said)


@each_chosen
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_batch_has_different_rows_each_with_its_chance(case: Chosen, dtype: type) -> None:
    pool = pool_of(case, dtype)
    for k in (1, 4, ROWS, ROWS + 3):
        found = case.select(pool, k)
        assert 1 <= len(found) <= min(k, ROWS)
        assert len(set(found.indices.tolist())) == len(found)
        assert np.isfinite(found.scores).all()
        assert (found.q == 1).all()
        assert (found.support == 1).all()


@each_chosen
@pytest.mark.parametrize("dtype", FLOATS)
def test_same_bits_for_any_layout_and_no_input_is_written_to(case: Chosen, dtype: type) -> None:
    pool = pool_of(case, dtype)
    expected = case.select(pool)
    for name, change in LAYOUTS.items():
        other = pool.changed(change)
        before = [one.tobytes() for one in other.arrays]
        assert_same(case.select(other), expected, name)
        assert [one.tobytes() for one in other.arrays] == before, name


@each_chosen
@pytest.mark.parametrize("axes", ORDERS)
def test_same_bits_for_any_order_of_axes(case: Chosen, axes: str) -> None:
    for dtype in (np.float32, np.float64):
        pool = pool_of(case, dtype)
        assert_same(case.select(pool.changed(in_order(axes)), axes=axes), case.select(pool))


@each_chosen
@settings(max_examples=soak(6, 200))
@given(cuts=st.lists(st.integers(0, ROWS), max_size=4), threads=st.integers(1, 4))
def test_same_bits_for_any_cutting_and_threads(case: Chosen, cuts: list[int], threads: int) -> None:
    pool = pool_of(case, np.float32)
    alcore.set_threads(1)
    expected = case.select(pool)
    alcore.set_threads(threads)
    blocks, options = pool.blocks([0, *sorted(cuts), ROWS])
    for given_blocks in (blocks, case.as_stream(blocks)):
        assert_same(case.make(pool).select(given_blocks, 4, rng=3, **options), expected)


@each_chosen
def test_equal_weights_are_the_default(case: Chosen) -> None:
    pool = pool_of(case, np.float32)
    assert_same(case.select(pool, weights=np.full(6, 7.5)), case.select(pool))


@each_exact
def test_weights_equal_repeated_draws(case: Chosen) -> None:
    pool = pool_of(case)
    found = case.select(pool, 3, weights=COUNTS)
    repeated = case.select(pool.changed(lambda one: np.repeat(one, COUNTS, axis=-1)), 3)
    np.testing.assert_array_equal(found.indices, repeated.indices)
    np.testing.assert_allclose(found.scores, repeated.scores, atol=1e-6)


@each_exact
def test_rows_permute_and_draws_do_not_matter(case: Chosen) -> None:
    pool, rng = pool_of(case), np.random.default_rng(0)
    rows, draws = rng.permutation(ROWS), rng.permutation(6)
    expected = case.select(pool, 3)
    found = case.select(pool.rows_changed(lambda one: one[rows]), 3)
    np.testing.assert_array_equal(rows[found.indices], expected.indices)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    shuffled = case.select(pool.changed(lambda one: one[..., draws]), 3)
    np.testing.assert_array_equal(shuffled.indices, expected.indices)
    np.testing.assert_allclose(shuffled.scores, expected.scores, atol=1e-6)


@pytest.mark.parametrize("case", [one for one in CHOSEN if one.first], ids=lambda case: f"{case.kind.name}-{case.name}")
def test_the_first_pick_has_most_on_its_own(case: Chosen) -> None:
    pool = pool_of(case)
    assert case.first is not None
    scores = case.first(pool).score(pool.array, **pool.options)
    found = case.select(pool, 1)
    assert found.indices[0] == scores.argmax()
    assert found.scores[0] == pytest.approx(scores.max(), abs=1e-6)


@each_chosen
def test_empty_pools_one_draw_and_one_row(case: Chosen) -> None:
    pool = pool_of(case)
    empty = pool.rows_changed(lambda one: one[:0])
    assert len(case.select(empty)) == 0
    assert len(case.select(pool, 0)) == 0
    assert case.select(pool.rows_changed(lambda one: one[:1])).indices.tolist() == [0]
    single = case.select(case.kind.pool(5, draws=1))
    assert len(set(single.indices.tolist())) == len(single)
    np.testing.assert_allclose(single.scores, 0.0, atol=1e-12)


@each_chosen
@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_invalid_is_named(case: Chosen, dtype: type) -> None:
    pool = pool_of(case, dtype)
    for value, said in case.kind.invalid.items():
        array = pool.array.copy()
        array[9, -1, 3] = value
        wrong = Pool(pool.kind, array, pool.targets, pool.variance, pool.target_variance)
        match = rf"^probs: .*probs\[9, {case.kind.labels - 1}, 3\] {said}\b"
        with pytest.raises(ValueError, match=match):
            case.select(wrong)
        blocks, options = wrong.blocks([0, 4, 8, ROWS])
        with pytest.raises(ValueError, match=match):
            case.make(wrong).select(case.as_stream(blocks), 2, rng=0, **options)


@each_chosen
def test_event_axes_and_masks_are_refused(case: Chosen) -> None:
    maps = case.kind.pool(4, (3,))
    with pytest.raises(ValueError, match=r"^(probs|means): expected shape \(N, "):
        case.select(maps, 2)
    with pytest.raises(ValueError, match="^mask: "):
        case.select(pool_of(case), 2, mask=np.zeros(ROWS, bool))
