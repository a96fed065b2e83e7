"""What a posterior reads to learn: the blocks of the labelled rows, and none of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import alcore
from alcore.sources import reading
from alcore.sources.threads import one_blas_thread

N, C, T = 60_000, 3, 4
ROWS = [7, 8, 1_300, 15_000, 15_001, 30_000, 30_900, 44_444, 59_998, 59_999]
LABELS = [0, 1, 2, 2, 1, 0, 0, 1, 2, 0]
PROBS = np.random.default_rng(0).dirichlet(np.ones(C), size=(N, T)).transpose(0, 2, 1).astype(np.float32)


class Counted:
    """A stored array that notes which rows are read."""

    def __init__(self, stored: Any) -> None:
        self.stored, self.read = stored, list[tuple[int, int]]()
        self.shape, self.dtype, self.chunks = stored.shape, stored.dtype, stored.chunks

    def __getitem__(self, rows: slice) -> Any:
        self.read.append((rows.start, rows.stop))
        return self.stored[rows]


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1 << 16)


def stored(path: Path, array: np.ndarray) -> Counted:
    return Counted(zarr.create_array(path, data=array, chunks=(1_000, *array.shape[1:])))


def has_a_row(blocks: list[tuple[int, int]], rows: list[int]) -> list[bool]:
    return [any(start <= row < stop for row in rows) for start, stop in blocks]


def test_labels_read_the_blocks_of_their_rows_alone(tmp_path: Path) -> None:
    """Ten labels of 60 000 rows lie in 6 of 60 blocks."""
    counted = stored(tmp_path / "preds.zarr", PROBS)
    posterior = alcore.Posterior(counted)
    assert posterior.shape() == (N, C)
    assert counted.read == []
    posterior.learn(ROWS, LABELS)
    assert len(counted.read) == len(set(counted.read)) == 6
    assert all(has_a_row(counted.read, ROWS))
    other = alcore.Posterior(PROBS)
    other.learn(ROWS, LABELS)
    np.testing.assert_array_equal(posterior.mode, other.mode)
    assert posterior.scale == other.scale
    del counted.read[:]
    posterior.learn([20_000], [1])
    assert has_a_row(counted.read, [20_000]) == [True]
    alcore.bald(posterior.draws(count=3, rng=0))
    assert len(counted.read) == 61


def test_variances_are_read_beside_their_means(tmp_path: Path) -> None:
    means, noise = PROBS * 10, PROBS + 1
    counted = [stored(tmp_path / name, array) for name, array in (("means.zarr", means), ("noise.zarr", noise))]
    posterior = alcore.Posterior(counted[0], kind="mean", variance=counted[1], scale=1.0)
    numbers = np.random.default_rng(1).normal(size=(len(ROWS), C))
    posterior.learn(ROWS, numbers)
    for one in counted:
        assert len(one.read) == 6
        assert all(has_a_row(one.read, ROWS))
    other = alcore.Posterior(means, kind="mean", variance=noise, scale=1.0)
    other.learn(ROWS, numbers)
    np.testing.assert_array_equal(posterior.mode, other.mode)


@pytest.mark.parametrize("source", ["blocks", "npz", "files"])
def test_sources_in_order_are_read_to_the_last_row(source: str, tmp_path: Path) -> None:
    rows, labels = ROWS[:5], LABELS[:5]
    given: Any = [PROBS[start : start + 7_001] for start in range(0, N, 7_001)]
    if source == "npz":
        np.savez(tmp_path / "preds.npz", PROBS)
        given = tmp_path / "preds.npz"
    elif source == "files":
        given = [tmp_path / f"{place}.npy" for place in range(3)]
        for place, path in enumerate(given):
            np.save(path, PROBS[place * 20_000 : (place + 1) * 20_000])
    expected, found = alcore.Posterior(PROBS, scale=1.0), alcore.Posterior(given, scale=1.0)
    for posterior in (expected, found):
        posterior.learn(rows, labels)
        posterior.learn(ROWS[5:], LABELS[5:])
    np.testing.assert_array_equal(found.mode, expected.mode)


def test_an_invalid_row_is_refused_by_its_number_and_its_file(tmp_path: Path) -> None:
    broken = PROBS.copy()
    broken[44_444, 1, 2] = np.nan
    posterior = alcore.Posterior(stored(tmp_path / "preds.zarr", broken))
    posterior.learn(ROWS[:3], LABELS[:3])
    with pytest.raises(ValueError, match=r"pool\[44444, 1, 2\] is nan"):
        posterior.learn(ROWS, LABELS)
    assert posterior.labelled == 3


def test_one_blas_thread_ends_when_the_last_one_leaves() -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    def threads() -> set[int]:
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    with threadpool_limits(limits=2, user_api="blas"):
        first, second = one_blas_thread(), one_blas_thread()
        before = threads()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert threads() == {1}
        second.__exit__(None, None, None)
        assert threads() == before
