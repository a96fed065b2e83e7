"""Unbiased risk: over every order of a small pool, over simulated runs on digits, and what is refused."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import alcore
from tests.cases import dirichlet, special

LOSSES = np.array([3.0, 0.25, -1.0, 0.0, 7.5])
ESTIMATORS: dict[str, Callable[..., alcore.Estimate]] = {"lure": alcore.lure, "pure": alcore.pure}
WEIGHTS: dict[str, Callable[..., np.ndarray]] = {"lure": alcore.lure_weights, "pure": alcore.pure_weights}
each_estimator = pytest.mark.parametrize("name", ESTIMATORS)
ALL = {**ESTIMATORS, **{f"{name}_weights": weights for name, weights in WEIGHTS.items()}}
each_function = pytest.mark.parametrize("name", ALL)


def call(name: str, q: Any, pool_size: Any, support: Any = None) -> Any:
    """Any of the four, with losses that are right."""
    losses = (np.ones(len(q)),) if name in ESTIMATORS else ()
    return ALL[name](*losses, q, pool_size, support=support)


# --- the definition ---------------------------------------------------------------------------------------------------


def orders(rows: int, picks: int, seed: int) -> Iterator[tuple[tuple[int, ...], list[float]]]:
    """Every order of so many picks with the probability of each pick, which depends on all that went before."""
    for order in itertools.permutations(range(rows), picks):
        q = []
        for m, pick in enumerate(order):
            chances = np.random.default_rng([seed, 99, *order[:m]]).exponential(size=rows) + 0.02
            chances[list(order[:m])] = 0
            q.append(float(chances[pick] / chances.sum()))
        yield order, q


@each_estimator
@pytest.mark.parametrize("picks", [1, 2, 3, 4, 5])
def test_the_expectation_over_every_order_is_the_pools_mean(name: str, picks: int) -> None:
    for seed in range(3):
        expectation = total = 0.0
        for order, q in orders(5, picks, seed):
            expectation += math.prod(q) * ESTIMATORS[name](LOSSES[list(order)], q, 5).value
            total += math.prod(q)
        assert total == pytest.approx(1, abs=1e-12)
        assert expectation == pytest.approx(LOSSES.mean(), abs=1e-12)


@pytest.mark.parametrize("picks", [1, 2, 4, 5])
def test_each_lure_weight_is_one_on_average(picks: int) -> None:
    mean = sum(math.prod(q) * alcore.lure_weights(q, 5) for _, q in orders(5, picks, 7))
    np.testing.assert_allclose(mean, 1, atol=1e-12)


def by_hand(name: str, losses: list[float], q: list[float], rows: int) -> tuple[float, float, list[float]]:
    """Value, standard error and weights, term by term."""
    picks = len(q)
    terms = [losses[m] / (rows * q[m]) + sum(losses[:m]) / rows for m in range(picks)]
    if name == "pure":
        value = sum(terms) / picks
        error = math.sqrt(sum((a - value) ** 2 for a in terms) / (picks * (picks - 1)))
        return value, error, [1 / (rows * q[m - 1]) + (picks - m) / rows for m in range(1, picks + 1)]
    c = [rows * (rows - picks) / ((rows - m) * (rows - m + 1)) for m in range(1, picks + 1)]
    value = sum(a * b for a, b in zip(c, terms, strict=True)) / picks
    error = math.sqrt(sum((b * (a - value)) ** 2 for a, b in zip(terms, c, strict=True))) / picks
    spread = [1 / ((rows - m + 1) * q[m - 1]) - 1 for m in range(1, picks + 1)]
    return value, error, [1 + (rows - picks) / (rows - m) * spread[m - 1] for m in range(1, picks + 1)]


@each_estimator
@pytest.mark.parametrize("rows", [7, 40, 1000])
def test_values_errors_and_weights_are_those_of_the_papers(name: str, rows: int) -> None:
    rng = np.random.default_rng(rows)
    batch = alcore.power(rng.exponential(size=rows) + 0.1, k=6, rng=rng)
    losses = rng.normal(size=6)
    value, error, weights = by_hand(name, losses.tolist(), batch.q.tolist(), rows)
    found = ESTIMATORS[name](losses, batch.q, rows, support=batch.support)
    assert found == pytest.approx((value, error), rel=1e-12)
    np.testing.assert_allclose(WEIGHTS[name](batch.q, rows, support=batch.support), weights, rtol=1e-12)
    assert found.value == pytest.approx((WEIGHTS[name](batch.q, rows) * losses).mean(), rel=1e-12)


# --- simulated runs ---------------------------------------------------------------------------------------------------

RUNS, ROWS = 2000, 300


class Digits(NamedTuple):
    scores: np.ndarray  # (N,) what is expected of each loss by models that saw other labels
    losses: np.ndarray  # (N,)


@cache
def digits() -> Digits:
    """The log losses of a logistic regression on 300 digits, and what five others expect of them."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    pool, rest = order[:ROWS], order[ROWS:]

    def says(train: np.ndarray) -> np.ndarray:
        return LogisticRegression(max_iter=2000).fit(images[train] / 16, labels[train]).predict_proba(images[pool] / 16)

    predicted = says(rest[:100])
    draws = np.stack([says(rest[100 + 100 * t :][:100]) for t in range(5)], axis=-1)
    return Digits(alcore.expected_loss(draws, predicted), -np.log(predicted[np.arange(ROWS), labels[pool]]))


@cache
def simulate(picks: int) -> dict[str, np.ndarray]:
    """Estimates and their errors of many runs, (runs, 2), and the plain means of the same picks, (runs,)."""
    scores, losses = digits()
    rng = np.random.default_rng(picks)
    batches = [alcore.power(scores, k=picks, rng=rng) for _ in range(RUNS)]
    found = {
        name: np.array([one(losses[b.indices], b.q, ROWS, support=b.support) for b in batches])
        for name, one in ESTIMATORS.items()
    }
    return {**found, "plain": np.array([losses[b.indices].mean() for b in batches])}


def standard_errors_off(values: np.ndarray) -> float:
    return float((values.mean() - digits().losses.mean()) / (values.std(ddof=1) / math.sqrt(RUNS)))


def test_the_scores_know_of_the_losses() -> None:
    assert np.corrcoef(digits().scores, digits().losses)[0, 1] > 0.3


@each_estimator
@pytest.mark.parametrize("picks", [30, 100])
def test_simulated_estimates_are_unbiased_and_their_plain_mean_is_not(name: str, picks: int) -> None:
    assert abs(standard_errors_off(simulate(picks)[name][:, 0])) <= 3
    assert standard_errors_off(simulate(picks)["plain"]) > 50


@each_estimator
@pytest.mark.parametrize("picks", [30, 100])
def test_the_errors_reported_are_the_spread(name: str, picks: int) -> None:
    values, errors = simulate(picks)[name].T
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.15)
    covered = np.abs(values - digits().losses.mean()) <= 2 * errors
    assert 0.9 <= covered.mean() <= 0.98


def test_picks_of_large_losses_tell_more_than_uniform_ones() -> None:
    losses = digits().losses
    uniform = math.sqrt(losses.var(ddof=1) / 30 * (1 - 30 / ROWS))
    assert simulate(30)["lure"][:, 0].std() < 0.8 * uniform


def test_lure_spreads_less_than_pure_when_much_of_the_pool_is_picked() -> None:
    assert simulate(100)["lure"][:, 0].std() < simulate(100)["pure"][:, 0].std()


def test_two_batches_one_after_the_other_are_unbiased() -> None:
    scores, losses = digits().scores[:40], digits().losses[:40]
    rng, values = np.random.default_rng(5), []
    for _ in range(RUNS):
        first = alcore.softrank(scores, k=6, rng=rng)
        left = np.setdiff1d(np.arange(40), first.indices)
        second = alcore.power(scores[left], k=9, rng=rng)
        picked = np.concatenate([first.indices, left[second.indices]])
        q, support = np.concatenate([first.q, second.q]), np.concatenate([first.support, second.support])
        values.append(alcore.lure(losses[picked], q, 40, support=support).value)
    assert abs(np.mean(values) - losses.mean()) <= 3 * np.std(values) / math.sqrt(RUNS)


# --- identities and ends ----------------------------------------------------------------------------------------------


@given(st.integers(1, 30), st.integers(0, 30))
def test_uniform_picks_weigh_alike(picks: int, more: int) -> None:
    rows = picks + more
    q = 1.0 / (rows - np.arange(picks))
    np.testing.assert_allclose(alcore.lure_weights(q, rows), 1, rtol=1e-12)
    losses = np.random.default_rng(picks).normal(size=picks)
    assert alcore.lure(losses, q, rows).value == pytest.approx(losses.mean(), abs=1e-12)


@given(st.integers(2, 12), st.integers(0, 2**32))
def test_the_whole_pool_is_its_mean(rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    batch = alcore.power(rng.random(rows) + 0.05, k=rows, rng=rng)
    losses = rng.normal(size=rows)
    np.testing.assert_array_equal(alcore.lure_weights(batch.q, rows, support=batch.support), 1)
    assert alcore.lure(losses, batch.q, rows, support=batch.support) == (pytest.approx(losses.mean()), 0.0)
    assert alcore.pure(losses, batch.q, rows, support=batch.support).standard_error > 0


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32))
def test_weights_are_above_zero(picks: int, more: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    batch = alcore.softmax(rng.normal(scale=3, size=picks + more), k=picks, rng=rng)
    for weights in WEIGHTS.values():
        assert (weights(batch.q, picks + more, support=batch.support) > 0).all()


@each_estimator
def test_one_pick_has_an_error_without_bound(name: str) -> None:
    assert ESTIMATORS[name]([2.0], [0.25], 8) == (pytest.approx(1.0), math.inf)
    assert ESTIMATORS[name]([2.0], [1.0], 1) == (2.0, 0.0)


@each_estimator
def test_any_numbers_in_any_layout_are_taken_and_left_alone(name: str) -> None:
    losses, q, support = np.array([0.5, 2.0, 0.25]), np.array([0.125, 0.25, 0.5]), np.array([9, 8, 7])
    expected = ESTIMATORS[name](losses, q, 9, support=support)
    for kept in (losses, q, support):
        kept.flags.writeable = False
    wide = np.zeros(6)
    wide[::-2] = losses
    for form in (list, tuple, np.float32, np.float16, lambda values: np.asarray(values, ">f8"), lambda values: values):
        assert ESTIMATORS[name](form(losses), form(q), np.int32(9), support=support.tolist()) == expected
    assert ESTIMATORS[name](wide[::-2], q, 9, support=support.astype(np.uint8)) == expected
    assert (losses.tolist(), q.tolist(), support.tolist()) == ([0.5, 2.0, 0.25], [0.125, 0.25, 0.5], [9, 8, 7])
    wrong = np.array([True, False, True])
    for form in (list, lambda values: values):
        assert ESTIMATORS[name](form(wrong), q, 9) == ESTIMATORS[name](wrong.astype(float), q, 9)
    assert ESTIMATORS[name]([1, 0, 3], q, 9).value == ESTIMATORS[name]([1.0, 0.0, 3.0], q, 9).value


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_losses_of_any_size_keep_their_errors(size: float) -> None:
    for estimator in ESTIMATORS.values():
        expected = estimator([0.5, 2.0, 1.0], [0.2, 0.3, 0.4], 9)
        found = estimator(np.array([0.5, 2.0, 1.0]) * size, [0.2, 0.3, 0.4], 9)
        assert found == pytest.approx((expected.value * size, expected.standard_error * size), rel=1e-12)


# --- refusals ---------------------------------------------------------------------------------------------------------


@each_function
@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.1, math.nan, math.inf, 1e-310])
def test_what_is_no_probability_of_a_pick_is_refused(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=r"q: expected probabilities above 0 and at most 1, but q\[1\] is"):
        call(name, [0.5, wrong, 0.5], 9)


@each_function
def test_sizes_that_do_not_fit_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"q: expected shape \(M,\), the probability of each pick, at least one"):
        call(name, [], 9)
    with pytest.raises(ValueError, match=r"q: expected shape \(M,\).*got \(1, 2\)"):
        call(name, [[0.5, 0.5]], 9)
    with pytest.raises(ValueError, match="pool_size: expected at least 3, one row a pick, got 2. It counts"):
        call(name, [0.5, 0.3, 0.5], 2)
    with pytest.raises(TypeError, match="pool_size: expected a whole number"):
        call(name, [0.5], 9.0)
    with pytest.raises(ValueError, match=r"support: expected shape \(2,\), one number a pick as q has, got \(3,\)"):
        call(name, [0.5, 0.3], 9, [9, 8, 7])
    for support in ([9.0, 8.0], np.ma.masked_array([9, 8]), ["9", "8"]):
        with pytest.raises(TypeError, match=r"support: expected whole numbers, got .*Pass batch.support"):
            call(name, [0.5, 0.3], 9, support)
    with pytest.raises(TypeError, match="q: expected an array of numbers"):
        call(name, ["a"], 9)


@each_function
@pytest.mark.parametrize(
    "choose",
    [
        lambda preds: alcore.BALD().select(preds, k=5),
        lambda preds: alcore.power([1.0, *[0.0] * 19], k=5, rng=0),
    ],
    ids=["top", "one score above 0"],
)
def test_picks_that_were_certain_are_refused(name: str, choose: Callable[[np.ndarray], alcore.Batch]) -> None:
    batch = choose(dirichlet(20, 3, 8))
    for support in (batch.support, None):
        with pytest.raises(
            ValueError, match=r"q: pick 0 was certain \(q = 1\) while 20 rows were left.*Draw picks with Power"
        ):
            call(name, batch.q, 20, support)


@each_function
def test_rows_without_a_chance_are_refused(name: str) -> None:
    batch = alcore.power([0.5, 0.0, 0.25, 1.0, 0.0], k=2, rng=0)
    with pytest.raises(ValueError, match="support: pick 0 was drawn from 3 of the 5 rows left.*add a small constant"):
        call(name, batch.q, 5, batch.support)
    call(name, *(lambda b: (b.q, 5, b.support))(alcore.power(np.array([0.5, 0.0, 0.25, 1.0, 0.0]) + 0.01, k=2, rng=0)))
    ranked = alcore.softmax(np.zeros(50), k=4, rng=0)  # a part of a pool of 80
    with pytest.raises(ValueError, match="drawn from 50 of the 80 rows left.*from all rows that pool_size counts"):
        call(name, ranked.q, 80, ranked.support)


@each_function
def test_a_pool_size_that_picks_contradict_is_refused(name: str) -> None:
    batch = alcore.softmax(np.zeros(50), k=4, rng=0)
    with pytest.raises(
        ValueError, match="pool_size: .*pick 0 was drawn from 50 rows where it leaves 10.*not of those picked"
    ):
        call(name, batch.q, 10, batch.support)
    with pytest.raises(ValueError, match="pool_size: .*it leaves one row for the last pick, whose q is 0.02"):
        call(name, batch.q, len(batch))


@each_estimator
def test_losses_that_are_none_are_refused(name: str) -> None:
    q = [0.3, 0.3]
    with pytest.raises(
        ValueError, match=r"losses: expected shape \(2,\), one loss a pick in the order of q, got \(3,\)"
    ):
        ESTIMATORS[name]([1.0, 2.0, 3.0], q, 9)
    for wrong in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match=r"losses: expected finite numbers, but losses\[1\] is .*clip"):
            ESTIMATORS[name]([1.0, wrong], q, 9)
    for nothing in (["a", "b"], [None, 1.0], np.ma.masked_array([1.0, 2.0]), np.ma.masked_array([True, False])):
        with pytest.raises(TypeError, match="losses: expected an array"):
            ESTIMATORS[name](nothing, q, 9)
    with pytest.raises(ValueError, match="overflows. Scale the losses down"):
        ESTIMATORS[name]([1e308, 1e308], [1e-5, 1e-5], 9)


# --- what a loss is expected to be ------------------------------------------------------------------------------------

KINDS = ("log", "zero-one", "brier")
each_loss = pytest.mark.parametrize("loss", KINDS)
SAMPLE = np.concatenate([special(), dirichlet(10, 4, 6, seed=1), dirichlet(6, 4, 6, seed=2, alpha=0.05)])
SAID = dirichlet(len(SAMPLE), 4, 1, seed=3)[..., 0]


def loss_of(loss: str, said: np.ndarray, label: int) -> float:
    if loss == "log":
        return -math.log(said[label])
    if loss == "zero-one":
        return float(max(range(len(said)), key=lambda c: said[c]) != label)
    return float(sum((said[c] - (c == label)) ** 2 for c in range(len(said))))


def expected(loss: str, probs: np.ndarray, said: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Every label of every draw of every row."""
    draws = probs.shape[-1]
    shares = np.ones(draws) / draws if weights is None else np.asarray(weights) / np.sum(weights)
    return np.array(
        [
            sum(
                shares[t] * row[c, t] * loss_of(loss, f, c)
                for c, t in np.ndindex(*row.shape)
                if row[c, t] * shares[t] > 0
            )
            for row, f in zip(probs, said, strict=True)
        ]
    )


@each_loss
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-6), (np.float16, 2e-3)])
def test_equals_the_mean_over_every_label_and_draw(loss: str, dtype: type, tolerance: float) -> None:
    probs = SAMPLE.astype(dtype)
    found = alcore.expected_loss(probs, SAID, loss=loss, floor=0)
    np.testing.assert_allclose(found, expected(loss, probs.astype(float), SAID), rtol=tolerance, atol=tolerance)
    own = probs.astype(float).mean(axis=-1)
    found = alcore.expected_loss(probs, loss=loss, floor=0)
    np.testing.assert_allclose(found, expected(loss, probs.astype(float), own), rtol=tolerance, atol=tolerance)
    assert found.dtype == np.float64


def test_of_the_draws_own_mean_they_are_measures() -> None:
    for dtype in (np.float32, np.float64):
        probs = SAMPLE.astype(dtype)
        np.testing.assert_allclose(alcore.expected_loss(probs, floor=0), alcore.entropy(probs), rtol=1e-12, atol=1e-15)
        least = alcore.expected_loss(probs, loss="zero-one", floor=0)
        np.testing.assert_array_equal(least, alcore.least_confidence(probs))


@each_loss
def test_weights_equal_repeated_draws(loss: str) -> None:
    counts = np.array([3, 1, 0, 2, 1, 5])
    found = alcore.expected_loss(SAMPLE, SAID, loss=loss, weights=counts)
    repeated = alcore.expected_loss(np.repeat(SAMPLE, counts, axis=-1), SAID, loss=loss)
    np.testing.assert_allclose(found, repeated, rtol=1e-12)
    exact = expected(loss, SAMPLE, SAID, counts)
    np.testing.assert_allclose(
        alcore.expected_loss(SAMPLE, SAID, loss=loss, weights=counts, floor=0), exact, rtol=1e-12
    )


@each_loss
def test_any_cutting_and_layout_gives_the_same_bits(loss: str, tmp_path: Any) -> None:
    for dtype in (np.float16, np.float32, np.float64):
        stored, said = SAMPLE.astype(dtype), SAID.astype(dtype)
        scores = alcore.expected_loss(stored, said, loss=loss)
        np.save(tmp_path / "preds.npy", stored)
        blocks = [stored[:1], stored[1:1], stored[1:8], stored[8:]]
        read_only = stored.copy()
        read_only.flags.writeable = False
        swapped = stored.astype(stored.dtype.newbyteorder())
        for other in (iter(blocks), blocks, tmp_path / "preds.npy", np.asfortranarray(stored), swapped, read_only):
            np.testing.assert_array_equal(alcore.expected_loss(other, said, loss=loss), scores)
        if dtype is np.float64:
            np.testing.assert_array_equal(alcore.expected_loss(stored, said.tolist(), loss=loss), scores)
        for other in (np.asfortranarray(said), said.astype(said.dtype.newbyteorder()), np.repeat(said, 2, axis=0)[::2]):
            before = other.tobytes()
            np.testing.assert_array_equal(alcore.expected_loss(stored, other, loss=loss), scores)
            assert other.tobytes() == before
        assert stored.tobytes() == SAMPLE.astype(dtype).tobytes()
        alone = [
            alcore.expected_loss(stored[i : i + 1], said[i : i + 1], loss=loss, floor=0)[0] for i in range(len(said))
        ]
        np.testing.assert_array_equal(alcore.expected_loss(stored, said, loss=loss, floor=0), alone)


@each_loss
def test_logits_equal_their_softmax(loss: str) -> None:
    found = alcore.expected_loss(np.log(SAMPLE[6:]), np.log(SAID[6:]) + 3, loss=loss, kind="logits")
    np.testing.assert_allclose(found, alcore.expected_loss(SAMPLE[6:], SAID[6:], loss=loss), rtol=1e-9)


@each_loss
@pytest.mark.parametrize("floor", [0.0, 0.1, 0.5, 1.0])
def test_no_score_is_under_the_floor(loss: str, floor: float) -> None:
    plain = alcore.expected_loss(SAMPLE, SAID, loss=loss, floor=0)
    found = alcore.expected_loss(SAMPLE, SAID, loss=loss, floor=floor)
    np.testing.assert_array_equal(found, np.maximum(plain, floor * plain.mean()))
    if floor:
        batch = alcore.power(found, k=4, rng=0)
        assert batch.support.tolist() == [len(SAMPLE) - m for m in range(4)]


def test_what_is_certain_everywhere_is_drawn_uniformly() -> None:
    certain = np.zeros((5, 3, 2))
    certain[:, 1] = 1
    for loss in KINDS:
        scores = alcore.expected_loss(certain, loss=loss)
        np.testing.assert_array_equal(scores, 0)
        batch = alcore.power(scores, k=2, rng=0)
        assert np.isfinite(alcore.lure([0.0, 1.0], batch.q, 5, support=batch.support)).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_the_model_rules_out_is_refused_under_the_log_loss(dtype: type) -> None:
    draws = np.array([[[0.5, 0.5], [0.5, 0.5]]])
    said = r"predicted: expected probabilities above 0 .*predicted\[0, 1\] is 0.*np.clip\(predicted, 1e-6, None\)"
    ruled_out = np.array([[1.0, 0.0]], dtype)
    with pytest.raises(ValueError, match=said):
        alcore.expected_loss(draws, ruled_out)
    with pytest.raises(ValueError, match=said):
        alcore.expected_loss(draws, np.array([[0, -np.inf]], dtype), kind="logits")
    clipped = np.clip(ruled_out, 1e-6, None)
    assert alcore.expected_loss(draws, clipped)[0] == pytest.approx(-np.log(float(clipped[0, 1])) / 2, rel=1e-5)
    for loss in ("zero-one", "brier"):
        assert alcore.expected_loss(draws, ruled_out, loss=loss)[0] > 0


def test_ties_of_the_tested_model_go_to_the_lowest_class() -> None:
    draws = np.array([[[0.2], [0.5], [0.3]]])
    found = alcore.expected_loss(draws, [[0.4, 0.2, 0.4]] @ np.eye(3), loss="zero-one", floor=0)
    assert found[0] == pytest.approx(0.8)


def test_no_rows_have_no_scores() -> None:
    for loss in KINDS:
        assert alcore.expected_loss(np.empty((0, 3, 4)), loss=loss).shape == (0,)
        assert alcore.expected_loss(np.empty((0, 3, 4)), np.empty((0, 3)), loss=loss).shape == (0,)


def test_predictions_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"predictions: expected shape \(N, C, T\), got \(N, 3, 5, 4\)"):
        alcore.expected_loss(np.full((2, 3, 5, 4), 1 / 3))
    wrong = SAMPLE.copy()
    wrong[3, 1, 2] = np.nan
    for source in (wrong, [wrong[:2], wrong[2:]]):
        with pytest.raises(ValueError, match=r"predictions\[3, 1, 2\] is nan"):
            alcore.expected_loss(source)
    with pytest.raises(ValueError, match="weights: expected shape"):
        alcore.expected_loss(SAMPLE, weights=[1, 2])
    with pytest.raises(ValueError, match="kind: expected 'probs' or 'logits'"):
        alcore.expected_loss(SAMPLE, kind="labels")


def test_what_the_model_does_not_say_is_refused() -> None:
    with pytest.raises(ValueError, match=r"predicted: expected shape \(N, 4\).*got \(22, 4, 6\).*mean\(axis=-1\)"):
        alcore.expected_loss(SAMPLE, SAMPLE)
    with pytest.raises(ValueError, match=r"predicted: expected shape \(N, 4\).*got \(22, 3\)"):
        alcore.expected_loss(SAMPLE, SAID[:, :3])
    with pytest.raises(TypeError, match="if they are labels, they are not predictions"):
        alcore.expected_loss(SAMPLE, SAID.argmax(axis=1))
    for said in (SAID[:7], np.concatenate([SAID, SAID])):
        with pytest.raises(ValueError, match=rf"predicted: expected 22 rows, as predictions has, got {len(said)}"):
            alcore.expected_loss(SAMPLE, said)
        with pytest.raises(ValueError, match=rf"predicted: expected 2[02] rows, as predictions .*has, got {len(said)}"):
            alcore.expected_loss(iter([SAMPLE[:20], SAMPLE[20:]]), said)
    logits = np.log(SAID)
    with pytest.raises(ValueError, match=r"predicted\[0, :\] sums to -.*predicted\[0, 0\] is -.*pass kind='logits'"):
        alcore.expected_loss(SAMPLE, logits)
    logits[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"predicted: expected finite logits .*predicted\[2, 1\] is nan"):
        alcore.expected_loss(np.log(SAMPLE + 1e-9), logits, kind="logits")


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="loss: expected 'log', 'zero-one' or 'brier', got 'nll'"):
        alcore.expected_loss(SAMPLE, loss="nll")
    for floor in (-0.1, 1.1, math.nan):
        with pytest.raises(
            ValueError, match="floor: expected the share of the mean score that no score is under, 0 to 1"
        ):
            alcore.expected_loss(SAMPLE, floor=floor)
    with pytest.raises(TypeError, match="floor: expected a number"):
        alcore.expected_loss(SAMPLE, floor="0.1")
