"""EPIG: its definition at 50 digits, its bounds, any source, targets that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.scores.epig import Targets
from alcore.sources import reading
from tests.cases import dirichlet, near_certain, special
from tests.memory import growth

pack = Targets._pack


def brute_force(probs: np.ndarray, targets: np.ndarray, shares: Any = None, weights: Any = None) -> np.ndarray:
    """Mutual information of each pair of labels from their joint distribution, at 50 digits."""
    draws = probs.shape[-1]
    w = [mpmath.mpf(float(x)) for x in (np.ones(draws) if weights is None else weights)]
    v = [mpmath.mpf(float(x)) for x in (np.ones(len(targets)) if shares is None else shares)]
    total_w, total_v = mpmath.fsum(w), mpmath.fsum(v)
    scores = []
    for row in probs.tolist():
        score = mpmath.mpf(0)
        for share, target in zip(v, targets.tolist(), strict=True):
            for p in row:
                for q in target:
                    joint = mpmath.fsum(w[t] * p[t] * mpmath.mpf(q[t]) for t in range(draws)) / total_w
                    mean_p = mpmath.fsum(w[t] * mpmath.mpf(p[t]) for t in range(draws)) / total_w
                    mean_q = mpmath.fsum(w[t] * mpmath.mpf(q[t]) for t in range(draws)) / total_w
                    if joint > 0:
                        score += share / total_v * joint * mpmath.log(joint / (mean_p * mean_q))
        scores.append(float(score))
    return np.array(scores)


POOL = np.concatenate([special(3 + 1, 6), dirichlet(5, 4, 6, seed=1)])
TARGETS = np.concatenate([special(4, 6)[1:2], dirichlet(3, 4, 6, seed=2)])


@pytest.mark.interpreted
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-6), (np.float16, 1e-6)])
def test_equals_its_definition_at_50_digits(dtype: type, tolerance: float) -> None:
    pool, targets = POOL.astype(dtype), TARGETS.astype(dtype)
    expected = brute_force(pool, targets)
    np.testing.assert_allclose(alcore.epig(pool, targets), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.interpreted
@pytest.mark.parametrize("shape", [(2, 2, 1), (3, 2, 3), (2, 5, 7), (2, 3, 41), (1, 9, 8)])
@pytest.mark.parametrize("targets", [1, 2, 60])
def test_equals_its_definition_at_many_shapes(shape: tuple[int, int, int], targets: int) -> None:
    if targets == 60:
        shape = (1, *shape[1:]) if shape[1] * shape[2] < 40 else (1, 5, 3)
    pool, target = dirichlet(*shape, seed=3), dirichlet(targets, *shape[1:], seed=4)
    expected = brute_force(pool, target)
    np.testing.assert_allclose(alcore.epig(pool, target), expected, rtol=1e-12, atol=1e-15)
    narrow = alcore.epig(pool.astype(np.float32), target.astype(np.float32))
    np.testing.assert_allclose(narrow, expected, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("spread", [1e-3, 1e-2, 0.1, 1.0])
def test_small_information_keeps_its_relative_accuracy(spread: float) -> None:
    wide_pool = near_certain(6, 4, 30, spread=spread, seed=5)
    wide_targets = near_certain(3, 4, 30, spread=spread, seed=6)
    wide = brute_force(wide_pool, wide_targets)
    np.testing.assert_allclose(alcore.epig(wide_pool, wide_targets), wide, rtol=1e-9, atol=1e-22)
    pool, targets = wide_pool.astype(np.float32), wide_targets.astype(np.float32)
    expected = brute_force(pool, targets)
    scores = alcore.epig(pool, targets)
    assert (scores >= 0).all()
    large = expected >= 1e-9
    np.testing.assert_allclose(scores[large], expected[large], rtol=1e-3)
    np.testing.assert_allclose(scores[~large], expected[~large], atol=1e-11)


def test_agrees_with_the_authors_code(peers: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(alcore.epig(peers["pool"], peers["target"]), peers["epig"], atol=1e-12)
    pairs = np.stack([alcore.epig(peers["pool"], peers["target"][j : j + 1]) for j in range(32)], axis=1)
    np.testing.assert_allclose(pairs, peers["epig_pairs"], atol=1e-12)


def test_a_point_that_disagrees_by_halves_tells_log_two_about_itself() -> None:
    opposed = special()[1:2]
    for dtype in (np.float16, np.float32, np.float64):
        np.testing.assert_allclose(alcore.epig(opposed.astype(dtype), opposed.astype(dtype)), np.log(2), rtol=1e-6)


@given(st.integers(0, 10_000))
def test_between_zero_and_the_information_of_either_side(seed: int) -> None:
    pool, targets = dirichlet(4, 3, 5, seed=seed, alpha=0.2), dirichlet(3, 3, 5, seed=seed + 1, alpha=0.2)
    for dtype in (np.float64, np.float32):
        scores = alcore.epig(pool.astype(dtype), targets.astype(dtype))
        assert (scores >= 0).all()
        bound = np.minimum(alcore.bald(pool.astype(dtype)), alcore.bald(targets.astype(dtype)).mean())
        assert (scores <= bound * (1 + 1e-5) + 1e-7).all()


@pytest.mark.interpreted
def test_draw_weights_equal_repeated_draws() -> None:
    counts = np.array([3, 1, 0, 2, 1, 5])
    weighted = alcore.epig(POOL, TARGETS, weights=counts)
    repeated = alcore.epig(np.repeat(POOL, counts, axis=-1), np.repeat(TARGETS, counts, axis=-1))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(weighted, brute_force(POOL, TARGETS, weights=counts), rtol=1e-12, atol=1e-15)


@pytest.mark.interpreted
def test_target_weights_equal_repeated_targets() -> None:
    counts = np.array([2, 0, 1, 4])
    weighted = alcore.epig(POOL, TARGETS, target_weights=counts)
    np.testing.assert_allclose(weighted, alcore.epig(POOL, np.repeat(TARGETS, counts, axis=0)), rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(weighted, brute_force(POOL, TARGETS, shares=counts), rtol=1e-12, atol=1e-15)


@pytest.mark.interpreted
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_class_that_only_a_draw_of_no_weight_allows_tells_nothing(dtype: type) -> None:
    """Its probability over the mean is beyond float32."""
    pool = np.array([[[1e-40, 0.5], [1.0, 0.5]]], dtype)
    targets = np.array([[[1e-42, 0.25], [1.0, 0.75]]], dtype)
    for weights in ([1, 0], [1, 1e-38], [1, 1e-300]):
        assert alcore.epig(pool, targets, weights=weights)[0] == pytest.approx(0, abs=1e-36)


def test_logits_equal_their_softmax() -> None:
    pool, targets = dirichlet(9, 4, 6), dirichlet(5, 4, 6, seed=9)
    expected = alcore.epig(pool, targets)
    np.testing.assert_allclose(alcore.epig(np.log(pool), np.log(targets), kind="logits"), expected, rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_same_bits_for_any_cutting_threads_and_layout(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, targets = dirichlet(50, 5, 9, seed=7).astype(dtype), dirichlet(70, 5, 9, seed=8).astype(dtype)
    expected = alcore.epig(pool, targets)
    monkeypatch.setattr(reading, "BLOCK_BYTES", 300)
    for threads in (1, 3):
        alcore.set_threads(threads)
        for source in (pool, np.asfortranarray(pool), iter([pool[:7], pool[7:]])):
            np.testing.assert_array_equal(alcore.epig(source, targets), expected)
        for source in (
            np.asfortranarray(targets),
            [targets[:33], targets[33:]],
            targets.astype(targets.dtype.newbyteorder()),
        ):
            np.testing.assert_array_equal(alcore.epig(pool, source), expected)


def test_targets_of_files_in_several_precisions_are_read_in_the_widest(tmp_path: Path) -> None:
    narrow, wide = dirichlet(5, 4, 6, seed=2).astype(np.float32), dirichlet(4, 4, 6, seed=3)
    paths = []
    for name, part in (("narrow", narrow), ("wide", wide), ("half", narrow.astype(np.float16))):
        np.save(tmp_path / f"{name}.npy", part)
        paths.append(tmp_path / f"{name}.npy")
    together = np.concatenate([narrow, wide, narrow.astype(np.float16)])
    assert together.dtype == np.float64
    np.testing.assert_array_equal(alcore.epig(POOL, paths), alcore.epig(POOL, together))


def test_targets_are_packed_once_whatever_the_threads_do(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = []
    monkeypatch.setattr(Targets, "_pack", lambda own, dtype: packed.append(dtype) or pack(own, dtype))
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1)
    alcore.set_threads(3)
    alcore.EPIG(TARGETS).score(dirichlet(60, 4, 6))
    assert packed == [np.float64]


@pytest.mark.parametrize(("source", "most"), [("targets", 16 + 8), ("targets.astype(np.float16)", 2 * 16 + 8)])
def test_targets_take_the_memory_of_their_packed_copy(source: str, most: int) -> None:
    """One copy of 16 MiB, and one of probabilities where kernels cannot read the targets as they lie; 8 MiB are for tiles."""
    grown = growth(
        f"""
        targets = next(blocks(1))[:4194]
        own = {source}
        alcore.epig(targets[:9], own[:9])

        def work():
            alcore.epig(targets[:99], own)
        """
    )
    assert grown <= most


def test_a_row_scores_the_same_wherever_it_stands() -> None:
    pool, targets = dirichlet(40, 10, 20, seed=7).astype(np.float32), dirichlet(40, 10, 20, seed=8).astype(np.float32)
    together = alcore.epig(pool, targets)
    for i in (0, 1, 17, 39):
        assert alcore.epig(pool[i : i + 1], targets)[0] == together[i]


def test_cells_of_maps_score_as_rows_and_targets_may_lie_on_disk(tmp_path: Path) -> None:
    cells = dirichlet(12, 3, 4)
    maps = cells.reshape(2, 6, 3, 4).transpose(0, 2, 1, 3)
    targets = dirichlet(5, 3, 4, seed=3)
    np.save(tmp_path / "targets.npy", targets)
    scores = alcore.epig(maps, tmp_path / "targets.npy")
    np.testing.assert_array_equal(scores, alcore.epig(cells, targets).reshape(2, 6))
    reduced = alcore.Reduce(alcore.EPIG(targets), "max").score(maps, mask=np.zeros((2, 6), bool))
    np.testing.assert_array_equal(reduced, scores.max(axis=1))


def test_the_object_scores_selects_and_composes() -> None:
    object_ = alcore.EPIG(TARGETS, target_weights=[1, 2, 3, 4])
    scores = alcore.epig(POOL, TARGETS, target_weights=[1, 2, 3, 4])
    np.testing.assert_array_equal(object_.score(POOL), scores)
    np.testing.assert_array_equal(object_.select(POOL, 3).indices, alcore.top(scores, 3).indices)
    mixed = 0.5 * object_ + 0.5 * alcore.BALD()
    np.testing.assert_allclose(mixed.score(iter([POOL])), 0.5 * scores + 0.5 * alcore.bald(POOL))
    np.testing.assert_array_equal(alcore.Power(object_).select(POOL, 4, rng=0).q, alcore.power(scores, 4, rng=0).q)
    weights = [1, 2, 1, 1, 1, 3]
    weighted = alcore.epig(POOL, TARGETS, weights=weights)
    np.testing.assert_array_equal(alcore.EPIG(TARGETS).score(POOL, weights=weights), weighted)
    assert alcore.heuristic("power-epig", targets=TARGETS).name == "power-epig"
    assert repr(mixed.terms[0][1]) == "EPIG(targets)"


def test_a_source_of_targets_is_read_once_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1)
    reads = []

    class Lazy:
        shape, dtype = TARGETS.shape, TARGETS.dtype

        def __getitem__(self, rows: slice) -> np.ndarray:
            reads.append(rows)
            return TARGETS[rows]

    alcore.EPIG(Lazy()).score(POOL)
    assert len(reads) == len(TARGETS)


@pytest.mark.parametrize(
    ("targets", "error", "said"),
    [
        (dirichlet(3, 4, 5), ValueError, "targets: expected 4 classes and 6 draws, as probs has, got 4 and 5"),
        (dirichlet(3, 5, 6), ValueError, "got 5 and 6. Predict both with the same draws"),
        (np.empty((0, 4, 6)), ValueError, "targets: expected at least one"),
        (
            dirichlet(6, 4, 6).reshape(3, 2, 4, 6).transpose(0, 2, 1, 3),
            ValueError,
            r"targets: expected shape \(J, C, T\)",
        ),
        (
            np.where(np.arange(3)[:, None, None] == 1, np.nan, dirichlet(3, 4, 6)),
            ValueError,
            r"targets\[1, 0, 0\] is nan",
        ),
        (np.ones((3, 4, 6), int), TypeError, "targets: expected float16"),
        (None, TypeError, "targets: expected an array"),
    ],
)
def test_targets_that_do_not_fit_are_refused(targets: Any, error: type[Exception], said: str) -> None:
    for call in (lambda: alcore.epig(POOL, targets), lambda: alcore.EPIG(targets).score(POOL)):
        with pytest.raises(error, match=said):
            call()


@pytest.mark.parametrize("weights", [[1, 2], [1, -1, 1, 1], [0, 0, 0, 0], [np.nan, 1, 1, 1]])
def test_target_weights_that_are_none_are_refused(weights: Any) -> None:
    with pytest.raises(ValueError, match="target_weights: expected"):
        alcore.epig(POOL, TARGETS, target_weights=weights)


@pytest.mark.interpreted
def test_a_source_that_says_more_targets_than_any_memory_holds_is_refused() -> None:
    class Lazy:
        shape, dtype = (10**15, *TARGETS.shape[1:]), TARGETS.dtype

        def __getitem__(self, rows: slice) -> np.ndarray:
            return TARGETS[rows]

    with pytest.raises(ValueError, match="targets: rows 0 to .* as its shape says, got"):
        alcore.epig(POOL, Lazy())


def test_invalid_rows_are_named() -> None:
    bad = POOL.copy()
    bad[3, 1, 2] = np.nan
    with pytest.raises(ValueError, match=r"probs\[3, 1, 2\] is nan"):
        alcore.epig(bad, TARGETS)


def test_the_name_says_that_it_needs_targets() -> None:
    with pytest.raises(TypeError, match="'epig' needs targets, as EPIG does"):
        alcore.heuristic("epig")
