"""Histories of a batch's labels, each the labels that one draw may give, and what a further label would tell about targets.

I(y_b; y_j | y_S) is a mean over the labels y_S, and a mean over targets j. So each target gets a few histories of its own: the
targets average their noise, and a pick costs as much at any size of the batch. While the labels have few values, all are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from alcore.batches.search.configurations import drop_vanishing, stratified
from alcore.batches.search.levels import FINE_REST, Level, packed
from alcore.door import Array, Float64s
from alcore.sources.threads import in_parts

Ints = npt.NDArray[np.int64]

SCREENED, REVIEWED = 20, 5  # a pick looks at all rows with so many times fewer histories, then at the best of them
TOGETHER = 1 << 16  # pairs of a posterior and a target at a time
LEAST_WEIGHT = 1e-5  # a draw of less is left out of a history that does not decide
LEAST, LEAST_FINE = 1e-7, 1e-12  # draws, target classes and pairs that tell less are left out


@dataclass(frozen=True, eq=False)
class Given:
    """Posteriors over draws, each with a target and a weight: what the gains of rows are a mean over.

    ``row_h`` None means all posteriors with all targets, of weight ``omega_u`` times that of the target.
    """

    rows_ut: Array
    omega_u: Float64s
    targets_jct: Array
    shares_j: Float64s
    row_h: Ints | None = None
    target_h: Ints | None = None
    share_h: Float64s | None = None

    def level(self) -> Level:
        """What bounds the gains: I(y; y_j | W) is at most I(y; draw | W)."""
        mean_t = (self.omega_u[:, None] * self.rows_ut).sum(axis=0).astype(np.float32)
        return Level.of(packed(self.rows_ut), self.omega_u, mean_t, FINE_REST)

    def gains(self, cells: Array, dtype: type[np.floating] = np.float32, *, threads: bool = False) -> Float64s:
        """Of rows (n, C, T). The sums are over all posteriors in order, so a row's gain is the same bits beside any other."""
        from alcore.kernels.batch_epig import add_gains

        if not len(cells):
            return np.empty(0)
        packed_qtj = _columns(cells, dtype)
        gain_qj = np.zeros((len(packed_qtj), packed_qtj.shape[2]))
        single = dtype == np.float32
        least = LEAST if single else LEAST_FINE
        for row_h, target_h, share_h in self._pairs():
            named = self.rows_ut, row_h, target_h, share_h, self.targets_jct, least, single, gain_qj

            def add(start: int, stop: int, named: tuple[object, ...] = named) -> None:
                add_gains(packed_qtj, start, stop, *named)  # type: ignore[arg-type]

            if threads:
                in_parts(len(packed_qtj), add)
            else:
                add(0, len(packed_qtj))
        return np.asarray(gain_qj.reshape(-1)[: cells[..., 0].size].reshape(len(cells), -1).sum(axis=1))

    def _pairs(self) -> Iterator[tuple[Ints, Ints, Float64s]]:
        if self.row_h is not None and self.target_h is not None and self.share_h is not None:
            yield self.row_h, self.target_h, self.share_h
            return
        targets = len(self.shares_j)
        step = max(1, TOGETHER // targets)
        for start in range(0, len(self.omega_u), step):
            omega_u = self.omega_u[start : start + step]
            row_h = np.repeat(np.arange(start, start + len(omega_u)), targets)
            share_h = (omega_u[:, None] * self.shares_j).ravel()
            yield row_h, np.tile(np.arange(targets), len(omega_u)), share_h


class Histories:
    """A few histories of labels for each target. ``add`` extends each by the label of one more row.

    They lie round by round, a history of each target. The owners of a round, which its labels are drawn from, are stratified.
    """

    def __init__(
        self, targets_jct: Array, shares_j: Float64s, weights_t: Float64s, samples: int, rng: np.random.Generator
    ) -> None:
        self._targets_jct, self._shares_j, self._rng = targets_jct, shares_j, rng
        weights_t = drop_vanishing(weights_t)
        each = max(1, -(-samples // len(shares_j)))
        self._rounds = [-(-each // SCREENED), -(-each // REVIEWED), each]
        count = each * len(shares_j)
        cumulative_t = np.cumsum(weights_t)
        bounds = [0, *(rounds * len(shares_j) for rounds in self._rounds)]
        owners = []
        for start, stop in pairwise(bounds):
            if stop > start:
                owners.append(_owners(cumulative_t, (stop - start) // len(shares_j), len(shares_j), rng))
        self._bounds = bounds
        last = int(np.flatnonzero(weights_t)[-1])
        self._owner_h = np.minimum(np.concatenate(owners), last)
        self._target_h = np.tile(np.arange(len(shares_j)), each)
        self.rows_ht = np.broadcast_to(weights_t.astype(np.float32), (count, len(weights_t))).copy()
        self.effective_draws = 1.0 / float((weights_t**2).sum())

    def add(self, probs_ct: Float64s) -> None:
        """Draw each history's label from its owner, and condition on it."""
        from alcore.kernels.configurations import draw_labels, extend

        count = len(self._owner_h)
        labels, uniforms = np.empty(count, np.int64), np.empty(count)
        for start, stop in pairwise(self._bounds):
            uniforms[start:stop] = _stratified_by(self._owner_h[start:stop], self._rng)
        draw_labels(np.ascontiguousarray(np.cumsum(probs_ct, axis=0).T), self._owner_h, uniforms, labels)
        rows_ht, draws_h, parents = np.empty_like(self.rows_ht), np.empty(count), np.arange(count)

        def extend_each(start: int, stop: int) -> None:
            extend(self.rows_ht, parents, labels, probs_ct, start, stop, rows_ht, draws_h)

        in_parts(count, extend_each, 64)
        self.rows_ht = rows_ht
        self.effective_draws = float(draws_h.mean())

    def of(self, step: int) -> Given:
        """The histories of the first step, over all rows, of the second, or all of them."""
        rounds = self._rounds[step]
        count = rounds * len(self._shares_j)
        target_h = self._target_h[:count]
        share_h = self._shares_j[target_h] / rounds
        rows_ht, row_h = self.rows_ht[:count], np.arange(count)
        if step < 2:
            rows_ht = np.where(rows_ht < LEAST_WEIGHT, np.float32(0), rows_ht)
            rows_ht /= rows_ht.sum(axis=1, keepdims=True)
        return Given(rows_ht, share_h, self._targets_jct, self._shares_j, row_h, target_h, share_h)


def _owners(cumulative_t: Float64s, rounds: int, targets: int, rng: np.random.Generator) -> Ints:
    """A draw for each history of some rounds: a target has one in each stratum of the draws, and so finer have all targets."""
    within = stratified(rng, rounds, targets).reshape(rounds, targets)
    points = (np.arange(rounds)[:, None] + within) / rounds * cumulative_t[-1]
    return np.asarray(np.searchsorted(cumulative_t, points.ravel(), side="right"), np.int64)


def _stratified_by(owner_h: Ints, rng: np.random.Generator) -> Float64s:
    """A uniform for each history, one in every stratum of its owner's, in an order new each time."""
    order = np.lexsort((rng.random(len(owner_h)), owner_h))
    counts = np.bincount(owner_h)
    place = np.arange(len(owner_h)) - np.repeat(np.cumsum(counts) - counts, counts)
    uniform_h = np.empty(len(owner_h))
    uniform_h[order] = (place + rng.random(len(owner_h))) / counts[owner_h[order]]
    return uniform_h


def _columns(cells: Array, dtype: type[np.floating]) -> Array:
    """The classes of rows side by side, (chunks, T, columns), zeros where padded: whole chunks, so that all columns are alike."""
    from alcore.kernels.product import COLUMNS

    flat = cells.reshape(-1, cells.shape[-1])
    chunks = -(-len(flat) // COLUMNS)
    wide = np.zeros((chunks * COLUMNS, flat.shape[1]), dtype)
    wide[: len(flat)] = flat
    return np.ascontiguousarray(wide.reshape(chunks, COLUMNS, -1).transpose(0, 2, 1))
