"""Values of predictions: why a row is no distribution, and what to do about it."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from alcore.door.arrays import Array, Float64s


def tolerance(classes: int) -> float:
    """How far from 1 the sum of a draw may be: as far as rounding takes true distributions, and less than 0.01 in any case.

    Predictions pass through bfloat16 (unit roundoff 2^-9) and float16 (2^-11, and 2^-25 absolute for each small class)
    before they are widened. So the bound holds for every dtype: twice 2^-9, and 2^-25 a class, at most 0.009.
    """
    return min(2.0**-8 + classes * 2.0**-25, 0.009)


def refuse_cell(values_ct: Array, index: tuple[int, ...], name: str) -> NoReturn:
    """Explain why the kernels refused the draws of one cell; ``index`` is its row and place on the event axes."""
    values = _widened(values_ct)

    def at(c: int | str, t: int) -> str:
        return _place(name, index, c, t)

    if not np.isfinite(values).all():
        c, t = map(int, np.argwhere(~np.isfinite(values))[0])
        raise ValueError(
            f"{name}: expected finite numbers, but {at(c, t)} is {values[c, t]}. No invalid row is ranked. "
            "Look for overflow in the model (half precision?). Repair the row, or remove it: "
            f"np.delete({name}, {index[0]}, axis=0)."
        )
    with np.errstate(over="ignore"):
        sums = values.sum(axis=0)
    t = int(np.abs(sums - 1).argmax())
    total = f"{at(':', t)} sums to {sums[t]:.6g}"
    if (values < 0).any():
        c, first = map(int, np.argwhere(values < 0)[0])
        if abs(sums[t] - 1) > tolerance(len(values)):
            raise ValueError(
                f"{name}: expected probabilities over axis 1, but {total} and {at(c, first)} is {values[c, first]:.6g}. "
                "These look like logits: pass kind='logits'."
            )
        raise ValueError(
            f"{name}: expected probabilities, but {at(c, first)} is {values[c, first]:.6g}. Clip and renormalise: "
            f"p = np.clip({name}, 0, None); p / p.sum(axis=1, keepdims=True)."
        )
    if values.shape[1] > 1 and np.allclose(values.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            f"{name}: expected probabilities over axis 1, but {total}, while the last axis sums to 1. The classes "
            f"seem to be last. Pass np.moveaxis({name}, -1, 1)."
        )
    normalised = f"{name} / {name}.sum(axis=1, keepdims=True)"
    remedy = f"Normalise them: {normalised}. For logits pass kind='logits'."
    if values.max() > 1:
        remedy = f"These look like logits or counts: pass kind='logits', or normalise them: {normalised}."
    raise ValueError(
        f"{name}: expected probabilities over axis 1, but {total} "
        f"(sums within {tolerance(len(values)):.2g} of 1 are accepted). {remedy}"
    )


def refuse_logits(values_ct: Array, index: tuple[int, ...], name: str) -> NoReturn:
    """Logits with NaN or +inf, or a draw without a finite one."""
    values = _widened(values_ct)
    wrong = np.isnan(values) | (values == np.inf)
    if wrong.any():
        c, t = map(int, np.argwhere(wrong)[0])
        what = f"{_place(name, index, c, t)} is {values[c, t]}"
    else:
        t = int(np.isneginf(values).all(axis=0).argmax())
        what = f"{_place(name, index, ':', t)} is -inf for every class"
    raise ValueError(
        f"{name}: expected finite logits over axis 1 (-inf rules a class out), but {what}. "
        f"No invalid row is ranked. Repair the row, or remove it: np.delete({name}, {index[0]}, axis=0)."
    )


def _widened(values_ct: Array) -> Float64s:
    with np.errstate(invalid="ignore"):  # damaged files may hold signalling NaN
        return np.asarray(values_ct, np.float64)


def _place(name: str, index: tuple[int, ...], c: int | str, t: int) -> str:
    """The place of a number. ``predicted``, of the model under test, has no axis of draws."""
    row, *events = index
    return f"{name}[{', '.join(map(str, (row, c, *events) if name == 'predicted' else (row, c, *events, t)))}]"
