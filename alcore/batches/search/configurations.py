"""Configurations of a batch's labels, each with its posterior over draws: what the joint heuristics condition on.

While they are few, all of them are kept with their probabilities. After that a fixed number is sampled once, and each is extended
by a label at every pick. So the gains of different picks share their noise. BatchBALD: Kirsch et al. 2019 (arXiv:1906.08158).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore.batches.search.divergences import Divergences, weight_of_pairs
from alcore.batches.search.levels import (
    COARSE_REST,
    FINE_REST,
    LEVELS,
    Level,
    chunks_for,
    groups_of,
    merged,
    pack,
    packed,
    second_moment_of,
    worth_a_thread,
)
from alcore.door import Array, Float64s
from alcore.sources.spaces import Spaces
from alcore.sources.threads import at_once, in_parts

Ints = npt.NDArray[np.int64]

NEGLIGIBLE = 1e-12  # configurations of smaller probability are dropped while all are kept
# Of rows with posteriors. Fewer are done sooner than a thread is woken: two took 117 ms for a batch of 2 000 rows, and one 101.
PRODUCTS_A_THREAD = 1 << 25
SPARSE = 64  # times as many possible keys as keys: they are sorted instead of marked, 0.1 ms against 0.4 for 10 000 of 100 000


class Configurations:
    """The configurations of the batch so far. ``add`` extends each by the label of one more row."""

    def __init__(
        self,
        weights_t: Float64s,
        samples: int,
        exact: int,
        rng: np.random.Generator,
        *,
        with_noise: bool = True,
        with_scatter: bool = False,
    ) -> None:
        self._weights_t, self._exact, self._rng = drop_vanishing(weights_t), exact, rng
        self._with_noise = with_noise  # half of the time of `add` once labels are sampled; for `noise` and `total_m`
        self._with_scatter = with_scatter  # 2 ms a pick of 10 000 configurations, for where many rows compete
        self._owners = np.flatnonzero(self._weights_t > 0)
        self._strata = max(1, samples // len(self._owners))
        self._batch: list[Float64s] = []
        self._owner_m: Ints | None = None  # None while all configurations are kept
        self._row_m = np.empty(0, np.int64)
        self.total_m = np.empty(0)  # what the rows told since labels are sampled, those of an owner side by side
        self.noise = 0.0  # the standard error of the information that was sampled so far
        self._space = Spaces()
        self._divergences: Divergences | None = None  # of the cells that were searched last
        self._turn = False
        self._screens: int | None = None  # how often a row was multiplied with a level at the pick before
        self._start()

    def __getstate__(self) -> dict[str, Any]:
        """What a worker of a cluster gets: without the memory that is used again."""
        return {**self.__dict__, "_space": Spaces(), "_divergences": None}

    def _start(self) -> None:
        self.rows_ut = self._weights_t.astype(np.float32)[None]
        self.omega_u, self.square_u = np.ones(1), np.zeros(1)
        self.effective_draws = 1.0 / float((self._weights_t**2).sum())  # mean number that still explain the labels
        self._levels: list[Level] | None = None
        self._leader_u = np.empty(0, np.int64)
        self._last: tuple[Float64s, Float64s] | None = None  # a row and what it tells after each configuration

    @property
    def is_exact(self) -> bool:
        return self._owner_m is None

    def add(self, probs_ct: Float64s) -> None:
        """Condition on the label of one more row."""
        if self._with_noise and not self.is_exact:
            self.total_m += self._values(probs_ct)[self._row_m]
            self.noise = self.error_of(self.total_m)
        self._batch.append(probs_ct)
        if self._owner_m is None and len(self.omega_u) * len(probs_ct) <= self._exact:
            self._expand(probs_ct)
        elif self._owner_m is None:
            self._owner_m = np.repeat(self._owners, self._strata)
            self._row_m = np.zeros(len(self._owner_m), np.int64)
            self.total_m = np.zeros(len(self._owner_m))
            self._start()
            for earlier in self._batch:
                self._sample(earlier)
        else:
            self._sample(probs_ct)
        self._levels, self._last = None, None

    def _expand(self, probs_ct: Float64s) -> None:
        """Every configuration with every label."""
        from alcore.kernels.configurations import predict

        omega_uc = np.empty((len(self.rows_ut), len(probs_ct)))
        predict(self.rows_ut, probs_ct, omega_uc)
        omega_uc *= self.omega_u[:, None]
        omega_uc /= omega_uc.sum()
        parents, labels = np.nonzero(omega_uc >= NEGLIGIBLE)
        omega_u = omega_uc[parents, labels]
        self.omega_u, self.square_u = omega_u / omega_u.sum(), np.zeros(len(omega_u))
        self._extend(probs_ct, parents, labels)

    def _sample(self, probs_ct: Float64s) -> None:
        """Each sampled configuration with a label drawn from its owner: stratified for each owner, in an order new each time."""
        from alcore.kernels.configurations import draw_labels

        assert self._owner_m is not None
        strata = self._strata
        uniforms = stratified(self._rng, len(self._owners), strata)
        labels = np.empty(len(self._owner_m), np.int64)
        draw_labels(np.ascontiguousarray(np.cumsum(probs_ct, axis=0).T), self._owner_m, uniforms, labels)
        classes = len(probs_ct)
        # Configurations with the same labels so far share a row, and keep their owners.
        histories, self._row_m = _distinct(self._row_m * classes + labels)
        omega_m = self._weights_t[self._owner_m] / strata
        self.omega_u = np.bincount(self._row_m, omega_m).astype(np.float64)
        self.square_u = np.bincount(self._row_m, omega_m**2).astype(np.float64)
        self._extend(probs_ct, histories // classes, histories % classes)

    def _extend(self, probs_ct: Float64s, parents: Ints, labels: Ints) -> None:
        from alcore.kernels.configurations import extend

        self._turn = not self._turn  # the parents' rows are read while the children's are written
        rows_vt = self._space(f"rows {self._turn}", (len(parents), self.rows_ut.shape[1]), np.float32)
        draws_v = np.empty(len(parents))

        def extend_each(start: int, stop: int) -> None:
            extend(self.rows_ut, parents, labels, probs_ct, start, stop, rows_vt, draws_v)

        in_parts(len(parents), extend_each, worth_a_thread(self.rows_ut.shape[1]))
        self.rows_ut, self.effective_draws = rows_vt, min(float(self.omega_u @ draws_v), float(len(self._owners)))

    def information(self, probs_ct: Float64s) -> tuple[float, float]:
        """The gain I(y; draw | labels so far) of one row and its standard error, in float64 in a fixed order.

        The entropy of each predictive distribution less the mean entropy of its own draws, not less that of all draws: the same in
        expectation (the mean posterior is the prior), never negative, and with half the spread.
        """
        from alcore.kernels.configurations import mean_and_error

        gain, error = mean_and_error(self._values(probs_ct), self.omega_u, self.square_u)
        return max(gain, 0.0), error

    def _values(self, probs_ct: Float64s) -> Float64s:
        """The information of one row after each configuration; the last answer is kept."""
        from alcore.kernels.configurations import informations

        if self._last is None or not np.array_equal(self._last[0], probs_ct):
            packed_qtj = self.levels()[-1].packed_qtj
            values_qj = np.empty((len(packed_qtj), packed_qtj.shape[2]))

            def tell(start: int, stop: int) -> None:
                informations(probs_ct, packed_qtj, start, stop, values_qj)

            in_parts(len(packed_qtj), tell, worth_a_thread(packed_qtj[0].size))
            self._last = probs_ct, values_qj.reshape(-1)[: len(self.rows_ut)]
        return self._last[1]

    @property
    def sampled(self) -> tuple[Ints, Ints]:
        """The posterior in ``rows_ut`` and the owner of each sampled configuration, also before the first label."""
        owner_m = np.repeat(self._owners, self._strata) if self._owner_m is None else self._owner_m
        return (np.zeros(len(owner_m), np.int64) if self._owner_m is None else self._row_m), owner_m

    def error_of(self, value_m: Float64s) -> float:
        """The standard error of the mean of what each sampled configuration tells."""
        total_ts = value_m.reshape(len(self._owners), self._strata)
        # Each draw owns as many configurations as any other: what differs between owners is no error.
        centred_ts = total_ts - total_ts.mean(axis=1 if self._strata > 1 else None, keepdims=True)
        share_t1 = self._weights_t[self._owners, None] / self._strata
        return float(np.sqrt((share_t1**2 * centred_ts**2).sum() * self._strata / max(1, self._strata - 1)))

    def of_each(self, values_u: Float64s) -> Float64s:
        """Values of distinct configurations -> of each that is sampled."""
        return values_u[self._row_m]

    def levels(self) -> list[Level]:
        """From a few groups of configurations to all of them one by one."""
        if self._levels is None:
            finest_qtj = self._space("finest", chunks_for(*self.rows_ut.shape), np.float32)
            rows, columns = len(self.rows_ut), finest_qtj.shape[2]
            first_u, second_u, weight_u = np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty(rows)

            def pack_and_lead(start: int, stop: int) -> None:
                from alcore.kernels.configurations import leaders

                pack(self.rows_ut, start, stop, finest_qtj)
                leaders(self.rows_ut, start * columns, min(stop * columns, rows), first_u, second_u, weight_u)

            in_parts(len(finest_qtj), pack_and_lead, worth_a_thread(finest_qtj[0].size))
            self._leader_u = first_u
            groups = groups_of(self.rows_ut, self.omega_u, len(self._owners), (first_u, second_u, weight_u))
            mean_1t, _ = merged(*(groups or [(self.rows_ut, self.omega_u)])[0], None)
            mean_t = mean_1t[0]
            finest = Level.of(finest_qtj, self.omega_u, mean_t, FINE_REST)
            self._levels = [*self._coarser(groups, finest), finest]
        return self._levels

    def _coarser(self, groups: list[tuple[Array, Float64s]], finest: Level) -> Iterator[Level]:
        """Groups, and how far posteriors scatter within them."""
        total_tj = scatter_tj = None
        if groups and self._with_scatter:
            total_tj = second_moment_of(finest.packed_qtj, self.rows_ut, self.omega_u)
        for rows_gt, omega_g in groups:
            packed_qtj = packed(rows_gt)
            if total_tj is not None:
                scatter_tj = (total_tj - second_moment_of(packed_qtj, rows_gt, omega_g)).astype(np.float32)
            yield Level.of(packed_qtj, omega_g, finest.mean_t, COARSE_REST, scatter_tj)

    def descend(self, probs_nct: Array, rows_n: Ints, bound_n: Float64s, floor: float, slack: float) -> Ints:
        """Evaluate the rows that may gain most and more than ``floor``, return them, and lower ``bound_n`` to what was found.

        Their bounds are then their gains. Rows within ``slack`` of the best are evaluated too.
        """
        from alcore.kernels.levels import descend

        levels = self.levels()
        padded = levels[:1] * (LEVELS - len(levels)) + levels  # one compiled kernel for any number of levels
        packed, omega = tuple(level.packed_qtj for level in padded), tuple(level.omega_qj for level in padded)
        scatter = tuple(level.scatter_tj for level in padded)
        rest_l = np.array([level.rest for level in padded])
        if self._divergences is None or self._divergences.cells is not probs_nct:
            self._divergences = Divergences(probs_nct)
        apart, weight_v = self._divergences, np.empty(0)
        if apart.known_n.size:
            weight_v = weight_of_pairs(self._leader_u, self.rows_ut, self.omega_u)
        best_1 = np.array([floor + slack])
        found_nl = np.full((len(rows_n), 1 + LEVELS), np.inf)
        screens = len(rows_n) if self._screens is None else self._screens
        products = screens * levels[0].omega_qj.size * math.prod(probs_nct.shape[1:])  # about so many, or more
        threads = max(1, min(at_once(), products // PRODUCTS_A_THREAD))

        def work(start: int, stop: int) -> None:
            for part in range(start, stop):
                own = slice(part, None, threads)
                found_sl = np.full((len(rows_n[own]), 1 + LEVELS), np.inf)
                descend(
                    probs_nct,
                    np.ascontiguousarray(rows_n[own]),  # one kernel for any number of threads, 1.3 s less to compile
                    np.ascontiguousarray(bound_n[own]),
                    packed,
                    omega,
                    scatter,
                    levels[0].mean_t,
                    rest_l,
                    LEVELS - len(levels),
                    apart.held_nv,
                    apart.known_n,
                    weight_v,
                    slack,
                    best_1,
                    found_sl,
                )
                found_nl[own] = found_sl

        in_parts(threads, work)
        # What threads screened in vain depends on their timing: only what would be screened in any case counts.
        live = np.arange(len(rows_n))
        for found_n in found_nl.T[[0, *range(1 + LEVELS - len(levels), 1 + LEVELS)]]:
            live = live[bound_n[live] > best_1[0] - slack]
            bound_n[live] = np.minimum(bound_n[live], found_n[live])
        self._screens = int(np.isfinite(found_nl[:, 1:]).sum())
        return live


def stratified(rng: np.random.Generator, owners: int, strata: int) -> Float64s:
    """A uniform for each configuration of each owner, one in every stratum, in an order of its own."""
    stratum = rng.permuted(np.tile(np.arange(strata), (owners, 1)), axis=1)
    return np.asarray(((stratum + rng.random((owners, strata))) / strata).ravel())


def drop_vanishing(weights_t: Float64s) -> Float64s:
    """Weights with 0 for those that are next to nothing in float32, in which posteriors are kept: 0 over their sum would be NaN."""
    held_t = np.where(weights_t < np.finfo(np.float32).tiny, 0.0, weights_t)
    return weights_t if (held_t == weights_t).all() else np.asarray(held_t / held_t.sum(), np.float64)


def _distinct(keys_m: Ints) -> tuple[Ints, Ints]:
    """The different keys, ascending, and the place of each."""
    most = int(keys_m.max()) + 1
    if most > SPARSE * len(keys_m):
        keys_u, place_m = np.unique(keys_m, return_inverse=True)
        return keys_u, place_m
    held = np.zeros(most, np.bool_)
    held[keys_m] = True
    return np.flatnonzero(held), (np.cumsum(held) - 1)[keys_m]


def bytes_of_configurations(cell_shape: tuple[int, ...], k: int, samples: int, exact: int) -> int:
    """Posteriors before and after a pick, packed, and in groups, for a batch of k rows (C, T)."""
    classes, draws = cell_shape
    all_fit = k * math.log(classes) <= math.log(max(1, exact))
    held = classes**k if all_fit else max(samples + draws, exact)
    return 16 * draws * held
