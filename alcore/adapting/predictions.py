"""Predict batch after batch: blocks as they are asked for, or a file with which a run that was killed goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from alcore.adapting.blocks import Made, as_padding, predict_block
from alcore.adapting.request import Request
from alcore.adapting.run import Forward
from alcore.door import Array, Bools
from alcore.sources.files import open_predictions
from alcore.sources.progress import track
from alcore.sources.writing import Saving

NEAR = (
    1e-3  # by which probabilities of the same rows and draws may differ when a run goes on, perhaps on another machine
)


class Predictions(Iterator[Array]):
    """Blocks (n, C, ..., T) of probabilities, made as they are asked for, once; any function of alcore takes them."""

    def __init__(self, blocks: Iterator[Made]) -> None:
        self._blocks = blocks
        self._masks: list[Bools] = []

    def __next__(self) -> Array:
        block, mask = next(self._blocks)
        if mask is not None:
            self._masks.append(mask)
        return block

    @property
    def mask(self) -> Bools | None:
        """(N, ...) True where a cell is padding, of the blocks so far; None without ``mask=``."""
        return np.concatenate(self._masks) if self._masks else None


def predict(
    batches: Iterable[Any],
    runs: Sequence[Forward],
    request: Request,
    *,
    rows: int | None,
    out: str | os.PathLike[str] | None = None,
    mask: Callable[[Any], Any] | None = None,
    progress: bool = True,
) -> Any:
    """Predict with a model, draw after draw, on batch after batch.

    Args:
        batches: what the model is run on, in the order of the rows; each becomes a block.
        runs: for each member a `Run`, or any ``run(batch, block, draw)`` -> an array (n, ...), classes on the request's axis.
        request: what is asked for.
        rows: N, where it is known.
        out: a .npy or .zarr file to write, block by block. A run that was killed goes on from the last whole block.
        mask: a batch -> (n, ...) True where a cell is padding.
        progress: whether a bar shows.

    Returns: `Predictions`, or with ``out`` the file, opened; the mask is then in ``<name>.mask.npy``.

    Raises: ValueError for outputs that do not fit together, C = 1, and a file that was begun by another run.
    """
    if out is None:
        made = _blocks(batches, runs, request, mask)
        return Predictions(_tracked(made, rows, progress))
    with Saving(out, rows, request.said) as saving:
        blocks = _blocks(batches, runs, request, mask, saving)
        for block, padding in _tracked(blocks, rows, progress):
            saving.append(block, padding)
    return open_predictions(out)


def _tracked(blocks: Generator[tuple[int, Made], None, None], rows: int | None, progress: bool) -> Iterator[Made]:
    with closing(track(blocks, rows, "rows predicted") if progress else blocks) as tracked:
        yield from (made for _, made in tracked)


def _blocks(
    batches: Iterable[Any],
    runs: Sequence[Forward],
    request: Request,
    mask: Callable[[Any], Any] | None,
    saving: Saving | None = None,
) -> Generator[tuple[int, Made], None, None]:
    """(rows so far, (block, padding)) of the batches that are not on disk yet."""
    stop, ends = 0, list(saving.ends) if saving else []  # ends: the row after each block that is on disk
    for number, batch in enumerate(batches):
        if number < len(ends):
            if number == len(ends) - 1:
                assert saving is not None
                _check_same(saving, predict_block(batch, runs, request, number), number)
            stop = ends[number]
            continue
        block = predict_block(batch, runs, request, number)
        stop += len(block)
        padding = None if mask is None else as_padding(mask(batch), block)
        yield stop, (block, padding)
    if stop < (ends[-1] if ends else 0):
        raise ValueError(f"{saving and saving.part}: holds {ends[-1]} rows already, but the data ends after {stop}.")


def _check_same(saving: Saving, again: Array, number: int) -> None:
    """Refuse another model, other data or another order: ``again`` is the last block on disk, predicted anew."""
    before = saving.last_block()
    same = before.shape == again.shape
    if not same or not np.allclose(
        before.astype(np.float64), again.astype(np.float64), rtol=0, atol=NEAR, equal_nan=True
    ):
        found = "another shape" if not same else "other probabilities"
        raise ValueError(
            f"{saving.part}: block {number} of the run to go on with has {found} than this model gives for these data. The model, "
            "the data or the batches are not those it was begun with: delete the folder to begin again."
        )
