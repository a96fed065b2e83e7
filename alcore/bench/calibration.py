"""Calibration: do probabilities match how often predictions are right? Reliability by bins, and scores of predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.bench.labels import Ints
from alcore.door import Array, Float64s, Kind

BINS = 15
SIMULATED_SETS = 1_000  # sets of labels drawn from the predictions themselves
SMALL_ERROR = 0.02  # calibration errors up to this do no harm


@dataclass(frozen=True, eq=False)
class Calibration:
    """How good the probabilities of M labelled rows are. `calibration` returns it.

    Attributes:
        rows: M, the number of rows.
        log_likelihood: mean of ln p(label), in nats, at most 0. Higher is better.
        brier: Brier score, the mean of Σ_c (p_c − [c = label])², 0 to 2. Lower is better.
        accuracy: share of rows whose most probable class is the label, 0 to 1.
        error: expected calibration error, Σ_b m_b/M · |accuracy_b − confidence_b| over 15 bins b of equal width with m_b rows, 0
            to 1 (Guo et al. 2017, arXiv:1706.04599).
        by_chance: the error that perfectly calibrated predictions exceed in only 1 of 100 sets of labels (1 000 sets are drawn
            from the predictions themselves). A smaller error shows nothing.
        confidence: (15,) mean probability of the predicted class in each bin. NaN for an empty bin.
        accuracy_of: (15,) share of right predictions in each bin. NaN for an empty bin.
        counts: (15,) number of rows in each bin.
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
        """True if the calibration error is larger than chance explains, and larger than 0.02."""
        return self.error > max(self.by_chance, SMALL_ERROR)

    @property
    def overconfident(self) -> bool:
        """True if the mean confidence of all rows is above their accuracy."""
        filled = self.counts > 0
        gap = (self.confidence - self.accuracy_of)[filled] * self.counts[filled]
        return bool(gap.sum() > 0)


def scores(predicted: Float64s, labels: Ints) -> dict[str, float]:
    """The metrics of replay's curves, for predictive probabilities (M, C) that are above zero at each label."""
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
    """For each bin: number of rows, sum of confidence, number of right predictions."""
    confidence = predicted.max(axis=1)
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    summed = np.ones(len(right)), confidence, right
    counts, sums, accurate = (np.bincount(bins, values, BINS).astype(np.float64) for values in summed)
    return counts, sums, accurate


def predictive(probs: Array, weights: Float64s | None, tiny: float) -> Float64s:
    """(M, C) Σ_t w_t p_t in float64, at least ``tiny``."""
    shares = door.as_shares(weights, probs.shape[-1])
    return np.asarray(np.maximum((probs @ shares.astype(probs.dtype)).astype(np.float64), tiny))


def calibration(
    predicted: npt.ArrayLike, labels: npt.ArrayLike, *, kind: str = "probs", rng: door.Rng = 0
) -> Calibration:
    """Measure how good predictive probabilities are: log-likelihood, Brier score, accuracy and calibration error.

    The expected calibration error is Σ_b m_b/M · |accuracy_b − confidence_b| over 15 bins b of equal width with m_b rows (Guo et
    al. 2017, arXiv:1706.04599). The labels may all be of one class, because each row is judged by itself.

    Args:
        predicted: (M, C) probabilities, the mean over draws: ``probs.mean(axis=-1)``.
        labels: (M,) classes, whole numbers 0 … C − 1. For kind "multilabel" (M, L), 1 where a row has a label and 0 where not.
        kind: "multilabel" where ``predicted`` are probabilities (M, 2^L) of label vectors, as `labelled` makes them:
            ``labelled(probs, labels, kind="multilabel").probs.mean(axis=-1)``.
        rng: None, a seed or a generator, for the error by chance.

    Returns:
        A `Calibration`. Log-likelihood in nats, the others without unit. Cost O(1 000·M) time for the error by chance.

    Raises:
        ValueError: for another shape, values that are not probabilities, and labels of another length or outside 0 … C − 1.
        TypeError: if the labels are not whole numbers.

    >>> import alcore.bench, numpy
    >>> found = alcore.bench.calibration(numpy.array([[0.9, 0.1], [0.2, 0.8]]), [0, 1])
    >>> found.accuracy, round(found.error, 6)
    (1.0, 0.15)
    """
    array, known = np.asarray(predicted, np.float64), door.as_kind(kind)
    _check_predicted(array, known)
    classes = door.as_labels(labels, len(array), array.shape[1], "labels", known)
    metrics = scores(np.maximum(array, np.finfo(np.float64).tiny), classes)
    counts, sums, accurate = _bins(array, array.argmax(axis=1) == classes)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / counts, accurate / counts
    return Calibration(
        len(array), metrics["log-likelihood"], metrics["Brier score"], metrics["accuracy"],
        metrics["calibration error"], _error_by_chance(array, door.as_rng(rng)), *means, counts.astype(np.int64),
    )  # fmt: skip


def _check_predicted(array: Float64s, kind: Kind) -> None:
    several = door.family(kind) == "multilabel"
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError(
            f"predicted: expected shape (M, C), the mean over draws, got {array.shape}. Pass probs.mean(axis=-1)."
        )
    invalid = ~(np.isfinite(array).all(axis=1) & (array >= 0).all(axis=1) & (np.abs(array.sum(axis=1) - 1) < 1e-2))
    if several and (invalid.any() or array.shape[1].bit_count() != 1):
        raise ValueError(
            f"predicted: expected probabilities (M, 2^L) of the label vectors for kind={kind!r}, got shape {array.shape}"
            f"{' with rows that do not sum to 1' if invalid.any() else ''}. Pass "
            f"alcore.bench.labelled(probs, labels, kind={kind!r}).probs.mean(axis=-1)."
        )
    if invalid.any():
        row = int(invalid.argmax())
        raise ValueError(
            f"predicted: expected probabilities over axis 1, but predicted[{row}] is {array[row]}. Logits need a softmax: "
            "scipy.special.softmax(logits, axis=1)."
        )


def _error_by_chance(predicted: Float64s, rng: np.random.Generator) -> float:
    """The 99 % quantile of the error of predictions whose class is right exactly as often as its probability says."""
    confidence = predicted.max(axis=1)
    errors = np.empty(SIMULATED_SETS)
    for i in range(SIMULATED_SETS):
        _, sums, accurate = _bins(predicted, rng.random(len(confidence)) < confidence)
        errors[i] = np.abs(sums - accurate).sum() / len(confidence)
    return float(np.quantile(errors, 0.99))
