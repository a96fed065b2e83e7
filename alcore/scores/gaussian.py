"""Measures of means (N, D, ..., T) with the variances of their noise: kind="mean". Here live their blocks; `measures` has the
names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, Unpack

import numpy as np

from alcore import door
from alcore.door import Array, Axes, Bools, Float64s, MeanOptions, Reading, shows_options
from alcore.sources.blocks import Block, map_blocks, score_blocks
from alcore.sources.layouts import lay_out, lies_ready
from alcore.sources.names import with_names
from alcore.sources.reading import open_source

# means (R, D, T), moments (R, D, 4), weights (T,), factors of the outputs (D,), scores out (R,)
MeanMeasure: TypeAlias = Callable[[Array, Float64s, Float64s, Float64s, Float64s], None]


@dataclass(frozen=True)
class _Measure:
    """A measure that follows from the moments. The kernel has the same name."""

    name: str
    needs_variance: bool = True

    def __call__(self, means: Array, moments: Float64s, weights: Float64s, factors: Float64s, out: Float64s) -> None:
        from alcore.kernels import gaussian

        getattr(gaussian, self.name)(moments, factors, out)


OF_MEANS = {
    "entropy": _Measure("entropy"),
    "expected_entropy": _Measure("expected_entropy"),
    "bald": _Measure("bald"),
    "mean_std": _Measure("mean_std", needs_variance=False),
}
OF_PARTS = {
    "total": _Measure("total"),
    "epistemic": _Measure("epistemic", needs_variance=False),
    "aleatoric": _Measure("aleatoric"),
}


@shows_options(MeanOptions)
def variance(means: Any, part: str = "total", **options: Unpack[MeanOptions]) -> Float64s:
    """The variance of a prediction of numbers: epistemic, aleatoric, or their sum.

    With the mean μ_td of draw t for output d and the variance σ²_td of its noise, the law of total variance says:

    - "epistemic": Σ_d a_d Var_t μ_td, how far the draws differ. Labels reduce it. It needs no ``variance``.
    - "aleatoric": Σ_d a_d Σ_t w_t σ²_td, the noise. Labels do not reduce it.
    - "total": their sum, the variance of the label.

    Paper: Depeweg et al. 2018 (arXiv:1710.07283).

    Args:
        means: (N, D, ..., T) means from any source: rows, outputs, any event axes, draws. (N, T) for one output.
        part: "total", "epistemic" or "aleatoric".
        kind: "mean".
        axes: as in `alcore.bald`. C is the axis of the outputs.
        weights: (T,) one weight a draw, scaled to sum 1. The default is equal weights.
        variance: as in `alcore.bald`.
        output_weights: (D,) one factor a_d an output, at least 0. The default is 1 each, which adds the outputs. For outputs of
            different units pass 1 / scale².

    Returns:
        (N, ...) float64, at least 0, in the square of the unit of the means. The cost is O(N·D·T) time for one read, and O(block)
            memory.

    Raises:
        TypeError: as `alcore.entropy`.
        ValueError: for another ``kind`` or ``part``, where a ``variance`` is needed and there is none, for a mean that is not
            finite, and for a variance that is not a finite number above 0. The message names the row.

    >>> import alcore, numpy
    >>> means = numpy.array([[1.0, 3.0], [2.0, 2.0]])  # two rows, two draws
    >>> alcore.variance(means, "epistemic").tolist(), alcore.variance(means, variance=0.5).tolist()
    ([1.0, 0.0], [1.5, 0.5])
    """
    measure, reading = OF_PARTS[door.as_part(part)], Reading.of(options, MeanOptions)
    scores = score_blocks(means, lambda block: score(block, measure, "variance"), reading)
    return with_names(scores, means, reading)


def score(block: Block, measure: MeanMeasure, name: str) -> Float64s:
    """The measure of every cell of means, (n, ...); NaN where an invalid cell is padding."""
    if block.variance is None and getattr(measure, "needs_variance", True):
        door.refuse_no_variance(name)
    return score_cells(block, measure)


def score_by_name(block: Block, name: str) -> Float64s:
    """The twin of a measure of class probabilities."""
    if name not in OF_MEANS:
        door.refuse_measure(name)
    return score(block, OF_MEANS[name], name)


def score_cells(block: Block, measure: MeanMeasure) -> Float64s:
    """`score`, without a look at whether there are variances."""
    n, outputs, *events, draws = block.array.shape
    cells = int(np.prod(events, dtype=np.int64))
    array = block.array.reshape(n, outputs, cells, draws)
    noise = np.ones((n, outputs, 1, 1)) if block.variance is None else _cells_of(block.variance, cells)
    scores = np.empty((n, cells))
    cell_bytes = outputs * draws * max(4, array.dtype.itemsize)
    weights = door.as_shares(block.weights, draws)
    factors = np.ones(outputs) if block.output_weights is None else block.output_weights
    for place in block.places(cells, cell_bytes, cells == 1 and lies_ready(array, "probs")):
        means_rdt = _laid_out(array[place[0], :, place[1]])
        noise_rdu = _laid_out(noise[place[0], :, place[1] if noise.shape[2] > 1 else slice(None)], len(means_rdt))
        moments, valid = moments_of(means_rdt, noise_rdu, weights)
        values = np.full(len(means_rdt), np.nan)
        _score_valid(measure, means_rdt, moments, weights, factors, values, valid)
        shape = scores[place].shape
        scores[place] = values.reshape(shape)
        _refuse_invalid(block, valid.reshape(shape), place)
    return scores.reshape(n, *events)


def read_means(predictions: Any, reading: Reading, name: str = "probs") -> tuple[Array, Array]:
    """A source without event axes in memory and checked: means (N, D, T), and variances (N, D, T) or (N, D, 1)."""
    source = open_source(predictions, reading, name)
    if source.events:
        door.refuse_event_axes(name, source.cell_shape)

    def work(block: Block) -> tuple[Array, Array]:
        check_means(block)
        assert block.variance is not None  # refused by `score`
        return lay_out(block.array[:, None])[:, 0], lay_out(block.variance[:, None])[:, 0]

    parts = list(map_blocks(source, work, reading, name=name))
    return np.concatenate([means for means, _ in parts]), np.concatenate([noise for _, noise in parts])


def check_means(block: Block) -> None:
    """Refuse means without variances, and rows whose means or variances are invalid."""
    score(block, _nothing, "replay")


def _nothing(means: Array, moments: Float64s, weights: Float64s, factors: Float64s, out: Float64s) -> None:
    out[:] = 0.0


def _cells_of(variance: Array, cells: int) -> Array:
    """(n, D, ..., U) -> (n, D, cells, U), or (n, D, 1, U) where all cells have the same."""
    n, outputs, *events, draws = variance.shape
    same = all(size == 1 for size in events)
    return variance.reshape(n, outputs, 1 if same else cells, draws)


def _laid_out(chunk: Array, rows: int | None = None) -> Array:
    """(r, D, cells, U) -> (r·cells, D, U) as the kernels read it, repeated to so many rows."""
    r, outputs, cells, draws = chunk.shape
    if rows is not None and r * cells != rows:
        chunk = np.broadcast_to(chunk, (r, outputs, rows // r, draws))
        cells = rows // r
    array = lay_out(chunk.transpose(0, 2, 1, 3)).reshape(r * cells, outputs, draws).view()
    array.flags.writeable = False  # one compiled kernel for writable and read-only input
    return array


def moments_of(means_rdt: Array, noise_rdu: Array, weights_t: Float64s) -> tuple[Float64s, Bools]:
    """(R, D, 4): mean, variance of the means, mean variance of the noise, and how uneven that is; and which rows are valid."""
    from alcore.kernels.gaussian import moments as kernel

    moments, valid = np.empty((*means_rdt.shape[:2], 4)), np.empty(len(means_rdt), np.bool_)
    kernel(means_rdt, noise_rdu, weights_t, moments, valid)
    return moments, valid


def _score_valid(
    measure: MeanMeasure,
    means: Array,
    moments: Float64s,
    weights: Float64s,
    factors: Float64s,
    out: Float64s,
    valid: Bools,
) -> None:
    """Invalid rows, which may be padding, keep NaN."""
    if valid.all():
        measure(means, moments, weights, factors, out)
    elif valid.any():
        kept, means = np.empty(int(valid.sum())), means[valid]
        means.flags.writeable = False
        measure(means, moments[valid], weights, factors, kept)
        out[valid] = kept


def _refuse_invalid(block: Block, valid: Bools, place: tuple[slice, slice]) -> None:
    """Refuse the first invalid cell that is not padding."""
    if (found := block.first_invalid(valid, place)) is None:
        return
    row, *events = found
    cell: tuple[Any, ...] = (row, slice(None), *events)
    noise = block.variance
    if noise is not None:
        noise = np.broadcast_to(noise, (*block.array.shape[:-1], noise.shape[-1]))[cell]
    axes = block.axes or Axes.plain(block.array.ndim)
    door.refuse_means(block.array[cell], noise, (block.start + row, *events), block.name, axes)
