"""Predicting leaves flags, statistics and the global generator as they were."""

from __future__ import annotations

import copy

import alcore_torch
import numpy as np
import pytest
import torch
from torch import nn

from tests.adapters.torch.predictions import IMAGES, ROWS, assert_consistent, convolutional, predict


@pytest.mark.parametrize("training", [True, False])
def test_layers_with_noise_alone_are_on_and_flags_come_back(training: bool) -> None:
    """Also where some layers train and others do not, and after an error."""
    model = convolutional(nn.Dropout(0.4)).train(training)
    model[0].train(not training)
    before = [module.training for module in model.modules()]
    with alcore_torch.stochastic(model) as same:
        assert same is model
        assert [type(module).__name__ for module in model.modules() if module.training] == ["Dropout"]
        assert (model(IMAGES) != model(IMAGES)).any()
    assert [module.training for module in model.modules()] == before
    with pytest.raises(RuntimeError, match="on purpose"), alcore_torch.stochastic(model):
        raise RuntimeError("on purpose")
    assert [module.training for module in model.modules()] == before


def test_statistics_of_normalisation_do_not_change_even_in_training() -> None:
    """Neither in predictions nor inside ``stochastic``."""
    model = convolutional(nn.Dropout(0.4)).train()
    before = copy.deepcopy(model.state_dict())
    predict(model, IMAGES)
    with alcore_torch.stochastic(model):
        model(IMAGES)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_global_generator_goes_on_as_if_nothing_was_predicted() -> None:
    """With both kinds of draws."""
    model = convolutional(nn.Dropout(0.4))
    torch.manual_seed(5)
    expected = torch.rand(3)
    for consistent in (True, False):
        torch.manual_seed(5)
        predict(model, IMAGES, consistent=consistent)
        assert torch.equal(torch.rand(3), expected)


def test_layers_that_are_used_twice_have_noise_of_their_own_in_each_call() -> None:
    """Layers with shared and with frozen weights have consistent draws, DropConnect of them too."""
    dense = nn.Linear(6, 6)
    model = nn.Sequential(dense, nn.Dropout(0.4), dense, nn.Dropout(0.4), nn.Linear(6, 3))
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    assert_consistent(model, ROWS)
    assert_consistent(alcore_torch.DropConnect(model, 0.2), ROWS)
    one = nn.Dropout(0.5)  # called twice: each call has noise of its own
    twice = predict(nn.Sequential(one, one), torch.ones(4, 200), draws=1, kind="probs")[0, :, 0]
    assert set(np.unique(twice)) == {0.0, 4.0}
    assert abs((twice > 0).mean() - 0.25) < 0.12


class Keeping(nn.Module):
    """Keeps a tensor from its first pass, as positions are, and needs gradients of its own where it is said."""

    def __init__(self, gradients: bool) -> None:
        super().__init__()
        self.layers, self.gradients = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.4), nn.Linear(8, 3)), gradients
        self.scale: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.scale is None:
            self.scale = torch.linspace(1, 2, 6)
        if self.gradients:
            with torch.enable_grad():
                own = x.detach().requires_grad_()
                x = x + torch.autograd.grad(self.layers[0](own).square().sum(), own)[0]
        return self.layers(x * self.scale)


@pytest.mark.parametrize("gradients", [False, True], ids=["", "own gradients"])
@pytest.mark.parametrize("consistent", [True, False], ids=["consistent", "plain"])
def test_a_model_can_be_trained_after_it_was_predicted_with(consistent: bool, gradients: bool) -> None:
    """What it keeps is no tensor of inference mode, in which plain draws run; one that takes gradients itself is predicted."""
    model = Keeping(gradients)
    assert predict(model, ROWS, consistent=consistent).shape == (30, 3, 5)
    model(ROWS).sum().backward()
    assert model.layers[0].weight.grad is not None
