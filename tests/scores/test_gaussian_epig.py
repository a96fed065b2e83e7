"""EPIG of means: the correlation of noisy labels written out, the closed form of Bayesian linear regression, refusals."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import alcore
from tests.gaussians import epig, means_and_variances

pytestmark = pytest.mark.interpreted

N, J, D, T = 17, 5, 2, 8
MEANS, VARIANCE = means_and_variances(N, D, T)
TARGETS, TARGET_VARIANCE = means_and_variances(J, D, T, seed=1)
WEIGHTS = np.arange(1.0, T + 1)


def by_definition(*weights: Any) -> np.ndarray:
    return epig(MEANS, VARIANCE, TARGETS, TARGET_VARIANCE, *weights)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
def test_is_the_information_of_correlated_gaussians(dtype: type, weights: Any) -> None:
    options = {"kind": "mean", "variance": VARIANCE, "target_variance": TARGET_VARIANCE, "weights": weights}
    found = alcore.epig(MEANS.astype(dtype), TARGETS.astype(dtype), **options)
    tolerance = {np.float16: 2e-2, np.float32: 1e-5, np.float64: 1e-11}[dtype]
    np.testing.assert_allclose(found, by_definition(weights), rtol=tolerance, atol=tolerance / 10)


def test_weights_of_targets_and_of_outputs() -> None:
    options: dict[str, Any] = {"kind": "mean", "variance": VARIANCE}
    given = {"target_weights": np.arange(J), "target_variance": TARGET_VARIANCE}
    found = alcore.epig(MEANS, TARGETS, **given, **options, output_weights=[2.0, 0.5])
    np.testing.assert_allclose(found, by_definition(None, np.arange(J), (2.0, 0.5)), rtol=1e-11)
    heuristic = alcore.EPIG(TARGETS, **given)
    np.testing.assert_array_equal(heuristic.score(MEANS, **options, output_weights=[2.0, 0.5]), found)
    drawn = alcore.Power(heuristic).select(MEANS, 3, rng=0, **options)
    expected = alcore.power(heuristic.score(MEANS, **options), 3, rng=0)
    np.testing.assert_array_equal(drawn.indices, expected.indices)


def test_is_at_most_the_bald_of_both() -> None:
    found = alcore.epig(MEANS, TARGETS, kind="mean", variance=0.3)
    of_targets = alcore.bald(TARGETS, kind="mean", variance=0.3).mean()
    assert (found >= 0).all()
    assert (found <= np.minimum(alcore.bald(MEANS, kind="mean", variance=0.3), of_targets) + 1e-12).all()


def test_equals_the_closed_form_of_bayesian_linear_regression() -> None:
    rng = np.random.default_rng(0)
    train, pool, targets, noise, draws = (*(rng.normal(size=(n, 3)) for n in (8, 30, 6)), 0.25, 40_000)
    posterior = np.linalg.inv(np.eye(3) + train.T @ train / noise)
    weights = rng.multivariate_normal(np.zeros(3), posterior, size=draws)
    between = pool @ posterior @ targets.T
    variances = [np.einsum("nd,de,ne->n", x, posterior, x) + noise for x in (pool, targets)]
    rho2 = between**2 / np.outer(*variances)
    exact = -0.5 * np.log1p(-rho2).mean(axis=1)
    found = alcore.epig(pool @ weights.T, targets @ weights.T, kind="mean", variance=noise)
    np.testing.assert_allclose(found, exact, atol=8 / np.sqrt(draws) * np.sqrt(exact.max()))


@pytest.mark.parametrize("spread", [1e-3, 1e-6])
def test_small_information_has_relative_accuracy(spread: float) -> None:
    rng = np.random.default_rng(2)
    base = rng.normal(size=T)
    base -= base.mean()
    means, target = 5 + spread * np.outer(np.ones(3), base), (7 + base)[None]
    var, of_target = spread**2 * (base**2).mean(), (base**2).mean()
    rho2 = (spread * of_target) ** 2 / ((var + 1) * (of_target + 1))
    found = alcore.epig(means, target, kind="mean", variance=1.0)
    np.testing.assert_allclose(found, -0.5 * np.log1p(-rho2), rtol=1e-6)


def test_variances_of_targets_come_in_many_forms() -> None:
    expected = alcore.epig(MEANS, TARGETS, kind="mean", variance=0.5, target_variance=np.full((J, D), 0.5))
    for given in (None, 0.5, [0.5, 0.5], np.full((J, D, T), 0.5)):
        found = alcore.epig(MEANS, TARGETS, kind="mean", variance=0.5, target_variance=given)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    pairs = alcore.epig(MEANS, [(TARGETS, TARGET_VARIANCE)], kind="mean", variance=VARIANCE)
    np.testing.assert_array_equal(
        pairs, alcore.epig(MEANS, TARGETS, kind="mean", variance=VARIANCE, target_variance=TARGET_VARIANCE)
    )
    stream = alcore.epig(
        ((m[None], v[None]) for m, v in zip(MEANS, VARIANCE, strict=True)), [(TARGETS, TARGET_VARIANCE)], kind="mean"
    )
    np.testing.assert_allclose(stream, pairs, rtol=1e-12)


def test_axes_are_those_of_the_pool() -> None:
    options: dict[str, Any] = {"kind": "mean", "axes": "TNC"}
    found = alcore.epig(
        MEANS.transpose(2, 0, 1), TARGETS.transpose(2, 0, 1),
        variance=VARIANCE.transpose(2, 0, 1), target_variance=TARGET_VARIANCE[..., 0], **options,
    )  # fmt: skip
    expected = alcore.epig(MEANS, TARGETS, kind="mean", variance=VARIANCE, target_variance=TARGET_VARIANCE[..., 0])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("targets", "options", "match"),
    [
        (TARGETS, {"variance": VARIANCE}, "target_variance: EPIG of means needs.*Pass target_variance=0.25"),
        (TARGETS, {}, "target_variance: EPIG of means needs"),
        (TARGETS, {"target_variance": 1.0}, "variance: epig of means needs the variance"),
        (TARGETS[:, :1], {"variance": 1.0}, "targets: expected 2 outputs and 8 draws, as probs has, got 1 and 8"),
        (TARGETS[..., :4], {"variance": 1.0}, "got 2 and 4"),
        (TARGETS[:0], {"variance": 1.0}, "expected at least one target"),
        (TARGETS[:, :, None], {"variance": 1.0}, "targets: expected shape"),
        (TARGETS * np.nan, {"variance": 1.0}, r"targets\[0, 0, 0\] is nan"),
        (TARGETS, {"variance": 1.0, "target_variance": -TARGET_VARIANCE}, "target_variance: .*row 0, output 0, draw 0 is -"),
        (TARGETS, {"variance": 1.0, "target_variance": 0.0}, "target_variance is 0"),
        (TARGETS, {"variance": 1.0, "target_variance": TARGET_VARIANCE[:2]}, "target_variance: expected 5 rows"),
    ],
)  # fmt: skip
def test_refuses_targets_that_do_not_fit(targets: np.ndarray, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        alcore.epig(MEANS, targets, kind="mean", **options)


def test_the_remedy_for_a_missing_variance_works() -> None:
    with pytest.raises(ValueError, match=re.escape("or an array (J, D, T) or (J, D)")):
        alcore.epig(MEANS, TARGETS, kind="mean", variance=VARIANCE)
    for given in (0.25, TARGET_VARIANCE, TARGET_VARIANCE[..., 0]):
        assert alcore.epig(MEANS, TARGETS, kind="mean", variance=VARIANCE, target_variance=given).shape == (N,)
    with pytest.raises(ValueError, match="target_variance: expected kind='mean' beside it"):
        alcore.epig(np.full((2, 2, 2), 0.5), np.full((2, 2, 2), 0.5), target_variance=1.0)
