"""Batches of sequences of other lengths have the same masks, or are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import alcore_keras
import keras
import numpy as np
import pytest
from keras import layers as kl

from tests.adapters.keras.predictions import STEPS, every_backend, predict


@every_backend
def test_other_lengths_are_refused_where_the_masks_of_a_draw_would_change() -> None:
    """The refusal names the layer and both shapes; plain draws take them."""
    model = keras.Sequential([keras.Input((None, 6)), kl.Dropout(0.4, name="along"), kl.Dense(3)])
    batches = [STEPS, STEPS[:, :4]]
    with pytest.raises(ValueError, match=r"'along' of .* shape \(20, 4, 6\).*\(1, 5, 6\) for one row.*Pad"):
        predict(model, batches)
    blocks = alcore_keras.predict(model, batches, draws=2, consistent=False, progress=False)
    assert [block.shape for block in blocks] == [(20, 3, 5, 2), (20, 3, 4, 2)]
    x = keras.Input((None, 6))
    model = keras.Model(x, kl.Dense(3)(kl.MultiHeadAttention(2, 3, dropout=0.4)(x, x)))
    with pytest.raises(ValueError, match=r"shape \(20, 2, 4, 4\).*\(1, 2, 5, 5\) for one row.*Pad"):
        predict(model, batches)


@pytest.mark.parametrize(
    "layer", [lambda: kl.SpatialDropout1D(0.4), lambda: kl.LSTM(4, dropout=0.4, return_sequences=True)]
)
def test_other_lengths_have_the_same_masks_where_noise_is_not_along_them(layer: Callable[[], Any]) -> None:
    """Masks of whole channels, and of the inputs of recurrent layers."""
    model = keras.Sequential([keras.Input((None, 6)), layer(), kl.Dense(3)])
    long, short = alcore_keras.predict(model, [STEPS, STEPS[:, :4]], draws=3, progress=False)
    np.testing.assert_allclose(long[:, :, :4], short, rtol=0, atol=1e-5)
