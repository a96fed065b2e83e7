"""Chunks of an array of Dask that stay on the workers from pass to pass, so that a second pass does not read them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class KeptChunks:
    """The chunks of the first parts of an array, about ``room`` bytes of them on each worker. They stay while the caller has this.

    The workers that lose theirs read them again.
    """

    room: int
    _futures: dict[int, list[Any]] = field(default_factory=dict)
    _sizes: dict[int, int] = field(default_factory=dict)

    def get(self, part: int) -> list[Any] | None:
        """The chunks of a part, as futures. None where they were not kept."""
        return self._futures.get(part)

    def offer(self, part: int, size: int, chunks: list[Any], workers: int) -> None:
        """Keep the chunks of a part, of so many bytes, if all workers together have room for them."""
        if part not in self._futures and sum(self._sizes.values()) + size <= self.room * workers:
            self._futures[part], self._sizes[part] = chunks, size

    @contextmanager
    def during(self, client: Any) -> Iterator[None]:
        """A pass. After it no worker keeps more than its room, and after an error none keeps anything."""
        try:
            yield
        except BaseException:
            self._futures.clear()
            self._sizes.clear()
            raise
        self._trim(client)

    def _trim(self, client: Any) -> None:
        """A fast worker reads more chunks than another one."""
        places = client.who_has([one for chunks in self._futures.values() for one in chunks]) if self._futures else {}
        held: Counter[str] = Counter()
        for part, chunks in list(self._futures.items()):
            size = self._sizes[part] // len(chunks)
            own = Counter(str(place) for one in chunks for place in places.get(one.key, ()))
            if any(held[place] + size * count > self.room for place, count in own.items()):
                del self._futures[part], self._sizes[part]
            else:
                held.update({place: size * count for place, count in own.items()})
