"""Replay of regression: labels that are numbers, the Gaussian likelihood of each draw, and what a batch of them tells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.bench.labels import check_same_cells
from alcore.door import Array, Float64s, Kind, Reading
from alcore.scores.gaussian import read_means
from alcore.sources.reading import Source, can_reread, open_source
from alcore.sources.variances import is_constant

Ints = npt.NDArray[np.int64]
LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class LabelledMeans:
    """Means of numbers with their labels, checked and in memory. `labelled_means` returns it, and `replay` takes it.

    Attributes:
        probs: (N, D, T) means.
        variance: (N, D, T) or (N, D, 1) variances of the noise.
        labels: (N, D) numbers.
        output_weights: (D,) one factor an output, for heuristics. None for 1.
    """

    probs: Array
    variance: Array
    labels: Float64s
    output_weights: Float64s | None = None

    @property
    def kind(self) -> Kind:
        return "mean"

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The arrays with an entry a row."""
        return self.probs, self.variance, self.labels

    @property
    def draws(self) -> int:
        return int(self.probs.shape[-1])

    def options(self, left: int) -> dict[str, Any]:
        """The options with which a heuristic reads the first ``left`` rows."""
        given = {"kind": self.kind, "variance": self.variance[:left]}
        return given if self.output_weights is None else {**given, "output_weights": self.output_weights}

    def of_rows(self, rows: Ints) -> LabelledMeans:
        """A copy of some rows, in the order named."""
        return replace(self, probs=self.probs[rows], variance=self.variance[rows], labels=self.labels[rows])

    def of_draws(self, draws: Ints, left: int) -> LabelledMeans:
        """The first ``left`` rows with some of the draws."""
        noise = self.variance[:left]
        return replace(
            self,
            probs=np.ascontiguousarray(self.probs[:left, :, draws]),
            variance=noise.copy() if noise.shape[-1] == 1 else np.ascontiguousarray(noise[..., draws]),
            labels=self.labels[:left].copy(),
        )

    def log_likelihoods(self, rows: Ints) -> Float64s:
        """(n, T) Σ_d log N(y_d; μ_td, σ²_td): the log density of the true labels under each draw."""
        means, noise = self.probs[rows].astype(np.float64), self.variance[rows].astype(np.float64)
        error = self.labels[rows][..., None] - means
        return np.asarray(-0.5 * (error**2 / noise + np.log(noise) + LOG_2PI).sum(axis=1))

    def metrics(self, weights: Float64s) -> dict[str, float]:
        """The mean log density of the labels under the mixture of draws, and the root mean squared error of its mean."""
        with np.errstate(divide="ignore"):
            terms = self.log_likelihoods(np.arange(len(self.labels))) + np.log(weights)
        most = terms.max(axis=1, keepdims=True)
        density = most[:, 0] + np.log(np.exp(terms - most).sum(axis=1))
        error = self.labels - self.probs.astype(np.float64) @ weights
        return {"log-likelihood": float(density.mean()), "RMSE": float(np.sqrt((error**2).mean()))}


def labelled_means(
    means: Any,
    labels: npt.ArrayLike,
    variance: Any,
    *,
    axes: Any = None,
    output_weights: npt.ArrayLike | None = None,
    name: str = "means",
    labels_name: str = "labels",
) -> LabelledMeans:
    """Read means with their labels into memory and check them, as `replay` needs them.

    Args:
        means: (N, D, T) from any source, or (N, T) for one output.
        labels: (N,) numbers for one output, or (N, D).
        variance: the variances of the noise, as in `alcore.entropy`.
        axes: the order of the axes of ``means``, such as "TNC".
        output_weights: (D,) one factor an output, for the heuristics.
        name: the name of ``means`` in error messages.
        labels_name: the name of ``labels`` in error messages.

    Returns:
        The means as ``probs`` (N, D, T), with ``variance`` and ``labels``. Cost O(N·D·T) time and memory.

    Raises:
        TypeError: for labels that are not numbers.
        ValueError: for event axes, means or variances that `alcore.bald` refuses, and labels of another shape or not finite.

    >>> import alcore.bench, numpy
    >>> alcore.bench.labelled_means(numpy.ones((3, 5)), [0.9, 1.1, 1.0], 0.1).labels.shape
    (3, 1)
    """
    reading = Reading.of({"kind": "mean", "axes": axes, "variance": variance})
    found, noise = read_means(means, reading, name)
    numbers = door.as_number_labels(labels, found.shape[:2], labels_name)
    weights = None if output_weights is None else door.as_output_weights(output_weights, found.shape[1])
    return LabelledMeans(found, noise, numbers, weights)


@dataclass(frozen=True, eq=False)
class MeansAndTest:
    """The labelled pool and the labelled test set of a comparison of means. Parts that were not given are None.

    Attributes:
        pool: the pool for replay.
        test: the test set.
        left_out: part of the comparison that is left out -> the reason.
    """

    pool: LabelledMeans | None
    test: LabelledMeans | None
    left_out: dict[str, str]


def read_means_and_test(
    source: Source, predictions: Any, labels: Any, test: Any, test_labels: Any, reading: Reading, test_variance: Any
) -> MeansAndTest:
    """Read and check what `alcore.bench.compare` takes beside the means of the pool."""
    if reading.variance is not None and not is_constant(reading.variance, None) and not can_reread(reading.variance):
        door.refuse_single_reading("variance", "Every heuristic reads them", reading.kind, reading.axes)
    if source.events:
        return MeansAndTest(None, None, {})
    if test is not None:
        check_same_cells(open_source(test, reading.of_targets, "test"), source.cell_shape, "test")
    given = {"labels of the pool": labels, "a test set": test, "labels of the test set": test_labels}
    lacking = [name for name, value in given.items() if value is None]
    options: dict[str, Any] = {"axes": reading.axes, "output_weights": reading.output_weights}
    pool = None if labels is None else labelled_means(predictions, labels, reading.variance, **options)
    if lacking:
        return MeansAndTest(pool, None, {"replay": f"it needs {', '.join(lacking)}"})
    noise = reading.variance if test_variance is None else test_variance
    if test_variance is None and not is_constant(noise, None):
        raise ValueError(
            "test_variance: expected the variances of the noise of the test set, as variance is not one number for all rows, got "
            "None. Pass test_variance=0.25, or an array (M, D, T) or (M, D)."
        )
    names = {"name": "test", "labels_name": "test_labels"}
    return MeansAndTest(pool, labelled_means(test, test_labels, noise, **options, **names), {})


def check_test_variance(kind: Kind, test: Any, test_variance: Any) -> None:
    """Refuse variances that belong to nothing."""
    if test_variance is None:
        return
    if kind != "mean":
        raise ValueError(
            f"test_variance: expected kind='mean' beside it, got kind={kind!r}. If the predictions are means of numbers, pass "
            "kind='mean'. Otherwise leave test_variance out."
        )
    if test is None:
        raise ValueError(
            "test_variance: expected a test set beside it, test=means, got none. Pass the means of the test set, or leave "
            "test_variance out."
        )


def information_of_means(pool_means: Array, noise: Array, shares: Float64s) -> Float64s:
    """(k + 1,) the information ½ log det(I + S^−½ Σ S^−½) of the first 0, 1, … k rows."""
    weights = np.sqrt(shares)
    scale = 1 / np.sqrt((noise.astype(np.float64) * (shares if noise.shape[-1] > 1 else 1.0)).sum(axis=-1))
    means = pool_means.astype(np.float64)
    deviations = (means - (means @ shares)[..., None]) * weights * scale[..., None]
    outputs = means.shape[1]
    flat = deviations.reshape(-1, len(shares))
    lower = np.linalg.cholesky(np.eye(len(flat)) + flat @ flat.T)
    each = np.log(lower.diagonal()).reshape(-1, outputs).sum(axis=1)
    return np.concatenate([[0.0], np.cumsum(each)])
