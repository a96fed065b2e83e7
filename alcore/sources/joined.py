"""Several sources as one: along the rows, a file after the other, or along the draws, a job beside the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np

from alcore import door
from alcore.door import Array, Axes, Kind
from alcore.sources.chunks import row_blocks, step_of


def join_rows(parts: Sequence[Any], names: Sequence[str], axes: Axes | None, kind: Kind = "probs") -> JoinedRows:
    """Arrays (N, C, ..., T) of the same classes, event axes and draws, in the order of their rows."""
    shapes = [door.as_shape(part.shape, name) for part, name in zip(parts, names, strict=True)]
    first = shapes[0]
    for part, shape, name in zip(parts, shapes, names, strict=True):
        door.check_dtype(part.dtype, name)
        door.check_axes(shape, name, kind)
        if shape[1:] != first[1:]:
            cells = ", ".join(map(str, first[1:]))
            raise ValueError(
                f"{name}: expected shape (n, {cells}), as {names[0]} has, got {shape}. Predict every file with the same classes, "
                "event axes and draws."
            )
    return JoinedRows(tuple(parts), tuple(names), axes)


@dataclass(frozen=True, eq=False)
class JoinedRows:
    """Several sources one after another along the first axis, read in order."""

    parts: tuple[Any, ...]  # each (N, C, ..., T)
    names: tuple[str, ...]
    axes: Axes | None  # how they lie in the files
    is_arranged: ClassVar[bool] = True

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(map(_rows, self.parts)), *self.parts[0].shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.result_type(*(part.dtype for part in self.parts))

    @property
    def starts(self) -> tuple[tuple[int, str], ...]:
        """The first row of each, and its name."""
        ends = accumulate(map(_rows, self.parts))
        counted = zip(ends, map(_rows, self.parts), self.names, strict=True)
        return tuple((end - rows, name) for end, rows, name in counted if rows)

    def read_blocks(self, rows: int) -> Iterator[Array]:
        """Successive blocks of about ``rows`` rows, whole chunks of one part. Each call starts again at the first."""
        for part, name in zip(self.parts, self.names, strict=True):
            if hasattr(part, "read_blocks"):
                blocks = part.read_blocks(rows)
            else:
                blocks = row_blocks(part, step_of(part, rows), name)
            yield from blocks


def join_draws(parts: Sequence[Any]) -> JoinedDraws:
    """Arrays (N, C, ..., T1), (N, C, ..., T2) and so on of the same rows. Read in order where one of them can only be read so."""
    in_order = any(hasattr(part, "read_blocks") for part in parts)
    return (JoinedDrawsInOrder if in_order else JoinedDraws)(tuple(parts))


@dataclass(frozen=True)
class JoinedDraws:
    """Several sources side by side along the last axis."""

    parts: tuple[Any, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.parts[0].shape[:-1], sum(part.shape[-1] for part in self.parts))

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.result_type(*(part.dtype for part in self.parts))

    @property
    def chunks(self) -> Any:
        return getattr(self.parts[0], "chunks", None)

    def __getitem__(self, rows: Any) -> Array:
        parts = [door.as_array(part[rows], f"files[{place}]") for place, part in enumerate(self.parts)]
        return np.concatenate(parts, axis=-1)


@dataclass(frozen=True)
class JoinedDrawsInOrder(JoinedDraws):
    """The same where a source is read from its first row on, as a member of an .npz file or several files along the rows."""

    def read_blocks(self, rows: int) -> Iterator[Array]:
        """Successive blocks of ``rows`` rows. Each call starts again at the first."""
        sources = [_blocks_of(part, rows, f"files[{place}]") for place, part in enumerate(self.parts)]
        for blocks in zip(*sources, strict=True):
            yield np.concatenate(blocks, axis=-1)


def _blocks_of(part: Any, rows: int, name: str) -> Iterator[Array]:
    """Successive blocks of exactly ``rows`` rows, but for the last."""
    if not hasattr(part, "read_blocks"):
        yield from row_blocks(part, rows, name)
        return
    held, count = list[Array](), 0
    for block in part.read_blocks(rows):
        held, count = [*held, block], count + len(block)
        while count >= rows:
            whole = np.concatenate(held) if len(held) > 1 else held[0]
            yield whole[:rows]
            held, count = [whole[rows:]], count - rows
    if count:
        yield np.concatenate(held)


def _rows(part: Any) -> int:
    return int(part.shape[0])
