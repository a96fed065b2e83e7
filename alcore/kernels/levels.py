"""Bounds on what a label would tell after each configuration of a batch: from groups of configurations to all of them.

``packed_qtj`` holds the posteriors of a level in chunks of columns, (chunks, draws, columns), with zeros where padded, and
``omega_qj`` their probabilities. What a row is given depends on shapes and values alone, never on the number of threads.
"""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

from alcore.kernels.divergences import divergences, mean_divergence
from alcore.kernels.jit import kernel
from alcore.kernels.log import xlogx32
from alcore.kernels.product import COLUMNS, multiply

Floats = npt.NDArray[np.floating]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

_LEAST = np.float32(1e-30)  # of a mean that is divided by
_ELEMENTS = 256  # numbers of several short rows together, which fill registers
_ROUNDING = np.float32(1e-6)  # of a second moment of posteriors, ten times what sums in float32 were off by


@kernel()
def merge(
    rows_ut: Float32s, omega_u: Float64s, order_u: Ints, ends_g: Ints, out_gt: Float32s, omega_g: Float64s
) -> None:
    """The mean posterior of each group of configurations, and the group's probability; ``order_u`` lists them group by group."""
    sum_t = np.empty(rows_ut.shape[1], np.float64)
    start = 0
    for g in range(ends_g.size):
        sum_t[:] = 0.0
        total = 0.0
        for i in range(start, ends_g[g]):
            row_t, omega = rows_ut[order_u[i]], omega_u[order_u[i]]
            total += omega
            for t in range(sum_t.size):
                sum_t[t] += omega * np.float64(row_t[t])
        scale = 1.0 / total
        for t in range(sum_t.size):
            out_gt[g, t] = sum_t[t] * scale
        omega_g[g] = total
        start = ends_g[g]


@kernel()
def second_moment(
    packed_qtj: Float32s, rows_ut: Float32s, omega_u: Float64s, start: int, stop: int, out_tj: Float64s
) -> None:
    """Rows start to stop of sum_u omega_u row_u row_u^T, with zeros where columns are padded."""
    draws, width, count = rows_ut.shape[1], packed_qtj.shape[2], stop - start
    a_tu = np.zeros((count + count % 2, width), np.float32)
    b_uj = np.zeros((width, out_tj.shape[1]), np.float32)
    part_tj = np.empty((len(a_tu), out_tj.shape[1]), np.float32)
    out_tj[start:stop] = 0.0
    for q in range(packed_qtj.shape[0]):
        a_tu[:count] = packed_qtj[q, start:stop]
        first = q * width
        held = min(width, len(rows_ut) - first)
        for u in range(held):
            omega, row_t, b_j = np.float32(omega_u[first + u]), rows_ut[first + u], b_uj[u]
            for t in range(draws):
                b_j[t] = omega * row_t[t]
        b_uj[held:] = np.float32(0.0)
        multiply(a_tu, None, b_uj, part_tj)
        for t in range(count):
            out_j, part_j = out_tj[start + t], part_tj[t]
            for j in range(out_j.size):
                out_j[j] += np.float64(part_j[j])


@kernel()
def screen(
    probs_nct: Floats,
    rows_n: Ints,
    packed_qtj: Float32s,
    omega_qj: Float32s,
    scatter_tj: Float32s,
    mean_t: Float32s,
    rest: float,
    out_n: Float64s,
) -> None:
    """At least the gains of the named rows, of groups of configurations and how far these scatter within their groups.

    Without groups these are the gains, at most ``rest`` too large.
    """
    a_ct = np.zeros((probs_nct.shape[1] + 1, packed_qtj.shape[1]), np.float32)
    x_cj = np.empty((len(a_ct), packed_qtj.shape[2]), np.float32)
    top_cj = np.empty((len(a_ct) if scatter_tj.shape[0] > 0 else 0, packed_qtj.shape[2]), np.int32)
    for n in range(rows_n.size):
        out_n[n] = _gain(probs_nct[rows_n[n]], packed_qtj, omega_qj, scatter_tj, mean_t, rest, a_ct, x_cj, top_cj)


@kernel()
def _gain(
    probs_ct: Floats,
    packed_qtj: Float32s,
    omega_qj: Float32s,
    scatter_tj: Float32s,
    mean_t: Float32s,
    rest: float,
    a_ct: Float32s,
    x_cj: Float32s,
    top_cj: Int32s,
) -> float:
    """sum_g omega_g H(sum_t row_gt p_t) - sum_t mean_t H(p_t) of one row, less what `_told_apart` says, with memory to work in.

    What a class adds to the gain is concave in the posterior, so it is at most what the class adds under the mean posterior, and
    that at most Var p / E p: classes worth little there are counted at that, and only the others are multiplied.
    """
    classes, draws = probs_ct.shape
    least = np.float32(rest / classes)
    kept, total = 0, 0.0
    for c in range(classes):
        spread = _spread(probs_ct[c], mean_t)
        if spread > least:
            for t in range(draws):
                a_ct[kept, t] = probs_ct[c, t]
            kept += 1
        else:
            total += np.float64(max(spread, np.float32(0.0)))
    a_ct[kept, :] = np.float32(0.0)
    even = kept + kept % 2
    total += _sum_all(a_ct[:kept], mean_t)
    for q in range(packed_qtj.shape[0]):
        multiply(a_ct[:even], None, packed_qtj[q], x_cj[:even])
        total -= _sum_chunk(x_cj[:kept], omega_qj[q], x_cj[kept])
        if scatter_tj.shape[0] > 0:
            _raise_tops(x_cj[:kept], top_cj[:kept], q == 0)
    return total - _told_apart(a_ct[:even], scatter_tj, top_cj[:kept]) if scatter_tj.shape[0] > 0 else total


@kernel()
def _raise_tops(x_cj: Float32s, top_cj: Int32s, first: bool) -> None:
    """Numbers that are not negative are in the order of their bits; a maximum of whole numbers is found in registers."""
    bits_i, top_i = x_cj.view(np.int32).reshape(x_cj.size), top_cj.reshape(top_cj.size)
    if first:
        top_i[:] = 0
    for i in range(top_i.size):
        top_i[i] = max(top_i[i], bits_i[i])


@kernel()
def _largest(bits_i: Int32s) -> np.float32:
    most = np.int32(0)
    for i in range(bits_i.size):
        most = max(most, bits_i[i])
    return np.int32(most).view(np.float32)


@kernel()
def _told_apart(a_ct: Float32s, scatter_tj: Float32s, top_cj: Int32s) -> float:
    """At most what is lost when groups stand for their configurations: sum_c a^T S a / (2 d), S the scatter within groups.

    With x a class's probability after a configuration and m after its group, the loss is the mean of x log(x/m) - x + m, which is
    at least (x - m)^2 / (2 (2 m + x) / 3) (Bennett's inequality). d is (2 m + x) / 3 at the largest m and x there are.
    """
    y_cj = np.empty((len(a_ct), scatter_tj.shape[1]), np.float32)
    multiply(a_ct, None, scatter_tj, y_cj)
    total = 0.0
    for c in range(top_cj.shape[0]):
        top, largest = _largest(top_cj[c]), _largest(a_ct[c].view(np.int32))
        a_t, y_t, squares = a_ct[c], y_cj[c], np.float32(0.0)
        for t in range(a_t.size):
            squares += a_t[t] * y_t[t]
        squares -= _ROUNDING * largest * largest
        if squares > np.float32(0.0):
            total += np.float64(np.float32(1.5) * squares / (np.float32(2.0) * top + largest))
    return total


@kernel()
def descend(
    probs_nct: Floats,
    rows_s: Ints,
    bound_s: Float64s,
    packed_lqtj: tuple[Float32s, ...],
    omega_lqj: tuple[Float32s, ...],
    scatter_ltj: tuple[Float32s, ...],
    mean_t: Float32s,
    rest_l: Float64s,
    first: int,
    divergence_nv: Float32s,
    known_n: Bools,
    weight_v: Float64s,
    slack: float,
    best_1: Float64s,
    found_sl: Float64s,
) -> None:
    """Screen rows in the order of their bounds, each at its next level from ``first`` on, until none can exceed ``best_1 - slack``.

    Before its first level a row is bounded by the mean divergence of its draws, where there is room for them. That is column 0 of
    what is found, and level l column l + 1.

    ``best_1`` is the largest gain at the last level so far, of all threads. That of others may be read late, which
    costs screens and changes nothing that counts: a row whose bounds exceed the final ``best_1 - slack`` is screened in any case.
    """
    last = len(packed_lqtj) - 1
    widest = 0
    for level in range(last + 1):
        widest = max(widest, packed_lqtj[level].shape[2])
    a_ct = np.zeros((probs_nct.shape[1] + 1, packed_lqtj[0].shape[1]), np.float32)
    space_j, top_j = np.empty(len(a_ct) * widest, np.float32), np.empty(len(a_ct) * widest, np.int32)
    heap = [(-bound_s[s], s, -1 if rows_s[s] < known_n.size else first) for s in range(rows_s.size)]
    heapq.heapify(heap)
    while len(heap) > 0:
        below, s, level = heapq.heappop(heap)
        if -below <= best_1[0] - slack:
            break
        row = rows_s[s]
        if level < 0:
            if not known_n[row]:
                divergences(probs_nct[row], divergence_nv[row])
                known_n[row] = True
            found_sl[s, 0] = mean_divergence(weight_v, divergence_nv[row])
            heapq.heappush(heap, (max(below, -found_sl[s, 0]), s, first))
            continue
        packed_qtj = packed_lqtj[level]
        shape = len(a_ct), packed_qtj.shape[2]
        x_cj = space_j[: shape[0] * shape[1]].reshape(shape)
        top_cj = top_j[: shape[0] * shape[1]].reshape(shape)
        omega_qj, scatter_tj = omega_lqj[level], scatter_ltj[level]
        gain = _gain(probs_nct[row], packed_qtj, omega_qj, scatter_tj, mean_t, rest_l[level], a_ct, x_cj, top_cj)
        found_sl[s, level + 1] = gain
        gain = min(gain, -below)
        if level == last:
            best_1[0] = max(best_1[0], gain)
        else:
            heapq.heappush(heap, (-gain, s, level + 1))


@kernel()
def _spread(probs_t: Floats, mean_t: Float32s) -> np.float32:
    """Var p / E p over the mean posterior; 0 where all are 0."""
    mean, square = np.float32(0.0), np.float32(0.0)
    for t in range(mean_t.size):
        p = np.float32(probs_t[t])
        mean += mean_t[t] * p
        square += mean_t[t] * p * p
    return np.float32(square / max(mean, _LEAST) - mean)


@kernel()
def _sum_all(x_cj: Float32s, weight_j: Float32s) -> float:
    """sum_cj weight_j x log x. Short rows are read several at a time: a loop that ends before it fills registers takes four times
    as long an element.
    """
    (rows, columns), total = x_cj.shape, 0.0
    if columns >= COLUMNS:
        for c in range(rows):
            total += _sum_xlogx32(x_cj[c], weight_j)
        return total
    weight_i = np.empty(max(1, _ELEMENTS // columns) * columns, np.float32)
    for i in range(weight_i.size):
        weight_i[i] = weight_j[i % columns]
    x_i = x_cj.reshape(rows * columns)
    for start in range(0, x_i.size, weight_i.size):
        part_i = x_i[start : start + weight_i.size]
        total += _sum_xlogx32(part_i, weight_i[: part_i.size])
    return total


@kernel()
def _sum_chunk(x_cj: Float32s, weight_j: Float32s, sum_j: Float32s) -> float:
    """The same of a chunk, whose usual width makes the loop over columns one of a known length. ``sum_j`` is memory to work in."""
    if x_cj.shape[1] != COLUMNS:
        return _sum_all(x_cj, weight_j)
    sum_j[:] = np.float32(0.0)
    for c in range(x_cj.shape[0]):
        x_j = x_cj[c]
        for j in range(COLUMNS):
            sum_j[j] += xlogx32(x_j[j])
    total = np.float32(0.0)
    for j in range(COLUMNS):
        total += weight_j[j] * sum_j[j]
    return np.float64(total)


@kernel()
def _sum_xlogx32(x_j: Float32s, weight_j: Float32s) -> float:
    total = np.float32(0.0)
    for j in range(weight_j.size):
        total += weight_j[j] * xlogx32(x_j[j])
    return np.float64(total)
