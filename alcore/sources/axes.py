"""Predictions whose axes lie in any order -> (N, C, ..., T), by views and block by block.

The option ``axes`` says the order. Without it the names of the dimensions say it, or ``sample_axis`` (`names`).
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from alcore import door
from alcore.door import Array, Axes, Reading
from alcore.sources import files
from alcore.sources.chunks import chunks_of, computed
from alcore.sources.joined import JoinedRows, join_rows
from alcore.sources.names import axes_of, is_labelled

MOST_LEVELS = 32  # axes of an array of NumPy


def arranged(predictions: Any, reading: Reading, name: str) -> Any:
    """A source as (N, C, ..., T). What is no array is returned as it is; `arranged_block` then arranges each block."""
    predictions = opened(predictions, reading, name)
    if getattr(predictions, "is_arranged", False) or not _is_array(predictions):
        return predictions
    return arranged_by(_without_names(predictions), axes_of(predictions, reading, name), name)


def arranged_by(source: Any, axes: Axes | None, name: str) -> Any:
    """An array whose axes lie so, as (N, C, ..., T)."""
    if axes is None or axes.is_plain:
        return source
    if hasattr(source, "read_blocks"):
        return _arranged_stream(source, axes)
    if not is_lazy(source):
        source = door.as_array(source, name)
        if _is_a_view(axes, source):
            return axes.arrange(source)
    return ArrangedArray(source, axes, name)


def opened(predictions: Any, reading: Reading, name: str) -> Any:
    """The array of a path, of a list of paths, of nested lists, or of a table. Anything else is returned as it is."""
    if files.is_path(predictions):
        return files.open_predictions(predictions)
    if files.is_path_list(predictions):
        names = [
            files.name_of(one) if files.is_path(one) else f"{name}[{place}]" for place, one in enumerate(predictions)
        ]
        return joined(predictions, names, reading, name)
    if is_nested(predictions):
        return _nested(predictions, name)
    if is_table(predictions):
        return door.as_array(predictions, name)
    if isinstance(predictions, list | tuple):
        if reading.kind == "mean" and isinstance(predictions, tuple) and not name.endswith("variance"):
            _check_no_pair(predictions, name)
        _check_draws_named(predictions, reading, name, of_files=False)
    return predictions


def joined(predictions: Sequence[Any], names: Sequence[str], reading: Reading, name: str) -> JoinedRows:
    """Files, and arrays among them, as one source along the rows. Errors call each by its name, and all by ``name``."""
    given = [opened(one, reading, own) for one, own in zip(predictions, names, strict=True)]
    _check_draws_named(given, reading, name, of_files=True)
    parts = []
    for one, name in zip(given, names, strict=True):
        part = arranged(one, reading, name)
        if not (is_lazy(part) or hasattr(part, "__array__") or hasattr(part, "__dlpack__")):
            door.refuse_source(part, name)
        parts.append(part if is_lazy(part) else door.as_array(part, name))
    return join_rows(parts, names, original_axes(given[0], reading, names[0]), reading.kind)


def _check_draws_named(arrays: list[Any] | tuple[Any, ...], reading: Reading, name: str, *, of_files: bool) -> None:
    """Refuse several arrays of one shape without an axis of draws: those of an ensemble look like blocks of rows."""
    axes = _axes_said(reading)
    if axes is None or axes.draws or len(arrays) < 2 or isinstance(arrays, RowBlocks):
        return
    shapes = {tuple(getattr(one, "shape", ())) for one in files.items_of(arrays)}
    if len(shapes) == 1 and (shape := next(iter(shapes))):
        door.refuse_rows_or_draws(name, len(arrays), shape, axes, files=of_files)


def _check_no_pair(arrays: tuple[Any, ...], name: str) -> None:
    """Refuse two arrays of as many rows: means and variances look like two blocks of rows."""
    shapes = [tuple(getattr(one, "shape", ())) for one in arrays]
    if len(shapes) == 2 and all(shapes) and shapes[0][0] == shapes[1][0]:
        door.refuse_pair(name, shapes[0][0])


class RowBlocks(list[Array]):
    """Blocks of different rows for certain, whatever their shapes."""


def _axes_said(reading: Reading) -> Axes | None:
    """The axes that a string of the call names."""
    return door.as_axes(reading.axes, classes_required=reading.has_classes) if isinstance(reading.axes, str) else None


def original_axes(predictions: Any, reading: Reading, name: str) -> Axes | None:
    """How the axes lie in what the caller gave, for what is said of a place in it. None for (N, C, ..., T)."""
    if getattr(predictions, "is_arranged", False):
        return getattr(predictions, "axes", None)
    if _is_array(predictions):
        return axes_of(predictions, reading, name)
    return _axes_said(reading)


def _is_array(predictions: Any) -> bool:
    return hasattr(predictions, "shape") and hasattr(predictions, "dtype")


def is_table(predictions: Any) -> bool:
    """Whether it is a table, as of pandas and polars: it has no dtype of its own, and iterates over its columns."""
    has_numbers = hasattr(predictions, "__array__") and hasattr(predictions, "shape")
    return has_numbers and not hasattr(predictions, "dtype")


def as_arranged(array: Array) -> ArrangedArray:
    """Rows that were read from a source as (N, C, ..., T), for a call whose options say how the source lies."""
    return ArrangedArray(array, Axes.plain(array.ndim), "probs")


def arranged_block(block: Array, reading: Reading, name: str) -> Array:
    """A block of an iterable as (n, C, ..., T)."""
    axes = axes_of(block, reading, name)
    return block if axes is None else axes.arrange(block)


def is_lazy(predictions: Any) -> bool:
    """Whether it is an array that is read where it is indexed, such as one of zarr, h5py or dask."""
    if isinstance(predictions, np.ndarray) or hasattr(predictions, "__dlpack__"):
        return is_labelled(predictions)
    sliceable = hasattr(predictions, "__getitem__") or hasattr(predictions, "read_blocks")
    return sliceable and isinstance(getattr(predictions, "dtype", None), np.dtype) and hasattr(predictions, "shape")


@dataclass(frozen=True)
class ArrangedArray:
    """An array as (N, C, ..., T) that is read, and copied where it must be, a block of rows at a time."""

    source: Any
    axes: Axes
    name: str
    is_arranged: ClassVar[bool] = True

    @property
    def shape(self) -> tuple[int, ...]:
        return self.axes.shape_of(door.as_shape(self.source.shape, self.name))

    @property
    def dtype(self) -> Any:
        return self.source.dtype

    @property
    def chunks(self) -> Any:
        chunks = chunks_of(self.source)
        return (chunks[self.axes.rows],) if chunks else None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        part = computed(self.source, self.axes.rows, rows, self.name)
        return self.axes.arrange(door.as_array(part, self.name))


@dataclass(frozen=True)
class ArrangedStream:
    """A source that is read in order, whose first axis is the rows, as (N, C, ..., T)."""

    source: Any
    axes: Axes
    is_arranged: ClassVar[bool] = True

    @property
    def shape(self) -> tuple[int, ...]:
        return self.axes.shape_of(self.source.shape)

    @property
    def dtype(self) -> Any:
        return self.source.dtype

    def read_blocks(self, rows: int) -> Iterator[Array]:
        """Successive blocks of at most ``rows`` rows. Each call starts again at the first."""
        return map(self.axes.arrange, self.source.read_blocks(rows))


def _arranged_stream(source: Any, axes: Axes) -> Any:
    if axes.rows == 0:
        return ArrangedStream(source, axes)
    first = max(1, *source.shape)  # the rows lie across the whole stream, so all of it is read
    return axes.arrange(np.concatenate([np.empty((0, *source.shape[1:]), source.dtype), *source.read_blocks(first)]))


def _without_names(predictions: Any) -> Any:
    """The numbers of a labelled array or of a sample, where they lie in memory. Others are read through their labels."""
    if is_labelled(predictions) and getattr(predictions.variable, "_in_memory", False):
        return predictions.values
    if isinstance(getattr(predictions, "sample_axis", None), int) and hasattr(predictions, "array"):
        return np.asarray(predictions.array)
    return predictions


def _is_a_view(axes: Axes, array: Array) -> bool:
    """Whether chains and draws, where there are two axes of draws, lie side by side."""
    if len(axes.draws) < 2:
        return True
    outer, inner = axes.draws
    return (
        1 in (array.shape[outer], array.shape[inner])
        or array.strides[outer] == array.shape[inner] * array.strides[inner]
    )


def is_nested(predictions: Any) -> bool:
    """Whether it is numbers in lists of lists (or tuples), and no list of arrays."""
    depth = 0
    while isinstance(predictions, list | tuple) and predictions and depth < MOST_LEVELS:
        predictions, depth = next(files.items_of(predictions)), depth + 1
    return depth > 0 and (predictions is None or isinstance(predictions, numbers.Number))


def _nested(predictions: Any, name: str) -> Array:
    try:
        return np.asarray(predictions)
    except ValueError as error:
        raise ValueError(
            f"{name}: expected nested lists of equal lengths, {door.AXES}, got lists of different lengths. Give every row the same "
            "classes and draws."
        ) from error
