"""Networks that nobody wrote for alcore: rows agree in every draw whatever their block, and draws have the mean of the own loop."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from tests.adapters.flax.architectures import ARCHITECTURES, Architecture
from tests.adapters.flax.predictions import predict

EACH = pytest.mark.parametrize("one", ARCHITECTURES, ids=repr)
SIZES = (6, 4, 2)  # of 6 rows: one block; 4 and 2; three of 2
OWN = 400
PLAIN = ("Attention", "Gated", "NnxRecurrent")  # the rest in `make soak`
KINDS = [
    pytest.param(one, consistent, marks=[] if consistent != (repr(one) in PLAIN) else pytest.mark.soak)
    for one in ARCHITECTURES
    for consistent in (True, False)
]


def turned(rows: Any) -> Any:
    return {name: array[::-1] for name, array in rows.items()} if isinstance(rows, dict) else rows[::-1]


@EACH
def test_a_row_is_one_in_every_draw_whatever_its_block_and_its_place(one: Architecture) -> None:
    """In three sizes of blocks, of which one leaves two rows for the last, and two orders of rows; draws differ."""
    model = one.make()
    found = predict(model, one.rows, batch_size=SIZES[0], kind="probs")
    assert (np.ptp(found, axis=-1) > 1e-3).any()
    for size in SIZES:
        for rows, back in ((one.rows, slice(None)), (turned(one.rows), slice(None, None, -1))):
            again = predict(model, rows, batch_size=size, kind="probs")[back]
            np.testing.assert_allclose(again, found, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("one", "consistent"), KINDS, ids=repr)
def test_draws_have_the_mean_and_the_spread_of_the_models_own_loop(one: Architecture, consistent: bool) -> None:
    """Means over draws to four standard errors of both, spreads to a seventh."""
    model = one.make()
    found = predict(model, one.rows, batch_size=6, kind="probs", draws=OWN, consistent=consistent)
    keys = jax.random.split(jax.random.key(6), OWN)
    own = np.moveaxis(np.asarray(jax.jit(jax.vmap(lambda key: one.own(model, one.rows, key)))(keys)), (0, -1), (-1, 1))
    error = np.sqrt((found.var(axis=-1) + own.var(axis=-1)) / OWN)
    off = np.abs(found.mean(axis=-1) - own.mean(axis=-1))
    assert (off <= 4 * error + 1e-5).mean() > 0.999  # of four standard errors 6e-5 are expected beyond
    assert (off <= 5.5 * error + 1e-5).all()
    np.testing.assert_allclose(found.std(axis=-1).mean(), own.std(axis=-1).mean(), rtol=0.15)
