"""Layers that drop or add noise are on, and all rows of a draw share their noise."""

from __future__ import annotations

from contextlib import nullcontext

import alcore_torch
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from tests.adapters.torch.predictions import IMAGES, ROWS, assert_consistent, convolutional, predict


class Functional(nn.Module):
    """Dropout as a function, by the flag of a module that holds no dropout layer."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.last = nn.Linear(6, 20), nn.Linear(20, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(F.dropout(F.relu(self.dense(x)), 0.4, self.training))


class OwnNoise(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.last = kind, nn.Linear(6, 3)
        self.generator = torch.Generator().manual_seed(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        noise = {
            "randn_like": lambda: torch.randn_like(x),
            "rand_like": lambda: torch.rand_like(x),
            "bernoulli": lambda: torch.bernoulli(torch.full_like(x, 0.5)),
            "bernoulli of p": lambda: torch.bernoulli(x, 0.5),
            "bernoulli_": lambda: x.new_empty(len(x), 1).bernoulli_(0.5),
            "normal_": lambda: torch.empty_like(x).normal_(1, 0.1),
            "randn": lambda: torch.randn(x.shape),
            "rand": lambda: torch.rand(len(x), 1),
            "normal": lambda: torch.normal(torch.zeros_like(x), 1.0),
            "randint": lambda: torch.randint(3, x.shape),
            "gumbel_softmax": lambda: F.gumbel_softmax(x),
            "rrelu": lambda: F.rrelu(x, training=True),
            "distributions": lambda: torch.distributions.Normal(torch.zeros_like(x), 1.0).rsample(),
            "generator": lambda: torch.rand(x.shape, generator=self.generator),
            "permuted features": lambda: torch.randperm(x.shape[1]).float(),
        }[self.kind]()
        return self.last(x * noise)


DROPOUTS = [nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout]


@pytest.mark.parametrize("kind", DROPOUTS[:1] + DROPOUTS[2:])
@pytest.mark.parametrize("inplace", [False, True])
def test_every_kind_of_dropout_layer_drops_alike_for_all_rows(kind: type[nn.Module], inplace: bool) -> None:
    """In place or not."""
    assert_consistent(convolutional(kind(0.4, inplace=inplace)), IMAGES)


def test_dropout_of_sequences_and_volumes_drops_alike_for_all_rows() -> None:
    """Whole channels of one and of three dimensions."""
    line = nn.Sequential(nn.Conv1d(2, 8, 3), nn.Dropout1d(0.4), nn.Flatten(), nn.Linear(48, 3))
    assert_consistent(line, IMAGES[:, :, 0])
    volume = nn.Sequential(nn.Conv3d(2, 8, 3), nn.Dropout3d(0.4), nn.Flatten(), nn.Linear(8 * 6 * 6 * 2, 3))
    assert_consistent(volume, IMAGES[:, :, None].repeat(1, 1, 4, 1, 1))


@pytest.mark.parametrize("kind", [nn.AlphaDropout, nn.FeatureAlphaDropout])
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_alpha_dropout_keeps_the_mean_and_the_variance(kind: type[nn.Module], rate: float) -> None:
    """Of normal numbers, in predictions and inside ``stochastic``."""
    x = torch.randn(2, 5000, 1)
    found = predict(kind(rate), x, draws=20, kind="probs", batch_size=2, class_axis=1)
    assert abs(found.mean()) < 0.02
    assert abs(found.std() - 1) < 0.03
    with alcore_torch.stochastic(kind(rate)) as model:
        assert abs(float(model(x).std()) - 1) < 0.05


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_rate_of_zero_keeps_everything_and_a_rate_of_one_nothing(rate: float) -> None:
    """Neither makes NaN."""
    model = nn.Sequential(nn.Dropout(rate), nn.Dropout(0.3), nn.Linear(6, 3, bias=False))
    same = pytest.warns(UserWarning, match="the 5 draws of its first 12 rows are the same") if rate else nullcontext()
    with same:
        found = predict(model, ROWS, kind="probs")
    assert (found == 0).all() == (rate == 1)


def test_dropout_as_a_function_is_on_in_a_model_that_evaluates() -> None:
    """``F.dropout`` asks a flag of a module that is no dropout layer."""
    assert_consistent(Functional().eval(), ROWS)


FUNCTIONS = (
    *(
        "randn_like",
        "rand_like",
        "bernoulli",
        "bernoulli of p",
        "bernoulli_",
        "normal_",
        "randn",
        "rand",
        "normal",
        "randint",
    ),
    *("gumbel_softmax", "rrelu", "distributions", "generator", "permuted features"),
)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_random_functions_in_layers_of_the_user_are_shared_by_all_rows(kind: str) -> None:
    """Whichever makes the noise: it comes from the draw's own generator, and the others stay as they were."""
    model, own = OwnNoise(kind), torch.Generator().manual_seed(1)
    before = torch.get_rng_state()
    assert_consistent(model, ROWS)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(model.generator.get_state(), own.get_state())


@pytest.mark.parametrize("consistent", [True, False])
@pytest.mark.parametrize("kind", FUNCTIONS)
def test_the_same_seed_gives_the_same_bits_whichever_function_makes_the_noise(kind: str, consistent: bool) -> None:
    """And another seed gives others."""
    model = OwnNoise(kind)
    first, again = (predict(model, ROWS, consistent=consistent) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (predict(model, ROWS, consistent=consistent, seed=1) != first).any()


def test_noise_that_rows_cannot_share_and_rows_that_are_mixed_are_refused() -> None:
    """A permutation of the rows belongs to none of them; a sum over rows makes a row depend on others."""

    class Permuting(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, :3] + x[torch.randperm(len(x)), :3]

    with pytest.raises(ValueError, match=r"randperm draws for all rows at once.*consistent=False"):
        predict(Permuting(), ROWS)
    assert predict(Permuting(), ROWS, consistent=False).shape == (30, 3, 5)

    class Mixing(nn.Module):
        def forward(self, x: torch.Tensor, mixing: bool = True) -> torch.Tensor:
            return F.dropout((x.cumsum(0) if mixing else x)[:, :3], 0.5)

    for consistent in (True, False):
        with pytest.raises(ValueError, match=r"changes with the rows beside it.*inputs="):
            predict(Mixing(), ROWS, consistent=consistent)
    assert predict(Mixing(), ROWS, inputs=lambda x: (x, False)).shape == (30, 3, 5)


def test_dropped_paths_are_the_same_for_all_rows() -> None:
    """A layer of stochastic depth that draws one number for each row."""

    class DropPath(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * x.new_empty(len(x), 1, 1, 1).bernoulli_(0.5) if self.training else x

    assert_consistent(convolutional(DropPath()), IMAGES)
