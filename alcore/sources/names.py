"""What says how the axes of an array lie: the option ``axes``, the names of its dimensions (xarray, files of ArviZ), or
``sample_axis`` (probly). All is told by attributes, so none of these libraries is imported. Scores and batches keep the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import numpy as np

from alcore import door
from alcore.door import Axes, Reading

Result = TypeVar("Result")

UNNAMED = ("dim_", "phony_dim_")  # what xarray and netCDF call a dimension that nobody named


def is_labelled(predictions: Any) -> bool:
    """Whether it is an array of xarray with its coordinates."""
    return _has_dims(predictions) and hasattr(predictions, "coords")


def _has_dims(predictions: Any) -> bool:
    """Whether it is an array or a variable of xarray."""
    return isinstance(getattr(predictions, "dims", None), tuple) and hasattr(predictions, "isel")


def names_of(predictions: Any) -> tuple[str, ...] | None:
    """The names of the dimensions, or None where they have no names."""
    if _has_dims(predictions):
        names = tuple(map(str, predictions.dims))
    else:
        names = getattr(predictions, "dimension_names", None) or names_of_node(predictions)
    if not names or all(name.startswith(UNNAMED) for name in names):
        return None
    return names


def names_of_node(node: Any) -> tuple[str, ...]:
    """The names that a zarr array or an HDF5 dataset carries. Empty where one of its axes has none."""
    found: Any = getattr(getattr(node, "metadata", None), "dimension_names", None)  # zarr 3
    if hasattr(node, "maxshape") and hasattr(node, "dims"):
        found = [_name_of_scale(axis) for axis in node.dims]
    elif not found and hasattr(node, "attrs") and hasattr(node, "chunks"):
        found = node.attrs.get("_ARRAY_DIMENSIONS")  # xarray in zarr 2
    names = tuple(found or ())
    return tuple(map(str, names)) if all(names) else ()


def _name_of_scale(axis: Any) -> str:
    """The name of an axis of an HDF5 dataset: its label, or the name of the scale that netCDF attaches."""
    if axis.label:
        return str(axis.label)
    return str(axis[0].name).rpartition("/")[2] if len(axis) else ""


@dataclass(frozen=True, eq=False)
class RowNames:
    """What predictions call their rows.

    Attributes:
        values: (N,) the names. None where the rows have none.
        dim: the dimension of xarray that the rows lie along. None for a table of pandas, and for a dimension that nobody named.
    """

    values: Any
    dim: str | None = None

    def code(self, name: str) -> str:
        """An expression for the names of predictions that are called so."""
        return f"{name}.index" if self.dim is None else f"{name}[{self.dim!r}].values"

    def in_order(self, name: str, names: str) -> str:
        """An expression for the predictions with their rows in the order of the names."""
        return f"{name}.loc[{names}]" if self.dim is None else f"{name}.sel({{{self.dim!r}: {names}}})"

    def without(self, name: str) -> str:
        """An expression for the predictions without the names of their rows."""
        return f"{name}.to_numpy()" if self.dim is None else f"{name}.drop_vars({self.dim!r})"

    @property
    def are_numbers_of_rows(self) -> bool:
        """Whether a table's names are 0 … N−1, which it has by default."""
        return (
            self.dim is None
            and self.values.dtype.kind == "i"
            and bool((self.values == np.arange(len(self.values))).all())
        )


def names_of_rows(predictions: Any, reading: Reading) -> RowNames | None:
    """What an array of xarray, or a table of pandas, calls its rows. None for what cannot name them."""
    if isinstance(own := getattr(predictions, "row_names", None), RowNames):
        return own
    if is_labelled(predictions):
        axes = axes_of(predictions, reading, "predictions") or Axes.plain(len(predictions.dims))
        return names_along(predictions, axes.rows)
    if hasattr(predictions, "columns") and hasattr(getattr(predictions, "index", None), "values"):
        table = axes_of(predictions, reading, "predictions")
        if table is None or table.rows == 0:
            return RowNames(predictions.index.values)
    return None


def names_along(labelled: Any, axis: int) -> RowNames:
    """What an array of xarray calls the places along an axis."""
    dim = labelled.dims[axis]
    if dim in labelled.coords:  # coords.get(dim) would give numbers where there are none
        return RowNames(labelled.coords[dim].values, dim)
    return RowNames(None, None if str(dim).startswith(UNNAMED) else dim)


def check_same_draws(targets: Any, predictions: Any, reading: Reading, name: str = "predictions") -> None:
    """Refuse targets whose draws have other names than those of predictions, or the same in another order."""
    if not (is_labelled(targets) and is_labelled(predictions)):
        return
    own = axes_of(targets, reading.of_targets, "targets") or Axes.plain(len(targets.dims))
    others = axes_of(predictions, reading, name) or Axes.plain(len(predictions.dims))
    if len(own.draws) != len(others.draws):
        return
    for place, other in zip(own.draws, others.draws, strict=True):
        drawn, expected = names_along(targets, place), names_along(predictions, other)
        if drawn.values is not None and expected.values is not None:
            _check_names("targets", drawn, name, expected, "draw")


def check_names_of_weights(targets: Any, reading: Reading, weights: Any) -> None:
    """Refuse weights of targets that name their targets otherwise, or in another order."""
    if is_labelled(weights) and len(weights.dims) == 1:
        names = names_of_rows(targets, reading.of_targets)
        check_same_rows(({} if names is None else {"targets": names}) | {"target_weights": names_along(weights, 0)})


def check_same_rows(named: Mapping[str, RowNames]) -> None:
    """Refuse predictions that name their rows otherwise, or in another order. Each key is an expression for its predictions.

    Rows without names lie in the order of the others. So do the rows of a table whose names are only their numbers. Predictions of
    different lengths are left to whoever reads them.
    """
    before: list[tuple[str, RowNames]] = []
    for name, own in named.items():
        for other_name, other in before:
            if own.values is not None and other.values is not None:
                _check_names(name, own, other_name, other)
            elif own.dim is not None and other.dim is not None and own.dim != other.dim:
                door.refuse_other_dimension(name, own.dim, other_name, other.dim)
        before.append((name, own))


def _check_names(name: str, own: RowNames, other_name: str, other: RowNames, each: str = "row") -> None:
    given, expected = _plain(own.values), _plain(other.values)
    if len(given) != len(expected):
        return
    same = (given == expected) | ((given != given) & (expected != expected))  # a name may be NaN
    if same.all():
        return
    found, wanted = set(given.tolist()), set(expected.tolist())
    if (own.are_numbers_of_rows or other.are_numbers_of_rows) and not found & wanted:
        return
    row = int(np.flatnonzero(~same)[0])
    in_order = own.in_order(name, other.code(other_name)) if found == wanted and len(found) == len(given) else None
    without = own.without(name)
    if own.dim is not None and other.dim is not None and own.dim != other.dim:
        without += f".rename({{{own.dim!r}: {other.dim!r}}})"
    door.refuse_other_names(name, other_name, (row, given[row], expected[row]), in_order, without, each)


def _plain(names: Any) -> Any:
    """Names that can be compared, whatever their type."""
    return np.asarray(names) if np.asarray(names).dtype.kind in "mM" else np.asarray(names).astype(object)


def axes_of(predictions: Any, reading: Reading, name: str) -> Axes | None:
    """How the axes of an array lie. None for (N, C, ..., T)."""
    shape = door.as_shape(predictions.shape, name)
    names = None if isinstance(reading.axes, str) else names_of(predictions)
    if names is not None:
        return door.axes_of_names(names, reading.axes, name, classes_required=reading.has_classes)
    if isinstance(reading.axes, Mapping):
        raise TypeError(
            f"axes: the dimensions of {name} have no names. Expected letters such as 'TNC', got {dict(reading.axes)}."
        )
    axes = door.as_axes(reading.axes, classes_required=reading.has_classes)
    if axes is None and isinstance(getattr(predictions, "sample_axis", None), int):
        axes = door.axes_of_sample(predictions.sample_axis, len(shape), name)
    if axes is None and not reading.has_classes and len(shape) == 2:
        axes = door.as_axes("NT", classes_required=False)
    if axes is not None:
        axes.check(shape, name)
    return axes


def with_names(result: Result, predictions: Any, reading: Reading) -> Result:
    """Scores as an array of xarray, and a batch with the ids of its rows, where the predictions name them.

    Predictions that were computed from others have ``named_by``: those others, and how they are read.
    """
    if (origin := getattr(predictions, "named_by", None)) is not None:
        predictions, reading = origin
    return cast(Result, _named(result, predictions, reading)) if is_labelled(predictions) else result


def _named(result: Any, predictions: Any, reading: Reading) -> Any:
    axes = axes_of(predictions, reading, "probs") or Axes.plain(len(predictions.dims))
    rows = predictions.dims[axes.rows]
    if hasattr(result, "indices") and rows in predictions.coords:
        return replace(result, ids=np.asarray(predictions.coords[rows].values)[result.indices])
    if not isinstance(result, np.ndarray) or not result.ndim:
        return result
    kept = (axes.rows, *axes.events)[: result.ndim]
    dropped = {name: 0 for place, name in enumerate(predictions.dims) if place not in kept}
    template = predictions.isel(dropped, drop=True).transpose(*(predictions.dims[place] for place in kept))
    named = template.copy(data=result)
    named.attrs, named.name = {}, None  # those of the predictions, which say another unit
    return named
