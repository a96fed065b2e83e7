"""Networks that end in one sigmoid, or in several."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers as kl

from tests.adapters.keras.predictions import ROWS, assert_consistent, every_backend, predict


def network(units: int, activation: str | None) -> keras.Model:
    return keras.Sequential([keras.Input((6,)), kl.Dense(8, "relu"), kl.Dropout(0.5), kl.Dense(units, activation)])


@every_backend
def test_one_sigmoid_is_a_probability_of_yes() -> None:
    found = assert_consistent(network(1, "sigmoid"), ROWS, kind="binary")
    assert found.shape == (40, 1, 4)
    logits = network(1, None)
    raw = predict(logits, ROWS, kind="binary")
    np.testing.assert_allclose(predict(logits, ROWS, kind="binary_logits"), 1 / (1 + np.exp(-raw)), rtol=1e-5)


@every_backend
def test_labels_are_yes_or_no_each() -> None:
    assert assert_consistent(network(3, None), ROWS, kind="multilabel_logits").shape == (40, 3, 4)
    with pytest.raises(ValueError, match="one number on axis -1.*kind='multilabel'"):
        predict(network(3, "sigmoid"), ROWS, kind="binary")
