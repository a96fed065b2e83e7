"""The variance of the noise of means in a loop: a number, a function of the model, or what `predict` returns beside the means."""

from __future__ import annotations

from typing import Any

from alcore import door
from alcore.door import Reading
from alcore.sources.variances import is_constant


def noise_of(variance: Any, model: Any) -> Any:
    """One number, or one for each output, of a loop's ``variance``, which may be a function of the model. None without one."""
    found = variance(model) if callable(variance) else variance
    check_noise(found)
    return found


def check_noise(variance: Any) -> None:
    """Refuse variances of rows: those of the pool are other rows at each step."""
    if variance is not None and not callable(variance) and not is_constant(variance, None):
        got = f"shape {variance.shape}" if hasattr(variance, "shape") else type(variance).__name__
        raise ValueError(
            f"variance: expected one number, one number for each output, or a function of the model that returns that, got {got}. "
            "For a variance of each row let predict return a pair (means, variances), with a row for each id."
        )


def means_and_noise(predicted: Any, rows: int, reading: Reading) -> tuple[Any, Any]:
    """The predictions and the variances of so many rows. A tuple of two arrays with a row for each id is means and variances."""
    if reading.kind != "mean" or not isinstance(predicted, tuple) or len(predicted) != 2:
        return predicted, reading.variance
    axes = door.as_axes(reading.axes, classes_required=False)
    place, shape = 0 if axes is None else axes.rows, getattr(predicted[0], "shape", ())
    if len(shape) <= place or shape[place] != rows:
        return predicted, reading.variance
    if reading.variance is not None:
        door.refuse_two_variances()
    return predicted
