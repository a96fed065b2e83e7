"""Picks with their probabilities, losses, and predictions of the model under test."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import numpy.typing as npt

from alcore.door.arrays import Array, Float64s, as_array, as_plain
from alcore.door.kinds import Kind, family, is_logits
from alcore.door.numbers import as_count, as_numbers, as_real
from alcore.door.wording import first_line, shown

ROUNDING = 1e-6  # by which a probability that was computed in float32 may exceed 1


def as_picks(q: npt.ArrayLike, pool_size: int, support: npt.ArrayLike | None) -> tuple[Float64s, int]:
    """The probability of each of M picks, (M,), and the N rows they were drawn from. Every row left must have a chance at each
    pick.
    """
    q_m, rows = as_numbers(q, "q"), as_count(pool_size, "pool_size")
    if q_m.ndim != 1 or q_m.size == 0:
        raise ValueError(f"q: expected shape (M,), the probability of each pick, at least one, got {q_m.shape}.")
    if q_m.size > rows:
        raise ValueError(
            f"pool_size: expected at least {q_m.size}, one row a pick, got {rows}. "
            "It counts all rows at the first pick, also the rows picked since. Pass the size of the pool or test set."
        )
    wrong = ~((q_m >= np.finfo(np.float64).tiny) & (q_m <= 1 + ROUNDING))  # the weight of a smaller one overflows
    if wrong.any():
        m = int(wrong.argmax())
        raise ValueError(
            f"q: expected probabilities above 0 and at most 1, but q[{m}] is {float(q_m[m])!r}. "
            "A row that was picked had a chance: pass batch.q. If batch.q is 0 because it underflowed, draw with a smaller beta."
        )
    q_m, left_m = np.minimum(q_m, 1.0), rows - np.arange(q_m.size)
    _refuse_chances(q_m, left_m, left_m if support is None else _as_support(support, q_m.size))
    return q_m, rows


def _as_support(support: npt.ArrayLike, picks: int) -> npt.NDArray[np.int64]:
    array = as_plain(support, "support", "whole numbers")
    if isinstance(support, np.ma.MaskedArray) or array.dtype.kind not in "iu":
        raise TypeError(
            f"support: expected whole numbers, got {array.dtype} ({type(support).__name__}). Pass batch.support."
        )
    if array.shape != (picks,):
        raise ValueError(f"support: expected shape ({picks},), one number a pick as q has, got {array.shape}.")
    return array.astype(np.int64)


def _refuse_chances(q_m: Float64s, left_m: npt.NDArray[np.int64], support_m: npt.NDArray[np.int64]) -> None:
    """Refuse picks that no weights make unbiased, and a pool size that the picks contradict."""
    certain_m = (q_m == 1) & (left_m > 1)
    wrong_m = certain_m | (support_m < left_m)
    if wrong_m.any():
        m = int(wrong_m.argmax())
        what = f"q: pick {m} was certain (q = 1) while {left_m[m]} rows were left"
        remedy = (
            "Top picks and joint batches are deterministic: draw picks with Power, Softmax, SoftRank or Random. If you drew with "
            "Power, one row alone had a score above 0: add a small constant to the scores, as expected_loss does with floor=0.1."
        )
        if not certain_m[m]:
            what = f"support: pick {m} was drawn from {support_m[m]} of the {left_m[m]} rows left"
            remedy = (
                "Draw with Softmax or SoftRank, and from all rows that pool_size counts. Power draws rows of score 0 after all "
                "others, so add a small constant to its scores, as expected_loss does with floor=0.1."
            )
        raise ValueError(f"{what}. The other rows had no chance, so no weights make the estimate unbiased. {remedy}")
    more_m = support_m > left_m
    if more_m.any():
        m = int(more_m.argmax())
        refuse_pool_size(f"pick {m} was drawn from {support_m[m]} rows while this number leaves {left_m[m]}")
    if left_m[-1] == 1 and q_m[-1] < 1 - 1e-6:
        refuse_pool_size(f"this number leaves one row for the last pick, whose q is {q_m[-1]:g} and not 1")


def refuse_pool_size(why: str) -> NoReturn:
    raise ValueError(
        f"pool_size: expected the number of rows at the first pick, but {why}. "
        "Pass the number of all rows of the pool or test set, not of those picked."
    )


def as_losses(losses: npt.ArrayLike, picks: int) -> Float64s:
    """Finite losses (M,); booleans are the zero-one loss."""
    losses_m = as_numbers(losses, "losses", "fiub")
    if losses_m.shape != (picks,):
        raise ValueError(f"losses: expected shape ({picks},), one loss a pick in the order of q, got {losses_m.shape}.")
    if not np.isfinite(losses_m).all():
        m = int((~np.isfinite(losses_m)).argmax())
        raise ValueError(
            f"losses: expected finite numbers, but losses[{m}] is {losses_m[m]}. "
            "A log loss is infinite where the label has probability 0. Clip the probabilities of all rows in the same way: "
            "np.clip(probs, 1e-6, None)."
        )
    return losses_m


def refuse_overflowing_losses() -> NoReturn:
    raise ValueError(
        "losses: expected a weighted mean that fits into float64, but it overflows. Scale the losses down: losses / np.max(losses)."
    )


def as_loss(loss: str) -> str:
    if isinstance(loss, str) and loss in ("log", "zero-one", "brier"):
        return loss
    raise ValueError(f"loss: expected 'log', 'zero-one' or 'brier', got {shown(loss)}.")


def as_least_share(floor: float) -> float:
    value = as_real(floor, "floor")
    if not 0 <= value <= 1:
        raise ValueError(f"floor: expected a share of the mean score, at least 0 and at most 1, got {floor}.")
    return value


def as_predicted(predicted: npt.ArrayLike) -> Array:
    """The predictions of the model under test, as floats. Nested lists are allowed."""
    if not isinstance(predicted, list | tuple):
        return as_array(predicted, "predicted")
    try:
        return as_array(np.asarray(predicted), "predicted")
    except ValueError as error:
        raise TypeError(
            f"predicted: expected an array (N, C), got a list ({first_line(error)}). Give every row the same number of classes."
        ) from error


def check_predicted(shape: tuple[int, ...], classes: int) -> None:
    """One distribution a row, over the classes of the draws."""
    if len(shape) != 2 or shape[1] != classes:
        raise ValueError(
            f"predicted: expected shape (N, {classes}), one probability a class as predictions has, got {shape}. "
            "If you have draws (N, C, T), pass their mean: draws.mean(axis=-1)."
        )


def check_above_zero(predicted_nc: Array, kind: Kind = "probs") -> None:
    """The log loss needs probabilities above 0, and under 1 where the rest is the probability of no."""
    of_classes, logits = family(kind) == "classes", is_logits(kind)
    wrong = predicted_nc == 0 if of_classes else (predicted_nc == 0) | (predicted_nc == 1)
    if not wrong.any():
        return
    n, c = map(int, np.argwhere(wrong)[0])
    value = int(predicted_nc[n, c])
    expected = "probabilities of yes under 1" if value else "probabilities above 0"
    certain = "No" if value else "That class" if of_classes else "Yes"
    place = f"predicted[{n}, {c}]"
    if logits:
        place = f"that of {place}"
        clipped = "np.maximum(predicted, predicted.max(axis=1, keepdims=True) - 14)"
        remedy = f"logits, here and in the measured losses: {clipped if of_classes else 'np.clip(predicted, -14, 14)'}"
    elif of_classes:
        remedy = "probabilities, here and in the measured losses: np.clip(predicted, 1e-6, None)"
    else:
        remedy = "probabilities, here and in the measured losses: np.clip(predicted, 1e-6, 1 - 1e-6)"
    raise ValueError(
        f"predicted: expected {expected} for the log loss, but {place} is {value}. {certain} would have an infinite loss. "
        f"Clip the {remedy}."
    )
