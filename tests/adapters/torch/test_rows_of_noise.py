"""Noise belongs to rows or to the network, whatever its sizes: Bayesian weights, embeddings, steps first, heads of attention."""

from __future__ import annotations

import alcore_torch
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from scipy.stats import spearmanr
from torch import nn

import alcore
from tests.adapters.torch.predictions import assert_consistent, predict

torch.manual_seed(5)
ROWS, STEPS = torch.randn(40, 5), torch.randn(40, 8, 16)


class BayesianLinear(nn.Module):
    """Weights drawn once a pass, as Bayes by backprop does."""

    def __init__(self, outputs: int, inputs: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.randn(outputs, inputs))
        self.rho = nn.Parameter(torch.full((outputs, inputs), -1.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.mean + self.rho.exp() * torch.randn_like(self.rho))


class DroppedEmbedding(nn.Module):
    """Words dropped from the table, as variational dropout of embeddings does."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.table, self.last = nn.Parameter(torch.randn(words, 6)), nn.Linear(6, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        table = self.table * F.dropout(torch.ones(len(self.table), 1), 0.3)
        return self.last(F.embedding(tokens, table).mean(dim=1))


class StepsFirst(nn.Module):
    """PyTorch's default layout of sequences, steps before rows."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32), 1, enable_nested_tensor=False)
        self.last = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.encoder(x.transpose(0, 1)).mean(dim=0))


class Attention(nn.Module):
    """Weights of attention (rows x heads, steps, steps), as the module returns them by default."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.last = nn.MultiheadAttention(16, 4, dropout=0.3, batch_first=True), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.attention(x, x, x)[0].mean(dim=1))


def bayesian() -> nn.Module:
    return nn.Sequential(BayesianLinear(8, 5), nn.ReLU(), nn.Linear(8, 3)).eval()


@pytest.mark.parametrize("batch_size", [40, 8, 7, 1])
@pytest.mark.parametrize(
    ("make", "data"),
    [
        (bayesian, ROWS),
        (lambda: DroppedEmbedding(16), torch.randint(16, (40, 8))),
        (StepsFirst, STEPS),
        (Attention, STEPS),
    ],
    ids=["weights", "embedding", "steps first", "attention"],
)
def test_a_draw_is_one_network_for_any_size_of_a_block(
    make: type[nn.Module], data: torch.Tensor, batch_size: int
) -> None:
    """Sizes of 8 are those of weights, of steps and of tokens; blocks of 7 leave a last one of 5 rows."""
    model = make().eval()
    expected = predict(model, data, draws=4, batch_size=13)
    np.testing.assert_allclose(predict(model, data, draws=4, batch_size=batch_size), expected, rtol=0, atol=1e-5)
    assert (np.ptp(expected, axis=-1) > 1e-3).any()


def test_draws_of_bayesian_weights_disagree_as_the_models_own_do() -> None:
    model = bayesian()
    with torch.no_grad():
        own = np.stack([model(ROWS).softmax(dim=1).numpy() for _ in range(400)], axis=-1)
    found = predict(model, ROWS, draws=400, batch_size=8)
    error = alcore.bald(own).std() / 20 + 0.1 * alcore.bald(own).mean()
    assert abs(alcore.bald(found).mean() - alcore.bald(own).mean()) < 4 * error / 2
    np.testing.assert_allclose(found.mean(axis=-1), own.mean(axis=-1), atol=5 * 0.5 / 20)


def test_rows_that_are_there_twice_agree() -> None:
    assert_consistent(StepsFirst().eval(), STEPS[:20])


class TwoAxesOfRows(nn.Module):
    """Noise between rows, (rows, rows): it belongs to no row."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ torch.randn(5, 3) + torch.rand_like(x @ x.T).mean() * 0


def test_noise_that_belongs_to_no_row_is_refused_and_its_remedy_works() -> None:
    with pytest.raises(
        ValueError, match=r"numbers of TwoAxesOfRows belong to which row: their shape is \(8, 8\) .*consistent=False"
    ):
        predict(TwoAxesOfRows(), ROWS, batch_size=8)
    assert predict(TwoAxesOfRows(), ROWS, batch_size=8, consistent=False).shape == (40, 3, 5)


def test_epig_of_bayesian_weights_is_that_of_the_models_own_draws() -> None:
    model = bayesian()
    with torch.no_grad():
        own = np.stack([model(ROWS).softmax(dim=1).numpy() for _ in range(400)], axis=-1)
    found = predict(model, ROWS, draws=400, batch_size=8)
    expected = alcore.epig(own[:20], own[20:]).mean()
    assert 0.6 < alcore.epig(found[:20], found[20:]).mean() / expected < 1.6


def test_stochastic_gives_every_row_noise_of_its_own() -> None:
    model = nn.Sequential(nn.Linear(5, 16), nn.Dropout(0.5), nn.Linear(16, 3))
    with alcore_torch.stochastic(model):
        rows = model(ROWS[:1].repeat(30, 1))
    assert len(torch.unique(rows.detach(), dim=0)) > 10


def test_a_mean_field_network_ranks_as_its_own_draws_do() -> None:
    """256 units, 1 024 rows and blocks of 128: sizes that fit by chance. Two sets of its own draws agree no better."""
    torch.manual_seed(0)
    layers = [BayesianLinear(256, 20), nn.ReLU(), BayesianLinear(256, 256), nn.ReLU(), BayesianLinear(10, 256)]
    for layer in layers[::2]:
        nn.init.constant_(layer.rho, -3.0)
        nn.init.normal_(layer.mean, std=0.3)
    model, rows = nn.Sequential(*layers).eval(), torch.randn(1024, 20)
    with torch.no_grad():
        own = [np.stack([model(rows).softmax(dim=1).numpy() for _ in range(100)], axis=-1) for _ in range(2)]
    found = np.concatenate(list(alcore_torch.predict(model, rows, draws=100, kind="logits", progress=False)))
    scores = [alcore.bald(draws) for draws in (*own, found)]
    assert spearmanr(scores[0], scores[2])[0] > max(0.95, spearmanr(scores[0], scores[1])[0] - 0.02)
    assert scores[2].mean() == pytest.approx(scores[0].mean(), rel=0.1)
    gains = [alcore.epig(draws, draws[:100]).mean() for draws in (*own, found)]
    assert gains[2] == pytest.approx(np.mean(gains[:2]), rel=0.25)
