"""What a model is called with: arrays of rows, arrays that all rows share, and constants that are compiled into the program."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Constant:
    """A value that is no array."""

    value: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Record:
    """A dataclass that JAX does not know: its type, and what it holds."""

    kind: Constant
    fields: dict[str, Any]


def as_given(given: Any) -> Any:
    """(positional arguments, keyword arguments), made of arrays and constants."""
    if type(given) is not tuple:
        given = (dict(given),) if isinstance(given, Mapping) else (given,)
    args, kwargs = (given[:-1], given[-1]) if given and isinstance(given[-1], dict) else (given, {})
    return jax.tree.map(_leaf, (args, kwargs))


def _leaf(leaf: Any) -> Any:
    if dataclasses.is_dataclass(leaf) and not isinstance(leaf, type):
        names = [one.name for one in dataclasses.fields(leaf) if one.init]
        return Record(Constant(type(leaf)), {name: jax.tree.map(_leaf, getattr(leaf, name)) for name in names})
    if isinstance(leaf, np.generic) or not hasattr(leaf, "__array__"):
        return Constant(leaf.item() if isinstance(leaf, np.generic) else leaf)
    return leaf if isinstance(leaf, jax.Array) else jnp.asarray(np.asarray(leaf))


def opened(given: Any) -> Any:
    """The arguments as the model takes them."""

    def of(leaf: Any) -> Any:
        if isinstance(leaf, Record):
            return leaf.kind.value(**opened(leaf.fields))
        return leaf.value if isinstance(leaf, Constant) else leaf

    return jax.tree.map(of, given, is_leaf=lambda leaf: isinstance(leaf, Constant | Record))


# --- rows -------------------------------------------------------------------------------------------------------------


def row_count(given: Any) -> int:
    """The length of the first array, or -1 where there is none."""
    return next((len(leaf) for leaf in jax.tree.leaves(given) if leaf.ndim), -1)


def shared_of(given: Any) -> frozenset[int]:
    """Places of the arrays that are not as long as the first. All rows share them."""
    leaves, rows = jax.tree.leaves(given), row_count(given)
    return frozenset(place for place, leaf in enumerate(leaves) if not leaf.ndim or len(leaf) != rows)


def of_rows(given: Any, shared: frozenset[int]) -> list[int]:
    """Places of the arrays of rows. The first array is always one."""
    return [place for place in range(len(jax.tree.leaves(given))) if place not in shared]


def map_rows(function: Any, given: Any, shared: frozenset[int], *others: Any) -> Any:
    """Apply a function to the arrays of rows."""
    leaves, tree = jax.tree.flatten(given)
    rest: Sequence[Any] = [jax.tree.leaves(other) for other in others]
    made = [
        leaf if place in shared else function(leaf, *(one[place] for one in rest)) for place, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(tree, made)
