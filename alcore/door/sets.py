"""Rows that are sets of cells of different size: their offsets in one flat array, and what cannot be done with them."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from alcore.door.arrays import Array, as_array, as_plain
from alcore.door.numbers import as_real
from alcore.door.wording import shown

FROM_SIZES = "From the number of cells of each row: np.concatenate([[0], np.cumsum(sizes)])."


def as_offsets(offsets: Any) -> npt.NDArray[np.int64]:
    """Offsets (N + 1,) as a read-only copy: row i has the cells offsets[i] to offsets[i + 1] of a flat array."""
    if isinstance(offsets, np.ma.MaskedArray):
        raise TypeError(
            "offsets: expected a plain array of whole numbers, got a masked array. Pass offsets.compressed()."
        )
    array = as_plain(offsets, "offsets", "an array of whole numbers")
    if array.ndim != 1 or not len(array):
        raise ValueError(f"offsets: expected shape (N + 1,), one entry more than rows, got {array.shape}. {FROM_SIZES}")
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"offsets: expected whole numbers, got {array.dtype}. Pass offsets.astype(np.int64). {FROM_SIZES}"
        )
    if array[0] != 0:
        raise ValueError(f"offsets: expected 0 as the first entry, got {array[0]}. {FROM_SIZES}")
    found = array.astype(np.int64)
    falling = (found[1:] < found[:-1]) | (found[1:] < 0)
    if falling.any():
        i = int(falling.argmax()) + 1
        raise ValueError(
            f"offsets: expected ascending numbers, but offsets[{i}] is {array[i]} after {array[i - 1]}. {FROM_SIZES}"
        )
    found.flags.writeable = False
    return found


def check_cells(offsets: npt.NDArray[np.int64], cells: int, name: str) -> None:
    """Refuse offsets that do not end at the number of cells."""
    if offsets[-1] != cells:
        raise ValueError(
            f"offsets: expected {cells} as the last entry, the number of cells of {name}, got {offsets[-1]}. {FROM_SIZES}"
        )


def join_sets(rows: Any) -> tuple[Array, npt.NDArray[np.int64]]:
    """The flat array and the offsets of a list of arrays (m, C, T), one a row."""
    if not isinstance(rows, list | tuple):
        raise TypeError(
            f"offsets: expected the offsets (N + 1,) of the flat array, got None. Pass Ragged(flat, offsets). {FROM_SIZES}"
        )
    if not rows:
        raise ValueError(
            "rows: expected at least one array (m, C, T), got an empty list. For no rows pass "
            "Ragged(np.empty((0, C, T)), [0])."
        )
    arrays = [as_array(row, f"rows[{i}]") for i, row in enumerate(rows)]
    cell = arrays[0].shape[1:]
    for i, array in enumerate(arrays):
        if array.ndim < 2 or array.shape[1:] != cell:
            expected = f"(m, {', '.join(map(str, cell))}), as rows[0] has" if cell else "(m, C, T)"
            raise ValueError(
                f"rows[{i}]: expected shape {expected}, got {array.shape}. Give all cells the same classes and draws. "
                "A row without cells has shape (0, C, T): np.empty((0, C, T))."
            )
    sizes = np.fromiter(map(len, arrays), np.int64, len(arrays))
    return np.concatenate(arrays), np.concatenate([[0], np.cumsum(sizes)])


def refuse_sets(name: str) -> NoReturn:
    """Sets of different size where each row needs one prediction."""
    raise ValueError(
        f"{name}: expected predictions (N, C, ..., T), got Ragged: each row is a set of cells. Reduce each set to one score: "
        "Reduce(BALD(), 'sum').score(ragged). For a score of each cell pass the flat array: ragged.flat."
    )


def check_offsets_of_variance(own: npt.NDArray[np.int64], offsets: npt.NDArray[np.int64]) -> None:
    """Refuse variances whose sets are not those of the means. ``offsets``: of the means."""
    if np.array_equal(own, offsets):
        return
    if len(own) != len(offsets):
        said = f"{len(offsets) - 1} sets, as the means have, got {len(own) - 1}"
    else:
        sizes, means = np.diff(own), np.diff(offsets)
        row = int((sizes != means).argmax())
        said = f"{means[row]} variances in row {row}, as the row has cells, got {sizes[row]}"
    raise ValueError(f"variance: expected {said}. Give both the same offsets: Ragged(variances, means.offsets).")


def refuse_sets_of_variance(name: str) -> NoReturn:
    """Sets of variances beside means that are no sets."""
    raise ValueError(
        f"{name}: expected variances as the means lie, which are no Ragged, got Ragged. Pass the flat array: {name}.flat."
    )


def refuse_mask_of_sets() -> NoReturn:
    raise ValueError("mask: expected no mask, as sets of different size have no padding. Leave mask out.")


def refuse_events_of_sets(name: str, cell_shape: tuple[int, ...]) -> NoReturn:
    raise ValueError(
        f"{name}: expected cells (M, C, T) without event axes in a Ragged, got (M, {', '.join(map(str, cell_shape))}). Reduce the "
        "event axes of each cell first: alcore.reduce(alcore.reduce(alcore.bald(flat), 'mean'), 'sum', offsets=offsets)."
    )


def refuse_precomputed_cells(heuristic: str, cells: int, scores: int) -> NoReturn:
    raise ValueError(
        f"{heuristic}: expected a score of each of {cells} cells, got {scores}. Precomputed holds scores of rows. Reduce scores of "
        "cells first: Precomputed(alcore.reduce(scores, 'sum', offsets=offsets))."
    )


# --- boxes ------------------------------------------------------------------------------------------------------------


def as_boxes(boxes: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The boxes of T draws one after another, (D, 4), and their offsets (T + 1,)."""
    if not hasattr(boxes, "__len__") or (isinstance(boxes, np.ndarray) and boxes.ndim != 3):
        raise TypeError(
            f"boxes: expected a list of arrays (d, 4), one a draw, got {shown(boxes)}. For one draw pass [boxes]."
        )
    parts = [_boxes_of(draw, f"boxes[{t}]") for t, draw in enumerate(boxes)]
    sizes = np.fromiter(map(len, parts), np.int64, len(parts))
    return np.concatenate([np.empty((0, 4)), *parts]), np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _boxes_of(draw: Any, name: str) -> npt.NDArray[np.float64]:
    if isinstance(draw, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected an array without a mask, got a masked array. Pass the boxes that you keep.")
    array = as_plain(draw, name, "an array of numbers")
    if not array.size:
        return np.empty((0, 4))
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected an array of numbers, got {array.dtype}. Pass corners x1, y1, x2, y2.")
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(
            f"{name}: expected shape (d, 4), the corners x1, y1, x2, y2 of each box, got {array.shape}. For one box pass [box]."
        )
    corners = array.astype(np.float64)
    wrong = ~np.isfinite(corners).all(axis=1)
    if wrong.any():
        raise ValueError(
            f"{name}: expected finite numbers, but box {int(wrong.argmax())} is {shown(corners[wrong][0].tolist())}. "
            "Remove that box."
        )
    wrong = (corners[:, 2] < corners[:, 0]) | (corners[:, 3] < corners[:, 1])
    if wrong.any():
        raise ValueError(
            f"{name}: expected corners x1 <= x2 and y1 <= y2, but box {int(wrong.argmax())} is "
            f"{shown(corners[wrong][0].tolist())}. If boxes are x, y, width, height, pass "
            "np.concatenate([b[:, :2], b[:, :2] + b[:, 2:]], axis=1)."
        )
    return corners


def as_iou(iou: Any) -> float:
    value = as_real(iou, "iou")
    if not 0 < value <= 1:
        raise ValueError(f"iou: expected a share of overlap, above 0 and at most 1, got {iou}.")
    return value
