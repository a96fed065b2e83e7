"""Whatever `save_predictions` and `concatenate_draws` are given, they refuse it or hold the same numbers."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import zarr

import alcore
from alcore.sources.reading import open_source
from tests.soak.hostile_numbers import NO_NUMBERS, Given, all_right, count, pick
from tests.soak.hostile_predictions import NO_SOURCES, predictions
from tests.soak.laws import Counts, Trial, check, each_part, hold, numbers, shown

INPUTS = 6_000  # each takes a disk's time
NO_NAMES = ("p.csv", "p", "none/p.npy", "there.npy", "", "x" * 300 + ".npy", "p.NPY", ".npy")


def name_in(rng: np.random.Generator, folder: Path) -> Given:
    """The name of a file to be written, of which ``there.npy`` is there already."""
    if rng.random() < 0.75:
        path = folder / pick(rng, ("p.npy", "p.zarr"))
        return Given(pick(rng, (str, Path))(path), path, True)
    if rng.random() < 0.2:
        return Given(pick(rng, [one for one in NO_NUMBERS if not isinstance(one, str)]), None, False)
    return Given(str(folder / pick(rng, NO_NAMES)), None, False)


def save_trial(rng: np.random.Generator, folder: Path) -> Trial:
    out, source = name_in(rng, folder), predictions(rng, "stored", wrong=0.3)
    whole = hasattr(source.value, "shape") or hasattr(source.value, "__dlpack__") or hasattr(source.value, "__array__")
    rows = Given(None, None, True)
    if rng.random() < 0.6:
        rows = count(rng, 5)
        if source.meaning is not None and rng.random() < 0.7:
            rows = Given(len(source.meaning), len(source.meaning), True)
        rows = Given(None, None, True) if rows.value is None else rows

    def compare(answer: Any) -> None:
        assert rows.value is None or rows.meaning == len(source.meaning)
        stored = np.load(out.meaning) if out.meaning.suffix == ".npy" else zarr.open(str(out.meaning), mode="r")[...]
        np.testing.assert_array_equal(stored, source.meaning)
        np.testing.assert_array_equal(np.asarray(answer[:]), source.meaning)
        assert stored.dtype.itemsize == source.meaning.dtype.itemsize

    right = all_right(out, source, rows)
    fits = rows.value is None or (source.meaning is not None and rows.meaning == len(source.meaning))
    if right and (not whole or not fits):  # blocks of two byte orders do not go into one file
        right = None
    given = {"path": out.value, "predictions": source.value, "rows": rows.value}
    return Trial(lambda: alcore.save_predictions(**given), given, compare, right, ("out",))


def concatenate_trial(rng: np.random.Generator) -> Trial:
    shape = (int(rng.integers(1, 4)), int(rng.integers(2, 4)), *pick(rng, ((), (), (2,))))
    parts = [
        predictions(rng, "stored", shape=(*shape, int(rng.integers(1, 4))), wrong=0.1, once=False)
        for _ in range(int(rng.integers(1, 4)))
    ]
    files: Any = [one.value for one in parts]
    right = all_right(*parts)
    if rng.random() < 0.15:
        files, right = (
            pick(rng, [one for one in NO_SOURCES if not isinstance(one, list | bytearray | memoryview)]),
            False,
        )

    def compare(answer: Any) -> None:
        cells = [one.meaning for one in parts]
        assert len({one.shape[:-1] for one in cells}) == 1
        joined = np.concatenate(cells, axis=-1)
        assert answer.shape == joined.shape
        np.testing.assert_array_equal(answer, joined)

    whole = all(hasattr(one, "dtype") and hasattr(one, "__getitem__") for one in files) if right else False
    same = right and all(one.meaning.shape[:-1] == shape for one in parts)
    named = tuple(str(Path(one)) for one in files if isinstance(one, str)) if isinstance(files, list | dict) else ()
    right = right if (whole and same) or right is False else None

    def call() -> Any:
        joined = alcore.concatenate_draws(files)
        blocks = [*open_source(joined).blocks]
        return np.concatenate(blocks) if blocks else np.empty(joined.shape)

    return Trial(call, {"files": files}, compare, right, ("probs", *named))


@each_part
def test_predictions_are_refused_or_written_as_they_are(part: int, tmp_path: Path, counts: Counts) -> None:
    for number in numbers(part, INPUTS, 100):
        folder = tmp_path / "one"
        folder.mkdir()
        (folder / "there.npy").write_bytes(b"there")
        trial = save_trial(np.random.default_rng([zlib.crc32(b"save"), number]), folder)
        refused = counts.refused
        try:
            check(trial, counts)
            assert (folder / "there.npy").read_bytes() == b"there"
            left = {one.name for one in folder.iterdir()} - {"there.npy"}
            assert counts.refused == refused or all(name.endswith(".part") for name in left)
        except Exception as error:
            raise AssertionError(f"save_predictions, input {number}: {shown(trial.arguments)}: {error!r}") from error
        shutil.rmtree(folder)
    assert counts.refused
    assert counts.answered


@each_part
def test_draws_are_refused_or_joined_in_order(part: int, counts: Counts) -> None:
    hold("concatenate_draws", concatenate_trial, numbers(part), counts)
