"""What a network computes before its first noise runs once a block and changes no bit."""

from __future__ import annotations

import contextlib
import random

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
        if self.ran > 20 and self.ran % 5 == 2:  # in none of the passes that check a block
            x *= mask
        return self.drop(x + self.second(x))

    def _written_by_a_module(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        F.relu_(x)
        y = nn.functional.relu(self.second(x), inplace=True)
        return self.drop(y) + x


KINDS = [name[1:] for name in vars(Prefixed) if name[1:].startswith(("plain", "called", "written"))]


# Three passes find the layers with noise, one looks at what is returned, two find the axes of rows, two show that a seed
# gives the same bits, one that draws differ, and three in each of the first two blocks look at rows in other company.
CHECKS = 9 + 3 * 2


def unprefixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alcore_torch.prefix.Prefix.of", lambda self, model: contextlib.nullcontext())


@pytest.mark.parametrize("consistent", [True, False], ids=["consistent", "plain"])
@pytest.mark.parametrize("kind", KINDS)
def test_keeping_what_comes_before_the_first_noise_changes_no_bit(
    kind: str, consistent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules that are called twice, written to in place, or through a view, are not kept."""
    model = Prefixed(kind)
    options = {"draws": 40, "batch_size": 30, "consistent": consistent}
    kept = predict(model, ROWS, **options)
    assert not any("forward" in vars(module) for module in model.modules())
    model.ran = 0
    unprefixed(monkeypatch)
    np.testing.assert_array_equal(kept, predict(model, ROWS, **options))


@pytest.mark.parametrize("consistent", [True, False], ids=["consistent", "plain"])
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("first", [nn.Identity(), nn.ReLU(inplace=True)], ids=["", "writes to its argument"])
def test_keeping_the_first_layers_of_a_sequence_changes_no_bit(
    first: nn.Module, inplace: bool, consistent: bool, monkeypatch: pytest.MonkeyPatch
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
    kept = predict(model, IMAGES, consistent=consistent)
    monkeypatch.setattr("alcore_torch.prefix.KEPT", 10_000)
    np.testing.assert_array_equal(kept, predict(model, IMAGES, consistent=consistent))
    unprefixed(monkeypatch)
    np.testing.assert_array_equal(kept, predict(model, IMAGES, consistent=consistent))


def test_layers_before_the_first_noise_run_once_a_block() -> None:
    """In consistent draws and in plain ones."""
    model, ran = Prefixed("plain"), []
    own = type(model.second).forward
    counted = type("Counted", (nn.Linear,), {"forward": lambda self, x: ran.append(len(x)) or own(self, x)})
    model.second = counted(6, 6)
    predict(model, ROWS, draws=50, batch_size=10)
    assert len(ran) == 3 + CHECKS  # blocks
    ran.clear()
    predict(model, ROWS, draws=50, batch_size=10, consistent=False)
    assert len(ran) == 3 + CHECKS - 1 + 2 * 2  # axes are learned for each check
    ran.clear()
    predict(model, ROWS, draws=1, batch_size=10, consistent=False)
    assert len(ran) <= 3 + CHECKS - 1 + 2 * 2


class Jittering(nn.Module):
    """Its first layer draws numbers of Python, where the adapter cannot follow them; in some blocks only."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.drop, self.last = Jitter(), nn.Dropout(0.5), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.drop(self.first(x)))


class Jitter(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + (random.gauss(0, 1) if x[0, 0] > 0 else 0.0)


@pytest.mark.parametrize("negative", [0, 10], ids=["in every block", "not in the first block"])
def test_layers_that_draw_from_another_generator_run_in_every_plain_draw(
    negative: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, model = torch.ones(30, 6), Jittering().eval()
    rows[:negative] *= -1
    options = {"draws": 7, "batch_size": 10, "consistent": False, "noise": ("first",)}
    kept = predict(model, rows, **options)
    unprefixed(monkeypatch)
    np.testing.assert_array_equal(kept, predict(model, rows, **options))


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


class Collecting(nn.Module):
    """Features of inner layers, which a hook collects or the layer itself keeps, go into the head: as in a U-shaped network."""

    def __init__(self, by_hook: bool) -> None:
        super().__init__()
        self.body, self.drop, self.head = nn.Sequential(nn.Linear(6, 6), nn.Tanh()), nn.Dropout(0.5), nn.Linear(12, 3)
        self.by_hook, self.features = by_hook, []
        if by_hook:
            self.body[0].register_forward_hook(lambda module, given, made: self.features.append(made))
        else:
            self.body = nn.Sequential(Keeping(6, 6), nn.Tanh())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.features.clear()
        made = self.drop(self.body(x))
        kept = self.features[0] if self.by_hook else self.body[0].taken()
        return self.head(torch.cat([made, kept], dim=1))


class Keeping(nn.Linear):
    """Keeps what it made until that is taken."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.made = super().forward(x)
        return self.made

    def taken(self) -> torch.Tensor:
        made, self.made = self.made, None
        return made


@pytest.mark.parametrize("consistent", [True, False], ids=["consistent", "plain"])
@pytest.mark.parametrize("by_hook", [True, False], ids=["hooked", "kept for later"])
def test_layers_that_leave_something_for_later_run_in_every_draw(
    by_hook: bool, consistent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Collecting(by_hook)
    kept = predict(model, ROWS, consistent=consistent)
    unprefixed(monkeypatch)
    np.testing.assert_array_equal(kept, predict(model, ROWS, consistent=consistent))
