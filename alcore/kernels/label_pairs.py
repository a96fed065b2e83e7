"""How much the drawn labels of each row depend on those of sets of other rows (HSIC), with many draws.

Both kernels give T^2 tr(Y' H M H Y) = T^2 a - 2 T b + s m of each row's one-hot labels Y and the pair counts M of each set: a is
the sum of M_tu over the pairs of draws of equal label, b that of M_tu over all u and all pairs of equal label (t, v), s how many
such pairs there are, and m the sum of M. These are whole numbers: no order matters, and `dependence` gives the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.ical import TILE, group
from alcore.kernels.jit import kernel

Float64s = npt.NDArray[np.float64]
Labels = npt.NDArray[np.unsignedinteger]
Int64s = npt.NDArray[np.int64]
Members = npt.NDArray[np.uint32]

_END = np.uint32(0xFFFFFFFF)
# A pair that is looked up takes as long as so many numbers of a row that are added in vector registers: 1.4 ns, 0.06 ns (AVX-512).
_ADDED = 12


@kernel()
def dependence_on_counts(
    labels_rt: Labels,
    classes: int,
    pairs_ltt: npt.NDArray[np.integer],
    sums_lt: Int64s,
    sum_t: npt.NDArray[np.integer],
    out_lr: Float64s,
) -> None:
    """Of sets by their pair counts, a matrix after the other. ``sum_t`` is memory to work in that holds T |R|."""
    rows, draws = labels_rt.shape
    count_c, seen_g = np.zeros(classes, np.int64), np.empty(draws, np.int64)
    members_rm, squares_r = np.empty((TILE, 2 * draws + 2), np.uint32), np.empty(TILE, np.int64)
    for start in range(0, rows, TILE):
        stop = min(start + TILE, rows)
        for r in range(start, stop):
            squares_r[r - start] = group(labels_rt[r], count_c, seen_g, members_rm[r - start])
        for place in range(pairs_ltt.shape[0]):
            total = sums_lt[place].sum()
            for r in range(start, stop):
                a, b = _sum_pairs(members_rm[r - start], pairs_ltt[place], sums_lt[place], sum_t)
                out_lr[place, r] = draws * draws * a - 2 * draws * b + squares_r[r - start] * total


@kernel()
def _sum_pairs(
    members_m: Members, pairs_tt: npt.NDArray[np.integer], own_t: Int64s, sum_t: npt.NDArray[np.integer]
) -> tuple[np.int64, np.int64]:
    """a and b of the groups of a row: small groups pair by pair, large ones by the sum of their rows of the matrix."""
    first, a, b = 0, np.int64(0), np.int64(0)
    while members_m[first] != _END:
        stop, own = first, np.int64(0)
        while members_m[stop] != _END:
            own += own_t[members_m[stop]]
            stop += 1
        size = stop - first
        b += size * own
        if size * _ADDED < own_t.size:
            for i in range(first, stop):
                pairs_t = pairs_tt[members_m[i]]
                a += np.int64(pairs_t[members_m[i]])
                for j in range(i + 1, stop):
                    a += 2 * np.int64(pairs_t[members_m[j]])
        else:
            _add_rows(members_m[first:stop], pairs_tt, sum_t)
            for i in range(first, stop):
                a += np.int64(sum_t[members_m[i]])
        first = stop + 1
    return a, b


@kernel()
def _add_rows(members_i: Members, pairs_tt: npt.NDArray[np.integer], sum_t: npt.NDArray[np.integer]) -> None:
    """The sum of some rows of a matrix, four at a time: the sums are read and written a quarter as often."""
    sum_t[:] = 0
    fours = members_i.size - members_i.size % 4
    for i in range(0, fours, 4):
        a_t, b_t = pairs_tt[members_i[i]], pairs_tt[members_i[i + 1]]
        c_t, d_t = pairs_tt[members_i[i + 2]], pairs_tt[members_i[i + 3]]
        for t in range(sum_t.size):
            sum_t[t] += np.int64(a_t[t]) + np.int64(b_t[t]) + np.int64(c_t[t]) + np.int64(d_t[t])
    for i in range(fours, members_i.size):
        a_t = pairs_tt[members_i[i]]
        for t in range(sum_t.size):
            sum_t[t] += a_t[t]


@kernel()
def dependence_on_rows(labels_rt: Labels, classes: int, other_tl: Labels, sizes_tl: Int64s, out_lr: Float64s) -> None:
    """Of sets of one row each by its labels: a is the sum of the squares of their table with the row's, class by class.

    ``sizes_tl`` is how many draws of the other row have the label of draw t.
    """
    (rows, draws), others = labels_rt.shape, other_tl.shape[1]
    count_c, seen_g, members_m = (
        np.zeros(classes, np.int64),
        np.empty(draws, np.int64),
        np.empty(2 * draws + 2, np.uint32),
    )
    table_cl = np.zeros((classes, others), np.int32)
    a_l, b_l, own_l, total_l = np.zeros((4, others), np.int64)
    for t in range(draws):
        for place in range(others):
            total_l[place] += sizes_tl[t, place]
    for r in range(rows):
        squares = group(labels_rt[r], count_c, seen_g, members_m)
        a_l[:], b_l[:] = 0, 0
        first = 0
        while members_m[first] != _END:
            stop = first
            own_l[:] = 0
            while members_m[stop] != _END:
                other_l, size_l = other_tl[members_m[stop]], sizes_tl[members_m[stop]]
                for place in range(others):
                    table_cl[other_l[place], place] += 1
                    own_l[place] += size_l[place]
                stop += 1
            for i in range(first, stop):
                other_l = other_tl[members_m[i]]
                for place in range(others):
                    count = np.int64(table_cl[other_l[place], place])
                    table_cl[other_l[place], place] = 0
                    a_l[place] += count * count
            for place in range(others):
                b_l[place] += (stop - first) * own_l[place]
            first = stop + 1
        for place in range(others):
            out_lr[place, r] = draws * draws * a_l[place] - 2 * draws * b_l[place] + squares * total_l[place]
