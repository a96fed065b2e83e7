"""Data whose order is certain are taken; loaders are known by the names of their classes, without their framework."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from alcore.adapting import known_rows


def named(module: str, name: str, base: type = object, **members: Any) -> type:
    """A class that says it comes from a framework."""
    return type(name, (base,), {"__module__": module, **members})


Sequential = named("torch.utils.data.sampler", "SequentialSampler")
Batches = named("torch.utils.data.sampler", "BatchSampler", SimpleNamespace)
Loader = named("torch.utils.data.dataloader", "DataLoader", SimpleNamespace)


def loader(order: Any, rows: int = 10, **more: Any) -> Any:
    batches = Batches(sampler=order, batch_size=4, drop_last=False)
    return Loader(**{"batch_sampler": batches, "dataset": range(rows), "num_workers": 0, **more})


def test_a_loader_in_order_tells_its_rows() -> None:
    assert known_rows(loader(Sequential())) == 10
    assert known_rows(loader(None, batch_sampler=None, sampler=Sequential())) == 10


def test_arrays_and_batches_have_no_other_order_than_their_own() -> None:
    assert known_rows(np.zeros((7, 2))) == 7
    assert known_rows([np.zeros((7, 2))]) is None


@pytest.mark.parametrize("base", [object, Sequential])
def test_a_sampler_of_ones_own_is_refused_by_name(base: type) -> None:
    """One that is derived from the sequential one too: what it changes is not known."""
    with pytest.raises(ValueError, match=r"data: the ByLength of the DataLoader may give rows in another order"):
        known_rows(loader(named("mine", "ByLength", base)()))
