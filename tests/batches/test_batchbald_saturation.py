"""BatchBALD where the draws are exhausted: a warning, and the rest in the order of BALD."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import alcore
from tests.batches import oracle as oracle
from tests.batches.oracle import one_hot
from tests.cases import dirichlet, special


def fill_order(pool: np.ndarray, picked: np.ndarray, k: int) -> list[int]:
    """BALD order among the rows left."""
    order = alcore.top(alcore.bald(pool), len(pool)).indices.tolist()
    return [i for i in order if i not in picked.tolist()][:k]


def saturating(pool: np.ndarray, k: int, **options: Any) -> alcore.Batch:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", RuntimeWarning)  # a hash wraps around: interpreted kernels say so
        batch = alcore.batchbald(pool, k, rng=0, **options)
    assert [w.category for w in caught] == [alcore.SaturationWarning]  # once
    said = str(caught[0].message)
    assert "more draws" in said
    assert "Power" in said or "stochastic" in said
    assert batch.saturated_at is not None
    return batch


def assert_filled(pool: np.ndarray, batch: alcore.Batch, k: int) -> None:
    at = batch.saturated_at
    assert at is not None
    assert len(batch) == k == len(set(batch.indices.tolist()))
    assert batch.fill == "bald"
    assert batch.indices[at:].tolist() == fill_order(pool, batch.indices[:at], k - at)
    assert batch.scores[at:].tolist() == [0.0] * (k - at)
    assert (batch.scores[:at] > 1e-6).all()
    np.testing.assert_array_equal(batch.information[at:], batch.information[at - 1] if at else 0.0)
    assert np.ptp(batch.effective_draws[max(at - 1, 0) :]) == 0  # nothing more is learned
    assert batch.q.tolist() == [1.0] * k
    assert batch.support.tolist() == [1] * k
    assert 0 <= batch.exact_until <= k
    assert batch.certified_until == k


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("exact", [10_000, 0])
def test_four_draws_that_are_certain_are_told_apart_by_two_rows(dtype: type, exact: int) -> None:
    pool = one_hot(40, 3, 4, seed=5).astype(dtype)
    expected = oracle.batchbald(pool, 2)
    assert expected.information[-1] == pytest.approx(np.log(4))
    batch = saturating(pool, 20, exact=exact, samples=400)
    assert batch.saturated_at == 2
    np.testing.assert_allclose(batch.information[:2], expected.information, rtol=1e-6)  # rows tie but for rounding
    np.testing.assert_allclose(batch.information[1:], np.log(4), rtol=1e-6)
    np.testing.assert_allclose(batch.effective_draws[1:], 1, rtol=1e-6)
    assert_filled(pool, batch, 20)


@pytest.mark.parametrize("options", [{}, {"exact": 0, "samples": 1000}, {"exact": 30, "samples": 1000}])
def test_few_draws_are_exhausted_and_the_rest_is_filled(options: dict[str, int]) -> None:
    pool = dirichlet(60, 3, 4, seed=3, alpha=0.1).astype(np.float32)
    batch = saturating(pool, 40, **options)
    assert 3 <= batch.saturated_at < 40
    assert_filled(pool, batch, 40)
    assert batch.information[-1] <= np.log(4) + 0.02
    assert batch.effective_draws[-1] < 1.1


def test_pools_without_information_are_saturated_from_the_start() -> None:
    certain = np.repeat(special()[:1], 5, axis=0)
    agreeing = np.repeat(dirichlet(6, 3, 1, seed=2), 7, axis=2)
    single = dirichlet(6, 3, 1, seed=2)
    for pool in (certain, agreeing, single):
        for dtype in (np.float32, np.float64):
            batch = saturating(pool.astype(dtype), 3)
            assert batch.saturated_at == 0
            assert_filled(pool.astype(dtype), batch, 3)


def test_saturation_beyond_the_picks_asked_for_is_not_said() -> None:
    batch = alcore.batchbald(one_hot(40, 3, 4, seed=5), 2, rng=0)
    assert (batch.saturated_at, batch.fill) == (None, None)


@pytest.mark.compiled
def test_saturation_is_noticed_and_not_computed() -> None:
    pool = dirichlet(400, 5, 6, seed=4, alpha=0.2).astype(np.float32)
    batch = saturating(pool, 400, samples=2000)
    assert sorted(batch.indices.tolist()) == list(range(400))
    assert_filled(pool, batch, 400)
