"""Every remedy that `alcore_flax` prints is run. A refusal with code that no case raises fails."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import alcore_flax
import jax
import jax.numpy as jnp
import numpy
import numpy as np
import pytest
from alcore_flax import Checkpoints, DropConnect
from flax import linen as nn

from alcore.adapting import SilentNoiseWarning
from tests.adapters.flax.predictions import KEY, ROWS, bound
from tests.adapters.flax.remedy_cases import OF_FLAX
from tests.adapters.flax.test_noise import WithFailing, WithTracked
from tests.adapters.flax.test_rows import SERIES, StepsFirst
from tests.remedies import ROOT, Case, texts_of
from tests.remedy_runs import check_remedy, missing, refused


def predict(model: Any, data: Any, **options: Any) -> Any:
    given = {"draws": 4, "batch_size": 15, "kind": "logits", "progress": False, **options}
    found = alcore_flax.predict(model, data, **given)
    if "out" in options:
        return found[:]
    blocks = list(found)
    if isinstance(blocks[0], tuple):
        return np.stack([np.concatenate(part) for part in zip(*blocks, strict=True)])
    return np.concatenate(blocks)


def consistent(model: Any, data: Any, **options: Any) -> bool:
    """Whether draws differ, and are the same for the same rows in other blocks. What a warning says has been read by then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SilentNoiseWarning)
        found = predict(model, np.concatenate([data, data[::-1]]), **options)
    np.testing.assert_allclose(found[: len(data)], found[len(data) :][::-1], rtol=0, atol=1e-5)
    return bool(np.ptp(found, axis=-1).max() > 1e-3)


def written(path: str) -> str:
    """A file that no adapter wrote."""
    Path(path).write_bytes(b"weights of another library")
    return path


class Network(nn.Module):
    """Two layers with the same weights, whichever way their output is returned."""

    noisy: bool = True
    returns: Callable[[Any, Any], Any] = lambda made, x: made

    @nn.compact
    def __call__(self, x: Any) -> Any:
        hidden = nn.Dense(8)(x)
        if self.noisy:
            hidden = nn.Dropout(0.5, deterministic=True)(hidden)
        return self.returns(nn.Dense(3)(hidden), x)


class Own(nn.Module):
    """Multiplies what the user's own function gives."""

    function: Callable[[Any], Any]

    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(3)(nn.Dense(8)(x) * self.function(self))


def drop(module: nn.Module) -> Any:
    return jax.random.bernoulli(module.make_rng("dropout"), 0.5, (8,))


class Silent(nn.Module):
    """Switched on by a flag of its own."""

    rate: float = 0.5

    @nn.compact
    def __call__(self, x: Any, flag: bool = False) -> Any:
        return nn.Dense(3)(x * jax.random.bernoulli(self.make_rng("noise"), self.rate, x.shape) if flag else x)


class Mixing(nn.Module):
    """Its rows see each other unless a flag is off."""

    @nn.compact
    def __call__(self, x: Any, flag: bool = True) -> Any:
        return Network()(x - x.mean(axis=0) if flag else x)


class Around(nn.Module):
    """Calls a module that takes steps first."""

    turn: Callable[[Any], Any]

    @nn.compact
    def __call__(self, x: Any) -> Any:
        return StepsFirst(inside=True)(self.turn(x))


def in_a_dict(made: Any, x: Any) -> Any:
    return {"logits": made, "hidden": x}


def turned(made: Any, x: Any) -> Any:
    return {"logits": jnp.moveaxis(made, 0, 1), "hidden": x}


def heads(made: Any, x: Any) -> Any:
    return {"mean": made, "log_variance": x[:, :3], "variance": jnp.exp(x[:, :3]), "short": x[:, :2]}


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    model = bound(Network(), ROWS)
    module, variables = model.unbind()
    networks = {one.__name__: bound(Network(returns=one), ROWS) for one in (in_a_dict, turned, heads)}
    return {
        **networks,
        "model": model,
        "module": module,
        "variables": variables,
        "quiet": bound(Network(noisy=False), ROWS),
        "silent": bound(Silent(), ROWS),
        "mixing": bound(Mixing(), ROWS),
        "tracked": bound(WithTracked(), ROWS),
        "failing": bound(WithFailing(), ROWS),
        "steps_first": bound(StepsFirst(True), np.moveaxis(SERIES, 0, 1)),
    }


@pytest.fixture
def names(models: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return {
        **models,
        **{one.__name__: one for one in (predict, consistent, written, drop, DropConnect, Checkpoints)},
        "own": lambda function: bound(Own(function), ROWS),
        "around": lambda turn: bound(Around(turn), SERIES),
        "softmax": lambda made: np.asarray(jax.nn.softmax(made)),
        "SimpleNamespace": SimpleNamespace,
        "alcore_flax": alcore_flax,
        "jax": jax,
        "jnp": jnp,
        "np": np,
        "numpy": numpy,
        "random": random,
        "rows": ROWS,
        "series": SERIES,
        "key": KEY,
    }


@pytest.mark.parametrize("case", OF_FLAX, ids=lambda case: f"{case.call} | {case.remedy}")
def test_the_remedy_gives_what_the_definition_says(case: Case, names: dict[str, Any]) -> None:
    check_remedy(case, names)


def test_every_text_with_code_is_raised_by_a_case(names: dict[str, Any]) -> None:
    said = [refused(case, dict(names)) for case in OF_FLAX]
    left = missing(texts_of(sorted((ROOT / "adapters" / "alcore_flax").glob("*.py"))), (), said)
    assert not left, "\n".join(left)
