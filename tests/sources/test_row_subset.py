"""Predictions without some rows: what remains, from any source, and which row it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.sources.reading import RowCount, count_rows
from alcore.sources.row_subset import FEW, RowSubset, drop_rows

PROBS = np.random.default_rng(0).dirichlet(np.ones(3), size=(60, 6)).transpose(0, 2, 1).copy()
GONE = np.array([0, 7, 8, 30, 59])
KEPT = np.delete(np.arange(60), GONE)


def as_zarr(probs: Any, folder: Path) -> Any:
    zarr.save_array(str(folder / "p.zarr"), probs)
    return alcore.open_predictions(folder / "p.zarr")


def as_path(probs: Any, folder: Path) -> Any:
    np.save(folder / "p.npy", probs)
    return folder / "p.npy"


SOURCES: dict[str, Callable[[Any, Path], Any]] = {
    "array": lambda probs, folder: probs,
    "fortran": lambda probs, folder: np.asfortranarray(probs),
    "list of blocks": lambda probs, folder: [probs[:8], probs[8:9], probs[9:]],
    "generator": lambda probs, folder: (probs[start : start + 7] for start in range(0, len(probs), 7)),
    "path": as_path,
    "zarr": as_zarr,
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_rows_that_are_left(source: str, tmp_path: Path) -> None:
    found = RowSubset(60, GONE).of(SOURCES[source](PROBS, tmp_path))
    np.testing.assert_array_equal(alcore.bald(found), alcore.bald(PROBS)[KEPT])


@pytest.mark.parametrize("source", sorted(set(SOURCES) - {"generator"}))
@pytest.mark.parametrize(
    "heuristic", [alcore.BatchBALD(), alcore.TwoBALD(), alcore.ICAL(True)], ids=lambda one: one.name
)
def test_joint_heuristics_choose_what_they_choose_of_an_array_of_these_rows(
    source: str, heuristic: alcore.Heuristic, tmp_path: Path
) -> None:
    found = heuristic.select(RowSubset(60, GONE).of(SOURCES[source](PROBS, tmp_path)), 4, rng=0)
    expected = heuristic.select(PROBS[KEPT], 4, rng=0)
    assert found.indices.tolist() == expected.indices.tolist()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("gone", [GONE, GONE[:0]], ids=["some", "none"])
def test_another_number_of_rows_is_refused(source: str, gone: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected 61 rows, as ids has, got 60"):
        alcore.bald(RowSubset(61, gone).of(SOURCES[source](PROBS, tmp_path)))


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
def test_rows_keep_the_numbers_they_have_in_the_source(case: tuple[int, set[int]]) -> None:
    rows, gone = case[0], np.array(sorted(case[1]), np.int64)
    subset, expected = RowSubset(rows, gone), np.delete(np.arange(rows), gone)
    assert len(subset) == len(expected)
    np.testing.assert_array_equal(subset.original(np.arange(len(expected))), expected)
    np.testing.assert_array_equal(subset.take(np.arange(rows)), expected)


def test_many_rows_are_left_out_as_few_are() -> None:
    array = np.arange(8 * FEW).reshape(-1, 2)
    gone = np.arange(0, 4 * FEW, 2)
    np.testing.assert_array_equal(drop_rows(array, gone), np.delete(array, gone, axis=0))


def test_the_source_is_not_copied_nor_written_to() -> None:
    probs = PROBS.copy()
    probs.flags.writeable = False
    first, last = RowSubset(60, np.array([59])).of([probs[:30], probs[30:]])
    assert np.shares_memory(first, probs)
    assert not np.shares_memory(last, probs)
    assert RowSubset(60, GONE[:0]).of(probs) is probs


def test_a_number_of_rows_serves_heuristics_that_need_no_predictions() -> None:
    alone = RowSubset(60, GONE).of(None)
    assert isinstance(alone, RowCount)
    assert count_rows(alone) == 55
    assert len(alcore.Random().select(alone, 3, rng=0)) == 3
    for heuristic in (alcore.BALD(), alcore.BatchBALD(), alcore.ICAL()):
        with pytest.raises(TypeError, match="expected predictions .*, got None"):
            heuristic.select(alone, 3)
