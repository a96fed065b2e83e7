"""The information of batches: exact or sampled, with its bound, its error and its redundancy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.bench import compare
from tests.cases import dirichlet

FEW = ("bald", "entropy", "power-bald", "random")
MAPS = dirichlet(20, 3, 20, seed=6).reshape(20, 3, 2, 2, 5)
POOL = dirichlet(20, 3, 12, seed=5, alpha=0.5)
WEIGHTS = np.arange(12) % 3 + 0.5


@pytest.mark.parametrize("kind", ["probs", "logits"])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_information_is_that_of_the_batch(weights: Any, kind: str) -> None:
    given = np.log(POOL) if kind == "logits" else POOL
    result = compare(given, k=4, heuristics=["bald", "batchbald", "two-bald"], rng=0, weights=weights, kind=kind)
    for i, name in enumerate(result.names):
        rows = result.batches[i].indices
        exact = alcore.batch_information(POOL, rows, weights=weights).value
        assert result.information[i] == pytest.approx(exact, abs=1e-6)
        assert result.information_error[i] == 0
        alone = alcore.bald(POOL, weights=weights)[rows].sum()
        assert result.redundancy[i] == pytest.approx(alone - exact, abs=1e-6)
        counts, nats = result.information_curves[name]
        assert counts.tolist() == [0, 1, 2, 3, 4]
        for count, value in zip(counts, nats, strict=True):
            prefix = alcore.batch_information(POOL, rows[:count], weights=weights).value
            assert value == pytest.approx(prefix, abs=1e-6)
    np.testing.assert_allclose(result.information_curves["batchbald"][1][1:], result.batches[1].information, atol=1e-6)


def test_the_bound_is_log_t_or_the_entropy_of_the_weights() -> None:
    assert compare(POOL, k=1, heuristics=["random"]).information_bound == pytest.approx(np.log(12))
    shares = np.array([0.5, 0.5] + [0.0] * 10)
    assert compare(POOL, k=1, heuristics=["random"], weights=shares).information_bound == pytest.approx(np.log(2))
    with pytest.raises(ValueError, match="single draw"):
        compare(POOL[..., :1], k=1, heuristics=["random"])


def test_many_picks_are_sampled_and_say_their_error() -> None:
    result = compare(POOL, k=8, heuristics=["bald"], rng=0, samples=600)
    value, error = result.information[0], result.information_error[0]
    exact = alcore.batch_information(POOL, result.batches[0].indices).value
    assert 0 < error < 0.05
    assert abs(value - exact) <= 5 * error
    assert result.information_curves["bald"][0].tolist() == [0, 1, 2, 3, 5, 8]


def test_information_of_a_batch_does_not_depend_on_the_others() -> None:
    alone, among = (compare(POOL, k=9, heuristics=h, rng=0, samples=600) for h in (["bald"], ["bald", "margin"]))
    assert alone.information[0] == among.information[0]


def test_exhausted_draws_stay_at_the_bound_without_a_warning() -> None:
    certain = np.zeros((20, 2, 4))
    certain[np.arange(20)[:, None], (np.arange(20)[:, None] >> np.arange(4)) % 2, np.arange(4)] = 1
    result = compare(certain, k=15, heuristics=["batchbald", "bald"], rng=0, samples=100)
    batch = result.batches[0]
    assert batch.saturated_at is not None
    assert batch.saturated_at < 15
    np.testing.assert_allclose(result.information, np.log(4), atol=1e-6)
    assert result.redundancy[1] > 5
    assert (np.diff(result.information_curves["bald"][1]) >= -1e-9).all()


def test_rows_of_files_tell_as_much_as_those_in_memory(tmp_path: Path) -> None:
    np.save(tmp_path / "preds.npy", POOL)
    expected, found = (
        compare(given, k=9, heuristics=FEW, rng=0, samples=600) for given in (POOL, tmp_path / "preds.npy")
    )
    np.testing.assert_array_equal(found.information, expected.information)


def test_event_axes_have_no_joint_information() -> None:
    result = compare(MAPS, k=3, heuristics=[alcore.Reduce(alcore.BALD())], rng=0)
    joint = (result.information, result.information_error, result.redundancy, result.information_bound)
    assert joint == (None,) * 4
    assert result.information_curves == {}
    with pytest.raises(ValueError, match=r"expected shape \(N, C, T\)"):
        compare(MAPS, k=3, heuristics=["batchbald"], rng=0)
