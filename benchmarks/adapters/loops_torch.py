"""The network of the adapters' table in PyTorch, and loops over draws as one writes them by hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

SHAPE = (1, 8, 8)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(),
        nn.Dropout(0.5), nn.Linear(512, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10),
    ).eval()  # fmt: skip


def plain(model: nn.Sequential, images: torch.Tensor, draws: int, batch: int) -> np.ndarray:
    """A mask for every row."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.train()
    with torch.inference_mode():
        blocks = [torch.stack([model(x).softmax(1) for _ in range(draws)], -1).numpy() for x in images.split(batch)]
    model.eval()
    return np.concatenate(blocks)


class OneMask(nn.Module):
    """Dropout whose masks of each draw are made once and kept."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate, self.draw = rate, 0
        self.masks: dict[int, torch.Tensor] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.draw not in self.masks:
            self.masks[self.draw] = (torch.rand(1, *x.shape[1:]) >= self.rate) / (1 - self.rate)
        return x * self.masks[self.draw]


def consistent(model: nn.Sequential, images: torch.Tensor, draws: int, batch: int) -> np.ndarray:
    """A mask for all rows: dropout layers are replaced by such."""
    masks = [OneMask(module.p) if isinstance(module, nn.Dropout) else module for module in model]
    replaced, blocks = nn.Sequential(*masks), []
    with torch.inference_mode():
        for x in images.split(batch):
            probs = []
            for draw in range(draws):
                for module in masks:
                    if isinstance(module, OneMask):
                        module.draw = draw
                probs.append(replaced(x).softmax(1))
            blocks.append(torch.stack(probs, -1).numpy())
    return np.concatenate(blocks)


class Attention(nn.Module):
    """One layer of fused attention whose weights are dropped."""

    def __init__(self, width: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.parts, self.last = nn.Linear(width, 3 * width), nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = self.parts(x).unflatten(2, (3, 4, -1)).permute(2, 0, 3, 1, 4)
        made = nn.functional.scaled_dot_product_attention(query, key, value, dropout_p=0.1)
        return self.last(made.transpose(1, 2).flatten(2).mean(dim=1))


def attention(model: Attention, x: torch.Tensor, draws: int) -> np.ndarray:
    with torch.inference_mode():
        return torch.stack([model(x).softmax(1) for _ in range(draws)], -1).numpy()
