"""Values of predictions: why a row is no distribution, and what to do about it."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from alcore.door.arrays import Array, Float64s
from alcore.door.axes import Axes
from alcore.door.kinds import Kind, family, is_logits


def tolerance(classes: int) -> float:
    """How far from 1 the sum of a draw may be: as far as rounding takes true distributions, and less than 0.01 in any case.

    Predictions pass through bfloat16 (unit roundoff 2^-9) and float16 (2^-11, and 2^-25 absolute for each small class)
    before they are widened. So the bound holds for every dtype: twice 2^-9, and 2^-25 a class, at most 0.009.
    """
    return min(2.0**-8 + classes * 2.0**-25, 0.009)


def refuse_values(kind: Kind, values_ct: Array, index: tuple[int, ...], name: str, axes: Axes) -> NoReturn:
    """Explain why the kernels refused the draws of one cell, whatever they are."""
    if family(kind) != "classes":
        _refuse_yes_no(kind, values_ct, index, name, axes)
    refuse = refuse_logits if kind == "logits" else refuse_cell
    refuse(values_ct, index, name, axes)


def _refuse_yes_no(kind: Kind, values_ct: Array, index: tuple[int, ...], name: str, axes: Axes) -> NoReturn:
    """Probabilities of yes outside 0 … 1, or logits that are NaN."""
    values = _widened(values_ct)
    with np.errstate(invalid="ignore"):
        valid = ~np.isnan(values) if is_logits(kind) else (values >= 0) & (values <= 1 + tolerance(2))
    c, t = map(int, np.argwhere(~valid)[0])
    place = f"{_place(name, axes, index, c, t)} is {values[c, t]:.6g}"
    if np.isnan(values[c, t]):
        raise ValueError(
            f"{name}: expected numbers, but {place}. No invalid row is ranked. Repair the row, or remove it: "
            f"{_without_row(name, axes, index[0])}."
        )
    raise ValueError(
        f"{name}: expected probabilities of yes, from 0 to 1, but {place}. If these are logits, pass kind={kind + '_logits'!r}. If "
        f"they are probabilities with rounding errors, pass np.clip({name}, 0, 1)."
    )


def refuse_cell(values_ct: Array, index: tuple[int, ...], name: str, axes: Axes) -> NoReturn:
    """Explain why the kernels refused the draws of one cell. ``index`` is its row and place on the event axes. ``axes`` says how
    the caller's array lies."""
    values = _widened(values_ct)

    def at(c: int | str, t: int) -> str:
        return _place(name, axes, index, c, t)

    if not np.isfinite(values).all():
        c, t = map(int, np.argwhere(~np.isfinite(values))[0])
        raise ValueError(
            f"{name}: expected finite numbers, but {at(c, t)} is {values[c, t]}. No invalid row is ranked. "
            f"Look for overflow in the model (half precision?). Repair the row, or remove it: {_without_row(name, axes, index[0])}."
            + _if_padding(name, axes)
        )
    with np.errstate(over="ignore"):
        sums = values.sum(axis=0)
    t = int(np.abs(sums - 1).argmax())
    total = f"{at(':', t)} sums to {sums[t]:.6g}"
    classes = f"axis {axes.classes}"
    if (values < 0).any():
        c, first = map(int, np.argwhere(values < 0)[0])
        if abs(sums[t] - 1) > tolerance(len(values)):
            yes = _of_draws_of_yes("logit", "binary_logits", values, name, axes)
            remedy = f". {yes}If they are logits of classes, pass" if yes else ": pass"
            raise ValueError(
                f"{name}: expected probabilities over {classes}, but {total} and {at(c, first)} is {values[c, first]:.6g}. "
                f"These look like logits{remedy} kind='logits'.{_of_other_axis(name, axes)}"
            )
        raise ValueError(
            f"{name}: expected probabilities, but {at(c, first)} is {values[c, first]:.6g}. Clip and renormalise: "
            f"p = np.clip({name}, 0, None); p / p.sum(axis={axes.classes}, keepdims=True)."
        )
    if values.shape[1] > 1 and np.allclose(values.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            f"{name}: expected probabilities over {classes}, but {total}, while {_draw_axis(axes)} sums to 1. {_other_order(axes)}"
        )
    raise ValueError(
        f"{name}: expected probabilities over {classes}, but {total} "
        f"(sums within {tolerance(len(values)):.2g} of 1 are accepted). {_of_other_sums(values, name, axes)}"
    )


def _of_other_sums(values_ct: Float64s, name: str, axes: Axes) -> str:
    """What numbers from 0 on that do not sum to 1 may be, and what to pass for each."""
    normalised = f"{name} / {name}.sum(axis={axes.classes}, keepdims=True)"
    if values_ct.max() > 1:
        yes = _of_draws_of_yes("logit", "binary_logits", values_ct, name, axes)
        return (
            f"{yes}If these are logits, pass kind='logits'. If they are counts, normalise them: {normalised}."
            f"{_of_other_axis(name, axes)}"
        )
    yes = _of_draws_of_yes("probability", "binary", values_ct, name, axes)
    return (
        f"{yes}If each of them is a yes or no of its own, pass kind='multilabel'. If they are classes and not normalised, pass "
        f"{normalised}. For logits pass kind='logits'.{_of_other_axis(name, axes)}"
    )


def _of_other_axis(name: str, axes: Axes) -> str:
    """What to say where the classes lie on another axis, which one cell does not show. Without it each other remedy would rank
    what is no row."""
    if name == "predicted":
        return ""
    if not axes.is_plain:
        return f" If {axes.text!r} is not the order of the array's axes, correct it."
    events = "HWDEFGIJ"[: len(axes.events)]
    last = f"N{events}CT" if events else "NTC"
    return f" If the classes are on another axis, say the order first, such as axes='TNC{events}' or axes={last!r}."


def _of_draws_of_yes(what: str, kind: Kind, values_ct: Float64s, name: str, axes: Axes) -> str:
    """What to pass where one prediction a row may be the draws of one number. Empty where there are several draws."""
    if values_ct.shape[1] > 1 or axes.events or name == "predicted":
        return ""
    remedy = f"pass {name}[..., 0] with kind={kind!r}"
    if not axes.draws:
        remedy = f"pass kind={kind!r}, axes={axes.text.replace('C', 'T')!r}"
    elif not axes.is_plain:
        remedy = f"pass them as (N, T) with kind={kind!r}"
    return f"If a row holds the draws of one {what} of yes, {remedy}. "


def refuse_logits(values_ct: Array, index: tuple[int, ...], name: str, axes: Axes) -> NoReturn:
    """Logits with NaN or +inf, or a draw without a finite one."""
    values = _widened(values_ct)
    wrong = np.isnan(values) | (values == np.inf)
    if wrong.any():
        c, t = map(int, np.argwhere(wrong)[0])
        what = f"{_place(name, axes, index, c, t)} is {values[c, t]}"
    else:
        t = int(np.isneginf(values).all(axis=0).argmax())
        what = f"{_place(name, axes, index, ':', t)} is -inf for every class"
    raise ValueError(
        f"{name}: expected finite logits over axis {axes.classes} (-inf rules a class out), but {what}. "
        f"No invalid row is ranked. Repair the row, or remove it: {_without_row(name, axes, index[0])}."
        + _if_padding(name, axes)
    )


def _widened(values_ct: Array) -> Float64s:
    with np.errstate(invalid="ignore"):  # damaged files may hold signalling NaN
        return np.asarray(values_ct, np.float64)


def _without_row(name: str, axes: Axes, row: int) -> str:
    return f"np.delete({name}, {row}, axis={axes.rows})"


def _if_padding(name: str, axes: Axes) -> str:
    """What to do with an invalid cell of a map or a sequence. Nothing where rows have no cells."""
    if not axes.events or name != "probs":
        return ""
    return " If the cell is padding, reduce without it: Reduce(heuristic).score(probs, mask=mask)."


def _draw_axis(axes: Axes) -> str:
    return "the last axis" if axes.is_plain else f"axis {axes.draws[0]}" if axes.draws else "no axis"


def _other_order(axes: Axes) -> str:
    """What to do where the last axis holds the classes. The numbers do not show which of the other axes are the draws."""
    if not axes.is_plain:
        return f"The letters {axes.text!r} do not fit the array. Write one letter an axis, in the order of the array."
    events = "HWDEFGIJ"[: len(axes.events)]
    return (
        f"The classes seem to be last. If the rows are first and the draws follow, pass axes='NT{events}C'. If the draws are "
        f"first, as torch.stack gives, pass axes='TN{events}C'. The axis of your pool's length is N."
        + (f" The letters {', '.join(events)} are the event axes." if events else "")
    )


def _place(name: str, axes: Axes, index: tuple[int, ...], c: int | str, t: int) -> str:
    """The place of a number in the caller's array. ``predicted``, of the model under test, has no axis of draws."""
    row, *events = index
    if len(axes.draws) == 2:
        at = "".join(f", {axes.text[place]} {event}" for place, event in zip(axes.events, events, strict=True))
        return f"{name} at row {row}, class {c}{at}, draw {t} (chains one after another)"
    found: dict[int, int | str] = {axes.rows: row, **dict(zip(axes.events, events, strict=True))}
    if axes.classes is not None:
        found[axes.classes] = c
    if name != "predicted":
        found |= dict.fromkeys(axes.draws, t)
    return f"{name}[{', '.join(str(found[place]) for place in sorted(found))}]"
