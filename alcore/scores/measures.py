"""Row-wise measures of predictions (N, C, ..., T) -> (N, ...): higher = ask first.

Each public function opens the source and reads it once, block by block. Its private twin has the same name and calls the kernel.
The heuristic objects use the twin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from alcore import door
from alcore.door import Array, Bools, Float64s, Reading, ReadingOptions, shows_options
from alcore.scores import gaussian
from alcore.sources.blocks import Block, CellMeasure, LogitKernel, score_blocks
from alcore.sources.cells import outcomes_of
from alcore.sources.names import with_names

# Below this many nats a float32 BALD is computed again in the relatively accurate form: the difference of entropies is off by
# 1e-6 at 10 classes and up to 4e-6 at 1000 classes or a million draws, so above it the relative error stays under 1e-3.
ACCURATE_BELOW = 4e-3

OF_YES = {"entropy", "expected_entropy", "expected_entropy32", "bald", "bald32"}  # with kernels of their own


@shows_options()
def entropy(probs: Any, **options: Unpack[ReadingOptions]) -> Float64s:
    """Predictive entropy H[p̄] = −Σ_c p̄_c log p̄_c with p̄ = Σ_t w_t p_t: the total uncertainty.

    Of kind "mean" it is Σ_d a_d ½ log(2πe (Var_t μ_td + Σ_t w_t σ²_td)): the entropy of a Gaussian with the mean and the variance
    of the draws' mixture. It may be negative, and it depends on the unit of the means.
    Papers: Shannon 1948; Gal et al. 2017 (arXiv:1703.02910).

    Args:
        probs: (N, C, ..., T) probabilities or logits from any source: an array, a memmap, a path, a zarr, HDF5 or dask
            array, a tensor, or an iterable of blocks.
        kind: what the numbers are: "probs" or "logits" of classes (the function takes the softmax of logits over the classes),
            "binary" or "binary_logits" for one probability of yes, (N, T) or (N, 1, ..., T), or "multilabel" or
            "multilabel_logits" for L labels, each of them yes or no, (N, L, ..., T), or "mean" for the means of D numbers,
            (N, D, ..., T) or (N, T).
        axes: the order of the axes, where it is not (N, C, ..., T): one letter an axis, such as "TNC". N rows, C classes or
            labels, T draws (or S and D, chains and draws), any other capital letter an event axis. "NC": one prediction a row. An
            array of xarray says it by the names of its dimensions.
        over_labels: "sum", "mean" or "max": how the scores of several labels become the score of a row. Labels are independent
            given the draw, so the sum of `expected_entropy`, and of `pairwise_kl`, is that of the label vector. Other sums are at
            least the measure of the label vector. `entropy` and `bald` exceed it by the total correlation of the labels.
        weights: (T,) one weight a draw, scaled to sum 1. The default is equal weights. A draw with twice the weight counts
            as two equal draws.
        variance: of kind "mean", the variances σ² of the noise: (N, D, ..., T) or (N, D, ...) as the means lie, from any source,
            (D,) one an output, or one number. Blocks may be pairs (means, variances) instead.
        output_weights: of kind "mean", (D,) one factor a_d an output, at least 0. The default is 1 each, which adds the outputs.

    Returns:
        (N, ...) float64, nats, 0 … log C. The cost is O(N·C·T) time for one read, and O(block) memory.

    Raises:
        TypeError: `probs` is not an array of floating-point numbers, or an option has the wrong type.
        ValueError: a row is not a finite distribution over axis 1 (the message names the row), or a shape or an option is wrong.

    >>> import alcore, numpy
    >>> probs = numpy.array([[[0.2], [0.5], [0.3]]])
    >>> alcore.entropy(probs).round(6)
    array([1.029653])
    """
    return _score(probs, _entropy, options)


@shows_options()
def expected_entropy(probs: Any, **options: Unpack[ReadingOptions]) -> Float64s:
    """Expected entropy Σ_t w_t H[p_t]: the aleatoric uncertainty, which labels do not reduce.

    The predictive entropy H[p̄] is the sum of this and `bald`. Of kind "mean" it is Σ_d a_d ½ (log 2πe + Σ_t w_t log σ²_td), which
    may be negative. Paper: Depeweg et al. 2018 (arXiv:1710.07283).

    Args:
        probs: (N, C, ..., T), as in `entropy`.
        kind: as in `entropy`.
        axes: as in `entropy`.
        over_labels: as in `entropy`.
        weights: as in `entropy`.
        variance: as in `entropy`.
        output_weights: as in `entropy`.

    Returns:
        (N, ...) float64, nats, 0 … log C. The cost is O(N·C·T) time for one read, and O(block) memory.

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`.

    >>> import alcore, numpy
    >>> certain_but_opposed = numpy.array([[[1.0, 0.0], [0.0, 1.0]]])
    >>> alcore.expected_entropy(certain_but_opposed)
    array([0.])
    """
    return _score(probs, _expected_entropy, options)


@shows_options()
def bald(probs: Any, **options: Unpack[ReadingOptions]) -> Float64s:
    """BALD, the mutual information of label and model, I(y; θ) = H[p̄] − Σ_t w_t H[p_t]: the epistemic uncertainty.

    The function computes Σ_c p̄_c Σ_t w_t f(p_tc/p̄_c − 1) with f(δ) = (1+δ) log(1+δ) − δ. This form keeps its relative accuracy
    however small the score is. For float32 with equal weights the function takes the difference of entropies where that is at least
    4e-3 nats.

    Of kind "mean" it is Σ_d a_d ½ [log(Var_t μ_td + σ̄²_d) − Σ_t w_t log σ²_td] with σ̄²_d = Σ_t w_t σ²_td: the information of a
    Gaussian label with the mean and the variance of the draws' mixture. It is an upper bound. The mixture's own information is that
    only as its means become Gaussian, and at most H(w). The function computes log(1 + Var_t μ_td / σ̄²_d) and
    Σ_t w_t (δ − log(1 + δ)) with δ = σ²_td / σ̄²_d − 1, in float64, which keep their relative accuracy. Without a `variance` it is
    refused. Papers: Houlsby et al. 2011 (arXiv:1112.5745); Gal et al. 2017 (arXiv:1703.02910).

    Args:
        probs: (N, C, ..., T), as in `entropy`.
        kind: as in `entropy`.
        axes: as in `entropy`.
        over_labels: as in `entropy`.
        weights: as in `entropy`.
        variance: as in `entropy`.
        output_weights: as in `entropy`.

    Returns:
        (N, ...) float64, nats, 0 … min(log C, log T), never negative. The cost is O(N·C·T) time, about one read of the array,
            and O(block) memory.

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`.

    >>> import alcore, numpy
    >>> certain_but_opposed = numpy.array([[[1.0, 0.0], [0.0, 1.0]]])
    >>> alcore.bald(certain_but_opposed).round(6)
    array([0.693147])
    """
    return _score(probs, _bald, options)


@shows_options()
def margin(probs: Any, **options: Unpack[ReadingOptions]) -> Float64s:
    """Margin 1 − (p̄₍₁₎ − p̄₍₂₎) between the two most probable classes of p̄ = Σ_t w_t p_t.

    The literature asks for the smallest difference. This function subtracts it from 1, so that higher = ask first.
    Paper: Scheffer et al. 2001, "Active hidden Markov models for information extraction".

    Args:
        probs: (N, C, ..., T), as in `entropy`.
        kind: as in `entropy`.
        axes: as in `entropy`.
        over_labels: as in `entropy`.
        weights: as in `entropy`.
        variance: of kind "mean", which this measure refuses.
        output_weights: of kind "mean", which this measure refuses.

    Returns:
        (N, ...) float64, 0 … 1, no unit. The cost is O(N·C·T) time for one read, and O(block) memory.

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`.

    >>> import alcore, numpy
    >>> alcore.margin(numpy.array([[[0.2], [0.5], [0.3]]])).round(6)
    array([0.8])
    """
    return _score(probs, _margin, options)


@shows_options()
def least_confidence(probs: Any, **options: Unpack[ReadingOptions]) -> Float64s:
    """Least confidence 1 − max_c p̄_c with p̄ = Σ_t w_t p_t: the probability that the most probable class is wrong.

    Paper: Lewis & Gale 1994 (arXiv:cmp-lg/9407020).

    Args:
        probs: (N, C, ..., T), as in `entropy`.
        kind: as in `entropy`.
        axes: as in `entropy`.
        over_labels: as in `entropy`.
        weights: as in `entropy`.
        variance: of kind "mean", which this measure refuses.
        output_weights: of kind "mean", which this measure refuses.

    Returns:
        (N, ...) float64, 0 … 1 − 1/C, no unit. The cost is O(N·C·T) time for one read, and O(block) memory.

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`.

    >>> import alcore, numpy
    >>> alcore.least_confidence(numpy.array([[[0.2], [0.5], [0.3]]]))
    array([0.5])
    """
    return _score(probs, _least_confidence, options)


@shows_options()
def variation_ratio(probs: Any, **options: Unpack[ReadingOptions]) -> Float64s:
    """Variation ratio 1 − max_c Σ_t w_t [c = argmax_d p_td]: the weight of the draws that do not vote for the modal class.

    Each draw votes for its most probable class. In a tie it votes for the lowest class. Paper: Gal et al. 2017 (arXiv:1703.02910).

    Args:
        probs: (N, C, ..., T), as in `entropy`.
        kind: as in `entropy`.
        axes: as in `entropy`.
        over_labels: as in `entropy`.
        weights: as in `entropy`.
        variance: of kind "mean", which this measure refuses.
        output_weights: of kind "mean", which this measure refuses.

    Returns:
        (N, ...) float64, 0 … 1 − 1/min(C, T), no unit. The cost is O(N·C·T) time for one read, and O(block) memory.

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`.

    >>> import alcore, numpy
    >>> votes = numpy.array([[[0.9, 0.8, 0.3], [0.1, 0.2, 0.7]]])
    >>> alcore.variation_ratio(votes).round(6)
    array([0.333333])
    """
    return _score(probs, _variation_ratio, options)


@shows_options()
def vote_entropy(probs: Any, **options: Unpack[ReadingOptions]) -> Float64s:
    """Vote entropy −Σ_c v_c log v_c with v_c = Σ_t w_t [c = argmax_d p_td]: the entropy of the draws' votes.

    Each draw votes for its most probable class. In a tie it votes for the lowest class. The measure comes from query by committee.
    Paper: Dagan & Engelson 1995, "Committee-based sampling for training probabilistic classifiers".

    Args:
        probs: (N, C, ..., T), as in `entropy`.
        kind: as in `entropy`.
        axes: as in `entropy`.
        over_labels: as in `entropy`.
        weights: as in `entropy`.
        variance: of kind "mean", which this measure refuses.
        output_weights: of kind "mean", which this measure refuses.

    Returns:
        (N, ...) float64, nats, 0 … min(log C, log T). The cost is O(N·C·T) time for one read, and O(block) memory.

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`.

    >>> import alcore, numpy
    >>> votes = numpy.array([[[0.9, 0.2], [0.1, 0.8]]])
    >>> alcore.vote_entropy(votes).round(6)
    array([0.693147])
    """
    return _score(probs, _vote_entropy, options)


@shows_options()
def mean_std(probs: Any, **options: Unpack[ReadingOptions]) -> Float64s:
    """Mean standard deviation (1/C) Σ_c sqrt(Σ_t w_t (p_tc − p̄_c)²) over draws, with p̄ = Σ_t w_t p_t.

    Of kind "mean" it is (1/D) Σ_d a_d sqrt(Var_t μ_td), in the unit of the means, and needs no `variance`.
    Papers: Kampffmeyer et al. 2016; Gal et al. 2017 (arXiv:1703.02910).

    Args:
        probs: (N, C, ..., T), as in `entropy`.
        kind: as in `entropy`.
        axes: as in `entropy`.
        over_labels: as in `entropy`.
        weights: as in `entropy`.
        variance: as in `entropy`.
        output_weights: as in `entropy`.

    Returns:
        (N, ...) float64, 0 … 1/2, no unit. The cost is O(N·C·T) time for one read, and O(block) memory.

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`.

    >>> import alcore, numpy
    >>> alcore.mean_std(numpy.array([[[1.0, 0.0], [0.0, 1.0]]]))
    array([0.5])
    """
    return _score(probs, _mean_std, options)


@shows_options()
def pairwise_kl(probs: Any, *, floor: float = 0.0, **options: Unpack[ReadingOptions]) -> Float64s:
    """Expected pairwise divergence Σ_t Σ_u w_t w_u KL(p_t ‖ p_u) of the draws (EPKL). Pairs with t = u are included.

    The function computes Σ_c Σ_t w_t (p_tc − p̄_c) log(p_tc/p̄_c), where every term is at least 0.
    Paper: Malinin et al. 2020 (arXiv:2006.10562).

    Args:
        probs: (N, C, ..., T), as in `entropy`.
        floor: the smallest probability used, 0 or above and under 1. The function raises smaller probabilities to it and does not
            renormalise. With the default 0 a score is +∞ where one draw gives a class probability 0 and another draw does not.
            Only `top` ranks infinite scores. A very low logit becomes probability 0 too: 87 under the largest logit in float32,
            700 under it in float64.
        kind: as in `entropy`.
        axes: as in `entropy`.
        over_labels: as in `entropy`.
        weights: as in `entropy`.
        variance: of kind "mean", which this measure refuses.
        output_weights: of kind "mean", which this measure refuses.

    Returns:
        (N, ...) float64, nats, at least `bald`. The cost is O(N·C·T) time, not O(T²), for one read, and O(block) memory.

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`, and for a `floor` outside its range.

    >>> import alcore, numpy
    >>> opposed = numpy.array([[[1.0, 0.0], [0.0, 1.0]], [[0.6, 0.4], [0.4, 0.6]]])
    >>> alcore.pairwise_kl(opposed).round(6)
    array([     inf, 0.040547])
    >>> alcore.pairwise_kl(opposed, floor=1e-3).round(6)
    array([3.450424, 0.040547])
    """
    return _score(probs, _pairwise_kl(door.as_floor(floor)), options)


# --- the twins: cells (R, C, T) in, scores (R,) and validity (R,) out -------------------------------------------------


def _score(probs: Any, measure: CellMeasure, options: ReadingOptions) -> Float64s:
    reading = Reading.of(options, ReadingOptions)
    return with_names(score_blocks(probs, lambda block: score_block(block, measure), reading), probs, reading)


def score_block(block: Block, measure: CellMeasure) -> Float64s:
    """The measure of every cell of a block, whatever its kind."""
    if block.kind == "mean":
        return gaussian.score_by_name(block, getattr(measure, "name", "this"))
    return block.score(measure)


@dataclass(frozen=True)
class CellKernel:
    """The kernel of that name, imported and compiled at its first call."""

    name: str
    arguments: tuple[float, ...] = ()
    has_narrow: bool = False  # whether there is a float32 one for equal weights

    def __call__(self, cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
        """The measure of probabilities of classes, or of yes (R, 1, T)."""
        if self.has_narrow and weights is None and cells.dtype == np.float32:
            found, cells = _found(f"{self.name}32", cells)
            found(cells, *self.arguments, tolerance, out, valid)
        else:
            each = door.as_shares(weights, cells.shape[-1])
            found, cells = _found(self.name, cells)
            found(cells, each, *self.arguments, tolerance, out, valid)

    def of_logits(self, dtype: np.dtype[Any], weights: Float64s | None) -> LogitKernel | None:
        """The kernel of logits of classes. None where it needs probabilities first."""
        from alcore.kernels import logits

        if general := getattr(logits, self.name, None):
            return lambda cells, out, valid: general(cells, door.as_shares(weights, cells.shape[-1]), out, valid)
        if weights is not None or dtype != np.float32:
            return None
        narrow = getattr(logits, f"{self.name}32")
        return lambda cells, out, valid: narrow(cells, *self.arguments, out, valid)


def _found(name: str, cells: Array) -> tuple[Callable[..., None], Array]:
    """The kernel for classes, or for probabilities of yes (R, 1, T), and the cells as it takes them."""
    cells = outcomes_of(cells) if cells.shape[1] == 1 and name not in OF_YES else cells
    if cells.shape[1] == 1:
        from alcore.kernels import bernoulli  # each kernel of a module takes numba 0.2 ms before one is called

        return getattr(bernoulli, name), cells.reshape(len(cells), -1)
    from alcore.kernels import measures, pairwise_kl

    return getattr(pairwise_kl if name.startswith("pairwise_kl") else measures, name), cells


_entropy = CellKernel("entropy")
_expected_entropy = CellKernel("expected_entropy", has_narrow=True)
_bald = CellKernel("bald", (ACCURATE_BELOW,), has_narrow=True)
_margin = CellKernel("margin")
_least_confidence = CellKernel("least_confidence")
_variation_ratio = CellKernel("variation_ratio")
_vote_entropy = CellKernel("vote_entropy")
_mean_std = CellKernel("mean_std")


def _pairwise_kl(floor: float) -> CellMeasure:
    return CellKernel("pairwise_kl", (floor, ACCURATE_BELOW), has_narrow=True)
