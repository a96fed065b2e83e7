"""The user's data in blocks of rows, and which cells of a block are padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from alcore.adapting.ids import Part
from alcore.adapting.order import rows_in_order
from alcore.door import as_size


def as_batches(data: Any, batch_size: int, said: str = "an array, a dictionary of arrays or blocks") -> Iterable[Any]:
    """Cut arrays into blocks of ``batch_size`` rows, those of a dictionary together. Data that is blocks already stays as it is.

    Raises:
        TypeError: for data that is neither an array nor an iterable. ``said`` lists what the adapter takes.
    """
    if isinstance(data, Mapping):
        cuts = (cut(array, batch_size) for array in data.values())
        return (dict(zip(data, parts, strict=True)) for parts in zip(*cuts, strict=True))
    if hasattr(data, "shape"):
        return cut(data, batch_size)
    if isinstance(data, Iterable) and not isinstance(data, str | bytes):
        return data
    raise TypeError(
        f"data: expected {said}, got {type(data).__name__}. Pass the rows as an array: numpy.asarray(rows)."
    )


def known_rows(data: Any, ids: Any = None) -> int | None:
    """N of arrays, loaders and data sets. None where it is not known before the data is read.

    Raises:
        TypeError: for an array without rows, and for a list of loaders.
        ValueError: for arrays of several lengths, for data that drops rows, and without ``ids`` for data that may come in another
            order.
    """
    if isinstance(data, Mapping):
        sizes = {name: len(array) for name, array in data.items()}
        if len(set(sizes.values())) != 1:
            raise ValueError(
                f"data: expected arrays with the same number of rows, got {sizes}. Keep the same rows in each, or remove the keys "
                "that hold no rows."
            )
        return next(iter(sizes.values()))
    if not hasattr(data, "shape"):
        return rows_in_order(data, ids is not None)
    if not len(data.shape):
        raise TypeError("data: expected rows on axis 0, got an array of shape (). For one row, pass data[None].")
    return int(data.shape[0])


def cut(array: Any, batch_size: int) -> Iterator[Any]:
    """An array or tensor in blocks of ``batch_size`` rows."""
    size = as_size(batch_size, "batch_size")
    return (array[start : start + size] for start in range(0, len(array), size))


def as_mask(mask: str | Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    """A function of a block that gives True where a cell is padding.

    ``mask`` is that function, or the key of an attention mask, which is 0 where a cell is padding.

    Raises:
        TypeError: for anything else. The function raises ValueError for a block without that key.
    """
    if mask is None or callable(mask):
        return mask
    if not isinstance(mask, str):
        raise TypeError(
            f"mask: expected a key or a function of a block, got {type(mask).__name__}. Name the key of the attention mask: "
            "mask='attention_mask'."
        )
    part = Part(mask, "mask")
    return lambda batch: np.asarray(part(batch)) == 0
