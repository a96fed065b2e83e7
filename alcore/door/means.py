"""Means of numbers and the variances of their noise: kind="mean"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from alcore.door.arrays import Array, Float64s
from alcore.door.axes import Axes
from alcore.door.kinds import Kind
from alcore.door.numbers import as_numbers
from alcore.door.values import _place, _widened, _without_row
from alcore.door.wording import shown

OF_MEANS = ("variance", "output_weights")  # options that only means have
VARIANCE = "(N, D, ..., T) or (N, D, ...) as the means, (D,) one number an output, or one number"


def name_of_variance(name: str) -> str:
    """The option that has the variances of the means that are called so."""
    return {"targets": "target_variance", "test": "test_variance"}.get(name, "variance")


def check_of_means(kind: Kind, given: Mapping[str, Any], *, only: bool) -> None:
    """Refuse options of means for another kind. ``only``: the function takes means and nothing else."""
    if kind == "mean":
        return
    if only:
        raise ValueError(
            f"kind: expected kind='mean', means (N, D, ..., T) of numbers, got kind={kind!r}. Leave kind out."
        )
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name}: expected kind='mean' beside it, got kind={kind!r}. If the predictions are means of numbers, pass "
                f"kind='mean'. Otherwise leave {name} out."
            )


def refuse_measure(measure: str) -> NoReturn:
    """A measure of class probabilities that has no meaning for means."""
    raise ValueError(
        f"kind: {measure} is a measure of class probabilities, got kind='mean'. For means use bald, entropy or variance: "
        "alcore.BALD(), alcore.Entropy() or alcore.Variance('total')."
    )


def refuse_kind_of_variance(kind: Kind) -> NoReturn:
    """The heuristic Variance for predictions that are no means."""
    raise ValueError(
        f"kind: variance is a measure of means, expected kind='mean', got kind={kind!r}. For means of numbers pass kind='mean'. "
        "For classes use alcore.MeanStd() or alcore.BALD()."
    )


def refuse_no_variance(measure: str) -> NoReturn:
    without = "leave labels out" if measure == "replay" else "use alcore.variance(means, 'epistemic')"
    raise ValueError(
        f"variance: {measure} of means needs the variance of the noise, {VARIANCE}, got None. Pass variance=0.25, for example the "
        f"mean squared error of the model on rows that it was not trained on. Without one {without}."
    )


def refuse_no_target_variance() -> NoReturn:
    raise ValueError(
        "target_variance: EPIG of means needs the variance of the noise of the targets, got None, and variance is not one number "
        "for all rows. Pass target_variance=0.25, or an array (J, D, T) or (J, D)."
    )


def refuse_two_variances() -> NoReturn:
    raise ValueError("variance: the blocks are pairs (means, variances) and bring their variances. Leave variance out.")


def refuse_pair(name: str, rows: int) -> NoReturn:
    """A tuple of two arrays."""
    raise ValueError(
        f"{name}: expected means, got a tuple of two arrays of {rows} rows, which may be means and variances, or two blocks of "
        f"rows. For means and variances pass {name}[0], and {name}[1] as {name_of_variance(name)}=. For blocks of rows pass "
        f"list({name})."
    )


def refuse_shape_of_variance(got: tuple[int, ...], expected: tuple[int, ...], where: str = "variance") -> NoReturn:
    """``expected``: (D, ..., T) of the means."""
    full = ", ".join(map(str, expected))
    each = ", ".join(map(str, expected[:-1]))
    single = (
        f" For one number a row and one output pass {where}[:, None]." if len(got) == 1 and expected[0] == 1 else ""
    )
    raise ValueError(
        f"{where}: expected shape (N, {full}) or (N, {each}), as the means have, ({expected[0]},) or one number, got shape {got}. "
        f"A variance for each draw, shape (T,), is numpy.broadcast_to({where}, means.shape).{single}"
    )


def as_constant_variance(value: Any, outputs: int, name: str = "variance") -> Float64s:
    """(D,) variances, above 0 and finite, of one number or one for each output."""
    array = as_numbers(value, name)
    if array.ndim == 1 and len(array) != outputs:
        raise ValueError(
            f"{name}: expected one number or {outputs}, one an output, got {len(array)}. A variance for each draw, shape (T,), is "
            f"numpy.broadcast_to({name}, means.shape). For one number a row and one output pass {name}[:, None]."
        )
    wrong = ~((array > 0) & (array < np.inf))
    if wrong.any():
        place = f"[{int(wrong.argmax())}]" if array.ndim else ""
        raise ValueError(
            f"{name}: expected finite numbers above 0, but {name}{place} is {array[wrong].flat[0]:.6g}. If it is a standard "
            "deviation, pass its square. If the noise is 0, pass a small positive number."
        )
    return np.broadcast_to(array, (outputs,))


def as_output_weights(weights: npt.ArrayLike | None, outputs: int) -> Float64s:
    """(D,) factors of the outputs, 1 by default."""
    if weights is None:
        return np.ones(outputs)
    array = as_numbers(weights, "output_weights")
    if array.shape != (outputs,):
        raise ValueError(f"output_weights: expected shape ({outputs},), one factor an output, got {array.shape}.")
    wrong = ~((array >= 0) & (array < np.inf))
    if wrong.any() or not array.any():
        got = f"output_weights[{int(wrong.argmax())}] = {array[wrong][0]:.6g}" if wrong.any() else "only zeros"
        raise ValueError(f"output_weights: expected finite numbers >= 0, at least one above 0, got {got}.")
    return array


def as_part(part: str) -> str:
    """Which part of the variance of a prediction."""
    if isinstance(part, str) and part in PARTS:
        return part
    raise ValueError(f"part: expected one of {', '.join(map(repr, PARTS))}, got {shown(part)}.")


PARTS = ("total", "epistemic", "aleatoric")


def refuse_means(means_dt: Array, variance_du: Array | None, index: tuple[int, ...], name: str, axes: Axes) -> NoReturn:
    """Explain why the kernels refused the means and variances of one cell. ``index`` is its row and place on the event axes."""
    means, noise = _widened(means_dt), name_of_variance(name)
    remedy = f"Repair the row, or remove it: {_without_row(name, axes, index[0])}."
    if not np.isfinite(means).all():
        d, t = map(int, np.argwhere(~np.isfinite(means))[0])
        place = _place(name, axes, index, d, t)
        raise ValueError(
            f"{name}: expected finite means, but {place} is {means[d, t]}. No invalid row is ranked. {remedy}"
        )
    if variance_du is not None:
        variance = _widened(variance_du)
        wrong = ~((variance > 0) & (variance < np.inf))
        if wrong.any():
            d, t = map(int, np.argwhere(wrong)[0])
            at = [f"row {index[0]}", *(f"{axes.text[p]} {e}" for p, e in zip(axes.events, index[1:], strict=True))]
            at += [f"output {d}"] * (len(variance) > 1) + [f"draw {t}"] * (variance.shape[1] > 1)
            raise ValueError(
                f"{noise}: expected finite numbers above 0, but the variance at {', '.join(at)} is {variance[d, t]:.6g}. If these "
                f"are logarithms, pass numpy.exp({noise}). If half precision rounded them to 0, pass "
                f"numpy.maximum({noise}, 1e-6)."
            )
    raise ValueError(
        f"{name}: expected means and variances whose squares fit into float64, but those of row {index[0]} do not. Divide the "
        "means by a scale of the outputs, and the variances by its square."
    )
