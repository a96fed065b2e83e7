"""What a network computes before its first noise runs once a block and changes no bit."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from tests.adapters.torch.predictions import IMAGES, ROWS, predict


class Prefixed(nn.Module):
    """Networks whose first layers are, or seem to be, the same in every draw."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.first, self.second, self.last = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.drop, self.ran = nn.Dropout(0.5), 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.ran += 1
        return self.last(getattr(self, "_" + self.kind)(x))

    def _plain(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.second(self.first(x)))

    def _called_twice(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(self.drop(self.first(x)))

    def _written_after(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        x += self.drop(self.second(x))
        return x

    def _written_through_a_view(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        x[:, :3] *= self.drop(torch.ones_like(x[:, :3]))
        return x

    def _written_in_later_draws(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        mask = self.drop(torch.ones(1, 6))
        if self.ran % 5 == 2:  # in none of the passes that check a block
            x *= mask
        return self.drop(x + self.second(x))

    def _written_by_a_module(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        F.relu_(x)
        y = nn.functional.relu(self.second(x), inplace=True)
        return self.drop(y) + x


KINDS = [name[1:] for name in vars(Prefixed) if name[1:].startswith(("plain", "called", "written"))]


def unprefixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alcore_torch.prefix.Prefix.of", lambda self, model: contextlib.nullcontext())


@pytest.mark.parametrize("kind", KINDS)
def test_keeping_what_comes_before_the_first_noise_changes_no_bit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that are called twice, written to in place, or through a view, are not kept."""
    model = Prefixed(kind)
    kept = predict(model, ROWS, draws=9)
    assert not any("forward" in vars(module) for module in model.modules())
    model.ran = 0
    unprefixed(monkeypatch)
    np.testing.assert_array_equal(kept, predict(model, ROWS, draws=9))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("first", [nn.Identity(), nn.ReLU(inplace=True)], ids=["", "writes to its argument"])
def test_keeping_the_first_layers_of_a_sequence_changes_no_bit(
    first: nn.Module, inplace: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where little memory may be kept, and where a layer writes to its argument."""
    layers = [
        nn.Conv2d(2, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace),
        nn.Conv2d(8, 4, 3),
        nn.Flatten(),
        nn.Dropout(0.5, inplace),
    ]
    model = nn.Sequential(nn.Sequential(nn.Conv2d(2, 2, 1), first), *layers, nn.Linear(64, 3))
    kept = predict(model, IMAGES)
    monkeypatch.setattr("alcore_torch.prefix.KEPT", 10_000)
    np.testing.assert_array_equal(kept, predict(model, IMAGES))
    unprefixed(monkeypatch)
    np.testing.assert_array_equal(kept, predict(model, IMAGES))


def test_layers_before_the_first_noise_run_once_a_block() -> None:
    """In consistent draws; plain ones run them in each draw."""
    model, ran = Prefixed("plain"), []
    own = type(model.second).forward
    counted = type("Counted", (nn.Linear,), {"forward": lambda self, x: ran.append(len(x)) or own(self, x)})
    model.second = counted(6, 6)
    predict(model, ROWS, draws=50, batch_size=10)
    assert len(ran) == 3 + 4  # blocks; of the first two to learn which noise is the rows', and two to check that
    predict(model, ROWS, draws=50, batch_size=10, consistent=False)
    assert len(ran) == 7 + 3 * 50 + 1


def test_rows_made_in_inference_mode_are_predicted() -> None:
    """They have no version that would tell of writing."""
    with torch.inference_mode():
        rows = ROWS.clone()
    np.testing.assert_array_equal(predict(Prefixed("plain").eval(), rows).shape, (30, 3, 5))


def test_modules_have_their_own_forward_again_after_an_error() -> None:
    """Nothing that was kept stays on them."""

    class Fails(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("on purpose")

    model = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5), Fails())
    with pytest.raises(RuntimeError, match="on purpose"):
        predict(model, ROWS)
    assert not any("forward" in vars(module) for module in model.modules())
