"""Whether predicted probabilities are as often right as they say: reliability by bins, and scores of predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.bench.labels import Ints, as_labels
from alcore.door import Array, Float64s

BINS = 15
SIMULATED_SETS = 1_000  # of labels drawn from the predictions themselves
SMALL_ERROR = 0.02  # calibration errors up to this mislead nobody


@dataclass(frozen=True, eq=False)
class Calibration:
    """How good the probabilities of M labelled rows are.

    Attributes:
        rows: M.
        log_likelihood: mean ln p(label), nats; Brier: mean Σ_c (p_c − [c = label])², 0 to 2; accuracy: share of right classes.
        error: expected calibration error, Σ_b m_b/M · |accuracy_b − confidence_b| over 15 bins of one width (Guo et al. 2017,
            arXiv:1706.04599).
        by_chance: the error that labels drawn from the predictions themselves exceed in one of a hundred sets: a smaller one shows
            nothing.
        confidence, accuracy_of, counts: (15,) of each bin: mean probability of the predicted class, share of right ones (NaN
            where the bin is empty), rows.
    """

    rows: int
    log_likelihood: float
    brier: float
    accuracy: float
    error: float
    by_chance: float
    confidence: Float64s
    accuracy_of: Float64s
    counts: Ints

    @property
    def misleads(self) -> bool:
        """Whether probabilities are off by more than chance makes of good ones, and by enough to matter."""
        return self.error > max(self.by_chance, SMALL_ERROR)

    @property
    def overconfident(self) -> bool:
        """Whether confidence is above accuracy, over all rows."""
        filled = self.counts > 0
        gap = (self.confidence - self.accuracy_of)[filled] * self.counts[filled]
        return bool(gap.sum() > 0)


def scores(predicted: Float64s, labels: Ints) -> dict[str, float]:
    """The metrics of replay's curves, of predictive probabilities (M, C), none of them zero at a label."""
    right = predicted[np.arange(len(labels)), labels]
    brier = (predicted**2).sum(axis=1) - 2 * right + 1
    _, confidence, accurate = _bins(predicted, predicted.argmax(axis=1) == labels)
    return {
        "log-likelihood": float(np.log(right).mean()),
        "accuracy": float(accurate.sum() / len(labels)),
        "Brier score": float(brier.mean()),
        "calibration error": float(np.abs(confidence - accurate).sum() / len(labels)),
    }


def _bins(predicted: Float64s, right: npt.NDArray[np.bool_]) -> tuple[Float64s, Float64s, Float64s]:
    """Of each bin: rows, sum of confidence, number of right ones."""
    confidence = predicted.max(axis=1)
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    summed = np.ones(len(right)), confidence, right
    counts, sums, accurate = (np.bincount(bins, values, BINS).astype(np.float64) for values in summed)
    return counts, sums, accurate


def predictive(probs: Array, weights: Float64s | None, tiny: float) -> Float64s:
    """(M, C) Σ_t w_t p_t in float64, at least ``tiny``."""
    shares = door.as_shares(weights, probs.shape[-1])
    return np.asarray(np.maximum((probs @ shares.astype(probs.dtype)).astype(np.float64), tiny))


def calibration(predicted: npt.ArrayLike, labels: npt.ArrayLike, *, rng: door.Rng = 0) -> Calibration:
    """How good predictive probabilities (M, C), the mean over draws, are against labels (M,).

    The labels may all be of one class: each row is judged by itself.

    Raises: ValueError for labels of another length or outside 0 … C − 1, and for what are not probabilities.

    >>> import alcore.bench, numpy
    >>> found = alcore.bench.calibration(numpy.array([[0.9, 0.1], [0.2, 0.8]]), [0, 1])
    >>> found.accuracy, round(found.error, 6)
    (1.0, 0.15)
    """
    array = np.asarray(predicted, np.float64)
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError(
            f"predicted: expected shape (M, C), the mean over draws, got {array.shape}. Pass probs.mean(axis=-1)."
        )
    invalid = ~(np.isfinite(array).all(axis=1) & (array >= 0).all(axis=1) & (np.abs(array.sum(axis=1) - 1) < 1e-2))
    if invalid.any():
        row = int(invalid.argmax())
        raise ValueError(f"predicted: expected probabilities over axis 1, but predicted[{row}] is {array[row]}.")
    classes = as_labels(labels, len(array), array.shape[1], "labels")
    metrics = scores(np.maximum(array, np.finfo(np.float64).tiny), classes)
    counts, sums, accurate = _bins(array, array.argmax(axis=1) == classes)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / counts, accurate / counts
    return Calibration(
        len(array), metrics["log-likelihood"], metrics["Brier score"], metrics["accuracy"],
        metrics["calibration error"], _error_by_chance(array, door.as_rng(rng)), *means, counts.astype(np.int64),
    )  # fmt: skip


def _error_by_chance(predicted: Float64s, rng: np.random.Generator) -> float:
    """The 99 % quantile of the error where the predicted class is right exactly as often as its probability."""
    confidence = predicted.max(axis=1)
    errors = np.empty(SIMULATED_SETS)
    for i in range(SIMULATED_SETS):
        _, sums, accurate = _bins(predicted, rng.random(len(confidence)) < confidence)
        errors[i] = np.abs(sums - accurate).sum() / len(confidence)
    return float(np.quantile(errors, 0.99))
