"""Draws stay on the device that made them until all draws of a block are there. Then one copy brings them to the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from alcore.adapting import Array

LARGEST = 1 << 28  # bytes of draws that a device holds; a larger block comes in several copies
PINNED = ("cuda", "xpu")  # devices that copy into pinned memory while the program goes on


def together(made: Iterable[Tensor], draws: int, *, apart: bool, half: bool) -> Iterator[tuple[int, Array]]:
    """(k, (n, C, ..., k)) for tensors (n, C, ...) that come one by one: k = 1 on the host, and all draws on a device.

    A copy runs while the device makes the next draws, where they need more than one.

    Args:
        made: the draws.
        draws: how many there are.
        apart: whether a tensor is one draw. Otherwise it has several draws of one pass on its last axis.
        half: whether the device rounds to half precision, so that half as much is copied.
    """
    under_way: Callable[[], tuple[int, Array]] | None = None
    for held in _held(made, draws, apart, half):
        begun = _begin_copy(*held)
        if under_way is not None:
            yield under_way()
        under_way = begun if held[1].device.type != "cpu" else None
        if under_way is None:
            yield begun()
    if under_way is not None:
        yield under_way()


def _held(made: Iterable[Tensor], draws: int, apart: bool, half: bool) -> Iterator[tuple[int, Tensor]]:
    """As many draws in one tensor as a device holds, and how many these are. On the host one each."""
    held, place, most, shape = None, 0, 0, torch.Size()
    for draw, one in enumerate(made):
        one = one.unsqueeze(-1) if apart else one
        if one.device.type == "cpu":
            yield 1, one
            continue
        if held is not None and (place == most or one.shape != shape):
            yield place, held.narrow(-1, 0, place * shape[-1])
            held = None
        if held is None:
            halved = half and one.dtype == torch.float32  # float64 would be rounded twice
            dtype, shape, place = torch.float16 if halved else one.dtype, one.shape, 0
            most = max(1, min(draws - draw, LARGEST // max(1, one.numel() * dtype.itemsize)))
            held = one.new_empty((*shape[:-1], most * shape[-1]), dtype=dtype)
        held.narrow(-1, place * shape[-1], shape[-1]).copy_(one)
        place += 1
    if held is not None:
        yield place, held.narrow(-1, 0, place * shape[-1])


def _begin_copy(count: int, held: Tensor) -> Callable[[], tuple[int, Array]]:
    """Start a copy to the host, and return a function that waits for it."""
    if held.device.type not in PINNED:
        return lambda: (count, held.cpu().numpy())
    host = _pinned(held)
    host.copy_(held, non_blocking=True)
    wait = _mark(held.device)

    def arrived() -> tuple[int, Array]:
        wait()
        return count, np.asarray(host.numpy())

    return arrived


def _pinned(like: Tensor) -> Tensor:
    return torch.empty(like.shape, dtype=like.dtype, pin_memory=True)


def _mark(device: torch.device) -> Callable[[], object]:
    """A function that waits for what the device has been asked so far."""
    done = torch.Event(device)
    done.record(torch.accelerator.current_stream(device))
    return done.synchronize
