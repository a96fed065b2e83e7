"""Batch EPIG: what the labels of a batch tell about each target, greedily, against all label configurations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alcore
from alcore.batches.search.histories import Given
from tests.batches import compare, oracle
from tests.batches.compare import REPORTED, assert_same_bits
from tests.batches.oracle import WIDE, dyadic, one_hot
from tests.cases import dirichlet, special
from tests.conftest import soak
from tests.sources.every_source import SOURCES

module = sys.modules[alcore.batch_epig.__module__]  # the function has its name
POOL = dirichlet(20, 3, 8, seed=61, alpha=0.5)
TARGETS = dirichlet(6, 3, 8, seed=62, alpha=0.5)
WEIGHTS = np.array([3, 1, 0, 2, 1, 5, 1, 2])
SHARES = np.array([2, 0, 1, 4, 1, 1])
PICKS = 4  # the fourth looks at 27 configurations
READ_ONCE = ("generator of blocks", "blocks of tensors")


def batch_epig(*arguments: Any, **options: Any) -> alcore.Batch:
    """As many exact gains as the oracle's."""
    return alcore.batch_epig(*arguments, **({"exact": 1_000} | options))


def assert_equals(batch: alcore.Batch, expected: oracle.Greedy, tolerance: float) -> None:
    compare.assert_equals(batch, expected, tolerance)
    assert batch.exact_until == len(batch)
    assert batch.saturated_at is None
    assert batch.q.tolist() == [1.0] * len(batch)


@pytest.mark.interpreted
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, WIDE), (np.float32, 1e-6)])
@pytest.mark.parametrize(
    ("shape", "targets", "k"), [((8, 4, 6), 3, PICKS), ((8, 2, 9), 7, PICKS + 1), ((6, 3, 20), 1, PICKS)]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_small_batches_equal_all_configurations(
    shape: tuple[int, int, int], targets: int, k: int, weighted: bool, dtype: type, tolerance: float
) -> None:
    pool = dirichlet(*shape, seed=1, alpha=0.5).astype(dtype)
    target = dirichlet(targets, *shape[1:], seed=2, alpha=0.5).astype(dtype)
    weights, shares = (np.arange(shape[2]) % 3 + 0.5, np.arange(targets) + 1.0) if weighted else (None, None)
    batch = batch_epig(pool, target, k, weights=weights, target_weights=shares, rng=0)
    assert_equals(batch, oracle.batch_epig(pool, target, k, shares, weights), tolerance)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_that_every_dtype_holds_give_the_same_answer(dtype: type) -> None:
    pool, targets = dyadic(12, 3, 7, seed=4), dyadic(4, 3, 7, seed=5)
    batch = batch_epig(pool.astype(dtype), targets.astype(dtype), PICKS, rng=0)
    assert_equals(batch, oracle.batch_epig(pool, targets, PICKS), 1e-6)


def test_the_first_pick_is_the_row_of_largest_epig() -> None:
    for dtype in (np.float32, np.float64):
        pool, targets = POOL.astype(dtype), TARGETS.astype(dtype)
        epig = alcore.epig(pool, targets, target_weights=SHARES)
        batch = batch_epig(pool, targets, 3, target_weights=SHARES, rng=0)
        assert batch.indices[0] == alcore.top(epig, 1).indices[0]
        assert batch.scores[0] == pytest.approx(epig.max(), abs=1e-6)
        assert batch.information[0] == pytest.approx(epig.max(), abs=1e-6)


def test_the_first_pick_agrees_with_the_authors_code(peers: dict[str, np.ndarray]) -> None:
    batch = batch_epig(peers["pool"], peers["target"], 2, rng=0)
    assert batch.indices[0] == peers["epig"].argmax()
    assert batch.scores[0] == pytest.approx(peers["epig"].max(), abs=WIDE)
    assert_equals(batch, oracle.batch_epig(peers["pool"], peers["target"], 2), WIDE)


def test_two_rows_that_tell_nothing_alone_may_tell_all_together() -> None:
    """Gains of EPIG can grow: the target is whether a and b differ, and a row's gain of before is no bound."""
    a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    weights = [0.15, 0.35, 0.2, 0.3]
    differ = np.eye(2)[a ^ b].T
    hint = 0.4 + 0.2 * differ  # 0.6 for the target's label
    pool, targets = np.stack([hint, np.eye(2)[b].T, np.eye(2)[a].T]), differ[None]
    alone = alcore.epig(pool, targets, weights=weights)
    assert alone[2] > alone[0] > 10 * alone[1]
    batch = batch_epig(pool, targets, 2, weights=weights, rng=0)
    assert batch.indices.tolist() == [2, 1]
    assert batch.scores[1] > batch.scores[0] > 0
    expected = oracle.batch_epig(pool, targets, 2, None, weights)
    np.testing.assert_allclose(batch.scores, expected.gains, rtol=0, atol=WIDE)
    before = oracle.entropies(targets @ np.array(weights)).mean()
    assert batch.information[-1] == pytest.approx(before, abs=WIDE)


@given(st.integers(0, 10_000))
def test_information_runs_and_is_bounded_by_the_entropy_of_the_targets(seed: int) -> None:
    for dtype in (np.float32, np.float64):
        pool = dirichlet(6, 3, 5, seed=seed, alpha=0.3).astype(dtype)
        targets = dirichlet(3, 3, 5, seed=seed + 1, alpha=0.3).astype(dtype)
        batch = batch_epig(pool, targets, 4, rng=0)
        np.testing.assert_allclose(batch.information, np.cumsum(batch.scores), rtol=0, atol=1e-6)
        assert (batch.scores >= 0).all()
        assert batch.information[-1] <= alcore.entropy(targets).mean() + 1e-6
        assert batch.information[-1] <= alcore.bald(targets).mean() + 1e-6
        assert batch.information[-1] <= oracle.joint_information(pool[batch.indices]) + 1e-6


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, WIDE), (np.float32, 1e-6)])
def test_draw_weights_equal_repeated_draws(dtype: type, tolerance: float) -> None:
    pool, targets = POOL.astype(dtype), TARGETS.astype(dtype)
    weighted = batch_epig(pool, targets, PICKS, weights=WEIGHTS, rng=0)
    assert_equals(weighted, oracle.batch_epig(pool, targets, PICKS, None, WEIGHTS), tolerance)
    repeated = batch_epig(np.repeat(pool, WEIGHTS, axis=-1), np.repeat(targets, WEIGHTS, axis=-1), PICKS, rng=0)
    assert repeated.indices.tolist() == weighted.indices.tolist()
    np.testing.assert_allclose(repeated.scores, weighted.scores, rtol=0, atol=2 * tolerance)


def test_target_weights_equal_repeated_targets() -> None:
    weighted = batch_epig(POOL, TARGETS, PICKS, target_weights=SHARES, rng=0)
    assert_equals(weighted, oracle.batch_epig(POOL, TARGETS, PICKS, SHARES), WIDE)
    repeated = batch_epig(POOL, np.repeat(TARGETS, SHARES, axis=0), PICKS, rng=0)
    assert repeated.indices.tolist() == weighted.indices.tolist()
    np.testing.assert_allclose(repeated.scores, weighted.scores, rtol=0, atol=WIDE)


def test_permutations_permute_the_answer() -> None:
    rng = np.random.default_rng(0)
    expected = batch_epig(POOL, TARGETS, PICKS, rng=0)
    rows, draws = rng.permutation(20), rng.permutation(8)
    moved = batch_epig(POOL[rows], TARGETS[::-1], PICKS, rng=0)
    assert rows[moved.indices].tolist() == expected.indices.tolist()
    turned = batch_epig(POOL[:, ::-1, draws], TARGETS[:, :, draws], PICKS, rng=0)
    assert turned.indices.tolist() == expected.indices.tolist()
    for batch in (moved, turned):
        np.testing.assert_allclose(batch.scores, expected.scores, rtol=0, atol=WIDE)


def test_duplicates_have_their_true_gain_and_ties_go_to_the_lowest_row() -> None:
    three = dirichlet(3, 3, 9, seed=12, alpha=0.5)
    targets = dirichlet(4, 3, 9, seed=13, alpha=0.5)
    for dtype, tolerance in ((np.float64, WIDE), (np.float32, 1e-6)):
        pool, target = three[[2, 0, 0, 1, 1, 2]].astype(dtype), targets.astype(dtype)
        assert_equals(batch_epig(pool, target, PICKS, rng=0), oracle.batch_epig(pool, target, PICKS), tolerance)
        equal = batch_epig(np.repeat(three[:1], 10, axis=0).astype(dtype), target, PICKS, rng=0)
        assert equal.indices.tolist() == [*range(PICKS)]


@pytest.mark.interpreted
def test_certain_and_tiny_rows_have_their_true_gains() -> None:
    rows = np.concatenate([special(4, 6), dirichlet(4, 4, 6, seed=9)])
    for dtype, tolerance in ((np.float32, 1e-6), (np.float64, WIDE)):
        pool, targets = rows.astype(dtype), rows[4:9].astype(dtype)
        assert_equals(batch_epig(pool, targets, PICKS, rng=0), oracle.batch_epig(pool, targets, PICKS), tolerance)


@pytest.mark.parametrize("options", [{}, {"exact": 0, "samples": 60}])
def test_rows_that_are_passed_over_would_not_have_been_picked(
    options: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = np.concatenate([dirichlet(12, 3, 20, seed=41, alpha=0.3), dirichlet(8, 3, 20, seed=42, alpha=30)])
    alcore.set_threads(1)  # so that the first blocks are done when the last is looked at
    blocks, looked = [pool[:6], pool[6:12], pool[12:]], []
    gains, most = Given.gains, {"REVIEW": 4, "FINAL": 2, "SMALL": 0}
    for name, rows in most.items():
        monkeypatch.setattr(module, name, rows)
    monkeypatch.setattr(Given, "gains", lambda *args, **more: looked.append(len(args[1])) or gains(*args, **more))
    batch = batch_epig(blocks, pool[:6], 3, rng=0, **options)
    assert looked[:2] == [6, 6]
    assert looked[2] < 8
    assert looked[3] == 4
    monkeypatch.setattr(module, "SLACK", np.inf)
    assert_same_bits(batch_epig(blocks, pool[:6], 3, rng=0, **options), batch)


# --- sampling ---------------------------------------------------------------------------------------------------------


@settings(max_examples=soak(3, 100))
@given(st.integers(0, 1000))
def test_sampled_picks_are_near_the_best(seed: int) -> None:
    pool, targets = dirichlet(12, 3, 10, seed=seed, alpha=0.4), dirichlet(4, 3, 10, seed=seed + 1, alpha=0.4)
    batch = batch_epig(pool, targets, 3, samples=10_000, exact=0, rng=seed)
    slack = 0.02
    for i in range(3):
        before = batch.indices[:i].tolist()
        had = oracle.target_information(pool[before], targets) if before else 0.0
        true = [
            oracle.target_information(pool[[*before, b]], targets) - had if b not in before else -1.0 for b in range(12)
        ]
        assert true[batch.indices[i]] >= max(true) - slack
        assert abs(batch.scores[i] - true[batch.indices[i]]) <= slack
    assert batch.exact_until == 1


def test_a_seed_gives_the_same_bits_for_any_source_layout_and_threads(tmp_path: Path) -> None:
    for dtype in (np.float32, np.float64):
        pool, targets = dirichlet(97, 3, 6, seed=21).astype(dtype), dirichlet(5, 3, 6, seed=22).astype(dtype)
        for options in ({}, {"exact": 0, "samples": 300}):
            expected = batch_epig(pool, targets, 4, rng=0, **options)
            for threads in (1, 2):
                alcore.set_threads(threads)
                assert_same_bits(batch_epig(pool, targets, 4, rng=0, **options), expected)
            for name, make in SOURCES.items():
                if name in READ_ONCE:
                    continue
                folder = tmp_path / f"{name} {np.dtype(dtype)} {len(options)}"
                folder.mkdir()
                batch = batch_epig(make(pool, folder), targets, 4, rng=0, **options)
                assert_same_bits(batch, expected)
                assert batch.certified_until == 4
            for source in (np.asfortranarray(pool), np.ascontiguousarray(pool[::-1])[::-1]):
                source.flags.writeable = False
                assert_same_bits(batch_epig(source, targets, 4, rng=0, **options), expected)
    np.save(tmp_path / "targets.npy", targets)
    assert_same_bits(batch_epig(pool, tmp_path / "targets.npy", 4, rng=0, **options), expected)


def test_what_is_read_once_gives_one_pick(tmp_path: Path) -> None:
    pool, targets = dirichlet(20, 3, 6, seed=21), dirichlet(5, 3, 6, seed=22)
    for name in READ_ONCE:
        assert len(batch_epig(SOURCES[name](pool, tmp_path), targets, 0)) == 0
        batch = batch_epig(SOURCES[name](pool, tmp_path), targets, 1, rng=0)
        assert_same_bits(batch, batch_epig(pool, targets, 1, rng=0))
        with pytest.raises(ValueError, match="probs: expected predictions that can be read again"):
            batch_epig(SOURCES[name](pool, tmp_path), targets, 2)


def test_logits_are_taken_of_rows_and_targets() -> None:
    expected = batch_epig(POOL, TARGETS, PICKS, rng=0)
    batch = batch_epig(np.log(POOL), np.log(TARGETS) + 2, PICKS, kind="logits", rng=0)
    assert batch.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(batch.scores, expected.scores, rtol=0, atol=WIDE)


def test_histories_find_the_rows_whose_exact_gains_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, targets = dirichlet(60, 3, 12, seed=81, alpha=0.4), dirichlet(40, 3, 12, seed=82, alpha=0.4)
    expected = oracle.batch_epig(pool, targets, 3)
    for name, rows in {"REVIEW": 24, "FINAL": 12, "SMALL": 0}.items():
        monkeypatch.setattr(module, name, rows)
    assert_equals(batch_epig(pool, targets, 3, rng=0), expected, WIDE)
    sampled = alcore.batch_epig(pool, targets, 3, exact=0, rng=0)
    assert sampled.exact_until == 1
    found = oracle.target_information(pool[sampled.indices], targets)
    assert found >= expected.information[-1] - 0.005
    assert sampled.information[-1] == pytest.approx(found, abs=0.005)


def test_a_long_batch_takes_rows_until_the_draws_are_known() -> None:
    pool, targets = dirichlet(60, 3, 12, seed=91, alpha=0.4), dirichlet(10, 3, 12, seed=92, alpha=0.4)
    batch = alcore.batch_epig(pool, targets, 40, rng=0)
    assert len(set(batch.indices.tolist())) == 40
    assert batch.exact_until == 5  # the fifth pick is after 81 configurations
    assert batch.information[-1] == pytest.approx(alcore.bald(targets).mean(), abs=0.01)
    assert batch.effective_draws[-1] == pytest.approx(1, abs=0.01)


# --- edges ------------------------------------------------------------------------------------------------------------


def test_batches_have_at_least_no_row_and_at_most_all() -> None:
    for batch in (
        batch_epig(POOL, TARGETS, 0, rng=0),
        batch_epig(np.empty((0, 3, 8)), TARGETS, 3, rng=0),
    ):
        assert len(batch) == 0
        for field in ("indices", *REPORTED):
            assert getattr(batch, field).shape == (0,)
        assert (batch.exact_until, batch.saturated_at, batch.fill) == (0, None, None)
    pool = dirichlet(3, 3, 30, seed=2, alpha=0.5)
    targets = dirichlet(4, 3, 30, seed=3, alpha=0.5)
    assert_equals(batch_epig(pool, targets, 99, rng=0), oracle.batch_epig(pool, targets, 3), WIDE)
    assert batch_epig(pool[:1], targets, 1, rng=0).indices.tolist() == [0]


def test_a_gain_of_zero_does_not_end_the_search() -> None:
    """Neither answer alone tells anything about whether they differ, and rows that tell nothing come before."""
    one, two = np.eye(2)[[0, 0, 1, 1]].T, np.eye(2)[[0, 1, 0, 1]].T
    pool, targets = np.stack([one, two]), np.eye(2)[[0, 1, 1, 0]].T[None]
    batch = batch_epig(pool, targets, 2, rng=0)
    np.testing.assert_allclose(batch.scores, [0, np.log(2)], rtol=0, atol=WIDE)


@pytest.mark.interpreted
def test_targets_whose_labels_are_certain_by_now_add_nothing() -> None:
    pool, targets = one_hot(15, 3, 4, seed=5), one_hot(6, 3, 4, seed=6)
    for options in ({}, {"exact": 0, "samples": 400}):
        batch = batch_epig(pool, targets, 12, rng=0, **options)
        assert (batch.saturated_at, batch.fill) == (None, None)
        assert len(set(batch.indices.tolist())) == 12
        assert batch.scores[4:] == pytest.approx(0.0, abs=1e-6)
        before = oracle.entropies(targets.mean(axis=2)).mean()
        near = 0.01 if options else 1e-6
        assert batch.information[-1] == pytest.approx(before, abs=near)


@pytest.mark.parametrize(
    ("targets", "error", "said"),
    [
        (dirichlet(3, 4, 8), ValueError, "targets: expected 3 classes and 8 draws, as probs has, got 4 and 8"),
        (dirichlet(3, 3, 9), ValueError, "got 3 and 9. Predict both with the same draws"),
        (np.empty((0, 3, 8)), ValueError, "targets: expected at least one"),
        (dirichlet(6, 3, 8).reshape(3, 2, 3, 8).transpose(0, 2, 1, 3), ValueError, "targets: expected shape"),
        (np.where(np.arange(3)[:, None, None] == 1, np.nan, dirichlet(3, 3, 8)), ValueError, r"targets\[1, 0, 0\]"),
        (np.ones((3, 3, 8), int), TypeError, "targets: expected float16"),
        (None, TypeError, "targets: expected an array"),
    ],
)
@pytest.mark.parametrize("k", [0, 2])
def test_targets_that_do_not_fit_are_refused(targets: Any, error: type[Exception], said: str, k: int) -> None:
    for call in (
        lambda: batch_epig(POOL, targets, k, rng=0),
        lambda: alcore.BatchEPIG(targets).select(POOL, k, rng=0),
    ):
        with pytest.raises(error, match=said):
            call()


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"k": -1}, ValueError, "k: expected at least 0, got -1"),
        ({"k": 1.5}, TypeError, "k: expected a whole number"),
        ({"samples": -1}, ValueError, "samples: expected at least"),
        ({"samples": "3"}, TypeError, "samples: expected a whole number"),
        ({"kind": "p"}, ValueError, "kind: expected"),
        ({"weights": [1]}, ValueError, "weights: expected shape"),
        ({"target_weights": [1, 2]}, ValueError, "target_weights: expected shape"),
        ({"target_weights": np.zeros(6)}, ValueError, "target_weights: expected at least one above 0"),
        ({"rng": "0"}, TypeError, "rng: expected None"),
    ],
)
def test_arguments_are_refused(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        batch_epig(POOL, TARGETS, **{"k": 2, **options})


def test_predictions_that_are_none_are_refused() -> None:
    bad = POOL.copy()
    bad[13, 1, 2] = np.nan
    for source in (bad, [bad[:10], bad[10:]]):
        with pytest.raises(ValueError, match=r"probs\[13, 1, 2\] is nan"):
            batch_epig(source, TARGETS, 2, rng=0)
    with pytest.raises(ValueError, match="kind='logits'"):
        batch_epig(np.random.default_rng(0).normal(scale=4, size=(10, 3, 8)), TARGETS, 2)
    maps = dirichlet(20, 3, 8).reshape(4, 5, 3, 8).transpose(0, 2, 1, 3)
    with pytest.raises(ValueError, match=r"probs: expected shape \(N, C, T\)"):
        batch_epig(maps, TARGETS, 2, rng=0)


def test_inputs_stay_as_they_were() -> None:
    given_ = [POOL.copy(), TARGETS.copy(), WEIGHTS.astype(float), SHARES.astype(float)]
    for array in given_:
        array.flags.writeable = False
    pool, targets, weights, shares = given_
    batch_epig(pool, targets, 3, weights=weights, target_weights=shares, rng=0)
    for array, before in zip(given_, (POOL, TARGETS, WEIGHTS, SHARES), strict=True):
        np.testing.assert_array_equal(array, before)
