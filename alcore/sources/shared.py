"""One zarr array that several processes write, each its ranges of rows. It is whole when each row is in a range with a record."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from alcore import door
from alcore.door import Array
from alcore.sources.files import exists, name_of
from alcore.sources.formats import import_extra
from alcore.sources.ranges import (
    MARK,
    Range,
    check_settings,
    digest,
    gaps,
    get_file,
    marked,
    put_file,
    record_name,
    refuse_setting,
    rows_without_record,
    whole_ranges,
)
from alcore.sources.unwritten import refuse_ranges
from alcore.sources.urls import Url, as_file
from alcore.sources.writing import check_folder

CHUNK = 1024  # rows


class SharedStore:
    """Predictions (N, C, ..., T) in one zarr array that several processes write, each its own ranges of rows.

    Pass it to an adapter: ``predict(model, data[start:stop], draws=20, out=store, rows=(start, stop))``. The first process that
    predicts a block makes the array, and any number of processes may begin at once. When all rows of a range are on disk, a record
    of the range is written. A range without a record is missing, whatever its chunks hold, and every reader of alcore refuses a
    store in which ranges are missing. So a process that was killed is started again with the same range.

    The array's attributes say what the draws are: kind, draws, seed, names of classes, a digest of the model, and alcore's version.
    A range with other settings is refused. The object holds a path and numbers only, so it may be sent to other processes.

    Args:
        path: a name that ends in .zarr, or the URL of one in a bucket, such as "s3://bucket/preds.zarr".
        rows: N, the number of all rows. Needed as long as no process has made the array.
        chunk: rows of a chunk. The default is 1024. Ranges begin and end at multiples of it.
        classes: the names of the C classes, as texts, in their order. They are kept with the predictions.

    Attributes:
        path: the path or URL.
        rows: N.
        chunk: rows of a chunk.
        classes: the names of the classes, or None.

    Raises:
        TypeError: for a path that is none.
        ValueError: for another ending, for no ``rows`` where there is no store yet, for a store that was begun with other ``rows``,
            ``chunk`` or ``classes``, and for an array that was not made as a shared store.
        ImportError: zarr is not installed.

    Examples:
        >>> import alcore, tempfile, pathlib
        >>> store = alcore.SharedStore(pathlib.Path(tempfile.mkdtemp()) / "preds.zarr", rows=150, chunk=32)
        >>> store.ranges(3)
        [(0, 32), (32, 96), (96, 150)]
        >>> store.missing
        [(0, 150)]
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        rows: int | None = None,
        *,
        chunk: int | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        self.path = _as_name(path)
        asked = {
            "rows": None if rows is None else door.as_size(rows, "rows"),
            "chunk": None if chunk is None else door.as_size(chunk, "chunk"),
            "classes": None if classes is None else _as_names(classes),
        }
        node = self.node()
        if node is None and rows is None:
            raise ValueError(
                f"{self._shown}: expected the number of all rows, because there is no store yet. Pass it: "
                f"alcore.SharedStore({self._shown!r}, rows=len(data))."
            )
        if node is None:
            held: dict[str, Any] = {**asked, "chunk": min(asked["chunk"] or CHUNK, asked["rows"] or 1)}
        else:
            held = _held(node)
            asked["chunk"] = asked["chunk"] and min(asked["chunk"], held["rows"])
            for name, value in asked.items():
                if value is not None and value != held[name]:
                    refuse_setting(self._shown, name, held[name], value)
        self.rows: int = held["rows"]
        self.chunk: int = held["chunk"]
        self.classes: list[str] | None = held["classes"]

    def __repr__(self) -> str:
        return f"SharedStore({self._shown!r}, rows={self.rows}, chunk={self.chunk})"

    @property
    def _shown(self) -> str:
        return name_of(self.path)

    def ranges(self, parts: int) -> list[Range]:
        """At most ``parts`` ranges (start, stop) that hold each row once. They end at chunks, and are about equally long."""
        chunks = -(-self.rows // self.chunk)
        count = min(door.as_size(parts, "parts"), chunks)
        ends = [min(chunks * (part + 1) // count * self.chunk, self.rows) for part in range(count)]
        return list(zip([0, *ends], ends, strict=False))

    @property
    def missing(self) -> list[Range]:
        """Ranges (start, stop) of rows that are in no range with a record. They are to be predicted. Empty where all is there."""
        node = self.node()
        return gaps([] if node is None else whole_ranges(node), (0, self.rows))

    @property
    def settings(self) -> dict[str, Any]:
        """What the draws are, by name: the options of the first range, and digests of the model. Empty before the first block."""
        node = self.node()
        return {} if node is None else dict((marked(node) or {})["settings"])

    @property
    def ids(self) -> Array | None:
        """(N,) which example each row is. None where no range has ids. Refused where ranges are missing, or an id comes twice."""
        ids = self._beside("ids")
        if ids is None:
            return None
        order = np.argsort(ids, kind="stable")
        twice = np.flatnonzero(ids[order[1:]] == ids[order[:-1]])
        if len(twice):
            first, second = order[twice[0]], order[twice[0] + 1]
            raise ValueError(
                f"{self._shown}: rows {first} and {second} have the same id, {ids[first].item()!r}. Each example must come in one "
                "range. Let each process read the rows of its own range alone, and write a new store."
            )
        return ids

    @property
    def mask(self) -> Array | None:
        """(N, ...) True where a cell is padding. None where no range has a mask. Refused where ranges are missing."""
        return self._beside("mask")

    def _beside(self, name: str) -> Array | None:
        """What is kept beside all rows."""
        if name not in self.settings:
            return None
        node = self.node()
        if (left := rows_without_record(node)) is not None:
            refuse_ranges(left, self._shown, f"alcore.open_predictions({self._shown!r})", self._shown)
        fingerprint, found = (marked(node) or {})["fingerprint"], None
        for start, stop in whole_ranges(node):
            data = get_file(node, record_name((start, stop), fingerprint, name))
            part = np.load(io.BytesIO(data), allow_pickle=False)
            if found is None:
                found = np.zeros((self.rows, *part.shape[1:]), part.dtype)
            elif found.dtype.kind != part.dtype.kind:
                raise ValueError(
                    f"{self._shown}: rows {start} to {stop - 1} have {name} of another type than the rows before. Use only "
                    "numbers or only texts, and write a new store."
                )
            if part.dtype.itemsize > found.dtype.itemsize:  # a longer text
                found = found.astype(part.dtype)
            found[start:stop] = part
        return found

    def node(self, mode: str = "r") -> Any:
        """The array. None where there is none yet."""
        zarr = import_extra("zarr", "zarr", "writing")
        place = as_file(self.path)
        if isinstance(place, Path) and not exists(place):
            return None
        with place.reading("an array of zarr") if isinstance(place, Url) else nullcontext():
            try:
                node = zarr.open_array(store=self.path, mode=mode)
            except FileNotFoundError:
                return None
            except ValueError:  # a group
                node = None
        if node is None or marked(node) is None:
            raise ValueError(
                f"{self._shown}: expected a new name, or a store that processes write in ranges, got another array or group of "
                "zarr. Choose another name."
            )
        return node

    def made(self, shape: tuple[int, ...], dtype: np.dtype[Any], settings: dict[str, Any]) -> Any:
        """The array, which this process makes if no other has. Of several that try at once, one makes it."""
        if (node := self.node("r+")) is None:
            mark = {"settings": settings, "fingerprint": digest(settings)}
            put_file(self.path, "zarr.json", _header(self, shape, dtype, mark), replace=False)
            node = self.node("r+")
        for name, value in (("rows", self.rows), ("chunk", self.chunk), ("classes", self.classes)):
            if value is not None and value != _held(node)[name]:
                refuse_setting(self._shown, name, _held(node)[name], value)
        check_settings(self._shown, marked(node), settings)
        return node


# --- names and files --------------------------------------------------------------------------------------------------


def _as_name(path: Any) -> str:
    place = as_file(path)
    if place.suffix != ".zarr":
        raise ValueError(f"path: expected a name that ends in .zarr, got {str(place)!r}. Pass {f'{place}.zarr'!r}.")
    if isinstance(place, Path):
        check_folder(place)
    return os.fspath(place)


def _as_names(classes: Any) -> list[str]:
    names = [] if isinstance(classes, str) else list(classes)
    if not names or not all(isinstance(one, str) for one in names) or len(set(names)) != len(names):
        raise ValueError(
            f"classes: expected the names of the classes, each another text, got {door.shown(classes)}. For numbers: "
            "classes=[str(one) for one in range(10)]."
        )
    return [str(one) for one in names]


def _held(node: Any) -> dict[str, Any]:
    """What the array was made for."""
    settings = (marked(node) or {})["settings"]
    return {"rows": int(node.shape[0]), "chunk": int(node.chunks[0]), "classes": settings.get("classes")}


def _header(store: SharedStore, shape: tuple[int, ...], dtype: np.dtype[Any], mark: dict[str, Any]) -> bytes:
    """The first file of the array, which says what it is. The same settings give the same bytes."""
    zarr = import_extra("zarr", "zarr", "writing")
    node = zarr.create_array(
        store=zarr.storage.MemoryStore(),
        shape=(store.rows, *shape),
        chunks=(store.chunk, *(max(1, size) for size in shape)),
        dtype=dtype,
        compressors=None,
        fill_value=np.nan,
        attributes={MARK: mark},
    )
    return get_file(node, "zarr.json")
