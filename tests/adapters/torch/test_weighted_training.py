"""The weighted loss that the guide writes in PyTorch has the gradient of the weighted mean."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tests.adapters.framework import Picks


def test_the_guides_weighted_loss_has_the_gradient_of_the_weighted_mean() -> None:
    """Compared with the gradient in closed form."""
    picks, model = Picks.of("PyTorch"), nn.Linear(6, 3)
    scope = {"torch": torch, "model": model, "x": torch.tensor(picks.x), "y": torch.tensor(picks.y), "v": picks.v}
    exec(picks.line, scope)
    scope["loss"].backward()
    expected = picks.gradient(model.weight.detach().numpy().T, model.bias.detach().numpy())
    np.testing.assert_allclose(model.weight.grad.numpy().T, expected, rtol=1e-4, atol=1e-6)
