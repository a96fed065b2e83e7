"""Predictions of small PyTorch networks on small data, and the check that draws are consistent."""

from __future__ import annotations

from typing import Any

import alcore_torch
import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
ROWS = torch.randn(30, 6)
IMAGES = torch.randn(30, 2, 8, 8)
TOKENS = torch.randint(5, 90, (30, 7))


def predict(model: nn.Module, data: Any, **options: Any) -> np.ndarray:
    given = {"draws": 5, "batch_size": 12, "kind": "logits", "progress": False, **options}
    return np.concatenate(list(alcore_torch.predict(model, data, **given)))


def assert_consistent(model: nn.Module, data: torch.Tensor, **options: Any) -> np.ndarray:
    """Rows that are there twice, in other blocks and places, agree; draws differ."""
    found = predict(model, torch.cat([data, data.flip(0)]), **options)
    np.testing.assert_allclose(found[: len(data)], found[: len(data) - 1 : -1], rtol=0, atol=1e-5)
    assert (np.ptp(found, axis=-1) > 1e-4).any()
    plain = predict(model, torch.cat([data[:1]] * 24), consistent=False, **options)
    assert len(np.unique(plain[..., 0].reshape(24, -1).round(6), axis=0)) > 1
    return found


def convolutional(layer: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), layer, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    )


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module], batch_first: bool, **options: Any) -> None:
        super().__init__()
        self.embed = nn.Embedding(90, 8)
        self.layers = kind(8, 6, 3, dropout=0.4, batch_first=batch_first, **options)
        self.last, self.batch_first = nn.LazyLinear(3), batch_first

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        out, _ = self.layers(x if self.batch_first else x.transpose(0, 1))
        return self.last(out[:, -1] if self.batch_first else out[-1])
