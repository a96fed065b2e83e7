"""Labels drawn from predictions, and how much each row's labels depend on sets of other rows (HSIC)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.distributions import check
from alcore.kernels.jit import FORMULA, kernel

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.unsignedinteger]
Int64s = npt.NDArray[np.int64]
Members = npt.NDArray[np.uint32]

WORDS = 8  # of 64 bits for each pair of draws: one cache line
TILE = 64  # rows whose groups are kept while one matrix after the other is read
_CHECKED = 16  # rows checked, then drawn from the L1 cache

_END = np.uint32(0xFFFFFFFF)
_LOWER, _HALF = 0xFFFFFFFF, 1 << 31  # of a word that holds two signed sums

_STEP = np.uint64(0x9E3779B97F4A7C15)  # splitmix64 (Steele, Lea, Flood 2014)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S11 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(11)


# --- drawn labels -----------------------------------------------------------------------------------------------------


@kernel(FORMULA)
def draw(
    probs_rct: Floats,
    draws_t: Int64s,
    resampled: bool,
    key: np.uint64,
    first: int,
    tolerance: float,
    labels_rt: Labels,
    valid_r: Bools,
) -> None:
    """labels[r, t] ~ probs[r, :, draws_t[t]], from a uniform number that depends on the key, row first + r and t alone."""
    rows, classes, draws = probs_rct.shape
    row_ct = np.empty((classes, draws), probs_rct.dtype)
    sum_t, at_t, label_t = np.empty(draws), np.empty(draws), np.empty(draws, np.int64)
    for start in range(0, rows, _CHECKED):
        stop = min(start + _CHECKED, rows)
        check(probs_rct[start:stop], tolerance, valid_r[start:stop])
        for r in range(start, stop):
            _set_uniforms(key, np.uint64(first + r) * np.uint64(draws), at_t)
            if resampled:
                for c in range(classes):
                    for t in range(draws):
                        row_ct[c, t] = probs_rct[r, c, draws_t[t]]
                _draw_row(row_ct, at_t, sum_t, label_t)
            else:
                _draw_row(probs_rct[r], at_t, sum_t, label_t)
            for t in range(draws):
                labels_rt[r, t] = label_t[t]


@kernel(FORMULA)
def _set_uniforms(key: np.uint64, before: np.uint64, uniform_t: Float64s) -> None:
    """Numbers in [0, 1) from places before, before + 1, ... of a stream."""
    for t in range(uniform_t.size):
        z = key + (before + np.uint64(t)) * _STEP
        z = (z ^ (z >> _S30)) * _MIX1
        z = (z ^ (z >> _S27)) * _MIX2
        uniform_t[t] = np.float64((z ^ (z >> _S31)) >> _S11) * 2.0**-53


@kernel(FORMULA)
def _draw_row(probs_ct: Floats, at_t: Float64s, sum_t: Float64s, label_t: Int64s) -> None:
    """The first class whose cumulative probability exceeds the draw's uniform number times its sum: never one of probability 0."""
    sum_t[:] = 0.0
    for c in range(probs_ct.shape[0]):
        for t in range(sum_t.size):
            sum_t[t] += np.float64(probs_ct[c, t])
    for t in range(sum_t.size):
        at_t[t] *= sum_t[t]
        sum_t[t] = 0.0
        label_t[t] = 0
    for c in range(probs_ct.shape[0] - 1):
        for t in range(sum_t.size):
            sum_t[t] += np.float64(probs_ct[c, t])
            label_t[t] += 1 if sum_t[t] <= at_t[t] else 0


@kernel()
def count_pairs(labels_rt: Labels, pairs_tt: Int64s) -> None:
    """How many of the rows have equal labels at each pair of draws."""
    rows, draws = labels_rt.shape
    for t in range(draws):
        pairs_u = pairs_tt[t]
        pairs_u[:] = 0
        for r in range(rows):
            labels_u = labels_rt[r]
            label = labels_u[t]
            for u in range(draws):
                pairs_u[u] += 1 if labels_u[u] == label else 0


@kernel()
def dependence(
    labels_rt: Labels, classes: int, words_qttw: Int64s, totals_l: Int64s, packed: bool, out_lr: Float64s
) -> None:
    """T^2 tr(Y' H M H Y) of each row's one-hot labels Y with the pair counts M of each set: whole numbers, no order matters.

    A word holds T M - m_t - m_u of set w, m_t the sums of M, off the diagonal doubled since a pair is read once, and where
    ``packed`` that of set w + WORDS in its upper half. ``totals_l`` are the sums of m_t.
    Of a class that most draws have, the others are read instead: as H centres, both have the same score.
    """
    rows, draws = labels_rt.shape
    count_c, seen_g = np.zeros(classes, np.int64), np.empty(draws, np.int64)
    members_rm, squares_r = np.empty((TILE, 2 * draws + 2), np.uint32), np.empty(TILE, np.int64)
    sum_w = np.empty(WORDS, np.int64)
    for start in range(0, rows, TILE):
        stop = min(start + TILE, rows)
        for r in range(start, stop):
            squares_r[r - start] = group(labels_rt[r], count_c, seen_g, members_rm[r - start])
        for q in range(words_qttw.shape[0]):
            for r in range(start, stop):
                _add_up(members_rm[r - start], words_qttw[q], sum_w)
                for w in range(WORDS):
                    lower, place = sum_w[w], q * WORDS + w
                    if packed:
                        lower = ((lower + _HALF) & _LOWER) - _HALF
                        place += q * WORDS
                        upper = (sum_w[w] - lower) >> 32
                        out_lr[place + WORDS, r] = draws * upper + squares_r[r - start] * totals_l[place + WORDS]
                    out_lr[place, r] = draws * lower + squares_r[r - start] * totals_l[place]


@kernel()
def group(labels_t: Labels, count_c: Int64s, seen_g: Int64s, members_m: Members) -> int:
    """Draws of equal labels one group after the other, an _END after each and after all; the sum of the groups' squared sizes.

    ``count_c`` holds zeros, before and after. The members of a class that has over half of the draws are left out, and all
    others follow as one more group.
    """
    groups, largest, end, squares = 0, -1, 0, 0
    for t in range(labels_t.size):
        c = np.int64(labels_t[t])
        if count_c[c] == 0:
            seen_g[groups] = c
            groups += 1
        count_c[c] += 1
    for g in range(groups):
        c = seen_g[g]
        size = count_c[c]
        if 2 * size > labels_t.size:
            largest = c
        else:
            count_c[c] = end
            end += size + 1
            members_m[end - 1] = _END
            squares += size * size
    others = 0
    for t in range(labels_t.size):
        c = np.int64(labels_t[t])
        if c != largest:
            members_m[count_c[c]] = t
            count_c[c] += 1
            if largest >= 0:
                members_m[end + others] = t
                others += 1
    if others > 0:
        end += others + 1
        members_m[end - 1] = _END
    members_m[end] = _END
    for g in range(groups):
        count_c[seen_g[g]] = 0
    return squares + others * others


@kernel()
def _add_up(members_m: Members, words_ttw: Int64s, sum_w: Int64s) -> None:
    """The words of all pairs within groups, a draw with itself included.

    Eight sums by name, in loops without a known end, which the compiler leaves alone: what it makes of loops over words takes
    twice to four times as long.
    """
    w0, w1, w2, w3, w4, w5, w6, w7 = 0, 0, 0, 0, 0, 0, 0, 0
    i = np.uint64(0)
    while members_m[i] != _END:
        words_tw = words_ttw[np.int64(members_m[i])]
        j = i
        while members_m[j] != _END:
            u = np.int64(members_m[j])
            w0 += words_tw[u, 0]
            w1 += words_tw[u, 1]
            w2 += words_tw[u, 2]
            w3 += words_tw[u, 3]
            w4 += words_tw[u, 4]
            w5 += words_tw[u, 5]
            w6 += words_tw[u, 6]
            w7 += words_tw[u, 7]
            j += np.uint64(1)
        i += np.uint64(1)
        if members_m[i] == _END:
            i += np.uint64(1)
    sum_w[0], sum_w[1], sum_w[2], sum_w[3] = w0, w1, w2, w3
    sum_w[4], sum_w[5], sum_w[6], sum_w[7] = w4, w5, w6, w7


@kernel()
def take_best(values_ln: Float64s, left_n: Bools, start: int, rows_lm: Int64s, best_lm: Float64s) -> None:
    """The rows of largest value of each set among those left, largest first. Among equal values the lowest row comes first.

    Where fewer rows are left, the other rows are -1 and their values -inf.
    """
    rows_lm[:], best_lm[:] = -1, -np.inf
    last = best_lm.shape[1] - 1
    for k in range(values_ln.shape[0]):
        for n in range(left_n.size):
            value = values_ln[k, n]
            if value > best_lm[k, last] and left_n[n]:
                place = last
                while place > 0 and best_lm[k, place - 1] < value:
                    best_lm[k, place], rows_lm[k, place] = best_lm[k, place - 1], rows_lm[k, place - 1]
                    place -= 1
                best_lm[k, place], rows_lm[k, place] = value, start + n
