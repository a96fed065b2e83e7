"""A model of NumPy with two classes, as an adapter would run it."""

from __future__ import annotations

from typing import Any

import numpy as np

from alcore import adapting
from alcore.adapting import Request

ROWS = np.random.default_rng(0).random((10, 4))


def halves(batch: Any, block: int, draw: int) -> np.ndarray:
    """Two classes, whose probabilities follow from the row and the draw."""
    p = (batch[:, 0] + 0.1 * draw) % 1
    return np.stack([p, 1 - p], axis=1)


def predictions(run: Any = halves, *, draws: int = 3, rows: int | None = 10, data: Any = ROWS, **options: Any) -> Any:
    request = Request(draws, **{key: options.pop(key) for key in list(options) if key in Request.__dataclass_fields__})
    return adapting.predict(adapting.cut(data, 4), [run], request, rows=rows, **options)


class NumpyRun(adapting.Run):
    """A function of rows and a draw, which says itself whether it drew noise."""

    def __init__(self, request: Request, model: Any, noisy: bool = False) -> None:
        super().__init__("Model", request, None, None)
        self._model, self._noisy = model, noisy

    def as_tensor(self, leaf: Any) -> Any:
        return leaf

    def turn(self, tensor: Any) -> Any:
        return tensor[::-1]

    def probs(self, given: Any, block: int, draw: int) -> tuple[np.ndarray, bool]:
        return self._model(given, draw), self._noisy
