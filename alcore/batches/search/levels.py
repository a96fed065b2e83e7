"""Bounds on gains, from a few groups of configurations to all of them one by one.

A group has the mean posterior of its configurations. Information is concave in the posterior, so groups overstate gains, and the
fewer they are the more. A row that one level bounds by too little is not looked at by the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alcore.door import Array, Float64s
from alcore.sources.layouts import arrange_into
from alcore.sources.threads import in_parts

Ints = npt.NDArray[np.int64]

STEPS = 8  # of the largest posterior weight, by which configurations of one leading draw are grouped
LEVELS = 5  # groups of four sizes, and all configurations
CLEAR = 0.8  # a largest weight from which the second draw does not matter
RADIX = 1 << 16  # keys that are sorted by their digits; with more there are next to as many groups as configurations
FINER = 2  # a level of groups is worth its products where the next finer one has so many times its rows
NUMBERS_A_THREAD = 1 << 18  # of posteriors: fewer are done sooner than a thread is woken, 0.1 ms
COARSE_REST, FINE_REST = 3e-3, 1e-7  # nats by which a bound may be too large for the sake of classes that tell little


@dataclass(frozen=True)
class Level:
    """Posteriors packed for products; groups of similar configurations where it is not the finest.

    ``scatter_tj`` is the covariance of posteriors within groups, empty where the bound goes without it.
    """

    packed_qtj: Array
    omega_qj: Array
    scatter_tj: Array
    mean_t: Array
    rest: float  # nats: classes worth less together are not looked at closely

    @classmethod
    def of(
        cls, packed_qtj: Array, omega_u: Float64s, mean_t: Array, rest: float, scatter_tj: Array | None = None
    ) -> Level:
        omega_qj = np.zeros((len(packed_qtj), packed_qtj.shape[2]), np.float32)
        omega_qj.reshape(-1)[: len(omega_u)] = omega_u
        none_tj = np.empty((0, packed_qtj.shape[1]), np.float32)
        return cls(packed_qtj, omega_qj, none_tj if scatter_tj is None else scatter_tj, mean_t, rest)

    def bound(self, probs_nct: Array, rows_n: Ints) -> Float64s:
        """At least the gain of each row, up to float32 rounding: information is concave in the posterior, groups overstate it."""
        from alcore.kernels.levels import screen

        out = np.empty(len(rows_n))
        screen(probs_nct, rows_n, self.packed_qtj, self.omega_qj, self.scatter_tj, self.mean_t, self.rest, out)
        return out


# --- groups -----------------------------------------------------------------------------------------------------------


def groups_of(
    rows_ut: Array, omega_u: Float64s, owners: int, leaders: tuple[Ints, Ints, Float64s]
) -> list[tuple[Array, Float64s]]:
    """Groups of configurations, coarse ones first: by the draw that leads, by its weight too, by the second draw, by all three.

    With 100 draws and 10 000 configurations these are 100, some 600 and some 2 000. Of 5 000 candidates the first
    left 180 to the next at a tenth pick, that 38, the last 14.
    """
    (rows, draws), (first_u, second_u, weight_u) = rows_ut.shape, leaders
    if rows < FINER * owners:
        return []
    step_u = np.minimum((weight_u * STEPS).astype(np.int64), STEPS - 1)
    keys = [first_u * (draws + 1) + np.where(weight_u < CLEAR, second_u, draws), first_u * STEPS + step_u]
    if draws * (draws + 1) * STEPS < RADIX:
        keys.append(keys[0] * STEPS + step_u)
    parts: list[tuple[Array, Float64s]] = [(rows_ut, omega_u)] * len(keys)

    def merge_each(start: int, stop: int) -> None:
        parts[start:stop] = [merged(rows_ut, omega_u, key) for key in keys[start:stop]]

    in_parts(len(keys), merge_each, worth_a_thread(rows_ut.size))
    parts.append(merged(*parts[1], np.unique(keys[1]) // STEPS))
    groups: list[tuple[Array, Float64s]] = []
    finer = rows
    for part in parts[2:-1] + parts[:2] + parts[-1:]:
        if FINER * len(part[0]) <= finer:
            groups.insert(0, part)
            finer = len(part[0])
    return groups


def merged(rows_ut: Array, omega_u: Float64s, key_u: Ints | None) -> tuple[Array, Float64s]:
    """The mean posterior and the probability of the configurations of each key; of all of them without keys."""
    from alcore.kernels.levels import merge

    keys = np.zeros(len(rows_ut), np.int64) if key_u is None else key_u
    order = np.argsort(keys.astype(np.min_scalar_type(int(keys.max()))), kind="stable")  # 16 bits are sorted by radix
    ends = np.append(np.flatnonzero(np.diff(keys[order])) + 1, len(keys))
    mean_gt, omega_g = np.empty((len(ends), rows_ut.shape[1]), np.float32), np.empty(len(ends))
    merge(rows_ut, omega_u, order, ends, mean_gt, omega_g)
    return mean_gt, omega_g


def worth_a_thread(numbers: int) -> int:
    """How many pieces of so many numbers of posteriors are worth a thread of their own."""
    return -(-NUMBERS_A_THREAD // numbers)


# --- packed -----------------------------------------------------------------------------------------------------------


def chunks_for(rows: int, draws: int) -> tuple[int, int, int]:
    """Chunks, draws and columns of packed rows."""
    from alcore.kernels.product import chunks_of

    chunks, columns = chunks_of(rows)
    return chunks, draws, columns


def pack(rows_ut: Array, start: int, stop: int, packed_qtj: Array) -> None:
    """Fill chunks start to stop with rows as columns, zeros where padded."""
    (rows, draws), columns = rows_ut.shape, packed_qtj.shape[2]
    whole = min(stop, max(rows // columns, start))
    body = rows_ut[start * columns : whole * columns].reshape(-1, columns, draws)
    arrange_into(body.transpose(0, 2, 1)[:, None], packed_qtj[start:whole, None])
    if whole < stop:
        last = rows_ut[whole * columns :]
        packed_qtj[whole, :, : len(last)] = last.T
        packed_qtj[whole, :, len(last) :] = 0.0


def packed(rows_ut: Array) -> Array:
    from alcore.kernels.product import aligned

    packed_qtj = aligned(chunks_for(*rows_ut.shape), np.float32)
    pack(rows_ut, 0, len(packed_qtj), packed_qtj)
    return packed_qtj


def second_moment_of(packed_qtj: Array, rows_ut: Array, omega_u: Float64s) -> Float64s:
    """sum_u omega_u row_u row_u^T, (T, T padded), in an order of additions that no number of threads changes."""
    from alcore.kernels.levels import second_moment
    from alcore.kernels.product import LANES, chunks_of

    draws = rows_ut.shape[1]
    out_tj = np.empty((draws, math.prod(chunks_of(draws))))
    in_parts(draws, lambda start, stop: second_moment(packed_qtj, rows_ut, omega_u, start, stop, out_tj), LANES)
    return out_tj
