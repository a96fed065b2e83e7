"""One pass over the flat array of `Ragged`: blocks that end where a row ends, so that each row is scored whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from alcore import door
from alcore.door import Array, Float64s, Reading
from alcore.sources.blocks import Block, map_blocks
from alcore.sources.ragged import Offsets, Ragged, Sets, cells_of_variance
from alcore.sources.reading import open_source


def score_sets(
    ragged: Ragged, work: Callable[[Block], Float64s], reading: Reading, *, name: str = "probs", cost: int = 1
) -> Float64s:
    """What ``work`` gives for the rows of each block, (n,), joined along the rows."""
    if reading.mask is not None:
        door.refuse_mask_of_sets()
    reading = replace(reading, variance=cells_of_variance(reading.variance, ragged))
    source, offsets = open_source(ragged.flat, reading, name, cost), ragged.offsets
    if source.events:
        door.refuse_events_of_sets(name, source.cell_shape)
    if source.rows is not None:
        door.check_cells(offsets, source.rows, name)
    cut = replace(source, rows=int(offsets[-1]), blocks=_whole_rows(source.blocks, offsets, name))
    cut = replace(cut, spread=None if source.spread is None else source.spread.ending_at(offsets))

    def score_rows(block: Block) -> Float64s:
        return work(replace(block, sets=_rows_of(offsets, block.start, block.start + len(block))))

    return np.concatenate(list(map_blocks(cut, score_rows, reading, name=name)))


def _whole_rows(blocks: Iterator[Array], offsets: Offsets, name: str) -> Iterator[Array]:
    """The same cells in blocks that start and end where rows do. Only cells of a row that two blocks share are copied."""
    held: list[Array] = []  # of a row that has not ended
    start = 0
    for block in blocks:
        stop = start + len(block)
        if stop > offsets[-1]:
            door.check_cells(offsets, stop, f"{name} (at least)")
        first, last = np.searchsorted(offsets, [start, stop], side="right")
        ends = offsets[first:last] - start  # where rows end in this block
        if not len(ends):
            held.append(block)
        else:
            done = 0
            if held:
                done = int(ends[0])
                yield np.concatenate([*held, block[:done]])
            if done < ends[-1]:
                yield block[done : ends[-1]]
            held = [block[ends[-1] :]] if ends[-1] < len(block) else []
        start = stop
    door.check_cells(offsets, start, name)


def _rows_of(offsets: Offsets, start: int, stop: int) -> Sets:
    """The rows whose cells are ``start`` to ``stop``. A row without cells belongs to the block of the cell that follows it."""
    first = int(np.searchsorted(offsets[:-1], start))
    last = len(offsets) - 1 if stop == offsets[-1] else int(np.searchsorted(offsets[:-1], stop))
    return Sets(first, offsets[first : last + 1] - start)
