"""DropConnect drops weights and leaves the model as it was."""

from __future__ import annotations

import copy

import alcore_torch
import numpy as np
import pytest
import torch
from torch import nn

from tests.adapters.torch.predictions import IMAGES, TOKENS, Recurrent, assert_consistent, predict


def test_dropconnect_of_convolutions_has_their_mean_and_keeps_all_but_the_weights() -> None:
    """Strides, groups, padding and biases are the model's; layers are chosen by type or name."""
    convolution = nn.Conv2d(2, 6, 3, stride=2, padding=1, dilation=2, groups=2)
    model = nn.Sequential(convolution, nn.Flatten(), nn.LazyLinear(3))
    model(IMAGES)
    dropped = alcore_torch.DropConnect(model, 0.3, layers=(nn.Conv2d,))
    assert torch.equal(dropped(IMAGES), model(IMAGES))
    assert_consistent(dropped, IMAGES)
    mean = predict(alcore_torch.DropConnect(convolution, 0.3), IMAGES[:3], draws=3000, kind="probs").mean(axis=-1)
    np.testing.assert_allclose(mean, convolution(IMAGES[:3]).detach(), atol=0.15)
    named = alcore_torch.DropConnect(model, 0.3, layers=("2",))
    assert named.dropped == ["2.weight"]
    with pytest.raises(ValueError, match="none with weights"):
        alcore_torch.DropConnect(nn.Sequential(nn.ReLU()), 0.3)
    with pytest.raises(ValueError, match="no layer of the model is '3'"):
        alcore_torch.DropConnect(model, 0.3, layers=("3",))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_dropconnect_of_recurrent_layers_drops_alike_for_all_rows(kind: type[nn.Module]) -> None:
    """All weight matrices, neither biases nor embeddings; the model's own weights stay."""
    model = Recurrent(kind, True)
    model(TOKENS)
    before = copy.deepcopy(model.state_dict())
    dropped = alcore_torch.DropConnect(model, 0.3)
    assert {name.rsplit(".", 1)[1] for name in dropped.dropped} >= {"weight_ih_l0", "weight_hh_l2", "weight"}
    assert not any("embed" in name or "bias" in name for name in dropped.dropped)
    assert dropped.left == ["embed.weight"]
    assert_consistent(dropped, TOKENS)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
