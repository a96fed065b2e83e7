"""BatchBALD where no row is worth choosing jointly any more: which rows were, what the batch reports, and when it warns."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import alcore
from tests.batches import oracle as oracle
from tests.batches.oracle import one_hot
from tests.cases import dirichlet, special
from tests.warned import what_one_says


def exhausting(pool: np.ndarray, k: int, **options: Any) -> alcore.Batch:
    """A batch that exhausts its draws, with one warning that says what was done and what to do."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", RuntimeWarning)  # a hash wraps around: interpreted kernels say so
        batch = alcore.batchbald(pool, k, rng=0, **options)
    text = what_one_says(caught, alcore.SaturationWarning)
    assert text.startswith(
        f"BatchBALD: the {pool.shape[2]} draws were exhausted after {batch.saturated_at} of {k} picks: "
    )
    assert "drawn by power sampling of BALD (fill='power-bald')" in text
    assert "Predict with more draws" in text
    assert batch.saturated_at is not None
    return batch


def assert_filled(pool: np.ndarray, batch: alcore.Batch, joint: int, k: int) -> None:
    """The rows after those chosen jointly add nothing to what is reported, and carry what power sampling says of them."""
    assert len(batch) == k == len(set(batch.indices.tolist()))
    assert batch.fill == "power-bald"
    assert batch.scores[joint:].tolist() == [0.0] * (k - joint)
    assert (batch.scores[:joint] > 1e-6).all()
    np.testing.assert_array_equal(batch.information[joint:], batch.information[joint - 1] if joint else 0.0)
    assert np.ptp(batch.effective_draws[max(joint - 1, 0) :]) == 0
    assert batch.q[:joint].tolist() == [1.0] * joint
    assert batch.support[:joint].tolist() == [1] * joint
    bald = alcore.bald(pool)
    left = np.setdiff1d(np.arange(len(pool)), batch.indices[:joint])
    for place in range(joint, k):
        weights = bald[left] if (bald[left] > 0).any() else np.ones(len(left))
        row = int(np.flatnonzero(left == batch.indices[place])[0])
        assert batch.q[place] == pytest.approx(weights[row] / weights.sum(), rel=1e-9)
        assert batch.support[place] == np.count_nonzero(weights)
        left = np.delete(left, row)
    assert 0 <= batch.exact_until <= k
    assert batch.certified_until == k


@pytest.mark.interpreted
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("exact", [10_000, 0])
def test_two_rows_distinguish_four_draws_that_are_certain(dtype: type, exact: int) -> None:
    pool = one_hot(40, 3, 4, seed=5).astype(dtype)
    expected = oracle.batchbald(pool, 2)
    assert expected.information[-1] == pytest.approx(np.log(4))
    batch = exhausting(pool, 20, exact=exact, samples=400)
    assert batch.saturated_at == 2
    np.testing.assert_allclose(batch.information[:2], expected.information, rtol=1e-6)  # rows tie but for rounding
    np.testing.assert_allclose(batch.information[1:], np.log(4), rtol=1e-6)
    np.testing.assert_allclose(batch.effective_draws[1:], 1, rtol=1e-6)
    assert_filled(pool, batch, 2, 20)


@pytest.mark.parametrize("options", [{}, {"exact": 0, "samples": 1000}, {"exact": 30, "samples": 1000}])
def test_few_draws_are_exhausted_and_the_rest_is_filled(options: dict[str, int]) -> None:
    pool = dirichlet(60, 3, 4, seed=3, alpha=0.1).astype(np.float32)
    batch = exhausting(pool, 40, **options)
    assert batch.saturated_at is not None
    assert 3 <= batch.saturated_at < 40
    assert_filled(pool, batch, batch.saturated_at, 40)
    assert batch.information[-1] <= np.log(4) + 0.02
    assert batch.effective_draws[-1] < 1.1


def test_a_single_draw_is_exhausted_from_the_start() -> None:
    pool = dirichlet(6, 3, 1, seed=2)
    batch = exhausting(pool, 3)
    assert batch.saturated_at == 0
    assert_filled(pool, batch, 0, 3)


@pytest.mark.interpreted
def test_rows_that_are_certain_or_agree_are_filled_without_a_warning() -> None:
    certain = np.repeat(special()[:1], 5, axis=0)
    agreeing = np.repeat(dirichlet(6, 3, 1, seed=2), 7, axis=2)
    for pool in (certain, agreeing):
        for dtype in (np.float32, np.float64):
            batch = alcore.batchbald(pool.astype(dtype), 3, rng=0)
            assert batch.saturated_at is None
            assert_filled(pool.astype(dtype), batch, 0, 3)


def test_where_the_other_rows_are_certain_many_draws_are_left_and_nothing_warns() -> None:
    pool = np.repeat(special()[:1, :3, :1], 200, axis=0).repeat(100, axis=2)
    pool[:6] = dirichlet(6, 3, 100, seed=4)
    batch = alcore.batchbald(pool, 20, rng=0)
    assert sorted(batch.indices[:6].tolist()) == list(range(6))
    assert batch.effective_draws[-1] > 5
    assert (batch.saturated_at, batch.fill) == (None, "power-bald")
    assert_filled(pool, batch, 6, 20)


def test_a_batch_that_ends_where_its_draws_are_exhausted_does_not_warn() -> None:
    batch = alcore.batchbald(one_hot(40, 3, 4, seed=5), 2, rng=0)
    assert (batch.saturated_at, batch.fill) == (None, None)


def test_a_whole_pool_is_filled_once_its_draws_are_exhausted() -> None:
    pool = dirichlet(400, 5, 6, seed=4, alpha=0.2).astype(np.float32)
    batch = exhausting(pool, 400, samples=2000)
    assert sorted(batch.indices.tolist()) == list(range(400))
    assert batch.saturated_at is not None
    assert_filled(pool, batch, batch.saturated_at, 400)
