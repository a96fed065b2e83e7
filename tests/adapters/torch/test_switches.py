"""Layers that draw random numbers in training are found and on; what stays off is named, and ``noise=`` switches it on."""

from __future__ import annotations

import warnings
from typing import Any

import alcore_torch
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

import alcore
from alcore.adapting import SilentNoiseWarning
from tests.adapters.torch.architectures import Own
from tests.adapters.torch.predictions import ROWS, predict
from tests.warned import what_one_says


def network(*middle: nn.Module) -> nn.Sequential:
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), *middle, nn.Linear(16, 3)).eval()


def information(model: nn.Module, **options: Any) -> float:
    """The mean BALD of 200 draws."""
    return float(alcore.bald(predict(model, ROWS, draws=200, batch_size=30, **options)).mean())


def own_information(model: nn.Module) -> float:
    model.train()
    with torch.no_grad():
        said = [model(ROWS).softmax(dim=1) for _ in range(200)]
    model.eval()
    return float(alcore.bald(torch.stack(said, dim=-1).numpy()).mean())


def silent(model: nn.Module, **options: Any) -> str:
    """What the one warning says."""
    with pytest.warns(SilentNoiseWarning) as told:
        predict(model, ROWS, **options)
    return what_one_says(told, SilentNoiseWarning)


class Masked(nn.Module):
    """Noise whose layer also counts in a buffer how often it trained."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.seen.add_(1)
            return x + torch.randn_like(x)
        return x


class Frozen(nn.Module):
    """A model whose first part never trains."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (
            network(nn.Dropout(0.5)),
            nn.Sequential(nn.Linear(3, 16), nn.Dropout(0.5), nn.Linear(16, 3)),
        )

    def train(self, mode: bool = True) -> Frozen:
        super().train(mode)
        self.first.eval()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x))


class OtherInTraining(nn.Module):
    """Logits in training, probabilities in inference."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.last(F.dropout(self.first(x).relu(), 0.5, self.training))
        return logits if self.training else logits.softmax(dim=1)


def test_noise_of_layers_with_names_of_their_own_is_on_beside_dropout() -> None:
    """The information that draws have is that of the model's own loop, as it is with one of the two layers alone."""
    for layer in (
        Own(lambda x, training: x + torch.randn(x.shape) if training else x),
        Own(lambda x, training: F.dropout(x, 0.5) if training else x),
        Own(lambda x, training: x * x.new_empty(len(x), 16).bernoulli_(0.6) / 0.6 if training else x),
    ):
        for model in (network(layer, nn.Dropout(0.1)), network(layer)):
            assert information(model) == pytest.approx(own_information(model), rel=0.15)


def test_what_the_user_wrote_off_stays_off() -> None:
    """``training=False`` in a call, a part that never trains, and layers that were switched off, or on, one by one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        literal = network(Own(lambda x, training: F.dropout(x, 0.8, training=False)), nn.Dropout(0.1))
        assert information(literal) == pytest.approx(own_information(literal), rel=0.15)
    assert "first.2 (it was switched off)" in silent(Frozen())
    model = network(nn.Dropout(0.5), nn.Dropout(0.1))
    for mode in (True, False):
        model.train(mode)
        model[2].train(False)
        model[3].train(True)
        assert "2 (it was switched off)" in silent(model)
        with pytest.warns(SilentNoiseWarning):
            assert information(model) == pytest.approx(information(network(nn.Dropout(0.0), nn.Dropout(0.1))), rel=0.15)


def test_layers_that_stay_off_are_named_and_noise_switches_them_on() -> None:
    """By a type, a name, or a predicate; a buffer that such a layer writes is what it was before."""
    model = network(Masked(), nn.Dropout(0.1))
    assert "2 (it changes its buffers)" in silent(model)
    for said in (Masked, "2", lambda name, module: isinstance(module, Masked), (nn.Linear, "2")):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert information(model, noise=said) > 5 * information(network(nn.Dropout(0.1)))
        assert float(model[2].seen) == 0
    with pytest.raises(ValueError, match="noise: no layer of the model is 'dropout'. It has '0', '1'"):
        predict(model, ROWS, noise="dropout")
    with pytest.raises(TypeError, match="noise: expected types or names of layers, or functions"):
        predict(model, ROWS, noise=3)


def test_a_branch_that_returns_something_else_stays_off_unless_it_is_said() -> None:
    """Logits for probabilities would pass without a word."""
    model = OtherInTraining().eval()
    with pytest.warns(
        SilentNoiseWarning, match="the model itself .the model returns something else with it in training"
    ):
        assert predict(model, ROWS, draws=1, kind="probs").shape == (30, 3, 1)
    with (
        pytest.warns(SilentNoiseWarning),
        pytest.raises(ValueError, match=r"draws no random numbers when it predicts.*noise=\('name',\)"),
    ):
        predict(model, ROWS, kind="probs")
    assert np.ptp(predict(model, ROWS, noise=OtherInTraining), axis=-1).max() > 0.01


def test_logits_that_happen_to_sum_to_one_are_no_probabilities() -> None:
    """Equal rows have one sum, which comes within 0.02 of 1 for one network of a hundred."""
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 3, bias=False)).eval()
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[0.15, 0.15], [0.15, 0.15], [0.2, 0.21]]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.ptp(predict(model, torch.ones(10, 2), kind="logits"), axis=-1).max() > 0.01


def test_a_model_that_needs_labels_in_training_has_its_dropout_on() -> None:
    """And a warning that the rest is not known."""

    class NeedsLabels(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network(nn.Dropout(0.5))

        def forward(self, x: torch.Tensor, labels: Any = None) -> torch.Tensor:
            if self.training and labels is None:
                raise ValueError("labels are missing")
            return self.inner(x)

    said = silent(NeedsLabels())
    assert "all but dropout layers" in said
    assert "labels are missing" in said


def test_numbers_of_numpy_and_python_are_named_and_off() -> None:
    """Said to be on they are the network's where they are as many for any rows, and plain draws follow the seed."""
    scale = Own(lambda x, training: x * float(np.random.uniform(0.1, 2)) if training else x)  # noqa: NPY002
    uniform = np.random.uniform
    rows = Own(lambda x, training: x * torch.from_numpy(uniform(0.1, 2, (len(x), 1))).float() if training else x)
    assert "2 (it draws from NumPy's global generator)" in silent(network(scale, nn.Dropout(0.1)))
    found = predict(network(scale), torch.cat([ROWS, ROWS.flip(0)]), noise=Own)
    np.testing.assert_allclose(found[:30], found[:29:-1], atol=1e-6)
    assert np.ptp(found, axis=-1).max() > 0.01
    with pytest.raises(ValueError, match=r"NumPy's global generator, as many as there are rows.*consistent=False"):
        predict(network(rows), ROWS, noise=Own)
    for layer in (scale, rows):
        one, same = (predict(network(layer), ROWS, noise=Own, consistent=False) for _ in range(2))
        np.testing.assert_array_equal(one, same)


def test_stochastic_finds_the_same_layers() -> None:
    """At the first call inside it."""
    model = network(Own(lambda x, training: x + torch.randn(x.shape) if training else x))
    with alcore_torch.stochastic(model) as noisy, torch.no_grad():
        assert (noisy(ROWS) != noisy(ROWS)).any()
    assert not any(module.training for module in model.modules())
    with alcore_torch.stochastic(network(Masked()), noise=Masked) as noisy, torch.no_grad():
        assert (noisy(ROWS) != noisy(ROWS)).any()
