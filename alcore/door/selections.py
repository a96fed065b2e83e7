"""Scores, row numbers, and the other arguments of selections and measures."""

from __future__ import annotations

from typing import Any, Literal, NoReturn

import numpy as np
import numpy.typing as npt

from alcore.door.arrays import Float64s, as_plain
from alcore.door.kinds import Kind
from alcore.door.numbers import as_finite, as_numbers, as_real
from alcore.door.wording import shown

SCORED = (  # in the order of the kernel
    "entropy",
    "expected-entropy",
    "bald",
    "margin",
    "least-confidence",
    "variation-ratio",
    "vote-entropy",
    "mean-std",
)
FILLS = ("power-bald", "random", "bald", "stop")  # rules by which a joint batch is filled


def as_scores(scores: npt.ArrayLike, *, finite: bool = False, name: str = "scores") -> Float64s:
    """Scores (N,) in float64 without NaN, and without infinity if ``finite``."""
    array = as_numbers(scores, name)
    if array.ndim != 1:
        raise ValueError(
            f"{name}: expected shape (N,), one score a row, got {array.shape}. "
            "Reduce event axes first: Reduce(heuristic, 'mean'), or alcore.reduce(scores, 'mean')."
        )
    if np.isnan(array).any():
        raise ValueError(
            f"{name}: expected numbers, but {name}[{int(np.isnan(array).argmax())}] is nan. NaN is not ranked. "
            f"Remove that row, or replace NaN: np.nan_to_num({name}, nan=0.0)."
        )
    if finite and np.isinf(array).any():
        refuse_infinite(name, (int(np.isinf(array).argmax()),))
    return array


def as_cells(scores: npt.ArrayLike) -> Float64s:
    """Scores (N, ...) in float64 and C order, to be read only. NaN is not checked here: only the caller knows the padding."""
    array = np.ascontiguousarray(as_numbers(scores, "scores", copy=False))
    if np.ndim(scores) == 0:
        raise ValueError("scores: expected shape (N, ...), got a single number. For one row pass [score].")
    return array


def refuse_infinite(name: str, place: tuple[int, ...]) -> NoReturn:
    where = ", ".join(map(str, place))
    raise ValueError(
        f"{name}: expected finite scores, but {name}[{where}] is infinite. Only `top` ranks infinite scores. "
        "For pairwise_kl and PairwiseKL raise small probabilities: floor=1e-6."
    )


def as_indices(indices: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Different row numbers (k,), at least 0."""
    if isinstance(indices, np.ma.MaskedArray):
        raise TypeError(
            "indices: expected a plain array of row numbers, got a masked array. Pass indices.compressed()."
        )
    array = as_plain(indices, "indices", "whole numbers")
    if array.dtype.kind not in "iu" and array.shape != (0,):
        raise TypeError(
            f"indices: expected whole numbers, got {array.dtype}. "
            "Pass row numbers, such as batch.indices. For a mask pass np.flatnonzero(mask)."
        )
    if array.ndim != 1:
        raise ValueError(
            f"indices: expected shape (k,), one row number a pick, got {array.shape}. For one row pass [row]."
        )
    rows = array.astype(np.int64)
    if (rows < 0).any():
        raise ValueError(
            f"indices: expected row numbers of at least 0, got {rows.min()}. Count rows from the front: "
            "np.asarray(indices) % len(probs)."
        )
    different, times = np.unique(rows, return_counts=True)
    if len(different) < len(rows):
        row = different[times > 1][0]
        raise ValueError(
            f"indices: expected different rows, but row {row} is there twice. Each row has one label. Pass np.unique(indices)."
        )
    return rows


def check_rows(rows: npt.NDArray[np.int64], count: int) -> None:
    """Refuse row numbers beyond the ``count`` rows of the predictions."""
    if len(rows) and rows.max() >= count:
        raise ValueError(
            f"indices: expected row numbers under {count}, the rows of probs, got {rows.max()}. "
            "Pass the predictions that the batch was chosen from."
        )


def refuse_joint(heuristic: str) -> NoReturn:
    """Refuse a sum or a wrapper of a heuristic that has no score of each row."""
    raise TypeError(
        f"{heuristic}: expected a row-wise heuristic such as BALD(), got one that chooses its batch jointly. It has no row scores "
        "to add, multiply, reduce or draw from. Call its select(predictions, k)."
    )


def refuse_mask_of_rows(heuristic: str) -> NoReturn:
    raise ValueError(
        f"mask: {heuristic} compares rows without event axes (N, C, T). Leave mask out. For maps and sequences choose by "
        "BatchBALD(positions=16), which takes a mask."
    )


def as_label_mode(labels: str) -> Literal["drawn", "expected"]:
    if isinstance(labels, str) and labels == "drawn":
        return "drawn"
    if isinstance(labels, str) and labels == "expected":
        return "expected"
    raise ValueError(f"labels: expected 'drawn' or 'expected', got {shown(labels)}.")


def as_fill(fill: str) -> str:
    if isinstance(fill, str) and fill in FILLS:
        return fill
    raise ValueError(f"fill: expected one of {', '.join(map(repr, FILLS))}, got {shown(fill)}.")


def as_scored(measure: str) -> int:
    """The place in `SCORED` of a measure whose error is known."""
    if isinstance(measure, str) and measure in SCORED:
        return SCORED.index(measure)
    raise ValueError(f"measure: expected one of {', '.join(map(repr, SCORED))}, got {shown(measure)}.")


def check_error_of(kind: Kind) -> None:
    """Errors of scores are those of class probabilities."""
    if kind == "mean":
        raise ValueError(
            "kind: score_error is for probabilities or logits, got kind='mean'. To see how far scores of means move, score two "
            "halves of the draws: means[..., :half] and means[..., half:]."
        )


def as_beta(beta: float) -> float:
    value = as_real(beta, "beta")
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"beta: expected a finite number >= 0 (0 draws uniformly, larger is greedier), got {beta}.")
    return value


def as_exponents(beta: float, values: Float64s) -> Float64s:
    """beta * values. Refused where that overflows."""
    with np.errstate(over="ignore"):
        exponents = as_beta(beta) * values
    if not np.isfinite(exponents).all():
        raise ValueError(
            f"beta: expected exponents that fit into float64, but {beta:g} times the scores overflows. Take a smaller beta, "
            "or `top`."
        )
    return exponents


def as_share(q: float) -> float:
    value = as_real(q, "q")
    if not 0 < value <= 1:
        raise ValueError(f"q: expected a share of cells, above 0 and at most 1, got {q}.")
    return value


def as_factor(factor: Any) -> float:
    return as_finite(factor, "factor")


def as_floor(floor: float) -> float:
    value = as_real(floor, "floor")
    if not 0 <= value < 1:
        raise ValueError(f"floor: expected a smallest probability, at least 0 and under 1, got {floor}.")
    return value
