"""Weights over draws or targets, and masks of padding."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore.door.arrays import Bools, Float64s, as_plain
from alcore.door.numbers import as_numbers, as_whole
from alcore.door.urls import is_url, without_secrets

NO_SPREAD = 1e-9  # of 1 - sum w^2: one draw has all the weight


def as_weights(
    weights: npt.ArrayLike | None,
    count: int,
    name: str = "weights",
    each: str = "a draw (the last axis of the predictions)",
) -> Float64s | None:
    """Weights with sum 1, a copy. None where all are equal, which is the default."""
    if weights is None:
        return None
    array = as_numbers(weights, name)
    if array.shape != (count,):
        raise ValueError(f"{name}: expected shape ({count},), one weight {each}, got {array.shape}.")
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        i = int(bad.argmax())
        raise ValueError(f"{name}: expected finite numbers >= 0, but {name}[{i}] is {array[i]}.")
    if not array.any():
        raise ValueError(f"{name}: expected at least one above 0, got only zeros. For equal weights leave {name} out.")
    if (array == array[0]).all():
        return None
    array = array / array.max()  # the sum of huge weights would overflow
    return np.asarray(array / array.sum(), np.float64)


def as_shares(weights: Float64s | None, count: int) -> Float64s:
    """Checked weights as an array, also where they are equal."""
    return np.full(count, 1.0 / count) if weights is None else weights


def padding_of(mask: Any, ignore_index: Any) -> Any:
    """The mask of a call: booleans, from labels and the value that they have where a cell does not count.

    Without an ignore index the mask is what came, and `as_mask` checks it. Masks of several heads are made head by head.
    """
    if ignore_index is None or isinstance(mask, Mapping):
        return mask
    value = as_whole(ignore_index, "ignore_index")
    _refuse_path(mask)
    if mask is None:
        raise ValueError(
            f"ignore_index: expected labels too, (N, ...) with {value} where a cell does not count, got no mask. Pass mask=labels, "
            "or leave ignore_index out."
        )
    if isinstance(mask, np.ma.MaskedArray):
        raise TypeError(
            "mask: expected a plain array of labels, got a masked array. Pass mask=np.ma.getmaskarray(mask)."
        )
    labels = as_plain(mask, "mask", "an array of labels")
    if labels.dtype == np.bool_:
        raise TypeError(
            "ignore_index: expected a mask of labels beside it, got booleans. True says already that a cell is padding. Leave "
            "ignore_index out."
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"mask: expected labels that are whole numbers beside ignore_index, got {labels.dtype}. Pass mask.astype(np.int64)."
        )
    limits = np.iinfo(labels.dtype)
    if not limits.min <= value <= limits.max:
        raise ValueError(
            f"ignore_index: expected a label of the mask's type {labels.dtype}, {limits.min} to {limits.max}, got {value}. Look at "
            "what the labels hold: np.unique(mask)."
        )
    return labels == value


def _refuse_path(mask: Any) -> None:
    if isinstance(mask, str | os.PathLike):
        path = without_secrets(os.fspath(mask))
        load = f"np.asarray(alcore.open_predictions({path!r}))" if is_url(mask) else f"np.load({path!r})"
        raise TypeError(f"mask: expected an array, got the path {path!r}. Load it: {load}.")


def check_mask_of(predictions: Any, mask: Any) -> None:
    """Refuse predictions that make their own padding where the call has none. It would count."""
    if mask is None and getattr(predictions, "has_mask", False):
        raise ValueError(
            "mask: expected the padding of these predictions, which is known once they are made, got none. Score cells first: "
            "scores = alcore.bald(predictions); alcore.reduce(scores, 'mean', mask=predictions.mask). Or write them to a file, "
            "out='preds.npy', and pass the mask that lies beside it: np.load('preds.mask.npy')."
        )


def check_several_draws(shares: Float64s, name: str) -> None:
    """Two draws with weight, which the error of a score needs: one draw shows no spread."""
    if 1.0 - float((shares**2).sum()) > NO_SPREAD:
        return
    if len(shares) > 1:
        raise ValueError(
            f"weights: expected at least 2 draws with weight, got 1 of {len(shares)}. One draw does not show how far draws differ. "
            "Leave weights out, or give another draw weight."
        )
    raise ValueError(
        f"{name}: expected at least 2 draws on the last axis, got 1. One draw does not show how far draws differ. Predict with "
        "dropout or with an ensemble."
    )


def as_mask(mask: npt.ArrayLike | None, events: tuple[int, ...], rows: int | None) -> Bools | None:
    """Padding of shape (N, ...), True where a cell is padding."""
    if mask is None:
        return None
    _refuse_path(mask)
    if isinstance(mask, np.ma.MaskedArray):
        raise TypeError(
            "mask: expected a plain array of booleans, got a masked array. Fill it first: mask.filled(True)."
        )
    array = as_plain(mask, "mask", "an array of booleans")
    if array.dtype != np.bool_:
        raise TypeError(
            f"mask: expected booleans, True where a cell is padding, got {array.dtype}. "
            "For an attention mask of ones and zeros pass mask=attention_mask == 0. "
            "For labels in which 255 says that a cell does not count, pass ignore_index=255 too."
        )
    if not events:
        raise ValueError("mask: expected predictions with event axes (N, C, ..., T), got none. Leave mask out.")
    expected = ("N" if rows is None else rows, *events)
    if array.shape[1:] != events or (rows is not None and len(array) != rows):
        raise ValueError(f"mask: expected shape {expected}, one entry a cell, got {array.shape}.")
    return array
