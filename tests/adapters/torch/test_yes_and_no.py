"""Networks that end in one number a row, or in several labels, each of them yes or no."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import alcore
from tests.adapters.torch.predictions import ROWS, assert_consistent, predict


class OneNumber(nn.Module):
    """(n,) logits, as `squeeze(-1)` leaves them."""

    def __init__(self, squeeze: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1))
        self.squeeze = squeeze

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = self.layers(x)
        return made.squeeze(-1) if self.squeeze else made


@pytest.mark.parametrize("squeeze", [True, False])
def test_one_logit_is_a_probability_of_yes(squeeze: bool) -> None:
    model = OneNumber(squeeze)
    found = assert_consistent(model, ROWS, kind="binary_logits")
    assert found.shape == (60, 1, 5)
    assert ((found > 0) & (found < 1)).all()
    logits = predict(model, ROWS, kind="binary")
    np.testing.assert_allclose(predict(model, ROWS, kind="binary_logits"), 1 / (1 + np.exp(-logits)), rtol=1e-5)
    two = np.concatenate([1 - found, found], axis=1)
    np.testing.assert_allclose(alcore.bald(found, kind="binary"), alcore.bald(two), atol=1e-6)


def test_labels_are_yes_or_no_each() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 4))
    found = assert_consistent(model, ROWS, kind="multilabel_logits")
    assert found.shape == (60, 4, 5)
    assert alcore.bald(found, kind="multilabel").shape == (60,)


def test_kinds_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 classes on axis 1.*kind='binary_logits'"):
        predict(OneNumber(False), ROWS)
    with pytest.raises(ValueError, match="one number on axis 1.*kind='multilabel_logits'"):
        predict(nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.5)), ROWS, kind="binary_logits")
