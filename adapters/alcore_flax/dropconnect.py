"""DropConnect: weights instead of activations are dropped. Wan et al. 2013 (proceedings.mlr.press/v28/wan13)."""

from __future__ import annotations

from typing import Any

import jax

from alcore.adapting import as_rate
from alcore_flax.flow import PRODUCTS, Flow


class DropConnect:
    """A model whose weights are dropped with probability ``rate``, anew for each draw, the rest scaled by 1/(1 − rate).

    It holds the model itself, which is not changed. Dropped is every weight that the model multiplies its input with as a matrix or
    in a convolution, whatever it is called: of dense, convolutional and recurrent layers, of attention, of adapters; alike for all
    rows of a draw (of a block and draw where draws are not consistent). Biases, normalisation and tables of embeddings are kept.
    Dropout in the model stays on beside it. Called, it is the model as it is.

    Which weights these are is seen when the model is first predicted: ``dropped`` and ``left`` are lists of their paths then, and
    ``repr`` says how many they are.

    Args:
        model: a bound Linen module or an NNX module.
        rate: the probability of dropping a weight, 0 ≤ rate < 1.
        layers: names or paths of layers whose weights are dropped, as ``"Dense_0"`` or ``"encoder/layers/0"``; all by default.

    Raises: ValueError for another rate, and where no such weight is found.

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
        return self._known()[0]

    @property
    def left(self) -> list[str]:
        return self._known()[1]

    def _known(self) -> tuple[list[str], list[str]]:
        if self._paths is None:
            raise ValueError(f"dropped, left: seen when {self!r} is first predicted. Take a block of predict first.")
        return self._paths

    def __repr__(self) -> str:
        said = f"DropConnect({type(self.model).__name__}, rate={self.rate})"
        if self._paths is None:
            return said
        dropped, left = map(len, self._paths)
        return f"{said}: drops {dropped} of {dropped + left} weights"

    def places(self, tree: Any, flow: Flow) -> tuple[int, ...]:
        """Where the weights that are dropped stand among all."""
        paths = jax.tree_util.tree_leaves_with_path(jax.tree.unflatten(tree, range(tree.num_leaves)))
        names = {place: _name(path) for path, place in paths}
        weights = _matrices(flow)
        found = [place for place in weights if self.layers is None or _is_in(names[place], self.layers)]
        if not found:
            has = ", ".join(names[place] for place in weights)
            raise ValueError(
                f"layers: no weight of {type(self.model).__name__} that is multiplied with is in {self.layers or 'it'}; "
                f"it has {has or 'none'}."
            )
        own = [place for place in names if names[place]]
        self._paths = [names[one] for one in found], [names[one] for one in own if one not in found]
        return tuple(found)


def _matrices(flow: Flow) -> list[int]:
    """Weights that are multiplied with what comes from the data, or with each other first; not those that are looked up in."""
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
    """ "encoder/layers/0/kernel", without the collection; empty of what is not a parameter."""
    parts = [str(part.key) for part in path if hasattr(part, "key")]
    return "/".join(parts[1:] if parts[:1] == ["params"] else parts)
