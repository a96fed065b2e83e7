"""Variances are read in step with means: files, streams, names of dimensions, subsets of rows, bounded memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

import alcore
from alcore.sources.variances import is_constant
from tests.gaussians import means_and_variances
from tests.memory import growth

N, D, T = 30, 2, 7
MEANS, VARIANCE = means_and_variances(N, D, T)
EXPECTED = alcore.bald(MEANS, kind="mean", variance=VARIANCE)


def test_numbers_and_rows_are_told_apart() -> None:
    assert all(is_constant(one, None) for one in (1, 2.0, np.float32(1), [1.0, 2.0], np.ones(3)))
    assert not any(is_constant(one, None) for one in (None, "file.npy", np.ones((3, 2)), [np.ones(2)], iter(())))


@pytest.mark.parametrize("ending", ["npy", "zarr", "h5"])
def test_files_of_variances(tmp_path: Path, ending: str) -> None:
    for name, array in (("means", MEANS), ("variance", VARIANCE)):
        path = tmp_path / f"{name}.{ending}"
        if ending == "npy":
            np.save(path, array)
        elif ending == "zarr":
            alcore.save_predictions(path, array)
        else:
            h5py = pytest.importorskip("h5py", reason="HDF5 files need h5py")
            with h5py.File(path, "w") as file:
                file.create_dataset(name, data=array, chunks=(4, D, T))
    means, variance = tmp_path / f"means.{ending}", tmp_path / f"variance.{ending}"
    np.testing.assert_array_equal(alcore.bald(means, kind="mean", variance=variance), EXPECTED)
    np.testing.assert_array_equal(alcore.bald(means, kind="mean", variance=str(variance)), EXPECTED)
    np.testing.assert_array_equal(alcore.bald(MEANS, kind="mean", variance=alcore.open_predictions(variance)), EXPECTED)


def test_names_of_dimensions_say_how_variances_lie() -> None:
    means = xarray.DataArray(MEANS.transpose(2, 0, 1), dims=("draw", "obs", "class"), coords={"obs": np.arange(N) * 10})
    variance = xarray.DataArray(VARIANCE.transpose(1, 2, 0), dims=("class", "draw", "obs"))
    found = alcore.bald(means, kind="mean", variance=variance)
    np.testing.assert_array_equal(found.values, EXPECTED)
    assert found.obs.values.tolist() == (np.arange(N) * 10).tolist()
    per_row = alcore.bald(MEANS, kind="mean", variance=VARIANCE[..., 0])
    named = alcore.bald(means, kind="mean", variance=variance.isel(draw=0, drop=True))
    np.testing.assert_array_equal(named.values, per_row)
    other = {"N": "row", "C": "output", "T": ("chain", "step")}
    chained = xarray.DataArray(MEANS[..., :6].reshape(N, D, 2, 3), dims=("row", "output", "chain", "step"))
    for noise in (VARIANCE[..., 0], VARIANCE[..., :1]):
        labelled = xarray.DataArray(VARIANCE[..., 0].T, dims=("output", "row"))
        found = alcore.bald(chained, kind="mean", variance=labelled, axes=other)
        np.testing.assert_allclose(found.values, alcore.bald(MEANS[..., :6], kind="mean", variance=noise))
    batch = alcore.log_det(means, 2, variance=1.0)
    assert batch.ids is not None
    np.testing.assert_array_equal(batch.ids, batch.indices * 10)


def test_streams_of_pairs_take_the_memory_of_a_block() -> None:
    code = """
        def pairs(count):
            for _ in range(count):
                yield np.ones((8_000, 10, 100), np.float32), np.full((8_000, 10, 100), 0.5, np.float32)  # 61 MiB in all

        alcore.bald([(np.ones((4, 10, 100), np.float32), np.ones((4, 10, 100), np.float32))], kind="mean")

        def work():
            alcore.bald(pairs(20), kind="mean")
        """
    assert growth(code) < 400  # MiB; all pairs are 1 221


def test_a_ledger_cuts_variances_to_the_free_rows(tmp_path: Path) -> None:
    taken = [0, 3, 4, 17, 29]
    free = np.setdiff1d(np.arange(N), taken)
    np.save(tmp_path / "variance.npy", VARIANCE)
    forms: list[tuple[Any, dict[str, Any]]] = [
        (MEANS, {"variance": VARIANCE}),
        (MEANS, {"variance": tmp_path / "variance.npy"}),
        (MEANS.transpose(2, 0, 1), {"variance": VARIANCE.transpose(2, 0, 1), "axes": "TNC"}),
        ([MEANS[:11], MEANS[11:]], {"variance": VARIANCE}),
        ([(MEANS[:11], VARIANCE[:11]), (MEANS[11:], VARIANCE[11:])], {}),
        (((m[None], v[None]) for m, v in zip(MEANS, VARIANCE, strict=True)), {}),
        (iter([MEANS]), {"variance": iter([VARIANCE[:8], VARIANCE[8:]])}),
    ]
    expected = free[alcore.BALD().select(MEANS[free], 6, kind="mean", variance=VARIANCE[free]).indices]
    for predictions, options in forms:
        ledger = alcore.Ledger(N)
        ledger.label(dict.fromkeys(taken, 1.0))
        query = ledger.ask(alcore.BALD(), predictions, 6, kind="mean", **options)
        assert query.ids.tolist() == expected.tolist()
    for given in (0.5, [0.5, 1.0], VARIANCE[..., 0]):
        ledger = alcore.Ledger(N)
        ledger.label(dict.fromkeys(taken, 1.0))
        own = given[free] if isinstance(given, np.ndarray) else given
        query = ledger.ask(alcore.LogDet(), MEANS, 4, kind="mean", variance=given)
        batch = alcore.LogDet().select(MEANS[free], 4, kind="mean", variance=own)
        assert query.ids.tolist() == free[batch.indices].tolist()


def test_rows_of_one_output_are_cut_too() -> None:
    ledger, noise = alcore.Ledger(N), VARIANCE[:, 0, 0]
    ledger.label({1: 0.5, 5: 0.1})
    free = np.setdiff1d(np.arange(N), [1, 5])
    query = ledger.ask(alcore.PowerBALD(), MEANS[:, 0], 5, rng=3, kind="mean", variance=noise)
    expected = alcore.PowerBALD().select(MEANS[free, 0], 5, rng=3, kind="mean", variance=noise[free])
    assert query.ids.tolist() == free[expected.indices].tolist()


def test_a_loop_learns_numbers() -> None:
    """Bayesian linear regression whose predictions come as pairs (means, variances)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    truth = x @ np.array([1.0, -2.0, 0.5]) + 0.1 * rng.normal(size=60)

    def train(ids: Any, labels: Any) -> np.ndarray:
        precision = np.eye(3) + x[ids].T @ x[ids] / 0.01
        mean = np.linalg.solve(precision, x[ids].T @ np.asarray(labels) / 0.01)
        return np.random.default_rng(1).multivariate_normal(mean, np.linalg.inv(precision), size=40)

    def predict(model: np.ndarray, ids: Any) -> Any:
        means = x[ids] @ model.T
        return [(means, np.full(means.shape, 0.01))]

    loop = alcore.ActiveLearning(
        ledger=alcore.Ledger(60), train=train, predict=predict, heuristic=alcore.LogDet(), kind="mean", k=3, start=3,
        oracle=lambda ids: truth[ids].tolist(), stop=alcore.stopping.LabelBudget(9), seed=0,
        metrics=lambda model: {"rmse": float(np.sqrt(np.mean((x @ model.mean(axis=0) - truth) ** 2)))},
    )  # fmt: skip
    loop.run()
    assert loop.history[-1].metrics["rmse"] < 0.2
    assert loop.history[0].information is not None
