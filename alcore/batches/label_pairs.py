"""How much the drawn labels of rows depend on those of sets of rows (HSIC), each set in the form that costs least.

What a row and a set share is a sum over the pairs of draws whose labels are equal in both. All forms give the same whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np

from alcore.batches.ical_labels import SPREAD, Rows
from alcore.door import Array, Float64s

# By which a form is chosen (AVX-512, microseconds a row). One set of 100, 200, 300, 500 and 1 000 draws takes 1.1, 3.1, 6.3, 15 and
# 58 by its matrix. Eight or sixteen sets side by side take 1.8, 6.5, 19, 84 and 406 at 10 classes, of 500 draws on eight.
DRAWS_OF_A_MATRIX = 100
# Twenty sets of one row take 3.3, 7.0, 11, 19 and 41 by labels, and side by side 3.5, 13, 36, 174 and 930 at 10 classes. At 100
# classes of 200 and 1 000 draws these are 10 and 41, and 4.5 and 168.
DRAWS_OF_A_CLASS, MANY_DRAWS = 10, 512


@final
@dataclass(frozen=True, eq=False)
class Forms:
    """Sets by their places: those compared by the labels of their only row, and those compared by counts of pairs."""

    sizes: list[int]
    single: list[int]
    counted: list[int]

    @classmethod
    def of(cls, sets: Sequence[Rows], draws: int, classes: int) -> Forms:
        sizes = [len(rows) for rows in sets]
        many = draws > MANY_DRAWS or draws > DRAWS_OF_A_CLASS * classes
        single = [place for place, size in enumerate(sizes) if size == 1 and many]
        return cls(sizes, single, [place for place in range(len(sizes)) if place not in single])


class Form(Protocol):
    """Several sets, and T^2 tr(Y' H M H Y) of the one-hot labels Y of each row with the pair counts M of each: (sets, n)."""

    def values(self, labels_nt: Array, classes: int) -> Float64s: ...


@final
@dataclass(frozen=True, eq=False)
class Dependence:
    """What HSIC of any row with each of several sets needs."""

    forms: Forms
    single: Form | None
    counted: Form | None

    @classmethod
    def of(cls, forms: Forms, pairs_ltt: Sequence[Array], labels_lt: Array) -> Dependence:
        """Of the pair counts of the counted sets and the labels of the single rows."""
        counted: Form | None = None
        if pairs_ltt:
            few = len(pairs_ltt) * DRAWS_OF_A_MATRIX <= len(pairs_ltt[0])
            counted = (Matrices if few else Lines).of(pairs_ltt, [forms.sizes[place] for place in forms.counted])
        return cls(forms, SingleRows.of(labels_lt) if len(labels_lt) else None, counted)

    def values(self, labels_nt: Array, classes: int) -> Float64s:
        """(sets, n): HSIC of each row with each set."""
        values_ln, draws = np.empty((len(self.forms.sizes), len(labels_nt))), labels_nt.shape[1]
        if self.single is not None:
            values_ln[self.forms.single] = self.single.values(labels_nt, classes)
        if self.counted is not None:
            values_ln[self.forms.counted] = self.counted.values(labels_nt, classes)
        values_ln *= (SPREAD**2 / draws**4 / np.array(self.forms.sizes, np.float64))[:, None]
        return values_ln


@final
@dataclass(frozen=True, eq=False)
class Lines:
    """The pair counts of several sets side by side, a cache line for each pair of draws, as the kernel `dependence` takes them."""

    words_qttw: Rows
    totals_l: Rows
    packed: bool
    sets: int

    @classmethod
    def of(cls, pairs_ltt: Sequence[Array], sizes: Sequence[int]) -> Lines:
        from alcore.kernels.ical import WORDS

        draws = len(pairs_ltt[0])
        # A word is at most T |R|, either sign, and the groups of a row have at most T^2 / 2 pairs: two sums then share a word.
        packed = draws**3 * max(sizes) < 1 << 32
        lanes = WORDS * (2 if packed else 1)
        chunks = -(-len(sizes) // lanes)
        words_qttw = np.zeros((chunks, draws, draws, WORDS), np.int64)
        totals_l = np.zeros(chunks * lanes, np.int64)
        for place, pairs_tt in enumerate(pairs_ltt):
            sum_t = pairs_tt.sum(axis=1)
            centred_tt = draws * pairs_tt - sum_t[:, None] - sum_t
            totals_l[place] = sum_t.sum()
            own_tt = 2 * centred_tt - np.diag(np.diag(centred_tt))
            words_qttw[place // lanes, :, :, place % WORDS] += own_tt << (32 if place % lanes >= WORDS else 0)
        return cls(words_qttw, totals_l, packed, len(sizes))

    def values(self, labels_nt: Array, classes: int) -> Float64s:
        from alcore.kernels.ical import dependence

        values_ln = np.empty((len(self.totals_l), len(labels_nt)))
        dependence(labels_nt, classes, self.words_qttw, self.totals_l, self.packed, values_ln)
        return values_ln[: self.sets]


@final
@dataclass(frozen=True, eq=False)
class Matrices:
    """The pair counts of each set, (T, T) in numbers of two bytes where they hold them, and the sums of their rows."""

    pairs_ltt: Array
    sums_lt: Rows
    most: int  # that a sum of a row may be

    @classmethod
    def of(cls, pairs_ltt: Sequence[Array], sizes: Sequence[int]) -> Matrices:
        dtype = np.uint16 if max(sizes) < 1 << 16 else np.int64
        pairs = np.stack([pairs_tt.astype(dtype) for pairs_tt in pairs_ltt])
        sums_lt = np.stack([pairs_tt.sum(axis=1) for pairs_tt in pairs_ltt])
        return cls(pairs, sums_lt, len(pairs_ltt[0]) * max(sizes))

    def values(self, labels_nt: Array, classes: int) -> Float64s:
        from alcore.kernels.label_pairs import dependence_on_counts

        narrow = self.most < 1 << 32 and self.pairs_ltt.dtype == np.uint16
        sum_t: Array = np.empty(labels_nt.shape[1], np.uint32 if narrow else np.int64)
        values_ln = np.empty((len(self.pairs_ltt), len(labels_nt)))
        dependence_on_counts(labels_nt, classes, self.pairs_ltt, self.sums_lt, sum_t, values_ln)
        return values_ln


@final
@dataclass(frozen=True, eq=False)
class SingleRows:
    """The labels of one row for each set, side by side (T, sets), and how many draws have the label of draw t."""

    labels_tl: Array
    sizes_tl: Rows

    @classmethod
    def of(cls, labels_lt: Array) -> SingleRows:
        sizes_lt = np.stack([np.bincount(labels_t)[labels_t] for labels_t in labels_lt])
        return cls(np.ascontiguousarray(labels_lt.T), np.ascontiguousarray(sizes_lt.T))

    def values(self, labels_nt: Array, classes: int) -> Float64s:
        from alcore.kernels.label_pairs import dependence_on_rows

        values_ln = np.empty((self.labels_tl.shape[1], len(labels_nt)))
        dependence_on_rows(labels_nt, classes, self.labels_tl, self.sizes_tl, values_ln)
        return values_ln


def count_equal(labels_rt: Array) -> Rows:
    """(T, T): how many of the rows have equal labels at each pair of draws."""
    from alcore.kernels.ical import count_pairs

    draws = labels_rt.shape[1]
    pairs_tt = np.empty((draws, draws), np.int64)
    count_pairs(labels_rt, pairs_tt)
    return pairs_tt
