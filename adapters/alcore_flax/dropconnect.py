"""DropConnect drops weights instead of activations. Wan et al. 2013 (proceedings.mlr.press/v28/wan13)."""

from __future__ import annotations

from typing import Any

import jax

from alcore.adapting import as_rate
from alcore_flax.flow import PRODUCTS, Flow


class DropConnect:
    """A model that drops its weights with probability ``rate`` in each draw, and scales the others by 1/(1 − rate).

    In draw t, a weight W becomes W ∘ mₜ / (1 − rate), with mₜ ~ Bernoulli(1 − rate) for each of its numbers. In `predict`, all rows
    of a draw meet the same weights. Without ``consistent``, all rows of a block do. Dropout in the model is on as well. Elsewhere
    the model runs as it is. It holds the model itself, which does not change. Each draw costs one forward pass and one mask of
    every dropped weight. Wan et al. 2013 (proceedings.mlr.press/v28/wan13).

    Args:
        model: a bound Linen module or an NNX module.
        rate: the probability of dropping a weight, 0 ≤ rate < 1.
        layers: the layers whose weights are dropped: names or paths in a tuple, such as ``"Dense_0"`` or ``"encoder/layers/0"``. By
            default every weight is dropped that the model multiplies its input with, as a matrix or in a convolution: of dense,
            convolutional and recurrent layers, of attention and of adapters. Biases, normalisations and embeddings are kept.

    Attributes:
        dropped: paths of the weights that are dropped. Known once the model has been predicted.
        left: paths of the other weights. Known once the model has been predicted. ``repr`` gives both counts.

    Raises:
        ValueError: for a rate outside [0, 1). In `predict`, where no weight to drop is found.

    Examples:
        >>> import alcore_flax, numpy
        >>> from flax import nnx
        >>> model = alcore_flax.DropConnect(nnx.Conv(1, 2, (3, 3), strides=2, rngs=nnx.Rngs(0)), 0.3)
        >>> preds = alcore_flax.predict(model, numpy.ones((4, 8, 8, 1)), draws=5, kind="logits")
        >>> next(preds).shape
        (4, 2, 4, 4, 5)
        >>> model
        DropConnect(Conv, rate=0.3): drops 1 of 2 weights
    """

    def __init__(self, model: Any, rate: float = 0.5, layers: tuple[str, ...] | None = None) -> None:
        self.model, self.rate, self.layers = model, as_rate(rate), layers
        self._paths: tuple[list[str], list[str]] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.model(*args, **kwargs)

    @property
    def dropped(self) -> list[str]:
        """Paths of the weights that are dropped."""
        return self._known()[0]

    @property
    def left(self) -> list[str]:
        """Paths of the other weights."""
        return self._known()[1]

    def _known(self) -> tuple[list[str], list[str]]:
        if self._paths is None:
            raise ValueError(
                f"dropped, left: not known before {self!r} is first predicted. Take one block of it: next(predict(model, data, "
                "draws=1))."
            )
        return self._paths

    def __repr__(self) -> str:
        said = f"DropConnect({type(self.model).__name__}, rate={self.rate})"
        if self._paths is None:
            return said
        dropped, left = map(len, self._paths)
        return f"{said}: drops {dropped} of {dropped + left} weights"

    def places(self, tree: Any, flow: Flow) -> tuple[int, ...]:
        """The places of the dropped weights among all weights."""
        paths = jax.tree_util.tree_leaves_with_path(jax.tree.unflatten(tree, range(tree.num_leaves)))
        names = {place: _name(path) for path, place in paths}
        weights = _matrices(flow)
        found = [place for place in weights if self.layers is None or _is_in(names[place], self.layers)]
        if not found:
            has = ", ".join(names[place] for place in weights)
            remedy = f" Name one of them: layers=({names[weights[0]]!r},)." if weights else ""
            raise ValueError(
                f"layers: no weight of {type(self.model).__name__} in {self.layers or 'any layer'} multiplies its input. "
                f"It has {has or 'none'}.{remedy}"
            )
        own = [place for place in names if names[place]]
        self._paths = [names[one] for one in found], [names[one] for one in own if one not in found]
        return tuple(found)


def _matrices(flow: Flow) -> list[int]:
    """Weights that multiply what comes from the data, directly or after each other. Embeddings, which are looked up, are not."""
    found, looked_up = set[int](), set[int]()
    for step in flow.steps:
        for operand in step.reached[:1] if step.name == "gather" else step.reached:
            weights = {label for label in operand if isinstance(label, int)}
            if step.name == "gather" and "data" in step.reached[1]:
                looked_up |= weights if "data" not in operand else set()
            elif step.name in PRODUCTS and "data" not in operand:
                found |= weights
    return sorted(found - looked_up)


def _is_in(name: str, layers: tuple[str, ...]) -> bool:
    return any(f"/{one}/" in f"/{name}/" for one in layers)


def _name(path: Any) -> str:
    """ "encoder/layers/0/kernel", without the collection. Empty for what is not a parameter."""
    parts = [str(part.key) for part in path if hasattr(part, "key")]
    return "/".join(parts[1:] if parts[:1] == ["params"] else parts)
