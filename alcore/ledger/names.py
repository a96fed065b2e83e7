"""All names of a ledger at once: read as long texts, and kept between calls.

SQLite hands out ten million rows in 4 s, most of it for ten million tuples, and joins their names into texts in 1 to 2 s. Python
cuts those texts into strings in half a second. The texts are kept, the names' own bytes, a fifth of what the strings take.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import pairwise
from sqlite3 import Connection
from typing import Any

import numpy as np
import numpy.typing as npt

CHUNK = 1 << 16  # names of one text: what one takes stays in the processor's cache
BREAK = "\n"
# A range of the table's own order; an index would give the order of the names.
RANGE = "FROM names NOT INDEXED WHERE position >= ? AND position < ?"


class Names:
    """The names at positions, and the positions of names. A position keeps its name for ever, and others may add names."""

    def __init__(self) -> None:
        self._identity: str | None = None
        self._chunks: list[Chunk] = []  # of the first positions, each of CHUNK names but the last

    def at(self, connection: Connection, positions: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """The names at positions, in their order."""
        size = self._begin(connection)
        if not (positions[1:] > positions[:-1]).all():
            return np.asarray(self.at(connection, np.arange(size))[positions])
        found = np.empty(len(positions), object)
        bounds = np.searchsorted(positions, np.arange(0, size + CHUNK, CHUNK)).tolist()
        for number, (start, stop) in enumerate(pairwise(bounds)):
            chunk = self._chunk(connection, number, size)
            if start < stop:
                names = np.fromiter(chunk.names(), object, chunk.count)
                names.take(positions[start:stop] - number * CHUNK, out=found[start:stop], mode="clip")
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
        found = connection.execute("SELECT name FROM names WHERE position = ?", (number * CHUNK + chunk.count - 1,))
        return bool(found.fetchone() == (chunk.last,))

    def _read(self) -> int:
        return sum(chunk.count for chunk in self._chunks)

    def _chunk(self, connection: Connection, number: int, size: int) -> Chunk:
        """Read it, where it is not there or others have added names to it."""
        first, stop = number * CHUNK, min((number + 1) * CHUNK, size)
        if number == len(self._chunks):
            self._chunks.append(Chunk(connection, first, stop))
        elif self._chunks[number].count < stop - first:
            self._chunks[number] = Chunk(connection, first, stop)
        return self._chunks[number]


class Chunk:
    """The names of a range of positions, as one text with a break before and after each; as a list where one has a break."""

    def __init__(self, connection: Connection, first: int, stop: int) -> None:
        self.count = stop - first
        (text,) = connection.execute(f"SELECT group_concat(name, '{BREAK}') {RANGE}", (first, stop)).fetchone()
        self.text = f"{BREAK}{text}{BREAK}"
        self._names: list[str] | None = None
        if self.text.count(BREAK) == self.count + 1:
            self.last = self.text[self.text.rindex(BREAK, 0, -1) + 1 : -1]
            return
        self.text = ""
        self._names = [name for (name,) in connection.execute(f"SELECT name {RANGE} ORDER BY position", (first, stop))]
        if len(self._names) != self.count:
            raise sqlite3.DatabaseError(f"{self.count} names expected from {first} on, {len(self._names)} found")
        self.last = self._names[-1]

    def names(self) -> list[str]:
        return self.text[1:-1].split(BREAK) if self._names is None else self._names
