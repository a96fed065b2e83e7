"""What belongs to the same rows, or to the same draws, and names them by xarray: in another order it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray

import alcore
from tests.cases import dirichlet

N, C, T = 9, 3, 6
PROBS, RIVAL = dirichlet(N, C, T, seed=1), dirichlet(4, C, T, seed=2)
MEANS = np.random.default_rng(0).normal(size=(N, C, T))
NOISE = np.random.default_rng(1).uniform(0.1, 1, size=(N, C, T))
AXES = {"N": "obs", "C": "class", "T": "draw"}


def named(array: np.ndarray, **coords: Any) -> xarray.DataArray:
    return xarray.DataArray(array, dims=("obs", "class", "draw")[: array.ndim], coords=coords)


POOL = named(PROBS, draw=np.arange(T))
TARGETS = named(RIVAL, draw=np.arange(T), obs=list("abcd"))
ON_DRAWS: dict[str, Callable[[Any, Any], Any]] = {
    "epig": alcore.epig,
    "EPIG": lambda probs, targets: alcore.EPIG(targets).score(probs),
    "a sum": lambda probs, targets: (0.5 * alcore.EPIG(targets) + alcore.BALD()).score(probs),
    "Power": lambda probs, targets: alcore.Power(alcore.EPIG(targets)).select(probs, 3, rng=0).indices,
    "Combine": lambda probs, targets: alcore.Combine({"a": alcore.EPIG(targets)}).score({"a": probs}),
    "batch_epig": lambda probs, targets: alcore.batch_epig(probs, targets, 2, rng=0).scores,
    "BatchEPIG": lambda probs, targets: alcore.BatchEPIG(targets).select(probs, 2, rng=0).scores,
}


@pytest.mark.parametrize("work", ON_DRAWS.values(), ids=ON_DRAWS)
def test_draws_of_targets_lie_in_the_order_of_the_pool(work: Callable[[Any, Any], Any]) -> None:
    expected = np.asarray(work(PROBS, RIVAL))
    for targets in (RIVAL, TARGETS, TARGETS.drop_vars("draw"), TARGETS.transpose("draw", "class", "obs")):
        np.testing.assert_allclose(np.asarray(work(POOL, targets)), expected, rtol=1e-6)
    turned = TARGETS[:, :, ::-1]
    with pytest.raises(
        ValueError, match=r"targets: expected the names of the draws of (probs|predictions), .*draw 0"
    ) as said:
        work(POOL, turned)
    remedy = str(said.value).rpartition("Put the draws in one order: ")[2].rstrip(".")
    repaired = eval(remedy, {"targets": turned, "probs": POOL, "predictions": POOL})
    np.testing.assert_allclose(np.asarray(work(POOL, repaired)), expected, rtol=1e-6)
    others = TARGETS.assign_coords(draw=np.arange(T) + 1)
    with pytest.raises(ValueError, match=r"Pass the same draws in both.*targets\.drop_vars\('draw'\)"):
        work(POOL, others)
    np.testing.assert_allclose(np.asarray(work(POOL, others.drop_vars("draw"))), expected, rtol=1e-6)


def test_weights_of_targets_lie_in_their_order() -> None:
    weights = xarray.DataArray(np.arange(1.0, 5), dims="obs", coords={"obs": list("abcd")})
    expected = alcore.epig(PROBS, RIVAL, target_weights=np.arange(1.0, 5))
    for targets, given in ((TARGETS, weights), (RIVAL, weights), (TARGETS, weights.values)):
        np.testing.assert_array_equal(np.asarray(alcore.epig(POOL, targets, target_weights=given)), expected)
    for kind, more in (("probs", {}), ("mean", {"variance": 0.5, "axes": AXES})):
        with pytest.raises(ValueError, match=r"target_weights\.sel\(\{'obs': targets\['obs'\]\.values\}\)"):
            alcore.epig(POOL, TARGETS, target_weights=weights[::-1], kind=kind, **more)
    repaired = weights[::-1].sel({"obs": TARGETS["obs"].values})
    np.testing.assert_array_equal(np.asarray(alcore.epig(POOL, TARGETS, target_weights=repaired)), expected)


@pytest.mark.parametrize("noise", [NOISE, NOISE[..., 0]], ids=["a draw", "all draws"])
def test_variances_lie_in_the_order_of_their_means(noise: np.ndarray) -> None:
    names = [f"house{row}" for row in range(N)]
    means, variance = named(MEANS, obs=names), named(noise, obs=names)
    expected = alcore.bald(MEANS, kind="mean", variance=noise)
    given: dict[str, Any] = {"kind": "mean", "axes": AXES}
    for right in (variance, variance.drop_vars("obs"), variance[::-1].sel({"obs": means["obs"].values})):
        np.testing.assert_array_equal(alcore.bald(means, variance=right, **given).values, expected)
    calls: list[Callable[[Any], Any]] = [
        lambda wrong: alcore.bald(means, variance=wrong, **given),
        lambda wrong: alcore.BALD().select(means, 2, variance=wrong, **given),
        lambda wrong: alcore.log_det(means, 2, variance=wrong, **given),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"^variance: .*variance\.sel\(\{'obs': probs\['obs'\]\.values\}\)"):
            call(variance[::-1])
    with pytest.raises(ValueError, match=r"^target_variance: .*sel\(\{'obs': targets\['obs'\]\.values\}\)"):
        alcore.epig(means, means, variance=variance, target_variance=variance[::-1], **given)
    with alcore.Ledger(ids=names) as ledger:
        ledger.label({"house3": 1.0})
        query = ledger.ask(alcore.BALD(), means, k=3, variance=variance, **given)
        rest = np.delete(np.arange(N), 3)
        assert list(query.ids) == [names[rest[row]] for row in alcore.top(expected[rest], 3).indices]
        ledger.tell(query, [1.0] * 3)
        with pytest.raises(ValueError, match=r"^variance: .*in one order"):
            ledger.ask(alcore.BALD(), means, k=3, variance=variance[::-1], **given)
