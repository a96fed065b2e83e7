"""Predictions written to disk block by block. A file gets its name when it is whole, and a run that was killed can go on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from alcore import door
from alcore.door import Array, Reading
from alcore.door.wording import word
from alcore.sources.axes import arranged, as_arranged, is_lazy
from alcore.sources.chunks import in_row_order
from alcore.sources.files import exists, open_predictions, sync_file, to_disk, whole_file
from alcore.sources.formats import import_extra
from alcore.sources.joined import JoinedDraws, JoinedRows, join_draws
from alcore.sources.reading import block_rows, open_source
from alcore.sources.unwritten import check_written

MANIFEST = "alcore.json"
SAY_ROWS = "Or pass the number of rows as rows=."  # where the caller of `save_predictions` can say it


def save_predictions(
    path: str | os.PathLike[str],
    predictions: Any,
    *,
    rows: int | None = None,
    kind: str = "probs",
    axes: str | None = None,
) -> Any:
    """Write predictions (N, C, ..., T) to a .npy or .zarr file, block by block, in O(block) memory and one read.

    The file gets its name when it is whole and on disk. This function does not change the values and does not check that they are
    probabilities. The function that reads the file checks them. Chunks that are larger than blocks, such as those of one draw each,
    are read once as well. The predictions then pass through a temporary file in the folder of `path`, as large as they are.

    Args:
        path: a name that ends in .npy or .zarr, of a file that does not exist.
        predictions: any source: an array, a lazy array, a path, or an iterable of blocks (n, C, ..., T).
        rows: N. A .npy file needs it for an iterable, because the first bytes of the file tell N. A .zarr file does not need it.
        kind: what the predictions are, as in `entropy`. It says which axes they must have.
        axes: the order of the axes of `predictions`, such as "TNC". The file is (N, C, ..., T). It is read along its rows.

    Returns:
        The file, opened as `open_predictions` does.

    Raises:
        TypeError: `path` is not the name of a file, or `predictions` are not predictions.
        ValueError: the file exists, its name has another ending, blocks do not fit together, or there are not `rows` rows.
        ImportError: zarr is needed and not installed.

    >>> import alcore, numpy, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "preds.npy"
    >>> blocks = (numpy.full((2, 3, 5), 1 / 3) for _ in range(4))
    >>> alcore.save_predictions(path, blocks, rows=8).shape
    (8, 3, 5)
    """
    reading, out = Reading.of({"kind": kind, "axes": axes}), _as_new_file(path)
    source = open_source(_in_row_order(predictions, reading, out.parent), reading, "predictions")
    with Saving(out, source.rows if rows is None else door.as_count(rows, "rows"), {}) as saving:
        if saving.rows:
            raise ValueError(
                f"{saving.part}: expected no unfinished file, but this folder was left by another run. Delete it, rm -r "
                f"{word(saving.part)}, or let that run go on."
            )
        for block in source.blocks:
            saving.append(block if source.rows is None else block.astype(source.dtype, copy=False))
        if not saving.started:
            saving.append(np.empty((0, *source.cell_shape), source.dtype))
    return open_predictions(path)


def _in_row_order(predictions: Any, reading: Reading, folder: Path) -> Any:
    """Predictions whose chunks are larger than blocks, copied to a temporary file of the folder. Others as they are."""
    found = arranged(predictions, reading, "predictions")
    if not is_lazy(found) or len(found.shape) < 3:
        return predictions
    check_written(found, reading, "predictions")
    step = block_rows(found.shape[1:], found.dtype.itemsize)
    if isinstance(found, JoinedDraws | JoinedRows):
        copies = [in_row_order(part, step, folder) for part in found.parts]
        parts = tuple(part if copy is None else copy for part, copy in zip(found.parts, copies, strict=True))
        return replace(found, parts=parts)
    copy = in_row_order(found, step, folder)
    return predictions if copy is None else as_arranged(copy)


def concatenate_draws(
    files: Sequence[Any], out: str | os.PathLike[str] | None = None, *, kind: str = "probs", axes: str | None = None
) -> Any:
    """Join predictions of the same rows from separate jobs, (N, C, ..., T1), (N, C, ..., T2), …, to (N, C, ..., T1 + T2 + …).

    Args:
        files: paths or arrays, in the order of their draws.
        out: a .npy or .zarr file to write, block by block. Without it the function reads nothing yet.
        kind: what the predictions are, as in `entropy`. It says which axes they must have.
        axes: the order of the axes of each file, such as "TNC", or "NC" for files with one prediction a row.

    Returns:
        An object with `shape` and `dtype` that every function of alcore takes as predictions. Its rows are read block by block.
            With `out` it is that file, opened.

    Raises:
        TypeError: `files` is not a list.
        ValueError: there is no file, or one has other rows, classes or event axes than the first.
        ImportError: zarr or h5py is needed and not installed.

    >>> import alcore, numpy
    >>> ensemble = [numpy.full((4, 2, 3), 0.5), numpy.full((4, 2, 7), 0.5)]
    >>> alcore.concatenate_draws(ensemble).shape
    (4, 2, 10)
    """
    if isinstance(files, str | os.PathLike) or not isinstance(files, Iterable):
        raise TypeError(
            f"files: expected a list of paths or arrays, got {door.shown(files)}. For one file pass [file]."
        )
    reading = Reading.of({"kind": kind, "axes": axes})
    parts = [_part_of_draws(one, reading, f"files[{place}]") for place, one in enumerate(files)]
    if not parts:
        raise ValueError("files: expected at least one file of predictions, got none.")
    first, *_ = shapes = [door.as_shape(part.shape, f"files[{place}]") for place, part in enumerate(parts)]
    for place, (part, shape) in enumerate(zip(parts, shapes, strict=True)):
        door.check_axes(shape, f"files[{place}]", reading.kind)
        door.check_dtype(part.dtype, f"files[{place}]")
        if shape[:-1] != first[:-1]:
            raise ValueError(
                f"files[{place}]: expected {first[:-1]} rows, classes and event axes, as files[0] has, got "
                f"{shape[:-1]}. Predict the same rows in the same order for every file."
            )
    joined = join_draws(parts)
    return joined if out is None else save_predictions(out, joined, kind=reading.kind)


def _part_of_draws(given: Any, reading: Reading, name: str) -> Any:
    """One of the sources that are joined along the draws, as (N, C, ..., T)."""
    part = arranged(given, reading, name)
    if is_lazy(part):
        return part
    if not (hasattr(part, "__array__") or hasattr(part, "__dlpack__")):
        raise ValueError(
            f"{name}: expected a path or an array, got {type(part).__name__}. Write it to a file first: "
            f"alcore.save_predictions('part.zarr', {name})."
        )
    return door.as_array(part, name)


# --- writing ----------------------------------------------------------------------------------------------------------


def _as_new_file(path: Any) -> Path:
    """The name of a file that can be written and does not exist."""
    out = door.as_path(path, "out")
    if out.suffix not in (".npy", ".zarr"):
        raise ValueError(f"out: expected a name that ends in .npy or .zarr, got {str(out)!r}.")
    check_folder(out)
    if exists(out):
        raise ValueError(
            f"{out}: expected a new name, but this file exists, and alcore does not overwrite it. Delete it, or choose another "
            "name."
        )
    return out


def check_folder(out: Path) -> None:
    """Refuse a name in a folder that is not there."""
    if not out.parent.is_dir():
        raise ValueError(f"{out}: the folder {out.parent} does not exist. Create it: mkdir -p {word(out.parent)}.")


class Saving:
    """A file that grows block by block beside its final name, as ``<name>.part``, and gets that name when it is whole.

    A manifest in it says which rows are on disk and what was asked for. It is replaced after each block, so every row that it names
    is on disk.
    """

    def __init__(
        self, path: str | os.PathLike[str], rows: int | None, request: dict[str, Any], remedy: str = SAY_ROWS
    ) -> None:
        self.path = _as_new_file(path)
        if self.path.suffix == ".npy" and rows is None:
            raise ValueError(
                "out: a .npy file says its number of rows first, and the number of rows of this stream is not known. Write to a "
                f"name that ends in .zarr: {str(self.path.with_suffix('.zarr'))!r}. {remedy}"
            )
        self.part = self.path.with_name(self.path.name + ".part")
        self._expected, self._request = rows, request
        self.ends: list[int] = []  # the row after each block
        self._array: Any = None
        if (self.part / MANIFEST).exists():
            self._resume()
        elif self.part.exists():
            shutil.rmtree(self.part)  # nothing of it was acknowledged

    def __enter__(self) -> Saving:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._finish()

    @property
    def rows(self) -> int:
        return self.ends[-1] if self.ends else 0

    @property
    def started(self) -> bool:
        return self._array is not None

    def append(self, block_nct: Array, beside: Mapping[str, Array] | None = None) -> None:
        """Write one more block, and the arrays (n, ...) to keep beside its rows, by name. All is on disk when this returns."""
        if self._array is None:
            self.part.mkdir()
            self._create(block_nct.shape, block_nct.dtype)
        if block_nct.shape[1:] != self._cell_shape or block_nct.dtype != self._dtype:
            raise ValueError(
                f"{self.path}: rows {self.rows} and on: expected (n, {', '.join(map(str, self._cell_shape))}) of {self._dtype}, as "
                f"the blocks before have, got {block_nct.shape} of {block_nct.dtype}. Give every block the same shape and dtype."
            )
        start, stop = self.rows, self.rows + len(block_nct)
        if self._expected is not None and stop > self._expected:
            raise ValueError(
                f"{self.path}: expected {self._expected} rows, as the data's length says, got {stop} and more."
            )
        if len(block_nct):
            self._write(start, block_nct)
        for name, part in (beside or {}).items():
            with whole_file(self._beside(name, len(self.ends))) as file:
                np.save(file, part, allow_pickle=False)
        self.ends.append(stop)
        self._acknowledge()

    def last_block(self) -> Array:
        """The rows of the last block that is on disk."""
        return np.asarray(self._array[self.ends[-2] if len(self.ends) > 1 else 0 : self.ends[-1]])

    def beside(self, name: str) -> Array | None:
        """The array of that name for all rows on disk. None where nothing was kept."""
        if not self.ends or not self._beside(name, 0).exists():
            return None
        parts = [np.load(self._beside(name, block), allow_pickle=False) for block in range(len(self.ends))]
        return np.concatenate(parts)

    def _beside(self, name: str, block: int) -> Path:
        return self.part / f"{name}-{block}.npy"

    @property
    def _data(self) -> Path:
        return self.part / f"data{self.path.suffix}"

    def _create(self, block_shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._cell_shape, self._dtype = tuple(block_shape[1:]), np.dtype(dtype)
        self._chunk = max(1, block_shape[0])
        if self.path.suffix == ".npy":
            shape = (self._expected or 0, *self._cell_shape)
            self._array = np.lib.format.open_memmap(self._data, "w+", self._dtype, shape)
            self._array.flush()
        else:
            zarr = import_extra("zarr", "zarr", "writing")
            shape = (self._expected or 0, *self._cell_shape)
            chunks = tuple(max(1, size) for size in (self._chunk, *self._cell_shape))
            self._array = zarr.create_array(
                store=str(self._data),
                shape=shape,
                chunks=chunks,
                dtype=self._dtype,
                compressors=None,
                fill_value=np.nan,
            )  # NaN is no prediction, so zarr leaves out no chunk that was written

    def _write(self, start: int, block_nct: Array) -> None:
        stop = start + len(block_nct)
        if self.path.suffix == ".npy":
            _write_rows(self._data, self._array.offset, start, block_nct)
            return
        if stop > self._array.shape[0]:
            self._array.resize((stop, *self._cell_shape))
        self._array[start:stop] = block_nct
        for chunk in range(start // self._chunk, -(-stop // self._chunk)):
            if (folder := self._data / "c" / str(chunk)).exists():  # zarr writes no chunk of nothing or of NaN
                to_disk(folder)
        sync_file(self._data / "zarr.json")

    def _acknowledge(self) -> None:
        manifest = {
            "ends": self.ends,
            "rows": self._expected,
            "cell_shape": self._cell_shape,
            "dtype": self._dtype.str,
            "request": self._request,
        }
        with whole_file(self.part / MANIFEST) as file:
            file.write(json.dumps(manifest).encode())

    def _resume(self) -> None:
        manifest = json.loads((self.part / MANIFEST).read_text())
        for name, mine, theirs in [("rows", self._expected, manifest["rows"])] + [
            (name, self._request.get(name), manifest["request"].get(name))
            for name in {**manifest["request"], **self._request}
        ]:
            if mine != theirs:
                raise ValueError(
                    f"{self.part}: the run began with {name}={theirs!r}, and now it is {mine!r}. Go on with {name}={theirs!r}, or "
                    f"delete the folder to begin again: rm -r {word(self.part)}"
                )
        self._cell_shape, self._dtype = tuple(manifest["cell_shape"]), np.dtype(manifest["dtype"])
        self.ends = manifest["ends"]
        self._chunk = max(1, self.ends[0])
        if self.path.suffix == ".npy":
            self._array = np.lib.format.open_memmap(self._data, "r+")
        else:
            self._array = import_extra("zarr", "zarr", "writing").open_array(str(self._data), mode="r+")

    def _finish(self) -> None:
        """Give the data its name. A run that was killed in between finds it whole."""
        if self._array is None:
            raise ValueError(
                f"{self.path}: expected at least one row, but no block was written, so the classes and the draws are not known. "
                "Pass data that has rows."
            )
        if self._expected is not None and self.rows != self._expected:
            raise ValueError(
                f"{self.path}: expected {self._expected} rows, as the data's length says, got {self.rows}."
            )
        if self.path.suffix == ".zarr":
            if self._array.shape[0] != self.rows:
                self._array.resize((self.rows, *self._cell_shape))
            for torn in self._data.rglob("*.partial"):
                torn.unlink()
        for first in self.part.glob("*-0.npy"):
            name = first.stem.removesuffix("-0")
            kept = self.beside(name)
            assert kept is not None
            with whole_file(beside_path(self.path, name)) as file:
                np.save(file, kept, allow_pickle=False)
        self._array = None
        os.replace(self._data, self.path)
        sync_file(self.path.parent)
        shutil.rmtree(self.part)


def beside_path(path: Path, name: str) -> Path:
    """The file for something of each row, its padding (mask) or its id (ids): ``preds.mask.npy`` beside ``preds.zarr``."""
    return path.with_name(f"{path.stem}.{name}.npy")


def _write_rows(file: Path, offset: int, start: int, block_nct: Array) -> None:
    """Rows into a .npy file by writing, not by mapping, so that no more than the block is resident."""
    row_bytes = int(np.prod(block_nct.shape[1:], dtype=np.int64)) * block_nct.itemsize
    with open(file, "r+b") as there:
        there.seek(offset + start * row_bytes)
        there.write(np.ascontiguousarray(block_nct).data)
        there.flush()
        os.fsync(there.fileno())
