"""BatchBALD of maps and sequences: each position is a question of its own, and their information is averaged."""

from __future__ import annotations

import math

import numpy as np
import pytest

import alcore
from tests.cases import dirichlet

N, C, T = 14, 3, 6
MAPS = np.ascontiguousarray(dirichlet(N, C, 4 * 5 * T, seed=3).reshape(N, C, 4, 5, T))


def greedy(cells: np.ndarray, k: int) -> tuple[list[int], list[float]]:
    """Greedy picks of the mean over positions of I(y_S; θ), every label configuration written out. ``cells`` (N, C, P, T)."""
    picks: list[int] = []
    total, gains = 0.0, []
    for _ in range(k):
        found = {
            row: np.mean(
                [
                    alcore.batch_information(cells[:, :, p], [*picks, row], exact=10**6).value
                    for p in range(cells.shape[2])
                ]
            )
            for row in range(len(cells))
            if row not in picks
        }
        best = max(found, key=lambda row: found[row])
        picks.append(best)
        gains.append(float(found[best] - total))
        total = float(found[best])
    return picks, gains


def test_all_positions_are_averaged() -> None:
    batch = alcore.batchbald(MAPS, 3, positions=20, exact=10**6)
    picks, gains = greedy(MAPS.reshape(N, C, 20, T), 3)
    assert batch.indices.tolist() == picks
    np.testing.assert_allclose(batch.scores, gains, atol=1e-6)
    np.testing.assert_allclose(batch.information, np.cumsum(gains), atol=1e-6)
    assert batch.exact_until == 3


def test_one_position_is_a_batch_of_its_rows() -> None:
    sequences = MAPS[:, :, :, 2]  # (N, C, 4, T)
    for seed in range(4):
        batch = alcore.BatchBALD(positions=1, exact=10**6, fill="stop").select(sequences, 3, rng=seed)
        place = int(np.random.default_rng(seed).choice(4, 1, replace=False)[0])
        alone = alcore.batchbald(np.ascontiguousarray(sequences[:, :, place]), 3, exact=10**6, fill="stop")
        assert batch.indices.tolist() == alone.indices.tolist()
        np.testing.assert_allclose(batch.scores, alone.scores, atol=1e-6)


def test_positions_are_the_same_in_every_block_and_order(tmp_path: object) -> None:
    expected = alcore.batchbald(MAPS, 4, positions=6, rng=2).indices
    blocks = [MAPS[:5], MAPS[5:6], MAPS[6:]]
    np.testing.assert_array_equal(alcore.batchbald(iter(blocks), 4, positions=6, rng=2).indices, expected)
    laid = np.ascontiguousarray(MAPS.transpose(4, 0, 2, 3, 1))
    np.testing.assert_array_equal(alcore.batchbald(laid, 4, positions=6, rng=2, axes="TNHWC").indices, expected)
    logits = np.log(MAPS) + 3
    np.testing.assert_array_equal(alcore.batchbald(logits, 4, positions=6, rng=2, kind="logits").indices, expected)
    labels = MAPS[:, 0]
    assert len(alcore.batchbald(labels[:, None], 3, positions=5, kind="binary")) == 3


def test_sampled_gains_are_near_the_exact_ones() -> None:
    batch = alcore.batchbald(MAPS, 5, positions=20, exact=0, samples=4000, rng=0)
    information = np.mean(
        [alcore.batch_information(MAPS.reshape(N, C, 20, T)[:, :, p], batch.indices).value for p in range(20)]
    )
    assert batch.information is not None
    assert batch.information[-1] == pytest.approx(information, abs=0.05)
    assert batch.information[-1] <= math.log(T)


def test_what_positions_do_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="positions: expected predictions with event axes .* Leave positions out"):
        alcore.batchbald(MAPS[:, :, 0, 0], 2, positions=3)
    with pytest.raises(ValueError, match=r"BatchBALD\(positions=16\)"):
        alcore.batchbald(MAPS, 2)
    assert len(alcore.BatchBALD(positions=16).select(MAPS, 2)) == 2
    for wrong, error in ((0, ValueError), (2.5, TypeError), (True, TypeError)):
        with pytest.raises(error, match="positions: expected"):
            alcore.BatchBALD(positions=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="memory: expected at least .* or compare rows at fewer positions"):
        alcore.batchbald(MAPS, 2, positions=20, memory=1000)
    broken = MAPS.copy()
    broken[3, :, 1, 1] = np.nan
    with pytest.raises(ValueError, match=r"expected finite numbers, but probs\[3, 0, 1, 1, 0\] is nan"):
        alcore.batchbald(broken, 2, positions=20)
