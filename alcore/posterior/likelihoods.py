"""The likelihood of labels under linear predictors: softmax of classes, yes or no, and numbers with Gaussian noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from alcore.door import Float64s

Ints = npt.NDArray[np.int64]


class Likelihood(Protocol):
    """−log p(y | f) of n labelled rows with K linear predictors each, f (n, K)."""

    def loss(self, predictors_nk: Float64s) -> float:
        """−Σ_i log p(y_i | f_i)."""

    def gradient(self, predictors_nk: Float64s) -> Float64s:
        """(n, K) its derivatives."""

    def curvature(self, predictors_nk: Float64s, directions_nkt: Float64s) -> Float64s:
        """(T, T) Σ_i Φ_iᵀ W_i Φ_i, with its second derivatives W_i (K, K) and the directions Φ_i (K, T)."""

    def joined(self, other: Likelihood) -> Likelihood:
        """Of these rows and more rows."""

    def of_rows(self, rows: Ints) -> Likelihood:
        """Of some of these rows."""


@dataclass(frozen=True, eq=False)
class Classes:
    """p(y | f) = softmax(f)[y]."""

    labels: Ints  # (n,)

    def loss(self, predictors_nk: Float64s) -> float:
        most = predictors_nk.max(axis=1)
        total = most + np.log(np.exp(predictors_nk - most[:, None]).sum(axis=1))
        return float((total - predictors_nk[np.arange(len(self.labels)), self.labels]).sum())

    def gradient(self, predictors_nk: Float64s) -> Float64s:
        found = _softmax(predictors_nk)
        found[np.arange(len(self.labels)), self.labels] -= 1
        return found

    def curvature(self, predictors_nk: Float64s, directions_nkt: Float64s) -> Float64s:
        """diag p − p pᵀ is the variance of Φ_c under p: Σ_c p_c (Φ_c − Φ̄)(Φ_c − Φ̄)ᵀ, which rounding keeps at least 0."""
        probs = _softmax(predictors_nk)
        spread = directions_nkt - np.einsum("nk,nkt->nt", probs, directions_nkt)[:, None]
        return _weighted_square(probs, spread)

    def joined(self, other: Likelihood) -> Likelihood:
        assert isinstance(other, Classes)
        return Classes(np.concatenate([self.labels, other.labels]))

    def of_rows(self, rows: Ints) -> Classes:
        return Classes(self.labels[rows])


@dataclass(frozen=True, eq=False)
class YesNo:
    """p(y | f) = Π_l σ(f_l)^y_l (1 − σ(f_l))^(1 − y_l), for one label or several."""

    labels: Float64s  # (n, L) of 0 and 1

    def loss(self, predictors_nk: Float64s) -> float:
        return float((np.logaddexp(0, predictors_nk) - self.labels * predictors_nk).sum())

    def gradient(self, predictors_nk: Float64s) -> Float64s:
        return _sigmoid(predictors_nk) - self.labels

    def curvature(self, predictors_nk: Float64s, directions_nkt: Float64s) -> Float64s:
        yes = _sigmoid(predictors_nk)
        return _weighted_square(yes * (1 - yes), directions_nkt)

    def joined(self, other: Likelihood) -> Likelihood:
        assert isinstance(other, YesNo)
        return YesNo(np.concatenate([self.labels, other.labels]))

    def of_rows(self, rows: Ints) -> YesNo:
        return YesNo(self.labels[rows])


@dataclass(frozen=True, eq=False)
class Numbers:
    """p(y | f) = Π_d N(y_d; f_d, σ²_d)."""

    labels: Float64s  # (n, D)
    variance: Float64s  # (n, D)

    def loss(self, predictors_nk: Float64s) -> float:
        error = (self.labels - predictors_nk) ** 2 / self.variance
        return float(0.5 * (error + np.log(2 * np.pi * self.variance)).sum())

    def gradient(self, predictors_nk: Float64s) -> Float64s:
        return np.asarray((predictors_nk - self.labels) / self.variance)

    def curvature(self, predictors_nk: Float64s, directions_nkt: Float64s) -> Float64s:
        return _weighted_square(1 / self.variance, directions_nkt)

    def joined(self, other: Likelihood) -> Likelihood:
        assert isinstance(other, Numbers)
        return Numbers(np.concatenate([self.labels, other.labels]), np.concatenate([self.variance, other.variance]))

    def of_rows(self, rows: Ints) -> Numbers:
        return Numbers(self.labels[rows], self.variance[rows])


def _weighted_square(weights_nk: Float64s, directions_nkt: Float64s) -> Float64s:
    rooted = (np.sqrt(weights_nk)[..., None] * directions_nkt).reshape(-1, directions_nkt.shape[-1])
    return np.asarray(rooted.T @ rooted)


def _softmax(predictors_nk: Float64s) -> Float64s:
    found = np.exp(predictors_nk - predictors_nk.max(axis=1, keepdims=True))
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _sigmoid(predictors_nk: Float64s) -> Float64s:
    return np.asarray(np.exp(-np.logaddexp(0, -predictors_nk)))
