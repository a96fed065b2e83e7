"""Networks that end in one number a row, or in several labels, each of them yes or no."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flax import linen as nn

from tests.adapters.flax.predictions import ROWS, assert_consistent, bound, predict


class Network(nn.Module):
    units: int
    squeeze: bool = False

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Dropout(0.5, deterministic=False)(nn.relu(nn.Dense(32)(x)))
        made = nn.Dense(self.units)(x)
        return made[..., 0] if self.squeeze else made


@pytest.mark.parametrize("squeeze", [True, False])
def test_one_logit_is_a_probability_of_yes(squeeze: bool) -> None:
    model = bound(Network(1, squeeze), ROWS)
    found = assert_consistent(model, ROWS, kind="binary_logits")
    assert found.shape == (60, 1, 5)
    raw = predict(model, ROWS, kind="binary")
    np.testing.assert_allclose(predict(model, ROWS, kind="binary_logits"), 1 / (1 + np.exp(-raw)), rtol=1e-5)


def test_labels_are_yes_or_no_each() -> None:
    assert assert_consistent(bound(Network(3), ROWS), ROWS, kind="multilabel_logits").shape == (60, 3, 5)
    with pytest.raises(ValueError, match="one number on axis -1.*kind='multilabel'"):
        predict(bound(Network(3), ROWS), ROWS, kind="binary")
