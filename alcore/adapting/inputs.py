"""From a batch to a call of the model: which part of the batch goes in, and as what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def first_of(batch: Any, inputs: Callable[[Any], Any] | None = None) -> Any:
    """The part of a batch that goes into the model: the first of a tuple or list (x, y), what ``inputs`` gives, or all of it."""
    if inputs is not None:
        return inputs(batch)
    if isinstance(batch, tuple | list):
        if not batch:
            raise ValueError("data: expected batches with something in them, got an empty tuple.")
        return batch[0]
    return batch


def map_leaves(given: Any, function: Callable[[Any], Any]) -> Any:
    """Apply a function to everything in nested dictionaries, tuples and lists."""
    if isinstance(given, Mapping):
        return {key: map_leaves(value, function) for key, value in given.items()}
    if isinstance(given, tuple | list):
        mapped = [map_leaves(value, function) for value in given]
        return mapped if isinstance(given, list) else tuple(mapped)
    return function(given)


def row_count(given: Any) -> int:
    """The length of the first array in nested dictionaries, tuples and lists; -1 where there is none."""
    if isinstance(given, Mapping | tuple | list):
        values = given.values() if isinstance(given, Mapping) else given
        return next((rows for rows in map(row_count, values) if rows >= 0), -1)
    return leaf_rows(given)


def leaf_rows(leaf: Any) -> int:
    """The length of an array; -1 of what has none."""
    shape: tuple[int, ...] = getattr(leaf, "shape", ())
    return int(shape[0]) if len(shape) else -1


def call(model: Callable[..., Any], given: Any) -> Any:
    """Call a model: a dictionary becomes keyword arguments, a tuple arguments, anything else the one argument."""
    if isinstance(given, Mapping):
        return model(**given)
    return model(*given) if isinstance(given, tuple) else model(given)
