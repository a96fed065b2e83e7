"""One block of the data, predicted draw after draw: (n, C, ..., T)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
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


def _passes(
    batch: Any, runs: Sequence[Forward], request: Request, number: int
) -> Generator[tuple[int, Array], None, None]:
    """(k, draws on the last axis of k passes), member after member. Each leaves the generators of the process as they were."""
    for place, run in enumerate(runs):
        draws = range(place * request.draws, (place + 1) * request.draws)
        if isinstance(run, Run):
            with run.block():
                yield from run.passes(batch, number, draws)
            continue
        for draw in draws:
            probs = np.asarray(run(batch, number, draw))
            yield 1, probs if request.draw_axis is not None else probs[..., None]


def _stacked(passes: Iterator[tuple[int, Array]], request: Request) -> Array:
    """Write the draws into one array as soon as they are made. A second copy of the block would double the memory."""
    count, first = next(passes)
    width, place = first.shape[-1] // count, 0
    shape = (*first.shape[:-1], width)
    block = np.empty((*shape[:-1], request.passes * width), request.dtype)
    for several, made in chain([(count, first)], passes):
        one = (*made.shape[:-1], made.shape[-1] // several)
        if one != shape:
            raise ValueError(
                f"draw {place * width}: expected shape {shape}, the shape of draw 0, got {one}. Let the model return the "
                "same shape in every draw."
            )
        block[..., place * width : (place + several) * width] = made
        place += several
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
