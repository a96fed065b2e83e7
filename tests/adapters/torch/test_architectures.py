"""Whatever the network: equal rows agree in every draw of any block and order, and draws are those of the model's own loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.adapters.torch.architectures import ARCHITECTURES, LIBRARY, Made
from tests.adapters.torch.predictions import predict
from tests.conftest import soak

SIZES, REPEATS = (11, 5, 3), 400  # blocks of all rows; the last of one row; the last of two
TWICE = [0, 1, 2, 3, 4, 5, 6, 7, 0, 3, 6]  # rows that are there twice


def of_transformers(name: str) -> tuple[Callable[[], nn.Module], dict[str, torch.Tensor]]:
    transformers: Any = pytest.importorskip("transformers")
    kind, options = LIBRARY[name]
    task = "Image" if "image_size" in options else "Sequence"
    config = getattr(transformers, f"{kind}Config")(**options)
    data = (
        {"pixel_values": torch.randn(8, 3, 32, 32)} if task == "Image" else {"input_ids": torch.randint(5, 90, (8, 8))}
    )
    return lambda: getattr(transformers, f"{kind}For{task}Classification")(config), data


def of(name: str) -> tuple[nn.Module, Any, dict[str, Any]]:
    """A model, eight rows, and options of ``predict``."""
    torch.manual_seed(1)
    if name in LIBRARY:
        make, data = of_transformers(name)
        return make().eval(), data, {"output": "logits"}
    own: Made = ARCHITECTURES[name]
    return own[0]().eval(), torch.randn(8, *own[1]), {}


def taken(data: Any, places: list[int]) -> Any:
    return {key: value[places] for key, value in data.items()} if isinstance(data, dict) else data[places]


@pytest.mark.parametrize("name", [*ARCHITECTURES, *LIBRARY])
def test_equal_rows_agree_in_every_draw(name: str) -> None:
    """In three sizes of blocks and two orders of rows; plain draws have noise of their own for each."""
    model, data, options = of(name)
    expected = predict(model, data, draws=4, batch_size=8, **options)
    assert (np.ptp(expected, axis=-1) > 1e-4).any()
    for size in SIZES:
        for order in (TWICE, TWICE[::-1]):
            rows = taken(data, order)
            found = predict(model, rows, draws=4, batch_size=size, **options)
            np.testing.assert_allclose(found, expected[order], rtol=0, atol=1e-5)
    for size in SIZES[: soak(1, 3)]:
        first, again = (
            predict(model, taken(data, TWICE), draws=4, batch_size=size, consistent=False, **options) for _ in range(2)
        )
        np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("consistent", [True, pytest.param(False, marks=pytest.mark.soak)], ids=["consistent", "plain"])
@pytest.mark.parametrize("name", [*ARCHITECTURES, *LIBRARY])
def test_the_mean_over_draws_is_that_of_the_models_own_loop(name: str, consistent: bool) -> None:
    """Written as users write it: the model in training, its normalisation in inference."""
    model, data, options = of(name)
    data = taken(data, [0, 1, 2, 3])
    found = predict(model, data, draws=REPEATS, consistent=consistent, **options).astype(np.float64)
    if name == "DropConnect":
        return  # elsewhere its model runs as it is
    model.train()
    for module in model.modules():
        module.training &= not isinstance(module, nn.BatchNorm1d)
    with torch.no_grad():
        said = [model(**data).logits if isinstance(data, dict) else model(data) for _ in range(REPEATS)]
    own = torch.stack(said, dim=-1).double().softmax(dim=1).numpy()
    error = np.sqrt((found.var(axis=-1) + own.var(axis=-1)) / own.shape[-1])
    np.testing.assert_array_less(np.abs(found.mean(axis=-1) - own.mean(axis=-1)), 4 * error + 1e-6)
