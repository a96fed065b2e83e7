"""Replay of regression: weights of draws by Bayes' rule written out, the exact posterior of a linear model, refusals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

import alcore
import alcore.bench
from alcore.bench.compare import DEFAULT_OF_MEANS
from alcore.bench.regression import information_of_means
from tests.gaussians import information, means_and_variances, shares

N, M, D, T = 30, 20, 2, 40
MEANS, VARIANCE = means_and_variances(N, D, T)
TEST, TEST_VARIANCE = means_and_variances(M, D, T, seed=1)
RNG = np.random.default_rng(2)
LABELS, TEST_LABELS = RNG.normal(10, 2, (N, D)), RNG.normal(10, 2, (M, D))
POOL = alcore.bench.labelled_means(MEANS, LABELS, VARIANCE * 40)
TESTED = alcore.bench.labelled_means(TEST, TEST_LABELS, TEST_VARIANCE * 40)


def densities(means: np.ndarray, variance: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n, T) the density of a row's labels under each draw, by scipy."""
    each = scipy.stats.norm.pdf(labels[..., None], means, np.sqrt(variance))
    return each.prod(axis=1)


def test_likelihoods_are_gaussian_densities() -> None:
    rows = np.array([4, 0, 7])
    expected = np.log(densities(MEANS[rows], VARIANCE[rows] * 40, LABELS[rows]))
    np.testing.assert_allclose(POOL.log_likelihoods(rows), expected, rtol=1e-10)
    constant = alcore.bench.labelled_means(MEANS, LABELS, [0.5, 2.0])
    wide = np.broadcast_to(np.array([0.5, 2.0])[:, None], MEANS.shape)
    np.testing.assert_allclose(constant.log_likelihoods(rows), np.log(densities(MEANS[rows], wide[rows], LABELS[rows])))


def test_metrics_are_those_of_the_mixture() -> None:
    weights = shares(np.arange(1, T + 1), T)
    found = TESTED.metrics(weights)
    density = densities(TEST, TEST_VARIANCE * 40, TEST_LABELS) @ weights
    assert found["log-likelihood"] == pytest.approx(np.log(density).mean())
    assert found["RMSE"] == pytest.approx(np.sqrt(np.mean((TEST_LABELS - TEST @ weights) ** 2)))


def test_a_replay_reweights_draws_by_bayes_rule() -> None:
    """The curve of one heuristic, with the weights, the picks and the metrics computed anew at each step."""
    found = alcore.bench.replay(
        {"bald": alcore.BALD()}, POOL, TESTED, size=1, steps=5, seeds=[3], posterior="reweighted"
    )
    rows = np.random.default_rng([3, 0]).permutation(N)[N // 10 :].tolist()
    weights = np.full(T, 1 / T)
    for step in range(6):
        metrics = TESTED.metrics(weights)
        for name in ("log-likelihood", "RMSE"):
            assert found.curves["bald"].metrics[name][0, step] == pytest.approx(metrics[name], rel=1e-9)
        scores = alcore.bald(MEANS[rows], kind="mean", variance=VARIANCE[rows] * 40, weights=weights)
        pick = rows.pop(int(scores.argmax()))
        weights = weights * densities(MEANS[[pick]], VARIANCE[[pick]] * 40, LABELS[[pick]])[0]
        weights /= weights.sum()
    assert found.metrics == ("log-likelihood", "RMSE")


def test_the_weights_approach_the_exact_posterior() -> None:
    rng = np.random.default_rng(0)
    x, truth, noise, draws = rng.normal(size=(12, 2)), np.array([0.5, -0.3]), 1.0, 200_000
    y = x @ truth + rng.normal(size=12)
    weights = rng.normal(size=(draws, 2))
    pool = alcore.bench.labelled_means(x @ weights.T, y, noise)
    log = pool.log_likelihoods(np.arange(12)).sum(axis=0)
    posterior = np.exp(log - log.max())
    posterior /= posterior.sum()
    exact = np.linalg.solve(np.eye(2) + x.T @ x / noise, x.T @ y / noise)
    np.testing.assert_allclose(posterior @ weights, exact, atol=0.01)


def test_information_of_picks_is_the_determinant() -> None:
    weights = np.arange(1.0, T + 1)
    rows = [3, 8, 8, 1]
    found = information_of_means(MEANS[rows], VARIANCE[rows], shares(weights, T))
    expected = [information(rows[:count], MEANS, VARIANCE, weights) if count else 0.0 for count in range(5)]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.fixture(scope="module")
def compared() -> alcore.bench.Comparison:
    targets = alcore.EPIG(TEST[:5], target_variance=TEST_VARIANCE[:5] * 40)
    return alcore.bench.compare(
        MEANS, labels=LABELS, test=TEST, test_labels=TEST_LABELS, kind="mean", variance=VARIANCE * 40,
        test_variance=TEST_VARIANCE * 40, heuristics=["bald", "epistemic-variance", "log-det", "random", targets],
        k=4, steps=3, seeds=2, rng=0,
    )  # fmt: skip


def test_a_comparison_of_means(compared: alcore.bench.Comparison) -> None:
    assert compared.names == ("bald", "epistemic-variance", "log-det", "random", "epig")
    assert compared.information is not None
    best = alcore.log_det(MEANS, 4, variance=VARIANCE * 40)
    assert compared.information[2] == pytest.approx(best.information[-1])
    assert (compared.information <= compared.information[2] + 0.3).all()  # greedy is not exactly the best
    assert compared.left_out["calibration"] == "it is measured of class probabilities"
    assert set(compared.replays[0].curves["epig"].metrics) == {"log-likelihood", "RMSE", "effective dimension"}
    assert compared.tables()["replay"]["RMSE"].size
    assert compared.predicted_classes is None


def test_a_comparison_has_words_and_a_report(compared: alcore.bench.Comparison, tmp_path: Path) -> None:
    assert alcore.bench.sentences(compared)
    alcore.bench.write_report(compared, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "RMSE of the test set against labels" in page
    assert "accuracy of the test set" not in page


def test_the_defaults_are_heuristics_of_means() -> None:
    found = alcore.bench.compare(MEANS, kind="mean", variance=40.0, k=3, rng=0)
    assert found.names == DEFAULT_OF_MEANS
    assert "labels of the pool" in found.left_out["replay"]
    ordered = alcore.bench.compare(
        MEANS.transpose(2, 0, 1), kind="mean", variance=VARIANCE.transpose(2, 0, 1), axes="TNC", k=3, rng=0,
        heuristics=["bald", "log-det"],
    )  # fmt: skip
    expected = alcore.log_det(MEANS, 3, variance=VARIANCE)
    assert ordered.batches[1].indices.tolist() == expected.indices.tolist()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"labels": LABELS[:5]}, r"labels: expected shape \(30, 2\), one label for each row and output, got \(5, 2\)"),
        ({"labels": LABELS[:, 0]}, r"labels: expected shape \(30, 2\)"),
        ({"labels": np.where(np.arange(N)[:, None] == 3, np.nan, LABELS)}, "label of row 3, output 0 is nan"),
        ({"test_variance": None}, "test_variance: expected the variances of the noise of the test set.*test_variance=0.25"),
        ({"variance": iter([VARIANCE])}, "variance: expected predictions that can be read again"),
        ({"variance": None}, "variance: replay of means needs the variance.*Without one leave labels out"),
        ({"test": TEST[:, :1]}, r"test: expected shape \(N, 2, 40\), the outputs and draws of the pool, got \(N, 1, 40\)"),
        ({"test": TEST[..., :5]}, r"test: expected shape \(N, 2, 40\).*got \(N, 2, 5\)"),
        ({"test": TEST[:0]}, "test: expected at least one row"),
        ({"test_variance": -TEST_VARIANCE}, "test_variance: expected finite numbers above 0.*row 0, output 0, draw 0"),
        ({"test_variance": [1.0, 2.0, 3.0]}, r"test_variance: expected one number or 2.*pass test_variance\[:, None\]"),
        ({"test": None}, "test_variance: expected a test set beside it"),
    ],
)  # fmt: skip
def test_refusals(change: dict[str, Any], match: str) -> None:
    given = {
        "labels": LABELS, "test": TEST, "test_labels": TEST_LABELS, "variance": VARIANCE, "test_variance": TEST_VARIANCE,
    } | change  # fmt: skip
    with pytest.raises(ValueError, match=match):
        alcore.bench.compare(MEANS, kind="mean", heuristics=["bald"], k=2, steps=1, seeds=1, **given)


def test_the_remedy_for_a_test_variance_works() -> None:
    options: dict[str, Any] = {"labels": LABELS, "test": TEST, "test_labels": TEST_LABELS, "variance": VARIANCE * 40}
    found = alcore.bench.compare(
        MEANS, kind="mean", heuristics=["random"], k=2, steps=1, seeds=1, test_variance=0.25, **options
    )
    assert found.replays


def test_a_test_variance_belongs_to_means() -> None:
    probs = np.full((5, 2, 4), 0.5)
    with pytest.raises(ValueError, match="test_variance: expected kind='mean' beside it, got kind='probs'"):
        alcore.bench.compare(probs, heuristics=["bald"], test_variance=1.0)


@pytest.mark.parametrize(("name", "noise"), [("predictions", "variance"), ("test", "test_variance")])
def test_pairs_are_joined_first(name: str, noise: str) -> None:
    """Every heuristic reads the pool anew, and its variances must stay beside their means."""
    given: dict[str, Any] = {"predictions": MEANS, "variance": VARIANCE * 40, "test": TEST, "test_variance": 10.0}
    plan: dict[str, Any] = {"heuristics": ["random"], "k": 2, "steps": 1, "seeds": 1, "rng": 0}
    plan |= {"labels": LABELS, "test_labels": TEST_LABELS, "kind": "mean"}
    pairs = [(part, np.full_like(part, 20.0)) for part in np.array_split(given[name], 3)]
    with pytest.raises(
        TypeError, match=f"{name}: expected an array or a file of means, got blocks that are pairs"
    ) as said:
        alcore.bench.compare(**{**given, name: pairs, noise: None}, **plan)
    blocks, parts = list(pairs), re.findall(r"np\.concatenate\(\[.*?\]\)", str(said.value))
    joined = [eval(part, {"np": np, "blocks": blocks}) for part in parts]
    np.testing.assert_array_equal(joined[0], given[name])
    found = alcore.bench.compare(**{**given, name: joined[0], noise: joined[1]}, **plan)
    assert found.replays


def test_a_comparison_without_noise_has_no_information() -> None:
    found = alcore.bench.compare(MEANS, kind="mean", heuristics=["epistemic-variance", "random"], k=3, rng=0)
    assert found.left_out["information"] == "it needs the variance of the noise"
    assert found.information is None
    assert (
        found.batches[0].indices.tolist() == alcore.Variance("epistemic").select(MEANS, 3, kind="mean").indices.tolist()
    )


@pytest.mark.parametrize("variance", [2.0, [1.0, 3.0], VARIANCE])
def test_maps_of_numbers_are_compared_as_far_as_they_go(variance: Any) -> None:
    maps = MEANS.reshape(N, D, 4, 10)
    noise = variance.reshape(maps.shape) if isinstance(variance, np.ndarray) else variance
    reduced = alcore.Reduce(alcore.BALD(), "mean")
    found = alcore.bench.compare(maps, kind="mean", variance=noise, heuristics=[reduced], k=3, rng=0)
    expected = reduced.select(maps, 3, kind="mean", variance=noise)
    assert found.batches[0].indices.tolist() == expected.indices.tolist()
    assert "event axes" in found.left_out["replay"]
