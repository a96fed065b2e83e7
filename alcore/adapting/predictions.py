"""Predict block after block: in memory, one block at a time, or into a file. A run that was killed goes on with its file."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np

from alcore.adapting.blocks import as_padding, predict_block
from alcore.adapting.ids import Before, Ids, RowIds
from alcore.adapting.ranges import RowRange, save_range
from alcore.adapting.request import Request
from alcore.adapting.run import Forward, near
from alcore.door import Array, Bools
from alcore.sources.files import open_predictions
from alcore.sources.progress import track
from alcore.sources.variances import halves
from alcore.sources.writing import Saving

# How much a block may differ when a run goes on, perhaps on another machine, as a part of a row's largest number.
NEAR = 1e-3

KNOW_ROWS = "Or pass data whose number of rows is known: an array, or a loader of a data set that has a length."

Made: TypeAlias = tuple[Array, dict[str, Array]]  # a block, and what is kept beside its rows: mask, ids


class Predictions(Iterator[Any]):
    """An iterator of blocks (n, C, ..., T) of probabilities, 0 … 1, no unit. Every function of alcore takes it.

    Of kind "mean" the blocks are means (n, D, ..., T), or pairs of means and variances where variances were asked for. It makes
    each block when it is asked for the block, and gives each block once.

    Attributes:
        has_mask: whether a mask was asked for. `mask` has it once the blocks are made. A reduction of the blocks themselves is
            refused, because padding would count.
    """

    def __init__(self, blocks: Iterator[Made], *, variance: bool = False, has_mask: bool = False) -> None:
        self._blocks, self._variance, self.has_mask = blocks, variance, has_mask
        self._beside: dict[str, list[Array]] = {}

    def __next__(self) -> Any:
        block, beside = next(self._blocks)
        for name, part in beside.items():
            self._beside.setdefault(name, []).append(part)
        return halves(block) if self._variance else block

    @property
    def mask(self) -> Bools | None:
        """(N, ...) True where a cell is padding, for the blocks so far. None without ``mask=``."""
        return self._so_far("mask")

    @property
    def ids(self) -> Array | None:
        """(N,) which example each row is, for the blocks so far. None without ``ids=``."""
        return self._so_far("ids")

    def _so_far(self, name: str) -> Array | None:
        return np.concatenate(self._beside[name]) if name in self._beside else None


def predict(
    batches: Iterable[Any],
    runs: Sequence[Forward],
    request: Request,
    *,
    rows: int | None,
    out: str | os.PathLike[str] | RowRange | None = None,
    mask: Callable[[Any], Any] | None = None,
    ids: Ids | None = None,
    before: Before | None = None,
    progress: bool = True,
) -> Any:
    """Predict with a model, draw after draw, on block after block of the data.

    Time is one call of ``runs`` for each block and draw. Memory is one block, n·C·T numbers.

    Args:
        batches: the blocks of the data, in the order of the rows.
        runs: for each member a `Run`, or any function ``run(batch, block, draw)`` that returns an array (n, C, ...).
        request: what is asked for.
        rows: N, where it is known.
        out: a .npy or .zarr file. It is written block by block. A run that was killed goes on from the last whole block. Or a range
            of the rows of a store (`as_out`), which is predicted whole, or not at all where it is there.
        mask: a function of a block that gives (n, ...) True where a cell is padding.
        ids: a function of a block that gives (n,) integers or texts: which example each row is. Each id comes once.
        before: the ids that the rows must have, where other draws of the same rows were made before.
        progress: whether a bar shows.

    Returns:
        `Predictions` without ``out``. With ``out``, the file, opened. Then the mask is in ``<name>.mask.npy`` and the ids are in
            ``<name>.ids.npy``. With variances the file is (N, 2·D, ..., T), the means first, and the pair of both is returned. For
            a range, the store.

    Raises:
        ValueError: for outputs that do not fit together, for C = 1, for another number of rows than ``rows``, for an id that comes
            twice, and for a file that another run began.
    """
    beside = _Beside(mask, None if ids is None else RowIds(ids, before))
    if isinstance(out, RowRange):
        saving = out.saving(request, beside.said)
        if saving.is_whole:
            return out.store
        return save_range(saving, _tracked(_blocks(batches, runs, request, beside, rows), rows, progress), runs)
    if out is None:
        made = _tracked(_blocks(batches, runs, request, beside, rows), rows, progress)
        return Predictions(made, variance=request.variance, has_mask=mask is not None)
    with Saving(out, rows, {**request.said, **beside.said}, KNOW_ROWS) as file:
        blocks = _blocks(batches, runs, request, beside, rows, file)
        for block, kept in _tracked(blocks, rows, progress):
            file.append(block, kept)
    return opened_as(request, out)


def opened_as(request: Request, out: str | os.PathLike[str]) -> Any:
    """The file of predictions, opened. A pair of means and variances where variances were asked for."""
    found = open_predictions(out)
    return halves(found) if request.variance else found


@dataclass(frozen=True)
class _Beside:
    """What is kept beside the rows of a block: mask and ids."""

    mask: Callable[[Any], Any] | None
    ids: RowIds | None

    @property
    def said(self) -> dict[str, Any]:
        """What a file records about it. A run that goes on has to ask for the same."""
        return {name: True for name in ("mask", "ids") if getattr(self, name) is not None}

    def of(self, batch: Any, block: Array) -> dict[str, Array]:
        kept = {} if self.mask is None else {"mask": as_padding(self.mask(batch), block)}
        return kept if self.ids is None else {**kept, "ids": self.ids.read(batch, len(block))}


def _tracked(blocks: Generator[tuple[int, Made], None, None], rows: int | None, progress: bool) -> Iterator[Made]:
    with closing(track(blocks, rows, "rows predicted") if progress else blocks) as tracked:
        yield from (made for _, made in tracked)


def _blocks(
    batches: Iterable[Any],
    runs: Sequence[Forward],
    request: Request,
    beside: _Beside,
    rows: int | None,
    saving: Saving | None = None,
) -> Generator[tuple[int, Made], None, None]:
    """(rows so far, (block, what is kept beside it)) for the blocks that are not on disk yet."""
    stop, ends = 0, list(saving.ends) if saving else []  # ends: the row after each block that is on disk
    on_disk = _ids_on_disk(saving) if saving else None
    for number, batch in enumerate(batches):
        if number < len(ends):
            if number == len(ends) - 1:
                assert saving is not None
                _check_same(saving, predict_block(batch, runs, request, number), number)
            if on_disk is not None and beside.ids is not None:
                on_disk.check(beside.ids.read(batch, ends[number] - stop), stop)
            stop = ends[number]
            continue
        block = predict_block(batch, runs, request, number)
        stop += len(block)
        if rows is not None and stop > rows:
            _refuse_other_rows(rows, f"{stop} and more")
        yield stop, (block, beside.of(batch, block))
    if stop < (ends[-1] if ends else 0):
        raise ValueError(
            f"{saving and saving.part}: holds {ends[-1]} rows already, but the data ends after {stop}. Pass all "
            "the data that the first run had, or delete that folder to begin again."
        )
    if rows is not None and stop != rows:
        _refuse_other_rows(rows, str(stop))


def _refuse_other_rows(rows: int, got: str) -> NoReturn:
    raise ValueError(
        f"data: expected {rows} rows, as len(dataset) says, got {got}. So row i may not be example i. If rows are "
        "missing, pass a loader with drop_last=False and a collate_fn that keeps all rows, and not an iterator of it that has "
        "begun. If the number is right, let __len__ of the data set return it."
    )


def _ids_on_disk(saving: Saving) -> Before | None:
    ids = saving.beside("ids")
    remedy = f"Pass the data in the order of the first run, or delete {saving.part} to begin again."
    return None if ids is None else Before(ids, remedy)


def _check_same(saving: Saving, again: Array, number: int) -> None:
    """Refuse another model, other data or another order. ``again`` is the last block on disk, predicted anew."""
    before = saving.last_block()
    same = before.shape == again.shape
    if not same or not near(before, again, NEAR):
        found = "another shape" if not same else "other probabilities"
        raise ValueError(
            f"{saving.part}: block {number} of the first run has {found} than this model gives for this data. The model, the data "
            "or the block size is another one. Pass those of the first run, or delete that folder to begin again."
        )
