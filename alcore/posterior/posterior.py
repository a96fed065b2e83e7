"""`Posterior`: saved draws as the directions of a Gaussian posterior that learns labels without training."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Bools, Float64s, Reading, ReadingOptions, Rng, shows_options
from alcore.posterior import laplace
from alcore.posterior.laplace import Learned
from alcore.posterior.likelihoods import Classes, Likelihood, Numbers, YesNo
from alcore.posterior.parts import Ints, Part
from alcore.posterior.updated_draws import UpdatedDraws


class Posterior:
    """Predictions that learn labels without training the model again.

    The T saved draws are not samples any more. They are directions. With the linear predictors z_n,c,t (log-probabilities, logits,
    or means of numbers), their mean m_n,c = Σ_t w_t z_n,c,t and a scale s,

        f_n,c = m_n,c + s Σ_t a_t √w_t (z_n,c,t − m_n,c),    a ~ N(0, I)

    is a Gaussian process with the covariance of the draws times s². Labels update a by Laplace's approximation: the mode â of
    −Σ_i log p(y_i | f_i) + ½ |a|², and the covariance H⁻¹, where H is its second derivative there. New draws take a from
    N(â, H⁻¹). So `draws` predicts any row anew, and every heuristic runs on the result. Reweighted draws are exhausted after a few
    labels. These are not, before the labels have decided about T directions.

    The draws have to be consistent: draw t is the same network for all rows of all parts. Weights of draws enter as above: a draw
    with weight 0 gives no direction, and one with a large weight a long one.

    Laplace's approximation has a bias. Against MCMC (two classes, ten draws, eight labels, 30 rows) `predictive` was off by 0.015
    on average and 0.04 at most at s = 1, by 0.034 and 0.095 at s = 2, and by 0.087 and 0.19 at s = 5, mostly towards one half. For
    kind "mean" it is exact.

    Paper of the approximation: MacKay 1992, "Bayesian interpolation"; in networks Immer et al. 2021 (arXiv:2104.04975).

    Args:
        parts: name -> predictions (N, C, T) from any source that can be read again, such as {"pool": ..., "test": ...}. One array
            is the pool. Rows are read block by block at each call, so a part may be larger than memory.
        scale: s, above 0. The default chooses it anew with each label: the scale with the largest evidence of all labels that were
            learned, under a broad prior around 1 (log s normal with standard deviation log 3). `fit_scale` chooses it from labels
            that are not learned.
        kind: as in `alcore.entropy`, for all parts. For "mean" the likelihood is Gaussian, and the update is exact.
        axes: as in `alcore.entropy`, for all parts.
        weights: (T,) one weight a draw, scaled to sum 1. The default is equal weights.
        variance: of kind "mean", as in `alcore.entropy`, or name -> variance where the parts differ. The mean over draws is used.

    Raises:
        TypeError: for what is no source of predictions.
        ValueError: for event axes, parts with other classes or draws, a source that can be read only once, and kind "mean" without
            a variance. A call that reads rows refuses invalid ones.

    Cost: to learn, some 5 steps of O(n·C·T² + T³) for n labels; to draw U times, O(N·C·T·U). Memory O(block + T²).

    >>> import alcore, numpy
    >>> rng = numpy.random.default_rng(0)
    >>> probs = rng.dirichlet([1, 1, 1], (100, 20)).transpose(0, 2, 1)
    >>> posterior = alcore.Posterior({"pool": probs})
    >>> posterior.learn([0, 1, 2], [2, 0, 1])
    >>> alcore.bald(posterior.draws("pool", count=50, rng=0)).shape
    (100,)
    """

    @shows_options(ReadingOptions)
    def __init__(self, parts: Any, *, scale: float | None = None, **options: Unpack[ReadingOptions]) -> None:
        named = _as_parts(parts)
        self._parts = {name: Part.of(name, one, _reading(options, name)) for name, one in named.items()}
        first = next(iter(self._parts.values()))
        for part in self._parts.values():
            part.check_same_cells(first)
        self._kind, self._size, self._count = first.reading.kind, first.cell_shape[0], first.cell_shape[-1]
        self._weights = door.as_shares(door.as_weights(options.get("weights"), self._count), self._count)
        self._fixed = scale is not None
        self._scale = 1.0 if scale is None else door.as_scale(scale)
        self._labels: dict[str, dict[int, Any]] = {name: {} for name in self._parts}
        self._learned: Learned | None = None
        self._gaussian = laplace.prior(self._count)

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {(part.rows, *part.cell_shape)}" for name, part in self._parts.items())
        return (
            f"Posterior({parts}; scale {self.scale:.3g}; {self.labelled} labels learned; effective dimension "
            f"{self.effective_dimension:.1f} of {self.dimension})"
        )

    @property
    def scale(self) -> float:
        """s, the factor of the draws' spread."""
        return self._scale

    @property
    def labelled(self) -> int:
        """How many labels were learned."""
        return sum(map(len, self._labels.values()))

    def shape(self, part: str = "pool") -> tuple[int, int]:
        """(N, C): how many rows a part has, and how many classes, labels or outputs. Nothing is read for it.

        Raises:
            ValueError: for an unknown part.
        """
        one = self._part(part)
        return one.rows, one.cell_shape[0]

    @property
    def dimension(self) -> int:
        """How many directions the draws have: those with a weight, less one for their mean. Labels cannot tell more than this. An
        ensemble of five members learns at most four numbers.
        """
        return max(0, int(np.count_nonzero(self._weights)) - 1)

    @property
    def effective_dimension(self) -> float:
        """Σ_j λ_j / (1 + λ_j) over the eigenvalues λ_j of H − I: how many directions the labels have decided, 0 … `dimension`."""
        return self._gaussian.effective_dimension

    @property
    def evidence(self) -> float:
        """Laplace's log evidence of the labels learned, log p(y | â) − ½ |â|² − ½ log det H, in nats. 0 before any label."""
        return self._gaussian.log_evidence

    @property
    def mode(self) -> Float64s:
        """(T,) â, the most probable coefficients of the directions. Zeros before any label."""
        return self._gaussian.mode.copy()

    @property
    def covariance(self) -> Float64s:
        """(T, T) H⁻¹, their covariance. The identity before any label."""
        return self._gaussian.covariance.copy()

    def learn(self, rows: npt.ArrayLike, labels: npt.ArrayLike, *, part: str = "pool") -> None:
        """Learn labels of some rows. One by one or all at once gives the same posterior.

        Args:
            rows: (n,) row numbers of the part.
            labels: (n,) classes, whole numbers 0 … C − 1. For kind "binary" 0 and 1, for "multilabel" (n, L) of 0 and 1, for "mean"
                (n,) or (n, D) numbers. A label that was learned before is learned once.
            part: the name of the part that has these rows.

        Raises:
            TypeError: if rows or labels are not whole numbers.
            ValueError: for an unknown part, rows outside it, labels of another length, outside 0 … C − 1 or not finite, and a row
                that was learned with another label.
        """
        places, numbers = self._checked(rows, labels, part)
        fresh = self._not_learned(places, numbers, part)
        if not fresh.any():
            return
        learned = self._of_rows(part, places[fresh], numbers[fresh])
        joined = learned if self._learned is None else self._learned.joined(learned)
        scale = self._scale if self._fixed else laplace.best_scale(joined)
        self._gaussian = laplace.updated(joined, scale, self._gaussian.mode)
        self._learned, self._scale = joined, scale
        self._labels[part].update(zip(places.tolist(), numbers.tolist(), strict=True))

    def fit_scale(self, rows: npt.ArrayLike, labels: npt.ArrayLike, *, part: str = "pool") -> float:
        """Choose the scale with the largest evidence of some labels, which are not learned.

        Args:
            rows: (n,) row numbers of the part. Labels of 50 rows or more tell the scale well.
            labels: as in `learn`.
            part: the name of the part.

        Returns:
            The scale s, from 0.03 to 100. It stays, whatever is learned later. The labels learned so far are learned anew with it.
            A scale near 100 says that no draw predicts some of the labels, as where the model was trained without a class.

        Raises:
            TypeError, ValueError: as `learn`.
        """
        found = self._of_rows(part, *self._checked(rows, labels, part))
        self._scale, self._fixed = laplace.best_scale(found), True
        if self._learned is not None:
            self._gaussian = laplace.updated(self._learned, self._scale, self._gaussian.mode)
        return self._scale

    def forget(self) -> Posterior:
        """A posterior of the same parts and scale that has learned no label."""
        clean = copy(self)
        clean._labels, clean._learned = {name: {} for name in self._parts}, None
        clean._gaussian = laplace.prior(self._count)
        return clean

    def draws(self, part: str = "pool", count: int = 100, *, rng: Rng = None) -> UpdatedDraws:
        """New draws of all rows of a part.

        Args:
            part: the name of the part.
            count: U, how many draws.
            rng: None, a seed or a `numpy.random.Generator`. Parts that are compared with each other, such as a pool and targets,
                need the same seed: then draw u is the same network for both.

        Returns:
            An `UpdatedDraws` (N, C, U): predictions that every function and heuristic takes as a source. They are computed block by
                block at each reading. Pass ``kind=draws.kind`` for kinds other than classes. ``numpy.asarray`` makes an array.

        Raises:
            ValueError: for an unknown part.
        """
        noise = door.as_rng(rng).standard_normal((self._count, door.as_size(count, "count")))
        return UpdatedDraws(self._part(part), self._mixing(self._gaussian.coefficients(noise)))

    def predictive(self, part: str = "pool", *, count: int = 200, rng: Rng = 0) -> Float64s:
        """The mean prediction of all rows of a part: E p(y | f) for classes and labels, m + Φ â for numbers.

        Args:
            part: the name of the part.
            count: how many draws are averaged, in pairs of opposite sign. For numbers none is drawn.
            rng: None, a seed or a `numpy.random.Generator`. The default is one fixed seed.

        Returns:
            (N, C) float64: probabilities of classes, (N, L) of yes, or (N, D) means.

        Raises:
            ValueError: for an unknown part.
        """
        if self._kind == "mean":
            coefficients = self._gaussian.mode[:, None]
        else:
            half = door.as_rng(rng).standard_normal((self._count, -(-door.as_size(count, "count") // 2)))
            coefficients = self._gaussian.coefficients(np.concatenate([half, -half], axis=1))
        drawn = UpdatedDraws(self._part(part), self._mixing(coefficients))
        return drawn.mean()

    # --- rows and labels ----------------------------------------------------------------------------------------------

    def _part(self, name: str) -> Part:
        if name not in self._parts:
            door.refuse_part(name, list(self._parts))
        return self._parts[name]

    def _not_learned(self, rows: Ints, labels: Any, part: str) -> Bools:
        """Which rows are new. A row that was learned with another label is refused."""
        known = self._labels[part]
        for row, label in zip(rows.tolist(), labels.tolist(), strict=True):
            if row in known and known[row] != label:
                door.refuse_other_label(row, known[row], label)
        return np.array([row not in known for row in rows.tolist()], np.bool_)

    def _checked(self, rows: npt.ArrayLike, labels: npt.ArrayLike, part: str) -> tuple[Ints, Any]:
        one = self._part(part)
        places = door.as_labelled_rows(rows, one.rows, part)
        family = door.family(self._kind)
        if family == "classes":
            return places, door.as_labels(labels, len(places), self._size, "labels")
        if family == "mean":
            return places, door.as_number_labels(labels, (len(places), self._size), "labels")
        if family == "binary":
            return places, door.as_labels(labels, len(places), 2, "labels")[:, None]
        return places, door.as_label_table(labels, len(places), self._size, "labels")

    def _of_rows(self, part: str, rows: Ints, labels: Any) -> Learned:
        predictors, noise = self._part(part).some(rows)
        means = predictors @ self._weights
        directions = np.sqrt(self._weights) * (predictors - means[..., None])
        return Learned(means, directions, _likelihood(labels, noise, self._kind))

    def _mixing(self, coefficients_tu: Float64s) -> Float64s:
        """(T, U) the matrix M with z M = m + s Φ a for each of the U columns a, so that a row needs one product."""
        rooted = np.sqrt(self._weights)
        spread = rooted[:, None] * coefficients_tu - np.outer(self._weights, rooted @ coefficients_tu)
        return np.asarray(self._weights[:, None] + self._scale * spread)


def _as_parts(parts: Any) -> dict[str, Any]:
    """Name -> predictions. One source alone is the pool."""
    if not isinstance(parts, Mapping):
        return {"pool": parts}
    if not parts:
        door.refuse_no_parts()
    for name in parts:
        if not isinstance(name, str):
            raise TypeError(
                f"parts: expected names as keys, got {door.shown(name)}. Name the parts: {{'pool': predictions}}."
            )
    return dict(parts)


def _reading(options: Mapping[str, Any], part: str) -> Reading:
    """How a part is read. ``variance`` may name one for each part."""
    variance = options.get("variance")
    if isinstance(variance, Mapping):
        if part not in variance:
            door.refuse_part_without_variance(part, list(variance))
        variance = variance[part]
    reading = Reading.of({"kind": options.get("kind", "probs"), "axes": options.get("axes"), "variance": variance})
    if reading.kind == "mean" and variance is None:
        door.refuse_no_variance("Posterior")
    return reading


def _likelihood(labels: Any, noise: Float64s | None, kind: str) -> Likelihood:
    if noise is not None:
        return Numbers(labels, noise)
    return YesNo(labels.astype(np.float64)) if labels.ndim == 2 else Classes(labels)
