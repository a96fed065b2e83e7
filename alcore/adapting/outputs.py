"""From what a model returns to (n, C, ...): the tensor among several, rows first, draws of one pass last, classes on axis 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from alcore.adapting.request import DRAWS_FIRST, Request


def pick(returned: Any, output: str | int | Callable[[Any], Any] | None) -> Any:
    """The tensor among what a model returned: by key or attribute, by place, or by a function."""
    if callable(output):
        return output(returned)
    if output is None:
        names = _names(returned)
        if names:
            raise TypeError(f"output: the model returns {type(returned).__name__} with {names}. Name one: output=...")
        return returned
    if isinstance(output, str) and not isinstance(returned, Mapping) and hasattr(returned, output):
        return getattr(returned, output)
    try:
        return returned[output]
    except (KeyError, IndexError, TypeError) as error:
        has = _names(returned) or "no parts"
        raise ValueError(f"output: no {output!r} in {type(returned).__name__}, which has {has}.") from error


def _names(returned: Any) -> str:
    """The parts that may be named, for a refusal; empty where there is one tensor."""
    if isinstance(returned, Mapping):
        return ", ".join(repr(key) for key in returned)
    if isinstance(returned, tuple | list):
        return f"{len(returned)} parts, 0 to {len(returned) - 1}"
    if hasattr(returned, "__dataclass_fields__") and not hasattr(returned, "__array__"):
        return ", ".join(repr(name) for name in returned.__dataclass_fields__)
    return ""


@dataclass(frozen=True)
class Ops:
    """What is done with the tensors of a framework, and where its user finds these functions."""

    name: str
    reshape: Callable[..., Any]
    moveaxis: Callable[..., Any]
    softmax: Callable[..., Any]


# --- axes -------------------------------------------------------------------------------------------------------------


def arrange(found: Any, rows: int, request: Request, ops: Ops, class_axis: int) -> Any:
    """(n, C, ...), and draws last where the request has a ``draw_axis``; of logits the softmax.

    Args:
        found: what a model returned, a tensor of any framework.
        rows: that were given; -1 where that is not known.
        ops: of that framework.
        class_axis: of what was returned, without the axis of draws (`class_axis_of`).
    """
    found = rows_first(found, rows, request, ops)
    found = ops.softmax(found, class_axis) if request.kind == "logits" else found
    return ops.moveaxis(found, class_axis, 1)


def rows_first(found: Any, rows: int, request: Request, ops: Ops) -> Any:
    """Rows on axis 0, and draws of one pass on the last."""
    shape, axis = tuple(found.shape), request.draw_axis
    if isinstance(axis, str):
        if rows < 1 or not shape or shape[0] % rows:
            _refuse_rows(shape, rows, f"a multiple of {rows}", ops)
        each, rest = shape[0] // rows, shape[1:]
        if axis == DRAWS_FIRST:
            found = ops.moveaxis(ops.reshape(found, (each, rows, *rest)), 0, -1)
        else:
            found = ops.moveaxis(ops.reshape(found, (rows, each, *rest)), 1, -1)
    elif axis is not None:
        if not -len(shape) <= axis < len(shape) or len(shape) < 3:
            raise ValueError(
                f"draw_axis: expected an axis of what the model returns, beside rows and classes, got {axis} of shape {shape}."
            )
        found = ops.moveaxis(found, axis, -1)
    if rows >= 0 and (not shape or found.shape[0] != rows):
        _refuse_rows(shape, rows, str(rows), ops)
    return found


def class_axis_of(found: Any, request: Request) -> int:
    """The axis of classes, of rows first and draws last: as said; where it is not, 1 of what has no other axis or pixels.

    Of (n, ., .) it is not known: tokens and classes, or classes and steps. There it is the axis along which probabilities sum to 1.
    """
    shape = tuple(found.shape[:-1] if request.draw_axis is not None else found.shape)
    axis = request.class_axis
    if axis is None and len(shape) == 3:
        axis = _axis_of_sum_one(found, request)
    axis = 1 if axis is None else axis
    if len(shape) < 2 or not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
        raise ValueError(
            f"output: expected rows on axis 0 and classes on axis {axis} (class_axis), got shape "
            f"{shape}. Name the tensor: output=..., and its axis: class_axis=..."
        )
    if shape[axis] == 1:
        raise ValueError(
            f"output: expected at least 2 classes on axis {axis}, got shape {shape}. One probability "
            "of two classes: return both, p and 1 - p, and say kind='probs'. Another axis: class_axis=..."
        )
    return axis % len(shape)


def _axis_of_sum_one(found: Any, request: Request) -> int:
    shape = tuple(found.shape)
    if request.kind == "probs":
        values = np.asarray(found, np.float64)
        sums = [axis for axis in (1, 2) if np.allclose(values.sum(axis=axis), 1, rtol=0, atol=1e-2)]
        if len(sums) == 1 and (values >= 0).all():
            return sums[0]
    raise ValueError(
        f"output: expected class_axis=1 or class_axis=2, because the model returns shape {shape} and either axis may hold the "
        "classes: 1 for (rows, classes, steps), 2 for (rows, tokens, classes)."
    )


def _refuse_rows(shape: tuple[int, ...], rows: int, expected: str, ops: Ops) -> NoReturn:
    ways = [
        f"Axis {axis} has {rows}: if rows stand there, output=lambda made: {ops.name}.moveaxis(made, {axis}, 0); if axis 0 holds "
        "draws, draw_axis=0."
        for axis in range(1, len(shape))
        if shape[axis] == rows
    ]
    if len(shape) == 1:
        ways.append("If it is called with one row, put rows into batches, with rows on axis 0.")
    if shape and rows > 0 and shape[0] > rows and shape[0] % rows == 0:
        ways.append(
            f"If the model makes {shape[0] // rows} draws of each row in a pass: draw_axis='draws-first' where all rows of the "
            "first draw come first, draw_axis='rows-first' where all draws of the first row do."
        )
    raise ValueError(
        f"output: expected {expected} rows on axis 0, as the batch has, got shape {shape}. "
        + " ".join(ways or ["Name the tensor: output=..."])
    )
