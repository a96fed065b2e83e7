"""Zarr stores that the workers of a cluster open themselves: each gets a path or a URL, and reads the chunks of its tasks."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from alcore import door
from alcore.door import Array
from alcore.sources.axes import ArrangedArray
from alcore.sources.chunks import chunks_of, is_zarr
from alcore.sources.cluster import refuse_other_versions
from alcore.sources.files import open_predictions
from alcore.sources.joined import JoinedRows
from alcore.sources.ragged import Ragged
from alcore.sources.spread import PART_BYTES
from alcore.sources.stored import StoredArray


@dataclass(frozen=True)
class WorkerStore:
    """An array of a zarr store, as a worker opens it: credentials are those of the worker, and are not sent."""

    file: str  # an absolute path, or a URL with what it hides
    member: str | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    run: str  # a worker opens a store once a run, because the next run may find another one under its name

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: Any) -> Array:
        return np.asarray(_opened(self)[index])

    def __repr__(self) -> str:
        return f"WorkerStore({door.without_secrets(self.file)!r})"

    def why_unreadable(self) -> str | None:
        """Why this machine cannot read it. None where it can."""
        try:
            found = _opened(self)
        except Exception as error:  # of any library; the caller refuses with it
            return str(error)
        if (found.shape, found.dtype) != (self.shape, self.dtype):
            return f"expected shape {self.shape} of {self.dtype}, as the caller sees it, got {found.shape} of {found.dtype}"
        return None


@lru_cache(maxsize=16)
def _opened(store: WorkerStore) -> Any:
    return open_predictions(store.file, store.member)


def on_workers(predictions: Any, client: Any) -> Any:
    """Predictions of zarr files as an array of Dask, which the workers of the client read. Refuse what they cannot read."""
    run = uuid.uuid4().hex
    found = _spread(predictions, run)
    refuse_other_versions(client)
    for store in stores_of(predictions, run):
        for worker, reason in sorted(client.run(WorkerStore.why_unreadable, store).items()):
            if reason is not None:
                raise ValueError(
                    f"{door.without_secrets(store.file)}: worker {worker} cannot read it: {reason.rstrip('.')}. Put it where "
                    "every worker reads it, on a shared file system or in a remote store, and give the workers its credentials."
                )
    return found


def stores_of(predictions: Any, run: str = "") -> list[WorkerStore]:
    """The stores that predictions lie in. Refuse what is no zarr."""
    if isinstance(predictions, Ragged):
        return stores_of(predictions.flat, run)
    if isinstance(predictions, JoinedRows):
        return [store for part in predictions.parts for store in stores_of(part, run)]
    if isinstance(predictions, ArrangedArray):
        return stores_of(predictions.source, run)
    return [_store(predictions, run)]


def _store(part: Any, run: str) -> WorkerStore:
    if not (isinstance(part, StoredArray) and is_zarr(part.node)):
        file, name = (
            str(getattr(part, "file", None) or getattr(part, "filename", "preds.npy")),
            getattr(part, "name", None),
        )
        member = getattr(part, "member", name)
        opened = f"alcore.open_predictions({file!r}{'' if member is None else f', {member!r}'})"
        raise ValueError(
            f"scheduler: expected predictions in zarr, whose chunks workers read side by side, got {file}. Write them as zarr "
            f"first: alcore.save_predictions('preds.zarr', {opened})."
        )
    file = str(part.file.absolute()) if isinstance(part.file, Path) else part.file.text
    return WorkerStore(file, part.member, tuple(part.shape), np.dtype(part.dtype), run)


def _spread(predictions: Any, run: str) -> Any:
    if isinstance(predictions, Ragged):
        return Ragged(_spread(predictions.flat, run), predictions.offsets)
    if isinstance(predictions, ArrangedArray):
        return replace(predictions, source=_array(predictions.source, predictions.axes.rows, run))
    if not isinstance(predictions, JoinedRows):
        return _array(predictions, 0, run)
    first = predictions.parts[0]
    if not isinstance(first, ArrangedArray):
        return import_module("dask.array").concatenate([_array(part, 0, run) for part in predictions.parts])
    axis = first.axes.rows
    arrays = [_array(part.source, axis, run) for part in predictions.parts]
    return replace(first, source=import_module("dask.array").concatenate(arrays, axis=axis))


def _array(part: Any, axis: int, run: str) -> Any:
    """An array of Dask whose chunks are whole chunks of the store along the rows, and all of the other axes."""
    store = _store(part, run)
    own = chunks_of(part)[axis]
    row_bytes = store.dtype.itemsize * int(np.prod(store.shape, dtype=np.int64)) // max(1, store.shape[axis])
    rows = own * max(1, PART_BYTES // max(1, row_bytes * own))
    chunks = tuple(rows if place == axis else -1 for place in range(store.ndim))
    name = f"alcore-store-{uuid.uuid4().hex}"
    return import_module("dask.array").from_array(
        store, chunks, name=name, inline_array=True, meta=np.empty((0,) * store.ndim, store.dtype)
    )
