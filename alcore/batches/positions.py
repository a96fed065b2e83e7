"""Batches of maps and sequences: rows are compared at some positions, the same ones in every row.

The labels of a row's pixels are too many for one joint distribution. Each position is a question of its own, with its own
configurations, and the information of a batch is the mean over the positions of I(y_S at the position; θ). A cell that is
padding is certain, so its label tells nothing.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from alcore import door
from alcore.batches.search.candidates import Candidates, Pool
from alcore.batches.search.configurations import Configurations
from alcore.batches.search.greedy import Ints, Objective
from alcore.door import Array, Bools, Float64s, Reading
from alcore.scores import measures
from alcore.sources.blocks import Block, map_blocks
from alcore.sources.reading import open_source


class PositionsPool(Pool):
    """Predictions (N, C, ..., T) at P positions: (N, P·C, T) in memory, and the mean of their BALD."""

    def __init__(
        self, predictions: Any, reading: Reading, memory: int, positions: int, rng: np.random.Generator
    ) -> None:
        self.predictions, self.reading, self.can_reread = predictions, reading, False
        source = open_source(predictions, reading)
        if not source.events:
            raise ValueError(
                "positions: expected predictions with event axes (N, C, ..., T), got rows with one label each. Leave positions out."
            )
        axis = source.axes.classes if source.axes else 1
        door.check_outcomes(source.kind, source.cell_shape[0], "probs", axis=axis, events=True)
        self.places = _places(door.as_mask(reading.mask, source.events, source.rows), source.events, positions, rng)
        classes, draws = source.joint_shape[0], source.joint_shape[-1]
        self.cell_shape = (classes, draws)
        row_bytes = len(self.places) * classes * draws * max(4, source.dtype.itemsize)
        parts = []
        for at, cells in map_blocks(source, partial(_read_block, places=self.places), reading):
            needed = (at + len(cells)) * row_bytes
            if needed > memory:
                rows = source.rows or at + len(cells)
                door.refuse_memory(rows * row_bytes, memory, ", or compare rows at fewer positions")
            parts.append(cells)
        self.cells_npct = np.concatenate(parts)
        wide = np.ascontiguousarray(self.cells_npct.reshape(-1, classes, draws))
        bald = measures.bald(wide, weights=reading.weights) if len(wide) else np.empty(0)
        self.scores = bald.reshape(len(self.cells_npct), -1).mean(axis=1)
        together = self.cells_npct.reshape(len(self.cells_npct), -1, draws)
        self.candidates = Candidates(together, np.arange(len(together)), self.scores.copy())


def _read_block(block: Block, *, places: Ints) -> tuple[int, Array]:
    """The block's rows at the positions, checked: (n, P, C, T)."""
    block.check()  # also the other positions, so that a refusal names the place in the whole map
    n, classes, *_, draws = block.array.shape
    at = np.ascontiguousarray(block.array.reshape(n, classes, -1, draws)[:, :, places].transpose(2, 0, 1, 3))
    padding_np = None if block.mask is None else block.mask.reshape(n, -1)[:, places]
    own = []
    for p, one in enumerate(at):
        padding = None if padding_np is None else padding_np[:, p]
        cells = Block(block.start, one, block.kind, None, padding, block.name).cells()
        if padding is not None:
            cells[padding] = np.eye(cells.shape[1], 1)
        own.append(cells)
    return block.start, np.stack(own, axis=1)


def _places(padding: Bools | None, events: tuple[int, ...], positions: int, rng: np.random.Generator) -> Ints:
    """Positions on the flat event axes that are drawn. Where all rows have padding no position is drawn."""
    among: Any = math.prod(events)
    if padding is not None and len(padding):
        among = np.flatnonzero(~padding.reshape(len(padding), -1).all(axis=0))
        if not len(among):
            raise ValueError(
                "mask: expected a cell that is not padding, got only padding. True marks padding: pass mask=~mask."
            )
    count = among if padding is None or not len(padding) else len(among)
    return np.asarray(np.sort(rng.choice(among, min(positions, count), replace=False)))


class PositionsInformation(Objective):
    """The mean over positions of I(y_S; θ)."""

    def __init__(
        self, pool: PositionsPool, prior: Float64s, samples: int, exact: int, rng: np.random.Generator
    ) -> None:
        self._cells_pnct = np.ascontiguousarray(pool.cells_npct.transpose(1, 0, 2, 3))
        self._each = [Configurations(prior, samples, exact, own) for own in rng.spawn(len(self._cells_pnct))]
        self.effective = [self._effective]
        self.exact_until = 0

    @property
    def _effective(self) -> float:
        return float(np.mean([one.effective_draws for one in self._each]))

    @property
    def noise(self) -> float:
        return max(1e-6, float(np.mean([one.noise for one in self._each])))

    def bounds(self, cells: Array, slots: Ints, bound: Float64s, picks_seen: Ints, least: float) -> Float64s:
        gains = [one.levels()[-1].bound(cells, slots) for one, cells in zip(self._each, self._cells_pnct, strict=True)]
        return np.asarray(np.mean(gains, axis=0))

    def decide(self, cells_ct: Float64s, gain: float) -> tuple[float, float]:
        found = np.array([one.information(cells) for one, cells in self._split(cells_ct)])
        return float(found[:, 0].mean()), float(np.sqrt((found[:, 1] ** 2).sum()) / len(found))

    def add(self, cells_ct: Float64s) -> None:
        self.exact_until += all(one.is_exact for one in self._each)
        for one, cells in self._split(cells_ct):
            one.add(cells)
        self.effective.append(self._effective)

    def _split(self, cells_ct: Float64s) -> zip[tuple[Configurations, Float64s]]:
        return zip(self._each, np.split(cells_ct, len(self._each)), strict=True)
