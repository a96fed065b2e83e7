"""One model on one batch for one draw, and the checks that its draws are one network for every row and differ."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from alcore.adapting.inputs import first_of, leaf_rows, map_leaves, row_count
from alcore.adapting.refusals import refuse_inconsistent, refuse_same_draws
from alcore.adapting.request import Request
from alcore.adapting.row_axes import RowAxes
from alcore.door import Array

ALIKE = 1e-4  # by which the prediction of a row may differ where other rows come before it

Forward = Callable[[Any, int, int], Array]  # (batch, number of its block, draw) -> (n, ...), as the model returns it


class Run(ABC):
    """One model, run on one batch for one draw. An adapter says how its framework does what is abstract here.

    Draws are checked at the first batch, and at each whose number of rows is not that of the batch before.
    """

    def __init__(
        self,
        name: str,
        request: Request,
        output: str | int | Callable[[Any], Any] | None,
        inputs: Callable[[Any], Any] | None,
    ) -> None:
        self.name, self.output, self._inputs = name, output, inputs
        self.begin(request)

    def begin(self, request: Request) -> None:
        """Start on a request: of the model as it is now, no batch was checked."""
        self.request = request
        self._checked_rows: int | None = None
        self.row_axes: RowAxes | None = None
        self._block: tuple[int, Any] | None = None  # the number of the block, and what the model is called with for it
        self._ahead: Iterator[tuple[int, Array]] = iter(())  # draws of that block that are made with an earlier one

    def ready(self) -> AbstractContextManager[object]:
        """A context that holds while the draws of a block are made, and no longer."""
        return nullcontext()

    @abstractmethod
    def as_tensor(self, leaf: Any) -> Any:
        """An array as the framework takes it, on the model's device; what is no array as it is."""

    @abstractmethod
    def probs(self, given: Any, block: int, draw: int) -> tuple[Array, bool]:
        """What the model returns (of logits the softmax, see ``request.kind``), and whether anything in it drew noise."""

    def several(self, given: Any, block: int, draws: range) -> Iterable[Array]:
        """What the model returns in the first of these draws, or in as many of them, one by one, as are better made together."""
        return [self.probs(given, block, draws[0])[0]]

    def noise_shapes(self, given: Any, block: int, draw: int) -> list[tuple[int, ...]]:
        """The shapes of what the model draws, in order; none where a framework draws noise row by row."""
        return []

    def with_one_more(self, tensor: Any) -> Any:
        """A tensor with its first row once more at its end."""
        return tensor

    @abstractmethod
    def turn(self, tensor: Any) -> Any:
        """The rows of a tensor in the opposite order."""

    def __call__(self, batch: Any, block: int, draw: int) -> Array:
        if self._block is None or self._block[0] != block:
            given = map_leaves(first_of(batch, self._inputs), self.as_tensor)
            self._block, self._ahead = (block, given), iter(())
            rows = row_count(given)
            if rows != self._checked_rows:
                self._check(given, rows, block, draw)
                self._checked_rows = rows
        number, probs = next(self._ahead, (None, None))
        if probs is None or number != draw:
            draws = range(draw, draw - draw % self.request.draws + self.request.draws)  # the rest of this member's
            self._ahead = zip(draws, self.several(self._block[1], block, draws), strict=False)
            _, probs = next(self._ahead)
        return probs

    def _learn_row_axes(self, given: Any, rows: int, block: int, draw: int) -> RowAxes:
        """From what the model draws for these rows, and for one more."""
        more = map_leaves(given, lambda leaf: self.with_one_more(leaf) if leaf_rows(leaf) == rows > 0 else leaf)
        shapes, others = (self.noise_shapes(one, block, draw) for one in (given, more))
        return RowAxes.of(self.name, shapes, others, rows)

    def _check(self, given: Any, rows: int, block: int, draw: int) -> None:
        """Refuse draws that are not one network for every row, and draws that are all the same."""
        if self.request.consistent:
            self.row_axes = self._learn_row_axes(given, rows, block, draw)
        found, noisy = self.probs(given, block, draw)
        if self.request.consistent and rows > 1:
            turned = map_leaves(given, lambda leaf: self.turn(leaf) if leaf_rows(leaf) == rows else leaf)
            again = self.probs(turned, block, draw)[0][::-1]
            if again.shape != found.shape or not np.allclose(again, found, rtol=ALIKE, atol=ALIKE, equal_nan=True):
                refuse_inconsistent(self.name)
        if not noisy and self.request.draws > 1:
            again = self.probs(given, block, draw + 1)[0]
            if np.array_equal(found, again, equal_nan=True):
                refuse_same_draws(self.name, self.request.draws)
