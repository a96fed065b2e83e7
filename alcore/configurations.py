"""Configurations of a batch's labels, each with its posterior over draws: what the joint heuristics condition on.

While they are few all of them are kept, with their probabilities; after that a fixed number is sampled once and extended by a label
at every pick, so that gains of different picks share their noise. BatchBALD: Kirsch et al. 2019 (arXiv:1906.08158).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alcore.door import Array, Float64s
from alcore.threads import map_in_order

Ints = npt.NDArray[np.int64]

NEGLIGIBLE = 1e-12  # configurations of smaller probability are dropped while all are kept
STEPS = 8  # of the largest posterior weight, by which configurations of one leading draw are grouped
CLEAR = 0.8  # a largest weight from which the second draw does not matter
FINER = 2  # a level of groups is worth its products where the next finer one has so many times its rows
COARSE_REST, FINE_REST = 1e-3, 1e-7  # nats by which a bound may be too large for the sake of classes that tell little
PARTS = 8  # of the work on configurations, shared among threads


@dataclass(frozen=True)
class Level:
    """Posteriors packed for products; groups of similar configurations where it is not the finest."""

    packed_qtj: Array
    omega_qj: Array
    mean_t: Array
    rest: float  # nats: classes worth less together are not looked at closely

    def bound(self, probs_nct: Array, rows_n: Ints) -> Float64s:
        """At least the gain of each row, up to float32 rounding: information is concave in the posterior, groups overstate it."""
        from alcore.kernels.configurations import screen

        out = np.empty(len(rows_n))
        screen(probs_nct, rows_n, self.packed_qtj, self.omega_qj, self.mean_t, self.rest, out)
        return out


class Configurations:
    """The configurations of the batch so far; ``add`` extends each by the label of one more row."""

    def __init__(self, weights_t: Float64s, samples: int, exact: int, rng: np.random.Generator) -> None:
        self._weights_t, self._exact, self._rng = weights_t, exact, rng
        self._owners = np.flatnonzero(weights_t > 0)
        self._strata = max(1, samples // len(self._owners))
        self._batch: list[Float64s] = []
        self._owner_m: Ints | None = None  # None while all configurations are kept
        self._row_m = np.empty(0, np.int64)
        self._start()

    def _start(self) -> None:
        self.rows_ut = self._weights_t.astype(np.float32)[None]
        self.omega_u, self.square_u = np.ones(1), np.zeros(1)
        self._levels: list[Level] | None = None

    @property
    def is_exact(self) -> bool:
        return self._owner_m is None

    def add(self, probs_ct: Float64s) -> None:
        """Condition on the label of one more row."""
        self._batch.append(probs_ct)
        if self._owner_m is None and len(self.omega_u) * len(probs_ct) <= self._exact:
            self._expand(probs_ct)
        elif self._owner_m is None:
            self._owner_m = np.repeat(self._owners, self._strata)
            self._row_m = np.zeros(len(self._owner_m), np.int64)
            self._start()
            for earlier in self._batch:
                self._sample(earlier)
        else:
            self._sample(probs_ct)
        self._levels = None

    def _expand(self, probs_ct: Float64s) -> None:
        """Every configuration with every label."""
        from alcore.kernels.configurations import predict

        omega_uc = np.empty((len(self.rows_ut), len(probs_ct)))
        predict(self.rows_ut, probs_ct, omega_uc)
        omega_uc *= self.omega_u[:, None]
        omega_uc /= omega_uc.sum()
        parents, labels = np.nonzero(omega_uc >= NEGLIGIBLE)
        omega_u = omega_uc[parents, labels]
        self._extend(probs_ct, parents, labels)
        self.omega_u, self.square_u = omega_u / omega_u.sum(), np.zeros(len(omega_u))

    def _sample(self, probs_ct: Float64s) -> None:
        """Each sampled configuration with a label drawn from its owner: stratified for each owner, in an order new each time."""
        from alcore.kernels.configurations import draw_labels

        assert self._owner_m is not None
        owners, strata = len(self._owners), self._strata
        stratum = self._rng.permuted(np.tile(np.arange(strata), (owners, 1)), axis=1)
        uniforms = ((stratum + self._rng.random((owners, strata))) / strata).ravel()
        labels = np.empty(len(self._owner_m), np.int64)
        draw_labels(np.ascontiguousarray(np.cumsum(probs_ct, axis=0).T), self._owner_m, uniforms, labels)
        classes = len(probs_ct)
        # Configurations with the same labels so far share a row, and keep their owners.
        histories, self._row_m = np.unique(self._row_m * classes + labels, return_inverse=True)
        self._extend(probs_ct, histories // classes, histories % classes)
        omega_m = self.omega_m()
        self.omega_u = np.bincount(self._row_m, omega_m)
        self.square_u = np.bincount(self._row_m, omega_m**2)

    def _extend(self, probs_ct: Float64s, parents: Ints, labels: Ints) -> None:
        from alcore.kernels.configurations import extend

        rows_vt = np.empty((len(parents), self.rows_ut.shape[1]), np.float32)
        in_parts(
            len(parents), lambda start, stop: extend(self.rows_ut, parents, labels, probs_ct, start, stop, rows_vt)
        )
        self.rows_ut = rows_vt

    def effective_draws(self) -> float:
        """The mean number of draws that still explain the labels, sum_m omega_m / sum_t W_mt^2."""
        from alcore.kernels.configurations import effective_draws

        return min(effective_draws(self.rows_ut, self.omega_u), float(len(self._owners)))

    def information(self, probs_ct: Float64s) -> tuple[float, float]:
        """The gain I(y; draw | labels so far) of one row and its standard error, in float64 in a fixed order.

        The entropy of each predictive distribution less the mean entropy of its own draws, not less that of all draws: the same in
        expectation (the mean posterior is the prior), never negative, and with half the spread.
        """
        from alcore.kernels.configurations import informations, mean_and_error

        packed_qtj = self.levels()[-1].packed_qtj
        values_qj = np.empty((len(packed_qtj), packed_qtj.shape[2]))
        in_parts(len(packed_qtj), lambda start, stop: informations(probs_ct, packed_qtj, start, stop, values_qj))
        gain, error = mean_and_error(values_qj, self.omega_u, self.square_u)
        return max(gain, 0.0), error

    def omega_m(self) -> Float64s:
        """The probability of each configuration."""
        return self.omega_u if self._owner_m is None else self._weights_t[self._owner_m] / self._strata

    def of_each(self, values_u: Float64s) -> Float64s:
        """Values of distinct configurations -> of each: sampled ones keep their places, those of an owner side by side."""
        return values_u if self._owner_m is None else values_u[self._row_m]

    def levels(self) -> list[Level]:
        """From a few groups of configurations to all of them one by one."""
        if self._levels is None:
            parts = [*self._groups(), (self.rows_ut, self.omega_u)]
            mean_1t = merged(*parts[0], np.zeros(len(parts[0][0]), np.int64))[0]
            rests = [COARSE_REST] * (len(parts) - 1) + [FINE_REST]
            self._levels = [_packed(*part, mean_1t[0], rest) for part, rest in zip(parts, rests, strict=True)]
        return self._levels

    def _groups(self) -> list[tuple[Array, Float64s]]:
        """Groups of configurations, the coarsest first: by the draw that leads, by its weight too, by the second draw too.

        With 100 draws and 10 000 configurations these are 100, some 600 and some 2 000. Of 5 000 candidates the first
        left 180 to the next at a tenth pick, that 38, the last 14.
        """
        from alcore.kernels.configurations import leaders

        rows, draws = self.rows_ut.shape
        if rows < FINER * len(self._owners):
            return []
        first_u, second_u, weight_u = np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty(rows)
        in_parts(rows, lambda start, stop: leaders(self.rows_ut, start, stop, first_u, second_u, weight_u))
        step_u = np.minimum((weight_u * STEPS).astype(np.int64), STEPS - 1)
        finest = merged(self.rows_ut, self.omega_u, first_u * (draws + 1) + np.where(weight_u < CLEAR, second_u, draws))
        middle = merged(self.rows_ut, self.omega_u, first_u * STEPS + step_u)
        coarsest = merged(*middle, np.unique(first_u * STEPS + step_u) // STEPS)
        groups: list[tuple[Array, Float64s]] = []
        finer = rows
        for level in (finest, middle, coarsest):
            if FINER * len(level[0]) <= finer:
                groups.insert(0, level)
                finer = len(level[0])
        return groups


def merged(rows_ut: Array, omega_u: Float64s, key_u: Ints) -> tuple[Array, Float64s]:
    """The mean posterior and the probability of the configurations of each key."""
    from alcore.kernels.configurations import merge

    present = np.flatnonzero(np.bincount(key_u))
    group = np.zeros(int(present[-1]) + 1, np.int64)
    group[present] = np.arange(len(present))
    mean_gt, omega_g = np.empty((len(present), rows_ut.shape[1])), np.empty(len(present))
    merge(rows_ut, omega_u, group[key_u], mean_gt, omega_g)
    return mean_gt.astype(np.float32), omega_g


def _packed(rows_ut: Array, omega_u: Float64s, mean_t: Array, rest: float) -> Level:
    from alcore.kernels.configurations import pack
    from alcore.kernels.product import COLUMNS, DRAWS

    rows, draws = rows_ut.shape
    chunks = -(-rows // COLUMNS)
    columns = -(-rows // (8 * chunks)) * 8
    packed_qtj = np.empty((chunks, -(-draws // DRAWS) * DRAWS, columns), np.float32)
    in_parts(chunks, lambda start, stop: pack(rows_ut, start, stop, packed_qtj))
    omega_qj = np.zeros((chunks, columns), np.float32)
    omega_qj.reshape(-1)[:rows] = omega_u
    return Level(packed_qtj, omega_qj, mean_t, rest)


def in_parts(count: int, work: Callable[[int, int], None]) -> None:
    """``work`` on consecutive ranges of 0 … count, on all threads where there is enough of it."""
    step = max(1, -(-count // PARTS))
    ranges = [(start, min(start + step, count)) for start in range(0, count, step)]
    for _ in map_in_order(lambda part: work(*part), iter(ranges)):
        pass


def bytes_of_configurations(draws: int, samples: int, exact: int) -> int:
    """Posteriors before and after a pick, packed, and in groups."""
    return 16 * draws * max(samples + draws, exact)
