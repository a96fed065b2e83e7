"""Batches compared with each other and with what the oracle answers."""

from __future__ import annotations

import numpy as np

import alcore
from tests.batches import oracle
from tests.cases import dirichlet

POOL = dirichlet(40, 3, 8, seed=31, alpha=0.6)
WEIGHTS = np.array([3, 1, 0, 2, 1, 5, 1, 2])
REPORTED = ("scores", "information", "effective_draws")


def assert_same_bits(batch: alcore.Batch, expected: alcore.Batch) -> None:
    for field in ("indices", *REPORTED, "q", "support"):
        np.testing.assert_array_equal(getattr(batch, field), getattr(expected, field), err_msg=field)
    assert (batch.exact_until, batch.saturated_at, batch.fill) == (
        expected.exact_until,
        expected.saturated_at,
        expected.fill,
    )


def assert_equals(batch: alcore.Batch, expected: oracle.Greedy, tolerance: float) -> None:
    """The batch is the oracle's, within the tolerance in nats."""
    assert expected.gap > 10 * tolerance, "the pool nearly ties: take another seed"
    assert batch.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(batch.scores, expected.gains, rtol=0, atol=tolerance)
    np.testing.assert_allclose(batch.information, expected.information, rtol=0, atol=tolerance * len(batch))
    np.testing.assert_allclose(batch.effective_draws, expected.effective_draws, rtol=100 * tolerance)
