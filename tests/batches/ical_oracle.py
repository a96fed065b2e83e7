"""What ICAL should answer: the kernel of every row written out, and HSIC of any two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from alcore.batches.ical_labels import Pool
from tests.cases import dirichlet, special

ALPHAS = (0.2, 0.5, 1, 2, 5)
POOL = np.concatenate([special(4, 6), dirichlet(24, 4, 6, seed=1, alpha=0.3)])
each_kind_of_labels = pytest.mark.parametrize("labels", ["drawn", "expected"])
each_rule = pytest.mark.parametrize("pointwise", [False, True])


@dataclass(frozen=True)
class Whole:
    """All that a pool measures."""

    values_ln: np.ndarray

    def merged(self, later: Whole) -> Whole:
        return Whole(np.concatenate([self.values_ln, later.values_ln], axis=1))


def dependence(pool: Pool, sets: Sequence[np.ndarray]) -> np.ndarray:
    """(sets, N): HSIC of each row with each set of rows."""
    measure, _ = pool.measure(sets)
    return pool.scan(measure, [], lambda start, values_ln, left_n: Whole(values_ln)).values_ln


def kernels(labels_nt: np.ndarray) -> np.ndarray:
    """A kernel (T, T) for each row: the mixture of rational quadratic kernels of one-hot labels."""
    onehot = np.eye(labels_nt.max() + 1)[labels_nt]
    squared = ((onehot[:, :, None] - onehot[:, None]) ** 2).sum(axis=-1)
    return np.mean([(1 + squared / (2 * alpha)) ** -alpha for alpha in ALPHAS], axis=0)


def hsic(first_ktt: np.ndarray, second_tt: np.ndarray) -> np.ndarray:
    """tr(F H S H) / T^2 of each kernel F and the kernel S, H the centring."""
    draws = second_tt.shape[-1]
    centring = np.eye(draws) - 1 / draws
    return np.einsum("kut,tu->k", first_ktt @ centring, second_tt @ centring) / draws**2


def expected_kernels(probs_nct: np.ndarray) -> np.ndarray:
    """The mean of ``kernels`` over labels that follow the probabilities."""
    least = np.mean([(1 + 1 / alpha) ** -alpha for alpha in ALPHAS])
    equal = np.einsum("nct,ncu->ntu", probs_nct, probs_nct)
    equal[:, np.arange(equal.shape[1]), np.arange(equal.shape[1])] = 1
    return least + (1 - least) * equal


def random_labels(rows: int, classes: int, draws: int, *, seed: int = 0) -> np.ndarray:
    """Rows of few and of many labels, the first of one."""
    rng = np.random.default_rng(seed)
    spread = np.arange(rows)[:, None] / rows
    return np.where(rng.random((rows, draws)) < spread, rng.integers(classes, size=(rows, draws)), 1)


def greedy_pointwise(
    dependence: Any, rows: int, k: int, references: int, comparisons: int, rng: Any
) -> tuple[list, list]:
    """Pick by pick and candidate by candidate; ``dependence(row, set)`` is HSIC."""
    batch: list[int] = []
    scores: list[float] = []
    while len(batch) < k:
        reference = rng.integers(rows, size=references)
        left = [n for n in range(rows) if n not in batch]
        if not batch:
            values = {n: dependence(n, reference) for n in left}
        else:
            others = rng.integers(rows, size=comparisons)
            before = [np.mean([dependence(i, [r]) for i in batch]) for r in others]
            after = {n: [np.mean([dependence(i, [r]) for i in [*batch, n]]) for r in others] for n in left}
            a = 1e-8 + max(min(map(min, after.values())), min(before))
            gain = {
                n: np.mean([max(1, (x + a) / (y + a)) for x, y in zip(after[n], before, strict=True)]) for n in left
            }
            whole = {n: np.mean([dependence(i, reference) for i in [*batch, n]]) for n in left}
            values = {n: whole[n] * (gain[n] - 1) for n in left}
        best = max(left, key=lambda n: (values[n], -n))
        batch.append(best)
        scores.append(values[best])
    return batch, scores
