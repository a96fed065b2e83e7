"""Batches of means by the determinant of their covariance: equal to a dense determinant of every row at every pick."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.batches.search import determinant
from tests.gaussians import greedy, information, means_and_variances

pytestmark = pytest.mark.interpreted

WEIGHTS = np.arange(9) ** 2.0


def chosen(*args: Any, **options: Any) -> alcore.Batch:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", alcore.SaturationWarning)
        return alcore.log_det(*args, **options)


@pytest.mark.parametrize("outputs", [1, 2, 3])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_is_the_greedy_batch_of_a_dense_determinant(outputs: int, weights: Any, dtype: type) -> None:
    means, variance = (one.astype(dtype) for one in means_and_variances(40, outputs, 9, seed=outputs))
    found = chosen(means, 12, variance=variance, weights=weights, fill="stop")
    rows, values = greedy(len(found), means.astype(float), variance.astype(float), weights)
    assert found.indices.tolist() == rows
    np.testing.assert_allclose(found.information, values, atol=1e-8)
    np.testing.assert_allclose(found.scores, np.diff(values, prepend=0.0), atol=1e-8)
    assert found.q.tolist() == found.support.tolist() == [1] * len(found)
    assert found.certified_until == len(found)


def test_the_first_gain_is_bald_of_even_noise() -> None:
    means, variance = means_and_variances(30, 1, 9)
    found = chosen(means, 1, variance=variance[..., 0])
    scores = alcore.bald(means, kind="mean", variance=variance[..., 0])
    assert found.indices[0] == scores.argmax()
    assert found.scores[0] == pytest.approx(scores.max(), abs=1e-12)


def test_equals_the_closed_form_of_bayesian_linear_regression() -> None:
    rng = np.random.default_rng(0)
    pool, noise, draws = rng.normal(size=(40, 3)), 0.5, 60_000
    weights = rng.normal(size=(draws, 3))
    found = chosen(pool @ weights.T, 6, variance=noise, fill="stop")
    x = pool[found.indices]
    exact = 0.5 * np.linalg.slogdet(np.eye(6) + x @ x.T / noise)[1]
    assert found.information[-1] == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("outputs", [1, 2])
def test_ties_go_to_the_lowest_row(outputs: int) -> None:
    means, variance = means_and_variances(6, outputs, 9, seed=4)
    order = [3, 1, 4, 1, 5, 3, 0, 2, 4, 5, 0, 2]
    found = chosen(means[order], 12, variance=variance[order], fill="stop")
    for place, row in enumerate(found.indices):
        copies = [n for n in range(12) if order[n] == order[row] and n not in found.indices[:place]]
        assert row == min(copies)


def test_any_number_of_threads_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(determinant, "LEAST_A_THREAD", 10)
    for outputs in (1, 2):
        means, variance = means_and_variances(500, outputs, 12, seed=outputs)
        found = []
        for threads in (1, 3):
            alcore.set_threads(threads)
            found.append(chosen(means, 30, variance=variance, fill="stop"))
        alcore.set_threads(None)
        np.testing.assert_array_equal(found[0].indices, found[1].indices)
        np.testing.assert_array_equal(found[0].scores, found[1].scores)


def test_gains_of_a_row_only_fall() -> None:
    means, variance = means_and_variances(60, 2, 9, seed=7)
    found = chosen(means, 20, variance=variance, fill="stop")
    assert (np.diff(found.scores) <= 1e-12).all()
    alone = [information([int(row)], means, variance) for row in found.indices]
    assert (found.scores <= np.array(alone) + 1e-10).all()


# --- saturation -------------------------------------------------------------------------------------------------------


def test_draws_that_are_told_apart_are_noticed() -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 30)) * 100  # two directions
    with pytest.warns(
        alcore.SaturationWarning, match=r"the 30 draws were exhausted after \d+ of 150 picks.*fill='power-bald'"
    ):
        found = alcore.log_det(means, 150, variance=1.0, rng=0)
    joint = found.saturated_at
    assert joint is not None
    assert 2 <= joint < 150
    assert found.fill == "power-bald"
    assert sorted(found.indices.tolist()) == sorted(set(found.indices.tolist()))
    assert len(found) == 150
    assert (found.scores[:joint] > 0.01 * found.scores[0]).all()
    assert not found.scores[joint:].any()
    left = [row for row in range(200) if row not in found.indices[:joint]]
    rest = alcore.power(alcore.bald(means, kind="mean", variance=1.0)[left], 150 - joint, rng=0)
    assert found.indices[joint:].tolist() == np.array(left)[rest.indices].tolist()
    np.testing.assert_allclose(found.q[joint:], rest.q)
    np.testing.assert_array_equal(found.support[joint:], rest.support)
    with pytest.warns(alcore.SaturationWarning, match="the batch ends there"):
        stopped = alcore.log_det(means, 150, variance=1.0, fill="stop")
    assert len(stopped) == joint
    drawn = alcore.PowerBALD().select(means, 150, kind="mean", variance=1.0)  # the remedy
    assert len(drawn) == 150


@pytest.mark.parametrize("fill", ["random", "bald", "power-bald"])
def test_certain_rows_are_filled_without_a_warning(fill: str) -> None:
    means = np.ones((5, 4))
    found = alcore.log_det(means, 3, variance=1.0, fill=fill, rng=0)
    assert len(found) == 3
    assert found.fill == fill
    assert found.saturated_at is None
    assert not found.scores.any()


def test_k_over_n_and_none() -> None:
    means, variance = means_and_variances(5, 1, 9)
    assert sorted(chosen(means, 9, variance=variance).indices.tolist()) == [0, 1, 2, 3, 4]
    assert len(chosen(means, 0, variance=variance)) == 0
    assert len(chosen(means[:0], 3, variance=1.0)) == 0


# --- sources and the object -------------------------------------------------------------------------------------------


def test_any_source_gives_the_same_batch(tmp_path: Path) -> None:
    means, variance = (one.astype(np.float32) for one in means_and_variances(50, 2, 9))
    expected = chosen(means, 8, variance=variance, fill="stop")
    np.save(tmp_path / "means.npy", means)
    np.save(tmp_path / "variance.npy", variance)
    alcore.save_predictions(tmp_path / "means.zarr", means)
    alcore.save_predictions(tmp_path / "variance.zarr", variance)
    given: list[tuple[Any, dict[str, Any]]] = [
        (tmp_path / "means.npy", {"variance": tmp_path / "variance.npy"}),
        (tmp_path / "means.zarr", {"variance": tmp_path / "variance.zarr"}),
        ([(means[:20], variance[:20]), (means[20:], variance[20:])], {}),
        (np.asfortranarray(means), {"variance": np.asfortranarray(variance)}),
        (means.transpose(2, 0, 1), {"variance": variance.transpose(2, 0, 1), "axes": "TNC"}),
    ]
    for source, options in given:
        found = chosen(source, 8, fill="stop", **options)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.scores, expected.scores)
    found = alcore.LogDet(fill="stop").select(means, 8, kind="mean", variance=variance)
    np.testing.assert_array_equal(found.indices, expected.indices)
    assert alcore.heuristic("log-det", fill="bald") == alcore.LogDet(fill="bald")


def test_inputs_are_not_written_to() -> None:
    means, variance = means_and_variances(30, 1, 9)
    before = means.copy(), variance.copy()
    means.flags.writeable = variance.flags.writeable = False
    chosen(means, 5, variance=variance)
    np.testing.assert_array_equal(means, before[0])
    np.testing.assert_array_equal(variance, before[1])


@pytest.mark.parametrize(
    ("means", "options", "match"),
    [
        (np.ones((4, 2, 3)), {}, "variance: log_det of means needs the variance of the noise"),
        (np.ones((4, 2, 3)), {"variance": 1.0, "output_weights": [1, 2]}, "output_weights: log_det measures all outputs"),
        (np.ones((4, 2, 3)), {"variance": 1.0, "kind": "probs"}, "kind: expected kind='mean'"),
        (np.ones((4, 2, 5, 3)), {"variance": 1.0}, "Make a row of each pixel"),
        (np.full((4, 3), np.nan), {"variance": 1.0}, r"probs\[0, 0\] is nan"),
        (np.ones((4, 3)), {"variance": -1.0}, "variance is -1"),
        (np.ones((4, 3)), {"variance": 1.0, "fill": "top"}, "fill: expected one of"),
        (np.ones((4, 3)), {"variance": 1.0, "weights": [1, 2]}, r"weights: expected shape \(3,\)"),
    ],
)  # fmt: skip
def test_refusals(means: np.ndarray, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        alcore.log_det(means, 2, **options)


def test_the_remedy_for_output_weights_works() -> None:
    means, variance = means_and_variances(20, 2, 9)
    with pytest.raises(ValueError, match="pass a larger variance"):
        alcore.log_det(means, 3, variance=variance, output_weights=[1.0, 0.0])
    larger = variance * np.array([1.0, 1e12])[:, None]
    found, first = chosen(means, 3, variance=larger), chosen(means[:, :1], 3, variance=variance[:, :1])
    np.testing.assert_array_equal(found.indices, first.indices)


def test_has_no_score_of_a_row_and_no_mask() -> None:
    means = np.ones((4, 3))
    with pytest.raises(TypeError, match="log-det: has no score of a row on its own"):
        alcore.LogDet().score(means, kind="mean", variance=1.0)
    with pytest.raises(ValueError, match="kind: expected kind='mean', means"):
        alcore.LogDet().select(np.full((4, 2, 3), 0.5), 2)
    with pytest.raises(TypeError, match="log-det"):
        alcore.LogDet() + alcore.BALD()
