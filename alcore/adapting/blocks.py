"""One batch, run draw after draw, to one block (n, C, ..., T) of the request's axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from alcore.adapting.request import Request
from alcore.adapting.run import Forward, Run
from alcore.door import Array, Bools

Made: TypeAlias = tuple[Array, Bools | None]  # a block, and which of its cells are padding


def predict_block(batch: Any, runs: Sequence[Forward], request: Request, number: int) -> Array:
    """The block of that number, (n, C, ..., T): draw after draw of each member's run."""
    with ExitStack() as stack:
        for run in runs:
            if isinstance(run, Run):
                stack.enter_context(run.ready())
        draws = (np.asarray(runs[draw // request.draws](batch, number, draw)) for draw in range(request.all_draws))
        return _stacked(draws, request)


def _stacked(draws: Iterator[Array], request: Request) -> Array:
    """Draws as they are made, written into one array: a second copy of the block would double the memory."""
    first = next(draws)
    block = np.empty((*_shape_of(first, request.class_axis), request.all_draws), request.dtype)
    for draw, probs in enumerate(chain([first], draws)):
        moved = np.moveaxis(probs, request.class_axis, 1)
        if moved.shape != block.shape[:-1]:
            raise ValueError(f"draw {draw}: expected shape {block.shape[:-1]}, as draw 0 has, got {moved.shape}.")
        block[..., draw] = moved
    return block


def _shape_of(probs: Array, axis: int) -> tuple[int, ...]:
    """(n, C, ...) of what a model returned with its classes on ``axis``."""
    if probs.ndim < 2 or not -probs.ndim <= axis < probs.ndim or axis % probs.ndim == 0:
        raise ValueError(
            f"output: expected rows on axis 0 and classes on axis {axis} (class_axis), got shape "
            f"{probs.shape}. Name the tensor: output=..., and its axis: class_axis=..."
        )
    shape = np.moveaxis(probs, axis, 1).shape
    if shape[1] == 1:
        raise ValueError(
            f"output: expected at least 2 classes on axis {axis}, got shape {probs.shape}. One probability "
            "of two classes: return both, p and 1 - p, and say kind='probs'. Another axis: class_axis=..."
        )
    return shape


def as_padding(mask: Any, block: Array) -> Bools:
    """(n, ...) True where a cell of the block is padding."""
    padding = np.asarray(mask)
    expected = (len(block), *block.shape[2:-1])
    if padding.dtype != np.bool_ or padding.shape != expected:
        raise ValueError(
            f"mask: expected True or False of shape {expected}, got {padding.dtype} of shape {padding.shape}."
        )
    return padding
