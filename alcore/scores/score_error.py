"""Standard errors of row-wise scores, from the spread of the draws in one pass."""

from __future__ import annotations

from typing import Any, Unpack

from alcore import door
from alcore.door import Array, Bools, Float64s, Reading, ReadingOptions, shows_options
from alcore.sources.blocks import Block, CellMeasure, outcomes_of, score_blocks
from alcore.sources.names import with_names


@shows_options()
def score_error(probs: Any, measure: str = "bald", **options: Unpack[ReadingOptions]) -> Float64s:
    """Standard error of each score: how far it would move if other draws of the same posterior had predicted.

    The draws are a sample, so a score is an estimate. By the delta method its error is, to first order,

        sqrt( Σ_t w_t² (φ_t − φ̄)² / (1 − Σ_t w_t²) ),    which is sd(φ_t) / sqrt(T) with equal weights,

    where φ_t is what draw t contributes:

    | measure | φ_t |
    |---|---|
    | "bald" | Σ_c p_tc log(p_tc / p̄_c) |
    | "entropy" | −Σ_c p_tc log p̄_c |
    | "expected-entropy" | H[p_t] |
    | "margin" | p_t(2) − p_t(1), for the two most probable classes of p̄ |
    | "least-confidence" | −p_tc, for the most probable class c of p̄ |
    | "variation-ratio" | 1 if the draw does not vote for the modal class, otherwise 0 |
    | "vote-entropy" | −log v_c, for the class c that the draw votes for |
    | "mean-std" | (1/C) Σ_c (p_tc − p̄_c)² / (2 s_c), with the standard deviation s_c over draws |

    The errors of two rows are not independent, because the draws are the same. `alcore.bench.compare` says what they mean for a
    batch. The error is too small where first order is not enough: where classes nearly tie in p̄, and for votes where all draws
    agree. The error of several labels is that of the row's score, with their influences added, or that of the largest label.

    Args:
        probs: (N, C, ..., T), as in `alcore.entropy`, with at least 2 draws.
        measure: the name of the score, one of the table.
        kind: as in `alcore.entropy`. Not "mean".
        axes: as in `alcore.entropy`.
        over_labels: as in `alcore.entropy`.
        weights: as in `alcore.entropy`. A draw with weight 2 remains one draw: it is no proof that another draw would agree.
        variance: of kind "mean", which this function refuses.
        output_weights: of kind "mean", which this function refuses.

    Returns:
        (N, ...) float64, at least 0, in the unit of the score. 0 where all draws agree. The cost is O(N·C·T) time for one read, 2
            to 4 times that of the score, and O(block) memory.

    Raises:
        TypeError: as `alcore.entropy`.
        ValueError: as `alcore.entropy`, for a single draw, for another ``measure``, and for kind "mean".

    >>> import alcore, numpy
    >>> draws = numpy.array([[0.9, 0.1, 0.9, 0.1], [0.6, 0.4, 0.7, 0.5], [0.8, 0.8, 0.8, 0.8]])  # (N, T), probability of yes
    >>> alcore.bald(draws, kind="binary").round(3), alcore.score_error(draws, kind="binary").round(3)
    (array([0.368, 0.026, 0.   ]), array([0.   , 0.012, 0.   ]))
    """
    number, reading = door.as_scored(measure), Reading.of(options, ReadingOptions)
    door.check_error_of(reading.kind)
    work = _measured(number, reading)
    return with_names(score_blocks(probs, lambda block: _score(block, work), reading), probs, reading)


def _score(block: Block, measure: CellMeasure) -> Float64s:
    """The error of each row. Labels are taken together: their errors have the draws in common."""
    draws = block.array.shape[-1]
    door.check_several_draws(door.as_shares(block.weights, draws), block.name)
    return block.score_together(measure)


def _measured(number: int, reading: Reading) -> CellMeasure:
    of_labels = door.family(reading.kind) == "multilabel"

    def measure(cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
        from alcore.kernels import score_error as kernels

        shares = door.as_shares(weights, cells.shape[-1])
        if not of_labels:
            cells = outcomes_of(cells) if door.family(reading.kind) == "binary" else cells
            kernels.score_error(cells, number, shares, tolerance, out, valid)
            return
        kernels.score_error_of_labels(cells, number, reading.over_labels == "max", shares, tolerance, out, valid)
        if reading.over_labels == "mean":
            out /= cells.shape[1]

    return measure
