"""One batch, run draw after draw, to one block (n, C, ..., T) of the request's axes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, TypeAlias

import numpy as np

from alcore.adapting.request import Request
from alcore.adapting.run import Forward, Run
from alcore.door import Array, Bools

Made: TypeAlias = tuple[Array, Bools | None]  # a block, and which of its cells are padding


def predict_block(batch: Any, runs: Sequence[Forward], request: Request, number: int) -> Array:
    with ExitStack() as stack:
        for run in runs:
            if isinstance(run, Run):
                stack.enter_context(run.ready())
        return _draws(batch, runs, request, number)


def _draws(batch: Any, runs: Sequence[Forward], request: Request, number: int) -> Array:
    block, axis = None, request.class_axis
    for draw in range(request.all_draws):
        probs = np.asarray(runs[draw // request.draws](batch, number, draw))
        if block is None:
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
            block = np.empty((*shape, request.all_draws), request.dtype)
        found = np.moveaxis(probs, axis, 1)
        if found.shape != block.shape[:-1]:
            raise ValueError(f"draw {draw}: expected shape {block.shape[:-1]}, as draw 0 has, got {found.shape}.")
        block[..., draw] = found
    assert block is not None
    return block


def as_padding(mask: Any, block: Array) -> Bools:
    padding = np.asarray(mask)
    expected = (len(block), *block.shape[2:-1])
    if padding.dtype != np.bool_ or padding.shape != expected:
        raise ValueError(
            f"mask: expected True or False of shape {expected}, got {padding.dtype} of shape {padding.shape}."
        )
    return padding
