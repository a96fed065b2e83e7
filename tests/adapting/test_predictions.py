"""Blocks are made as they are asked for, masks go with them, and a file is gone on with by the same model and data alone."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import adapting
from alcore.adapting import Request
from alcore.adapting.predictions import Predictions
from tests.adapting.numpy_model import ROWS, halves, predictions
from tests.cases import dirichlet


def test_blocks_come_as_they_are_asked_for() -> None:
    seen: list[int] = []

    def run(batch: Any, block: int, draw: int) -> np.ndarray:
        seen.append(block)
        return halves(batch, block, draw)

    blocks = predictions(run)
    assert seen == []
    assert next(blocks).shape == (4, 2, 3)
    assert seen == [0, 0, 0]
    rest = list(blocks)
    assert [len(block) for block in rest] == [4, 2]
    assert blocks.mask is None
    whole = np.concatenate(list(predictions()))
    np.testing.assert_allclose(whole[:, 0, 2], (ROWS[:, 0] + 0.2) % 1, rtol=1e-6)
    assert whole.flags.c_contiguous
    assert alcore.bald(predictions()).shape == (10,)


def test_masks_go_with_the_blocks(tmp_path: Path) -> None:
    def run(batch: Any, block: int, draw: int) -> np.ndarray:
        return np.full((len(batch), 2, 4), 0.5)

    options = {"mask": lambda batch: batch > 0.5}
    blocks = predictions(run, **options)
    list(blocks)
    np.testing.assert_array_equal(blocks.mask, ROWS > 0.5)
    predictions(run, out=tmp_path / "p.zarr", **options)
    np.testing.assert_array_equal(np.load(tmp_path / "p.mask.npy"), ROWS > 0.5)
    with pytest.raises(ValueError, match=r"mask: expected True or False of shape \(4, 4\), got float64"):
        next(predictions(run, mask=lambda batch: batch))
    by_key = adapting.as_mask("attention")
    assert by_key is not None
    assert by_key({"attention": np.array([[1, 0]])}).tolist() == [[False, True]]
    assert adapting.as_mask(None) is None


def test_a_file_is_gone_on_with_by_the_same_model_and_data_alone(tmp_path: Path) -> None:
    def stopped() -> Any:
        yield from itertools.islice(adapting.cut(ROWS, 4), 2)
        raise OSError("stopped")

    def predict(data: Any, run: Any = halves) -> Any:
        return adapting.predict(data, [run], Request(2), rows=None, out=tmp_path / "p.zarr")

    with pytest.raises(OSError, match="stopped"):
        predict(stopped())
    with pytest.raises(ValueError, match="other probabilities"):
        predict(adapting.cut(ROWS, 4), lambda batch, block, draw: halves(batch, block, draw + 1))
    with pytest.raises(ValueError, match="another shape"):
        predict(adapting.cut(ROWS, 3))
    with pytest.raises(ValueError, match="holds 8 rows already, but the data ends after 4"):
        predict(adapting.cut(ROWS[:4], 4))
    with pytest.raises(ValueError, match=r"began with ids=None, and now it is True"):
        adapting.predict(adapting.cut(ROWS, 4), [halves], Request(2), rows=None, out=tmp_path / "p.zarr", ids=len)
    np.testing.assert_array_equal(
        np.asarray(predict(adapting.cut(ROWS, 4))[:]), np.concatenate(list(predictions(draws=2)))
    )


def test_a_stream_of_unknown_length_is_refused_as_npy_with_a_name_that_takes_it(tmp_path: Path) -> None:
    """It has the rows of the array. Adapters have no option that says the number of rows."""

    def saved(out: Path) -> Any:
        return predictions(rows=None, data=ROWS, out=out)

    with pytest.raises(ValueError, match=r"\.npy file says its number of rows first.*a loader of a data set") as caught:
        saved(tmp_path / "p.npy")
    assert "save_predictions" not in str(caught.value)
    found = re.search(r"ends in \.zarr: '(.*)'\.", str(caught.value))
    assert found is not None
    np.testing.assert_array_equal(saved(Path(found[1]))[:], np.concatenate(list(predictions())))


@pytest.mark.parametrize("ending", [None, ".npy", ".zarr"])
def test_rows_are_counted(tmp_path: Path, ending: str | None) -> None:
    """Data that end early or go on are refused in the same words, with a file and without."""
    for rows, got in ((12, "10"), (7, "8 and more")):
        out = None if ending is None else tmp_path / f"{rows}{ending}"
        with pytest.raises(ValueError, match=rf"data: expected {rows} rows, as len\(dataset\) says, got {got}\."):
            list(predictions(rows=rows, out=out))
        assert out is None or not out.exists()


@pytest.mark.parametrize("stops", [1, 2])
@pytest.mark.parametrize("ending", [".npy", ".zarr"])
def test_ids_survive_a_run_that_stops(tmp_path: Path, ending: str, stops: int) -> None:
    """It goes on with the ids on disk alone, in every block that is there; another row that has an id of these is refused too."""
    names = np.array([f"{row}.png" for row in range(10)], "<U9")

    def predict(ids: Any, stop: bool = False) -> Any:
        data = [(ROWS[start : start + 4], ids[start : start + 4]) for start in (0, 4, 8)]

        def read(batch: Any) -> Any:
            if stop and batch is data[stops]:
                raise OSError("stopped")
            return batch[1]

        def run(batch: Any, block: int, draw: int) -> np.ndarray:
            return halves(batch[0], block, draw)

        given = {"rows": 10, "out": tmp_path / f"p{ending}", "progress": False}
        return adapting.predict(data, [run], Request(2), ids=read, **given)

    with pytest.raises(OSError, match="stopped"):
        predict(names, stop=True)
    for row in range(4 * stops):
        other = names.copy()
        other[row] = "other.png"
        with pytest.raises(
            ValueError, match=rf"ids: row {row} is 'other.png', and was '{row}.png' before.*delete .*part"
        ):
            predict(other)
    again = names.copy()
    again[9] = "0.png"
    with pytest.raises(ValueError, match=r"ids: rows 0 and 9 have the same id, '0\.png'"):
        predict(again)
    np.testing.assert_array_equal(np.asarray(predict(names)[:]), np.concatenate(list(predictions(draws=2))))
    np.testing.assert_array_equal(np.load(tmp_path / "p.ids.npy", allow_pickle=False), names)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"p{ending}", "p.ids.npy"])


def test_a_run_of_many_classes_goes_on_with_the_same_model_alone(tmp_path: Path) -> None:
    """Probabilities of 20 000 classes are small numbers: what differs is judged by the largest of a row."""

    def predict(tilt: float, stop: bool = False) -> Any:
        def run(batch: Any, block: int, draw: int) -> np.ndarray:
            if stop and block == 1:
                raise OSError("stopped")
            weights = 1 + tilt * np.linspace(-1, 1, 20_000) + batch[:, :1]
            return weights / weights.sum(axis=1, keepdims=True)

        return adapting.predict(adapting.cut(ROWS, 5), [run], Request(1), rows=10, out=tmp_path / "p.npy")

    with pytest.raises(OSError, match="stopped"):
        predict(0.5, stop=True)
    with pytest.raises(ValueError, match="other probabilities"):
        predict(0.4)
    assert predict(0.5).shape == (10, 20_000, 1)


def test_padding_of_predictions_that_are_made_as_they_are_read_is_not_counted_unseen() -> None:
    """Their mask is known once they are made. A reduction of the blocks themselves would count padding."""
    made = dirichlet(6, 3, 4 * 5, seed=3).reshape(6, 3, 4, 5)
    padding = np.arange(4) >= np.array([1, 2, 3, 4, 4, 2])[:, None]

    def in_blocks() -> Predictions:
        return Predictions(iter([(made[:4], {"mask": padding[:4]}), (made[4:], {"mask": padding[4:]})]), has_mask=True)

    reduced = alcore.Reduce(alcore.BALD())
    expected = reduced.score(made, mask=padding)
    stream = in_blocks()
    for ask in (
        lambda: reduced.score(stream),
        lambda: reduced.score(stream, mask=stream.mask),
        lambda: alcore.Power(reduced).select(stream, 2),
        lambda: alcore.BatchBALD(positions=2).select(stream, 2),
        lambda: alcore.Ledger(size=6).ask(reduced, stream, 2),
        lambda: alcore.Combine({"a": reduced}).score({"a": stream}),
    ):
        with pytest.raises(
            ValueError, match=r"mask: expected the padding of these predictions.*mask=predictions\.mask\)"
        ):
            ask()
    scores = alcore.bald(stream)
    np.testing.assert_array_equal(alcore.reduce(scores, "mean", mask=stream.mask), expected)
    np.testing.assert_array_equal(reduced.score(in_blocks(), mask=padding), expected)
    asked = alcore.Ledger(size=6).ask(reduced, in_blocks(), 2, mask=padding)
    np.testing.assert_array_equal(asked.ids, reduced.select(made, 2, mask=padding).indices)
