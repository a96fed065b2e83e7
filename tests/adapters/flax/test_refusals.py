"""Models, data and outputs that have no consistent draws are refused with the remedy."""

from __future__ import annotations

from typing import Any

import alcore_flax
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

from tests.adapters.flax.predictions import ROWS, Layers, bound, predict


class BatchStatistics(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(3)(nn.Dropout(0.5, deterministic=True)((x - x.mean(axis=0)) / (x.std(axis=0) + 0.1)))


@pytest.mark.parametrize("consistent", [True, False])
def test_models_that_use_statistics_of_the_batch_are_refused(consistent: bool) -> None:
    """With both kinds of draws: a row would have no prediction of its own."""
    with pytest.raises(ValueError, match="BatchStatistics .* rows beside it"):
        predict(bound(BatchStatistics(), ROWS), ROWS, consistent=consistent)


class Rare(nn.Module):
    """Two draws are equal most of the time, and yet noise is active."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(3)(nn.Dropout(1e-6, deterministic=True)(x))


def test_rare_noise_is_noise_and_a_rate_of_zero_is_not() -> None:
    """Two draws may be equal by chance; a model whose draws are all the same is refused with the remedy."""
    assert predict(bound(Rare(), ROWS), ROWS, draws=2).shape == (30, 3, 2)
    none = nnx.Sequential(nnx.Dropout(0.0, rngs=nnx.Rngs(0)), nnx.Linear(6, 3, rngs=nnx.Rngs(0)))
    with pytest.raises(ValueError, match="would be the same.*draws=1, DropConnect"):
        predict(none, ROWS)
    with pytest.raises(ValueError, match="would be the same"):
        predict(bound(nn.Dense(3), ROWS), ROWS)
    assert predict(none, ROWS, draws=1).shape == (30, 3, 1)
    assert (np.ptp(predict(alcore_flax.DropConnect(none), ROWS), axis=-1) > 0).any()
    assert predict([none, none], ROWS, draws=1).shape == (30, 3, 2)


def test_what_is_no_model_no_data_and_no_output_is_refused() -> None:
    """Each refusal names its argument."""
    module, model = Layers("by argument"), bound(Layers("by argument"), ROWS)
    for wrong in (module, [module]):
        with pytest.raises(TypeError, match=r"module\.bind"):
            predict(wrong, ROWS)
    for wrong in (None, [], [model, "one"]):
        with pytest.raises(TypeError, match="model"):
            predict(wrong, ROWS)
    for wrong in (7, "rows"):
        with pytest.raises(TypeError, match="data: expected an array"):
            predict(model, wrong)
    with pytest.raises(TypeError, match="inputs="):
        predict(model, [3])
    with pytest.raises(TypeError, match="output"):
        predict(model, ROWS, output=lambda said: None)
    with pytest.raises(ValueError, match="rows on axis 0"):
        predict(model, ROWS, output=lambda said: said.sum())
