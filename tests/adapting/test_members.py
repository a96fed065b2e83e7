"""Members that are loaded in turn give the draws that they would give together, each loaded once, a kill included."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alcore import adapting
from alcore.adapting import Request
from tests.adapting.numpy_model import ROWS, NumpyRun, halves


@pytest.mark.parametrize("ending", [".npy", ".zarr"])
def test_members_that_are_loaded_in_turn(tmp_path: Path, ending: str) -> None:
    loaded: list[int] = []
    out = tmp_path / f"p{ending}"
    request = Request(2)
    run = NumpyRun(request, lambda x, draw: halves(x, 0, draw + 5 * loaded[-1]))

    def members(fail_at: int | None) -> list[Any]:
        def load(place: int) -> None:
            if place == fail_at:
                raise OSError("no file")
            loaded.append(place)

        return [lambda place=place: load(place) for place in range(3)]

    def predict(fail_at: int | None) -> Any:
        return adapting.predict_in_turn(
            members(fail_at), lambda: adapting.cut(ROWS, 4), run, request, rows=10, out=out, progress=False
        )

    with pytest.raises(OSError, match="no file"):
        predict(2)
    found = predict(None)
    assert loaded == [0, 1, 2]  # those that were done are not loaded again
    expected = np.stack([halves(ROWS, 0, draw % 2 + 5 * (draw // 2)) for draw in range(6)], axis=-1)
    np.testing.assert_allclose(np.asarray(found[:]), expected, rtol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    with pytest.raises(ValueError, match="out="):
        adapting.predict_in_turn(members(None), lambda: [ROWS], run, request, rows=10, out=None)


@pytest.mark.parametrize("fails", [False, True])
def test_a_model_has_its_own_weights_back_after_its_members(tmp_path: Path, fails: bool) -> None:
    weights = [-1]

    def load(place: int) -> None:
        if fails and place == 1:
            raise OSError("no file")
        weights[0] = place

    loads = [lambda place=place: load(place) for place in range(2)]
    run = NumpyRun(Request(2), lambda x, draw: halves(x, 0, draw + 5 * weights[0]))

    def predict() -> Any:
        return adapting.predict_members(
            [run],
            lambda: [ROWS],
            Request(2),
            loads,
            lambda: weights.__setitem__(0, -1),
            rows=10,
            out=tmp_path / "p.npy",
        )

    if fails:
        with pytest.raises(OSError, match="no file"):
            predict()
    else:
        assert predict().shape == (10, 2, 4)
    assert weights == [-1]


def test_members_in_memory_stand_one_after_the_other() -> None:
    runs = [
        lambda batch, block, draw: halves(batch, block, draw),
        lambda batch, block, draw: halves(batch, block, -draw),
    ]
    (block,) = adapting.predict_members(runs, lambda: [ROWS], Request(2, members=2), None, rows=10)
    expected = np.stack([halves(ROWS, 0, draw) for draw in (0, 1, -2, -3)], axis=-1)
    np.testing.assert_allclose(block, expected, rtol=1e-6)


def test_masks_of_members_are_one_mask(tmp_path: Path) -> None:
    run = NumpyRun(Request(1), lambda x, draw: np.full((len(x), 2, 4), 0.5))
    options = {"rows": 10, "out": tmp_path / "p.zarr", "mask": lambda batch: batch > 0.5}
    adapting.predict_in_turn([lambda: None] * 2, lambda: adapting.cut(ROWS, 4), run, Request(1), **options)
    np.testing.assert_array_equal(np.load(tmp_path / "p.mask.npy"), ROWS > 0.5)
    assert {path.name for path in tmp_path.iterdir()} == {"p.zarr", "p.mask.npy"}


def test_an_iterator_of_batches_serves_no_second_member(tmp_path: Path) -> None:
    batches = iter([ROWS])
    with pytest.raises(ValueError, match=r"An iterator gives its blocks once.*list\(data\)"):
        adapting.predict_in_turn([], lambda: batches, halves, Request(1), rows=10, out=tmp_path / "p.npy")  # type: ignore[arg-type]


def test_a_model_or_several_are_members() -> None:
    assert adapting.as_members(3, int, "a number") == [3]
    assert adapting.as_members((3, 4), int, "a number") == [3, 4]
    for model in ([], [3, "4"], "3", None):
        with pytest.raises(TypeError, match="model: expected a number or a list of several, got"):
            adapting.as_members(model, int, "a number")


def members_with_ids(tmp_path: Path, orders: list[Any], ids: Any = lambda batch: batch[:, 1]) -> Any:
    """Each member reads the rows in an order of its own."""
    left = iter([orders[0], orders[0], *orders])  # they are asked for twice first, to see that they come again
    run = NumpyRun(Request(1), lambda x, draw: halves(x, 0, draw))
    given = {"rows": 10, "out": tmp_path / "p.npy", "ids": ids, "progress": False}
    return adapting.predict_in_turn(
        [lambda: None] * len(orders), lambda: list(adapting.cut(next(left), 4)), run, Request(1), **given
    )


def test_draws_of_different_rows_are_not_joined(tmp_path: Path) -> None:
    """Members have their ids in one order, in every block; a file that lacks them is not gone on with."""
    rows = np.arange(40).reshape(10, 4)
    turned = rows.copy()
    turned[[4, 9]] = rows[[9, 4]]
    with pytest.raises(ValueError, match=r"row 4 is 37, and was 17 before.*shuffle=False.*delete p\.member-\*"):
        members_with_ids(tmp_path, [rows, rows, turned])
    for file in tmp_path.glob("p.member-*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    assert members_with_ids(tmp_path, [rows] * 3).shape == (10, 2, 3)
    np.testing.assert_array_equal(np.load(tmp_path / "p.ids.npy"), rows[:, 1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.ids.npy", "p.npy"]


def test_a_member_that_was_predicted_without_ids_is_not_joined_with_them(tmp_path: Path) -> None:
    rows = np.arange(40).reshape(10, 4)

    members_with_ids(tmp_path, [rows], ids=None)
    (tmp_path / "p.npy").rename(tmp_path / "p.member-0.npy")
    with pytest.raises(ValueError, match=r"p\.member-0\.ids\.npy: not there.*Pass ids=None, or delete p\.member-\*"):
        members_with_ids(tmp_path, [rows, rows])
    (tmp_path / "p.member-0.npy").unlink()
    assert members_with_ids(tmp_path, [rows, rows]).shape == (10, 2, 2)
