"""The networks of the laws in PyTorch."""

from __future__ import annotations

from typing import Any

import alcore_torch
import numpy as np
import torch
from torch import nn

from tests.adapters.framework import EPSILON, HIDDEN, MEAN, VARIANCE, Framework, Weights


class _InADict(nn.Module):
    def __init__(self, network: nn.Sequential) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = self.network[:-1](x)
        return {"logits": self.network[-1](hidden), "hidden": hidden}


class TorchFramework(Framework):
    adapter = alcore_torch

    def network(self, weights: Weights, rate: float) -> Any:
        norm = nn.BatchNorm1d(HIDDEN, eps=EPSILON)
        norm.running_mean.copy_(torch.tensor(MEAN))
        norm.running_var.copy_(torch.tensor(VARIANCE))
        first, last = _dense(weights.w1, weights.b1), _dense(weights.w2, weights.b2)
        return nn.Sequential(first, norm, nn.ReLU(), nn.Dropout(rate), last)

    def linear(self, w: np.ndarray, rate: float | None) -> Any:
        dense = nn.Linear(*w.shape, bias=False)
        dense.weight.data.copy_(torch.tensor(w.T))
        return dense if rate is None else nn.Sequential(nn.Dropout(rate), dense)

    def in_a_dict(self, weights: Weights, rate: float) -> Any:
        return _InADict(self.network(weights, rate))

    def infer(self, model: Any, x: np.ndarray) -> np.ndarray:
        modes = {module: module.training for module in model.modules()}
        with torch.no_grad():
            found = model.eval()(torch.tensor(x)).numpy()
        for module, mode in modes.items():
            module.training = mode
        return found

    def state(self, model: Any) -> list[np.ndarray]:
        return [value.numpy().copy() for value in model.state_dict().values()]

    def spoil(self, model: Any) -> None:
        next(model.parameters()).data.zero_()


def _dense(w: np.ndarray, b: np.ndarray) -> nn.Linear:
    dense = nn.Linear(*w.shape)
    dense.weight.data.copy_(torch.tensor(w.T))
    dense.bias.data.copy_(torch.tensor(b))
    return dense
