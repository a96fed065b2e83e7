"""The one pool of threads: work on items in order. The caller is one of the threads."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import cache
from itertools import pairwise
from typing import Any, TypeAlias, TypeVar

from alcore import door

Item = TypeVar("Item")
Result = TypeVar("Result")
Workers: TypeAlias = dict[int, set[int]]  # a thread's number in the system -> the processors it may use

_THREAD_NAME = "alcore-worker"
SECONDS_APART = 0.1
A_PROCESSOR = 1  # threads that work at once: the work waits for nothing but processors
_lock = threading.Lock()
_pools: dict[int, tuple[ThreadPoolExecutor, Workers]] = {}
_threads: int | None = None
_blas_lock = threading.Lock()
_inside = 0  # how many callers want one BLAS thread
_limits: Any = None
_thread = threading.local()


def set_threads(threads: int | None) -> None:
    """Set how many threads score blocks, at most as many at once as this process may use processors.

    The number does not change any score: the bits are the same.

    Args:
        threads: at least 1. None for the default: the environment variable ``ALCORE_THREADS``, or else the number of processors
            that this process may use.

    Raises:
        TypeError: `threads` is not a whole number.
        ValueError: `threads` is under 1.

    >>> import alcore
    >>> alcore.set_threads(1)
    >>> alcore.get_threads()
    1
    >>> alcore.set_threads(None)
    """
    global _threads
    if threads is not None:
        door.as_size(threads, "threads")
    _threads = threads


def get_threads() -> int:
    """How many threads may score blocks, at least 1. `set_threads` sets the number.

    >>> import alcore
    >>> alcore.get_threads() >= 1
    True
    """
    if _threads is not None:
        return _threads
    setting = os.environ.get("ALCORE_THREADS", "")
    if setting.isdigit() and int(setting) > 0:
        return int(setting)
    return _processors()


def at_once() -> int:
    """How many threads work at once: of more than there are processors, some only wait, and all of them switch.

    16 threads on two processors took 1.5 to 2.1 times the processor time of one, and two threads 1.1 to 1.5 (BALD, EPIG, BatchBALD
    of a few milliseconds, beside other work).
    """
    return min(get_threads(), A_PROCESSOR * _processors())


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_order(work: Callable[[Item], Result], items: Iterator[Item]) -> Iterator[Result]:
    """``work`` on each item, with results in the items' order. A few items are held at a time.

    Items are taken in the caller's thread. The error raised is that of the first item that fails, whatever the timing.
    """
    threads = at_once()
    if threads == 1 or _is_one_of_many():
        yield from map(work, items)  # a worker that waited for other workers could wait for itself
        return
    pool, workers = _pool(threads - 1)
    call_here, unpin_workers = _keep_apart(work, workers)
    pending: deque[tuple[Future[Result], Item]] = deque()
    failure: Exception | None = None
    exhausted = False
    try:
        while pending or not exhausted:
            while not exhausted and len(pending) < threads + 2:
                try:
                    item = next(items)
                    pending.append((pool.submit(work, item), item))
                except StopIteration:
                    exhausted = True
                except Exception as error:  # raised below, after the results of the items before it
                    exhausted, failure = True, error
            _work_on_first_idle(call_here, pending)
            while pending and pending[0][0].done():
                yield pending.popleft()[0].result()
        if failure is not None:
            raise failure
    finally:
        unpin_workers()
        wait([future for future, _ in pending if not future.cancel()])


def in_parts(count: int, work: Callable[[int, int], None], least: int = 1) -> None:
    """``work(start, stop)`` on consecutive ranges of 0 … count, one for each thread, each at least ``least`` long.

    For work of a millisecond: it takes 100 µs with two threads, `map_in_order` 130 for two items and 390 for eight.
    """
    threads = at_once()
    parts = min(threads, count // max(1, least))
    if parts < 2 or _is_one_of_many():
        if count:
            work(0, count)
        return
    pool, _ = _pool(threads - 1)
    bounds = [count * part // parts for part in range(parts + 1)]
    others = [pool.submit(work, start, stop) for start, stop in pairwise(bounds[1:])]
    try:
        work(bounds[0], bounds[1])
    finally:
        wait(others)
    for other in others:
        other.result()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Within it, BLAS uses one thread. Several threads may be within it at once, and the last one to leave ends it.

    The threads of two BLAS (that of NumPy and that of SciPy) wait for each other in loops that use the processors: where two
    cores had other work too, a Cholesky factor of 300 × 300 took 36 to 160 ms with two threads, and 0.5 ms with one. One thread
    gives the same bits on any number of processors.
    """
    from threadpoolctl import threadpool_limits

    global _inside, _limits
    with _blas_lock:
        if not _inside:
            _limits = threadpool_limits(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _blas_lock:
            _inside -= 1
            if not _inside:
                _limits.restore_original_limits()


def _is_one_of_many() -> bool:
    """Whether others work beside this thread: those of the pool here, or those of a cluster."""
    return threading.current_thread().name.startswith(_THREAD_NAME) or getattr(_thread, "is_alone", False)


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Let this thread do all of its work itself. The workers of a cluster have threads of their own."""
    before, _thread.is_alone = getattr(_thread, "is_alone", False), True
    try:
        yield
    finally:
        _thread.is_alone = before


def _work_on_first_idle(work: Callable[[Item], Result], pending: deque[tuple[Future[Result], Item]]) -> None:
    """Do the first item that no thread has started. If there is none, wait for the oldest."""
    for i, (future, item) in enumerate(pending):
        if future.cancel():
            own: Future[Result] = Future()
            pending[i] = own, item
            try:
                own.set_result(work(item))
            except Exception as error:  # an interrupt goes to the caller at once
                own.set_exception(error)
            return
    if pending:
        wait([pending[0][0]])


def _keep_apart(
    work: Callable[[Item], Result], workers: Workers
) -> tuple[Callable[[Item], Result], Callable[[], None]]:
    """``work`` for the caller, with the workers on other processors, and a function that lets the workers run anywhere again.

    After a pause Linux (6.18) wakes a worker on the processor of its waker and lets the two share it for tens of milliseconds,
    while the other processor is idle: 14 to 29 ms at (50 000, 10, 100) instead of 13. So the workers get other processors than the
    caller, and the caller stays on its own. After a tenth of a second the scheduler decides alone again.
    """
    processor = _processor()
    if processor is None or not hasattr(os, "sched_setaffinity"):
        return work, lambda: None
    callers, until = processor(), time.monotonic() + SECONDS_APART
    held = {worker: own for worker, own in list(workers.items()) if own - {callers}}
    for worker, own in held.items():
        _name_processors(worker, own - {callers})

    def unpin_workers() -> None:
        while held:
            _name_processors(*held.popitem())

    def call_here(item: Item) -> Result:
        if time.monotonic() > until:
            unpin_workers()
            return work(item)
        _thread.allowed = os.sched_getaffinity(0)
        _name_processors(0, {callers} & _thread.allowed or _thread.allowed)
        try:
            return work(item)
        finally:
            unpin_thread()
            _thread.allowed = None  # the caller may change its processors later

    return call_here, unpin_workers


def _name_processors(thread: int, processors: set[int]) -> None:
    with suppress(OSError):  # a sandbox may forbid what is only a hint about speed
        os.sched_setaffinity(thread, processors)


def unpin_thread() -> None:
    """Let this thread run anywhere again, before it calls a user's function: what that starts would inherit the restriction."""
    allowed: set[int] | None = getattr(_thread, "allowed", None)
    if allowed is not None:
        _name_processors(0, allowed)


@cache
def _processor() -> Callable[[], int] | None:
    """The C library's function that tells which processor a thread is on, where it has one."""
    return getattr(ctypes.CDLL(None), "sched_getcpu", None) if os.name == "posix" else None


def _pool(threads: int) -> tuple[ThreadPoolExecutor, Workers]:
    """The pool of that size and its threads with the processors each was born with."""
    with _lock:
        if threads not in _pools:
            workers: Workers = {}

            def register() -> None:
                if hasattr(os, "sched_getaffinity"):
                    _thread.allowed = workers[threading.get_native_id()] = os.sched_getaffinity(0)

            _pools[threads] = (
                ThreadPoolExecutor(threads, thread_name_prefix=_THREAD_NAME, initializer=register),
                workers,
            )
        return _pools[threads]


def _forget_pools() -> None:
    """A forked child has none of its parent's threads."""
    global _lock, _blas_lock, _inside
    _lock, _blas_lock, _inside = threading.Lock(), threading.Lock(), 0
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)
