"""Temperature scaling: one number, fitted on labels, that makes probabilities less confident or more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.bench.calibration import Calibration, calibration, predictive
from alcore.bench.labels import LabelledPredictions
from alcore.door import Array, Float64s

COLDEST, HOTTEST = 0.05, 20.0  # the range of temperatures
FITTED_ROWS = 2_000  # the most rows that a temperature is fitted on
BLOCK_SIZE = 1 << 22  # probabilities tempered at a time


def temperature(probs: Array, labels: npt.ArrayLike, *, weights: npt.ArrayLike | None = None) -> float:
    """Fit the temperature τ that maximises the likelihood of labelled rows (Guo et al. 2017, arXiv:1706.04599).

    τ = argmax Σ_i ln Σ_t w_t softmax(ln p_it / τ)[y_i], over 0.05 ≤ τ ≤ 20. The logits of each draw are divided by τ, then the
    draws are averaged, so that any heuristic can rank the draws of `tempered`. τ above 1 makes a model less confident. The labels
    may all be of one class. If every draw is right about every row, the likelihood grows while τ falls, and the result is 0.05.
    It says nothing about other rows then: pass more rows, with some that the model gets wrong.

    Args:
        probs: (N, C, T) probabilities of labelled rows. Do not judge the result on the same rows.
        labels: (N,) classes, whole numbers 0 … C − 1.
        weights: (T,) weights of the draws.

    Returns:
        τ as a float, 0.05 … 20, no unit. Cost O(N·C·T) time for each of about 20 temperatures that it tries.

    Raises:
        TypeError: if the labels are not whole numbers.
        ValueError: for labels of another length or outside 0 … C − 1, and for wrong weights.

    >>> import alcore.bench, numpy
    >>> probs = numpy.array([[[0.99], [0.01]]] * 4)
    >>> round(alcore.bench.temperature(probs, [0, 0, 0, 1]), 2)
    4.18
    """
    from scipy.optimize import minimize_scalar

    array = door.as_array(probs, "probs")
    shares = door.as_weights(weights, array.shape[-1])
    classes = door.as_labels(labels, len(array), array.shape[1], "labels")
    rows = np.arange(len(array))
    tiny = float(np.finfo(array.dtype).smallest_subnormal)

    def loss(log_temperature: float) -> float:
        predicted = _tempered_mean(array, float(np.exp(log_temperature)), shares, tiny)
        return -float(np.log(predicted[rows, classes]).mean())

    bounds = float(np.log(COLDEST)), float(np.log(HOTTEST))
    best = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return COLDEST if loss(bounds[0]) <= best.fun else float(np.exp(best.x))


def tempered(probs: Array, temperature: float) -> Array:
    """Divide the logits of probabilities by a temperature: p^(1/τ) / Σ_c p_c^(1/τ), over the classes (arXiv:1706.04599).

    Args:
        probs: (N, C, ..., T) probabilities.
        temperature: τ, above 0. Above 1 the probabilities become less confident. `alcore.bench.temperature` fits it.

    Returns:
        (N, C, ..., T) probabilities of the same type as ``probs``. Cost O(N·C·…·T) time and memory.

    Raises:
        TypeError: if ``temperature`` is not a number, or ``probs`` not an array of floats.
        ValueError: if ``temperature`` is not finite or not above 0.

    >>> import alcore.bench, numpy
    >>> alcore.bench.tempered(numpy.array([[[0.8], [0.2]]]), 2.0)[0, :, 0].round(3).tolist()
    [0.667, 0.333]
    """
    if not (tau := door.as_finite(temperature, "temperature")) > 0:
        raise ValueError(f"temperature: expected a number above 0, got {temperature}. 1 changes nothing.")
    array = door.as_array(probs, "probs")
    tiny = np.finfo(array.dtype).smallest_subnormal
    wide = array if array.dtype == np.float64 else array.astype(np.float32)
    logs = np.log(np.maximum(wide, wide.dtype.type(tiny))) / wide.dtype.type(tau)
    logs -= logs.max(axis=1, keepdims=True)
    np.exp(logs, out=logs)
    logs /= logs.sum(axis=1, keepdims=True)
    return np.asarray(logs.astype(array.dtype))


def _tempered_mean(probs: Array, tau: float, shares: Float64s | None, tiny: float) -> Float64s:
    """(N, C) the mean over the draws after temperature scaling."""
    step = max(1, BLOCK_SIZE // max(1, probs[:1].size))
    parts = [predictive(tempered(probs[i : i + step], tau), shares, tiny) for i in range(0, len(probs), step)]
    return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Tempering:
    """Calibration of the test set before and after temperature scaling. The temperature is fitted on labelled rows of the pool.

    Attributes:
        before: `Calibration` of the predictions as they are.
        after: `Calibration` after temperature scaling. None if no temperature was fitted.
        temperature: the fitted temperature τ. None if none was fitted.
    """

    before: Calibration
    after: Calibration | None = None
    temperature: float | None = None

    @property
    def states(self) -> dict[str, Calibration]:
        """Name in tables and pictures -> `Calibration`."""
        tempered = {} if self.after is None else {f"temperature {self.temperature:.3f}": self.after}
        return {"as it is": self.before, **tempered}


def temper(
    pool: LabelledPredictions | None, test: LabelledPredictions, weights: Float64s | None, rng: np.random.Generator
) -> Tempering:
    """Calibration of the test set. If the pool has labels, also after temperature scaling."""
    before = calibration(predictive(test.probs, weights, test.tiny), test.labels, rng=rng)
    if pool is None:
        return Tempering(before)
    rows = rng.permutation(len(pool.labels))[:FITTED_ROWS]
    tau = temperature(pool.probs[rows], pool.labels[rows], weights=weights)
    if tau == COLDEST:  # the likelihood has no maximum
        return Tempering(before)
    after = calibration(_tempered_mean(test.probs, tau, weights, test.tiny), test.labels, rng=rng)
    return Tempering(before, after, tau)
