"""Weights that are kept: those that a model began with, and those of an ensemble on disk."""

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
    """A copy of a model's parameters and statistics. Restore it before each training of an active learning loop.

    A model that is trained on from the last step generalises worse: Ash & Adams 2020 (arXiv:1910.08475). The copy takes as much
    memory as the model. An NNX module is restored in place, and its random streams go on. A bound Linen module cannot change, so
    ``restore`` returns it bound to copies of the initial variables.

    Args:
        model: a bound Linen module or an NNX module, with the weights to keep.

    Examples:
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
        """The model with its initial weights. They are copied anew, so a training step may donate its arrays."""
        state = _copy(self._state)
        if isinstance(self._model, linen.Module):
            return self._model.unbind()[0].bind(state, rngs=self._model.scope.rngs)  # type: ignore[union-attr, arg-type]
        nnx.update(self._model, state)
        return self._model


class Checkpoints(adapting.Checkpoints):
    """An ensemble on disk. Its states are loaded into one model, one at a time, from msgpack files of flax.serialization.

    `predict` runs all rows with one member before it loads the next. So it needs ``out``, where a file joins the draws. Deep
    ensembles: Lakshminarayanan et al. 2017 (arXiv:1612.01474).

    Args:
        model: a bound Linen module, an NNX module, or `DropConnect` of one, that the states fit. It is not changed.
        paths: files that ``Checkpoints.save`` wrote, one for each member. For Linen, ``serialization.to_bytes(variables)`` writes
            the same.

    Raises:
        ValueError: in `predict`, for a file that holds no state of this model.

    Examples:
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
        """Write the state of a model to a file: parameters and statistics, without random streams."""
        Path(path).write_bytes(serialization.to_bytes(_plain(model)))

    def load(self, place: int, weights: Sequence[Any]) -> list[Any]:
        """``weights``, with those of a member in the places of the model's own."""
        model, path = self.model.model if isinstance(self.model, DropConnect) else self.model, self.paths[place]
        template = _plain(model)
        try:
            found = serialization.from_bytes(template, Path(path).read_bytes())
        except (ValueError, KeyError) as error:
            remedy = "Write the file with Checkpoints.save(model, path)."
            raise ValueError(f"{path}: holds no state of {type(model).__name__}: {error} {remedy}") from error
        mine, theirs = ([np.shape(leaf) for leaf in jax.tree.leaves(tree)] for tree in (template, found))
        if mine != theirs:
            raise ValueError(
                f"{path}: expected arrays of shapes {mine}, as {type(model).__name__} has, got {theirs}. Pass the model that was "
                "saved."
            )
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
