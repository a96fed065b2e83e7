"""From what a model returns to (n, C, ...): choose the tensor, put rows first, draws of one pass last, and classes on axis 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from alcore import door
from alcore.adapting.request import DRAWS_FIRST, Request

TAKEN: Mapping[str, str] = MappingProxyType({"output": "made"})  # of a model that returns one tensor


def pick(returned: Any, output: str | int | Callable[[Any], Any] | None) -> Any:
    """The tensor among what a model returned, chosen by key or attribute, by place, or by a function.

    Raises:
        TypeError: where there are several and ``output`` is None.
        ValueError: where ``output`` is not there.
    """
    if callable(output):
        return output(returned)
    if output is None:
        names = _names(returned)
        if names:
            raise TypeError(
                f"output: expected one tensor, but the model returns {type(returned).__name__} with {names}. Name one, for example "
                f"output={next(iter(_parts(returned)), 0)!r}."
            )
        return returned
    if isinstance(output, str) and not isinstance(returned, Mapping) and hasattr(returned, output):
        return getattr(returned, output)
    try:
        return returned[output]
    except (KeyError, IndexError, TypeError) as error:
        parts, has = _parts(returned), _names(returned) or "no parts"
        remedy = (
            f"Name one of these, for example output={parts[0]!r}." if parts else "Pass output=None to take it as it is."
        )
        raise ValueError(f"output: no {output!r} in {type(returned).__name__}, which has {has}. {remedy}") from error


def taken(returned: Any, output: str | int | Callable[[Any], Any] | None) -> dict[str, str]:
    """How ``output`` takes its tensor from what a model returned, ``made``, as code by the options that name it. For remedies that
    change the tensor: a function in place of a name has to take the tensor by that name.
    """
    if isinstance(output, WithVariance):
        return {**_code(returned, output.output, "output"), **_code(returned, output.variance, "variance")}
    return _code(returned, output, "output")


def picked(returned: Any, output: str | int | Callable[[Any], Any] | None) -> tuple[Any, dict[str, str]]:
    """What `pick` chooses, and the code of `taken`."""
    return pick(returned, output), taken(returned, output)


def _code(returned: Any, output: str | int | Callable[[Any], Any] | None, option: str) -> dict[str, str]:
    if callable(output):
        return {option: f"{option}(made)"}
    if isinstance(output, str) and not isinstance(returned, Mapping) and hasattr(returned, output):
        return {option: f"made.{output}"}
    return {option: "made" if output is None else f"made[{output!r}]"}


def _changed(taken: Mapping[str, str], before: str, after: str) -> str:
    """Options whose functions change the tensor that they take, by the code ``before`` and ``after`` it."""
    options = ", ".join(f"{option}=lambda made: {before}{one}{after}" for option, one in taken.items())
    functions = [option for option, one in taken.items() if one == f"{option}(made)"]
    return options + (f", where {' and '.join(functions)} is what you pass now" if functions else "")


@dataclass(frozen=True)
class WithVariance:
    """Reads means and the variances of their noise from what a model returned. The variances come behind the means, on the axis
    of the outputs.

    Args:
        output: the tensor of the means, as in `pick`.
        variance: the tensor of the variances, as in `pick`.
        ops: the functions of the framework.
        class_axis: the axis of the outputs. None for 1.
    """

    output: str | int | Callable[[Any], Any] | None
    variance: str | int | Callable[[Any], Any]
    ops: Ops
    class_axis: int | None = None

    def __call__(self, returned: Any) -> Any:
        means, noise = pick(returned, self.output), pick(returned, self.variance)
        if tuple(means.shape) != tuple(noise.shape):
            raise ValueError(
                f"variance: expected shape {tuple(means.shape)}, as the means have, got {tuple(noise.shape)}. Name the tensor of "
                f"the variances, or a function: variance=lambda returned: {self.ops.name}.exp(returned['log_variance'])."
            )
        if len(means.shape) == 1:
            means, noise = means[:, None], noise[:, None]
        return self.ops.concatenate([means, noise], 1 if self.class_axis is None else self.class_axis)


def with_variance(output: Any, variance: Any, request: Request, ops: Ops) -> tuple[Any, Request]:
    """The reader of what a model returns, and the request, for means with the ``variance`` that was asked for.

    Raises:
        ValueError: for a ``variance`` with another kind than "mean", or with a ``draw_axis``.
    """
    if variance is None:
        return output, request
    if request.kind != "mean":
        raise ValueError(f"variance: expected kind='mean' beside it, got kind={request.kind!r}. Leave variance out.")
    if request.draw_axis is not None:
        raise ValueError(
            f"variance: expected one draw in a pass, got draw_axis={request.draw_axis!r}. Leave draw_axis out, and let the model "
            "make one draw in a pass."
        )
    return WithVariance(output, variance, ops, request.class_axis), replace(request, variance=True)


def _names(returned: Any) -> str:
    """The parts that may be named, as text for an error. Empty where there is one tensor."""
    if isinstance(returned, tuple | list):
        return f"{len(returned)} parts, 0 to {len(returned) - 1}"
    return ", ".join(map(repr, _parts(returned)))


def _parts(returned: Any) -> list[Any]:
    """The keys, places or fields of what a model returned. Empty where there is one tensor."""
    if isinstance(returned, Mapping):
        return list(returned)
    if isinstance(returned, tuple | list):
        return list(range(len(returned)))
    if hasattr(returned, "__dataclass_fields__") and not hasattr(returned, "__array__"):
        return list(returned.__dataclass_fields__)
    return []


@dataclass(frozen=True)
class Ops:
    """The functions of a framework that rearrange its tensors, and the ``name`` of the module where its user finds them."""

    name: str
    reshape: Callable[..., Any]
    moveaxis: Callable[..., Any]
    softmax: Callable[..., Any]
    sigmoid: Callable[..., Any]
    concatenate: Callable[..., Any]


# --- axes -------------------------------------------------------------------------------------------------------------


def arrange(
    found: Any, rows: int, request: Request, ops: Ops, class_axis: int, taken: Mapping[str, str] = TAKEN
) -> Any:
    """(n, C, ...) probabilities from what a model returned: of classes, of yes (C = 1) or of several labels, or means of C
    numbers. Where the request has a ``draw_axis``, draws come last.

    Args:
        found: what a model returned, a tensor of any framework.
        rows: how many rows the model was given, or -1 where that is not known.
        request: its ``kind`` says whether to take the softmax or the sigmoid, its ``draw_axis`` where draws are.
        ops: the functions of that framework.
        class_axis: the axis of classes, counted without the axis of draws (`class_axis_of`).
        taken: code that takes the tensor from what the model returned (`taken`).

    Raises:
        ValueError: where rows or draws are not on the axes that the request names.
    """
    return probabilities(rows_first(found, rows, request, ops, taken), request, ops, class_axis)


def probabilities(found: Any, request: Request, ops: Ops, class_axis: int) -> Any:
    """(n, C, ...) probabilities from an output with rows first and draws last."""
    kind = door.as_kind(request.kind)
    if door.is_logits(kind):
        found = ops.softmax(found, class_axis) if door.family(kind) == "classes" else ops.sigmoid(found)
    return ops.moveaxis(found, class_axis, 1)


def rows_first(found: Any, rows: int, request: Request, ops: Ops, taken: Mapping[str, str] = TAKEN) -> Any:
    """Put rows on axis 0, and the draws of one pass on the last axis."""
    shape, axis = tuple(found.shape), request.draw_axis
    one_number = door.family(door.as_kind(request.kind)) in ("binary", "mean")
    if isinstance(axis, str):
        if rows < 1 or not shape or shape[0] % rows:
            _refuse_rows(shape, rows, f"a multiple of {rows}", ops, taken)
        each, rest = shape[0] // rows, shape[1:]
        if axis == DRAWS_FIRST:
            found = ops.moveaxis(ops.reshape(found, (each, rows, *rest)), 0, -1)
        else:
            found = ops.moveaxis(ops.reshape(found, (rows, each, *rest)), 1, -1)
    elif axis is not None:
        if not -len(shape) <= axis < len(shape) or len(shape) < (2 if one_number else 3):
            raise ValueError(
                f"draw_axis: expected an axis of the output beside those of rows and classes, got {axis} of shape {shape}. For "
                "(draws, rows, classes), pass draw_axis=0."
            )
        found = ops.moveaxis(found, axis, -1)
    if rows >= 0 and (not shape or found.shape[0] != rows):
        _refuse_rows(shape, rows, str(rows), ops, taken)
    if one_number and len(found.shape) == 1 + (axis is not None):  # one number a row, without an axis of classes
        found = ops.reshape(found, (found.shape[0], 1, *found.shape[1:]))
    return found


def class_axis_of(found: Any, request: Request, taken: Mapping[str, str] = TAKEN) -> int:
    """The axis of classes in ``found``, which has rows first and draws last.

    It is the request's ``class_axis``. Where that is None, it is 1, except for three axes: (n, tokens, C) and (n, C, steps) look
    alike. There it is the axis along which probabilities sum to 1. One yes or no (kind "binary") has one number on it.

    Raises:
        ValueError: where that axis is not there, is that of the rows or has one class, and where three axes do not tell.
    """
    shape = tuple(found.shape[:-1] if request.draw_axis is not None else found.shape)
    axis = request.class_axis
    if axis is None and len(shape) == 3:
        binary = door.family(door.as_kind(request.kind)) == "binary"
        axis = (2 if shape[2] == 1 < shape[1] else 1) if binary else _axis_of_sum_one(found, request)
    axis = 1 if axis is None else axis
    if len(shape) < 2 or not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
        raise ValueError(
            f"output: expected rows on axis 0 and classes on axis {axis} (class_axis), got shape "
            f"{shape}. Name the tensor, for example output='logits', or the axis of its classes, for example class_axis=-1."
        )
    _check_classes(shape, axis, request, taken)
    return axis % len(shape)


def _check_classes(shape: tuple[int, ...], axis: int, request: Request, taken: Mapping[str, str]) -> None:
    family = door.family(door.as_kind(request.kind))
    if family == "classes" and shape[axis] == 1:
        raise ValueError(
            f"output: expected at least 2 classes on axis {axis}, got shape {shape}. If the model returns one probability of yes, "
            "pass kind='binary'. If it returns its logit, pass kind='binary_logits'. If the classes are on another axis, name it, "
            "for example class_axis=-1."
        )
    if family == "binary" and shape[axis] != 1:
        labels, of_places = request.kind.replace("binary", "multilabel"), _changed(taken, "", "[:, None]")
        raise ValueError(
            f"output: expected one number on axis {axis} for kind={request.kind!r}, got shape {shape}. If there is one for each "
            f"place of a map or sequence, pass {of_places}. If they are labels, each of them yes or no, pass kind={labels!r}. If "
            "they are classes, pass kind='probs' or kind='logits'. If the number is on another axis, name it, for example "
            "class_axis=-1."
        )


def _axis_of_sum_one(found: Any, request: Request) -> int:
    shape = tuple(found.shape)
    if request.kind == "probs":
        values = np.asarray(found, np.float64)
        sums = [axis for axis in (1, 2) if np.allclose(values.sum(axis=axis), 1, rtol=0, atol=1e-2)]
        if len(sums) == 1 and (values >= 0).all():
            return sums[0]
    raise ValueError(
        f"output: expected class_axis=1 or class_axis=2, because the model returns shape {shape} and either axis may hold the "
        "classes. Pass class_axis=1 for (rows, classes, steps), and class_axis=2 for (rows, tokens, classes)."
    )


def _refuse_rows(shape: tuple[int, ...], rows: int, expected: str, ops: Ops, taken: Mapping[str, str]) -> NoReturn:
    ways = [
        f"Axis {axis} has {rows} entries. If these are the rows, pass "
        f"{_changed(taken, f'{ops.name}.moveaxis(', f', {axis}, 0)')}. If axis 0 holds draws, pass draw_axis=0."
        for axis in range(1, len(shape))
        if shape[axis] == rows
    ]
    if len(shape) == 1:
        ways.append(
            "If each block is one row, put rows into blocks, with rows on axis 0, or pass inputs=lambda row: row[None]."
        )
    if shape and rows > 0 and shape[0] > rows and shape[0] % rows == 0:
        ways.append(
            f"If the model makes {shape[0] // rows} draws of each row in a pass, pass draw_axis='draws-first' where all rows of "
            "the first draw come first, or draw_axis='rows-first' where all draws of the first row come first."
        )
    raise ValueError(
        f"output: expected {expected} rows on axis 0, as the block has, got shape {shape}. "
        + " ".join(ways or ["Name the tensor that has them, for example output='logits'."])
    )
