"""DropConnect drops weights instead of activations. Wan et al. 2013 (proceedings.mlr.press/v28/wan13)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from alcore.adapting import Layers, as_layers, as_rate, check_layers, is_among
from alcore_torch.noise import current_draw


class DropConnect(nn.Module):
    """A model that drops its weights with probability ``rate`` in each draw, and scales the others by 1/(1 − rate).

    In draw t, a weight W becomes W ∘ mₜ / (1 − rate), with mₜ ~ Bernoulli(1 − rate) for each of its numbers. In `predict`, all rows
    of a draw meet the same weights. Elsewhere the model runs as it is. It holds the model itself: its weights, strides, padding,
    groups and biases stay what they are. Biases are not dropped. Each draw costs one forward pass and one mask of every dropped
    weight. Wan et al. 2013 (proceedings.mlr.press/v28/wan13).

    Args:
        model: any module.
        rate: the probability of dropping a weight, 0 ≤ rate < 1.
        layers: the modules whose weights are dropped: types, names, functions (name, module) -> bool, or a tuple of these. By
            default all parameters with "weight" in their name and two or more dimensions are dropped, also in attention layers and
            where they are parametrised. The weights of embeddings are kept.

    Attributes:
        dropped: names of the parameters that are dropped.
        left: names of the other parameters of two or more dimensions. ``repr`` gives both counts.

    Raises:
        ValueError: for a rate outside [0, 1), for a layer that the model lacks, and where no layer has weights to drop.
        TypeError: for layers that are no types, names or functions.

    Examples:
        >>> import alcore_torch, torch
        >>> model = torch.nn.Conv2d(1, 2, 3, stride=2)
        >>> dropped = alcore_torch.DropConnect(model, 0.3)
        >>> next(alcore_torch.predict(dropped, torch.ones(4, 1, 8, 8), draws=5, kind="logits")).shape
        (4, 2, 3, 3, 5)
    """

    def __init__(self, model: nn.Module, rate: float = 0.5, layers: Layers | None = None) -> None:
        super().__init__()
        self.model, self.rate, said = model, as_rate(rate), as_layers(layers, "layers")
        check_layers(said, model.named_modules(), "layers")
        found = {
            f"{path}.{name}" if path else name: wanted
            for path, module in model.named_modules()
            for name, wanted in _weights(path, module, said)
        }
        self.dropped = [name for name, wanted in found.items() if wanted]
        self.left = [name for name, wanted in found.items() if not wanted]
        if not self.dropped:
            raise ValueError(
                f"layers: {type(model).__name__} has none with weights to drop. Name layers with a weight matrix: layers=nn.Linear."
            )

    def extra_repr(self) -> str:
        return f"rate={self.rate}, drops {len(self.dropped)} of {len(self.dropped) + len(self.left)} weights"

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        draw = current_draw()
        if draw is None:
            return self.model(*args, **kwargs)
        given: dict[str, torch.Tensor] = {}
        own: dict[int, torch.Tensor] = {}  # a weight that layers share is dropped alike in all
        with parametrize.cached():
            for name in self.dropped:
                path, _, short = name.rpartition(".")
                module = self.model.get_submodule(path)
                weight = getattr(module, short)
                if id(weight) not in own:
                    own[id(weight)] = weight.detach() * draw.kept(len(own), weight, self.rate) / (1 - self.rate)
                if parametrize.is_parametrized(module, short):
                    parametrize._cache[(id(module), short)] = own[id(weight)]
                else:
                    given[name] = own[id(weight)]
            return torch.func.functional_call(self.model, given, args, kwargs, tie_weights=False)


def _weights(path: str, module: nn.Module, said: Any) -> Iterator[tuple[str, bool]]:
    """Names of weights of two or more dimensions, also of parametrised ones, and whether they are dropped."""
    names = dict(module.named_parameters(recurse=False))
    if parametrize.is_parametrized(module):
        names |= {name: getattr(module, name) for name in module.parametrizations}  # type: ignore[union-attr]
    if ".parametrizations." in f".{path}.":
        return
    for name, value in names.items():
        if said:
            wanted = is_among(path, module, said) and "bias" not in name
        else:
            wanted = "weight" in name and not isinstance(module, nn.Embedding | nn.EmbeddingBag)
        if value.dim() > 1 or (said and wanted):
            yield name, wanted
