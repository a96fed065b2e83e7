"""Models as people write them: rows that are equal agree in every draw, in any blocks and order, and draws are the model's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from tests.adapters.keras.architectures import MODELS, N
from tests.adapters.keras.networks import as_numpy
from tests.adapters.keras.predictions import every_backend, predict

ON_EVERY_BACKEND = ("transformer", "own noise", "Bayes by backprop", "windows apart")
ORDER = np.random.default_rng(2).permutation(N)
PASSES, TIMES = 60, 6

NAMES = [pytest.param(name, marks=every_backend if name in ON_EVERY_BACKEND else ()) for name in MODELS]


def rows(data: Any, which: Any) -> Any:
    return {key: value[which] for key, value in data.items()} if isinstance(data, dict) else data[which]


def own_loop(model: Any, data: Any) -> np.ndarray:
    """(PASSES, N, C) probabilities of the model in training, each the mean of several copies of a row in one pass."""
    copies = rows(data, np.repeat(np.arange(N), TIMES))
    found = [as_numpy(ops.softmax(model(copies, training=True))) for _ in range(PASSES)]
    return np.stack(found).reshape(PASSES, N, -1, found[0].shape[-1]).mean(axis=2)  # of pixels too


@pytest.mark.parametrize("name", NAMES)
def test_equal_rows_agree_in_every_draw_in_any_blocks_and_order(name: str) -> None:
    """Blocks of 8, of 7 and 1, and of 6 and 2, where some sizes are those of the model; two orders of rows."""
    make, data = MODELS[name]
    model = make()
    found = predict(model, data, draws=3, batch_size=N)
    assert (np.ptp(found, axis=-1) > 1e-3).any()
    for size in (N - 1, N - 2):
        for order in (np.arange(N), ORDER):
            again = predict(model, rows(data, order), draws=3, batch_size=size)
            np.testing.assert_allclose(again, found[order], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("consistent", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_the_mean_over_draws_is_that_of_the_models_own_loop(name: str, consistent: bool) -> None:
    """To four standard errors of the passes of both, which of 24 numbers one may exceed, to five."""
    make, data = MODELS[name]
    model = make()
    found = predict(model, data, draws=PASSES, batch_size=N, consistent=consistent)
    ours = np.moveaxis(found.reshape(N, 3, -1, PASSES).mean(axis=2), -1, 0)
    theirs = own_loop(model, data)
    error = np.sqrt((ours.var(axis=0) + theirs.var(axis=0)) / PASSES) + 1e-6
    off = np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) / error
    assert (off > 4).sum() <= 1
    assert (off < 5).all()
    if consistent:
        narrow = theirs.var(axis=0) * 0.2  # copies in a pass have noise of their own: their mean varies less
        assert (ours.var(axis=0) > narrow).all()


@pytest.mark.parametrize("name", NAMES)
def test_plain_draws_of_equal_rows_have_the_bits_of_their_seed(name: str) -> None:
    """Noise of rows differs between copies of one row; weights that are drawn are the same for all of them."""
    make, data = MODELS[name]
    model, copies = make(), rows(data, np.zeros(N, int))
    found = predict(model, copies, draws=2, batch_size=N, consistent=False)
    np.testing.assert_array_equal(found, predict(model, copies, draws=2, batch_size=N, consistent=False))
    apart = np.abs(found - found[:1]).max() > 1e-4
    assert apart == (name not in ("Bayes by backprop", "embedding table"))
    blocks = predict(model, copies, draws=2, batch_size=N // 2, consistent=False)
    assert (blocks[: N // 2] != blocks[N // 2 :]).any()
