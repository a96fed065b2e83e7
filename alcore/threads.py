"""The one pool of threads: work on items in order, the caller being one of the threads."""

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
from typing import TypeVar

from alcore import door

Item = TypeVar("Item")
Result = TypeVar("Result")

_THREAD_NAME = "alcore-worker"
SECONDS_APART = 0.1
_lock = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}
_threads: int | None = None
_thread = threading.local()


def set_threads(threads: int | None) -> None:
    """Set how many threads score blocks; None is the default, the processors this process may use.

    Scores are the same bits for any number. The environment variable ``ALCORE_THREADS`` sets the default.

    >>> import alcore
    >>> alcore.set_threads(1)
    >>> alcore.get_threads()
    1
    >>> alcore.set_threads(None)
    """
    global _threads
    if threads is not None and door.as_count(threads, "threads") == 0:
        raise ValueError("threads: expected at least 1, got 0.")
    _threads = threads


def get_threads() -> int:
    """How many threads score blocks.

    >>> import alcore
    >>> alcore.get_threads() >= 1
    True
    """
    if _threads is not None:
        return _threads
    said = os.environ.get("ALCORE_THREADS", "")
    if said.isdigit() and int(said) > 0:
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_order(work: Callable[[Item], Result], items: Iterator[Item]) -> Iterator[Result]:
    """``work`` on each item, results in the items' order; a few items are held at a time.

    Items are pulled in the caller's thread. The error raised is that of the first item that fails, whatever the timing.
    """
    threads = get_threads()
    if threads == 1 or threading.current_thread().name.startswith(_THREAD_NAME):
        yield from map(work, items)  # a worker that waited for other workers could wait for itself
        return
    pool = _pool(threads - 1)
    here, elsewhere = _apart(work)
    pending: deque[tuple[Future[Result], Item]] = deque()
    failure: Exception | None = None
    exhausted = False
    try:
        while pending or not exhausted:
            while not exhausted and len(pending) < threads + 2:
                try:
                    item = next(items)
                    pending.append((pool.submit(elsewhere, item), item))
                except StopIteration:
                    exhausted = True
                except Exception as error:  # raised below, after the items before it have had their say
                    exhausted, failure = True, error
            _work_on_first_idle(here, pending)
            while pending and pending[0][0].done():
                yield pending.popleft()[0].result()
        if failure is not None:
            raise failure
    finally:
        wait([future for future, _ in pending if not future.cancel()])


def _work_on_first_idle(work: Callable[[Item], Result], pending: deque[tuple[Future[Result], Item]]) -> None:
    """Do the first item that no thread has started; without one, wait for the oldest."""
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


def _apart(work: Callable[[Item], Result]) -> tuple[Callable[[Item], Result], Callable[[Item], Result]]:
    """``work`` for the caller and ``work`` for workers, on different processors at the start of a pass.

    After a pause Linux (6.18) wakes a worker on the processor of its waker and lets the two share it for tens of milliseconds,
    the other processor idle: 14 to 29 ms at (50 000, 10, 100) where 14 would do. So for the first items the caller is held
    where it is and workers elsewhere; later the scheduler is left to itself.
    """
    processor = _processor()
    if processor is None or not hasattr(os, "sched_setaffinity"):
        return work, work
    callers, until = processor(), time.monotonic() + SECONDS_APART

    def here(item: Item) -> Result:
        with _held_to({callers}, until):
            return work(item)

    def elsewhere(item: Item) -> Result:
        with _held_to(os.sched_getaffinity(0) - {callers}, until):
            return work(item)

    return here, elsewhere


@contextmanager
def _held_to(processors: set[int], until: float) -> Iterator[None]:
    """Keep this thread to some of its processors, if there are any, while it does one item."""
    allowed = os.sched_getaffinity(0)
    if not processors & allowed or time.monotonic() > until:
        yield
        return
    _thread.allowed = allowed
    with suppress(OSError):  # a sandbox may forbid what is only a hint about speed
        os.sched_setaffinity(0, processors & allowed)
    try:
        yield
    finally:
        let_go()


def let_go() -> None:
    """Let this thread run anywhere again: before a user's function, since what that starts would inherit the restriction."""
    allowed: set[int] | None = getattr(_thread, "allowed", None)
    _thread.allowed = None
    if allowed is not None:
        with suppress(OSError):
            os.sched_setaffinity(0, allowed)


@cache
def _processor() -> Callable[[], int] | None:
    """The C library's function that tells which processor a thread is on, where it has one."""
    return getattr(ctypes.CDLL(None), "sched_getcpu", None) if os.name == "posix" else None


def _pool(threads: int) -> ThreadPoolExecutor:
    with _lock:
        if threads not in _pools:
            _pools[threads] = ThreadPoolExecutor(threads, thread_name_prefix=_THREAD_NAME)
        return _pools[threads]


def _forget_pools() -> None:
    """A forked child has none of its parent's threads."""
    global _lock
    _lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)
