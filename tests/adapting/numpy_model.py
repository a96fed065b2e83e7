"""A model of NumPy with two classes, as an adapter would run it."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

from alcore import adapting
from alcore.adapting import Noise, Request

ROWS = np.random.default_rng(0).random((10, 4))


def halves(batch: Any, block: int, draw: int) -> np.ndarray:
    """Two classes, whose probabilities follow from the row and the draw."""
    p = (batch[:, 0] + 0.1 * draw) % 1
    return np.stack([p, 1 - p], axis=1)


def predictions(run: Any = halves, *, draws: int = 3, rows: int | None = 10, data: Any = ROWS, **options: Any) -> Any:
    request = Request(draws, **{key: options.pop(key) for key in list(options) if key in Request.__dataclass_fields__})
    return adapting.predict(adapting.cut(data, 4), [run], request, rows=rows, **options)


class NumpyRun(adapting.Run):
    """A function of rows and a draw. It draws what ``noises`` says of the rows, once a draw by default, for the network."""

    ops = adapting.Ops("numpy", np.reshape, np.moveaxis, scipy.special.softmax, scipy.special.expit, np.concatenate)
    remedies = adapting.Remedies("Take another model.", "Take a model of single rows.")

    def __init__(self, request: Request, model: Any, noises: Any = lambda x, draw: [Noise(())]) -> None:
        super().__init__("Model", request, None, None)
        self._model, self._noises = model, noises

    def as_tensor(self, leaf: Any) -> Any:
        return leaf

    def take(self, tensor: Any, rows: list[int]) -> Any:
        return tensor[rows]

    def join(self, tensor: Any, other: Any) -> Any:
        return np.concatenate([tensor, other])

    def noises(self, given: Any, block: int, draw: int) -> Any:
        self._model(given, draw)
        return self._noises(given, draw)

    def probs(self, given: Any, block: int, draw: int) -> np.ndarray:
        for call, noise in enumerate(self._noises(given, draw)):
            axes = self.axes_of(draw)
            if axes:
                axes.at(call, noise.shape, adapting.row_count(given))
        return np.asarray(self.arranged(self._model(given, draw), adapting.row_count(given)))
