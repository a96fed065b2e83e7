"""Arrays that name their axes: xarray's, files of ArviZ's layout, samples as probly makes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from tests.cases import dirichlet

xarray = pytest.importorskip("xarray")

N, C = 12, 3
PROBS = np.ascontiguousarray(dirichlet(N, C, 8))
SAMPLED = np.ascontiguousarray(PROBS.reshape(N, C, 2, 4).transpose(2, 3, 0, 1))  # chain, draw, obs, class
NAMES = [f"photo{row}" for row in range(N)]


def sampled(dims: tuple[str, ...] = ("chain", "draw", "obs", "class")) -> Any:
    return xarray.DataArray(SAMPLED, dims=dims, coords={dims[2]: NAMES}, attrs={"unit": "1"}, name="p")


def test_dimensions_say_the_order_and_scores_keep_the_rows() -> None:
    found = alcore.bald(sampled())
    assert isinstance(found, xarray.DataArray)
    assert (found.dims, found.obs.values.tolist(), found.attrs, found.name) == (("obs",), NAMES, {}, None)
    np.testing.assert_array_equal(found.values, alcore.bald(PROBS))
    np.testing.assert_array_equal(
        alcore.BALD().score(sampled().transpose("class", "obs", "draw", "chain")).values.size, N
    )
    assert float(found.sel(obs="photo3")) == alcore.bald(PROBS)[3]


def test_a_batch_knows_the_ids_of_its_rows() -> None:
    for heuristic in (alcore.BALD(), alcore.BatchBALD(), alcore.PowerBALD(), alcore.Random()):
        batch = heuristic.select(sampled(), 4, rng=0)
        assert batch.ids is not None
        assert batch.ids.tolist() == [NAMES[row] for row in batch.indices]
    assert alcore.batchbald(sampled(), 3).ids is not None
    assert alcore.BALD().select(PROBS, 3).ids is None
    assert alcore.BALD().select(sampled().drop_vars("obs"), 3).ids is None


@pytest.mark.parametrize(
    ("dims", "names"),
    [
        (("chain", "draw", "photo", "class"), None),
        (("chain", "draw", "photo", "species"), {"N": "photo", "C": "species", "T": ("chain", "draw")}),
        (("chain", "draw", "p_dim_0", "p_dim_1"), {"N": "p_dim_0", "C": "p_dim_1", "T": ["chain", "draw"]}),
    ],
)
def test_names_of_ones_own(dims: tuple[str, ...], names: Any) -> None:
    np.testing.assert_array_equal(alcore.entropy(sampled(dims), axes=names).values, alcore.entropy(PROBS))
    np.testing.assert_array_equal(alcore.entropy(sampled(dims), axes="SDNC").values, alcore.entropy(PROBS))


def test_event_dimensions_stay_dimensions_of_the_scores() -> None:
    maps = dirichlet(4, C, 6 * 5).reshape(4, C, 6, 5)
    image = xarray.DataArray(maps, dims=("N", "class", "pixel", "sample"), coords={"pixel": np.arange(6) * 10})
    found = alcore.bald(image)
    assert found.dims == ("N", "pixel")
    assert found.pixel.values.tolist() == [0, 10, 20, 30, 40, 50]
    reduced = alcore.Reduce(alcore.BALD(), "sum").score(image)
    assert reduced.dims == ("N",)
    np.testing.assert_array_equal(reduced.values, alcore.reduce(alcore.bald(maps), "sum"))


@pytest.mark.parametrize(
    "dims",
    [
        ("chain", "draw", "p_dim_0", "p_dim_1"),
        ("chain", "draw", "obs", "species"),
        ("chain", "step", "obs", "class"),
        ("a", "b", "c", "d"),
        ("class", "draw", "obs", "classes"),
    ],
)
def test_names_that_do_not_say_enough_are_refused_with_what_to_say(dims: tuple[str, ...]) -> None:
    with pytest.raises(
        ValueError, match=r"probs: expected dimensions with the names of draws.*Say which is which, such as axes=\{'N'"
    ):
        alcore.bald(sampled(dims))


@pytest.mark.parametrize(
    ("axes", "match"),
    [
        ({"N": "obs", "C": "class"}, "axes: expected the letters N, C and T"),
        (
            {"N": "obs", "C": "class", "T": ("chain", "nothing")},
            "axes: expected dimensions of the array, .*, got 'nothing'",
        ),
        ({"N": "obs", "C": "obs", "T": ("chain", "draw")}, "axes: expected the letters N, C and T"),
        ({"N": "obs", "C": "class", "T": "draw", "H": "chain"}, "axes: expected the letters N, C and T"),
    ],
)
def test_a_mapping_that_says_too_little_is_refused(axes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        alcore.bald(sampled(), axes=axes)


def test_dimensions_that_nobody_named_are_read_in_their_order() -> None:
    np.testing.assert_array_equal(alcore.bald(xarray.DataArray(PROBS)).values, alcore.bald(PROBS))


def test_lazy_arrays_stay_lazy() -> None:
    lazy = sampled().chunk({"obs": 5})
    np.testing.assert_array_equal(alcore.bald(lazy).values, alcore.bald(PROBS))
    assert (
        alcore.BatchBALD().select(lazy, 3, rng=0).ids.tolist()
        == alcore.BatchBALD().select(sampled(), 3, rng=0).ids.tolist()
    )


def test_a_zarr_group_of_arviz(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(tmp_path / "idata.zarr"), mode="w")
    group.create_array("posterior/p", data=SAMPLED, dimension_names=("chain", "draw", "obs", "class"))
    group.create_array("posterior/obs", data=np.arange(N), dimension_names=("obs",))
    found = alcore.open_predictions(tmp_path / "idata.zarr", member="posterior/p")
    np.testing.assert_array_equal(alcore.bald(found), alcore.bald(PROBS))
    np.testing.assert_array_equal(alcore.batchbald(found, 3).indices, alcore.batchbald(PROBS, 3).indices)
    np.testing.assert_array_equal(alcore.bald(group["posterior/p"]), alcore.bald(PROBS))


def test_a_netcdf_file_of_arviz(tmp_path: Path) -> None:
    """netCDF 4 is HDF5 whose dimensions are scales of the same group."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "idata.nc", "w") as file:
        made = file.create_dataset("posterior/p", data=SAMPLED)
        for axis, (name, size) in enumerate(zip(("chain", "draw", "obs", "class"), SAMPLED.shape, strict=True)):
            scale = file.create_dataset(f"posterior/{name}", data=np.arange(size))
            scale.make_scale(name)
            made.dims[axis].attach_scale(scale)
    found = alcore.open_predictions(tmp_path / "idata.nc", member="posterior/p")
    np.testing.assert_array_equal(alcore.entropy(found), alcore.entropy(PROBS))


@dataclass
class Sample:
    """As probly's ArraySample: an array, and the axis of its draws."""

    array: np.ndarray
    sample_axis: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.array, dtype)


@pytest.mark.parametrize(("axis", "order"), [(0, (2, 0, 1)), (1, (0, 2, 1)), (2, (0, 1, 2))])
def test_a_sample_says_where_its_draws_lie(axis: int, order: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(alcore.bald(Sample(PROBS.transpose(order), axis)), alcore.bald(PROBS))


def test_a_sample_with_event_axes_is_refused_with_what_to_say() -> None:
    maps = dirichlet(4, C, 6 * 5).reshape(4, C, 6, 5).transpose(0, 3, 2, 1)
    with pytest.raises(
        ValueError, match="expected a sample with rows, classes and draws, got 4 axes. Say their order: axes="
    ):
        alcore.bald(Sample(maps, 1))
    np.testing.assert_array_equal(alcore.bald(Sample(maps, 1), axes="NTHC"), alcore.bald(maps.transpose(0, 3, 2, 1)))


def test_a_variable_says_its_order_without_coordinates() -> None:
    variable = xarray.DataArray(PROBS.transpose(2, 0, 1), dims=("draw", "obs", "class")).variable
    np.testing.assert_array_equal(alcore.bald(variable), alcore.bald(PROBS))
