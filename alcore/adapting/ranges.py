"""Ranges of rows that several processes predict into one store. All of them must have the same networks, which digests show."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from alcore.adapting.inputs import leaves
from alcore.adapting.request import Request
from alcore.door import Array, shown
from alcore.sources.ranges import Range
from alcore.sources.saving_range import SavingRange, as_range, own_rows
from alcore.sources.shared import SharedStore

ADDRESS = re.compile("0x[0-9a-f]+")
NUMBER = re.compile(r"[:_]\d+")  # of one device among several of its kind
PIECE = 1 << 24  # bytes of a file of weights that are read at once


@dataclass(frozen=True)
class RowRange:
    """A range of the rows of a store, and the model that predicts it.

    Args:
        store: the store.
        rows: start and stop.
        held: a function that gives the arrays of the model, and texts that say how it is built.
        files: the files of weights, of an ensemble on disk.
    """

    store: SharedStore
    rows: Range
    held: Callable[[], Any]
    files: Sequence[str | os.PathLike[str]] | None = None

    def saving(self, request: Request, beside: Mapping[str, Any]) -> SavingRange:
        """What writes the range, with all that is known of the draws before the first block."""
        from alcore import __version__

        devices, weights = set[str](), blake2b(digest_size=16)
        for leaf in leaves(self.held()):
            if self.files is None or isinstance(leaf, str | bytes):
                _see(leaf, weights)
            devices |= {NUMBER.sub("", str(leaf.device)).lower()} if hasattr(leaf, "device") else set()
        for file in self.files or ():
            _see_file(Path(file), weights)
        said = {"alcore": __version__, "weights": weights.hexdigest(), "devices": sorted(devices)}
        return SavingRange(self.store, self.rows, {**request.said, **beside, **said})


def as_out(
    out: Any, rows: Any, known: int | None, request: Request, held: Callable[[], Any], stored: Any = None
) -> Any:
    """Where predictions go: None, a file, or a range of the rows of a `SharedStore`.

    Args:
        out: what the user passed.
        rows: (start, stop), which rows of the store the data are. None without a store.
        known: how many rows the data have, where that is known.
        request: what is asked for.
        held: a function that gives the arrays of the model, in dictionaries and lists, and texts that say how it is built.
        stored: `Checkpoints`, where the members are on disk.

    Raises:
        TypeError: for a store without ``rows``, and the other way round.
        ValueError: for ``consistent=False``, for data of another length, and for a range that cuts a chunk.
    """
    if isinstance(out, SharedStore) and rows is None:
        raise TypeError(
            f"rows: expected (start, stop), the rows of {out!r} that the data are, got None. Pass one of its ranges, and the data "
            f"of these rows alone. For all rows at once: rows=(0, {out.rows})."
        )
    if rows is None:
        return out
    if not isinstance(out, SharedStore):
        path = str(out) if isinstance(out, str | os.PathLike) else "preds.zarr"
        raise TypeError(
            f"out: expected a store beside rows=, got {shown(out)}. Make one for the number of all rows: "
            f"out=alcore.SharedStore({path!r}, rows=len(data)). Or leave rows out."
        )
    start, stop = as_range(rows, out)
    if not request.consistent:
        raise ValueError(
            "consistent: expected True beside rows=, got False. Plain draws are no networks that all ranges share. Pass "
            "consistent=True, or leave rows out."
        )
    if known is not None and known != stop - start:
        raise ValueError(
            f"data: expected {stop - start} rows, as rows=({start}, {stop}) says, got {known}. {own_rows(start, stop)}"
        )
    return RowRange(out, (start, stop), held, None if stored is None else stored.paths)


def save_range(
    saving: SavingRange, made: Iterable[tuple[Array, Mapping[str, Array]]], runs: Sequence[Any]
) -> SharedStore:
    """Write the blocks of a range, with what is kept beside their rows. ``runs``: what predicted them."""
    for block, kept in made:
        saving.append(block, kept, {"noise": [getattr(run, "noise_shapes", None) for run in runs]})
    saving.finish()
    return saving.store


# --- digests ----------------------------------------------------------------------------------------------------------


def _see(leaf: Any, into: blake2b) -> None:
    """Add an array of any framework, or a text, to a digest."""
    if isinstance(leaf, str | bytes):
        into.update(leaf if isinstance(leaf, bytes) else ADDRESS.sub("", leaf).encode())
        return
    leaf = leaf.detach().cpu() if hasattr(leaf, "detach") else leaf
    if "bfloat16" in str(getattr(leaf, "dtype", "")) and hasattr(leaf, "double"):  # NumPy has none of a tensor
        leaf = leaf.double()
    array = np.asarray(leaf)
    if array.dtype.hasobject:
        into.update(ADDRESS.sub("", repr(leaf)).encode())
        return
    into.update(f"{array.dtype} {array.shape};".encode())
    into.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _see_file(path: Path, into: blake2b) -> None:
    """Add a file, or all files of a folder, to a digest."""
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    for one in files:
        into.update(f"{one.relative_to(path)};".encode())
        with open(one, "rb") as file:
            while piece := file.read(PIECE):
                into.update(piece)
