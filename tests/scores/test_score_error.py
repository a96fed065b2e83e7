"""Standard errors of scores: the jackknife over the draws, the spread over fresh draws, and what cannot be said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import alcore
from alcore.door import SCORED
from tests.cases import dirichlet, special
from tests.conftest import soak

SAMPLE = dirichlet(12, 4, 7, seed=1)
each_name = pytest.mark.parametrize("name", SCORED)


def score(name: str, probs: np.ndarray, **options: Any) -> np.ndarray:
    return getattr(alcore, name.replace("-", "_"))(probs, **options)


def error_by_leaving_out(name: str, probs: np.ndarray, weights: np.ndarray | None = None, **options: Any) -> np.ndarray:
    """The jackknife: how far the score moves when a draw is left out. Of several labels the largest score is that of one label."""
    draws = probs.shape[-1]
    shares = np.full(draws, 1 / draws) if weights is None else weights / weights.sum()
    if options.get("over_labels") == "max":
        labels = [np.array(score(name, probs[:, one], kind="binary")) for one in range(probs.shape[1])]
        probs = probs[np.arange(len(probs)), np.argmax(labels, axis=0)]
        options = {"kind": "binary"}
    influence = np.zeros((draws, len(probs)))
    for t in np.flatnonzero(shares):
        left = np.where(np.arange(draws) == t, 0, shares)
        moved = score(name, probs, weights=shares, **options) - score(name, probs, weights=left, **options)
        influence[t] = moved * (1 - shares[t]) / shares[t]
    centred = influence - shares @ influence
    return np.asarray(np.sqrt((shares[:, None] ** 2 * centred**2).sum(axis=0) / (1 - (shares**2).sum())))


def check_equal(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.interpreted
@each_name
def test_equals_the_jackknife(name: str) -> None:
    weights = np.array([3.0, 1, 2, 1, 1, 0.5, 4])
    check_equal(alcore.score_error(SAMPLE, name), error_by_leaving_out(name, SAMPLE))
    check_equal(alcore.score_error(SAMPLE, name, weights=weights), error_by_leaving_out(name, SAMPLE, weights))


@each_name
@pytest.mark.parametrize("over_labels", ["sum", "mean", "max"])
def test_labels_share_their_draws(name: str, over_labels: str) -> None:
    labels = np.random.default_rng(2).uniform(0.05, 0.95, size=(40, 3, 13))
    options = {"kind": "multilabel", "over_labels": over_labels}
    expected = error_by_leaving_out(name, labels, **options)
    check_equal(alcore.score_error(labels, name, **options), expected)


@each_name
def test_kinds_and_axes_say_the_same(name: str) -> None:
    expected = alcore.score_error(SAMPLE, name)
    np.testing.assert_allclose(alcore.score_error(np.log(SAMPLE), name, kind="logits"), expected, rtol=1e-9, atol=1e-13)
    np.testing.assert_array_equal(alcore.score_error(SAMPLE.transpose(2, 0, 1), name, axes="TNC"), expected)
    np.testing.assert_array_equal(alcore.score_error((SAMPLE[:5], SAMPLE[5:]), name), expected)
    yes = SAMPLE[:, 0]
    pair = alcore.score_error(np.stack([yes, 1 - yes], axis=1), name)
    np.testing.assert_allclose(alcore.score_error(yes, name, kind="binary"), pair, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(alcore.score_error(yes[:, None], name, kind="multilabel"), pair, rtol=1e-9, atol=1e-13)
    cells = np.stack([SAMPLE, SAMPLE[::-1]], axis=2)
    found = alcore.score_error(cells, name)
    np.testing.assert_array_equal(found, np.stack([expected, expected[::-1]], axis=1))


@each_name
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float16, 1e-6), (np.float32, 1e-6), (np.float64, 1e-12)])
def test_equals_float64_of_what_is_stored(name: str, dtype: type, tolerance: float) -> None:
    stored = SAMPLE.astype(dtype)
    wide = stored.astype(np.float64)
    np.testing.assert_allclose(alcore.score_error(stored, name), alcore.score_error(wide, name), atol=tolerance)


@each_name
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_agreement_has_no_error_and_odd_rows_have_a_finite_one(name: str, dtype: type) -> None:
    rows = special().astype(dtype)
    found = alcore.score_error(rows, name)
    assert (found[[0, 2, 3]] == 0).all()
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def fresh_sets(kind: str, sets: int, draws: int) -> np.ndarray:
    """(sets, 30, C, draws): draws around fixed means, or as those of a network, from a Gaussian of logits."""
    rng = np.random.default_rng(draws)
    if kind == "dirichlet":
        centre = np.random.default_rng(1).dirichlet([0.7] * 4, size=30)[:, None, :] * 6 + 0.3
        probs = rng.standard_gamma(np.broadcast_to(centre, (sets, 30, draws, 4)))
    else:
        of_rows = np.random.default_rng(2)
        mean, spread = of_rows.normal(scale=3, size=(30, 5)), of_rows.normal(size=(30, 5, 5))
        probs = np.exp(mean[:, None] + rng.normal(size=(sets, 30, draws, 5)) @ spread)
    return np.asarray((probs / probs.sum(axis=-1, keepdims=True)).transpose(0, 1, 3, 2))


TIES = ("margin", "least-confidence", "variation-ratio")  # scores with a corner where two classes tie


@each_name
@pytest.mark.parametrize("kind", ["dirichlet", "logits"])
@pytest.mark.parametrize(("draws", "within"), [(5, 0.15), (10, 0.12), (20, 0.1), (50, 0.08)])
def test_agrees_with_the_spread_over_fresh_draws(name: str, kind: str, draws: int, within: float) -> None:
    """300 sets: the standard deviation over sets has an error of 4 % for one row, and less over rows."""
    probs = fresh_sets(kind, soak(300, 3_000), draws)
    scores = np.array([score(name, one) for one in probs])
    errors = np.array([alcore.score_error(one, name) for one in probs])
    true, said = scores.std(axis=0, ddof=1), np.sqrt((errors**2).mean(axis=0))
    above = 0.1 if name in TIES else 0.0
    assert 1 - within < rms(said) / rms(true) < 1 + within + above


def test_names_of_xarray_stay() -> None:
    xarray = pytest.importorskip("xarray")
    named = xarray.DataArray(SAMPLE, dims=("obs", "class", "draw"), coords={"obs": np.arange(12) + 100})
    found = alcore.score_error(named, axes={"N": "obs", "C": "class", "T": "draw"})
    assert found.dims == ("obs",)
    np.testing.assert_array_equal(found.obs, np.arange(12) + 100)
    np.testing.assert_array_equal(found.values, alcore.score_error(SAMPLE))


def test_a_single_draw_is_refused_and_a_second_one_mends_it() -> None:
    with pytest.raises(
        ValueError, match=r"probs: expected at least 2 draws .* Predict with dropout or with an ensemble"
    ):
        alcore.score_error(SAMPLE[..., :1])
    assert alcore.score_error(SAMPLE[..., :2]).shape == (12,)
    with pytest.raises(
        ValueError, match=r"weights: expected at least 2 draws with weight, got 1 of 7.*Leave weights out"
    ):
        alcore.score_error(SAMPLE, weights=[0, 0, 1, 0, 0, 0, 0])
    assert alcore.score_error(SAMPLE, weights=[0, 1, 1, 0, 0, 0, 0]).shape == (12,)


def test_other_measures_and_means_are_refused() -> None:
    with pytest.raises(ValueError, match="measure: expected one of 'entropy', .*got 'pairwise-kl'"):
        alcore.score_error(SAMPLE, "pairwise-kl")
    means, half = np.random.default_rng(0).normal(size=(5, 8)), 4
    with pytest.raises(ValueError, match=r"kind: score_error is for .*means\[..., :half\] and means\[..., half:\]"):
        alcore.score_error(means, kind="mean", variance=1.0)
    halves = [alcore.bald(one, kind="mean", variance=1.0) for one in (means[..., :half], means[..., half:])]
    assert halves[0].shape == halves[1].shape == (5,)


@each_name
def test_invalid_rows_are_named(name: str) -> None:
    wrong = SAMPLE.copy()
    wrong[7, 0, 2] = np.nan
    with pytest.raises(ValueError, match=r"probs\[7"):
        alcore.score_error(wrong, name)
    with pytest.raises(ValueError, match=r"7"):
        alcore.score_error(wrong[:, :3], name, kind="multilabel")
