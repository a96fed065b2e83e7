"""Predictions whose axes lie in any order give what the same predictions as (N, C, ..., T) give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
import alcore.bench
from tests.cases import dirichlet

N, C, T = 30, 3, 8
PROBS = np.ascontiguousarray(dirichlet(N, C, T))
MAPS = np.ascontiguousarray(dirichlet(6, C, 4 * 5 * T).reshape(6, C, 4, 5, T))
ORDERS = ["NTC", "TNC", "CNT", "TCN", "CTN", "NCT"]
MAP_ORDERS = ["NHWCT", "TNHWC", "NCHWT", "HWTNC", "TNCHW"]


def laid(array: np.ndarray, order: str, plain: str) -> np.ndarray:
    """The array (whose axes are ``plain``) in another order, contiguous as a file of that order is."""
    return np.ascontiguousarray(array.transpose([plain.index(letter) for letter in order]))


def stored_npy(array: np.ndarray, folder: Path) -> Any:
    np.save(folder / "p.npy", array)
    return folder / "p.npy"


def stored_npz(array: np.ndarray, folder: Path) -> Any:
    np.savez(folder / "p.npz", pool=array)
    return str(folder / "p.npz")


def stored_zarr(array: np.ndarray, folder: Path) -> Any:
    zarr = pytest.importorskip("zarr")
    zarr.create_array(store=str(folder / "p.zarr"), data=array, chunks=tuple(min(4, size) for size in array.shape))
    return folder / "p.zarr"


def stored_hdf5(array: np.ndarray, folder: Path) -> Any:
    with pytest.importorskip("h5py").File(folder / "p.h5", "w") as file:
        file.create_dataset("p", data=array, chunks=tuple(min(3, size) for size in array.shape))
    return folder / "p.h5"


def in_dask(array: np.ndarray, folder: Path) -> Any:
    return pytest.importorskip("dask.array").from_array(array, chunks=3)


def in_torch(array: np.ndarray, folder: Path) -> Any:
    return pytest.importorskip("torch").from_numpy(array)


def as_lists(array: np.ndarray, folder: Path) -> Any:
    return array.tolist()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "source", [lambda a, f: a, as_lists, stored_npy, stored_npz, stored_zarr, stored_hdf5, in_dask, in_torch]
)
def test_every_source_in_every_order(source: Callable[..., Any], order: str, tmp_path: Path) -> None:
    given = source(laid(PROBS, order, "NCT"), tmp_path)
    np.testing.assert_array_equal(alcore.bald(given, axes=order), alcore.bald(PROBS))
    chosen = alcore.batchbald(given, k=4, rng=0, axes=order)
    expected = alcore.batchbald(PROBS, k=4, rng=0)
    np.testing.assert_array_equal(chosen.indices, expected.indices)


@pytest.mark.parametrize("order", MAP_ORDERS)
def test_event_axes_keep_their_order(order: str) -> None:
    given = laid(MAPS, order, "NCHWT")
    np.testing.assert_array_equal(alcore.entropy(given, axes=order), alcore.entropy(MAPS))
    reduced = alcore.Reduce(alcore.BALD(), "mean")
    np.testing.assert_array_equal(reduced.score(given, axes=order), reduced.score(MAPS))


@pytest.mark.parametrize("order", ["SDNC", "NSDC", "NSCD", "DNCS", "CSND"])
def test_chains_and_draws_are_draws(order: str) -> None:
    sampled = PROBS.reshape(N, C, 2, 4)
    given = laid(sampled, order, "NCSD")
    np.testing.assert_array_equal(alcore.bald(given, axes=order), alcore.bald(PROBS))
    weights = np.arange(1.0, 9)
    np.testing.assert_array_equal(alcore.bald(given, axes=order, weights=weights), alcore.bald(PROBS, weights=weights))


def test_one_prediction_a_row_needs_no_axis_of_draws() -> None:
    np.testing.assert_array_equal(alcore.entropy(PROBS[..., 0], axes="NC"), alcore.entropy(PROBS[..., :1]))
    np.testing.assert_array_equal(alcore.entropy(PROBS[..., 0].T, axes="CN"), alcore.entropy(PROBS[..., :1]))


def test_blocks_are_arranged_one_by_one() -> None:
    blocks = [laid(PROBS[start : start + 7], "TNC", "NCT") for start in range(0, N, 7)]
    np.testing.assert_array_equal(alcore.bald(iter(blocks), axes="TNC"), alcore.bald(PROBS))
    np.testing.assert_array_equal(
        alcore.BatchBALD().select(blocks, 5, rng=0, axes="TNC").indices,
        alcore.BatchBALD().select(PROBS, 5, rng=0).indices,
    )


def test_targets_lie_as_the_predictions_do() -> None:
    given, targets = laid(PROBS, "TNC", "NCT"), laid(PROBS[:5], "TNC", "NCT")
    expected = alcore.epig(PROBS, PROBS[:5])
    np.testing.assert_array_equal(alcore.epig(given, targets, axes="TNC"), expected)
    np.testing.assert_array_equal(alcore.EPIG(targets).score(given, axes="TNC"), expected)
    joint = alcore.BatchEPIG(targets).select(given, 3, rng=0, axes="TNC")
    np.testing.assert_array_equal(joint.indices, alcore.BatchEPIG(PROBS[:5]).select(PROBS, 3, rng=0).indices)
    maps = laid(MAPS, "TNHWC", "NCHWT")
    np.testing.assert_array_equal(
        alcore.epig(maps, laid(MAPS[:, :, 0, 0], "TNC", "NCT"), axes="TNHWC"), alcore.epig(MAPS, MAPS[:, :, 0, 0])
    )


@pytest.mark.parametrize(
    "heuristic",
    [
        alcore.Random(),
        alcore.PowerBALD(),
        alcore.ICAL(),
        alcore.TwoBALD(),
        alcore.Precomputed(np.arange(30.0)),
        alcore.Margin(),
    ],
    ids=lambda one: one.name,
)
def test_every_heuristic_takes_axes(heuristic: alcore.Heuristic) -> None:
    found = heuristic.select(laid(PROBS, "TNC", "NCT"), 4, rng=3, axes="TNC")
    np.testing.assert_array_equal(found.indices, heuristic.select(PROBS, 4, rng=3).indices)


def test_other_functions_take_axes(tmp_path: Path) -> None:
    given = laid(PROBS, "TNC", "NCT")
    assert alcore.batch_information(given, [1, 2], axes="TNC") == alcore.batch_information(PROBS, [1, 2])
    np.testing.assert_array_equal(alcore.expected_loss(given, axes="TNC"), alcore.expected_loss(PROBS))
    np.testing.assert_array_equal(alcore.save_predictions(tmp_path / "a.npy", given, axes="TNC"), PROBS)
    joined = alcore.concatenate_draws([PROBS[..., 0], PROBS[..., 1]], axes="NC")
    np.testing.assert_array_equal(joined[0:N], PROBS[..., :2])
    labels = np.arange(N) % C
    plan = {"heuristics": ["bald", "batchbald"], "k": 3, "steps": 3, "seeds": 2, "rng": 0}
    result = alcore.bench.compare(given, labels=labels, test=given, test_labels=labels, axes="TNC", **plan)
    expected = alcore.bench.compare(PROBS, labels=labels, test=PROBS, test_labels=labels, **plan)
    np.testing.assert_array_equal(result.information, expected.information)
    np.testing.assert_array_equal(result.batches[1].indices, expected.batches[1].indices)
    for one, other in zip(result.replays, expected.replays, strict=True):
        for metric, values in other.curves["bald"].metrics.items():
            np.testing.assert_array_equal(one.curves["bald"].metrics[metric], values)


def test_a_ledger_asks_with_axes() -> None:
    for source in (laid(PROBS, "TNC", "NCT"), [laid(PROBS[:9], "TNC", "NCT"), laid(PROBS[9:], "TNC", "NCT")]):
        ledger = alcore.Ledger(size=N)
        ledger.label({3: 0, 7: 1, 20: 2})
        query = ledger.ask(alcore.EPIG(laid(PROBS[:4], "TNC", "NCT")), source, 4, axes="TNC")
        other = alcore.Ledger(size=N)
        other.label({3: 0, 7: 1, 20: 2})
        assert query.ids.tolist() == other.ask(alcore.EPIG(PROBS[:4]), PROBS, 4).ids.tolist()


@pytest.mark.parametrize(
    ("axes", "error", "match"),
    [
        ("TNN", ValueError, "axes: expected each letter once, but N is there 2 times"),
        ("TC", ValueError, "axes: expected the letter N, the rows"),
        ("NTH", ValueError, "axes: expected the letter C, the classes"),
        ("NCH", ValueError, "axes: expected the letter T, the draws, beside H"),
        ("NCK", ValueError, "axes: expected the letter T, the draws, beside K"),
        ("NCS", ValueError, "axes: expected S beside D"),
        ("NSTC", ValueError, "axes: expected S beside D, as chains and draws, and without T"),
        ("nct", ValueError, "axes: expected one capital letter an axis"),
        ("", ValueError, "axes: expected one capital letter an axis"),
        ("N C T", ValueError, "axes: expected one capital letter an axis"),
        (3, TypeError, "axes: expected a string such as 'TNC', got 3"),
        (("N", "C", "T"), TypeError, "axes: expected a string such as 'TNC'"),
        ("NCHT", ValueError, r"axes: 'NCHT' names 4 axes, and probs has shape \(30, 3, 8\)"),
        ({"N": "a"}, TypeError, "axes: the dimensions of probs have no names"),
    ],
)
def test_axes_that_say_too_little_or_too_much_are_refused(axes: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        alcore.bald(PROBS, axes=axes)
    with pytest.raises(error, match=match):
        alcore.BALD().select(PROBS, 3, axes=axes)


def test_arrays_are_viewed_and_not_written_to() -> None:
    given = laid(PROBS, "TNC", "NCT")
    given.setflags(write=False)
    alcore.bald(given, axes="TNC")
    alcore.batchbald(given, 3, axes="TNC")


# --- lists whose axes name no draws -----------------------------------------------------------------------------------

ENSEMBLE = [PROBS[..., draw] for draw in range(T)]


@pytest.mark.parametrize("kind_of_list", [list, tuple])
@pytest.mark.parametrize(
    "call",
    [
        lambda given, folder: alcore.entropy(given, axes="NC"),
        lambda given, folder: alcore.BALD().select(given, 3, axes="NC"),
        lambda given, folder: alcore.batchbald(given, 3, axes="NC"),
        lambda given, folder: alcore.batch_epig(given, PROBS[:2, :, 0], 3, axes="NC"),
        lambda given, folder: alcore.bench.compare(given, k=3, axes="NC"),
        lambda given, folder: alcore.Ledger(size=N * T).ask(alcore.BALD(), given, 3, axes="NC"),
        lambda given, folder: alcore.save_predictions(folder / "p.npy", given, axes="NC", rows=N * T),
        lambda given, folder: alcore.concatenate_draws([given, PROBS], axes="NC"),
    ],
)
def test_an_ensemble_in_a_list_is_not_read_as_blocks_of_rows(
    kind_of_list: Callable[[Any], Any], call: Callable[[Any, Path], Any], tmp_path: Path
) -> None:
    """T arrays (N, C) look like T blocks of N rows: N·T scores for N rows."""
    with pytest.raises(ValueError, match=r"got 8 arrays of shape \(30, 3\), and axes='NC' names no draws"):
        call(kind_of_list(ENSEMBLE), tmp_path)


def test_files_of_an_ensemble_are_not_read_as_files_along_the_rows(tmp_path: Path) -> None:
    paths = [tmp_path / f"{draw}.npy" for draw in range(T)]
    for path, part in zip(paths, ENSEMBLE, strict=True):
        np.save(path, part)
    for given in (paths, [ENSEMBLE[0], *paths[1:]]):
        with pytest.raises(ValueError, match=r"got 8 files of shape \(30, 3\), and axes='NC' names no draws"):
            alcore.entropy(given, axes="NC")
    np.testing.assert_array_equal(alcore.bald(alcore.concatenate_draws(paths, axes="NC")), alcore.bald(PROBS))


def test_lists_that_can_be_read_in_one_way_only_are_read() -> None:
    mean = PROBS[..., 0]
    expected = alcore.entropy(mean, axes="NC")
    for given in ([mean], [mean[:9], mean[9:]], iter([mean[:15], mean[15:]])):
        np.testing.assert_array_equal(alcore.entropy(given, axes="NC"), expected)
    np.testing.assert_array_equal(alcore.entropy([PROBS[:15], PROBS[15:]]), alcore.entropy(PROBS))


@pytest.mark.parametrize("labelled", [{20: 0}, {20: 0, 3: 1}])
def test_blocks_that_have_one_shape_only_without_labelled_rows_are_read(labelled: dict[int, int]) -> None:
    mean = PROBS[:29, :, 0]
    ledger, other = alcore.Ledger(size=29), alcore.Ledger(size=29)
    ledger.label(labelled)
    other.label(labelled)
    found = ledger.ask(alcore.Entropy(), [mean[:14], mean[14:]], 4, axes="NC")
    assert found.ids.tolist() == other.ask(alcore.Entropy(), mean, 4, axes="NC").ids.tolist()


def test_tables_and_nested_lists_take_axes() -> None:
    """What `axes` says holds for whatever has a shape or is nested, not only for what has a dtype."""
    pandas = pytest.importorskip("pandas")
    single, yes = PROBS[..., 0], PROBS[:, 0]
    wanted, of_yes = alcore.entropy(single, axes="NC"), alcore.bald(yes, kind="binary")
    for given in (pandas.DataFrame(single), single.tolist(), tuple(map(tuple, single.tolist()))):
        np.testing.assert_array_equal(alcore.entropy(given, axes="NC"), wanted)
    np.testing.assert_array_equal(alcore.bald(pandas.DataFrame(yes.T), kind="binary", axes="TN"), of_yes)
    np.testing.assert_array_equal(alcore.bald(yes.tolist(), kind="binary"), of_yes)
    np.testing.assert_array_equal(
        alcore.entropy(yes[:, 0].tolist(), kind="binary", axes="N"),
        alcore.entropy(yes[:, 0], kind="binary", axes="N"),
    )
    with pytest.raises(ValueError, match="axes='NC'"):
        alcore.entropy(single.tolist())
    tables = pandas.DataFrame(single)
    assert (
        alcore.Ledger(size=N).ask(alcore.Entropy(), tables, 2, axes="NC").ids.tolist()
        == (-wanted).argsort()[:2].tolist()
    )
    two = alcore.EPIG(PROBS[:4]).select(PROBS.tolist(), k=2)
    np.testing.assert_array_equal(two.indices, alcore.EPIG(PROBS[:4]).select(PROBS, k=2).indices)
    joined = alcore.concatenate_draws([pandas.DataFrame(PROBS[..., draw]) for draw in range(T)], axes="NC")
    np.testing.assert_array_equal(alcore.bald(joined), alcore.bald(PROBS))
