"""Chunks that stay on the workers of a cluster: how many, and when they go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from alcore.sources.kept_chunks import KeptChunks


@dataclass(frozen=True)
class Chunk:
    """A future, on some workers."""

    key: str
    places: tuple[str, ...]


class Client:
    def who_has(self, chunks: list[Any]) -> dict[str, tuple[str, ...]]:
        return {chunk.key: chunk.places for chunk in chunks}


def offer(kept: KeptChunks, *places: str, size: int = 10) -> None:
    for part, place in enumerate(places):
        kept.offer(part, size, [Chunk(f"{part}", (place,))], workers=2)


def kept_parts(kept: KeptChunks, parts: int) -> list[int]:
    return [part for part in range(parts) if kept.get(part) is not None]


def test_the_first_parts_that_all_workers_have_room_for_stay() -> None:
    kept = KeptChunks(20)
    with kept.during(Client()):
        offer(kept, "a", "b", "a", "b", "a", "b")
    assert kept_parts(kept, 6) == [0, 1, 2, 3]


def test_a_worker_that_read_more_than_another_keeps_no_more_than_its_room() -> None:
    kept = KeptChunks(20)
    with kept.during(Client()):
        offer(kept, "a", "a", "a", "b")
        assert kept_parts(kept, 4) == [0, 1, 2, 3]
    assert kept_parts(kept, 4) == [0, 1, 3]
    with kept.during(Client()):
        offer(kept, "b", "b", "b", "b")
    assert kept_parts(kept, 4) == [0, 1, 2, 3]  # a part that is kept is not taken again


def test_a_pass_that_fails_keeps_nothing() -> None:
    kept = KeptChunks(20)
    offer(kept, "a", "b")
    with pytest.raises(ValueError, match="row 3"), kept.during(Client()):
        raise ValueError("row 3")
    assert kept_parts(kept, 2) == []
