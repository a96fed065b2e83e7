"""All names of a ledger at once: read as long texts, and kept between calls.

SQLite hands out ten million rows in 4 s, most of it for ten million tuples, and joins their names into texts in 1 s, in which other
threads of Python work. Python cuts those texts into strings in 0.55 s, half of it for the system's new pages, and places them in an
array in 0.2 s. The texts are kept, the names' own bytes, a fifth of what the strings take.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import pairwise
from sqlite3 import Connection
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore.ledger.beside import Beside
from alcore.sources.threads import at_once

CHUNK = 1 << 13  # names of one text: their strings stay in the processor's cache until they are placed
SPARSE = 4  # names of a text for each wanted. Half of them: 18 ns a name of the text one by one, 12 by `take`; a tenth: 4, 10
BREAK = "\n"
# A range of the table's own order; an index would give the order of the names.
RANGE = "FROM names NOT INDEXED WHERE position >= ? AND position < ?"


class Names:
    """The names at positions, and the positions of names. A position keeps its name for ever, and others may add names."""

    def __init__(self) -> None:
        self._identity: str | None = None
        self._chunks: list[Chunk] = []  # of the first positions, each of CHUNK names but the last

    def at(self, connection: Connection, positions: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """The names at positions, in their order. What is read is cut beside the reading, which lets other threads work."""
        size = self._begin(connection)
        if not (positions[1:] > positions[:-1]).all():
            return np.asarray(self.at(connection, np.arange(size))[positions])
        found = np.empty(len(positions), object)
        bounds = [*pairwise(np.searchsorted(positions, np.arange(0, size + CHUNK, CHUNK)).tolist())]
        kept = [self._kept(number, size) for number in range(len(bounds))]
        chunks = list[Chunk]()
        with Beside(kept.count(None) > 1 and at_once() > 1) as beside:
            for number, (start, stop) in enumerate(bounds):
                chunk = kept[number] or Chunk(connection, number * CHUNK, min((number + 1) * CHUNK, size))
                chunks.append(chunk)
                beside.do(chunk.fill, found[start:stop], positions[start:stop])
        for chunk, (start, stop) in zip(chunks, bounds, strict=True):
            if not chunk.known:
                chunk.read_each(connection)
                chunk.fill(found[start:stop], positions[start:stop])
        self._chunks = chunks
        return found

    def in_order(self, connection: Connection, names: Sequence[str]) -> npt.NDArray[np.int64] | None:
        """The positions of names that stand in the ledger's order, as slices of its pool do.

        None for others, and before the names of all ids were read once. Of a million of ten million it takes half a second, and a
        look into the index for each takes three.
        """
        size = self._begin(connection)
        if not self._chunks or self._read() < size or BREAK in "".join(names):
            return None
        found, wanted = list[int](), iter(names)
        name = next(wanted, None)
        for number, chunk in enumerate(self._chunks):
            line, counted, start = number * CHUNK, 0, 0
            while name is not None and (here := chunk.text.find(f"{BREAK}{name}{BREAK}", start)) >= 0:
                line += chunk.text.count(BREAK, counted, here)
                found.append(line)
                counted, start, name = here, here + 1, next(wanted, None)
        return np.array(found, np.int64) if name is None else None

    def _begin(self, connection: Connection) -> int:
        """How many names there are. Forgets those of another file that was put in this one's place."""
        identity, size = connection.execute("SELECT identity, size FROM about").fetchone()
        if identity != self._identity or not all(
            self._is_there(connection, number) for number in range(len(self._chunks))
        ):
            self._identity, self._chunks = identity, []
        return int(size)

    def _is_there(self, connection: Connection, number: int) -> bool:
        chunk = self._chunks[number]
        found = connection.execute("SELECT name FROM names WHERE position = ?", (chunk.first + chunk.count - 1,))
        return bool(found.fetchone() == (chunk.last,))

    def _read(self) -> int:
        return sum(chunk.count for chunk in self._chunks)

    def _kept(self, number: int, size: int) -> Chunk | None:
        """None where it is not there or others have added names to it."""
        chunk = self._chunks[number] if number < len(self._chunks) else None
        return chunk if chunk is not None and chunk.count == min(CHUNK, size - chunk.first) else None


class Chunk:
    """The names of a range of positions, as one text with a break before and after each; as a list where one has a break."""

    def __init__(self, connection: Connection, first: int, stop: int) -> None:
        self.first, self.count = first, stop - first
        self.known = False  # whether the names are what the text says, cut at its breaks
        statement = f"SELECT '{BREAK}' || group_concat(name, '{BREAK}') || '{BREAK}' {RANGE}"
        self.text: str = connection.execute(statement, (first, stop)).fetchone()[0] or ""  # NULL where no name is there
        self._names = list[str]()  # where there is no text

    @property
    def last(self) -> str:
        return self.text[self.text.rindex(BREAK, 0, -1) + 1 : -1] if self.text else self._names[-1]

    def fill(self, found: npt.NDArray[Any], positions: npt.NDArray[np.int64]) -> None:
        """Write the names at some of its positions, ascending. If a name has a break, `known` stays False."""
        if self.known and not len(positions):
            return
        names = self.text[1:-1].split(BREAK) if self.text else [*self._names]
        self.known = len(names) == self.count
        if self.known:
            self._place(names, positions - self.first, found)

    def _place(self, names: list[str], rows: npt.NDArray[np.int64], found: npt.NDArray[Any]) -> None:
        if len(rows) == self.count:
            found[:] = names
        elif len(rows) * SPARSE < self.count:
            found[:] = [names[row] for row in rows.tolist()]
        else:
            np.fromiter(names, object, self.count).take(rows, out=found, mode="clip")

    def read_each(self, connection: Connection) -> None:
        """Read one name after the other."""
        rows = connection.execute(f"SELECT name {RANGE} ORDER BY position", (self.first, self.first + self.count))
        self.text, self._names = "", [name for (name,) in rows]
        if len(self._names) != self.count:
            raise sqlite3.DatabaseError(f"{self.count} names expected from {self.first} on, {len(self._names)} found")
