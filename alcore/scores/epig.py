"""EPIG: what the label of a row tells about the labels of targets, the inputs that you care about."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Bools, Float64s, Reading, ReadingOptions, shows_options
from alcore.scores.gaussian_epig import MeanTargets, prepare_means
from alcore.sources.blocks import Block, look_at_rows, score_blocks
from alcore.sources.names import check_names_of_weights, check_same_draws, with_names

_packing = threading.Lock()  # threads that pack at once would each hold a copy of the targets


@shows_options()
def epig(
    probs: Any,
    targets: Any,
    *,
    target_weights: npt.ArrayLike | None = None,
    target_variance: Any = None,
    **options: Unpack[ReadingOptions],
) -> Float64s:
    """Expected predictive information gain, EPIG(x) = Σ_j v_j I(y; y_j | x, x_j): prediction-oriented acquisition.

    The function computes Σ_j v_j Σ_cd p̄_c q̄_jd f(δ) with δ = Σ_t w_t (p_tc/p̄_c − 1)(q_tjd/q̄_jd − 1) and
    f(δ) = (1+δ) log(1+δ) − δ, from products of centred predictions. The usual difference of entropies is rounding noise where the
    information is small. The arithmetic is float32 (relative error near 1e-6), or float64 where either input is float64.
    Paper: Bickford Smith et al. 2023 (arXiv:2304.08151).

    For kind="mean" it is Σ_j v_j Σ_d a_d (−½) log(1 − ρ²_jd), where ρ_jd is the correlation over draws of output d of the row and
    output d of target j, each with its noise. It compares an output with the same output of the target, and adds the outputs. The
    arithmetic is float64.

    The draws must be consistent: draw t is the same network for every row of the pool and for every target. An ensemble is
    consistent. Plain MC dropout takes a new mask for every row and is not consistent. EPIG cannot see this, and measures nothing.

    Args:
        probs: (N, C, ..., T) probabilities or logits from any source.
        targets: (J, C, T) predictions of the same draws for target inputs, from any source. The function holds them in memory.
            There is no default. Take inputs like those that you want to predict, never the training set.
        target_weights: (J,) one weight a target, scaled to sum 1. The default is equal weights.
        target_variance: of kind "mean", the variances of the targets' noise: (J, D, T) or (J, D) from any source, (D,) or one
            number. The default is `variance`, where that is one number, or one for each output.
        kind: as in `entropy`, of `probs` and of `targets`. Several labels, at most 10, are one label vector of 2^L values here.
        axes: as in `entropy`, of `probs` and, without the event axes, of `targets`.
        over_labels: not used: rows are compared by their label vectors.
        weights: (T,) one weight a draw, scaled to sum 1. The default is equal weights.
        variance: as in `entropy`, of `probs`.
        output_weights: as in `entropy`.

    Returns:
        (N, ...) float64, nats, 0 … min(`bald` of the row, mean `bald` of the targets). The cost is O(N·J·C²·T) time and
            O(block + J·C·T) memory.

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`, for no targets, and for targets with other classes or draws than `probs`, or whose draws have
            other names (xarray).

    >>> import alcore, numpy
    >>> opposed = numpy.array([[[1.0, 0.0], [0.0, 1.0]]])
    >>> alcore.epig(opposed, opposed).round(6)
    array([0.693147])
    """
    reading = Reading.of(options, ReadingOptions)
    check_same_draws(targets, probs, reading, "probs")
    prepared = prepare_any(targets, reading, target_weights, target_variance)
    return with_names(score_blocks(probs, prepared.score_block, reading, cost=prepared.cost), probs, reading)


def prepare_any(
    targets: Any, reading: Reading, target_weights: npt.ArrayLike | None, target_variance: Any
) -> Targets | MeanTargets:
    """Targets of any kind."""
    if reading.kind == "mean":
        return prepare_means(targets, reading, target_weights, target_variance)
    if target_variance is not None:
        raise ValueError(
            f"target_variance: expected kind='mean' beside it, got kind={reading.kind!r}. Leave target_variance out."
        )
    return prepare(targets, reading, target_weights)


def prepare(targets: Any, reading: Reading, target_weights: npt.ArrayLike | None = None) -> Targets:
    """Read and check targets once for any number of passes."""
    door.check_outcomes(reading.kind, 1, "probs")
    reading.check_targets(targets)
    check_names_of_weights(targets, reading, target_weights)
    probs_jct = look_at_rows(targets, reading.of_targets, name="targets")
    if len(probs_jct) == 0:
        raise ValueError(f"targets: expected at least one target, got shape {probs_jct.shape}.")
    shares = door.as_weights(target_weights, len(probs_jct), "target_weights", "a target")
    return Targets(probs_jct, shares, door.as_weights(reading.weights, probs_jct.shape[-1]))


@dataclass(frozen=True, eq=False)
class Targets:
    """Checked targets, packed for the kernel when a pass first needs them."""

    probs_jct: Array
    weights_j: Float64s | None
    weights_t: Float64s | None

    @property
    def cost(self) -> int:
        """How many times the work of a row-wise measure a row takes: a logarithm for each class of each target.

        At most 64, so that blocks still fill the kernel's tile.
        """
        return int(np.clip(self.probs_jct[..., 0].size, 1, 64))

    def score_block(self, block: Block) -> Float64s:
        """EPIG of the cells of a block."""
        return block.score_outcomes(self.measure)

    def measure(self, cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
        """EPIG of cells (R, C, T): the block's twin of `epig`."""
        from alcore.kernels.epig import epig as kernel

        if cells.shape[1:] != self.probs_jct.shape[1:]:
            door.refuse_other_cells("targets", self.probs_jct.shape[1:], cells.shape[1:])
        single = cells.dtype == np.float32 and self.probs_jct.dtype == np.float32
        with _packing:
            packed, columns = self._packed32 if single else self._packed64
        each = door.as_shares(weights, cells.shape[-1])
        kernel(cells, each, packed, columns, single, tolerance, out, valid)

    @cached_property
    def _packed32(self) -> tuple[Array, Array]:
        return self._pack(np.float32)

    @cached_property
    def _packed64(self) -> tuple[Array, Array]:
        return self._pack(np.float64)

    def _pack(self, dtype: type[np.floating]) -> tuple[Array, Array]:
        """w_t (q / mean - 1) and the means times the targets' weights, in chunks of target classes, zeros where padded."""
        from alcore.kernels.measures import TINY
        from alcore.kernels.product import aligned, chunks_of

        targets, classes, draws = self.probs_jct.shape
        each, shares = door.as_shares(self.weights_t, draws), door.as_shares(self.weights_j, targets)
        flat = self.probs_jct.reshape(targets * classes, draws)
        chunks, width = chunks_of(len(flat))
        packed = aligned((chunks, draws, width), dtype)
        columns = np.zeros((chunks, width), dtype)
        for q in range(chunks):
            part = flat[q * width : (q + 1) * width].astype(np.float64)
            mean = (part * each).sum(axis=1)
            inverse = np.divide(1.0, mean, out=np.zeros_like(mean), where=mean > TINY)
            packed[q, :, len(part) :] = 0.0
            packed[q, :, : len(part)] = ((part - mean[:, None]) * inverse[:, None] * each).T
            rows = np.arange(q * width, q * width + len(part)) // classes
            columns[q, : len(part)] = mean * shares[rows]
        return packed, columns
