"""Labels of rows of predictions: classes, yes or no for each of several labels, numbers."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from alcore.door.arrays import Array, Float64s, as_plain
from alcore.door.kinds import Kind, family
from alcore.door.numbers import as_classes, as_numbers

Ints = npt.NDArray[np.int64]


def as_labels(labels: npt.ArrayLike, rows: int, classes: int, name: str, kind: Kind = "probs") -> Ints:
    """(rows,) whole numbers from 0 to classes − 1. For several labels also a table (rows, L) of 0 and 1."""
    if family(kind) == "multilabel":
        size = classes.bit_length() - 1
        return np.asarray(as_label_table(labels, rows, size, name) @ (1 << np.arange(size)))
    array = as_classes(labels, name, remedy=f"Number the classes from 0 to {classes - 1}, in the order of axis 1.")
    return _as_classes(array, rows, classes, name)


def as_label_table(labels: npt.ArrayLike, rows: int, size: int, name: str) -> Ints:
    """(rows, L) of 0 and 1, from such a table or from the numbers Σ_l y_l 2^l of label vectors."""
    array = as_classes(labels, name, remedy=f"Pass a table ({rows}, {size}) of 0 and 1.", kinds="iub")
    if array.ndim == 1 and array.dtype.kind != "b":
        return _as_classes(array, rows, 1 << size, name)[:, None] >> np.arange(size) & 1
    if array.shape != (rows, size):
        raise ValueError(
            f"{name}: expected shape ({rows}, {size}), 0 or 1 for each label of each row of the predictions, got {array.shape}."
        )
    outside = (array != 0) & (array != 1)
    if outside.any():
        row, label = map(int, np.argwhere(outside)[0])
        raise ValueError(
            f"{name}: expected 0 or 1 for each label, but {name}[{row}, {label}] is {array[row, label]}. Pass 1 where a row has "
            "the label, else 0."
        )
    return array.astype(np.int64)


def _as_classes(array: Array, rows: int, classes: int, name: str) -> Ints:
    if array.shape != (rows,):
        raise ValueError(
            f"{name}: expected shape ({rows},), one label for each row of the predictions, got {array.shape}."
        )
    outside = (array < 0) | (array >= classes)
    if outside.any():
        row = int(outside.argmax())
        raise ValueError(
            f"{name}: expected classes from 0 to {classes - 1}, but {name}[{row}] is {array[row]}. Number them "
            "in the order of axis 1."
        )
    return array.astype(np.int64)


def as_number_labels(labels: npt.ArrayLike, shape: tuple[int, ...], name: str) -> Float64s:
    """(N, D) finite numbers."""
    array = as_numbers(labels, name)
    if array.shape != shape and (array.ndim != 1 or (*array.shape, 1) != shape):
        single = f"({shape[0]},) or " if shape[1] == 1 else ""
        raise ValueError(
            f"{name}: expected shape {single}{shape}, one label for each row and output, got {array.shape}."
        )
    array = array.reshape(shape)
    wrong = ~np.isfinite(array)
    if wrong.any():
        row, output = map(int, np.argwhere(wrong)[0])
        raise ValueError(
            f"{name}: expected finite numbers, but the label of row {row}, output {output} is {array[row, output]}. Leave rows "
            "without a label out."
        )
    return array


def as_labelled_rows(rows: npt.ArrayLike, count: int, part: str) -> Ints:
    """(n,) different row numbers of a part with ``count`` rows, each with its label."""
    array = as_plain(rows, "rows", "whole numbers")
    if array.ndim != 1:
        raise ValueError(
            f"rows: expected shape (n,), one row number a label, got {array.shape}. For one row pass [row]."
        )
    if array.dtype.kind not in "iu" and len(array):
        raise TypeError(f"rows: expected whole numbers, got {array.dtype}. For a mask pass np.flatnonzero(rows).")
    outside = (array < 0) | (array >= count)
    if outside.any():
        place = int(outside.argmax())
        raise ValueError(
            f"rows: expected row numbers from 0 to {count - 1} of part {part!r}, but rows[{place}] is {array[place]}."
        )
    different, times = np.unique(array, return_counts=True)
    if len(different) < len(array):
        raise ValueError(
            f"rows: expected different rows, but row {different[times > 1][0]} is there twice. Pass each row once, with its label."
        )
    return array.astype(np.int64)


def refuse_other_label(row: int, known: Any, label: Any) -> NoReturn:
    """A row that was learned with another label."""
    raise ValueError(
        f"labels: expected {known} for row {row}, which was learned before, got {label}. To correct a label learn all anew, "
        "with posterior.forget()."
    )
