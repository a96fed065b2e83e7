"""Models of other libraries as their users bring them: each works as written here, and so in the guide.

The libraries are not installed for these tests; what is here has the shapes and the habits of theirs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import alcore_torch
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

import alcore
from tests.adapters.torch.architectures import Bayesian
from tests.adapters.torch.predictions import ROWS, predict

MEMBERS = 4


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))


def plain() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))


class Repeated(nn.Module):
    """torch-uncertainty's wrappers: (draws · rows, classes) in inference, the rows of a draw together."""

    def __init__(self, make: Callable[[], nn.Module], dropout: bool = False) -> None:
        super().__init__()
        self.members, self.dropout = nn.ModuleList(make() for _ in range(MEMBERS)), dropout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.dropout:
            for module in self.members[0].modules():
                module.training |= isinstance(module, nn.Dropout)
            return self.members[0](x.repeat(MEMBERS, 1))
        return torch.cat([member(x) for member in self.members])


class Grouped(nn.Module):
    """A packed ensemble: members are groups of one layer; Laurent et al. 2022 (arXiv:2210.09184)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = (
            nn.Conv1d(6 * MEMBERS, 16 * MEMBERS, 1, groups=MEMBERS),
            nn.Conv1d(16 * MEMBERS, 3 * MEMBERS, 1, groups=MEMBERS),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = F.dropout(self.first(x.repeat(1, MEMBERS)[..., None]).relu(), 0.2)
        return self.last(hidden).view(len(x), MEMBERS, 3).transpose(0, 1).reshape(-1, 3)


class Expanded(nn.Module):
    """batchbald_redux's consistent modules: (rows, draws, classes), and each row's draws together inside."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor, draws: int) -> torch.Tensor:
        x = x[:, None].expand(-1, draws, -1).flatten(0, 1)
        hidden = self.first(x).relu().unflatten(0, (-1, draws))
        mask = torch.empty(1, draws, 16).bernoulli_(0.5)
        return self.last(hidden * mask * 2)


class Sampled(nn.Module):
    """Weights drawn from a Gaussian in each pass: Laplace's approximation, or SWAG's of low rank (arXiv:1902.02476)."""

    def __init__(self, model: nn.Module, rank: int) -> None:
        super().__init__()
        self.model = model
        self.mean = nn.utils.parameters_to_vector(model.parameters()).detach()
        self.deviations = 0.1 * torch.randn(len(self.mean), rank)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        vector = self.mean + self.deviations @ torch.randn(self.deviations.shape[1])
        weights, start = {}, 0
        for name, parameter in self.model.named_parameters():
            weights[name] = vector[start : start + parameter.numel()].view_as(parameter)
            start += parameter.numel()
        return torch.func.functional_call(self.model, weights, (x,))


class Always(nn.Module):
    """Baal's and probly's dropout, on in inference too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(x, 0.5, training=True)


def whole(model: nn.Module, **options: Any) -> np.ndarray:
    """The same in blocks of any size, and (30, 3, T)."""
    found = predict(model, ROWS, batch_size=30, **options)
    for size in (7, 29):
        np.testing.assert_allclose(predict(model, ROWS, batch_size=size, **options), found, rtol=0, atol=1e-5)
    assert np.ptp(found, axis=-1).max() > 0.01
    return found


@pytest.mark.parametrize("draws", [1, 3])
def test_ensembles_that_return_their_members_below_each_other(draws: int) -> None:
    """Deep ensembles, MC dropout by repeated rows, and packed ensembles; T is draws times members."""
    deep = Repeated(plain).eval()
    if draws == 1:
        found = whole(deep, draws=1, draw_axis="draws-first")
        for member in range(MEMBERS):
            expected = deep.members[member](ROWS).softmax(dim=1).detach()
            np.testing.assert_allclose(found[..., member], expected, atol=1e-6)
    for model in (Repeated(network, dropout=True).eval(), Repeated(network).eval(), Grouped().eval()):
        assert whole(model, draws=draws, draw_axis="draws-first").shape == (30, 3, MEMBERS * draws)


def test_the_refusal_of_an_ensemble_says_what_to_pass() -> None:
    """For both orders; the one that is right gives the members."""
    model = Repeated(plain).eval()
    with pytest.raises(ValueError, match=r"got shape \(120, 3\).*makes 4 draws of each row.*draw_axis='draws-first'"):
        predict(model, ROWS, draws=1, batch_size=30)
    assert predict(model, ROWS, draws=1, draw_axis="draws-first").shape == (30, 3, MEMBERS)


def test_models_that_make_their_own_draws_side_by_side() -> None:
    """The number of draws is an argument of the model: ``inputs=`` passes it."""
    found = whole(Expanded().eval(), draws=1, draw_axis=1, inputs=lambda x: (x, 20))
    assert found.shape == (30, 3, 20)
    assert len(np.unique(found[0, 0].round(6))) > 10
    assert alcore.bald(found).shape == (30,)


def test_weights_drawn_in_each_pass() -> None:
    """Bayes by backprop, Laplace and SWAG: the draws of all rows are of the same weights."""
    for model in (nn.Sequential(Bayesian(9, 6), nn.ReLU(), Bayesian(3, 9)), Sampled(plain(), 5)):
        assert whole(model.eval(), draws=6).shape == (30, 3, 6)


def test_weights_drawn_beforehand_are_an_ensemble() -> None:
    """Samples of Laplace or SWAG as a list of models, a draw each."""
    samples = []
    for _ in range(MEMBERS):
        sample = copy.deepcopy(plain())
        nn.utils.vector_to_parameters(nn.utils.parameters_to_vector(sample.parameters()) + 0.1, sample.parameters())
        samples.append(sample.eval())
    found = predict(samples, ROWS, draws=1)  # type: ignore[arg-type]
    for place, sample in enumerate(samples):
        np.testing.assert_allclose(found[..., place], sample(ROWS).softmax(dim=1).detach(), atol=1e-6)


def test_predictions_that_a_library_has_made_need_no_adapter() -> None:
    """(draws, rows, classes), as Laplace's ``predictive_samples`` returns them."""
    samples = torch.rand(20, 30, 3).softmax(dim=-1)
    assert alcore.bald(samples.movedim(0, -1)).shape == (30,)


def test_dropout_that_is_always_on() -> None:
    model = nn.Sequential(nn.Linear(6, 16), Always(), nn.Linear(16, 3))
    whole(model.eval(), draws=5)


class Graph:
    """A batch of graphs: nodes of all graphs, and which graph each belongs to; it goes to a device by itself."""

    def __init__(self, nodes: torch.Tensor, graph: torch.Tensor) -> None:
        self.nodes, self.graph = nodes, graph

    def to(self, device: Any) -> Graph:
        return Graph(self.nodes.to(device), self.graph.to(device))


class GraphNetwork(nn.Module):
    def __init__(self, *drop: nn.Module) -> None:
        super().__init__()
        self.first, self.drop, self.last = nn.Linear(6, 16), nn.Sequential(*drop), nn.Linear(16, 3)

    def forward(self, batch: Graph) -> torch.Tensor:
        hidden = self.drop(self.first(batch.nodes).relu())
        return self.last(torch.zeros(int(batch.graph.max()) + 1, 16).index_add(0, batch.graph, hidden))


def test_graphs_have_rows_that_come_out_and_noise_that_they_cannot_share_is_refused() -> None:
    """Nodes are not rows: plain draws or dropped weights do; those are alike for a graph and its copy in another batch."""
    graphs = [Graph(ROWS[:7], torch.tensor([0, 0, 1, 1, 1, 2, 2])), Graph(ROWS[:4], torch.tensor([0, 0, 1, 1]))]
    model = GraphNetwork(nn.Dropout(0.5)).eval()
    with pytest.raises(
        ValueError, match=r"layer 'drop.0' of GraphNetwork.*a block is one Graph, without rows.*consistent=False"
    ):
        predict(model, graphs)
    assert predict(model, graphs, consistent=False).shape == (5, 3, 5)
    found = predict(alcore_torch.DropConnect(GraphNetwork().eval(), 0.3), graphs)
    np.testing.assert_allclose(found[0], found[3], atol=1e-6)
    assert np.ptp(found, axis=-1).max() > 0.01


def test_dynamic_padding_is_refused_at_the_first_block_of_another_length_and_its_remedies_work() -> None:
    """One length for all batches, or plain draws."""
    encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)

    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.encoder, self.last = nn.Embedding(90, 8, padding_idx=0), encoder, nn.Linear(8, 3)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            padding = tokens == 0
            return self.last(self.encoder(self.embed(tokens), src_key_padding_mask=padding)[:, 0])

    torch.manual_seed(0)
    tokens, model = torch.randint(1, 90, (6, 8)), Tokens().eval()
    longer = F.pad(tokens, (0, 4))
    blocks = alcore_torch.predict(model, [tokens, longer], draws=4, kind="logits")
    next(blocks)
    with pytest.raises(
        ValueError, match=r"Tokens draws random numbers of shape .*Pad the rows of all blocks to one length"
    ):
        next(blocks)
    found = predict(model, [longer, longer.flip(0)], draws=4)
    np.testing.assert_allclose(found[:6], found[:5:-1], atol=1e-6)
    assert predict(model, [tokens, longer], draws=4, consistent=False).shape == (12, 3, 4)
