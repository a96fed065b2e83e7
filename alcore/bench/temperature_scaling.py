"""Temperature scaling: one number that makes probabilities less sure, or more, fitted on labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.bench.calibration import Calibration, calibration, predictive
from alcore.bench.labels import LabelledPredictions, as_labels
from alcore.door import Array, Float64s

COLDEST, HOTTEST = 0.05, 20.0  # temperatures tried
FITTED_ROWS = 2_000  # that a temperature is fitted on, at most
BLOCK_SIZE = 1 << 22  # probabilities tempered at a time


def temperature(probs: Array, labels: npt.ArrayLike, *, weights: npt.ArrayLike | None = None) -> float:
    """The temperature τ that makes labelled rows likeliest: each draw's logits are divided by it, then draws are averaged.

    τ = argmax Σ_i ln Σ_t w_t softmax(ln p_it / τ)[y_i], over 0.05 ≤ τ ≤ 20. Above 1 a model is made less sure. Guo et al. 2017
    (arXiv:1706.04599); of each draw, so that the draws of `tempered` can be ranked by any heuristic. Labels of one class will do:
    a row adds to the likelihood whatever class the others are of. Where every draw is right about every row the likelihood grows
    as long as τ falls, and the result, 0.05, says nothing of other rows: pass more, the model being wrong about some.

    Args:
        probs: (N, C, T) of labelled rows, not of those that the result is then judged on.
        labels: (N,) their classes.
        weights: (T,) over draws.

    >>> import alcore.bench, numpy
    >>> probs = numpy.array([[[0.99], [0.01]]] * 4)
    >>> round(alcore.bench.temperature(probs, [0, 0, 0, 1]), 2)
    4.18
    """
    from scipy.optimize import minimize_scalar

    array = door.as_array(probs, "probs")
    shares = door.as_weights(weights, array.shape[-1])
    classes = as_labels(labels, len(array), array.shape[1], "labels")
    rows = np.arange(len(array))
    tiny = float(np.finfo(array.dtype).smallest_subnormal)

    def loss(log_temperature: float) -> float:
        predicted = _tempered_mean(array, float(np.exp(log_temperature)), shares, tiny)
        return -float(np.log(predicted[rows, classes]).mean())

    bounds = float(np.log(COLDEST)), float(np.log(HOTTEST))
    best = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return COLDEST if loss(bounds[0]) <= best.fun else float(np.exp(best.x))


def tempered(probs: Array, temperature: float) -> Array:
    """(N, C, ..., T) probabilities whose logits are divided by a temperature: p^{1/τ}, normalised over axis 1.

    >>> import alcore.bench, numpy
    >>> alcore.bench.tempered(numpy.array([[[0.8], [0.2]]]), 2.0)[0, :, 0].round(3).tolist()
    [0.667, 0.333]
    """
    if not (tau := door.as_finite(temperature, "temperature")) > 0:
        raise ValueError(f"temperature: expected a number above 0, got {temperature}.")
    array = door.as_array(probs, "probs")
    tiny = np.finfo(array.dtype).smallest_subnormal
    wide = array if array.dtype == np.float64 else array.astype(np.float32)
    logs = np.log(np.maximum(wide, wide.dtype.type(tiny))) / wide.dtype.type(tau)
    logs -= logs.max(axis=1, keepdims=True)
    np.exp(logs, out=logs)
    logs /= logs.sum(axis=1, keepdims=True)
    return np.asarray(logs.astype(array.dtype))


def _tempered_mean(probs: Array, tau: float, shares: Float64s | None, tiny: float) -> Float64s:
    """(N, C) the mean over tempered draws."""
    step = max(1, BLOCK_SIZE // max(1, probs[:1].size))
    parts = [predictive(tempered(probs[i : i + step], tau), shares, tiny) for i in range(0, len(probs), step)]
    return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Tempering:
    """Calibration of test rows before and after a temperature fitted on labelled rows of the pool."""

    before: Calibration
    after: Calibration | None = None
    temperature: float | None = None

    @property
    def states(self) -> dict[str, Calibration]:
        """Name in tables and pictures -> calibration."""
        tempered = {} if self.after is None else {f"temperature {self.temperature:.3f}": self.after}
        return {"as it is": self.before, **tempered}


def temper(
    pool: LabelledPredictions | None, test: LabelledPredictions, weights: Float64s | None, rng: np.random.Generator
) -> Tempering:
    """Calibration of test rows; where the pool has labels, also at the temperature fitted on those."""
    before = calibration(predictive(test.probs, weights, test.tiny), test.labels, rng=rng)
    if pool is None:
        return Tempering(before)
    rows = rng.permutation(len(pool.labels))[:FITTED_ROWS]
    tau = temperature(pool.probs[rows], pool.labels[rows], weights=weights)
    if tau == COLDEST:  # the likelihood has no maximum
        return Tempering(before)
    after = calibration(_tempered_mean(test.probs, tau, weights, test.tiny), test.labels, rng=rng)
    return Tempering(before, after, tau)
