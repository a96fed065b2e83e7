"""Whatever scores, sizes and seeds a selection is given, it refuses them or picks rows as its definition does."""

from __future__ import annotations

from typing import Any

import numpy as np

import alcore
from tests.soak import definitions
from tests.soak.hostile_arrays import scores
from tests.soak.hostile_numbers import all_right, count, pick, real, seed
from tests.soak.laws import Counts, Trial, each_part, hold, numbers

BETAS = (0.0, 0.5, 1.0, 1.0, 3.0, 50.0)


def top_trial(rng: np.random.Generator) -> Trial:
    values, k, start = scores(rng, finite=False), count(rng, 10), seed(rng)

    def compare(batch: Any) -> None:
        expected = definitions.order(values.meaning)[: k.meaning]
        assert batch.indices.tolist() == expected.tolist()
        np.testing.assert_array_equal(batch.scores, values.meaning[expected])
        assert set(batch.q.tolist()) <= {1.0}
        assert set(batch.support.tolist()) <= {1}

    arguments = {"scores": values.value, "k": k.value, "rng": start.value}
    return Trial(lambda: alcore.top(**arguments), arguments, compare, all_right(values, k, start))


def stochastic_trial(rng: np.random.Generator) -> Trial:
    name = pick(rng, ("softmax", "power", "softrank"))
    values, k, start = scores(rng, finite=True), count(rng, 10), seed(rng)
    beta = real(rng, BETAS, (-1.0, np.inf, -np.inf))

    def compare(batch: Any) -> None:
        check_draws(batch, log_weights(name, values.meaning, beta.meaning), values.meaning, k.meaning)

    arguments = {"scores": values.value, "k": k.value, "beta": beta.value, "rng": start.value}
    right = all_right(values, k, start, beta)
    if right:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            right = None if np.isinf(beta.meaning * values.meaning).any() else True
    return Trial(lambda: getattr(alcore, name)(**arguments), arguments, compare, right)


def log_weights(name: str, scores_n: np.ndarray, beta: float) -> np.ndarray:
    """The logarithm of what each row is drawn in proportion to; minus infinity where it comes after all others."""
    if name == "softmax":
        return beta * scores_n
    if name == "power":
        return np.where(scores_n > 0, beta * np.log(np.where(scores_n > 0, scores_n, 1.0)), -np.inf)
    ranks = np.empty(len(scores_n))
    ranks[definitions.order(scores_n)] = np.arange(1, len(scores_n) + 1)
    return -beta * np.log(ranks)


def check_draws(batch: Any, log_weights_n: np.ndarray, scores_n: np.ndarray, k: int) -> None:
    """Different rows, those with a chance first, each with its probability and with how many had one."""
    rows, size = len(scores_n), min(k, len(scores_n))
    assert len(set(batch.indices.tolist())) == len(batch) == size
    np.testing.assert_array_equal(batch.scores, scores_n[batch.indices])
    likely = np.isfinite(log_weights_n)
    first = min(size, int(likely.sum()))
    assert likely[batch.indices[:first]].all()
    left = np.concatenate([likely.sum() - np.arange(first), rows - likely.sum() - np.arange(size - first)])
    np.testing.assert_array_equal(batch.support, left.astype(np.int64))
    places = np.cumsum(likely) - 1  # of each row among those with a chance
    expected = definitions.chances(log_weights_n[likely], places[batch.indices[:first]])
    rest = 1.0 / (rows - likely.sum() - np.arange(size - first))
    np.testing.assert_allclose(batch.q, np.concatenate([expected, rest]), rtol=1e-9, atol=1e-300)


@each_part
def test_top_refuses_or_picks_the_largest(part: int, counts: Counts) -> None:
    hold("top", top_trial, numbers(part), counts)


@each_part
def test_draws_refuse_or_pick_in_proportion(part: int, counts: Counts) -> None:
    hold("softmax, power, softrank", stochastic_trial, numbers(part), counts)
