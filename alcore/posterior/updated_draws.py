"""New draws of a posterior for all rows of a part, computed block by block when they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Float64s, Kind, Reading
from alcore.posterior.parts import Part
from alcore.sources.cells import probabilities_of
from alcore.sources.names import is_labelled

COST = 4  # blocks of a quarter of the usual size keep their predictors in the cache


@dataclass(frozen=True, eq=False, repr=False)
class UpdatedDraws:
    """Predictions (N, C, U) of new draws. Every function and every heuristic takes them, and reads them in blocks of rows.

    `Posterior.draws` returns it. ``numpy.asarray`` computes all rows at once. Where the saved predictions are an xarray, scores are
    an xarray with the coordinates of its rows, and a batch has their ids.

    Attributes:
        kind: what to pass as ``kind=``: "probs", "binary", "multilabel" or "mean".
    """

    part: Part
    mixing: Float64s  # (T, U)
    is_arranged: ClassVar[bool] = True

    @property
    def kind(self) -> Kind:
        family = door.family(self.part.reading.kind)
        return "probs" if family == "classes" else family

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.part.rows, self.part.cell_shape[0], self.mixing.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float64 if self.kind == "mean" else np.float32)

    @property
    def named_by(self) -> tuple[Any, Reading] | None:
        """The saved predictions and how they are read, where they are an xarray: their rows are called the same."""
        return (self.part.predictions, self.part.reading) if is_labelled(self.part.predictions) else None

    def __len__(self) -> int:
        return self.part.rows

    def __repr__(self) -> str:
        return f"UpdatedDraws({self.part.name}, shape {self.shape}, kind={self.kind!r})"

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        empty = np.empty((0, *self.shape[1:]), self.dtype)
        return np.concatenate([empty, *self._blocks()]).astype(dtype or self.dtype, copy=False)

    def read_blocks(self, rows: int) -> Iterator[Array]:
        """Successive blocks of at most ``rows`` rows. Each call starts again at the first."""
        pieces = ((block[start : start + rows] for start in range(0, len(block), rows)) for block in self._blocks())
        return chain.from_iterable(pieces)

    def mean(self) -> Float64s:
        """(N, C) the mean over the draws."""
        empty = np.empty((0, self.shape[1]))
        return np.concatenate([empty, *(block.mean(axis=-1, dtype=np.float64) for block in self._blocks())])

    def noise(self) -> Float64s | None:
        """(N, D) the variance of the noise of means, averaged over the saved draws. None for other kinds."""
        if self.kind != "mean":
            return None
        found = self.part.map(lambda _, variance: np.mean(variance, axis=-1, dtype=np.float64))  # type: ignore[arg-type]
        return np.concatenate([np.empty((0, self.shape[1])), *found])

    def _blocks(self) -> Iterator[Array]:
        mixing, draws, kind = padded(self.mixing.astype(self.dtype)), self.mixing.shape[1], self.kind

        def work(predictors: Array, _: Array | None) -> Array:
            return mixed(predictors, mixing, draws, kind)

        return self.part.map(work, COST)


def padded(mixing_tu: Array) -> Array:
    """With columns of zeros up to whole registers, as the kernel takes it."""
    from alcore.kernels.product import LANES

    return np.ascontiguousarray(np.pad(mixing_tu, ((0, 0), (0, -mixing_tu.shape[1] % LANES))))


def mixed(predictors_nkt: Array, mixing_tu: Array, draws: int, kind: Kind) -> Array:
    """The predictions (n, K, U) of draws of linear predictors, in the type of ``mixing_tu``."""
    from alcore.kernels.product import multiply

    n, size, count = predictors_nkt.shape
    rows = predictors_nkt.astype(mixing_tu.dtype, copy=False).reshape(n * size, count)
    if len(rows) % 2:  # the kernel takes rows in pairs
        rows = np.concatenate([rows, rows[-1:]])
    found = np.empty((len(rows), mixing_tu.shape[1]), mixing_tu.dtype)
    multiply(np.ascontiguousarray(rows), None, mixing_tu, found)
    values = np.ascontiguousarray(found[: n * size, :draws]).reshape(n, size, draws)
    return values if kind == "mean" else probabilities_of(values, kind)
