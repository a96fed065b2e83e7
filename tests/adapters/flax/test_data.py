"""Batches of every kind, half precision and mixed ensembles give the predictions asked for."""

from __future__ import annotations

from typing import Any

import alcore_flax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from tests.adapters.flax.predictions import ROWS, Block, Layers, assert_consistent, bound, predict


def test_batches_of_every_kind_give_the_same_bits() -> None:
    """With labels and as dictionaries, of arrays of JAX, and in a buffer that is filled anew."""
    model = bound(Layers("by argument"), ROWS)
    found = predict(model, ROWS)
    cut = [slice(start, start + 15) for start in range(0, 30, 15)]
    labels = np.zeros(30)
    for data in (
        [ROWS[one] for one in cut],
        [(ROWS[one], labels[one]) for one in cut],
        [[ROWS[one], labels[one]] for one in cut],
        [{"x": ROWS[one]} for one in cut],
        [({"x": ROWS[one]}, labels[one]) for one in cut],
        (jnp.asarray(ROWS[one]) for one in cut),
        jnp.asarray(ROWS),
    ):
        np.testing.assert_array_equal(found, predict(model, data))
    buffer = np.empty((15, 6), np.float32)

    def refilled() -> Any:
        for start in range(0, 30, 15):
            buffer[:] = ROWS[start : start + 15]
            yield buffer

    np.testing.assert_array_equal(found, predict(model, refilled()))


class Half(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Dropout(0.5, deterministic=True)(nn.relu(nn.Dense(64, dtype=jnp.bfloat16)(x)))
        return nn.Dense(3, dtype=jnp.bfloat16)(x)


def test_the_softmax_is_not_taken_in_half_precision() -> None:
    """Probabilities sum to one to 1e-6."""
    found = assert_consistent(bound(Half(), ROWS), ROWS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_an_ensemble_may_have_members_of_linen_and_nnx() -> None:
    """And one with DropConnect."""
    members = [bound(Layers("by argument"), ROWS), Block(), alcore_flax.DropConnect(Block(), 0.1)]
    found = predict(members, ROWS, draws=3)
    assert found.shape == (30, 3, 9)
    np.testing.assert_array_equal(found[..., :3], predict(members[0], ROWS, draws=3))
