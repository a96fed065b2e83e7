"""Every remedy that `alcore_torch` prints is run, and those about loaders. A refusal with code that no case raises fails."""

from __future__ import annotations

import warnings
from itertools import islice
from typing import Any

import alcore_torch
import lightning
import numpy as np
import pytest
import torch
from alcore_torch import DropConnect
from torch import nn
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    IterableDataset,
    SequentialSampler,
    Subset,
    TensorDataset,
)
from torch.utils.data.datapipes.iter import IterableWrapper

from alcore.adapting import SilentNoiseWarning
from tests.adapters.torch import predictions
from tests.adapters.torch.predictions import ROWS
from tests.adapters.torch.remedy_cases import OF_TORCH
from tests.remedies import ROOT, Case, texts, texts_of
from tests.remedy_runs import check_remedy, missing, refused

OTHERS = {
    "repeats rows": "PyTorch has no such step; the tests of Keras run it with tf.data",
    "rate={}, drops": "a representation",
    "noise=('name',)": "the names are the user's",
}
OWN = ("alcore/adapting/order.py", "alcore/adapting/steps.py", "alcore/adapting/predictions.py")
FOLDER = ROOT / "adapters" / "alcore_torch"


def predict(model: Any, data: Any, **options: Any) -> np.ndarray:
    return predictions.predict(model, data, **{"dtype": "float64", **options})


def differ(model: Any, data: Any, **options: Any) -> bool:
    """Whether draws differ. What a warning says of layers that stay off has been read by then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SilentNoiseWarning)
        return bool(np.ptp(predict(model, data, **options), axis=-1).max() > 1e-3)


def softmax(model: nn.Module, data: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return model.eval()(data).softmax(1).numpy()


def sorted_by_id(model: Any, data: Any, **options: Any) -> np.ndarray:
    preds = alcore_torch.predict(model, data, draws=5, kind="logits", progress=False, dtype="float64", **options)
    found = np.concatenate(list(preds))
    return found[np.argsort(preds.ids)]


def network(*layers: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), *layers, nn.Linear(8, 3))


class Mixing(nn.Module):
    """Its rows see each other."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network(nn.Dropout(0.5))

    def forward(self, x: torch.Tensor, mix: bool = True) -> torch.Tensor:
        return self.inner(x - x.mean(0) if mix else x)


class Own(nn.Module):
    """Noise of the user's own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.randn(x.shape) if self.training else x


class NeedsLabels(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.own, self.last = nn.Linear(6, 8), Own(), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor, labels: Any = None) -> torch.Tensor:
        if self.training and labels is None:
            raise ValueError("labels are missing")
        return self.last(self.own(self.first(x)))


class OtherInTraining(nn.Module):
    """Returns logits in training, and probabilities elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            return self.inner(x + torch.randn(x.shape)).softmax(1) * 2
        return self.inner(x).softmax(1)


class InADict(nn.Module):
    def __init__(self, listed: bool) -> None:
        super().__init__()
        self.inner, self.listed = network(nn.Dropout(0.5)), listed

    def forward(self, x: torch.Tensor) -> Any:
        made = self.inner(x)
        return made.tolist if self.listed else {"logits": made, "hidden": x}


class ByPairs(nn.Module):
    """Draws a number for each pair of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x + torch.randn(len(x) * len(x))[: len(x), None])


class Counted(IterableDataset):
    def __iter__(self) -> Any:
        return iter(ROWS)

    def __len__(self) -> int:
        return 30


class Turned(DataLoader):
    def __iter__(self) -> Any:
        return reversed(list(super().__iter__()))


class Named(TensorDataset):
    def __getitem__(self, place: Any) -> Any:
        return {"x": self.tensors[0][place], "id": place}


class Module(lightning.LightningDataModule):
    def setup(self, stage: str) -> None:
        self.rows = TensorDataset(ROWS)

    def predict_dataloader(self) -> Any:
        return DataLoader(self.rows, 12)


def begun(loader: DataLoader) -> Any:
    made = iter(loader)
    list(islice(made, 1))
    return made


def without_broken(rows: list[Any]) -> Any:
    return torch.stack([row for (row,) in rows[1:]])


@pytest.fixture
def names() -> dict[str, Any]:
    own = (predict, differ, softmax, sorted_by_id, Counted, Turned, begun, without_broken)
    theirs = (DataLoader, ConcatDataset, Subset, SequentialSampler, DropConnect)
    module = Module()
    module.setup("predict")
    trainer = lightning.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    trainer.datamodule = module
    off = network(nn.Dropout(0.5), nn.Dropout(0.1))
    off[1].eval()
    return {
        **{one.__name__: one for one in (*own, *theirs)},
        "np": np,
        "torch": torch,
        "nn": nn,
        "rows": ROWS,
        "module": Module(),
        "trainer": trainer,
        "IterableWrapper": IterableWrapper,
        "model": network(nn.Dropout(0.5)),
        "itself": OtherInTraining(),
        "quiet": network(),
        "switched_off": off,
        "needs_labels": NeedsLabels(),
        "mixing": Mixing(),
        "flagged": Mixing(),
        "listed": InADict(True),
        "in_a_dict": InADict(False),
        "keeps": ByPairs(),
        "data": TensorDataset(ROWS),
        "tensors": TensorDataset(ROWS),
        "named": Named(ROWS),
        "short": TensorDataset(ROWS),
        "order": torch.randperm(30, generator=torch.Generator().manual_seed(1)).tolist(),
    }


@pytest.mark.parametrize("case", OF_TORCH, ids=lambda case: f"{case.call} | {case.remedy}")
def test_the_remedy_gives_what_the_definition_says(case: Case, names: dict[str, Any]) -> None:
    check_remedy(case, names)


def test_every_text_with_code_is_raised_by_a_case(names: dict[str, Any]) -> None:
    said = [refused(case, dict(names)) for case in OF_TORCH]
    shared = [one for one in texts(("adapting",)) if one.file in OWN or "noise={}" in one.words]
    left = missing([*texts_of(sorted(FOLDER.glob("*.py"))), *shared], OTHERS, said)
    assert not left, "\n".join(left)
