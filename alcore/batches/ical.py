"""ICAL: the batch whose labels depend most on those of the rest of the pool, across the posterior draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Unpack

import numpy as np

from alcore import door
from alcore.batches.batch import Batch
from alcore.batches.drawn_labels import draw_labels
from alcore.batches.expected_labels import expect_labels
from alcore.batches.ical_labels import Pool, Rows
from alcore.door import Bools, Float64s, Reading, ReadingOptions, Rng, shows_options
from alcore.sources.names import with_names

TOGETHER = 16  # picks whose reference sets are read in one pass over the labels, or over the source


@shows_options()
def ical(
    probs: Any,
    k: int,
    *,
    pointwise: bool = False,
    labels: str = "drawn",
    references: int = 200,
    comparisons: int = 20,
    rng: Rng = None,
    **options: Unpack[ReadingOptions],
) -> Batch:
    """ICAL, information condensing: the k rows whose labels depend most on the pool's, HSIC(n, R) = (1−κ)²/T² tr(Y_nᵀ H K_R H Y_n).

    - Y_n (T, C) are one-hot labels y_nt ~ p_nt, one for each row and draw.
    - H is the centring matrix.
    - K_R = mean_{r∈R} Y_r Y_rᵀ. The function draws R from the pool with replacement, anew for each pick. With one R for all picks
      the batch would be the top k of HSIC.
    - κ is the mean of (1 + 1/α)^−α over α ∈ {0.2, 0.5, 1, 2, 5}. This is the mixture of rational quadratic kernels of the paper,
      without a T×T kernel for each row.

    Paper: Jain et al. 2020 (arXiv:2002.07916).

    The draws must be consistent: draw t is the same network for every row. An ensemble is consistent. Plain MC dropout takes a new
    mask for every row and is not consistent. ICAL cannot see this, and measures nothing.

    With `pointwise` the picks after the first maximise HSIC(R, B∪n) · (mean_{r∈D} max(1, (h(r, B∪n) + a)/(h(r, B) + a)) − 1)
    instead. B are the picks so far. D are further rows of the pool. h(r, B) is the mean HSIC(r, i) of i ∈ B. a is 1e-8 + the larger
    of the least h(r, B∪n) and the least h(r, B). Rows that add nothing to what B tells about D count less.

    Args:
        probs: (N, C, T) probabilities or logits from any source.
        k: query size. If k ≥ N, the batch has all N rows in the order chosen.
        pointwise: True for the paper's ICAL-pointwise, see above.
        labels: "drawn" as in the paper, or "expected", which has no sampling noise. With "expected", Y_n Y_nᵀ becomes p_t·p_u off
            its diagonal and stays 1 on it, and the candidate row leaves R and D. This reads the source more than once.
        references: how many rows R has, at least 1.
        comparisons: how many rows D has, at least 1.
        rng: None for a fresh random state, a seed, or a `numpy.random.Generator`. A label depends only on `rng`, the row and the
            draw.
        kind: as in `entropy`. Several labels, at most 10, are one label vector of 2^L values here.
        axes: as in `entropy`.
        over_labels: not used: rows are compared by their label vectors.
        weights: (T,) one weight a draw. The function replaces the draws by T draws of equal weight, by systematic resampling.
        variance: of kind "mean", which this function refuses. `log_det` takes means.
        output_weights: of kind "mean", which this function refuses.

    Returns:
        A `Batch`. Its scores are what each pick maximised, no unit, HSIC 0 … (1−κ)²/4, with q = 1 and support = 1. The cost is
            O(N·(C·T + k·T²/C)) time, O(N·T) bytes for the labels and at most 200·T² bytes for pairs of draws. On a cluster the
            labels stay on the workers, which send T² counts and at most 16 rows for each set and block. With `pointwise` each
            pick takes O(N·T·(`comparisons` + T/C)) more. Expected labels take O(N·T²·(C + k)) time and two passes for every 16
            picks, or for each pick with `pointwise`.

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`, for event axes, for an unknown `labels`, and for expected labels of a source that can be read only
            once.

    >>> import alcore, numpy
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1)
    >>> probs[:40] = numpy.eye(3)[:, :1]  # certain rows tell nothing
    >>> sorted(alcore.ical(probs, k=3, rng=0).indices.tolist())
    [40, 44, 48]
    """
    count, each = door.as_count(k), door.as_flag(pointwise, "pointwise")
    references, comparisons = door.as_size(references, "references"), door.as_size(comparisons, "comparisons")
    read = draw_labels if door.as_label_mode(labels) == "drawn" else expect_labels
    generator = door.as_rng(rng)
    reading = Reading.of(options, ReadingOptions)
    pool = read(probs, reading, generator)
    picks = _Picks(pool.rows, min(count, pool.rows))
    if each:
        _pick_pointwise(picks, pool, references, comparisons, generator)
    else:
        _pick(picks, pool, references, generator)
    ones = np.ones(picks.count)
    batch = Batch(np.array(picks.chosen, np.int64), np.array(picks.scores), ones, ones.astype(np.int64))
    return with_names(batch, probs, reading)


# --- picks ------------------------------------------------------------------------------------------------------------


class _Picks:
    """Rows picked so far, all different."""

    def __init__(self, rows: int, count: int) -> None:
        self.rows, self.count = rows, count
        self.chosen: list[int] = []
        self.scores: list[float] = []

    def take_first(self, rows: Rows, values: Float64s) -> None:
        """Take the first of some rows that is left, of its value."""
        place = next(place for place, row in enumerate(rows.tolist()) if row not in self.chosen)
        self.chosen.append(int(rows[place]))
        self.scores.append(float(values[place]))

    def draw(self, size: int, rng: np.random.Generator) -> Rows:
        return rng.integers(self.rows, size=size)


@dataclass(frozen=True, eq=False)
class _Best:
    """The m best rows of each set among some rows, the best first. Among equal values the lowest row comes first.

    Where fewer than m rows are left, the other values are -inf.
    """

    rows_lm: Rows
    values_lm: Float64s
    least: float = (
        np.inf
    )  # of the pointwise rule: the lowest mean dependence of a row in D on the picks with one row more

    @classmethod
    def of(cls, start: int, values_ln: Float64s, left_n: Bools, most: int, least: float = np.inf) -> _Best:
        from alcore.kernels.ical import take_best

        shape = (len(values_ln), most)
        rows_lm, values_lm = np.empty(shape, np.int64), np.empty(shape)
        take_best(values_ln, left_n, start, rows_lm, values_lm)
        return cls(rows_lm, values_lm, least)

    def merged(self, later: _Best) -> _Best:
        """Those of these rows and of rows after them."""
        rows_lm = np.concatenate([self.rows_lm, later.rows_lm], axis=1)
        values_lm = np.concatenate([self.values_lm, later.values_lm], axis=1)
        order_lm = np.argsort(-values_lm, axis=1, kind="stable")[:, : self.rows_lm.shape[1]]
        least = min(self.least, later.least)
        return _Best(np.take_along_axis(rows_lm, order_lm, 1), np.take_along_axis(values_lm, order_lm, 1), least)


def _pick(picks: _Picks, pool: Pool, references: int, rng: np.random.Generator) -> None:
    """Each pick has a reference set of its own, and none depends on earlier picks. So one pass serves several picks.

    Of each set the best rows are as many as the picks of the pass: the earlier ones may be among them.
    """
    while len(picks.chosen) < picks.count:
        together = min(TOGETHER, picks.count - len(picks.chosen))
        measure, _ = pool.measure([picks.draw(references, rng) for _ in range(together)])
        best = pool.scan(measure, picks.chosen, partial(_Best.of, most=together))
        for rows, values in zip(best.rows_lm, best.values_lm, strict=True):
            picks.take_first(rows, values)


def _pick_pointwise(picks: _Picks, pool: Pool, references: int, comparisons: int, rng: np.random.Generator) -> None:
    while len(picks.chosen) < picks.count:
        reference, batch = picks.draw(references, rng), picks.chosen
        if not batch:
            measure, _ = pool.measure([reference])
            best = pool.scan(measure, batch, partial(_Best.of, most=1))
        else:
            others = [row[None] for row in picks.draw(comparisons, rng)]
            measure, values_lb = pool.measure([reference, *others], batch)
            gains = _Gains.after(values_lb)
            best = pool.scan(measure, batch, gains.best)
            if best.least > gains.before_d.min():  # rare: some row nearly always depends less on D than the picks do
                best = pool.scan(measure, batch, replace(gains, least=1e-8 + best.least).best)
        picks.take_first(best.rows_lm[0], best.values_lm[0])


@dataclass(frozen=True, eq=False)
class _Gains:
    """What the pointwise rule maximises once there are picks."""

    before_d: Float64s  # h(r, B) of each r in D
    total: float  # the sum of HSIC(R, i) over the picks i
    picks: int
    least: float  # a

    @classmethod
    def after(cls, values_lb: Float64s) -> _Gains:
        """Those after the picks B, of which HSIC with R and with each row of D is given."""
        before_d = np.zeros(len(values_lb) - 1)
        for values_d in values_lb[1:].T:
            before_d += values_d
        before_d /= values_lb.shape[1]
        return cls(before_d, float(values_lb[0].sum()), values_lb.shape[1], 1e-8 + float(before_d.min()))

    def best(self, start: int, values_ln: Float64s, left_n: Bools) -> _Best:
        before_d1 = self.before_d[:, None]
        after_dn = values_ln[1:] + before_d1 * self.picks
        after_dn /= self.picks + 1
        least = float(after_dn[:, left_n].min(initial=np.inf))
        after_dn += self.least
        after_dn /= before_d1 + self.least
        sum_n = np.zeros(after_dn.shape[1])
        for after_n in after_dn:  # one by one: the order of a sum over an axis depends on the shape
            sum_n += np.maximum(1.0, after_n)
        scores_n = (self.total + values_ln[0]) / (self.picks + 1) * (sum_n / len(after_dn) - 1.0)
        return _Best.of(start, scores_n[None], left_n, 1, least)
