"""Passes over an array of Dask on the workers of a cluster.

A worker gets the chunks of some rows, and what to do with them, and returns the result. The caller gets the results in the order of
the rows. A lost task is done again, and gives the same bits.
"""

from __future__ import annotations

import itertools
import os
import uuid
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, is_dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import Any, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Axes, Bools
from alcore.sources.chunks import refuse_chunk
from alcore.sources.cluster import client_for, dask_array, refuse_other_versions, wait_for
from alcore.sources.kept_chunks import KeptChunks
from alcore.sources.threads import on_one_thread

PART_BYTES = 32 << 20  # of predictions a task: a task of Dask takes about 1 ms in addition to its work
LARGEST_PARTS = 4  # larger chunks are cut into blocks on the worker
SLAB_BYTES = 1 << 30  # the most that chunks along other axes may amount to for the same rows
WAITING = 2  # tasks a thread of the cluster that are sent ahead, so that no thread waits for the caller

ROWS_OF_DRAWS = Axes("NT", 0, None, (), (1,))

Told = tuple[Any, ...]
Task = Callable[[int, Array, Told], Any]  # the first row, the rows (n, C, ..., T), what else it is told of them
Result = TypeVar("Result")


def spread(found: Any, name: str, row_bytes: int, cost: int) -> Spread | None:
    """A source that workers can read. None where it is no array of Dask, or no cluster is there."""
    axes, dropped = None, np.empty(0, np.int64)
    ours: Any = found if is_dataclass(found) else None  # arrays of xarray have the names of coordinates as attributes
    if hasattr(ours, "subset"):
        dropped, found = ours.subset.dropped, ours.arranged
        ours = found if is_dataclass(found) else None
    if hasattr(ours, "source") and isinstance(getattr(ours, "axes", None), Axes):
        axes, found = ours.axes, ours.source
    array = dask_array(found)
    client = None if array is None else client_for(array)
    if client is None or not array.shape[axes.rows if axes else 0]:
        return None
    own = axes or Axes.plain(array.ndim)
    rows = max(1, PART_BYTES // max(1, row_bytes) // cost)
    return Spread(client, _whole_rows(array, own, name), own, name, rows, LARGEST_PARTS * rows, dropped)


def _whole_rows(array: Any, axes: Axes, name: str) -> Any:
    """An array whose chunks hold all classes, events and draws of their rows."""
    split = [place for place in range(array.ndim) if place != axes.rows and len(array.chunks[place]) > 1]
    if not split:
        return array
    row_bytes = array.nbytes // max(1, array.shape[axes.rows])
    most = max(array.chunks[axes.rows])
    if most * row_bytes > SLAB_BYTES:
        rows = max(1, PART_BYTES // max(1, row_bytes))
        sizes = ", ".join(f"{place}: {rows if place == axes.rows else -1}" for place in range(array.ndim))
        file = os.path.abspath("rows.zarr")  # workers may stand in another folder
        raise ValueError(
            f"{name}: expected chunks with all numbers of their rows, got chunks of {most} rows, cut along axis {split[0]}. "
            f"A worker would hold {most * row_bytes >> 20} MiB to put {most} rows together. Write them once in the order of rows: "
            f"{name}.rechunk({{{sizes}}}).to_zarr({file!r}). Then pass dask.array.from_zarr({file!r})."
        )
    return array.rechunk(dict.fromkeys(split, -1))


@dataclass(frozen=True)
class _Part:
    """Whole chunks of consecutive rows, which one task gets."""

    chunks: range
    start: int  # the first row, of the array
    stop: int
    first: int  # the same among the rows that are not dropped
    last: int

    def has(self, rows: npt.NDArray[np.int64]) -> bool:
        """Whether it has one of some rows, ascending."""
        return bool(np.searchsorted(rows, self.first) < np.searchsorted(rows, self.last))


@dataclass(frozen=True, eq=False)
class Spread:
    """An array of Dask to be read by the workers of a cluster."""

    client: Any
    array: Any  # as it lies in the caller's array, with whole rows in a chunk
    axes: Axes
    name: str
    rows: int  # in a task, about
    step: int | None  # the most rows in a block. None: all of a task
    dropped: npt.NDArray[np.int64]  # rows that the source does not have
    is_held: bool = False  # numbers of alcore's own, which are not checked
    kept: KeptChunks | None = None  # chunks that stay on the workers for the next pass

    def ending_at(self, ends: npt.NDArray[np.int64]) -> Spread | None:
        """The same with blocks that end at some of these places, the last of which is the end. None where rows are dropped."""
        if len(self.dropped):
            return None
        wanted = np.cumsum(self.array.chunks[self.axes.rows])
        edges = np.unique(ends[np.minimum(np.searchsorted(ends, wanted), len(ends) - 1)])
        sizes = np.diff(np.concatenate([[0], edges[edges > 0]])).tolist()
        return replace(self, array=self.array.rechunk({self.axes.rows: tuple(sizes)}), step=None)

    @cached_property
    def _parts(self) -> list[_Part]:
        sizes, parts = self.array.chunks[self.axes.rows], list[_Part]()
        edges = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        kept = [edge - int(np.searchsorted(self.dropped, edge)) for edge in edges]
        begin = 0
        for end in range(1, len(edges)):
            if end == len(sizes) or edges[end + 1] - edges[begin] > self.rows:
                parts.append(_Part(range(begin, end), edges[begin], edges[end], kept[begin], kept[end]))
                begin = end
        return [part for part in parts if part.last > part.first]

    def map(
        self, task: Task, tell: Callable[[int, int], Told], only: npt.NDArray[np.int64] | None = None
    ) -> Iterator[tuple[int, Any]]:
        """What the task gives for each block, in order, with the row after it.

        ``tell`` is asked for each block when it is sent: what the task is told of rows ``start`` to ``stop``. ``only``: rows,
        ascending, whose blocks are wanted.
        """
        for part, results in self._run(run_block, task, tell, only, self._gathered):
            yield from zip(self._ends_of(part), results, strict=True)

    def keep(self, task: Task) -> Iterator[tuple[_Part, Any]]:
        """The same as one array a task, which stays on the workers: (part, future) when each is done. See `holding`."""
        return self._run(
            run_whole, task, lambda start, stop: (), None, lambda done: ((part, one) for one, part in done)
        )

    def holding(self, kept: list[tuple[_Part, Any]], width: int, dtype: np.dtype[Any]) -> Spread:
        """The array (N, width) that `keep` has left on the workers, one block a task. It stays while the caller has it."""
        graph = {future.key: future for _, future in kept}
        sizes = tuple(part.last - part.first for part, _ in kept)
        array = import_module("dask.array").Array(graph, kept[0][1].key[0], (sizes, (width,)), dtype)
        return replace(
            self, array=array, axes=ROWS_OF_DRAWS, rows=1, step=None, dropped=np.empty(0, np.int64), is_held=True
        )

    def _run(
        self,
        run: Callable[..., Any],
        task: Task,
        tell: Callable[[int, int], Told],
        only: npt.NDArray[np.int64] | None,
        take: Callable[[list[tuple[Any, _Part]]], Iterator[tuple[_Part, Any]]],
    ) -> Iterator[tuple[_Part, Any]]:
        """What is taken of ``run`` on a worker, in order. A few tasks a thread of the cluster are sent ahead."""
        refuse_other_versions(self.client)
        threads, work = self.client.nthreads(), _sent(self.client, task)
        wanted = [(number, part) for number, part in enumerate(self._parts) if only is None or part.has(only)]
        graph = None if all(self._kept(number) for number, _ in wanted) else self._graph()
        shared = [] if graph is None else graph.send_shared(self.client)
        name, left, waiting = f"alcore-block-{uuid.uuid4().hex}", iter(wanted), deque[tuple[Any, _Part]]()
        most, given_up = WAITING * (sum(threads.values()) + 1), [work]
        keeping = nullcontext() if self.kept is None else self.kept.during(self.client)
        try:
            with keeping:
                while True:
                    while len(waiting) < most and (following := next(left, None)) is not None:
                        number, part = following
                        # It may refuse. So nothing is sent before, which its traceback would hold.
                        job = self._job_of(part, tell)
                        chunks = self._chunks_of(number, part, graph, len(threads))
                        future = self.client.submit(run, work, chunks, job, key=(name, number, 0), pure=False)
                        waiting.append((future, part))
                        del chunks  # a worker holds them until they are scored
                    if not waiting:
                        break
                    yield from take(self._finished(waiting, graph))
            given_up = []
        finally:
            self.client.cancel([*given_up, *(future for future, _ in waiting)])
            for one in [work, *shared]:  # the caller may hold it too, and what is lost on a worker is made of it again
                one.release()

    def _graph(self) -> _Graph:
        return _Graph(self.array, self.axes.rows, [part.chunks for part in self._parts])

    def _kept(self, number: int) -> list[Any] | None:
        return None if self.kept is None else self.kept.get(number)

    def _chunks_of(self, number: int, part: _Part, graph: _Graph | None, workers: int) -> list[Any]:
        """The chunks of a part, as futures: those that are kept, or else they are read, and kept where there is room."""
        if (found := self._kept(number)) is not None:
            return list(found)
        assert graph is not None  # of a pass with a part that is not kept
        chunks = graph.send(self.client, number)
        if self.kept is not None:
            row_bytes = self.array.nbytes // self.array.shape[self.axes.rows]
            self.kept.offer(number, row_bytes * (part.stop - part.start), chunks, workers)
        return chunks

    def _finished(self, waiting: deque[tuple[Any, _Part]], graph: _Graph | None) -> list[tuple[Any, _Part]]:
        """The first task, and those after it that are done too."""
        wait_for(waiting[0][0])
        done = list[tuple[Any, _Part]]()
        while waiting and waiting[0][0].status == "finished":
            done.append(waiting.popleft())
        if not done:
            self._refuse(*waiting[0], graph or self._graph())
        return done

    def _gathered(self, done: list[tuple[Any, _Part]]) -> Iterator[tuple[_Part, list[Any]]]:
        yield from zip([part for _, part in done], self.client.gather([one for one, _ in done]), strict=True)

    def _refuse(self, future: Any, part: _Part, graph: _Graph) -> NoReturn:
        error = future.exception() if future.status == "error" else None
        if error is None or type(error).__module__.startswith("distributed") or getattr(error, "in_block", False):
            future.result()
        assert error is not None  # else result() has raised
        number, chunk = graph.failing(self.client, self._parts.index(part))
        edges = np.cumsum([0, *self.array.chunks[self.axes.rows]]).tolist()
        start, stop = (part.start, part.stop) if number is None else edges[number : number + 2]
        refuse_chunk(self.name, start, stop, chunk, self.array, error)

    def _job_of(self, part: _Part, tell: Callable[[int, int], Told]) -> _Job:
        blocks = self._blocks_of(part, tell)
        return _Job(self.name, self.axes, part.stop - part.start, self._dropped_of(part), blocks, self.is_held)

    def _blocks_of(self, part: _Part, tell: Callable[[int, int], Told]) -> list[tuple[int, int, Told]]:
        starts = [part.first, *self._ends_of(part)]
        return [(start, stop, tell(start, stop)) for start, stop in itertools.pairwise(starts)]

    def _ends_of(self, part: _Part) -> list[int]:
        """Where the blocks of a task end: it is one block, unless its chunk is far larger than a block."""
        step, rows = self.step, part.last - part.first
        if step is None or rows <= step:
            return [part.last]
        return [min(stop, part.last) for stop in range(part.first + self.rows, part.last + self.rows, self.rows)]

    def _dropped_of(self, part: _Part) -> npt.NDArray[np.int64]:
        first, last = np.searchsorted(self.dropped, [part.start, part.stop])
        return self.dropped[first:last] - part.start


def map_on_workers(
    spread: Spread,
    work: Callable[..., Result],
    plan: Any,
    padding: Bools | None,
    variances: Any,
    tell: Callable[[int, int], Any] | None,
    only: npt.NDArray[np.int64] | None = None,
) -> Iterator[tuple[int, Result]]:
    """What ``work`` gives for each block of a source, in order, with the row after it.

    ``plan`` is a block without its rows. Masks and variances are sent with their rows. ``only``: rows, ascending. Tasks without one
    of them are left out.
    """
    is_told, sent = tell is not None, 0

    def send(start: int, stop: int) -> Told:
        nonlocal sent
        if variances is not None:
            variances.skip(start - sent)
        sent = stop
        rows_mask = None if padding is None else padding[start:stop]
        noise = None if variances is None else variances.take(stop - start)
        if noise is not None and not noise.strides[0]:
            noise = noise[:1]  # all rows have the same
        return rows_mask, noise, None if tell is None else tell(start, stop)

    def work_on(start: int, array: Array, told: Told) -> Result:
        rows_mask, noise, known = told
        if noise is not None:
            noise = np.broadcast_to(noise, (len(array), *noise.shape[1:]))
        block = replace(plan, start=start, array=array, mask=rows_mask, variance=noise)
        return work(block, known) if is_told else work(block)

    yield from spread.map(work_on, send, only)
    if variances is not None and only is None:
        variances.check_end()


class _Graph:
    """The tasks of an array, cut into those that each part needs: `Client.compute` would look at all of them for each part."""

    def __init__(self, array: Any, axis: int, parts: list[range]) -> None:
        get_dependencies = import_module("dask.core").get_dependencies
        (self._array,) = import_module("dask").optimize(array)
        self._tasks = dict(self._array.__dask_graph__())
        self._needs: dict[Hashable, set[Hashable]] = {key: get_dependencies(self._tasks, key) for key in self._tasks}
        place = [0] * array.ndim
        own = [(self._array.name, *place[:axis], number, *place[axis + 1 :]) for number in range(array.numblocks[axis])]
        self._numbers: dict[Hashable, int] = {key: number for number, key in enumerate(own)}
        self._chunks: list[list[Hashable]] = [[own[number] for number in part] for part in parts]

    def _under(self, keys: Iterable[Hashable]) -> dict[Hashable, Any]:
        found, left = dict[Hashable, Any](), list(keys)
        while left:
            key = left.pop()
            if key not in found and key in self._tasks:
                found[key] = self._tasks[key]
                left.extend(self._needs[key])
        return found

    def send(self, client: Any, number: int) -> list[Any]:
        """The chunks of a part, as futures."""
        chunks = self._chunks[number]
        return list(client.get(self._under(chunks), chunks, sync=False))

    def send_shared(self, client: Any) -> list[Any]:
        """What at least half of the parts need, such as a model, is sent and computed once, and kept for the pass: its futures."""
        counts = Counter(key for chunks in self._chunks for key in self._under(chunks))
        least = max(2, len(self._chunks) // 2)
        shared = [key for key, count in counts.items() if count >= least]
        kept = list(client.get(self._under(shared), shared, sync=False)) if shared else []
        for key, future in zip(shared, kept, strict=True):
            self._tasks[key], self._needs[key] = future, set()
        return kept

    def failing(self, client: Any, number: int) -> tuple[int | None, str]:
        """Which chunk of a part cannot be computed: its number along the rows, and the place that the first task to fail has."""
        keys, failed = self._chunks[number], list[Hashable]()
        while keys:
            futures = client.get(self._under(keys), keys, sync=False)
            wait_for(futures)
            found = next((key for key, one in zip(keys, futures, strict=True) if one.status == "error"), None)
            if found is None:
                break
            failed.append(found)
            keys = list(self._needs[found])
        if not failed:
            return None, f"{number}"
        last = failed[-1]
        return self._numbers[failed[0]], str(last[1:] if isinstance(last, tuple) else last)


# --- on a worker ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Job:
    """What a worker is told of the chunks that it gets."""

    name: str
    axes: Axes
    rows: int
    dropped: npt.NDArray[np.int64]
    blocks: list[tuple[int, int, Told]]
    is_held: bool


def _sent(client: Any, task: Task) -> Any:
    """A task as a future that workers share: it is sent once, and made again where the worker that holds it is lost."""
    packed = import_module("distributed.protocol.pickle").dumps(task)
    return client.submit(receive, packed, key=f"alcore-work-{uuid.uuid4().hex}", pure=False)


def receive(packed: bytes) -> Task:
    """A task as it was sent."""
    task: Task = import_module("distributed.protocol.pickle").loads(packed)
    return task


def run_block(task: Task, chunks: list[Any], job: _Job) -> list[Any]:
    """What the task gives for each block of the chunks. Its errors are marked: others are those of the chunks."""
    try:
        parts = chunks if job.is_held else [door.as_array(chunk, job.name) for chunk in chunks]
        array = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=job.axes.rows)
        array = job.axes.arrange(array)
        if len(array) != job.rows:
            raise ValueError(f"{job.name}: expected chunks of {job.rows} rows, as the shape says, got {len(array)}.")
        if len(job.dropped):
            array = np.delete(array, job.dropped, axis=0)
        first = job.blocks[0][0]
        with on_one_thread():
            return [task(start, array[start - first : stop - first], told) for start, stop, told in job.blocks]
    except Exception as error:
        error.in_block = True  # type: ignore[attr-defined]
        raise


def run_whole(task: Task, chunks: list[Any], job: _Job) -> Array:
    """The same as one array."""
    results = run_block(task, chunks, job)
    return results[0] if len(results) == 1 else np.concatenate(results)
