"""The one door: every check of an argument and the wording of every refusal.

A refusal says what, where, expected, got and the remedy. Nothing behind the door checks again; the values of
predictions are checked by the kernels while they read them, and a row that fails comes back here to be explained.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, Literal, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Float64s: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Kind: TypeAlias = Literal["probs", "logits"]
Rng: TypeAlias = int | np.random.Generator | None

AXES = "(N, C, ..., T): rows, classes, any event axes, draws"
MOST_PROBABLE = "Pass the most probable of each row: probs.mean(axis=-1).argmax(axis=1)."
_FLOAT_SIZES = (2, 4, 8)


def tolerance(classes: int) -> float:
    """How far from 1 a draw may sum: what rounding of true distributions reaches, and under a plain 0.99.

    Predictions pass through bfloat16 (unit roundoff 2^-9) and float16 (2^-11, and 2^-25 absolute for each small class)
    before they are widened, so the bound is theirs for every dtype: twice 2^-9, and 2^-25 a class.
    """
    return min(2.0**-8 + classes * 2.0**-25, 0.009)


# --- arrays -----------------------------------------------------------------------------------------------------------


def as_array(value: Any, name: str) -> Array:
    """An in-memory array of floats from anything with ``__array__`` or DLPack, without a copy where possible."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: expected an array without a mask, got a masked array, whose masked entries would be ranked. "
            "Fill it first, or leave the padding out of a reduction: Reduce(heuristic).score(predictions, mask=...)."
        )
    refuse_dtype_name(getattr(value, "dtype", None), name)
    try:
        if isinstance(value, np.ndarray) or hasattr(value, "__array__"):
            array = np.asarray(value)
        else:
            array = np.from_dlpack(value)
    except (TypeError, RuntimeError, BufferError, ValueError) as error:
        raise TypeError(
            f"{name}: {type(value).__name__} does not convert to a NumPy array ({_first_line(error)}). "
            "Move it to the CPU and cut it from its graph first (PyTorch: x.detach().cpu())."
        ) from error
    check_dtype(array.dtype, name)
    return array


def refuse_dtype_name(dtype: Any, name: str) -> None:
    """Refuse the formats that NumPy has no arithmetic for, whichever library's dtype it is."""
    text = str(dtype)
    if "bfloat16" in text or "float8" in text:
        raise TypeError(
            f"{name}: expected float16, float32 or float64, got {text}, which NumPy does not have. "
            "Convert it first: x.float() in PyTorch, x.astype('float32') in JAX, tf.cast(x, 'float32') in TensorFlow."
        )


def check_dtype(dtype: Any, name: str) -> None:
    """float16, float32 or float64 in any byte order."""
    refuse_dtype_name(dtype, name)
    if not isinstance(dtype, np.dtype):
        raise TypeError(f"{name}: expected a NumPy floating-point dtype, got {dtype}. Convert it with np.asarray.")
    if dtype.kind == "f" and dtype.itemsize in _FLOAT_SIZES:
        return
    remedy = "Pass an array of numbers."
    if dtype.kind in "iub":
        remedy = (
            f"If these are one-hot votes, pass {name}.astype(np.float32); if they are labels, they are not predictions."
        )
    elif dtype.kind == "f":
        remedy = f"Pass {name}.astype(np.float64)."
    elif dtype.kind == "O":
        remedy = "Rows of different shapes make an object array: pass blocks of equal shape, or pad and pass mask=."
    raise TypeError(f"{name}: expected float16, float32 or float64, got {dtype}. {remedy}")


def as_shape(shape: Any, name: str) -> tuple[int, ...]:
    """A shape of whole numbers; dask has NaN for chunks it has not computed."""
    try:
        return tuple(map(operator.index, shape))
    except TypeError as error:
        raise ValueError(
            f"{name}: expected a known shape {AXES}, got {tuple(shape)}. Compute it first (dask: x.compute_chunk_sizes())."
        ) from error


def check_axes(shape: tuple[int, ...], name: str) -> None:
    """(N, C, ..., T) with at least two classes and one draw."""
    if len(shape) < 3:
        remedy = "For one deterministic prediction a row add the axis of draws: probs[..., None]."
        if len(shape) < 2:
            remedy = "Draws are the last axis, classes the second."
        raise ValueError(f"{name}: expected {AXES}, got shape {shape}. {remedy}")
    if shape[1] == 0 or shape[-1] == 0:
        what, axis = ("classes", 1) if shape[1] == 0 else ("draws", len(shape) - 1)
        raise ValueError(f"{name}: expected {AXES}, got shape {shape}, where axis {axis} holds no {what}.")
    if shape[1] == 1:
        raise ValueError(
            f"{name}: expected at least 2 classes on axis 1, got shape {shape}. For a binary model with one output p, "
            "pass np.concatenate([1 - p, p], axis=1); if classes stand elsewhere, move them: np.moveaxis(probs, axis, 1)."
        )


def refuse_source(value: Any, name: str) -> NoReturn:
    """Something that is neither an array, nor a file, nor an iterable of blocks."""
    got = type(value).__name__
    if isinstance(value, Mapping):
        names = ", ".join(repr(str(key)) for key in list(value)[:8])
        raise TypeError(f"{name}: expected one array {AXES}, got a {got} with members {names}. Pass one of them.")
    raise TypeError(
        f"{name}: expected an array {AXES}, a file's path or an iterable of such arrays, got {got}. "
        "Wrap nested lists of numbers in np.asarray."
    )


def refuse_no_predictions(name: str) -> NoReturn:
    raise TypeError(
        f"{name}: expected predictions {AXES}, got None, of which only random and precomputed heuristics choose."
    )


def refuse_block(name: str, number: int, got: str, expected: str) -> NoReturn:
    """A block of an iterable that does not continue the blocks before it."""
    raise ValueError(f"{name}: block {number}: expected {expected}, got {got}.")


def refuse_empty_stream(name: str) -> NoReturn:
    raise ValueError(
        f"{name}: expected at least one block {AXES}, got an iterable without any. "
        "A generator can be read only once: make a new one for each pass."
    )


def refuse_event_axes(name: str, cell_shape: tuple[int, ...]) -> NoReturn:
    rows = "J" if name == "targets" else "N"
    raise ValueError(
        f"{name}: expected shape ({rows}, C, T), got ({rows}, {', '.join(map(str, cell_shape))}). Make a row of each pixel or "
        f"token: move its axes to the front and reshape to ({rows}, C, T)."
    )


def refuse_memory(needed: int, memory: int, remedy: str) -> NoReturn:
    raise ValueError(f"memory: expected at least {needed / 2**20:,.0f} MiB, got {memory / 2**20:,.0f}. {remedy}")


def refuse_single_reading(name: str, why: str) -> NoReturn:
    raise ValueError(
        f"{name}: expected predictions that can be read again, got an iterable that is read once; {why}. "
        "Save them first (.npy, zarr), or pass a list of blocks."
    )


def refuse_other_cells(name: str, got: tuple[int, ...], expected: tuple[int, ...]) -> NoReturn:
    raise ValueError(
        f"{name}: expected {expected[0]} classes and {expected[1]} draws, as probs has, got {got[0]} and {got[1]}. "
        "Predict both with the same draws of the same model."
    )


def refuse_unequal_rows(name: str, expected: int, got: int, of: str) -> NoReturn:
    raise ValueError(f"{name}: expected {expected} rows, as {of} has, got {got}.")


# --- values of predictions --------------------------------------------------------------------------------------------


def refuse_cell(values_ct: Array, index: tuple[int, ...], name: str) -> NoReturn:
    """Explain why the kernels refused the draws of one cell; ``index`` is its row and place on the event axes."""
    values = np.asarray(values_ct, np.float64)

    def at(c: int | str, t: int) -> str:
        return _place(name, index, c, t)

    if not np.isfinite(values).all():
        c, t = map(int, np.argwhere(~np.isfinite(values))[0])
        raise ValueError(
            f"{name}: expected finite numbers, but {at(c, t)} is {values[c, t]}. Nothing invalid is ranked: "
            "look for overflow in the model (half precision?) and drop or repair the row."
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
            f"{name}: expected probabilities over axis 1, but {total}, while the last axis sums to 1: classes seem "
            f"to be last. Pass np.moveaxis({name}, -1, 1)."
        )
    remedy = f"Normalise them: {name} / {name}.sum(axis=1, keepdims=True); logits are said with kind='logits'."
    if values.max() > 1:
        remedy = "These look like logits or counts: pass kind='logits', or normalise over axis 1."
    raise ValueError(
        f"{name}: expected probabilities over axis 1, but {total} "
        f"(1 within {tolerance(len(values)):.2g} is taken). {remedy}"
    )


def refuse_logits(values_ct: Array, index: tuple[int, ...], name: str) -> NoReturn:
    """Logits with NaN or +inf, or a draw without a finite one."""
    values = np.asarray(values_ct, np.float64)
    wrong = np.isnan(values) | (values == np.inf)
    if wrong.any():
        c, t = map(int, np.argwhere(wrong)[0])
        what = f"{_place(name, index, c, t)} is {values[c, t]}"
    else:
        t = int(np.isneginf(values).all(axis=0).argmax())
        what = f"{_place(name, index, ':', t)} is -inf for every class"
    raise ValueError(
        f"{name}: expected finite logits over axis 1 (-inf rules a class out), but {what}. "
        "Nothing invalid is ranked: drop or repair the row."
    )


def _place(name: str, index: tuple[int, ...], c: int | str, t: int) -> str:
    """Where a number stands; what a model under test says, ``predicted``, has no axis of draws."""
    row, *events = index
    return f"{name}[{', '.join(map(str, (row, c, *events) if name == 'predicted' else (row, c, *events, t)))}]"


# --- what goes with predictions ---------------------------------------------------------------------------------------


def as_kind(kind: str) -> Kind:
    if kind == "probs":
        return "probs"
    if kind == "logits":
        return "logits"
    raise ValueError(f"kind: expected 'probs' or 'logits', got {kind!r}. Log-probabilities are logits too.")


def as_weights(
    weights: npt.ArrayLike | None,
    count: int,
    name: str = "weights",
    each: str = "a draw (the last axis of the predictions)",
) -> Float64s | None:
    """Weights with sum 1, a copy; None where all are equal, which is the default."""
    if weights is None:
        return None
    array = _as_numbers(weights, name)
    if array.shape != (count,):
        raise ValueError(f"{name}: expected shape ({count},), one weight {each}, got {array.shape}.")
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        i = int(bad.argmax())
        raise ValueError(f"{name}: expected finite numbers >= 0, but {name}[{i}] is {array[i]}.")
    if not array.any():
        raise ValueError(f"{name}: expected at least one above 0, got only zeros.")
    if (array == array[0]).all():
        return None
    array = array / array.max()  # the sum of huge weights would overflow
    return np.asarray(array / array.sum(), np.float64)


def as_shares(weights: Float64s | None, count: int) -> Float64s:
    """Weights that the door has seen, written out where they are equal."""
    return np.full(count, 1.0 / count) if weights is None else weights


def as_mask(mask: npt.ArrayLike | None, events: tuple[int, ...], rows: int | None) -> Bools | None:
    """Padding of shape (N, ...), True where a cell is padding."""
    if mask is None:
        return None
    if isinstance(mask, np.ma.MaskedArray):
        raise TypeError("mask: expected a plain array of booleans, got a masked array. Fill it first.")
    try:
        array = np.asarray(mask)
    except (TypeError, RuntimeError, ValueError) as error:
        raise TypeError(
            f"mask: expected an array of booleans, got {type(mask).__name__} ({_first_line(error)})."
        ) from error
    if array.dtype != np.bool_:
        raise TypeError(
            f"mask: expected booleans, True where a cell is padding, got {array.dtype}. "
            "For an attention mask of ones and zeros pass mask=attention_mask == 0."
        )
    if not events:
        raise ValueError("mask: expected predictions with event axes (N, C, ..., T), got none: leave mask out.")
    expected = ("N" if rows is None else rows, *events)
    if array.shape[1:] != events or (rows is not None and len(array) != rows):
        raise ValueError(f"mask: expected shape {expected}, one entry a cell, got {array.shape}.")
    return array


def as_floor(floor: float) -> float:
    value = _as_real(floor, "floor")
    if not 0 <= value < 1:
        raise ValueError(f"floor: expected the smallest probability taken, at least 0 and under 1, got {floor}.")
    return value


# --- what selections take ---------------------------------------------------------------------------------------------


def as_scores(scores: npt.ArrayLike, *, finite: bool = False, name: str = "scores") -> Float64s:
    """Scores (N,) in float64 without NaN; without infinity where a selection or a sum cannot take it."""
    array = _as_numbers(scores, name)
    if array.ndim != 1:
        raise ValueError(
            f"{name}: expected shape (N,), one score a row, got {array.shape}. "
            "Reduce event axes first: Reduce(heuristic, 'mean'), or alcore.reduce(scores, 'mean')."
        )
    if np.isnan(array).any():
        raise ValueError(
            f"{name}: expected numbers, but {name}[{int(np.isnan(array).argmax())}] is nan. NaN is not ranked."
        )
    if finite and np.isinf(array).any():
        refuse_infinite(name, (int(np.isinf(array).argmax()),))
    return array


def as_cells(scores: npt.ArrayLike) -> Float64s:
    """Scores (N, ...) in float64 and C order; NaN is left to whoever knows the padding."""
    array = np.ascontiguousarray(_as_numbers(scores, "scores"))
    if np.ndim(scores) == 0:
        raise ValueError("scores: expected shape (N, ...), got a single number.")
    return array


def refuse_infinite(name: str, place: tuple[int, ...]) -> NoReturn:
    where = ", ".join(map(str, place))
    raise ValueError(
        f"{name}: expected finite scores, but {name}[{where}] is infinite. Only `top` ranks infinity; "
        "give pairwise_kl the smallest probability taken: floor=1e-6."
    )


def as_count(k: int, name: str = "k", *, least: int = 0) -> int:
    """A whole number of rows, at least 0 or ``least``."""
    if isinstance(k, bool | np.bool_):
        raise TypeError(f"{name}: expected a whole number, got {k}.")
    try:
        count = operator.index(k)
    except TypeError as error:
        raise TypeError(f"{name}: expected a whole number, got {k!r}.") from error
    if count < least:
        raise ValueError(f"{name}: expected at least {least}, got {count}.")
    return count


def as_size(size: int, name: str) -> int:
    """A whole number of at least 1."""
    return as_count(size, name, least=1)


def as_indices(indices: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Different row numbers (k,), at least 0."""
    if isinstance(indices, np.ma.MaskedArray):
        raise TypeError(
            "indices: expected a plain array of row numbers, got a masked array. Pass indices.compressed()."
        )
    array = np.asarray(indices)
    if array.dtype.kind not in "iu" and array.shape != (0,):
        raise TypeError(
            f"indices: expected whole numbers, got {array.dtype}. "
            "Pass row numbers, such as batch.indices; those of a mask are np.flatnonzero(mask)."
        )
    if array.ndim != 1:
        raise ValueError(
            f"indices: expected shape (k,), one row number a pick, got {array.shape}. For one row pass [row]."
        )
    rows = array.astype(np.int64)
    if (rows < 0).any():
        raise ValueError(f"indices: expected row numbers of at least 0, counted from the front, got {rows.min()}.")
    different, times = np.unique(rows, return_counts=True)
    if len(different) < len(rows):
        row = different[times > 1][0]
        raise ValueError(
            f"indices: expected different rows, but {row} stands there twice. A row has one label: np.unique(indices)."
        )
    return rows


def check_rows(rows: npt.NDArray[np.int64], count: int) -> None:
    """Row numbers of predictions that have so many rows."""
    if len(rows) and rows.max() >= count:
        raise ValueError(
            f"indices: expected row numbers under {count}, the rows of probs, got {rows.max()}. "
            "Pass the predictions that the batch was chosen from."
        )


def as_flag(flag: bool, name: str) -> bool:
    if not isinstance(flag, bool | np.bool_):
        raise TypeError(f"{name}: expected True or False, got {flag!r}.")
    return bool(flag)


def refuse_joint(heuristic: str) -> NoReturn:
    """A sum or a wrapper of a heuristic that has no score of each row."""
    raise TypeError(
        f"{heuristic}: its batches are chosen jointly, so there are no row scores that add up, multiply, reduce or are drawn "
        "from: expected a row-wise heuristic such as BALD(). Call its select."
    )


def as_labels(labels: str) -> Literal["drawn", "expected"]:
    if labels == "drawn":
        return "drawn"
    if labels == "expected":
        return "expected"
    raise ValueError(f"labels: expected 'drawn' or 'expected', got {labels!r}.")


def as_rng(rng: Rng) -> np.random.Generator:
    """A generator from None (fresh entropy), a seed or a generator; never a global."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        return np.random.default_rng()
    if isinstance(rng, bool | np.bool_) or not isinstance(rng, int | np.integer):
        raise TypeError(
            f"rng: expected None, an int or a numpy.random.Generator, got {type(rng).__name__}. "
            "Make one: numpy.random.default_rng(seed)."
        )
    if rng < 0:
        raise ValueError(f"rng: expected a seed of at least 0, got {rng}.")
    return np.random.default_rng(int(rng))


def as_beta(beta: float) -> float:
    value = _as_real(beta, "beta")
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"beta: expected a finite number >= 0 (0 draws uniformly, larger is greedier), got {beta}.")
    return value


def as_exponents(beta: float, values: Float64s) -> Float64s:
    """beta * values, refused where that overflows."""
    with np.errstate(over="ignore"):
        exponents = as_beta(beta) * values
    if not np.isfinite(exponents).all():
        raise ValueError(f"beta: {beta:g} times the scores overflows. Take a smaller beta, or `top`.")
    return exponents


def as_share(q: float) -> float:
    value = _as_real(q, "q")
    if not 0 < value <= 1:
        raise ValueError(f"q: expected the share of cells averaged, above 0 and at most 1, got {q}.")
    return value


def as_factor(factor: Any) -> float:
    return as_finite(factor, "factor")


def as_finite(number: Any, name: str) -> float:
    value = _as_real(number, name)
    if not np.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {number}.")
    return value


# --- what the history of an active learning run takes -----------------------------------------------------------------


def as_told(number: Any, name: str) -> float | None:
    """A number, infinite perhaps, or None where there is none; NaN would pass for a number that no threshold is above."""
    if number is None:
        return None
    value = _as_real(number, name)
    if np.isnan(value):
        raise ValueError(f"{name}: expected a number, or None where there is none, got nan.")
    return value


def as_metrics(metrics: Any) -> dict[str, float]:
    """Metrics by name; NaN is a value that a training run may end with."""
    if not isinstance(metrics, Mapping):
        raise TypeError(f"metrics: expected a mapping of names to numbers, got {type(metrics).__name__}.")
    for name in metrics:
        if not isinstance(name, str):
            raise TypeError(f"metrics: expected names as strings, got {name!r}.")
    return {name: _as_real(value, f"metrics[{name!r}]") for name, value in metrics.items()}


def as_classes(classes: npt.ArrayLike, name: str, *, remedy: str = MOST_PROBABLE) -> Array:
    """Class numbers (N, ...), at least one."""
    if isinstance(classes, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected a plain array of classes, got a masked array. Pass {name}.compressed().")
    array = np.asarray(classes)
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"{name}: expected shape (N, ...) with at least one class, got {array.shape}.")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected classes as whole numbers, got {array.dtype}. {remedy}")
    return array


# --- what estimates of risk take --------------------------------------------------------------------------------------


def as_picks(q: npt.ArrayLike, pool_size: int, support: npt.ArrayLike | None) -> tuple[Float64s, int]:
    """The probability of each of M picks, (M,), and the N rows they were drawn from; every row left had a chance at each pick."""
    q_m, rows = _as_numbers(q, "q"), as_count(pool_size, "pool_size")
    if q_m.ndim != 1 or q_m.size == 0:
        raise ValueError(f"q: expected shape (M,), the probability of each pick, at least one, got {q_m.shape}.")
    if q_m.size > rows:
        raise ValueError(
            f"pool_size: expected at least {q_m.size}, one row a pick, got {rows}. "
            "It counts the rows that the first pick was drawn from, those picked since included."
        )
    wrong = ~((q_m >= np.finfo(np.float64).tiny) & (q_m <= 1))  # the weight of a smaller one overflows
    if wrong.any():
        m = int(wrong.argmax())
        raise ValueError(
            f"q: expected probabilities above 0 and at most 1, but q[{m}] is {q_m[m]:g}. "
            "A row that was picked had a chance, as batch.q says; where that underflowed draw with a smaller beta."
        )
    left_m = rows - np.arange(q_m.size)
    _refuse_chances(q_m, left_m, left_m if support is None else _as_support(support, q_m.size))
    return q_m, rows


def _as_support(support: npt.ArrayLike, picks: int) -> npt.NDArray[np.int64]:
    array = np.asarray(support)
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
        remedy = "Draw picks with Power, Softmax, SoftRank or Random; top picks and joint batches are deterministic."
        if not certain_m[m]:
            what = f"support: pick {m} was drawn from {support_m[m]} of the {left_m[m]} rows left"
            remedy = "Draw with Softmax or SoftRank, and from all rows that pool_size counts."
        raise ValueError(
            f"{what}: the others had no chance, so no weights make the estimate unbiased. {remedy} "
            "Power draws no score of 0 before the others: add a small constant to the scores, as expected_loss(floor=) does."
        )
    more_m = support_m > left_m
    if more_m.any():
        m = int(more_m.argmax())
        refuse_pool_size(f"pick {m} was drawn from {support_m[m]} rows where it leaves {left_m[m]}")
    if left_m[-1] == 1 and q_m[-1] < 1 - 1e-6:
        refuse_pool_size(f"it leaves one row for the last pick, whose q is {q_m[-1]:g} and not 1")


def refuse_pool_size(why: str) -> NoReturn:
    raise ValueError(
        f"pool_size: expected the rows that the first pick was drawn from, but {why}. "
        "Pass the number of all rows of the pool or test set, not of those picked."
    )


def as_losses(losses: npt.ArrayLike, picks: int) -> Float64s:
    """Finite losses (M,); booleans are the zero-one loss."""
    losses_m = _as_numbers(losses, "losses", "fiub")
    if losses_m.shape != (picks,):
        raise ValueError(f"losses: expected shape ({picks},), one loss a pick in the order of q, got {losses_m.shape}.")
    if not np.isfinite(losses_m).all():
        m = int((~np.isfinite(losses_m)).argmax())
        raise ValueError(
            f"losses: expected finite numbers, but losses[{m}] is {losses_m[m]}. "
            "A log loss is infinite where the label has probability 0: clip the probabilities, of every row alike."
        )
    return losses_m


def refuse_overflowing_losses() -> NoReturn:
    raise ValueError("losses: their weighted mean overflows. Scale the losses down.")


def as_loss(loss: str) -> str:
    if loss in ("log", "zero-one", "brier"):
        return loss
    raise ValueError(f"loss: expected 'log', 'zero-one' or 'brier', got {loss!r}.")


def as_least_share(floor: float) -> float:
    value = _as_real(floor, "floor")
    if not 0 <= value <= 1:
        raise ValueError(f"floor: expected the share of the mean score that no score is under, 0 to 1, got {floor}.")
    return value


def check_predicted(shape: tuple[int, ...], classes: int) -> None:
    """One distribution a row, over the classes of the draws."""
    if len(shape) != 2 or shape[1] != classes:
        raise ValueError(
            f"predicted: expected shape (N, {classes}), one probability a class as predictions has, got {shape}. "
            "Of draws (N, C, T) pass the mean: draws.mean(axis=-1)."
        )


def check_above_zero(predicted_nc: Array) -> None:
    """What the log loss takes."""
    if (predicted_nc == 0).any():
        n, c = map(int, np.argwhere(predicted_nc == 0)[0])
        raise ValueError(
            f"predicted: expected probabilities above 0 for the log loss, but predicted[{n}, {c}] is 0: that class would cost "
            "infinitely. Clip the probabilities, here and in the losses measured: np.clip(predicted, 1e-6, None)."
        )


def _as_real(value: Any, name: str) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: expected a number, got {value!r}.")
    return float(value)


def _as_numbers(value: npt.ArrayLike, name: str, kinds: str = "fiu") -> Float64s:
    """A float64 array from numbers (integers too); never a view that is written to."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: expected an array without a mask, got a masked array. Fill it or drop the masked rows."
        )
    refuse_dtype_name(getattr(value, "dtype", None), name)
    try:
        array = np.asarray(value)
    except (TypeError, RuntimeError, ValueError) as error:
        raise TypeError(
            f"{name}: expected an array of numbers, got {type(value).__name__} ({_first_line(error)})."
        ) from error
    if array.dtype.kind not in kinds:
        raise TypeError(f"{name}: expected an array of numbers, got {array.dtype}.")
    return array.astype(np.float64)


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0].rstrip(".")
