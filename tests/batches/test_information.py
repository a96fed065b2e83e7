"""The joint entropy and the information of any batch: exact where it fits, else sampled with an honest error."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from tests.batches import oracle as oracle
from tests.batches.oracle import WIDE, dyadic, one_hot
from tests.cases import dirichlet, special
from tests.conftest import soak
from tests.sources.every_source import SOURCES

POOL = dirichlet(12, 3, 10, seed=41, alpha=0.8)
BATCH = [7, 2, 11, 4]
WEIGHTS = np.array([2, 0, 1, 1, 3, 1, 5, 1, 1, 2])
SEEDS = soak(200, 2000)


def entropy_of_independent_labels(probs_kct: np.ndarray, samples: int, seed: int) -> float:
    """The same estimator with labels drawn independently of each other."""
    rng = np.random.default_rng(seed)
    _, classes, draws = probs_kct.shape
    owner = np.repeat(np.arange(draws), samples // draws)
    posterior = np.full((len(owner), draws), 1 / draws)
    total = 0.0
    for row in probs_kct:
        total += oracle.entropies(posterior @ row.T).mean()
        labels = (rng.random(len(owner)) >= np.cumsum(row[:, owner], axis=0)).sum(axis=0).clip(max=classes - 1)
        posterior = posterior * row[labels]
        posterior /= posterior.sum(axis=1, keepdims=True)
    return float(total)


# --- exact ------------------------------------------------------------------------------------------------------------


@pytest.mark.interpreted
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, WIDE), (np.float32, 2e-6)])
@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 5, 4), (5, 4, 9), (8, 2, 31), (4, 3, 100), (6, 4, 1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_exact_values_equal_all_configurations(
    shape: tuple[int, int, int], dtype: type, tolerance: float, weighted: bool
) -> None:
    batch = dirichlet(*shape, seed=1, alpha=0.7).astype(dtype)
    weights = np.arange(shape[2]) % 3 + 0.5 if weighted else None
    entropy = alcore.joint_entropy(batch, weights=weights)
    assert entropy == (entropy.value, entropy.standard_error)
    assert type(entropy.value) is float
    assert entropy.standard_error == 0.0
    assert entropy.value == pytest.approx(oracle.joint_entropy(batch, weights), abs=tolerance)
    information = alcore.batch_information(batch, range(shape[0]), weights=weights)
    assert information.standard_error == 0.0
    assert information.value == pytest.approx(oracle.joint_information(batch, weights), abs=tolerance)


def test_an_estimate_is_a_named_pair() -> None:
    value, error = alcore.joint_entropy(POOL[BATCH])
    assert alcore.Estimate(value, error) == alcore.joint_entropy(POOL[BATCH])
    assert alcore.Estimate._fields == ("value", "standard_error")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_that_every_dtype_holds_give_the_same_answer(dtype: type) -> None:
    batch = dyadic(5, 4, 6, seed=3)
    assert alcore.joint_entropy(batch.astype(dtype)).value == pytest.approx(oracle.joint_entropy(batch), abs=2e-6)
    found = alcore.batch_information(batch.astype(dtype), [3, 0, 4]).value
    assert found == pytest.approx(oracle.joint_information(batch[[3, 0, 4]]), abs=2e-6)


def test_joint_entropies_equal_the_published_values() -> None:
    first = np.linspace((0.1, 0.2, 0.2, 0.5), (0.5, 0.2, 0.1, 0.2), 20).T
    second = np.linspace((0.1, 0.6, 0.2, 0.1), (0, 0.5, 0.5, 0), 20).T
    four = [first, second, first, second]
    for rows, expected in (
        (four, 4.647885441401176),
        ([*four, first], 5.973514928385),
        ([*four, second], 5.636186796509),
    ):
        assert alcore.joint_entropy(np.stack(rows)).value == pytest.approx(expected, abs=WIDE)
        assert alcore.joint_entropy(np.stack(rows).astype(np.float32)).value == pytest.approx(expected, abs=5e-6)
        sampled = alcore.joint_entropy(np.stack(rows), exact=0, samples=20_000, rng=0)
        assert abs(sampled.value - expected) <= 4 * sampled.standard_error
        assert 0 < sampled.standard_error < 0.01


def test_agrees_with_the_public_implementation(peers: dict[str, np.ndarray]) -> None:
    order = peers["redux_batchbald_indices"]
    for i, expected in enumerate(peers["redux_batchbald_information"]):
        found = alcore.batch_information(peers["pool"], order[: i + 1])
        assert found == pytest.approx((expected, 0.0), abs=WIDE)


def test_those_of_one_row_are_its_entropy_and_its_bald() -> None:
    for row in range(4):
        assert alcore.joint_entropy(POOL[[row]]).value == pytest.approx(alcore.entropy(POOL)[row], abs=WIDE)
        assert alcore.batch_information(POOL, [row]).value == pytest.approx(alcore.bald(POOL)[row], abs=WIDE)


def test_information_is_what_batchbald_reports() -> None:
    batch = alcore.batchbald(POOL, 5, rng=0)
    for i, information in enumerate(batch.information):
        assert alcore.batch_information(POOL, batch.indices[: i + 1]).value == pytest.approx(information, abs=WIDE)


@pytest.mark.interpreted
def test_certain_rows_tell_nothing_and_opposed_ones_their_entropy() -> None:
    opposed = special()[[1, 1, 1]]
    assert alcore.joint_entropy(opposed).value == pytest.approx(np.log(2), abs=WIDE)
    assert alcore.batch_information(opposed, [0, 1, 2]).value == pytest.approx(np.log(2), abs=WIDE)
    certain = alcore.batch_information(special(), [0, 2, 3])
    assert certain.value == pytest.approx(0, abs=WIDE)
    assert certain.value >= 0
    assert alcore.joint_entropy(np.empty((0, 3, 4))) == (0.0, 0.0)
    assert alcore.batch_information(POOL, []) == (0.0, 0.0)
    assert alcore.batch_information(POOL, np.array([], int), exact=0) == (0.0, 0.0)
    sampled = alcore.joint_entropy(one_hot(30, 3, 4, seed=1), exact=0, samples=400, rng=0)
    assert sampled.value == pytest.approx(np.log(4), abs=1e-6)


def test_the_order_of_a_batch_does_not_matter() -> None:
    first, again = alcore.batch_information(POOL, BATCH), alcore.batch_information(POOL, sorted(BATCH))
    assert first.value == pytest.approx(again.value, abs=WIDE)
    assert alcore.batch_information(POOL[BATCH], [3, 1, 0, 2]).value == pytest.approx(first.value, abs=WIDE)


def test_draw_weights_equal_repeated_draws() -> None:
    for function in (alcore.joint_entropy, lambda probs, **options: alcore.batch_information(probs, [0, 1], **options)):
        weighted = function(POOL[BATCH], weights=WEIGHTS).value
        assert weighted == pytest.approx(function(np.repeat(POOL[BATCH], WEIGHTS, axis=-1)).value, abs=WIDE)


def test_logits_and_any_source_give_the_same_values(tmp_path: Path) -> None:
    expected = alcore.batch_information(POOL, BATCH).value
    assert alcore.batch_information(np.log(POOL) - 2, BATCH, kind="logits").value == pytest.approx(expected, abs=WIDE)
    entropy = alcore.joint_entropy(POOL[BATCH])
    assert alcore.joint_entropy(np.log(POOL[BATCH]), kind="logits").value == pytest.approx(entropy.value, abs=WIDE)
    for name in ("npy", "zarr", "hdf5", "list of blocks", "generator of blocks", "dask"):
        folder = tmp_path / name
        folder.mkdir()
        assert alcore.batch_information(SOURCES[name](POOL, folder), BATCH).value == expected
    assert alcore.joint_entropy(iter([POOL[BATCH[:1]], POOL[BATCH[1:]]])) == entropy


@pytest.mark.parametrize(("exact", "error"), [(81, False), (80, True), (0, True)])
def test_exact_is_the_number_of_configurations_that_fit(exact: int, error: bool) -> None:
    found = alcore.joint_entropy(POOL[BATCH], exact=exact, samples=1000, rng=0)
    assert (found.standard_error > 0) == error
    found = alcore.batch_information(POOL, BATCH, exact=exact, samples=1000, rng=0)
    assert (found.standard_error > 0) == error


# --- sampled ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "alpha", "samples"), [((4, 3, 10), 1.0, 1000), ((6, 3, 10), 0.5, 200), ((5, 4, 20), 0.7, 1000)]
)
def test_sampled_values_are_unbiased_narrow_and_say_their_error(
    shape: tuple[int, int, int], alpha: float, samples: int
) -> None:
    batch = dirichlet(*shape, seed=5, alpha=alpha)
    truth = oracle.joint_entropy(batch)
    found = [alcore.joint_entropy(batch, samples=samples, exact=0, rng=seed) for seed in range(SEEDS)]
    error = np.array([estimate.value for estimate in found]) - truth
    said = np.array([estimate.standard_error for estimate in found])
    assert abs(error.mean()) <= 3 * error.std() / math.sqrt(SEEDS)
    assert (
        0.2 <= (error / said).std() <= 1.15
    )  # what stratified labels save is not in it, most of the error of a few rows
    independent = [entropy_of_independent_labels(batch, samples, seed) for seed in range(SEEDS)]
    assert error.std() <= 0.7 * np.std(independent)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sampled_information_is_unbiased(weighted: bool, dtype: type) -> None:
    pool = POOL.astype(dtype)
    weights = WEIGHTS if weighted else None
    truth = oracle.joint_information(pool[BATCH], weights)
    found = np.array(
        [
            alcore.batch_information(pool, BATCH, samples=300, exact=0, weights=weights, rng=seed)
            for seed in range(SEEDS // 2)
        ]
    )
    error = found[:, 0] - truth
    assert abs(error.mean()) <= 3 * error.std() / math.sqrt(len(error))
    assert 0.2 <= (error / found[:, 1]).std() <= 1.15


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_sampled_values_are_within_their_error(weights: Any) -> None:
    truth = oracle.joint_entropy(POOL[:6], weights), oracle.joint_information(POOL[:6], weights)
    for seed in range(10):
        options = {"samples": 2000, "exact": 0, "weights": weights, "rng": seed}
        found = alcore.joint_entropy(POOL[:6], **options), alcore.batch_information(POOL, range(6), **options)
        for estimate, expected in zip(found, truth, strict=True):
            assert 0 < estimate.standard_error < 0.05
            assert abs(estimate.value - expected) <= 4 * estimate.standard_error


def test_more_samples_have_a_smaller_error() -> None:
    errors = [alcore.joint_entropy(POOL, samples=samples, exact=0, rng=0).standard_error for samples in (1000, 16_000)]
    assert 2.5 < errors[0] / errors[1] < 6.5


@given(st.integers(0, 10_000))
def test_information_is_between_its_bounds(seed: int) -> None:
    pool = dirichlet(4, 3, 5, seed=seed, alpha=0.3)
    whole = alcore.batch_information(pool, [0, 1, 2, 3]).value
    part = alcore.batch_information(pool, [0, 2]).value
    assert -WIDE <= part <= whole + WIDE
    assert whole <= min(np.log(5), alcore.bald(pool).sum()) + WIDE
    assert whole <= alcore.joint_entropy(pool).value + WIDE


def test_a_seed_gives_the_same_bits_on_any_threads() -> None:
    expected = alcore.batch_information(POOL, BATCH, samples=3000, exact=0, rng=5)
    for threads in (1, 2, 3):
        alcore.set_threads(threads)
        assert alcore.batch_information(POOL, BATCH, samples=3000, exact=0, rng=5) == expected
        generator = np.random.default_rng(5)
        assert (
            alcore.batch_information(np.asfortranarray(POOL), BATCH, samples=3000, exact=0, rng=generator) == expected
        )
    assert alcore.batch_information(POOL, BATCH, samples=3000, exact=0, rng=6) != expected
    assert alcore.batch_information(POOL, BATCH, rng=5) == alcore.batch_information(POOL, BATCH, rng=6)


def test_eighty_rows_of_ten_classes_stay_finite() -> None:
    pool = dirichlet(80, 10, 20, seed=3, alpha=2.0).astype(np.float32)
    found = alcore.batch_information(pool, range(80), samples=2000, rng=0)
    assert found.value == pytest.approx(np.log(20), abs=0.01)
    entropy = alcore.joint_entropy(pool, samples=2000, rng=0)
    assert np.isfinite(entropy.value)
    assert entropy.value > 80


def test_many_samples_are_replicates_that_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alcore.batches.information.TOGETHER", 500)
    for weights in (None, WEIGHTS):
        found = alcore.batch_information(POOL, BATCH, samples=20_000, exact=0, weights=weights, rng=0)
        truth = oracle.joint_information(POOL[BATCH], weights)
        assert abs(found.value - truth) <= 3 * found.standard_error
        once = alcore.batch_information(POOL, BATCH, samples=500, exact=0, weights=weights, rng=0)
        assert 4 < once.standard_error / found.standard_error < 10  # the root of 40 replicates


def test_long_batches_cost_little_precision() -> None:
    errors = []
    for k in (4, 12, 30):
        pool = dirichlet(k, 3, 10, seed=8, alpha=0.8)
        errors.append(alcore.batch_information(pool, range(k), samples=500, exact=0, rng=0).standard_error)
    assert errors[2] < errors[1] < 2 * errors[0]


def test_probabilities_of_low_precision_do_not_add_up_their_error() -> None:
    pool = dirichlet(10, 3, 6, seed=2)
    low = pool.astype(np.float16)
    exact = alcore.batch_information(low, range(10))
    sampled = alcore.batch_information(low, range(10), exact=0, samples=3000, rng=0)
    assert exact.value == pytest.approx(oracle.joint_information(pool), abs=2e-3)
    assert abs(sampled.value - exact.value) <= 3 * sampled.standard_error


def test_rows_of_a_stream_are_read_once_and_refused_by_their_own_number() -> None:
    found = alcore.batch_information((POOL[i : i + 5] for i in range(0, 12, 5)), BATCH)
    assert found == alcore.batch_information(POOL, BATCH)
    bad = POOL.copy()
    bad[11, 0, 3] = np.nan
    for source in (bad, iter([bad[:6], bad[6:]]), bad.astype(np.float16)):
        with pytest.raises(ValueError, match=r"probs\[11, 0, 3\] is nan"):
            alcore.batch_information(source, [2, 11])
    with pytest.raises(ValueError, match="under 12, the rows of probs, got 12"):
        alcore.batch_information(iter([POOL[:6], POOL[6:]]), [0, 12])
    assert alcore.batch_information(bad, BATCH[:2]) == alcore.batch_information(POOL, BATCH[:2])


def test_with_more_draws_than_samples_each_draw_has_one_configuration() -> None:
    found = alcore.joint_entropy(dirichlet(4, 3, 50, seed=1), samples=10, exact=0, rng=0)
    assert np.isfinite(found.value)
    assert found.value == pytest.approx(oracle.joint_entropy(dirichlet(4, 3, 50, seed=1)), abs=0.2)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("indices", "error", "said"),
    [
        ([0, 12], ValueError, r"indices.*12"),
        ([0, -1], ValueError, r"indices.*-1"),
        ([0.0, 1.0], TypeError, "indices: expected"),
        (["a"], TypeError, "indices: expected"),
        ([True, False], TypeError, "indices: expected"),
        ([[0, 1]], ValueError, "indices: expected"),
        (3, ValueError, "indices: expected"),
        ([4, 2, 4], ValueError, "indices: expected different rows, but row 4 is there twice"),
        (None, TypeError, "indices: expected"),
        ([[0], [0, 1]], TypeError, "indices: expected whole numbers, got list"),
        (np.ma.masked_array([0, 1], [False, True]), TypeError, "indices: expected a plain array"),
    ],
)
def test_rows_that_are_none_are_refused(indices: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        alcore.batch_information(POOL, indices)


CALLS = [alcore.joint_entropy, lambda probs, **options: alcore.batch_information(probs, [0], **options)]


@pytest.mark.parametrize("call", CALLS)
def test_arguments_are_refused(call: Any) -> None:
    for name in ("samples", "exact"):
        for value in (1.5, "2", None, True):
            with pytest.raises(TypeError, match=f"{name}: expected a whole number"):
                call(POOL, **{name: value})
        with pytest.raises(ValueError, match=f"{name}: expected at least"):
            call(POOL, **{name: -1})
    for options, error in (({"kind": "p"}, ValueError), ({"weights": [1]}, ValueError), ({"rng": "0"}, TypeError)):
        with pytest.raises(error, match=f"{next(iter(options))}: expected"):
            call(POOL, **options)


@pytest.mark.parametrize("call", CALLS)
def test_predictions_that_are_none_are_refused(call: Any) -> None:
    bad = POOL.copy()
    bad[0, 1, 2] = np.nan
    with pytest.raises(ValueError, match=r"probs\[0, 1, 2\] is nan"):
        call(bad)
    with pytest.raises(ValueError, match="kind='logits'"):
        call(np.random.default_rng(0).normal(scale=4, size=(3, 2, 4)))
    with pytest.raises(ValueError, match=r"probs: expected shape \(N, C, T\)|probs: expected shape \(k, C, T\)"):
        call(dirichlet(20, 3, 4).reshape(4, 5, 3, 4).transpose(0, 2, 1, 3))
    read_only = POOL.copy()
    read_only.flags.writeable = False
    call(read_only)
    np.testing.assert_array_equal(read_only, POOL)
