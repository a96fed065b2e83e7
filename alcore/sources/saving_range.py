"""One range of rows of a shared store: written chunk by chunk, then its record."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from alcore import door
from alcore.door import Array
from alcore.sources.files import name_of, sync_file, to_disk
from alcore.sources.ranges import Range, check_settings, gaps, marked, put_file, record_name, whole_ranges
from alcore.sources.shared import SharedStore


class SavingRange:
    """One range of rows of a store, written chunk by chunk, and its record when all are on disk.

    Args:
        store: the store.
        rows: start and stop, as `as_range` checked them.
        settings: what is known of the draws before the first block.
    """

    def __init__(self, store: SharedStore, rows: Range, settings: dict[str, Any]) -> None:
        self.store, self.rows = store, rows
        self._settings = {**settings, **({} if store.classes is None else {"classes": store.classes})}
        self._node: Any = None
        self._place, self._filled = rows[0], 0  # rows before that are written, and rows of the chunk that are not yet
        self._kept: dict[str, list[Array]] = {}

    @property
    def is_whole(self) -> bool:
        """Whether all rows of the range are there. A range of which some rows are there is refused."""
        if (node := self.store.node()) is None:
            return False
        shown = name_of(self.store.path)
        check_settings(shown, marked(node), self._settings)
        left = gaps(whole_ranges(node), self.rows)
        if left and left != [self.rows]:
            raise ValueError(
                f"rows: expected a range of which nothing is written, but {shown} has a part of ({self.rows[0]}, {self.rows[1]}) "
                f"already. Predict what is missing: rows={left[0]}."
            )
        return not left

    def append(self, block_nct: Array, beside: Mapping[str, Array], more: dict[str, Any]) -> None:
        """Take one more block, and arrays (n, ...) to keep beside its rows. ``more``: settings that the first block showed."""
        if self._node is None:
            shape = [int(size) for size in block_nct.shape[1:]]
            self._settings |= {**more, "shape": shape, "dtype": block_nct.dtype.name}
            self._check_classes(shape)
            self._node = self.store.made(tuple(shape), block_nct.dtype, self._settings)
            self._chunk = np.empty((self.store.chunk, *shape), block_nct.dtype)
        if self._place + self._filled + len(block_nct) > self.rows[1]:
            self._refuse_rows(f"{self._place + self._filled + len(block_nct) - self.rows[0]} and more")
        for name, part in beside.items():
            self._kept.setdefault(name, []).append(part)
        done = 0
        while done < len(block_nct):
            some = block_nct[done : done + len(self._chunk) - self._filled]
            self._chunk[self._filled : self._filled + len(some)] = some
            self._filled, done = self._filled + len(some), done + len(some)
            if self._filled == len(self._chunk):
                self._flush()

    def finish(self) -> None:
        """Write the record. All rows are on disk before it is there."""
        if (found := self._place + self._filled - self.rows[0]) != self.rows[1] - self.rows[0]:
            self._refuse_rows(str(found))
        self._flush()
        mark, path = marked(self._node) or {}, self.store.path
        fingerprint = mark["fingerprint"]
        if not door.is_url(path):
            for chunk in range(self.rows[0] // self.store.chunk, -(-self.rows[1] // self.store.chunk)):
                if (folder := Path(path) / "c" / str(chunk)).exists():  # zarr writes no chunk of NaN
                    to_disk(folder)
            sync_file(Path(path) / "c")
        for name, parts in self._kept.items():
            file = io.BytesIO()
            np.save(file, np.concatenate(parts), allow_pickle=False)
            put_file(path, record_name(self.rows, fingerprint, name), file.getvalue())
        record = {"rows": self.rows, **mark}
        put_file(path, record_name(self.rows, fingerprint), json.dumps(record).encode())

    def _flush(self) -> None:
        if self._filled:
            self._node[self._place : self._place + self._filled] = self._chunk[: self._filled]
            self._place, self._filled = self._place + self._filled, 0

    def _refuse_rows(self, got: str) -> NoReturn:
        start, stop = self.rows
        raise ValueError(
            f"data: expected {stop - start} rows, as rows=({start}, {stop}) says, got {got}. {own_rows(start, stop)}"
        )

    def _check_classes(self, shape: Sequence[int]) -> None:
        names = self.store.classes
        if names is not None and len(names) != shape[0]:
            raise ValueError(
                f"classes: expected {shape[0]} names, as the predictions have classes, got {len(names)}. Name each class once."
            )


def own_rows(start: int, stop: int) -> str:
    """The remedy for data that are not the rows of the range."""
    return f"Pass the rows of this range alone: data[{start}:{stop}]."


def as_range(rows: Any, store: SharedStore) -> Range:
    """A range of a store that begins and ends at its chunks.

    Raises:
        TypeError: for what is no pair of whole numbers.
        ValueError: for a range outside of the store, an empty one, and one that cuts a chunk.
    """
    if not isinstance(rows, tuple | list) or len(rows) != 2:
        raise TypeError(f"rows: expected (start, stop), got {door.shown(rows)}. Take one of store.ranges(4).")
    start, stop = door.as_count(rows[0], "rows[0]"), door.as_count(rows[1], "rows[1]")
    whole = start % store.chunk == 0 and (stop % store.chunk == 0 or stop == store.rows)
    if not whole or not start < stop <= store.rows:
        raise ValueError(
            f"rows: expected start < stop <= {store.rows}, each a multiple of the {store.chunk} rows of a chunk or the end, got "
            f"({start}, {stop}). Two processes that write one chunk would lose rows. Take one of store.ranges(4)."
        )
    return start, stop
