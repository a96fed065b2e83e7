"""One block of the data, predicted draw after draw: (n, C, ..., T)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, nullcontext
from itertools import chain
from typing import Any

import numpy as np

from alcore.adapting.request import Request
from alcore.adapting.run import Forward, Run
from alcore.door import Array, Bools


def predict_block(batch: Any, runs: Sequence[Forward], request: Request, number: int) -> Array:
    """(n, C, ..., T) for the block of that number: the draws of the first member, then those of the next."""
    with closing(_passes(batch, runs, request, number)) as passes:
        return _stacked(passes, request)


def _passes(batch: Any, runs: Sequence[Forward], request: Request, number: int) -> Generator[Array, None, None]:
    """Member after member. Each leaves the generators of the process as they were before the next one begins."""
    for place, run in enumerate(runs):
        with run.block() if isinstance(run, Run) else nullcontext():
            for draw in range(place * request.draws, (place + 1) * request.draws):
                yield np.asarray(run(batch, number, draw))


def _stacked(passes: Iterator[Array], request: Request) -> Array:
    """Write each draw into one array as soon as it is made. A second copy of the block would double the memory."""
    each = request.draw_axis is not None  # whether a pass makes several draws, on its last axis
    first = next(passes)
    width = first.shape[-1] if each else 1
    shape = first.shape if each else (*first.shape, 1)
    block = np.empty((*shape[:-1], request.passes * width), request.dtype)
    for place, probs in enumerate(chain([first], passes)):
        made = probs if each else probs[..., None]
        if made.shape != shape:
            raise ValueError(
                f"draw {place * width}: expected shape {shape}, the shape of draw 0, got {made.shape}. Let the model return the "
                "same shape in every draw."
            )
        block[..., place * width : (place + 1) * width] = made
    return block


def as_padding(mask: Any, block: Array) -> Bools:
    """(n, ...) True where a cell of the block is padding."""
    padding = np.asarray(mask)
    expected = (len(block), *block.shape[2:-1])
    if padding.dtype != np.bool_ or padding.shape != expected:
        raise ValueError(
            f"mask: expected True or False of shape {expected}, got {padding.dtype} of shape {padding.shape}. Return True for "
            "each cell that is padding, else False. For an attention mask, which is 0 there, name its key: mask='attention_mask'."
        )
    return padding
