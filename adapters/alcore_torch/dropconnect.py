"""DropConnect: weights instead of activations are dropped. Wan et al. 2013 (proceedings.mlr.press/v28/wan13)."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from torch import nn

from alcore.adapting import as_rate, is_among, mix
from alcore_torch.dropout import current_draw

Layers: TypeAlias = tuple[type[nn.Module] | str, ...]
LAYERS: Layers = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd, nn.RNNBase, nn.RNNCellBase)


class DropConnect(nn.Module):
    """A model whose weights are dropped with probability ``rate``, each anew for each draw, the rest scaled by 1/(1 − rate).

    It holds the model itself: its pretrained weights, strides, padding, groups and biases stay what they are. In `predict` every
    row of a draw meets the same weights; elsewhere the model runs as it is. Biases are not dropped.

    Args:
        model: any module.
        rate: the probability of dropping a weight, 0 ≤ rate < 1.
        layers: types or names of modules whose weights are dropped; all linear, convolutional and recurrent ones by default.

    Raises: ValueError for another rate, and where no layer has weights to drop.

    >>> import alcore_torch, torch
    >>> model = torch.nn.Conv2d(1, 2, 3, stride=2)
    >>> preds = alcore_torch.predict(alcore_torch.DropConnect(model, 0.3), torch.ones(4, 1, 8, 8), draws=5, kind="logits")
    >>> next(preds).shape
    (4, 2, 3, 3, 5)
    """

    def __init__(self, model: nn.Module, rate: float = 0.5, layers: Layers | None = None) -> None:
        super().__init__()
        self.model, self.rate = model, as_rate(rate)
        self._names = [
            f"{path}.{name}" if path else name
            for path, module in model.named_modules()
            if is_among(path, module, LAYERS if layers is None else layers)
            for name, _ in module.named_parameters(recurse=False)
            if "bias" not in name
        ]
        if not self._names:
            raise ValueError(f"layers: {type(model).__name__} has none with weights to drop.")

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        draw = current_draw()
        if draw is None:
            return self.model(*args, **kwargs)
        weights = {name: self.model.get_parameter(name) for name in self._names}
        own = {id(weight): weight for weight in weights.values()}  # shared by layers: dropped alike in all
        dropped = {key: self._dropped(own[key], draw.seed_of(place)) for place, key in enumerate(own)}
        given = {name: dropped[id(weight)] for name, weight in weights.items()}
        return torch.func.functional_call(self.model, given, args, kwargs, tie_weights=False)

    def _dropped(self, weight: torch.Tensor, seed: int) -> torch.Tensor:
        generator = torch.Generator(weight.device).manual_seed(mix(seed, 1))
        kept = torch.rand(weight.shape, generator=generator, device=weight.device) >= self.rate
        return weight.detach() * kept / (1 - self.rate)
