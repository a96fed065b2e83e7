"""Draws stay on a device until all of a block are there. A device that only counts stands in for a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_map

from tests.adapters.torch.predictions import ROWS, predict

DEVICE = torch.device("lazy:0")  # of the kinds that PyTorch knows without a driver


class Away(torch.Tensor):
    """A tensor that says it is on a device. It is not, and counts what is copied from it to the host."""

    copies: list[tuple[tuple[int, ...], torch.dtype, bool]]  # shape, type, and whether the program goes on meanwhile

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> Away:
        return torch.Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype, device=DEVICE)  # type: ignore

    def __init__(self, held: torch.Tensor) -> None:
        self.held = held

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, given = func.overloadpacket.__name__, dict(kwargs or {})
        asked = given.get("device")
        arrives = (name == "_to_copy" and asked is not None and asked.type == "cpu") or (
            name == "copy_" and not isinstance(args[0], Away)
        )
        if asked is not None:
            given["device"] = torch.device("cpu")
        own = lambda one: one.held if isinstance(one, Away) else one  # noqa: E731
        made = func(*tree_map(own, args), **tree_map(own, given))
        if arrives:
            going_on = bool(given.get("non_blocking") or (name == "copy_" and args[2:] == (True,)))
            cls.copies.append((tuple(made.shape), made.dtype, going_on))
            return args[0] if name == "copy_" else made
        if name == "copy_":
            return args[0]
        return tree_map(lambda one: cls(one) if isinstance(one, torch.Tensor) else one, made)


class There(nn.Module):
    """A network whose last layer is on the device."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 3))
        self.away = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = self.layers(x)
        return Away(made) if self.away else made


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would be asked of a GPU, in order."""
    asked: list[str] = []

    def pinned(like: torch.Tensor) -> torch.Tensor:
        asked.append("pinned")
        return torch.empty(like.shape, dtype=like.dtype)

    def mark(device: torch.device) -> Callable[[], object]:
        assert device == DEVICE
        asked.append("mark")
        return lambda: asked.append("wait")

    Away.copies = []
    monkeypatch.setattr("alcore_torch.device.PINNED", (DEVICE.type,))
    monkeypatch.setattr("alcore_torch.device._pinned", pinned)
    monkeypatch.setattr("alcore_torch.device._mark", mark)
    return asked


def of_blocks(blocks: int, **options: Any) -> list[Any]:
    """The copies of the last of the blocks, which nothing looks at, and their number."""
    model = There().eval()
    model.away = True
    predict(model, torch.cat([ROWS[:5]] * blocks), batch_size=5, **options)
    return Away.copies


@pytest.mark.parametrize("consistent", [True, False], ids=["consistent", "plain"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_draws_that_stay_on_the_device_are_those_of_the_host(dtype: str, consistent: bool, waits: list[str]) -> None:
    """To the bit, also where the device rounds."""
    torch.manual_seed(0)
    model = There().eval()
    found = predict(model, ROWS, draws=7, dtype=dtype, consistent=consistent)
    assert not Away.copies
    model.away = True
    again = predict(model, ROWS, draws=7, dtype=dtype, consistent=consistent)
    assert again.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, again)
    assert Away.copies


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_block_is_copied_once_into_pinned_memory(dtype: str, waits: list[str]) -> None:
    """Of a block that nothing looks at; in half precision where that was asked for."""
    of_blocks(4, draws=7, dtype=dtype)
    large = [copy for copy in Away.copies if len(copy[0]) == 3]
    assert large == [((5, 3, 7), getattr(torch, dtype), True)] * 4
    last_draws = [shape for shape, *_ in Away.copies[Away.copies.index(large[0]) :] if len(shape) == 2]
    assert len(last_draws) == 3  # the checks of the second block
    assert waits == ["pinned", "mark", "wait"] * 4


def test_a_block_too_large_comes_in_several_copies(waits: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is waited for when the next one has begun."""
    monkeypatch.setattr("alcore_torch.device.LARGEST", 3 * 5 * 3 * 4)
    model = There().eval()
    found = predict(model, ROWS[:5], draws=7)
    model.away = True
    np.testing.assert_array_equal(found, predict(model, ROWS[:5], draws=7))
    assert [shape for shape, *_ in Away.copies if len(shape) == 3] == [(5, 3, 3), (5, 3, 3), (5, 3, 1)]
    first, between = ["pinned", "mark"], ["pinned", "mark", "wait"]
    assert waits == [*first, *between, *between, "wait"]


def test_a_device_without_pinned_memory_copies_once_too(waits: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As MPS, which shares memory with the host."""
    monkeypatch.setattr("alcore_torch.device.PINNED", ())
    of_blocks(4, draws=7)
    assert [shape for shape, *_ in Away.copies if len(shape) == 3] == [(5, 3, 7)] * 4
    assert not waits


def test_several_draws_of_one_pass_and_several_members(waits: list[str]) -> None:
    """Each member's draws are copied once."""

    class Passes(There):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            made = torch.stack([self.layers(x), self.layers(x)])
            return Away(made) if self.away else made

    members = [Passes().eval() for _ in range(3)]
    found = predict(members, ROWS[:5], draws=2, draw_axis=0)
    for member in members:
        member.away = True
    np.testing.assert_array_equal(found, predict(members, ROWS[:5], draws=2, draw_axis=0))
    assert found.shape == (5, 3, 12)
    assert [shape for shape, *_ in Away.copies if shape == (5, 3, 4)] == [(5, 3, 4)] * 3


def test_draws_of_other_shapes_are_refused(waits: list[str]) -> None:
    """As on the host."""

    class Grows(There):
        ran = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.ran += 1
            made = super().forward(x)
            return made if self.ran < 18 else torch.cat([made, made], dim=1)

    model = Grows().eval()
    model.away = True
    with pytest.raises(ValueError, match=r"expected shape \(5, 3, 1\), the shape of draw 0, got \(5, 6, 1\)"):
        predict(model, ROWS[:5], draws=20)
