"""DropConnect: weights instead of activations are dropped. Wan et al. 2013 (proceedings.mlr.press/v28/wan13)."""

from __future__ import annotations

from typing import Any

import jax

from alcore.adapting import as_rate


class DropConnect:
    """A model whose weights are dropped with probability ``rate``, anew for each draw, the rest scaled by 1/(1 − rate).

    It holds the model itself, which is not changed. Dropped are the kernels of dense, convolutional and recurrent layers and of the
    projections of attention, alike for all rows of a draw (of a block and draw where draws are not consistent); biases,
    embeddings and normalisation are kept. Dropout in the model stays on beside it. Called, it is the model as it is.

    Args:
        model: a bound Linen module or an NNX module.
        rate: the probability of dropping a weight, 0 ≤ rate < 1.
        layers: names or paths of layers whose kernels are dropped, as ``"Dense_0"`` or ``"encoder/layers/0"``; all by default.

    Raises: ValueError for another rate, and where no kernel is found.

    >>> import alcore_flax, numpy
    >>> from flax import nnx
    >>> model = nnx.Conv(1, 2, (3, 3), strides=2, rngs=nnx.Rngs(0))
    >>> preds = alcore_flax.predict(alcore_flax.DropConnect(model, 0.3), numpy.ones((4, 8, 8, 1)), draws=5, kind="logits")
    >>> next(preds).shape
    (4, 2, 4, 4, 5)
    """

    def __init__(self, model: Any, rate: float = 0.5, layers: tuple[str, ...] | None = None) -> None:
        self.model, self.rate, self.layers = model, as_rate(rate), layers

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.model(*args, **kwargs)


def places(model: Any, tree: Any, layers: tuple[str, ...] | None) -> tuple[int, ...]:
    """Where kernels stand among the weights."""
    paths = jax.tree_util.tree_leaves_with_path(jax.tree.unflatten(tree, range(tree.num_leaves)))
    kernels = {place: _name(path) for path, place in paths if _name(path).endswith("/kernel")}
    found = tuple(p for p, name in kernels.items() if layers is None or any(f"/{one}/" in name for one in layers))
    if not found:
        has = ", ".join(name[1:].removesuffix("/kernel") for name in kernels.values())
        raise ValueError(f"layers: no kernel of {type(model).__name__} is in {layers or 'it'}; it has {has or 'none'}.")
    return found


def _name(path: Any) -> str:
    """ "/encoder/layers/0/kernel", without the collection."""
    parts = [str(part.key) for part in path if hasattr(part, "key")]
    return "/" + "/".join(parts[1:] if parts[:1] == ["params"] else parts)
