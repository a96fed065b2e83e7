"""The loss that we expect of a model's prediction of each row: it tells which rows to test.

Active testing: Kossen et al. 2021 (arXiv:2103.05331).
"""

from __future__ import annotations

from functools import partial
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Bools, Float64s, Kind, Reading, ReadingOptions, shows_options
from alcore.sources.blocks import Block, map_blocks, read_rows, score_blocks
from alcore.sources.names import with_names
from alcore.sources.reading import Source, open_source, refuse_events


@shows_options()
def expected_loss(
    predictions: Any,
    predicted: npt.ArrayLike | None = None,
    *,
    loss: str = "log",
    floor: float = 0.1,
    **options: Unpack[ReadingOptions],
) -> Float64s:
    """The expected loss of a model's prediction f of each row, Σ_y p̄_y ℓ(f, y) with p̄ = Σ_t w_t p_t: it tells which rows to test.

    - "log": −Σ_y p̄_y log f_y.
    - "zero-one": 1 − p̄_y of the most probable class y of f. In a tie y is the lowest class.
    - "brier": Σ_y p̄_y Σ_c (f_c − [c = y])².

    Draw rows in proportion to these scores with `power`. Then a few labelled rows tell the loss of the whole test set: see `lure`.
    Draws of another model than the tested one also find rows where the tested model is sure and wrong.
    Paper, active testing: Kossen et al. 2021 (arXiv:2103.05331).

    Args:
        predictions: (N, C, T) probabilities or logits from any source: draws of any model, the tested one or another.
        predicted: (N, C) what the model under test predicts. The default is the mean of the draws. Its expected losses are
            `entropy`, `least_confidence` and the Gini index.
        loss: "log", "zero-one" or "brier".
        floor: 0 … 1. No score is under this share of the mean score. So rows whose loss seems to be 0 keep a chance, without which
            no estimate is unbiased, and no weight is much over 1/`floor`. With 0 the scores stay as they are.
        kind: as in `entropy`, of `predictions` and of `predicted`, which is (N,) for one yes or no and (N, L) for several labels.
        axes: as in `entropy`, of `predictions`.
        over_labels: as in `entropy`. The losses of labels are added.
        variance: of kind "mean", which this function refuses.
        output_weights: of kind "mean", which this function refuses.
        weights: (T,) one weight a draw, scaled to sum 1. The default is equal weights.

    Returns:
        (N,) float64, at least 0: "log" in nats, "zero-one" up to 1 and "brier" up to 2, both without a unit. If the expected loss
            of every row is 0, `power` draws uniformly. The cost is O(N·C·T) time for one read, and O(block) memory in addition
            to `predicted`.

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`, for event axes, for a `predicted` with other rows or classes, for an unknown `loss`, for a `floor`
            outside its range, and for a 0 in `predicted` under the log loss, which may be infinite then. Clip `predicted` as you
            clip it for the measured losses. (With a forest's zeros replaced by the smallest float64, those rows outweighed all
            others: the error of 50 labels of digits was three times that of random rows.)

    >>> import alcore, numpy
    >>> draws = numpy.array([[[0.9, 0.7], [0.1, 0.3]], [[0.5, 0.5], [0.5, 0.5]]])
    >>> predicted = numpy.array([[0.9, 0.1], [0.9, 0.1]])
    >>> alcore.expected_loss(draws, predicted, loss="zero-one").round(6)
    array([0.2, 0.5])
    """
    kernel, share = _KERNELS[door.as_loss(loss)], door.as_least_share(floor)
    reading = Reading.of(options, ReadingOptions)
    source = open_source(predictions, reading, "predictions")
    refuse_events(source, "predictions")
    predicted_nc = None if predicted is None else _read_predicted(predicted, source, reading.kind)
    of_classes = door.family(reading.kind) == "classes"
    if predicted_nc is not None and loss == "log":
        door.check_above_zero(predicted_nc, reading.kind)

    def work(block: Block, given_nc: Float64s | None) -> Float64s:
        mean_nc = _means(block) if of_classes else block.score_labels(_mean_yes)
        given_nc = mean_nc if given_nc is None else given_nc
        return (
            _losses(kernel, mean_nc, given_nc) if of_classes else block.over(_label_losses(kernel, mean_nc, given_nc))
        )

    tell = partial(_rows_of, predicted_nc)
    scores = np.concatenate(list(map_blocks(source, work, reading, name="predictions", tell=tell)))
    if predicted_nc is not None and len(predicted_nc) != len(scores):
        door.refuse_unequal_rows("predicted", len(scores), len(predicted_nc), "predictions")
    raised = np.maximum(scores, share * scores.mean()) if scores.size else scores
    return with_names(raised, predictions, reading)


_KERNELS = {"log": "log_loss", "zero-one": "zero_one", "brier": "brier"}


def _read_predicted(predicted: npt.ArrayLike, source: Source, kind: Kind) -> Array:
    """(N, C) probabilities, float32 or float64."""
    array = door.as_predicted(predicted)
    if door.family(kind) == "binary" and array.ndim == 1:
        array = array[:, None]
    door.check_predicted(array.shape, source.cell_shape[0])
    if source.rows is not None and len(array) != source.rows:
        door.refuse_unequal_rows("predicted", source.rows, len(array), "predictions")
    if door.family(kind) == "classes":
        return np.asarray(read_rows(array[..., None], Reading(kind), name="predicted")[..., 0])
    return score_blocks(array[..., None], lambda block: block.score_labels(_mean_yes), Reading(kind), name="predicted")


def _rows_of(predicted_nc: Array | None, start: int, stop: int) -> Float64s | None:
    if predicted_nc is None:
        return None
    if stop > len(predicted_nc):
        door.refuse_unequal_rows("predicted", stop, len(predicted_nc), "predictions (at least)")
    return predicted_nc[start:stop].astype(np.float64)


def _means(block: Block) -> Float64s:
    """The mean over draws of each row, checked: (n, C)."""
    from alcore.kernels.risk import means

    parts: list[Float64s] = [np.empty((0, block.array.shape[1]))]

    def keep(cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
        mean_rc = np.zeros(cells.shape[:2])
        means(cells, door.as_shares(weights, cells.shape[-1]), tolerance, mean_rc, valid)
        parts.append(mean_rc)

    block.score(keep)
    return np.concatenate(parts)


def _mean_yes(cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
    """The mean probability of yes of cells (R, 1, T)."""
    from alcore.kernels.bernoulli import mean

    mean(cells.reshape(len(cells), -1), door.as_shares(weights, cells.shape[-1]), tolerance, out, valid)


def _label_losses(kernel: str, mean_nl: Float64s, predicted_nl: Float64s) -> Float64s:
    """The loss of each label, (n, L)."""
    both = [np.stack([1 - yes, yes], axis=-1).reshape(-1, 2) for yes in (mean_nl, predicted_nl)]
    return _losses(kernel, *both).reshape(mean_nl.shape)


def _losses(kernel: str, mean_nc: Float64s, predicted_nc: Float64s) -> Float64s:
    from alcore.kernels import risk as kernels

    losses_n = np.empty(len(mean_nc))
    getattr(kernels, kernel)(mean_nc, predicted_nc, losses_n)
    return losses_n
