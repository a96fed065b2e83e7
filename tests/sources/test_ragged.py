"""Rows that are sets of cells: the same bits from any source in any blocks, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.sources import reading
from tests.cases import dirichlet
from tests.memory import growth

SIZES = np.array([0, 3, 1, 0, 0, 5, 2, 0])
OFFSETS = np.concatenate([[0], np.cumsum(SIZES)])
FLAT = dirichlet(11, 3, 6, seed=3)
BOXES = alcore.Ragged(FLAT, OFFSETS)
HOWS: dict[str, Callable[[np.ndarray], float]] = {"sum": np.sum, "max": np.max, "mean": np.mean}


def by_hand(how: str, flat: np.ndarray = FLAT, offsets: np.ndarray = OFFSETS) -> list[float]:
    scores = alcore.bald(flat)
    sets = [scores[start:stop] for start, stop in pairwise(offsets)]
    return [float(HOWS[how](part)) if len(part) else -1.0 for part in sets]


def reduced(source: Any, how: str = "sum", **options: Any) -> np.ndarray:
    return alcore.Reduce(alcore.BALD(), how, empty=-1).score(source, **options)


@pytest.mark.parametrize("how", HOWS)
def test_a_row_is_the_reduction_of_its_cells(how: str) -> None:
    np.testing.assert_allclose(reduced(BOXES, how), by_hand(how), rtol=1e-13)
    assert len(BOXES) == 8
    assert repr(BOXES) == "Ragged(8 rows, 11 cells)"


@given(
    sizes=st.lists(st.integers(0, 4), max_size=12), block_bytes=st.sampled_from([1, 200, 500, 8 << 20]), data=st.data()
)
def test_any_cutting_gives_the_same_bits(sizes: list[int], block_bytes: int, data: st.DataObject) -> None:
    offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    flat = dirichlet(int(offsets[-1]), 3, 6, seed=4)
    expected = by_hand("sum", flat, offsets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(flat)), max_size=4)))
    blocks = np.split(flat, cuts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BLOCK_BYTES", block_bytes)
        found = [reduced(alcore.Ragged(source, offsets)) for source in (flat, iter(blocks), blocks)]
    for scores in found:
        np.testing.assert_allclose(scores, expected, rtol=1e-13)
        assert scores.tobytes() == found[0].tobytes()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_no_bit(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = np.random.default_rng(0).integers(0, 9, 3_000)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    flat = dirichlet(int(offsets[-1]), 3, 6, seed=5)
    expected = reduced(alcore.Ragged(flat, offsets), "top-mean")
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1 << 14)
    alcore.set_threads(threads)
    try:
        assert reduced(alcore.Ragged(flat, offsets), "top-mean").tobytes() == expected.tobytes()
    finally:
        alcore.set_threads(None)


def test_a_list_of_arrays_is_joined() -> None:
    rows = [FLAT[start:stop] for start, stop in pairwise(OFFSETS)]
    found = alcore.Ragged(rows)
    np.testing.assert_array_equal(found.flat, FLAT)
    np.testing.assert_array_equal(found.offsets, OFFSETS)
    np.testing.assert_array_equal(reduced(alcore.Ragged(tuple(rows))), reduced(BOXES))


def test_options_of_reading_hold_for_the_cells() -> None:
    expected = reduced(BOXES)
    np.testing.assert_allclose(reduced(alcore.Ragged(np.log(FLAT), OFFSETS), kind="logits"), expected, rtol=1e-6)
    stacked = np.moveaxis(FLAT, 2, 0)
    np.testing.assert_array_equal(reduced(alcore.Ragged(stacked, OFFSETS), axes="TNC"), expected)
    weights = [1, 0, 2, 1, 1, 1]
    by_weight = alcore.reduce(alcore.bald(FLAT, weights=weights), "sum", offsets=OFFSETS, empty=-1)
    np.testing.assert_array_equal(reduced(BOXES, weights=weights), by_weight)


def test_kinds_of_cells() -> None:
    rng = np.random.default_rng(6)
    made: dict[str, np.ndarray] = {"binary": rng.beta(1, 2, (11, 6)), "multilabel": rng.beta(1, 2, (11, 4, 6))}
    for kind, flat in made.items():
        expected = alcore.reduce(alcore.bald(flat, kind=kind), "sum", offsets=OFFSETS, empty=-1)
        np.testing.assert_array_equal(reduced(alcore.Ragged(flat, OFFSETS), kind=kind), expected)


def test_every_heuristic_of_rows_takes_sets() -> None:
    targets = dirichlet(4, 3, 6, seed=9)
    mixed = 0.5 * alcore.BALD() + 0.5 * alcore.Margin()
    for heuristic in (alcore.Entropy(), alcore.EPIG(targets), mixed, alcore.PairwiseKL(1e-6)):
        expected = alcore.reduce(heuristic.score(FLAT), "max", offsets=OFFSETS, empty=0)
        np.testing.assert_allclose(alcore.Reduce(heuristic, "max", empty=0).score(BOXES), expected, rtol=1e-12)
    rows = alcore.Reduce(alcore.BALD(), "sum", empty=0) + 2 * alcore.Precomputed(np.arange(8.0))
    np.testing.assert_allclose(
        rows.score(BOXES), alcore.Reduce(alcore.BALD(), "sum", empty=0).score(BOXES) + 2 * np.arange(8)
    )


def test_a_batch_counts_rows() -> None:
    heuristic = alcore.Reduce(alcore.BALD(), "sum", empty=0)
    assert heuristic.select(BOXES, 2).indices.tolist() == alcore.top(heuristic.score(BOXES), 2).indices.tolist()
    assert sorted(alcore.Power(heuristic).select(BOXES, 8, rng=0).indices.tolist()) == list(range(8))
    assert alcore.Random().select(BOXES, 8, rng=0).support.tolist() == list(range(8, 0, -1))
    assert alcore.Precomputed(np.arange(8)).select(BOXES, 1).indices.tolist() == [7]


def test_no_rows_and_no_cells() -> None:
    nothing = np.empty((0, 3, 6))
    assert reduced(alcore.Ragged(nothing, [0])).shape == (0,)
    assert reduced(alcore.Ragged(nothing, [0, 0, 0])).tolist() == [-1, -1]
    assert reduced(alcore.Ragged([nothing])).tolist() == [-1]


# --- files ------------------------------------------------------------------------------------------------------------


def save_npy(folder: Path) -> tuple[Path, str | None, Any]:
    np.save(folder / "boxes.npy", FLAT)
    np.save(folder / "offsets.npy", OFFSETS)
    return folder / "boxes.npy", None, folder / "offsets.npy"


def save_npz(folder: Path) -> tuple[Path, str | None, Any]:
    np.savez(folder / "boxes.npz", boxes=FLAT, offsets=OFFSETS)
    return folder / "boxes.npz", "boxes", "offsets"


def save_zarr(folder: Path) -> tuple[Path, str | None, Any]:
    group = zarr.open_group(str(folder / "boxes.zarr"), mode="w")
    group.create_array("boxes", data=FLAT, chunks=(2, 3, 6))
    group.create_array("offsets", data=OFFSETS)
    return folder / "boxes.zarr", "boxes", "offsets"


def save_hdf5(folder: Path) -> tuple[Path, str | None, Any]:
    with h5py.File(folder / "boxes.h5", "w") as file:
        file["boxes"], file["offsets"] = FLAT, OFFSETS
    return folder / "boxes.h5", "boxes", "offsets"


@pytest.mark.parametrize("save", [save_npy, save_npz, save_zarr, save_hdf5])
@pytest.mark.parametrize("block_bytes", [1, 8 << 20])
def test_files_give_the_same_bits(
    save: Callable[[Path], tuple[Path, str | None, Any]],
    block_bytes: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, member, offsets = save(tmp_path)
    monkeypatch.setattr(reading, "BLOCK_BYTES", block_bytes)
    found = alcore.open_predictions(file, member, offsets=offsets)
    for _ in range(2):
        assert reduced(found).tobytes() == reduced(BOXES).tobytes()
    by_hand = alcore.Ragged(alcore.open_predictions(file, member), OFFSETS)
    assert reduced(by_hand).tobytes() == reduced(BOXES).tobytes()


def test_a_file_is_read_in_blocks(tmp_path: Path) -> None:
    boxes = np.full((400_000, 10, 16), 0.1, np.float32)  # 244 MiB
    np.savez(tmp_path / "boxes.npz", boxes=boxes, offsets=np.arange(0, 400_001, 10))
    grown = growth(
        f"""
        images = alcore.open_predictions({str(tmp_path / "boxes.npz")!r}, "boxes", offsets="offsets")

        def work():
            assert not alcore.Reduce(alcore.BALD(), "sum").score(images).any()
        """
    )
    assert grown <= 100


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offsets", "said"),
    [
        ([1, 3, 11], "0 as the first entry, got 1"),
        ([0, 5, 3, 11], r"offsets\[2\] is 3 after 5"),
        (np.array([0, 2**63 + 5], np.uint64), r"ascending numbers, but offsets\[1\]"),
        ([[0, 11]], r"shape \(N \+ 1,\).* got \(1, 2\)"),
        (np.empty(0, int), r"shape \(N \+ 1,\).* got \(0,\)"),
        (7, r"shape \(N \+ 1,\).* got \(\)"),
    ],
)
def test_bad_offsets_are_refused(offsets: Any, said: str) -> None:
    for make in (lambda: alcore.Ragged(FLAT, offsets), lambda: alcore.reduce(np.ones(11), offsets=offsets)):
        with pytest.raises(ValueError, match=f"offsets: expected .*{said}"):
            make()


@pytest.mark.parametrize(
    "offsets", [[0.0, 11.0], [False, True], ["0", "11"], np.ma.masked_array([0, 3, 11], [0, 1, 0])]
)
def test_offsets_of_another_type_are_refused(offsets: Any) -> None:
    for make in (lambda: alcore.Ragged(FLAT, offsets), lambda: alcore.reduce(np.ones(11), offsets=offsets)):
        with pytest.raises(TypeError, match="offsets: expected"):
            make()


def test_the_remedy_of_offsets_helps() -> None:
    with pytest.raises(ValueError, match=r"np.concatenate\(\[\[0\], np.cumsum\(sizes\)\]\)"):
        alcore.Ragged(FLAT, SIZES[1:])
    assert reduced(alcore.Ragged(FLAT, np.concatenate([[0], np.cumsum(SIZES)]))).tobytes() == reduced(BOXES).tobytes()


@pytest.mark.parametrize("last", [10, 12])
def test_offsets_end_at_the_cells(last: int) -> None:
    short = alcore.Ragged(FLAT, [0, 4, last])
    streamed = alcore.Ragged(iter([FLAT[:5], FLAT[5:]]), [0, 4, last])
    for source in (short, streamed):
        with pytest.raises(ValueError, match=f"offsets: expected 11 as the last entry.* got {last}"):
            reduced(source)
    with pytest.raises(ValueError, match="offsets: expected 11 as the last entry, the number of cells of scores"):
        alcore.reduce(np.ones(11), offsets=[0, 4, last])


def test_a_row_without_cells_is_refused_unless_its_score_is_said() -> None:
    for work in (
        lambda **said: alcore.Reduce(alcore.BALD(), "sum", **said).score(BOXES),
        lambda **said: alcore.reduce(alcore.bald(FLAT), "sum", offsets=OFFSETS, **said),
    ):
        with pytest.raises(ValueError, match=r"row 0 has no cell. Remove the row, or say its score: empty=0.0"):
            work()
        assert work(empty=0.0)[[0, 3, 4, 7]].tolist() == [0, 0, 0, 0]
        assert work(empty=-np.inf)[3] == -np.inf
    for wrong, error in ((np.nan, ValueError), ("0", TypeError)):
        with pytest.raises(error, match="empty: expected a number"):
            alcore.Reduce(alcore.BALD(), empty=wrong)  # type: ignore[arg-type]


def test_the_row_without_cells_is_named_in_any_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1)
    with pytest.raises(ValueError, match="row 2 has no cell"):
        alcore.Reduce(alcore.BALD()).score(alcore.Ragged(FLAT, [0, 4, 6, 6, 11]))


def test_an_invalid_cell_is_named_by_its_place_in_the_flat_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1)
    flat = FLAT.copy()
    flat[7, 1, 2] = np.nan
    with pytest.raises(ValueError, match=r"probs\[7, 1, 2\] is nan"):
        reduced(alcore.Ragged(flat, OFFSETS))


def test_what_needs_one_prediction_a_row_is_refused_with_the_remedy() -> None:
    for work in (
        lambda: alcore.bald(BOXES),
        lambda: alcore.BALD().score(BOXES),
        lambda: alcore.PowerBALD().select(BOXES, 1),
        lambda: alcore.batchbald(BOXES, 2),
        lambda: alcore.save_predictions("boxes.npy", BOXES),
    ):
        with pytest.raises(ValueError, match=r"Reduce\(BALD\(\), 'sum'\).score\(ragged\)"):
            work()
    with pytest.raises(ValueError, match="mask: expected no mask"):
        reduced(BOXES, mask=np.zeros(11, bool))
    with pytest.raises(ValueError, match="mask: expected no mask"):
        alcore.reduce(np.ones(2), offsets=[0, 2], mask=[False, True])


def test_cells_with_event_axes_are_refused_and_the_remedy_reduces_twice() -> None:
    maps = np.stack([FLAT, FLAT], axis=2)
    with pytest.raises(
        ValueError, match=r"alcore.reduce\(alcore.reduce\(alcore.bald\(flat\), 'mean'\), 'sum', offsets"
    ):
        reduced(alcore.Ragged(maps, OFFSETS))
    twice = alcore.reduce(alcore.reduce(alcore.bald(maps), "mean"), "sum", offsets=OFFSETS, empty=-1)
    np.testing.assert_allclose(twice, by_hand("sum"), rtol=1e-12)
    with pytest.raises(ValueError, match=r"scores: expected shape \(M,\)"):
        alcore.reduce(alcore.bald(maps), offsets=OFFSETS)


def test_precomputed_scores_of_cells_are_reduced_first() -> None:
    scores = alcore.bald(FLAT)
    with pytest.raises(ValueError, match=r"Precomputed\(alcore.reduce\(scores, 'sum', offsets=offsets\)\)"):
        alcore.Reduce(alcore.Precomputed(np.ones(8))).score(BOXES)
    with pytest.raises(ValueError, match="scores"):
        alcore.Reduce(alcore.Precomputed(scores)).score(BOXES)
    by_row = alcore.Precomputed(alcore.reduce(scores, "sum", offsets=OFFSETS, empty=-1))
    np.testing.assert_array_equal(by_row.score(BOXES), reduced(BOXES))


def test_infinite_scores_are_named_by_row() -> None:
    opposed = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    boxes = alcore.Ragged(np.concatenate([np.full((3, 2, 2), 0.5), opposed]), [0, 1, 1, 4])
    with pytest.raises(ValueError, match="row 2 has an infinite score"):
        alcore.Reduce(alcore.PairwiseKL(), "sum", empty=0).score(boxes)
    with pytest.raises(ValueError, match=r"max\(pairwise-kl\)\[2\] is infinite"):
        (alcore.Reduce(alcore.PairwiseKL(), "max", empty=0) + alcore.Reduce(alcore.BALD(), empty=0)).score(boxes)
    with pytest.raises(ValueError, match=r"pairwise-kl\[3\] is infinite"):
        alcore.Reduce(alcore.PairwiseKL() + alcore.BALD(), "max", empty=0).score(boxes)


@pytest.mark.parametrize(
    ("rows", "error", "said"),
    [
        ([], ValueError, "rows: expected at least one array"),
        (
            [FLAT[:2], FLAT[:2, :2]],
            ValueError,
            r"rows\[1\]: expected shape \(m, 3, 6\), as rows\[0\] has, got \(2, 2, 6\)",
        ),
        ([FLAT[:2], np.empty(0)], ValueError, r"rows\[1\]: .*np.empty\(\(0, C, T\)\)"),
        ([np.ones(3)], ValueError, r"rows\[0\]: expected shape \(m, C, T\)"),
        ([FLAT[:2], [1, 2]], TypeError, r"rows\[1\]: expected an array"),
        (FLAT, TypeError, r"offsets: expected the offsets .* got None"),
        (None, TypeError, r"offsets: expected the offsets .* got None"),
    ],
)
def test_lists_that_are_no_rows_are_refused(rows: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        alcore.Ragged(rows)
