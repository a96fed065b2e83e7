"""Weights that are kept: those a model began with, and those of an ensemble on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen, nnx, serialization

from alcore import adapting
from alcore_flax.dropconnect import DropConnect


class InitialWeights:
    """A copy of a model's parameters and statistics, to be restored before each training of an active learning loop.

    An NNX module is restored in place; random streams go on where they are. A bound Linen module cannot be changed:
    ``restore`` returns it bound to copies of the initial variables.

    >>> import alcore_flax
    >>> from flax import nnx
    >>> model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    >>> initial = alcore_flax.InitialWeights(model)
    >>> before = model.kernel[...]
    >>> model.kernel[...] = before * 0
    >>> _ = initial.restore()
    >>> bool((model.kernel[...] == before).all())
    True
    """

    def __init__(self, model: linen.Module | nnx.Module) -> None:
        self._model, self._state = model, _copy(_state(model))

    def restore(self) -> Any:
        """The model with its initial weights, copied anew: a step that donates its arrays takes nothing away."""
        state = _copy(self._state)
        if isinstance(self._model, linen.Module):
            return self._model.unbind()[0].bind(state, rngs=self._model.scope.rngs)  # type: ignore[union-attr, arg-type]
        nnx.update(self._model, state)
        return self._model


class Checkpoints(adapting.Checkpoints):
    """An ensemble on disk: states that are loaded into one model, one at a time, from flax.serialization's msgpack files.

    Args:
        model: a bound Linen module, an NNX module, or DropConnect of one, whose weights the states replace; it is not changed.
        paths: files written by ``Checkpoints.save``, a member each; of Linen that is ``serialization.to_bytes(variables)``.

    >>> import alcore_flax, numpy, tempfile, pathlib
    >>> from flax import nnx
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for seed in range(2):
    ...     alcore_flax.Checkpoints.save(nnx.Linear(4, 3, rngs=nnx.Rngs(seed)), folder / f"{seed}.msgpack")
    >>> members = alcore_flax.Checkpoints(nnx.Linear(4, 3, rngs=nnx.Rngs(9)), sorted(folder.glob("*.msgpack")))
    >>> alcore_flax.predict(members, numpy.ones((10, 4)), draws=1, kind="logits", out=folder / "preds.npy").shape
    (10, 3, 2)
    """

    @staticmethod
    def save(model: linen.Module | nnx.Module, path: str | os.PathLike[str]) -> None:
        """Write the state of a model: parameters and statistics, without random streams."""
        Path(path).write_bytes(serialization.to_bytes(_plain(model)))

    def load(self, place: int, weights: Sequence[Any]) -> list[Any]:
        """The weights of a member, where those of the model stand among ``weights``."""
        model, path = self.model.model if isinstance(self.model, DropConnect) else self.model, self.paths[place]
        template = _plain(model)
        try:
            found = serialization.from_bytes(template, Path(path).read_bytes())
        except (ValueError, KeyError) as error:
            raise ValueError(f"{path}: holds no state of {type(model).__name__}: {error}") from error
        mine, theirs = ([np.shape(leaf) for leaf in jax.tree.leaves(tree)] for tree in (template, found))
        if mine != theirs:
            raise ValueError(f"{path}: expected arrays of shapes {mine}, as {type(model).__name__} has, got {theirs}.")
        if isinstance(model, nnx.Module):
            state = _state(model)
            nnx.replace_by_pure_dict(state, found)
            found = state
        own = jax.tree.leaves(found)
        return [*weights[: len(weights) - len(own)], *own]


def _plain(model: Any) -> Any:
    """Nested dictionaries of arrays."""
    return _state(model) if isinstance(model, linen.Module) else nnx.to_pure_dict(_state(model))


def _state(model: Any) -> Any:
    return model.unbind()[1] if isinstance(model, linen.Module) else nnx.state(model, nnx.Not(nnx.RngState))


def _copy(state: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), state)
